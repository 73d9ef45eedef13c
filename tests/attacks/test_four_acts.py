# SPDX-License-Identifier: Apache-2.0
"""Each line of docs/attacks.md in four acts: lie, lie again, restart and lie, honest again.

Who lies goes on when people were told, meets a watcher that was restarted, and then ends it. The table says
for each act the class, the exit code, what is stored and who was told. It is one for SQLite and PostgreSQL.
"""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.support import postgres
from tests.support.acts import (
    EQUIVOCATION,
    INVALID,
    OK,
    UNAVAILABLE,
    Act,
    Attack,
    Play,
    observed,
)
from tests.support.anchor_cli import ROOT
from tests.support.attacked import Hook
from tests.support.published import LEDGER, Site, published
from tests.support.records import like, postgresql  # noqa: F401 - fixtures
from tests.support.simlog import SimLog

DAY = 86400
OTHER = LEDGER.replace("| A | 1 |", "| A | 9 |")
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


def another_origin(play: Play) -> None:
    lie = SimLog(play.log.stored, origin="elsewhere.example")
    lie.private = play.log.private
    play.serve(lie)


def tampered(play: Play) -> None:
    if play.act < 2:
        play.replace(b"| A | 1 |", b"| A | 9 |")


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


LOG = [
    Attack(
        line="the log forks at equal size, or grows from another history",
        how="at equal size",
        lie=lambda p: p.serve(p.log.fork(1)),
        honest=truth,
        acts=at_once(EQUIVOCATION, (2, 1, 1)),
        apart=True,
    ),
    Attack(
        line="the log forks at equal size, or grows from another history",
        how="larger",
        lie=lambda p: p.serve(p.log.fork(1, size=400)),
        honest=truth,
        acts=at_once(EQUIVOCATION, (2, 1, 1)),
    ),
    Attack(
        line="it forks before it was first watched",
        how="the bundle knows",
        seen=False,
        lie=lambda p: p.serve(p.log.fork(1, size=400)),
        honest=truth,
        acts=at_once(EQUIVOCATION, (2, 1, 1)),
    ),
    Attack(
        line="rewind (wiped storage, same key)",
        how="to 3",
        scene=grown,
        lie=lambda p: p.serve(p.log.rewind(3)),
        honest=truth,
        acts=doubt((2, 0, 1)),
        apart=True,
    ),
    Attack(
        line="old checkpoint",
        how="of size 10",
        scene=grown,
        lie=lambda p: p.serve(p.log.clone().show(10)),
        honest=truth,
        acts=doubt((3, 0, 1)),
    ),
]

CDN = [
    Attack(
        line="CDN: edited ledger or release.json",
        how="ledger",
        lie=tampered,
        honest=mended,
        acts=at_once(INVALID, last=recovered()),
        apart=True,
    ),
]

TABLE = [*LOG, *CDN]

NO_ACTS = {
    "records deleted or replaced under a running `watch`": "one process runs in all acts: test_watch_attacks",
    "`watch` killed in a run": "the restart is the attack: test_watch_attacks",
}
"""Lines that four acts make no sense for, and why."""


def lines() -> dict[str, list[str]]:
    """The table of docs/attacks.md: its cells by the first of them."""
    text = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    rows = [
        [c.strip() for c in line.strip("|\n").split(" | ")] for line in text.splitlines() if line[:1] == "|"
    ]
    return {cells[0]: cells[1:] for cells in rows[2:]}


@pytest.fixture(scope="session")
def tongues(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    """One publisher: two statements of release 1, and a release 2 after the second. And a stranger."""
    base = tmp_path_factory.mktemp("tongues")
    one = published(base)
    one.forget()
    two = Site(base / "two", one.home, one.policy)
    ran = two.publish(OTHER)
    assert ran.code == 0, ran.err
    later = Site(base / "later", one.home, one.policy)
    shutil.copytree(two.root, later.root)
    ran = later.publish(OTHER + "| D | 4 |\n", "2.0.0")
    assert ran.code == 0, ran.err
    stranger = published(tmp_path_factory.mktemp("stranger"), OTHER)
    return {"one": one, "two": two, "later": later, "stranger": stranger}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def play(
    engine: str,
    webhook: Hook,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Play]:
    """A watcher of a site, with empty records."""
    attack: Attack = request.getfixturevalue("attack")
    if engine not in attack.engines:
        pytest.skip(f"this way to play it is for {attack.engines[0]} alone")
    database = ""
    if engine == "postgresql":
        named = request.getfixturevalue("like")
        database = postgres.new_database(request.getfixturevalue("postgresql"), like=named)
    sites = {}
    if attack.world == "site":
        site = request.getfixturevalue("three_releases").copy(tmp_path)
    else:
        sites = request.getfixturevalue("tongues")
        site = Site(tmp_path / "site", sites["one"].home, sites["one"].policy)
        shutil.copytree(sites["one"].root, site.root)
    webhook.titles()
    found = Play(tmp_path, site, webhook, patch=monkeypatch, database=database, sites=sites)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + found.offset)
    with found.stack:
        yield found
    webhook.taking = 200


@pytest.mark.parametrize("attack", TABLE, ids=[attack.name for attack in TABLE])
def test_an_attack_in_four_acts(attack: Attack, play: Play) -> None:
    if attack.seen:
        assert play.watch().code == 0
        assert play.told() == []
    attack.scene(play)
    play.told()
    for number, wanted in enumerate(attack.acts, 1):
        act, ran = observed(play, attack, number)
        assert act == wanted, (f"act {number}", ran.out, ran.err)


@pytest.mark.parametrize("attack", TABLE, ids=[attack.name for attack in TABLE])
def test_a_row_agrees_with_its_line(attack: Attack) -> None:
    found, codes, _, told = lines()[attack.line]
    lies, last = attack.acts[:3], attack.acts[3]
    classes = {Class(word) for word in re.findall(r"\b[A-Z]{2,}\b", found) if word in set(Class)}
    if classes:
        assert {act.found for act in attack.acts} - {OK} <= classes
        assert lies[0].found in classes or "then" in found
    if codes:
        assert {act.found.exit_code for act in lies} <= {int(code) for code in codes.split(", ")}
    if told.startswith("at once"):
        assert lies[0].told
    if told.startswith("N/T"):
        assert bool(lies[0].told) is (attack.rule == "1/0")
        assert any(act.told for act in lies) or "once" in found
    if told == "nobody":
        assert not any(act.told for act in attack.acts)
    if "no recovery" in told:
        assert "recovered" not in last.told
