# SPDX-License-Identifier: Apache-2.0
"""The anchored heads of the history in the records: what is held, what follows it, and one more of them.

Decides whether the tree of the records is the one of a head. Who signed the head is decided elsewhere.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused
from anchor.format import history_events, history_head
from anchor.format.history_events import HeadAnchored
from anchor.format.history_head import Head
from anchor.records import event_log
from anchor.records.database import Database
from anchor.records.tables import AnchoredHead, EventRow
from anchor.records.writer import writing
from anchor.words import several

REMEDY = (
    "nothing was signed: 'anchor records check' says what was changed; put the newest state of the database "
    "back"
)
_KIND = "head-anchored"
_ROWS = sa.select(AnchoredHead).order_by(AnchoredHead.id.desc())
_NEWS = sa.select(sa.func.count()).where(EventRow.leaf_index >= sa.bindparam("since"), EventRow.kind != _KIND)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An anchored head. `index`: of its event. `bundles`: JSON."""

    index: int
    head: Head
    statement: bytes
    bundles: tuple[bytes, ...]
    at_ms: int

    @property
    def digest(self) -> str:
        """SHA-256 of the statement, hex."""
        return hashlib.sha256(self.statement).hexdigest()

    @property
    def at(self) -> str:
        """When it was written down, RFC 3339."""
        return history_events.time(self.at_ms)


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The history as it is. `heads`: the statements of the anchored heads, the last one first; `last`: that
    one itself; `news`: the number of events since then, without those about heads."""

    origin: str
    size: int
    root: str
    heads: tuple[bytes, ...]
    last: Held | None
    news: int


def last(connection: Connection) -> Held | None:
    """The head that was anchored last. Raises Refused if its documents are gone or changed."""
    row = connection.execute(_ROWS.limit(1)).first()
    if row is None:
        return None
    statement, bundles = documents(connection, row)
    return Held(
        index=row.id,
        head=history_head.decode(statement),
        statement=statement,
        bundles=bundles,
        at_ms=row.at_ms,
    )


def documents(connection: Connection, row: Any) -> tuple[bytes, tuple[bytes, ...]]:
    """The statement and the bundles (JSON) of a row of heads. Raises Refused if one is gone or changed."""
    statement = event_log.blob(connection, row.statement_sha256)
    digests = msgspec.json.decode(row.bundles, type=list[str])
    return statement, tuple(event_log.blob(connection, digest) for digest in digests)


def last_ms(database: Database) -> int | None:
    """When the last head was anchored, by its event (ms since 1970); None before the first one."""
    with database.read() as connection:
        row = connection.execute(_ROWS.limit(1)).first()
    return None if row is None else int(row.at_ms)


def now(database: Database) -> Now:
    """The history with its head of now, which is consistent with the last anchored one.

    Each event since that one is compared with its leaf. Raises Refused if the records are not of the history
    of the last anchored head, or if an event was changed.
    """
    with database.read() as connection:
        tree, held = event_log.tree(connection), last(connection)
        origin, since = event_log.origin(connection), 0
        if held is not None:
            since = held.head.size
            _check(connection, origin, held.head)
        for _ in event_log.events(connection, range(since, tree.size)):
            pass
        heads = [event_log.blob(connection, r.statement_sha256) for r in connection.execute(_ROWS)]
        news = int(connection.execute(_NEWS, {"since": since}).scalar_one())
        return Now(
            origin=origin,
            size=tree.size,
            root=tree.root().hex(),
            heads=tuple(heads),
            last=held,
            news=news,
        )


def check_follows(database: Database, statement: bytes) -> None:
    """Raise Refused unless a head is of this history and follows the last anchored one, or is that one."""
    with database.read() as connection:
        _follows(connection, statement)


def check_signed(database: Database, statements: Iterable[bytes]) -> int:
    """How many of these heads are of the history of these records. Raises Refused for one that has its origin
    and is not: the records were put back, or changed. Heads of other histories do not count."""
    count = 0
    with database.read() as connection:
        origin = event_log.origin(connection)
        for statement in statements:
            head = history_head.decode(statement)
            if head.origin == origin:
                _check(connection, origin, head)
                count += 1
    return count


def add(database: Database, statement: bytes, bundles: Sequence[bytes], *, at_ms: int) -> None:
    """Write down once that a head was anchored. Raises as `check_follows`."""
    head = history_head.decode(statement)
    with writing(database, at_ms) as writer:
        if not _follows(writer.connection, statement):
            return
        writer.add(
            HeadAnchored,
            size=head.size,
            root=head.root,
            statement=writer.blob(statement),
            bundles=[writer.blob(bundle) for bundle in bundles],
        )


def _follows(connection: Connection, statement: bytes) -> bool:
    """False if this is the last anchored head already."""
    head, held = history_head.decode(statement), last(connection)
    origin = event_log.origin(connection)
    _check(connection, origin, head)
    if held is not None and held.statement == statement:
        return False
    before = held.statement if held is not None else None
    if statement != history_head.encode(history_head.following(origin, head.size, head.root, before)):
        raise Refused(
            f"the head of {several(head.size, 'event')} does not follow the last anchored one of these "
            "records",
            where="records",
            remedy=REMEDY,
        )
    return True


def _check(connection: Connection, origin: str, head: Head) -> None:
    """Raise Refused if a head is not of this history."""
    size = event_log.size(connection)
    anchored = f"a head of {several(head.size, 'event')} was signed"
    if head.origin != origin:
        raise Refused(f"{anchored} of another history, {head.origin}", where="records", remedy=REMEDY)
    if head.size > size:
        raise Refused(f"{anchored}, and the records have {size}", where="records", remedy=REMEDY)
    if event_log.Tree(connection, head.size).root().hex() != head.root:
        problem = f"{anchored}, and the first {several(head.size, 'event')} of the records are others"
        raise Refused(problem, where="records", remedy=REMEDY)
