# SPDX-License-Identifier: Apache-2.0
"""A release is compared with every number that is held of its ledger, however far back, by its chain."""

import pytest

from anchor.encoding import to_base64
from anchor.format.statement import encode, link
from anchor.monitor import ancestry
from anchor.monitor.run_record import ObservedAnchor, ObservedRelease, RunRecord
from anchor.records import observed_releases
from anchor.records.check import check
from anchor.records.database import Database
from anchor.verdict import Class
from tests.support.records.reverified import TARGET, WatchedRelease, detail
from tests.support.releases import samples


@pytest.fixture
def world(database: Database) -> WatchedRelease:
    return WatchedRelease(database)


def chain(count: int, *, first: str = "1.0.0", versions: dict[int, str] | None = None) -> dict[int, bytes]:
    """Statements 1 to `count`, each of which names the one before. `first`: the version of number 1."""
    found = {1: encode(samples.statement(version=first))}
    for n in range(2, count + 1):
        version = (versions or {}).get(n, f"{n}.0.0")
        found[n] = encode(samples.statement(number=n, version=version, previous=link(found[n - 1])))
    return found


SHOWN = chain(8)
OTHER = chain(8, first="1.0.0-other")
"""The same numbers in another history."""


def archive(world: WatchedRelease, statements: dict[int, bytes], *missing: int) -> None:
    """The published folder has all of these but the missing ones."""
    for number, statement in statements.items():
        if number not in missing:
            release = ObservedRelease(
                ledger="prices",
                number=number,
                version=link(statement).version,
                root="ab" * 32,
                size=3,
                statement=statement,
                anchors=(
                    ObservedAnchor(
                        origin=world.log.origin, log_key=world.log.key.vkey, log_index=1, bundle=b"bundle"
                    ),
                ),
            )
            world.archive[release.digest] = release


def served(
    world: WatchedRelease, statements: dict[int, bytes], number: int, target: str = TARGET
) -> RunRecord:
    world.number, world.statement = number, statements[number]
    return world.run(target)


def test_another_history_is_found_however_many_numbers_lie_between(world: WatchedRelease) -> None:
    """Release 1 was verified; 1', 2', 3' are signed and 3' is seen."""
    archive(world, OTHER)
    assert served(world, SHOWN, 1).verdict.verdict is Class.OK
    for number in (3, 6):
        found = served(world, OTHER, number)
        assert found.verdict.verdict is Class.EQUIVOCATION
        assert "names another release 1 before it than the signed" in detail(found, "")
        assert to_base64(OTHER[2]).encode() in found.evidence[0].document  # it is 2' that names 1'
        assert to_base64(SHOWN[1]).encode() in found.evidence[0].document
    assert served(world, SHOWN, 1).verdict.verdict is Class.EQUIVOCATION  # nothing makes it good


def test_each_held_number_is_compared_and_not_the_last_alone(world: WatchedRelease) -> None:
    """2 was verified, and the chain of 5' was told apart from it by nobody while 2 was not held."""
    archive(world, OTHER, 3)
    served(world, OTHER, 5)
    served(world, SHOWN, 2, "elsewhere/release.json")
    assert served(world, OTHER, 5).verdict.verdict is Class.PENDING
    archive(world, OTHER)
    found = served(world, OTHER, 6)
    assert found.verdict.verdict is Class.EQUIVOCATION
    assert "names another release 2 before it" in detail(found, "")


def test_an_honest_gap_is_read_once(world: WatchedRelease) -> None:
    archive(world, SHOWN)
    served(world, SHOWN, 1)
    found = served(world, SHOWN, 6)
    assert found.verdict.verdict is Class.OK
    assert "each earlier number that is held is that of the chain" in detail(found, "chain")
    assert world.fetched == [5, 4, 3, 2]
    assert served(world, SHOWN, 7).verdict.verdict is Class.OK
    assert served(world, SHOWN, 6).never_damp
    assert world.fetched == [5, 4, 3, 2]
    # what was read on the way was not shown at the target, and is held as any other release
    assert "where 7 was verified" in detail(served(world, SHOWN, 3), "number")
    states = {c.name: c.state for c in check(world.database).checks}
    assert states["history"] == states["projections"] == "passed"


def test_what_cannot_be_read_back_is_pending_until_it_can(world: WatchedRelease) -> None:
    archive(world, SHOWN, 3)
    served(world, SHOWN, 1)
    for _ in range(2):
        found = served(world, SHOWN, 5)
        assert found.verdict.verdict is Class.PENDING
        assert "release 3 (version 3.0.0) cannot be read, so releases 1 to 3 are not" in detail(
            found, "chain"
        )
    archive(world, SHOWN)
    assert served(world, SHOWN, 5).verdict.verdict is Class.OK


def test_a_contradiction_without_a_bundle_that_shows_it_is_never_good(world: WatchedRelease) -> None:
    archive(world, OTHER)
    world.unsigned.add(2)
    served(world, SHOWN, 1)
    for _ in range(2):
        found = served(world, OTHER, 3)
        assert found.verdict.verdict is Class.PENDING
        assert "release 2 names another release 1 than the one that is held" in detail(found, "chain")
    world.unsigned.clear()
    assert served(world, OTHER, 3).verdict.verdict is Class.EQUIVOCATION


def test_reading_back_has_an_end_and_goes_on_in_the_next_run(
    world: WatchedRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(world, OTHER)
    served(world, SHOWN, 1)
    monkeypatch.setattr(ancestry, "LIMIT", 3)
    found = served(world, OTHER, 8)
    assert found.verdict.verdict is Class.PENDING
    assert "this run has read 3 earlier releases; releases 1 to 4 are not compared" in detail(found, "chain")
    assert served(world, OTHER, 8).verdict.verdict is Class.EQUIVOCATION
    assert sorted(world.fetched) == [2, 3, 4, 5, 6, 7]


def test_what_a_stranger_signed_under_another_policy_asks_for_no_reading_back(world: WatchedRelease) -> None:
    served(world, SHOWN, 1)
    world.disowned.add(1)
    archive(world, OTHER)
    found = served(world, OTHER, 5)
    assert found.verdict.verdict is Class.OK
    assert world.fetched == []


def test_a_person_who_accepts_a_number_ends_the_reading_back_there(world: WatchedRelease) -> None:
    served(world, SHOWN, 1)
    assert served(world, SHOWN, 5).verdict.verdict is Class.PENDING
    observed_releases.accept(
        world.database, TARGET, number=5, who="me@here", reason="2 to 4 were never published", now=world.now
    )
    assert served(world, SHOWN, 5).verdict.verdict is Class.OK
    assert served(world, SHOWN, 6).verdict.verdict is Class.OK
    assert served(world, SHOWN, 5).never_damp


@pytest.mark.parametrize("version", ["1.0.0-RC", "1.0.0-rc"])
def test_a_version_that_is_published_again_under_another_number_is_invalid(
    world: WatchedRelease, version: str
) -> None:
    again = chain(5, first="1.0.0-rc", versions={3: version})
    archive(world, again)
    served(world, again, 2)
    found = served(world, again, 3)  # 1 is not held, and nobody read it back
    assert found.verdict.verdict is Class.OK
    served(world, again, 1, "elsewhere/release.json")
    for number in (4, 5):
        found = served(world, again, number)
        assert found.verdict.verdict is Class.INVALID
        assert "releases 1 and 3 have one version, 1.0.0-rc" in detail(found, "chain")


def test_a_version_that_is_held_of_another_number_is_invalid(world: WatchedRelease) -> None:
    world.number, world.statement = 1, SHOWN[1]

    def as_v1(found: RunRecord) -> str:
        return detail(found, "version")

    assert as_v1(world.run()) == ""
    again = chain(3, versions={3: "1.0.0"})
    world.number, world.statement = 3, again[3]
    world.version = "V1"
    found = world.run()
    assert found.verdict.verdict is Class.INVALID
    assert "releases 1 and 3 have one version, V1" in as_v1(found)
    world.disowned.add(1)
    assert as_v1(world.run()) == ""
