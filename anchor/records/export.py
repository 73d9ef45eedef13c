# SPDX-License-Identifier: Apache-2.0
"""Exports the records: all rows as JSON Lines, or evidence and signed notes as files. Reads only."""

import base64
from collections.abc import Iterator

import msgspec
import sqlalchemy as sa

from anchor.records.database import Database
from anchor.records.tables import Base, Checkpoint, EvidenceRow

BATCH = 1000
_HIDDEN = frozenset({"deliveries", "targets", "sightings"})
"""Working state, not records."""


def rows(database: Database) -> Iterator[str]:
    """Each recorded row as one JSON object: `table` and its columns, bytes as base64."""
    with database.read() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in _HIDDEN:
                continue
            query = sa.select(table).order_by(*table.primary_key.columns)
            for row in connection.execute(query.execution_options(yield_per=BATCH)).mappings():
                values = {str(k): _text(v) for k, v in row.items()}
                yield msgspec.json.encode({"table": str(table.name), **values}).decode()


def _text(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def evidence(database: Database) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each piece of evidence, as `anchor verify-evidence` reads it."""
    query = sa.select(EvidenceRow.seq, EvidenceRow.digest, EvidenceRow.document).order_by(EvidenceRow.seq)
    with database.read() as connection:
        for seq, digest, document in connection.execute(query):
            yield f"evidence-{seq}-{digest[:16]}.json", document


def notes(database: Database) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each signed checkpoint."""
    query = sa.select(Checkpoint.seq, Checkpoint.size, Checkpoint.note).order_by(Checkpoint.seq)
    with database.read() as connection:
        for seq, size, note in connection.execute(query):
            yield f"checkpoint-{seq}-{size}.note", note
