# SPDX-License-Identifier: Apache-2.0
"""The one append-only table of the records: events, and the tree over them. FORMAT.md section 29.

The leaf hashes lie in tiles of 256, each one row; a full tile's root is a hash of the tile above it. So an
append and a proof read a few rows, whatever the size. Indexes have no gaps: they are given under the lock
that serialises commits (`Database.serialise`). Only `Appender` writes, and only `prune` removes a body.
"""

import hashlib
import secrets
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused
from anchor.format import history_events
from anchor.format.history_events import AnyEvent
from anchor.merkle.hashing import EMPTY_ROOT, HASH_SIZE
from anchor.merkle.ranges import Node, Range, inclusion_ranges, range_hash
from anchor.merkle.tree import root as root_of
from anchor.records.tables import Blob, EventRow, TileRow
from anchor.tlog import tiles

_SMALL_WINDOW = 12
"""2 to this power are the bytes of a window for a small body."""
_LEVEL = 3
"""Half the time of the usual level, for 3 % more bytes."""
MAX_EVENTS = 1 << 53
"""A number of JSON that every reader keeps exactly (RFC 7493 section 2.2)."""
BATCH = 256
"""Rows that are read at once."""

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_SIZE = sa.select(sa.func.max(EventRow.leaf_index))
_ADD = sa.insert(EventRow)
_TILE = sa.select(TileRow.hashes).where(
    TileRow.level == sa.bindparam("level"), TileRow.number == sa.bindparam("number")
)
_ADD_TILE = sa.insert(TileRow)
_MORE = sa.bindparam("more", type_=sa.LargeBinary())
_GROW_TILE = (
    sa.update(TileRow)
    .where(TileRow.level == sa.bindparam("of_level"), TileRow.number == sa.bindparam("of_number"))
    .where(sa.func.length(TileRow.hashes) == sa.bindparam("length"))
    .values(hashes=sa.cast(sa.cast(TileRow.hashes, sa.LargeBinary).op("||")(_MORE), sa.LargeBinary))
)
_BODIES = sa.select(EventRow.leaf_index, EventRow.body).where(
    EventRow.leaf_index.in_(sa.bindparam("indexes", expanding=True))
)
LEAF: sa.ColumnElement[bytes] = sa.literal_column(
    f"substr(tiles.hashes, CAST(events.leaf_index % {tiles.FULL} * {HASH_SIZE} + 1 AS INTEGER), {HASH_SIZE})"
).label("leaf")
"""The leaf hash of an event, out of the tile that is joined to it `ON` this."""
ON: sa.ColumnElement[bool] = sa.literal_column(
    f"tiles.level = 0 AND tiles.number = events.leaf_index / {tiles.FULL}", sa.Boolean
)
_EVENTS = (
    sa.select(EventRow.leaf_index, EventRow.body, LEAF)
    .outerjoin(TileRow, ON)
    .where(EventRow.leaf_index.in_(sa.bindparam("indexes", expanding=True)))
)
_ALL = (
    sa.select(EventRow.leaf_index, EventRow.kind, EventRow.at_ms, EventRow.body)
    .order_by(EventRow.leaf_index)
    .execution_options(yield_per=BATCH)
)
_OF_KIND = (
    sa.select(EventRow.leaf_index).where(EventRow.kind == sa.bindparam("kind")).order_by(EventRow.leaf_index)
)
_PRUNE = (
    sa.update(EventRow)
    .where(EventRow.leaf_index.between(sa.bindparam("first"), sa.bindparam("last")))
    .values(body=None)
)
_BLOB = sa.select(Blob.data).where(Blob.sha256 == sa.bindparam("sha256"))
_ADD_BLOB = sa.insert(Blob)


def size(connection: Connection) -> int:
    """The number of events. Raises Refused for an index that no history reaches: somebody edited it."""
    last = connection.execute(_SIZE).scalar()
    if last is not None and not 0 <= last < MAX_EVENTS:
        raise Refused(f"event {last} has another index than was written", where="records")
    return 0 if last is None else int(last) + 1


def common(at_ms: int) -> dict[str, Any]:
    """The members that all events have, for an event at a time (ms since 1970), with a new nonce."""
    return history_events.common(at_ms, secrets.token_bytes(history_events.NONCE_SIZE))


def packed(body: bytes) -> bytes:
    """The stored form of a body: zlib (RFC 1950). A small window takes a fifth of the usual time."""
    small = len(body) <= 1 << _SMALL_WINDOW
    window, memory = (_SMALL_WINDOW, 5) if small else (zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL)
    packing = zlib.compressobj(level=_LEVEL, wbits=window, memLevel=memory)
    return packing.compress(body) + packing.flush()


def unpacked(stored: bytes, *, where: str) -> bytes:
    """The body of its stored form. Raises Refused for other bytes, or a body that is too large."""
    opened = zlib.decompressobj()
    try:
        body = opened.decompress(stored, history_events.MAX_EVENT + 1)
    except zlib.error:
        raise Refused("is damaged: it is not compressed as it was", where=where) from None
    if len(body) > history_events.MAX_EVENT or not opened.eof or opened.unused_data:
        raise Refused("is damaged: it does not end where it should", where=where)
    return body


class Appender:
    """Appends events in the caller's transaction, which holds `Database.serialise`.

    The events and the tile that grows are written at once, by `close`: nobody can read them before.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.size = size(connection)
        self._start = self.size
        self._rows: list[dict[str, object]] = []
        self._hashes: list[bytes] = []

    def append(self, body: bytes, *, kind: str, at_ms: int) -> int:
        """Append an event, which has this kind and time; returns its index."""
        row = {"leaf_index": self.size, "kind": kind, "at_ms": at_ms, "body": packed(body)}
        self._rows.append(row)
        self._hashes.append(history_events.leaf_hash(body))
        self.size += 1
        if len(self._rows) == BATCH:
            self._flush()
        return self.size - 1

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._connection.execute(_ADD, rows)

    def close(self) -> None:
        """Write the appended events, and their leaf hashes into the tree."""
        self._flush()
        hashes, self._hashes = self._hashes, []
        _grow(self._connection, 0, self._start, hashes)
        self._start = self.size


def _grow(connection: Connection, level: int, start: int, hashes: Sequence[bytes]) -> None:
    """Append hashes to a level of the tree, from position `start` on; full tiles go up."""
    done = 0
    up: list[bytes] = []
    while done < len(hashes):
        number, width = divmod(start + done, tiles.FULL)
        more = hashes[done : done + tiles.FULL - width]
        added = b"".join(more)
        if not width:
            connection.execute(_ADD_TILE, {"level": level, "number": number, "hashes": added})
        else:
            place = {"of_level": level, "of_number": number, "length": width * HASH_SIZE}
            if not connection.execute(_GROW_TILE, {**place, "more": added}).rowcount:
                raise _damaged(level, number)
        done += len(more)
        if width + len(more) == tiles.FULL:
            data = _tile(connection, level, number, tiles.FULL)
            up.append(root_of(tiles.split(data, tiles.FULL)))
    if up:
        _grow(connection, level + 1, start // tiles.FULL, up)


def tile(connection: Connection, level: int, number: int) -> bytes | None:
    """The hashes of a tile, as they are stored; None if it is gone."""
    data = connection.execute(_TILE, {"level": level, "number": number}).scalar()
    return None if data is None else bytes(data)


def _tile(connection: Connection, level: int, number: int, width: int) -> bytes:
    """The first `width` hashes of a tile. Raises Refused if it is gone or has fewer."""
    data = tile(connection, level, number)
    if data is None or len(data) < width * HASH_SIZE or len(data) % HASH_SIZE:
        raise _damaged(level, number)
    return data[: width * HASH_SIZE]


def _damaged(level: int, number: int) -> Refused:
    return Refused(f"tile {level}/{number} of the history is gone or damaged", where="records")


class Tree:
    """The tree over the first `size` events, from its tiles. Each tile is read once."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection = connection
        self.size = size
        self._read: dict[tuple[int, int], list[bytes]] = {}

    def root(self) -> bytes:
        """The root, 32 bytes. RFC 9162 section 2.1.1."""
        return range_hash(Range(0, self.size), self._node) if self.size else EMPTY_ROOT

    def inclusion(self, index: int) -> list[bytes]:
        """The inclusion proof of an event. RFC 9162 section 2.1.3.1."""
        return [range_hash(part, self._node) for part in inclusion_ranges(index, self.size)]

    def nodes(self, parts: Iterable[Node]) -> list[bytes]:
        """The hashes of perfect nodes."""
        return [self._node(part) for part in parts]

    def leaf(self, index: int) -> bytes:
        """The leaf hash of an event."""
        return self._node(Node(0, index))

    def _node(self, node: Node) -> bytes:
        place = tiles.place(node, self.size)
        key = (place.tile.level, place.tile.index)
        if key not in self._read:
            data = _tile(self._connection, *key, place.tile.width)
            self._read[key] = tiles.split(data, place.tile.width)
        return root_of(self._read[key][place.start : place.end])


def tree(connection: Connection) -> Tree:
    """The tree over all events."""
    return Tree(connection, size(connection))


def event(connection: Connection, index: int) -> AnyEvent | None:
    """An event; None if its body was pruned. Raises Refused if it is not the leaf of its index."""
    return next((found for _, found in events(connection, [index])), None)


def events(connection: Connection, indexes: Collection[int]) -> Iterator[tuple[int, AnyEvent]]:
    """The events with these indexes, in order, without the pruned ones. Raises Refused if one is gone, or is
    not the leaf of its index."""
    # A range is not made a list: an edited index makes it as long as a number can be.
    ordered = indexes if isinstance(indexes, range) else sorted(indexes)
    for wanted in (ordered[n : n + BATCH] for n in range(0, len(ordered), BATCH)):
        rows = {row.leaf_index: row for row in connection.execute(_EVENTS, {"indexes": wanted})}
        for index in wanted:
            if index not in rows:
                raise _gone(index)
            if rows[index].body is not None:
                yield index, checked(index, rows[index].body, rows[index].leaf)


def bodies(connection: Connection, wanted: Sequence[int]) -> Iterator[tuple[int, bytes | None]]:
    """The packed bodies of up to `BATCH` events, in this order; None for a pruned one. Raises Refused if an
    event is gone. They are not compared with the tree."""
    rows = {row.leaf_index: row.body for row in connection.execute(_BODIES, {"indexes": list(wanted)})}
    for index in wanted:
        if index not in rows:
            raise _gone(index)
        yield index, rows[index]


def _gone(index: int) -> Refused:
    return Refused(f"event {index} is gone", where="records")


def checked(index: int, stored: bytes, leaf: bytes | None) -> AnyEvent:
    """The event of a packed body. Raises Refused if it is not this leaf."""
    data = unpacked(stored, where=f"event {index}")
    if history_events.leaf_hash(data) != leaf:
        raise Refused(f"event {index} is not the one that was written", where="records")
    return history_events.decode(data, where=f"event {index}")


def of_kind(connection: Connection, kind: str) -> list[int]:
    """The indexes of the events of a kind, as the column beside their bodies has it."""
    return list(connection.execute(_OF_KIND, {"kind": kind}).scalars())


def origin(connection: Connection) -> str:
    """The origin of this history, from its first event."""
    first = event(connection, 0)
    if not isinstance(first, history_events.RecordsBegan):
        raise Refused("the first event does not begin a history", where="records")
    return first.origin


def stored(connection: Connection) -> Iterator[sa.Row[int, str, int, bytes | None]]:
    """All events in order, as they are stored: index, kind, time in ms, and packed body or None."""
    for batch in connection.execute(_ALL).partitions():  # half the cost of one by one
        yield from batch


def prune(connection: Connection, ranges: Collection[tuple[int, int]]) -> None:
    """Remove the bodies of these events: each first and last index. An event that names them must be appended
    in the same transaction."""
    connection.execute(_PRUNE, [{"first": first, "last": last} for first, last in ranges])


def keep(connection: Connection, data: bytes) -> str:
    """Store bytes under their SHA-256, once; returns it in hex."""
    digest = hashlib.sha256(data).hexdigest()
    if connection.execute(_BLOB, {"sha256": digest}).first() is None:
        connection.execute(_ADD_BLOB, {"sha256": digest, "data": data})
    return digest


def blob(connection: Connection, digest: str) -> bytes:
    """The stored bytes with this SHA-256 (hex). Raises Refused if they are gone or changed."""
    data = connection.execute(_BLOB, {"sha256": digest}).scalar()
    if data is None:
        raise Refused(f"the document {digest} is gone", where="records")
    if hashlib.sha256(data).hexdigest() != digest:
        raise Refused(f"the document {digest} is not what its digest says", where="records")
    return bytes(data)
