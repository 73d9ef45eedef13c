# SPDX-License-Identifier: Apache-2.0
"""Witnesses under attack: two histories of one log, and witnesses that lie, replay, roll back or do not end.

Each lie is told, repeated, and withdrawn. A lie is a line of the report; it gives no quorum and loses no
release.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from anchor.merkle import EMPTY_ROOT
from anchor.net import witness_client
from anchor.net.http import Patience
from anchor.publish import anchoring
from anchor.tlog import add_checkpoint, note
from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import LEDGER, Site
from tests.support.releases.witnessed import (
    Witnesses,
    in_bundle,
    in_log,
    instance,
    introduce,
    log_key,
    signers,
    with_witnesses,
)
from tests.support.servers import bad_server
from tests.support.servers.witness_server import TEXT, Reply, Witness, serving, text_in

SECOND = LEDGER.replace("| A | 1 |", "| A | 2 |")
FORKED = LEDGER.replace("| A | 1 |", "| A | 666 |")
SIZE = add_checkpoint.SIZE_TYPE


@pytest.fixture
def two() -> Iterator[Witnesses]:
    with serving(Witness("one.example"), Witness("two.example")) as found:
        yield found


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each witness is heard, however slow this machine is, and one that refuses is asked again soon.

    A witness that is not waited for may cosign after the command, which is then another story.
    """
    monkeypatch.setattr(anchoring, "PATIENCE", 0.2)
    monkeypatch.setattr(anchoring, "POLL", 0.05)
    monkeypatch.setattr(witness_client, "AFTER_QUORUM", 600.0)
    monkeypatch.setattr(witness_client, "SECONDS", 600.0)
    monkeypatch.setattr(
        witness_client, "_PATIENCE", Patience(connect=60.0, read=600.0, whole=600.0, attempts=1)
    )


def judged(site: Site, policy: str) -> int:
    """The exit code of a verifier who demands this quorum and has the publisher's key from elsewhere."""
    named = site.policy.with_name("witnesses.policy")
    named.write_text(policy)
    demanded = site.policy.with_name("demanding.toml")
    demanded.write_text("tlog_policy = 'witnesses.policy'\n" + site.policy.read_text())
    return anchor("verify", site.release, "--policy", demanded).code


def quorum_text(site: Site, witnesses: Witnesses, rule: str) -> str:
    """A verifier's own witness policy."""
    lines = [f"log {log_key(site)}\n", *(f"witness w{i} {w.vkey}\n" for i, w in enumerate(witnesses))]
    names = " ".join(f"w{i}" for i, _ in enumerate(witnesses))
    return "".join(lines) + f"group g {rule} {names}\nquorum g\n"


def published_once(folder: Path, witnesses: Witnesses, rule: str) -> Site:
    site = with_witnesses(folder, witnesses, rule)
    ran = site.publish()
    assert ran.code == 0, ran.err
    site.policy.write_text(ran.out)
    return site


def copy_of(site: Site, folder: Path) -> Site:
    folder.mkdir()
    return site.copy(folder)


# Two histories


def test_the_second_history_of_a_copied_home_gets_no_quorum_however_often(
    two: Witnesses, tmp_path: Path
) -> None:
    site = published_once(tmp_path, two, "any")
    fork = copy_of(site, tmp_path / "fork")
    demanded = quorum_text(site, two, "any")
    assert site.publish(SECOND, "2").code == 0
    for words in ((), ("--resume",)):
        ran = fork.publish(FORKED, "2", *words)
        assert ran.code == 5, ran.err
        assert ran.err.count("it has cosigned another tree of 2 entries") == 2
        assert "anchor compare --witness" in ran.err.splitlines()[-1]
        assert "--resume" not in ran.err
        assert fork.value["ledger"]["version"] == "1.0.0", "nothing is in place"
    (fork.home / "instance/witnessed-sizes.json").unlink()
    assert fork.publish(FORKED, "2").code == 5, "also for a home that has forgotten what they cosigned"
    assert instance(fork, "quorum", "none").code == 0
    assert fork.publish(FORKED, "2").code == 0, "who demands nothing gets a release"
    assert signers(in_bundle(fork, "2"), two) == []
    assert judged(fork, demanded) == 5
    assert judged(site, demanded) == 0


def test_a_fork_that_has_grown_is_told_as_one(two: Witnesses, tmp_path: Path) -> None:
    site = published_once(tmp_path, two, "none")
    fork = copy_of(site, tmp_path / "fork")
    assert site.publish(SECOND, "2").code == 0
    assert "another tree of 2 entries" in fork.publish(FORKED, "2").err
    ran = fork.publish(FORKED + "| D | 4 |\n", "3")
    assert (
        ran.err.count("the 2 entries that it cosigned are not the beginning of this log: it is forked") == 2
    )
    assert signers(in_log(fork), two) == []
    ran = site.publish(SECOND + "| D | 4 |\n", "3")
    assert signers(in_log(site), two) == ["one.example", "two.example"], "the first history goes on"


def test_two_witnesses_with_two_histories_are_no_quorum_of_both(two: Witnesses, tmp_path: Path) -> None:
    """Each copy of the home asks one of the two, and shows it to its readers."""
    site = published_once(tmp_path, two, "none")
    fork = copy_of(site, tmp_path / "fork")
    assert instance(site, "remove", two[1].name).code == 0
    assert instance(fork, "remove", two[0].name).code == 0
    assert site.publish(SECOND, "2").code == fork.publish(FORKED, "2").code == 0
    assert signers(in_bundle(site, "2"), two) == ["one.example"]
    assert signers(in_bundle(fork, "2"), two) == ["two.example"]
    both = quorum_text(site, two, "all")
    assert judged(site, both) == judged(fork, both) == 5
    for copy, other in ((site, two[1]), (fork, two[0])):
        introduce(copy, (other,), "none")
        assert instance(copy, "quorum", "all").code == 0
        ran = instance(copy, "ask")
        assert (ran.code, "another tree of 2 entries" in ran.out) == (5, True)


def test_an_older_copy_of_the_home_is_told_that_the_log_has_grown(two: Witnesses, tmp_path: Path) -> None:
    site = published_once(tmp_path, two, "any")
    old = copy_of(site, tmp_path / "old")
    for number in range(2, 5):
        assert site.publish(LEDGER + f"| N | {number} |\n", str(number)).code == 0
    ran = old.publish(SECOND, "2")
    assert ran.code == 5
    assert ran.err.count("it has cosigned 4 entries of this log, and 2 are here") == 2
    ran = instance(old, "ask", "--json")
    assert ran.code == 5
    assert ran.out.count('"conflict": true') == 2


def test_a_witness_that_was_rolled_back_is_told_and_counts(two: Witnesses, tmp_path: Path) -> None:
    site = published_once(tmp_path, two, "all")
    assert site.publish(SECOND, "2").code == 0
    origin = in_log(site).origin
    two[0].store[origin] = (0, EMPTY_ROOT)
    ran = site.publish(SECOND + "| D | 4 |\n", "3")
    assert ran.code == 0, ran.err
    assert "witness one.example: cosigned" in ran.err
    assert "it knows 0 entries and had cosigned 2: its store was rolled back" in ran.err
    assert "rolled back" not in site.publish(SECOND + "| E | 4 |\n", "4").err, "told once"
    assert signers(in_bundle(site, "4"), two) == ["one.example", "two.example"]


def test_a_rolled_back_witness_alone_gives_a_fork_no_quorum(two: Witnesses, tmp_path: Path) -> None:
    site = published_once(tmp_path, two, "all")
    fork, store = copy_of(site, tmp_path / "fork"), dict(two[0].store)
    assert site.publish(SECOND, "2").code == 0
    two[0].store = store
    ran = fork.publish(FORKED, "2")
    assert ran.code == 5
    assert "witness one.example: cosigned" in ran.err
    assert "witness two.example: it has cosigned another tree of 2 entries" in ran.err


# One key under several names


def test_one_key_is_one_witness_whatever_it_is_called(two: Witnesses, tmp_path: Path) -> None:
    twin = Witness("twin.example", private=two[0].private)
    with serving(twin):
        site = with_witnesses(tmp_path, two[:1], "1")
        ran = instance(site, "add", twin.url, twin.vkey)
        assert (ran.code, "one key is one witness" in ran.line) == (2, True)
        mine = tmp_path / "mine.policy"
        lines = f"witness a {two[0].vkey} {two[0].url}\nwitness b {twin.vkey} {twin.url}\n"
        mine.write_text(lines + "group g all a b\nquorum g\n")
        for ran in (
            instance(site, "policy", mine),
            site.publish(LEDGER, "1.0.0", "--witness-policy", mine),
        ):
            assert (ran.code, "a second witness with the key" in ran.line) == (2, True)
        assert not site.release.exists()


def test_a_cosignature_of_the_key_under_another_name_is_another_keys(two: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, two, "2")
    twin = Witness("two.example", private=two[0].private)
    two[1].lie = lambda _w, body: (200, twin.cosign(text_in(body)), TEXT)
    assert site.publish().code == 5
    assert signers(in_log(site), two) == ["one.example"]


# Answers


def other_text(body: bytes, change: Callable[[list[bytes]], None]) -> bytes:
    lines = text_in(body).split(b"\n")
    change(lines)
    return b"\n".join(lines)


def _set(place: int, value: bytes) -> Callable[[list[bytes]], None]:
    def change(lines: list[bytes]) -> None:
        lines[place] = value

    return change


def forked(_witness: Witness, body: bytes) -> Reply:
    """It has another tree of that size."""
    return (422, b"no proof\n", TEXT) if add_checkpoint.parse(body).old else (409, b"1\n", SIZE)


NOW = 4_000_000_000
Lie = Callable[[Witness, bytes], Reply | None]
STRANGER = Witness("stranger.example")
LIES: dict[str, tuple[Lie, str]] = {
    "older checkpoint": (
        lambda w, b: (200, w.cosign(other_text(b, _set(1, b"0"))), TEXT),
        "does not verify for this checkpoint",
    ),
    "another origin": (
        lambda w, b: (200, w.cosign(other_text(b, _set(0, b"other.example"))), TEXT),
        "does not verify for this checkpoint",
    ),
    "from the future": (
        lambda w, b: (200, w.cosign(text_in(b), time=int(w.clock()) + 3600), TEXT),
        "is from the future",
    ),
    "time zero": (lambda w, b: (200, w.cosign(text_in(b), time=0), TEXT), "before the log existed"),
    "before the log": (
        lambda w, b: (200, w.cosign(text_in(b), time=int(w.clock()) - 86400), TEXT),
        "before the log existed",
    ),
    "another's": (lambda _w, b: (200, STRANGER.cosign(text_in(b)), TEXT), "of other keys"),
    "another's under its name": (
        lambda w, b: (200, Witness(w.name, private=STRANGER.private).cosign(text_in(b)), TEXT),
        "of other keys",
    ),
    "a bit": (
        lambda w, b: (200, flipped(w.cosign(text_in(b))), TEXT),
        "does not verify for this checkpoint",
    ),
    "the whole note": (
        lambda w, b: (200, add_checkpoint.parse(b).checkpoint + w.cosign(text_in(b)), TEXT),
        "no cosignatures that can be read",
    ),
    "HTML": (lambda _w, _b: (200, b"<html>log in</html>\n", "text/html"), "no cosignatures that can be read"),
    "nothing": (lambda _w, _b: (200, b"", TEXT), "no cosignatures that can be read"),
    "octets": (lambda _w, _b: (200, bytes(range(256)), TEXT), "no cosignatures that can be read"),
    "unknown log": (lambda _w, _b: (404, b"who?\n", TEXT), "it does not know the log"),
    "another key": (lambda _w, _b: (403, b"no\n", TEXT), "it has another key for the log"),
    "malformed": (lambda _w, _b: (400, b"what?\n", TEXT), "it finds the request malformed (what?)"),
    "a fork": (forked, "another tree of 1 entry"),
    "a larger tree": (lambda _w, _b: (409, b"7\n", SIZE), "it has cosigned 7 entries of this log, and 1 are"),
    "the largest": (lambda _w, _b: (409, b"9223372036854775807\n", SIZE), "and 1 are here"),
    "the size that was sent": (
        lambda _w, b: (409, b"%d\n" % add_checkpoint.parse(b).old, SIZE),
        "names the size 0 that was sent",
    ),
    "sizes in turn": (
        lambda _w, b: (409, b"%d\n" % (1 - add_checkpoint.parse(b).old), SIZE),
        "it names another size each time",
    ),
    "no size": (lambda _w, _b: (409, b"many\n", SIZE), "names no size"),
    "a size of another type": (lambda _w, _b: (409, b"1\n", TEXT), "names no size"),
    "steering": (lambda _w, _b: (418, b"\x1b[2J\x1b]0;owned\x07 teapot", TEXT), "teapot"),
}


def flipped(line: bytes) -> bytes:
    head, space, encoded = line.rpartition(b" ")
    return head + space + encoded[:40] + (b"A" if encoded[40:41] != b"A" else b"B") + encoded[41:]


@pytest.mark.parametrize("part", range(3))
def test_a_lie_is_a_line_gives_no_quorum_and_is_over_when_it_is_withdrawn(
    part: int, two: Witnesses, tmp_path: Path
) -> None:
    """One publication that waits, told one lie after the other, each of them twice."""
    site = with_witnesses(tmp_path, two, "2")
    two[0].lie = lambda _w, _b: (503, b"", TEXT)
    assert site.publish().code == 5
    for lie, (answer, said) in [*LIES.items()][part::3]:
        two[0].lie = answer
        for again in range(2):
            before = len(two[0].requests)
            ran = site.publish(LEDGER, "1.0.0", "--resume")
            assert ran.code == 5, (lie, again, ran.err)
            assert f"witness {two[0].name}: " in ran.err
            assert said in ran.err, lie
            assert "\x1b" not in ran.err
            assert not site.release.exists()
            assert signers(in_log(site), two) == ["two.example"], lie
            assert len(in_log(site).note.signatures) == 2, "nothing of the liar is kept"
            assert len(two[0].requests) - before <= 3 * 5, "few requests in each of few rounds"
    two[0].lie = None
    ran = site.publish(LEDGER, "1.0.0", "--resume")
    assert ran.code == 0, ran.err
    assert signers(in_bundle(site), two) == ["one.example", "two.example"]
    assert (site.entries(), len(two[1].requests)) == (1, 1)


def test_a_replayed_cosignature_of_the_head_before_is_not_kept(two: Witnesses, tmp_path: Path) -> None:
    kept: list[bytes] = []

    def replay(witness: Witness, body: bytes) -> Reply:
        kept.append(witness.cosign(text_in(body)))
        return 200, kept[0], TEXT

    site = with_witnesses(tmp_path, two, "2")
    two[0].lie = replay
    assert site.publish().code == 0
    ran = site.publish(SECOND, "2")
    assert (ran.code, "does not verify for this checkpoint" in ran.err) == (5, True)
    two[0].lie = lambda w, b: (200, kept[0] + w.cosign(text_in(b)), TEXT)
    assert site.publish(SECOND, "2").code == 0, "beside one that holds it is ignored"
    assert in_bundle(site, "2").raw.count(b"one.example") == 1


def test_cosignatures_that_somebody_puts_into_the_checkpoint_of_a_home_count_only_if_they_verify(
    two: Witnesses, tmp_path: Path
) -> None:
    site = with_witnesses(tmp_path, two, "none")
    assert site.publish().code == 0
    path = site.home / "instance/log/checkpoint"
    old = in_log(site)
    for forged in (two[0].cosign(b"other.example\n0\n"), two[0].cosign(old.note.text, time=NOW)):
        path.write_bytes(note.parse(old.note.text + b"\n" + own_line(old.raw, old.origin) + forged).raw)
        assert instance(site, "quorum", "2").code == 0
        ran = instance(site, "ask")
        assert ran.code == 0, ran.out
        assert signers(in_log(site), two) == ["one.example", "two.example"]


def own_line(raw: bytes, origin: str) -> bytes:
    return next(line + b"\n" for line in raw.split(b"\n") if line.startswith(f"— {origin} ".encode()))


# Below HTTP


def slow_or_hostile(honest: Witness) -> dict[str, dict[str, bad_server.Behaviour]]:
    port = int(honest.url.rpartition(":")[2].partition("/")[0])
    return {
        "hang": {"before": bad_server.hang_before, "after": bad_server.hang_after},
        "drip": {
            "body": bad_server.drip(each=0.2),
            "headers": bad_server.drip(each=0.2, headers_too=True),
        },
        "flood": {
            "announced": bad_server.flood(1 << 24),
            "unannounced": bad_server.flood(1 << 24, announced=False),
        },
        "drop": {"nothing": bad_server.drop_after, "half": bad_server.cut()},
        "redirect": {
            "to-the-honest": bad_server.redirect(f"http://127.0.0.1:{port}/w/add-checkpoint", 307),
            "elsewhere": bad_server.redirect("http://169.254.169.254/", 302),
        },
    }


@pytest.mark.parametrize("kind", ["hang", "drip", "flood", "drop", "redirect"])
def test_a_witness_that_does_not_end_holds_up_nobody(
    kind: str, two: Witnesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_client, "AFTER_QUORUM", 0.1)
    site = with_witnesses(tmp_path, two, "none")
    for name, behaviour in slow_or_hostile(two[0])[kind].items():
        bad = Witness("bad.example")
        with bad_server.bad_server(behaviour) as server:
            bad.url = f"{server.url}/w"
            introduce(site, (bad,), "2")
            requests = len(two[0].requests)
            ran = site.publish(f"{LEDGER}| N | {name} |\n", name)
            assert ran.code == 0, (name, ran.err)
            assert "witness bad.example: " in ran.err
            assert signers(in_bundle(site, name), (*two, bad)) == ["one.example", "two.example"]
            assert len(two[0].requests) == requests + 1, "a redirect is not followed"
            assert instance(site, "remove", "bad.example").code == 0
    with bad_server.bad_server(behaviour) as server:  # and it is one that is needed
        bad.url = f"{server.url}/w"
        introduce(site, (bad,), "all")
        monkeypatch.setattr(witness_client, "SECONDS", 0.3)
        assert site.publish(SECOND, "last").code == 5
        monkeypatch.setattr(witness_client, "SECONDS", 600.0)
        assert instance(site, "remove", "bad.example").code == 0
        ran = site.publish(SECOND, "last", "--resume")
        assert ran.code == 0, ran.err
