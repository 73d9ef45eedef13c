# SPDX-License-Identifier: Apache-2.0
"""The facts of one key, the path of the key in an index, and the keys that only look like it.

FORMAT.md section 21. The facts of a ledger stream by once. Keys are exact: a key that looks equal to a person
is another key, and is listed so that the person can tell.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import msgspec
from msgspec import UnsetType

from anchor import limits
from anchor.errors import Misuse, Refused
from anchor.format.facts import Value
from anchor.format.index import Index, IndexBuilder, Key, key_hash, shown
from anchor.format.receipt import ProvenFact
from anchor.merkle import sparse
from anchor.merkle.sparse import Path

MAX_SIMILAR = 1000
"""Keys that are listed."""
MAX_FOUND = limits.RECEIPT
"""Code points of the facts of a key together: a receipt has no room for more."""


class Similar(msgspec.Struct, frozen=True):
    """A key that looks like the wanted one, and how many facts have it."""

    key: Key
    facts: int


class KeySearch:
    """A search in the facts of a ledger, in their order. It holds an index, and what it finds."""

    def __init__(
        self,
        index: Index,
        key: Key,
        columns: Sequence[str],
        *,
        spool: Callable[[], BinaryIO] | None = None,
    ) -> None:
        """`key` has a value for each column of `index`; `columns` are those of the ledger. `spool` as in
        `sparse.KeyEntries`."""
        self._index = index
        self._key = key
        self._hash = key_hash(key)
        self._folded = folded(key)
        self._columns = tuple(columns)
        self._builder = IndexBuilder(index.columns, columns, spool=spool)
        self._size = 0
        self._room = MAX_FOUND
        self._similar: dict[Key, int] = {}
        self.found: list[ProvenFact] = []
        """The facts with the key so far, as a receipt has them."""

    def extend(self, facts: Sequence[Sequence[Value]], leaf_hashes: Sequence[bytes]) -> list[int]:
        """Take the facts that follow, with the leaf hash (32 bytes) of each.

        Returns the indexes of those that have the key. Raises `Misuse` if no receipt has room for all.
        """
        keys = self._builder.keys_of(facts)
        hashes = self._builder.add(keys, leaf_hashes)
        chosen: list[int] = []
        for place, (hashed, key) in enumerate(zip(hashes, keys, strict=True)):
            if hashed == self._hash:
                self._take(self._size + place, facts[place])
                chosen.append(self._size + place)
            else:
                self._compare(key)
        self._size += len(hashes)
        return chosen

    def path(self) -> Path:
        """The path of the key, after the last fact.

        Raises `Refused` if the facts give another index than the signed one.
        """
        made = self._builder.index()
        if made != self._index:
            raise Refused(
                f"the facts give {made.keys} keys with root {made.root}, and the statement has "
                f"{self._index.keys} with {self._index.root}",
                where=f"index over {self._index.name}",
            )
        return sparse.path(self._builder.leaves(), self._hash)

    def similar(self) -> list[Similar]:
        """The other keys that have the same `folded` form, at most `MAX_SIMILAR`."""
        return [Similar(key, count) for key, count in self._similar.items()]

    def _take(self, index: int, fact: Sequence[Value]) -> None:
        members = {n: v for n, v in zip(self._columns, fact, strict=True) if not isinstance(v, UnsetType)}
        self._room -= sum(len(value) for value in members.values() if value)
        if self._room < 0:
            problem = f"its facts have more than {MAX_FOUND} characters, and a receipt has no room for all"
            raise Misuse(problem, where=shown(self._key), remedy="use an index with more columns")
        self.found.append(ProvenFact(index=index, fact=members))

    def _compare(self, key: Key) -> None:
        if key in self._similar:
            self._similar[key] += 1
        elif len(self._similar) < MAX_SIMILAR and folded(key) == self._folded:
            self._similar[key] = 1


def folded(key: Key) -> Key:
    """The key for a comparison by appearance: NFKC, without case, blanks and invisible format characters.

    Null counts as empty.
    """
    return tuple([_folded(value or "") for value in key])


def in_words(found: Sequence[Similar], most: int = 10) -> Iterator[str]:
    """A line for each similar key, and one for those that are left out."""
    for one in found[:most]:
        yield f"{shown(one.key)} ({one.facts} fact{'' if one.facts == 1 else 's'})"
    if len(found) > most:
        yield f"and {len(found) - most} more" + (" at least" if len(found) >= MAX_SIMILAR else "")


def _folded(value: str) -> str:
    if value.isascii():
        return "".join(value.lower().split())
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    return "".join(c for c in "".join(text.split()) if unicodedata.category(c) != "Cf")
