# SPDX-License-Identifier: Apache-2.0
"""A status is compared with every one that is held of its ledger, however far back, by its chain."""

import hashlib

import pytest

from anchor.encoding import to_base64
from anchor.format import ledger_status as statuses
from anchor.format.members import Previous
from anchor.format.statement import encode
from anchor.monitor import status_chain
from anchor.monitor.run_record import Accepted, ObservedStatus, RunRecord
from anchor.records import observed_releases
from anchor.records.check import check
from anchor.records.database import Database
from anchor.records.state import HeldState
from anchor.verdict import Class
from tests.support.records.reverified import TARGET, WatchedRelease, detail
from tests.support.releases import samples

ELSEWHERE = "elsewhere/release.json"
NEWEST = Previous(number=1, version="1", statement="cd" * 32)
NEWER = Previous(number=2, version="2", statement="ef" * 32)


def entry(reason: str) -> statuses.Entry:
    return statuses.Entry(number=1, statement=NEWEST.statement, kind="withdrawn", reason=reason)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def chain(count: int = 8, *, ledger: str = "prices", newer: int = 99) -> dict[int, bytes]:
    """Statuses 1 to `count`, each of which names the one before. From `newer` on they know of release 2."""
    found = {1: statuses.encode(statuses.first(ledger, NEWEST, [entry("as published")]))}
    for sequence in range(2, count + 1):
        newest = NEWER if sequence >= newer else NEWEST
        found[sequence] = statuses.encode(statuses.following(found[sequence - 1], newest))
    return found


def forked(shown: dict[int, bytes], sequence: int) -> dict[int, bytes]:
    """The same chain from another status of this sequence on: with one more entry there, and in no other."""
    found = {n: data for n, data in shown.items() if n < sequence}
    found[sequence] = statuses.encode(statuses.following(found[sequence - 1], NEWEST, [entry("hidden")]))
    for n in range(sequence + 1, max(shown) + 1):
        found[n] = unchecked(n, found[n - 1], entries=[entry("as published")])
    return found


def unchecked(sequence: int, before: bytes, *, entries: list[statuses.Entry]) -> bytes:
    """A status of a publisher who breaks the rules."""
    return statuses.encode(
        statuses.Status(
            ledger="prices",
            sequence=sequence,
            previous=digest(before),
            newest=NEWEST,
            withdrawn=tuple(entries),
        )
    )


SHOWN = chain()


@pytest.fixture
def world(database: Database) -> WatchedRelease:
    return WatchedRelease(database, statement=encode(samples.statement()))


def archive(world: WatchedRelease, listed: dict[int, bytes], *missing: int) -> None:
    """The published folder has all of these but the missing ones."""
    world.old_statuses = {digest(data): data for n, data in listed.items() if n not in missing}


def served(world: WatchedRelease, listed: dict[int, bytes], sequence: int, target: str = TARGET) -> RunRecord:
    world.status = ObservedStatus(
        ledger="prices",
        sequence=sequence,
        statement=listed[sequence],
        bundles=(b"bundle",),
        time="2027-01-15T08:00:00Z",
        names=("log.sigstore.json",),
    )
    return world.run(target)


def test_an_honest_gap_is_read_once(world: WatchedRelease) -> None:
    archive(world, SHOWN)
    assert served(world, SHOWN, 1).verdict.verdict is Class.OK
    found = served(world, SHOWN, 6)
    assert found.verdict.verdict is Class.OK
    assert "each earlier status that is held is one that status 6 follows" in detail(found, "status-chain")
    assert world.read_statuses == [5, 4, 3, 2]
    for sequence in (6, 7, 7, 8):
        assert served(world, SHOWN, sequence).verdict.verdict is Class.OK
    assert world.read_statuses == [5, 4, 3, 2]
    states = {c.name: c.state for c in check(world.database).checks}
    assert states["history"] == states["projections"] == "passed"


@pytest.mark.parametrize("place", [2, 3, 5])
def test_a_fork_between_two_ends_that_agree_is_found(world: WatchedRelease, place: int) -> None:
    """The ends have the same entries. A status between them was another one than was shown before."""
    other = chain(newer=place)
    archive(world, other)
    assert served(world, SHOWN, place).verdict.verdict is Class.OK
    found = served(world, other, 8)
    assert found.verdict.verdict is Class.EQUIVOCATION
    assert "a status before status 8 contradicts what its publisher signed" in detail(found, "status-history")
    document = found.evidence[0].document
    assert to_base64(SHOWN[place]).encode() in document
    assert to_base64(other[place + 1]).encode() in document  # it names another one
    assert served(world, SHOWN, 8).verdict.verdict is Class.EQUIVOCATION  # nothing makes it good


def test_an_entry_that_came_and_went_between_two_reads_is_found(world: WatchedRelease) -> None:
    other = forked(SHOWN, 4)
    archive(world, other)
    assert served(world, other, 2).verdict.verdict is Class.OK
    found = served(world, other, 7)
    assert found.verdict.verdict is Class.EQUIVOCATION
    document = found.evidence[0].document
    assert to_base64(other[4]).encode() in document
    assert to_base64(other[5]).encode() in document


def test_without_the_bundles_the_chain_is_invalid(world: WatchedRelease) -> None:
    other = forked(SHOWN, 4)
    archive(world, other)
    world.unsigned_statuses = {4}
    served(world, other, 2)
    for _ in range(2):
        found = served(world, other, 7)
        assert found.verdict.verdict is Class.INVALID
        assert "status 5 lacks, or changes, an entry that status 4 has" in detail(found, "status-chain")


def test_a_missing_step_is_pending_until_it_is_there(world: WatchedRelease) -> None:
    archive(world, SHOWN, 3)
    served(world, SHOWN, 1)
    for sequence in (6, 6, 7):
        found = served(world, SHOWN, sequence)
        assert found.verdict.verdict is Class.PENDING
        assert "status 3 cannot be read, so statuses 1 to 3 are not compared" in detail(found, "status-chain")
    assert world.read_statuses == [5, 4, 4, 4]  # each run goes on where the one before it stopped
    archive(world, SHOWN)
    assert served(world, SHOWN, 8).verdict.verdict is Class.OK
    assert world.read_statuses == [5, 4, 4, 4, 4, 3, 2]


def test_a_person_can_let_a_missing_step_go(world: WatchedRelease) -> None:
    archive(world, SHOWN, 3)
    served(world, SHOWN, 1)
    assert served(world, SHOWN, 5).verdict.verdict is Class.PENDING
    observed_releases.accept(
        world.database, TARGET, number=1, who="me@here", reason="they are gone", now=world.now
    )
    for sequence in (5, 6, 8):
        assert served(world, SHOWN, sequence).verdict.verdict is Class.OK
    archive(world, SHOWN, 9)
    again = {**SHOWN, **{n: data for n, data in chain(12).items() if n > 8}}
    assert served(world, again, 10).verdict.verdict is Class.PENDING  # and not a later one


def test_what_a_person_accepted_of_another_ledger_lets_nothing_go(
    world: WatchedRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(world, SHOWN, 3)
    served(world, SHOWN, 1)
    assert served(world, SHOWN, 5).verdict.verdict is Class.PENDING
    said = Accepted(ledger="other-ledger", number=1, who="me@here", reason="moved")
    monkeypatch.setattr(HeldState, "accepted", lambda *_: said)
    assert served(world, SHOWN, 5).verdict.verdict is Class.PENDING


@pytest.mark.parametrize("swapped", [SHOWN[2], chain(3, ledger="other-ledger")[3]])
def test_a_swapped_step_is_of_another_sequence_or_ledger(world: WatchedRelease, swapped: bytes) -> None:
    other = {**SHOWN, 3: swapped}
    for n in range(4, 7):
        other[n] = unchecked(n, other[n - 1], entries=[entry("as published")])
    archive(world, other)
    served(world, SHOWN, 1)
    found = served(world, other, 6)
    assert found.verdict.verdict is Class.INVALID
    assert "as the status before it, and that is status" in detail(found, "status-chain")


def test_a_long_chain_is_read_in_several_runs(world: WatchedRelease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_chain, "LIMIT", 3)
    archive(world, SHOWN)
    served(world, SHOWN, 1)
    found = served(world, SHOWN, 8)
    assert found.verdict.verdict is Class.PENDING
    assert "the next run goes on from there" in detail(found, "status-chain")
    runs = 1
    while served(world, SHOWN, 8).verdict.verdict is Class.PENDING:
        runs += 1
    assert runs < 4
    assert sorted(set(world.read_statuses)) == [2, 3, 4, 5, 6, 7]


def test_a_status_that_another_target_shows_later_is_compared(world: WatchedRelease) -> None:
    """5 follows 1 at one target. Then another target shows another 3, whose chain also comes from 1."""
    shown, other = chain(newer=4), chain(newer=3)
    archive(world, shown)
    served(world, shown, 1)
    assert served(world, shown, 5).verdict.verdict is Class.OK
    assert served(world, other, 3, ELSEWHERE).verdict.verdict is Class.OK
    assert served(world, shown, 5).verdict.verdict is Class.EQUIVOCATION


def test_a_status_by_somebody_whom_the_policy_does_not_accept_is_nothing(world: WatchedRelease) -> None:
    archive(world, SHOWN)
    other = chain(newer=2)
    world.strangers = {other[2]}
    served(world, other, 2, ELSEWHERE)
    assert served(world, SHOWN, 5).verdict.verdict is Class.OK
