# SPDX-License-Identifier: Apache-2.0
"""The index of a ledger: which facts have a key, and that these are all. FORMAT.md section 21.

Keys are exact. `key_hash` is the hash of a key, `IndexBuilder` makes an index from facts that stream by, and
`check` decides whether the indexes of a statement fit its columns. Paths are in `anchor.merkle`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain
from operator import itemgetter
from typing import Annotated, Any, BinaryIO, Literal

import msgspec
from msgspec import Meta, UnsetType

from anchor import limits
from anchor.encoding import jcs
from anchor.errors import Refused
from anchor.format import names
from anchor.format.facts import ABSENT, Objects, Value, brief
from anchor.format.members import Count, Hex32
from anchor.merkle.sparse_hashing import INDEX_ALGORITHM, KeyLeaf
from anchor.words import several

Key = tuple[str | None, ...]
"""The values of the key columns of one fact. An absent column counts as null."""
Columns = Annotated[
    tuple[str, ...],
    Meta(min_length=1, max_length=limits.INDEX_COLUMNS, extra_json_schema={"uniqueItems": True}),
]


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An index as a statement has it: key columns in order, the number of different keys, the root (hex)."""

    algorithm: Literal["csmt-sha256-v1"]
    columns: Columns
    keys: Count
    root: Hex32

    @property
    def name(self) -> str:
        """Its key columns, for people."""
        return ", ".join(brief(column) for column in self.columns)

    @property
    def line(self) -> str:
        """A line about it, for people."""
        return f"index      over {self.name}: {self.keys} keys"


Indexes = Annotated[tuple[Index, ...], Meta(min_length=1, max_length=limits.INDEXES)]


def check(indexes: Sequence[Index], columns: Sequence[str], size: int, *, where: str) -> None:
    """Raise `Refused` unless these indexes are of a ledger with these columns and number of facts."""
    lists = [index.columns for index in indexes]
    for number, index in enumerate(indexes):
        place = f"{where}[{number}]"
        check_columns(index.columns, columns, where=f"{place}.columns")
        names.require(names.hex_problem(index.root), index.root, where=f"{place}.root")
        if index.keys > size:
            raise Refused(f"{several(index.keys, 'key')} of {several(size, 'fact')}", where=f"{place}.keys")
        if index.columns in lists[:number]:
            raise Refused("the columns of another index", where=f"{place}.columns")


def check_columns(key: Sequence[str], columns: Sequence[str], *, where: str) -> None:
    """Raise `Refused` unless these are 1 to 16 different columns of the ledger."""
    if not 1 <= len(key) <= limits.INDEX_COLUMNS:
        raise Refused(
            f"{several(len(key), 'column')}, where an index has 1 to {limits.INDEX_COLUMNS}", where=where
        )
    for place, column in enumerate(key):
        if column not in columns:
            raise Refused(f"{brief(column)} is not a column of the ledger", where=where)
        if column in key[:place]:
            raise Refused(f"the column {brief(column)} is there twice", where=where)


def key_hash(key: Key) -> bytes:
    """SHA-256 of the RFC 8785 form of the list of a key's values, 32 bytes."""
    return sha256(jcs(list(key), where="key")).digest()


def shown(key: Key) -> str:
    """The key in a message for people."""
    return ", ".join("null" if value is None else brief(value) for value in key)


class IndexBuilder:
    """One index, from the facts of a ledger in their order. `merkle.sparse` says what it holds in memory."""

    def __init__(
        self,
        key: Sequence[str],
        columns: Sequence[str],
        *,
        spool: Callable[[], BinaryIO] | None = None,
        held: int | None = None,
    ) -> None:
        """`key`: its columns; `columns`: those of the ledger. `spool` and `held` as in `KeyEntries`."""
        from anchor.merkle.sparse import KeyEntries  # few ledgers have an index

        check_columns(key, columns, where="index")
        self._key = tuple(key)
        self._pick = _picker([list(columns).index(column) for column in key])
        self._entries = KeyEntries(spool, held=held)
        self._encode = msgspec.json.Encoder().encode_lines

    def extend(self, facts: Sequence[Sequence[Value]], leaf_hashes: Sequence[bytes]) -> None:
        """Take the facts that follow, with the leaf hash (32 bytes) of each."""
        self.add(self.keys_of(facts), leaf_hashes)

    def add(self, keys: Sequence[Key], leaf_hashes: Sequence[bytes]) -> list[bytes]:
        """Take the keys of the facts that follow, with the leaf hash (32 bytes) of each fact.

        Returns the hash of each key.
        """
        lines = self._encode(keys).split(b"\n")  # a list of strings and nulls, as RFC 8785 writes it
        lines.pop()  # what stands after the last line end
        hashes = [sha256(line).digest() for line in lines]
        self._entries.extend(hashes, leaf_hashes)
        return hashes

    def keys_of(self, facts: Sequence[Sequence[Value]]) -> list[Key]:
        """The key of each of these facts, which are in the order of the ledger's columns."""
        if isinstance(facts, Objects) and not facts.whole:  # dicts, perhaps with few of very many columns
            return [tuple([found.get(column) for column in self._key]) for found in facts.objects]
        keys = list(map(self._pick, facts))
        if UnsetType in set(map(type, chain.from_iterable(keys))):
            return [tuple(None if value is ABSENT else value for value in key) for key in keys]
        return keys

    def leaves(self) -> Iterator[KeyLeaf]:
        """The leaf of each key so far, by rising key hash."""
        return self._entries.leaves()

    def index(self) -> Index:
        """The index of the facts so far."""
        from anchor.merkle.sparse import keys_and_root

        keys, root = keys_and_root(self.leaves())
        return Index(algorithm=INDEX_ALGORITHM, columns=self._key, keys=keys, root=root.hex())


def builders(
    wanted: Iterable[Sequence[str]],
    columns: Sequence[str],
    *,
    spool: Callable[[], BinaryIO] | None = None,
) -> list[IndexBuilder]:
    """A builder for each of these lists of key columns, of a ledger with these columns."""
    return [IndexBuilder(key, columns, spool=spool) for key in wanted]


def _picker(places: list[int]) -> Callable[[Sequence[Value]], tuple[Any, ...]]:
    """From a fact to the values at these places."""
    if len(places) == 1:
        (place,) = places
        return lambda fact: (fact[place],)
    return itemgetter(*places)
