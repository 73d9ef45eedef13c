# SPDX-License-Identifier: Apache-2.0
"""Records in a database whose heads are signed by the forged Sigstore."""

from anchor.format import history_head
from anchor.format.history_events import HeadAnchored, ReleaseSeen, RunEnded, TargetWatched, time
from anchor.records import event_log
from anchor.records.database import Database
from anchor.records.tables import AnchoredHead
from anchor.records.writer import writing
from tests.support.forge.bundles import V2_DSSE, Recipe
from tests.support.records.signed_history import LEDGER, STATEMENT, TARGET, bundle

DAY = 86_400_000
BEGAN = 1_735_711_200_000
"""1 January 2025, 06:00, in ms since 1970."""


def watched(database: Database, *, at_ms: int = BEGAN) -> None:
    """A target is watched, and its release was verified."""
    with writing(database, at_ms) as writer:
        writer.add(TargetWatched, target=TARGET)
        writer.add(
            ReleaseSeen,
            ledger=LEDGER,
            number=3,
            version="3.0",
            root="cd" * 32,
            size=9,
            statement=STATEMENT,
        )


def ran(database: Database, day: int, verdict: str = "OK") -> int:
    """A run on a day; returns its index. One that is not OK verified no release."""
    at = BEGAN + day * DAY
    with writing(database, at) as writer:
        return writer.add(
            RunEnded,
            target=TARGET,
            worker="w",
            state="finished",
            slot=time(at),
            started=time(at),
            verdict=verdict,
            statement=STATEMENT if verdict == "OK" else None,
        )


def anchored(database: Database, day: int, recipe: Recipe = V2_DSSE) -> int:
    """Sign the head of now, and write down that it was anchored; returns its number of events."""
    with writing(database, BEGAN + day * DAY) as writer:
        connection = writer.connection
        tree = event_log.tree(connection)
        last = connection.execute(
            AnchoredHead.__table__.select().order_by(AnchoredHead.id.desc()).limit(1)
        ).first()
        before = event_log.blob(connection, last.statement_sha256) if last is not None else None
        root = tree.root().hex()
        head = history_head.following(event_log.origin(connection), tree.size, root, before)
        statement = history_head.encode(head)
        writer.add(
            HeadAnchored,
            size=tree.size,
            root=root,
            statement=writer.blob(statement),
            bundles=[writer.blob(bundle(statement, recipe).encode())],
        )
        return tree.size
