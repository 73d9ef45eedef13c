# SPDX-License-Identifier: Apache-2.0
"""Exports the records: the whole history as JSON Lines, or evidence and signed notes as files. Reads only."""

import base64
from collections.abc import Iterator

import msgspec
import sqlalchemy as sa

from anchor.records import event_log
from anchor.records.database import Database
from anchor.records.tables import Blob, Checkpoint, EvidenceRow

FORMAT = "urn:ledger-anchor:record:v2"
BATCH = 256


def rows(database: Database) -> Iterator[str]:
    """Each event and then each document as one JSON object.

    An event has its `index`, its leaf `hash` (hex) and itself as `event`, null if it was pruned. Whoever has
    them can compute the root. A document has its `sha256` (hex), and its bytes as base64 in `document`.
    """
    with database.read() as connection:
        tree = event_log.tree(connection)
        for index, _, _, stored in event_log.stored(connection):
            event = b"null" if stored is None else event_log.unpacked(stored, where=f"event {index}")
            beside = {"format": FORMAT, "index": index, "hash": tree.leaf(index).hex()}
            yield f'{msgspec.json.encode(beside).decode()[:-1]},"event":{event.decode()}}}'
        query = sa.select(Blob.sha256, Blob.data).order_by(Blob.sha256)
        for digest, data in connection.execute(query.execution_options(yield_per=BATCH)):
            text = base64.b64encode(data).decode()
            yield msgspec.json.encode({"format": FORMAT, "sha256": digest, "document": text}).decode()


def evidence(database: Database) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each piece of evidence, as `anchor verify-evidence` reads it."""
    query = (
        sa.select(EvidenceRow.id, EvidenceRow.digest, Blob.data)
        .join(Blob, Blob.sha256 == EvidenceRow.digest)
        .order_by(EvidenceRow.id)
    )
    with database.read() as connection:
        for number, digest, document in connection.execute(query):
            yield f"evidence-{number}-{digest[:16]}.json", document


def notes(database: Database) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each signed checkpoint."""
    query = (
        sa.select(Checkpoint.id, Checkpoint.size, Blob.data)
        .join(Blob, Blob.sha256 == Checkpoint.note_sha256)
        .order_by(Checkpoint.id)
    )
    with database.read() as connection:
        for number, size, note in connection.execute(query):
            yield f"checkpoint-{number}-{size}.note", note
