# SPDX-License-Identifier: Apache-2.0
"""Numbers that no database holds, from a mark or from rows that somebody edited: never a defect of ours."""

import json

import pytest
import sqlalchemy as sa

from anchor.errors import AnchorError
from anchor.monitor.run_record import SignedCheckpoint
from anchor.records import high_water_mark, queue, store
from anchor.records.check import check
from anchor.records.database import Database
from anchor.records.intervals import MAX_INTERVAL
from anchor.records.state import HeldState
from anchor.records.tables import MAX_NUMBER
from anchor.report.status import status
from anchor.tlog import checkpoint
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog, UniformLog
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, on_both
from tests.support.records.reverified import WatchedRelease, detail

URL = "https://example.org/release.json"


def edited(database: Database, **values: object) -> bytes:
    return json.dumps({**json.loads(high_water_mark.encode(database)), **values}).encode()


@pytest.mark.parametrize("number", [-1, MAX_NUMBER + 1, 2**64, 10**400, 1e300])
@pytest.mark.parametrize("member", ["ends", "history", "watched"])
def test_a_mark_with_a_number_beyond_all_is_a_mark_less(
    database: Database, member: str, number: float
) -> None:
    value = {
        "ends": {"runs": [number, "aa"]},
        "history": {"origin": "o", "size": number, "root": "aa"},
        "watched": [[URL, number]],
    }[member]
    assert high_water_mark.decode(edited(database, **{member: value})) is None


def test_the_largest_numbers_of_a_mark_can_be_looked_for_and_kept(database: Database) -> None:
    """Also the due time that comes of the largest interval."""
    written = json.loads(high_water_mark.encode(database))
    ends = {name: [MAX_NUMBER, "aa"] for name in ("runs", "checkpoints", "evidence", "prunes", "journal")}
    older = high_water_mark.decode(
        edited(database, format="urn:ledger-anchor:mark:v1", history=None, ends=ends)
    )
    head = {**written["history"], "size": MAX_NUMBER}
    found = high_water_mark.decode(edited(database, history=head, watched=[[URL, MAX_INTERVAL]]))
    assert older is not None
    assert found is not None
    for mark in (older, found):
        assert high_water_mark.compare(database, mark).demotes is Class.UNAVAILABLE
    assert high_water_mark.restore(database, found, now=NOW) == [URL]
    assert high_water_mark.restore(database, found, now=NOW) == []  # known now
    lease = outcomes.taken(database, URL)
    store.save_run(database, lease, outcomes.outcome(target=URL), now=NOW, rules=store.RunRules())
    assert outcomes.due(database, now=NOW + 10 * 365 * 86400) == []
    (claim,) = queue.watched(database)
    assert claim.due > NOW + MAX_INTERVAL


@pytest.mark.parametrize(
    "target",
    ["", "a\0b", "/a\nb", "relative/release.json", "file:///etc/passwd", "/" + "a" * 5000, "ftp://x/"],
)
def test_a_target_of_a_mark_that_no_command_would_add_is_left_out(database: Database, target: str) -> None:
    found = high_water_mark.decode(
        edited(database, watched=[[target, None], [URL, None], ["/a/release.json", 60]])
    )
    assert found is not None
    assert [one.target for one in high_water_mark.watched(found)] == [URL, "/a/release.json"]


def test_a_head_of_the_largest_size_is_kept(database: Database) -> None:
    log = SimLog().grow(3)
    head = outcomes.signed(log)
    huge = SignedCheckpoint(
        origin=log.origin,
        log_key=log.key.vkey,
        size=MAX_NUMBER,
        root=b"r" * 32,
        note=log.sign(MAX_NUMBER, root=b"r" * 32),
    )
    store.preserve(database, (head, huge), (), now=NOW)
    memory = HeldState(database, now=NOW)
    assert [h.size for h in memory.unproven(log.key.vkey, log.origin).heads] == [3, MAX_NUMBER]
    assert [h.checkpoint.size for h in memory.held(log.key.vkey, log.origin, MAX_NUMBER)] == [MAX_NUMBER]


EDITS = [
    f"{column} = {value}"
    for column in (
        "interval_s",
        "added_ms",
        "decided_due_ms",
        "last_run_ms",
        "last_good_ms",
        "failing_since_ms",
        "max_run_age_s",
    )
    for value in ("9223372036854775807", "-9223372036854775808")
] + ["failing_runs = 2147483647", "failing_runs = -2147483648"]


@pytest.mark.parametrize(("url", "edit"), on_both([(edit,) for edit in EDITS], one_of=10), indirect=["url"])
def test_a_claim_that_was_edited_to_the_ends_of_the_numbers_is_no_defect(
    database: Database, edit: str
) -> None:
    """The watch goes on or says why not; nothing but errors of ours is raised."""
    world = WatchedRelease(database)
    world.run("/a/release.json")
    with database.write() as connection:
        connection.execute(sa.text(f"UPDATE targets SET {edit}"))
    status(database, now=world.now)
    assert check(database).verdict is not Class.OK
    try:
        world.run("/a/release.json")
        queue.acquire(database, worker="w", now=world.now)
    except AnchorError:
        pass
    status(database, now=world.now)


WORK = [
    f"{column} = {value}"
    for column in ("due_ms", "slot_ms", "started_ms", "lease_ms")
    for value in ("9223372036854775807", "-9223372036854775808")
]


@pytest.mark.parametrize(("url", "edit"), on_both([(edit,) for edit in WORK], one_of=2), indirect=["url"])
@pytest.mark.parametrize("held", [False, True])
def test_working_state_that_was_edited_to_the_ends_of_the_numbers_silences_no_target(
    database: Database, edit: str, held: bool
) -> None:
    """The target is due when its last run said it, at the latest. It is nobody's fault, and no defect."""
    world = WatchedRelease(database)
    world.run("/a/release.json")
    if held:
        outcomes.taken(database, "/a/release.json", now=world.now, worker="dead")
    with database.write() as connection:
        connection.execute(sa.text(f"UPDATE work SET {edit}"))
    status(database, now=world.now)
    assert outcomes.changed(database) == []
    later = world.now + 3 * 86400
    lease = queue.acquire(database, worker="w", now=later, alive=lambda who: who != "dead")
    assert isinstance(lease, queue.Lease)
    store.save_run(database, lease, outcomes.outcome(target=lease.target), now=later, rules=store.RunRules())
    assert outcomes.changed(database) == []


@pytest.mark.parametrize("value", ["9e999", "-9e999", "1e308", "1.5"])
@pytest.mark.parametrize(
    "column",
    [
        "targets.interval_s",
        "targets.decided_due_ms",
        "targets.last_run_ms",
        "targets.last_good_ms",
        "targets.failing_runs",
        "targets.failing_since_ms",
        "work.due_ms",
    ],
)
def test_a_claim_with_numbers_that_are_not_whole_is_no_defect(
    world: WatchedRelease, column: str, value: str
) -> None:
    """SQLite takes any number in any column."""
    world.run("/a/release.json")
    table, name = column.split(".")
    with world.database.write() as connection:
        connection.execute(sa.text(f"UPDATE {table} SET {name} = {value}"))
    status(world.database, now=world.now)
    check(world.database)
    try:
        world.run("/a/release.json")
        queue.acquire(world.database, worker="w", now=world.now)
    except AnchorError:
        pass
    status(world.database, now=world.now)


@pytest.mark.parametrize(
    ("url", "size"),
    on_both([(2**63 - 2,), (2**62 + 1,), (2**62,), (127 << 56,), ((1 << 56) - 1,)], one_of=5),
    indirect=["url"],
)
def test_an_entry_near_the_end_of_the_numbers_is_read_and_proven(database: Database, size: int) -> None:
    """Tile paths, bundle offsets, proofs and what is stored of them."""
    world = WatchedRelease(database)
    log = UniformLog(size)
    world.log, world.index, world.body, world.then = log, size - 1, b"e", log.head(size)
    assert world.found() is Class.OK
    log.count += 1
    for index in (size - 1, size - 256, size // 2, 0):
        world.index = index
        grown = world.run()
        assert grown.verdict.verdict is Class.OK, detail(grown, "")
    assert f"log {log.origin}" in {c.name for c in grown.verdict.checks}
    assert {c.name for c in check(database).checks if c.demotes} <= {"releases"}


@pytest.mark.parametrize("index", [2**63 - 1, 2**63 - 2])
def test_an_index_beyond_the_head_is_a_doubt_however_large(database: Database, index: int) -> None:
    world = WatchedRelease(database)
    world.index = index
    assert world.found() is Class.UNAVAILABLE


def test_a_bundles_head_at_the_end_of_the_numbers_is_held_and_stands_for_nothing(database: Database) -> None:
    """The entry's own checkpoint says 2^63-1; the log shows nine entries."""
    world = WatchedRelease(database)
    world.then = checkpoint.verify(world.log.sign(2**63 - 1, root=b"r" * 32), world.log.log)
    for size in (9, 9, 30):
        world.log.grow(size - world.log.size)
        found = world.run()
        assert found.verdict.verdict is Class.UNAVAILABLE
        assert detail(found, f"log {world.log.origin}").startswith("passed")
