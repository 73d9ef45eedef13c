# SPDX-License-Identifier: Apache-2.0
"""The facts that the last finished run of each watched target found."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec
import sqlalchemy as sa

from anchor.format.history_events import RunEnded
from anchor.records import event_log
from anchor.records.database import Database
from anchor.records.tables import Target

T = TypeVar("T")
_LAST = (
    sa.select(Target.target, Target.last_finished)
    .where(Target.active == 1, Target.last_finished.is_not(None))
    .order_by(Target.id)
)


def last_facts(database: Database, kind: type[T]) -> Iterator[tuple[str, T]]:
    """Each watched target, and the facts of its last finished run as a `kind`, which needs no member.

    Raises Refused for an edited event.
    """
    with database.read() as connection:
        targets = {row.last_finished: row.target for row in connection.execute(_LAST)}
        found = [*event_log.events(connection, targets)]
    for index, event in found:
        facts = event.facts if isinstance(event, RunEnded) else {}
        yield targets[index], msgspec.convert(facts, type=kind, strict=False)  # large numbers are texts
