# SPDX-License-Identifier: Apache-2.0
"""The steps of the four acts of an attack: set up the site, serve the lie, serve the truth again."""

import hashlib
import json
import shutil
from collections.abc import Callable

from anchor.verdict import Class
from anchor.verify import release as verify
from tests.support.attacks.acts import OK, UNAVAILABLE, Act, Play
from tests.support.attacks.attacked import Attacked, dump, retire
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import anchor

DAY = 86400
Stored = tuple[int, int, int]
Acts = tuple[Act, Act, Act, Act]


def doubt(stored: Stored = (1, 0, 1), after: Stored | None = None) -> Acts:
    """UNAVAILABLE: told by the second run; then it is over."""
    last = Act(OK, ("recovered",), after or stored)
    told = Act(UNAVAILABLE, ("UNAVAILABLE",), stored)
    return Act(UNAVAILABLE, (), stored, damped=True), told, Act(UNAVAILABLE, (), stored), last


def at_once(found: Class, stored: Stored = (1, 0, 1), last: Act | None = None) -> Acts:
    """Told by the first run and not again; it stays, unless `last` says otherwise."""
    more = Act(found, (), stored)
    return Act(found, (found.value,), stored), more, more, last or more


def always(found: Class, stored: Stored = (1, 0, 1), last: Act | None = None) -> Acts:
    """The same in every act, and nobody is told."""
    act = Act(found, (), stored)
    return act, act, act, last or act


def recovered(stored: Stored = (1, 0, 1)) -> Act:
    return Act(OK, ("recovered",), stored)


def grown(play: Play) -> None:
    """The log has grown, and the watcher has seen it."""
    play.serve(play.log.grow(300))
    assert play.watch().code == 0


def forked(play: Play) -> None:
    """The fork has been seen and told."""
    play.serve(play.log.fork(1, size=400))
    assert play.watch().code == 6
    assert play.told() == ["EQUIVOCATION"]


def truth(play: Play) -> None:
    """The honest log."""
    play.log.shown = None
    play.log.gone.clear()
    play.log.tampered.clear()
    play.serve(play.log)


def headless(play: Play, size: int) -> None:
    """The log signs one head and shows no tree."""
    lie = play.log.rewind(0)
    lie.shown = play.log.sign(size, root=b"r" * 32)
    play.serve(lie)


def swapped(play: Play) -> None:
    play.serve(play.log.clone().swap(2, b'{"another":"entry"}'))


def signed_again(play: Play) -> None:
    made = play.log.rewind(2).append(b'{"another":"entry"}')
    play.serve(made)


def another_key(play: Play) -> None:
    play.serve(SimLog(play.log.stored, origin=play.log.origin, seed=7).grow(5))


def tampered(play: Play) -> None:
    if play.act < 2:
        play.replace(b"| A | 1 |", b"| A | 9 |")


def tampered_and_shorter(play: Play) -> None:
    """Without the end of the last row, which no reader takes."""
    path = play.site.path("ledger.md")
    if play.act == 1:
        play.kept["whole"] = path.read_bytes()
        play.replace(b"| A | 1 |", b"| A | 9 |")
        path.write_bytes(path.read_bytes()[:-3])


def mended(play: Play) -> None:
    play.replace(b"| A | 9 |", b"| A | 1 |")


def behind_cdn(play: Play) -> None:
    """Seen good once there."""
    play.behind_cdn()
    assert play.watch().code == 0


def body(play: Play, path: str, old: bytes, new: bytes) -> None:
    data = (play.site.root / path).read_bytes()
    assert old in data
    play.cdn.bodies[path] = data.replace(old, new)


def renamed(play: Play) -> None:
    if play.act == 1:
        play.site.rename("bundle", "bundle.json")
        play.site.rename("ledger.md", "facts.md")


def cleared(play: Play) -> None:
    play.cdn.bodies.clear()
    play.cdn.then.clear()
    play.cdn.status = 200


def changed_log(play: Play, make: Callable[[SimLog], SimLog]) -> None:
    play.serve(make(play.log.clone()))


def large_log(play: Play) -> None:
    """So large that the tiles at hand do not show every lie."""
    play.serve(play.log.grow(3000))
    assert play.watch().code == 0


def spoilt_tile(play: Play) -> None:
    if play.act == 1:
        play.log.grow(300)
    changed_log(play, lambda log: log.corrupt("tile/0/000", 777))


def thawed(play: Play) -> None:
    play.serve(play.log.grow(30))


def two_faces(play: Play) -> None:
    """The second view shows another history than the first."""
    if play.act == 1:
        play.kept["other"] = play.log.fork(3, size=400)
        play.view(play.kept["other"])


def one_face(play: Play) -> None:
    dump(play.log, play.views[0])


def apart_faces(play: Play) -> None:
    """Another watcher, with a home of its own, is shown another history that begins alike."""
    folder = play.folder / "second"
    if play.act == 1:
        folder.mkdir()
        play.kept["second"] = second = Attacked(folder, play.site, play.hook, more=[])
        second.log = play.log
        second.serve(play.log.clone().grow(20, "two"))
        play.serve(play.log.clone().grow(10, "one"))
    assert play.kept["second"].found() is OK


def written_over(play: Play) -> None:
    play.serve(play.log.rewind(3).grow(400, "other"))


def newer_view(play: Play) -> None:
    if play.act == 1:
        play.view(play.log.clone().grow(30))


def ended(play: Play) -> None:
    """The log has ended, and its last head was seen."""
    retire(play)
    assert play.watch().code == 0


def old_release(play: Play) -> None:
    if play.act == 1:
        play.site.roll_back("1")


def newest_release(play: Play) -> None:
    play.site.roll_back("3")


def own_release(play: Play) -> None:
    play.target = str(play.site.root / "release" / "1" / "release.json")


def usual_release(play: Play) -> None:
    play.target = str(play.site.release)


def half_a_file(play: Play) -> None:
    path = play.site.path("ledger.md")
    if play.act == 1:
        play.kept["whole"] = path.read_bytes()
        path.write_bytes(play.kept["whole"][:20])


def whole_file(play: Play) -> None:
    play.site.path("ledger.md").write_bytes(play.kept["whole"])


def hidden_edit(play: Play) -> None:
    """Edited in the acts 1 and 3, torn in act 2."""
    path = play.site.path("ledger.md")
    whole = play.kept.setdefault("whole", path.read_bytes())
    path.write_bytes(whole[:20] if play.act != 2 else whole[:5])


def other_second_time(play: Play) -> None:
    """Asked again for what it gave, the server gives something else."""
    path = str(play.site.path("ledger.md").relative_to(play.site.root))
    play.cdn.asked.clear()
    play.cdn.then = {path: b"x"}


def large(play: Play) -> None:
    path = play.site.path("ledger.md")
    if play.act == 1:
        play.kept["whole"] = data = path.read_bytes()
        value = play.site.value
        grown = data + b"".join(b"| %d | %s |\n" % (n, b"x" * 200) for n in range(20_000))
        path.write_bytes(grown)
        play.kept["release"] = play.site.release.read_bytes()
        for file in value["files"]:
            if file["name"] == "ledger.md":
                file["size"], file["sha256"] = len(grown), hashlib.sha256(grown).hexdigest()
        play.site.release.write_text(json.dumps(value, indent=2) + "\n")


def small(play: Play) -> None:
    whole_file(play)
    play.site.release.write_bytes(play.kept["release"])


def defect(play: Play) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("a defect")

    play.patch.setattr("anchor.app.reverify.examine_release", fails)


def no_defect(play: Play) -> None:
    play.patch.setattr("anchor.app.reverify.examine_release", verify.examine_release)


def second_statement(play: Play) -> None:
    if play.act == 1:
        play.show(play.sites["two"].root)


def first_statement(play: Play) -> None:
    play.show(play.sites["one"].root)


def told_of_two(play: Play) -> None:
    play.show(play.sites["two"].root)
    assert play.watch().code == 6


def gone(play: Play) -> None:
    if play.act == 1:
        shutil.rmtree(play.site.root)
        play.site.root.mkdir()


def put_back(play: Play) -> None:
    """The records are those of before, in each act."""
    play.put_back()


def saved_and_grown(play: Play) -> None:
    play.save()
    grown(play)


def saved_and_forked(play: Play) -> None:
    play.save()
    forked(play)
    play.serve(play.log)


def lost_and_rolled_back(play: Play) -> None:
    play.put_back()
    old_release(play)


def edited(*statements: str) -> Callable[[Play], None]:
    def edit(play: Play) -> None:
        if play.act == 1:
            play.edit(*statements)

    return edit


def forked_and_honest(play: Play) -> None:
    forked(play)
    play.serve(play.log)


def tampered_unreachable(play: Play) -> None:
    """The records are at a server that does not answer."""
    tampered(play)
    play.more = ["--database", "postgresql://u@127.0.0.1:1/x"]


def mended_reachable(play: Play) -> None:
    mended(play)
    reachable(play)


def reachable(play: Play) -> None:
    play.more = []


def read_only(play: Play) -> None:
    play.more = ["--database", f"sqlite:///file:{play.home}/records.db?mode=ro&uri=true"]


def clock(days: float) -> Callable[[Play], None]:
    def move(play: Play) -> None:
        play.offset = days * DAY

    return move


def ahead_of_the_end(play: Play) -> None:
    if play.act == 1:
        play.serve(play.log.grow(5))


def ends_soon(play: Play) -> None:
    retire(play, days=30)
    play.offset = 60 * DAY
    assert play.watch().code == 0
    play.offset = 0
    assert play.watch().code == 3  # the clock went back, once


def another_change(play: Play) -> None:
    if play.act == 1:
        play.replace(b"| A |", b"| A\t|")
    if play.act == 2:
        play.replace(b"| 1 |", b"| 9 |")


def good_again(play: Play) -> None:
    play.replace(b"| A\t|", b"| A |")
    mended_value = play.site.path("ledger.md")
    mended_value.write_bytes(mended_value.read_bytes().replace(b"| 9 |", b"| 1 |"))


def in_turns(play: Play) -> None:
    if play.act == 2:
        play.replace(b"| A | 9 |", b"| A | 1 |")
    else:
        play.replace(b"| A | 1 |", b"| A | 9 |")


def deaf(play: Play) -> None:
    tampered(play)
    play.hook.taking = 500


def hears_again(play: Play) -> None:
    play.hook.taking = 200
    play.edit("UPDATE deliveries SET next_ms = 0")


def beside(play: Play) -> None:
    """Another publisher of the name, by a policy of his own, in the same home."""
    site = play.sites["stranger"]
    given = ("--policy", site.policy, "--notify", play.hook.notify_url, *play.records())
    assert anchor("reverify", site.release, *given).code == 0


def a_strangers(play: Play) -> None:
    if play.act == 1:
        play.show(play.sites["stranger"].root)
