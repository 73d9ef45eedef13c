# SPDX-License-Identifier: Apache-2.0
"""Old runs are pruned: their bodies go, and everything that is known of their targets stays."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from anchor.errors import Misuse
from anchor.format.history_events import RecordsPruned
from anchor.records import event_log, queue, replay, retention, store
from anchor.records.database import Database
from anchor.records.state import HeldState
from anchor.records.tables import PROJECTIONS, Base, EventRow, Prune, Run, Target
from anchor.records.writer import writing
from anchor.verdict import Class
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW

HOUR = 3600
LATE = NOW + 1000 * HOUR
TARGETS = ("a/release.json", "b/release.json")
FOUND: tuple[tuple[Class, dict[str, Any]], ...] = (
    (Class.OK, {"release": outcomes.release(), "trust": {"policy": "1"}, "max_run_age": 7}),
    (Class.OK, {"release": outcomes.release(2, b"[2]"), "trust": {"policy": "2"}, "max_run_age": 8}),
    (Class.WITHDRAWN, {"trust": {"policy": "3"}, "max_run_age": 9}),
    (Class.UNAVAILABLE, {"max_run_age": 10}),
    (Class.UNAVAILABLE, {"max_run_age": 11}),
    (Class.INVALID, {}),
    (Class.UNAVAILABLE, {}),
    (Class.UNAVAILABLE, {}),
)
"""Runs of which each is the last to say something, or says nothing that a later one does not say."""
KEPT = 4


def ran(database: Database, *, hours: float = 0.0) -> None:
    """All those runs of two targets, one after the other, and one more that was interrupted."""
    for n, (found, more) in enumerate(FOUND):
        for target in TARGETS:
            at = NOW + (hours + n) * HOUR
            lease = outcomes.taken(database, target, now=at)
            record = outcomes.outcome(found, target, **more)
            store.save_run(database, lease, record, now=at, rules=store.RunRules())
    at = NOW + (hours + len(FOUND)) * HOUR
    queue.abandon_run(database, outcomes.taken(database, now=at), now=at)


def rows(database: Database, table: type[Base] = Target) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [
            tuple(row)
            for row in connection.execute(sa.select(table.__table__).order_by(table.__table__.c.id))
        ]


def test_what_is_known_of_the_targets_stays(database: Database) -> None:
    ran(database)
    before, known = rows(database), [HeldState(database, now=LATE).before(t) for t in TARGETS]
    with database.read() as connection:
        sums = retention.totals(connection)
    wanted = len(TARGETS) * (len(FOUND) - KEPT)
    assert retention.prune(database, before=LATE, now=LATE, dry_run=True) == wanted
    assert rows(database, Prune) == []
    assert retention.prune(database, before=LATE, now=LATE) == wanted
    assert retention.prune(database, before=LATE, now=LATE) == 0
    assert rows(database) == before
    assert [HeldState(database, now=LATE).before(t) for t in TARGETS] == known
    assert outcomes.changed(database) == []
    with database.read() as connection:
        assert retention.totals(connection).plus(retention.pruned(connection)) == sums


def test_projections_can_be_made_again_after_a_pruning(database: Database) -> None:
    ran(database)
    retention.prune(database, before=LATE, now=LATE)
    ran(database, hours=100)
    retention.prune(database, before=LATE, now=LATE)
    before = {table: rows(database, table) for table in PROJECTIONS}
    with database.write() as connection:
        database.serialise(connection)
        replay.rebuild(connection)
    assert {table: rows(database, table) for table in PROJECTIONS} == before
    assert outcomes.changed(database) == []


def test_only_the_named_bodies_go_and_only_old_ones(database: Database) -> None:
    ran(database)
    newest = rows(database, Run)[-1]
    assert retention.prune(database, before=NOW, now=LATE) == 0
    assert retention.prune(database, before=NOW + HOUR, now=LATE) == len(TARGETS)  # nothing is last in them
    with database.read() as connection:
        gone = connection.execute(
            sa.select(EventRow.leaf_index).where(EventRow.body.is_(None)).order_by(EventRow.leaf_index)
        )
        indexes = list(gone.scalars())
        (number,) = event_log.of_kind(connection, "records-pruned")
        event = event_log.event(connection, number)
    assert isinstance(event, RecordsPruned)
    assert [n for first, last in event.runs for n in range(int(first), int(last) + 1)] == indexes
    assert event.counts["classes"] == {"OK": len(TARGETS)}
    retention.prune(database, before=LATE, now=LATE)
    assert rows(database, Run)[-1] == newest  # of all runs, also if it was interrupted


def test_many_runs_are_named_by_several_events(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(database)
    monkeypatch.setattr(retention, "_OLD", retention._OLD.limit(3))
    assert retention.prune(database, before=LATE, now=LATE) == len(TARGETS) * (len(FOUND) - KEPT)
    assert len(rows(database, Prune)) > 1
    assert outcomes.changed(database) == []


def test_no_other_body_can_be_removed(database: Database) -> None:
    ran(database)
    for kind in ("release-seen", "trust-changed", "target-watched", "bundle-seen"):
        with database.read() as connection:
            index = event_log.of_kind(connection, kind)[0]
        with pytest.raises(Misuse, match="append-only"), database.write() as connection:
            event_log.prune(connection, [(index, index)])


def forged(database: Database, *runs: tuple[int, int], count: int | None = None) -> None:
    """The owner of the database writes a pruning event, with the right tree. `count`: runs of its sums."""
    many = sum(last - first + 1 for first, last in runs) if count is None else count
    with writing(database, queue.ms(LATE)) as writer:
        writer.add(RecordsPruned, runs=list(runs), counts={"classes": {"OK": many}})


FORGED: dict[str, Callable[[int, tuple[int, int]], dict[str, Any]]] = {
    "itself": lambda size, old: {"runs": [(size, size)]},
    "later events": lambda size, old: {"runs": [(size + 1, size + 1000)]},
    "backwards": lambda size, old: {"runs": [(old[1] + 1, old[0])]},
    "an event that is no run": lambda size, old: {"runs": [(0, 0)]},
    "the same again": lambda size, old: {"runs": [old]},
    "one of them again, in a longer range": lambda size, old: {"runs": [(old[0], size - 1)]},
    "twice in one event": lambda size, old: {"runs": [(size - 3, size - 3), (size - 3, size - 3)]},
    "with too high sums": lambda size, old: {"runs": [(size - 3, size - 3)], "count": 2},
}


@pytest.mark.parametrize("name", FORGED)
def test_a_pruning_event_that_no_program_wrote_is_found(sqlite: str, name: str) -> None:
    """It would hide runs that end later, or make the sums over pruned runs larger than they are."""
    with outcomes.opened(sqlite) as database:
        ran(database)
        retention.prune(database, before=LATE, now=LATE)
        ran(database, hours=100)
        with database.read() as connection:
            size = event_log.size(connection)
            (number,) = event_log.of_kind(connection, "records-pruned")
            event = event_log.event(connection, number)
        assert isinstance(event, RecordsPruned)
        first, last = event.runs[0]
        made = FORGED[name](size, (int(first), int(last)))
        forged(database, *made["runs"], count=made.get("count"))
        found = outcomes.changed(database)
        assert f"event {0 if name == 'an event that is no run' else size} is damaged" in found[0]
        assert "bodies" not in found[0]


def test_a_run_is_not_pruned_twice_if_its_row_is_put_back(database: Database) -> None:
    """An edit of a table that can be made again must not become an event that stays for ever."""
    ran(database)
    old = rows(database, Run)[0]
    retention.prune(database, before=LATE, now=LATE)
    with database.write() as connection:
        connection.execute(sa.insert(Run), dict(zip(Run.__table__.c.keys(), old, strict=True)))
    assert retention.prune(database, before=LATE, now=LATE) == 0
    assert f"runs {old[0]} is of no event" in outcomes.changed(database)[0]


def test_a_pruned_run_with_a_body_again_is_found(database: Database) -> None:
    """Nothing reads that body, and it may be any."""
    ran(database)
    retention.prune(database, before=LATE, now=LATE)
    with database.write() as connection:
        outcomes.unlock(connection)
        gone = connection.execute(sa.select(sa.func.min(EventRow.leaf_index)).where(EventRow.body.is_(None)))
        of = sa.update(EventRow).where(EventRow.leaf_index == gone.scalar_one())
        connection.execute(of.values(body=event_log.packed(b"{}")))
    assert "was pruned, and has a body again" in outcomes.changed(database)[0]
