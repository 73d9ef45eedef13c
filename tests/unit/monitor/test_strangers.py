# SPDX-License-Identifier: Apache-2.0
"""Every relation of a stranger's checkpoint to what is held, to the log now, and to another stranger's."""

from collections.abc import Sequence

import pytest

from anchor.errors import Unavailable
from anchor.monitor import strangers
from anchor.monitor.interfaces import EntryProof, LogLocation, OnlineLog
from anchor.monitor.log_client import RequestCounter
from anchor.monitor.strangers import Compared, Known, Stranger
from anchor.tlog import evidence as evidences
from anchor.tlog.source import Missing, Source
from anchor.tlog.tile_reader import TileReader
from anchor.verdict import Class, judge
from tests.support.logs.simlog import SimLog

LOG = SimLog().grow(600)
FORK = LOG.fork(300)
"""Another history of the same size and key."""


class Down:
    """A log that does not answer."""

    def checkpoint(self) -> bytes:
        raise Unavailable("down")

    def tile(self, level: int, index: int, width: int) -> bytes:
        raise Unavailable("down")

    def entries(self, index: int, width: int) -> bytes:
        raise Unavailable("down")


def compared(
    source: Source | OnlineLog, *given: Stranger, held: Sequence[tuple[SimLog, int]] = ()
) -> Compared:
    location = LogLocation(log=LOG.log, name="the log", reader=source)
    known = [Known(head=log.head(size), whose="held") for log, size in held]
    return strangers.compare(location, given, known, RequestCounter())


def at(log: SimLog, size: int, name: str = "s", place: Source | None = None) -> Stranger:
    return Stranger(name=name, head=log.head(size), place=place)


def check_one(found: Compared, relation: str, verdict: Class) -> None:
    assert found.relations["checkpoint s"] == relation
    (check,) = [c for c in found.result.checks if c.name == "checkpoint s"]
    assert (check.demotes or Class.OK) is verdict, check
    assert judge(found.result.checks) is verdict, found.result.checks
    assert check.detail.isprintable()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 299, 600])
@pytest.mark.parametrize("held", [(), ((LOG, 1), (LOG, 512))])
def test_an_older_or_equal_tree_of_the_log_is_consistent(
    size: int, held: Sequence[tuple[SimLog, int]]
) -> None:
    found = compared(LOG.clone(), at(LOG, size), held=held)
    check_one(found, "consistent", Class.OK)
    assert found.unproven == ()
    assert not found.result.evidence


def test_a_newer_tree_is_proven_if_its_tiles_are_served() -> None:
    check_one(compared(LOG.clone().show(300), at(LOG, 600)), "consistent", Class.OK)


def test_a_newer_tree_is_proven_from_the_tiles_beside_it() -> None:
    check_one(compared(LOG.rewind(300), at(LOG, 600, place=LOG.clone())), "consistent", Class.OK)


def test_of_a_newer_tree_without_tiles_nobody_can_tell() -> None:
    found = compared(LOG.rewind(300), at(LOG, 600))
    check_one(found, "unknown", Class.UNAVAILABLE)
    assert [c.size for c in found.unproven] == [600]
    (check,) = found.result.checks
    assert "the log shows 300 entries only: it lags, or hides this tree" in check.detail


@pytest.mark.parametrize("size", [300, 301, 512, 599, 600])
def test_another_history_is_a_contradiction_with_evidence(size: int) -> None:
    found = compared(LOG.clone(), at(FORK, size))
    if size == 300:
        check_one(found, "consistent", Class.OK)
        return
    check_one(found, "contradicts", Class.EQUIVOCATION)
    (one,) = found.result.evidence
    shown = evidences.check(one.document, log=LOG.log)
    assert {shown.older.size, shown.newer.size} == {size, 600}


def test_a_larger_tree_of_another_history_with_its_own_tiles() -> None:
    found = compared(LOG.rewind(400), at(FORK, 600, place=FORK.clone()))
    check_one(found, "contradicts", Class.EQUIVOCATION)


def test_equal_sizes_need_no_log() -> None:
    check_one(compared(Down(), at(LOG, 600), held=[(LOG, 600)]), "consistent", Class.OK)
    check_one(compared(Down(), at(FORK, 600), held=[(LOG, 600)]), "contradicts", Class.EQUIVOCATION)


def test_without_the_log_other_sizes_are_unknown() -> None:
    check_one(compared(Down(), at(LOG, 500), held=[(LOG, 600)]), "unknown", Class.UNAVAILABLE)
    check_one(compared(Down(), at(LOG, 600)), "unknown", Class.UNAVAILABLE)


@pytest.mark.parametrize("path", ["tile/0/000", "tile/1/000.p/2"])
@pytest.mark.parametrize("misdeed", ["withhold", "corrupt"])
def test_a_log_that_withholds_the_proof_of_an_older_tree_is_a_finding(path: str, misdeed: str) -> None:
    log = LOG.clone()
    getattr(log, misdeed)(path)
    found = compared(log, at(LOG, 100))
    check_one(found, "withheld", Class.FINDINGS)
    assert [c.size for c in found.unproven] == [100]


def test_the_log_itself_contradicts_what_is_held() -> None:
    found = compared(FORK.clone(), at(LOG, 600), held=[(LOG, 400)])
    assert [c.demotes for c in found.result.checks] == [Class.EQUIVOCATION] * 2
    assert {c.name for c in found.result.checks} == {f"log {LOG.origin}", "checkpoint s"}


def test_an_old_head_of_the_log_is_no_contradiction() -> None:
    found = compared(LOG.rewind(300), at(LOG, 200), held=[(LOG, 600)])
    check_one(found, "unknown", Class.UNAVAILABLE)  # what is held cannot be proven any more
    found = compared(LOG.clone().show(300), at(LOG, 200), held=[(LOG, 600)])
    check_one(found, "consistent", Class.OK)


def test_two_strangers_without_a_log() -> None:
    one, two = at(LOG, 600, "s"), at(LOG, 600, "t")
    check_one(compared(Down(), one, two), "consistent", Class.OK)
    found = compared(Down(), one, at(FORK, 600, "t"))
    assert set(found.relations.values()) == {"contradicts"}
    assert len(found.result.evidence) == 1
    found = compared(Down(), at(LOG, 500, "s", LOG.clone()), two)
    assert set(found.relations.values()) == {"consistent"}


def test_a_third_that_cannot_be_compared_changes_nothing_about_the_other_two() -> None:
    given = [at(LOG, 600, "a"), at(LOG, 100, "b"), at(LOG, 600, "c")]
    for order in (given, given[::-1], [given[1], given[0], given[2]]):
        found = compared(Down(), *order)
        wanted = {"checkpoint a": "consistent", "checkpoint b": "unknown", "checkpoint c": "consistent"}
        assert found.relations == wanted


def test_a_proven_one_stays_proven_beside_one_that_is_not() -> None:
    found = compared(LOG.rewind(300), at(LOG, 200, "a"), at(LOG, 600, "b"))
    assert found.relations == {"checkpoint a": "consistent", "checkpoint b": "unknown"}


def test_a_fork_between_strangers_is_found_although_the_log_shows_neither() -> None:
    found = compared(LOG.rewind(100), at(LOG, 600, "a"), at(FORK, 600, "b"))
    assert set(found.relations.values()) == {"contradicts"}


class Online:
    """A log that proves online, as Rekor v1 does, from the trees that it has."""

    def __init__(self, log: SimLog) -> None:
        self.log = log

    def checkpoint(self) -> bytes:
        return self.log.checkpoint()

    def consistency(self, old: int, new: int) -> list[bytes]:
        if new > self.log.size:
            raise Unavailable("400: no such tree")
        return TileReader(self.log, self.log.head(new)).consistency_proof(old)

    def entry(self, index: int) -> EntryProof:
        raise Missing("not asked here")


def test_a_log_that_proves_online() -> None:
    online = Online(LOG.clone())
    for size in (1, 256, 599, 600):
        check_one(compared(online, at(LOG, size), held=[(LOG, 300)]), "consistent", Class.OK)
    check_one(compared(online, at(FORK, 600)), "contradicts", Class.EQUIVOCATION)
    found = compared(online, at(FORK, 500))
    check_one(found, "contradicts", Class.EQUIVOCATION)
    assert evidences.check(found.result.evidence[0].document).older.size == 500
    check_one(compared(Online(LOG.rewind(300)), at(LOG, 600)), "unknown", Class.UNAVAILABLE)
