# SPDX-License-Identifier: Apache-2.0
"""Differences of two sequences of facts, as values that can be shown or applied.

Applied to the older sequence, the differences give the newer one: removed facts are taken out; changed and
moved ones go to their new places, and so do added ones; all others follow each other in their old order.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from anchor.compare import columns as column_names
from anchor.compare.columns import Columns, Key, in_columns
from anchor.compare.pairing import CHANGED, EQUAL, MOVED, NEW, Pairing
from anchor.compare.stored import StoredFacts, Values, each_hash
from anchor.format.facts import Value
from anchor.merkle import consistency_ranges, root, verify_consistency

Kind = Literal["changed", "added", "removed", "moved", "filled"]
KINDS: Final[tuple[Kind, ...]] = ("changed", "added", "removed", "moved", "filled")
"""Each kind in the order in which they are listed."""


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value that differs. A column that a fact does not have is left out."""

    column: str
    """By its newer name."""
    old: Value = UNSET
    new: Value = UNSET


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact that differs."""

    kind: Kind
    """`filled`: it differs only in columns that were added."""
    old_index: int | UnsetType = UNSET
    """The index in the older sequence, from 0."""
    new_index: int | UnsetType = UNSET
    moved: bool = False
    """True for a changed or filled fact that has another place as well."""
    key: Values | UnsetType = UNSET
    """The values of the key columns, of a changed or filled fact."""
    cells: tuple[Cell, ...] | UnsetType = UNSET
    """The values that differ, of a changed or filled fact."""
    fact: Values | UnsetType = UNSET
    """The values of an added, removed or moved fact. Columns have their name in its own ledger."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of facts of each kind."""

    old: int
    new: int
    equal: int
    """Facts that are equal and did not move, added columns apart."""
    changed: int
    added: int
    removed: int
    moved: int
    """Facts that are equal and have another place."""

    @property
    def same(self) -> bool:
        """True if no fact differs."""
        return self.equal == self.old == self.new


class AppendOnly(msgspec.Struct, frozen=True):
    """The proof that the older tree is the beginning of the newer one. Hashes are in hex."""

    old_size: int
    old_root: str
    new_size: int
    new_root: str
    proof: tuple[str, ...]
    """A consistency proof of RFC 9162 section 2.1.4; empty for equal trees."""


class Comparison:
    """Two sequences of facts, paired."""

    def __init__(
        self, old: StoredFacts, new: StoredFacts, columns: Columns, key: Key, pairing: Pairing
    ) -> None:
        self.columns = columns
        self.key = key
        self.old = old
        self.new = new
        self._pairing = pairing
        self._names: Mapping[str, str] = dict(columns.kept)
        self._places = {name: at for at, name in enumerate(new.columns)}

    @property
    def counts(self) -> Counts:
        pairing = self._pairing
        added, paired = pairing.count(NEW), pairing.new_size - pairing.count(NEW)
        return Counts(
            old=pairing.old_size,
            new=pairing.new_size,
            equal=pairing.count(EQUAL),
            changed=pairing.count(CHANGED, CHANGED | MOVED),
            added=added,
            removed=pairing.old_size - paired,
            moved=pairing.count(EQUAL | MOVED),
        )

    @property
    def same(self) -> bool:
        """True if neither facts nor columns differ."""
        return self.counts.same and not self.columns.changed

    def of(self, kind: Kind) -> Iterator[Difference]:
        """The differences of one kind, in the order of the newer sequence; removed ones in the older one."""
        if kind == "removed":
            for at in self._pairing.removed():
                yield Difference(kind=kind, old_index=at, fact=_ordered(self.old, at))
        elif kind == "added":
            for at in self._pairing.new(NEW):
                yield Difference(kind=kind, new_index=at, fact=_ordered(self.new, at))
        elif kind == "moved":
            for at in self._pairing.new(EQUAL | MOVED):
                yield Difference(
                    kind=kind,
                    old_index=self._pairing.partner[at],
                    new_index=at,
                    fact=_ordered(self.new, at),
                )
        elif kind == "changed":
            yield from self._paired(kind, self._pairing.new(CHANGED, CHANGED | MOVED))
        elif self.columns.added:
            yield from self._paired(kind, self._pairing.new(EQUAL, EQUAL | MOVED))

    def __iter__(self) -> Iterator[Difference]:
        for kind in KINDS:
            yield from self.of(kind)

    def _paired(self, kind: Kind, indexes: Iterator[int]) -> Iterator[Difference]:
        """`filled` is asked for all equal facts, and given for those with a value in an added column."""
        for at in indexes:
            mine, newer = self._pairing.partner[at], self.new.fact(at)
            cells = tuple(self._cells(mine, newer, kind))
            if cells or kind == "changed":
                yield Difference(
                    kind=kind,
                    old_index=mine,
                    new_index=at,
                    moved=bool(self._pairing.flags[at] & MOVED),
                    key=key_of(newer, self.key),
                    cells=cells,
                )

    def _cells(self, mine: int, newer: Values, kind: Kind) -> Iterator[Cell]:
        if kind == "filled":
            yield from (Cell(name, new=newer[name]) for name in self.columns.added if name in newer)
            return
        older = self.old.fact(mine)
        if not self.columns.same_facts:
            older = in_columns(older, self._names)
        differing = {name for name, _ in older.items() ^ newer.items()}
        for name in sorted(differing, key=self._places.__getitem__):
            yield Cell(name, older.get(name, UNSET), newer.get(name, UNSET))

    def append_only(self) -> AppendOnly | None:
        """The checked proof that the newer facts begin with the older ones; None if they do not."""
        old, new = self.old, self.new
        if len(old) > len(new) or not new.hashes.startswith(old.hashes):
            return None
        parts = consistency_ranges(len(old), len(new))
        proof = [root(each_hash(new.hashes, part.start, part.end)) for part in parts]
        verify_consistency(len(old), len(new), proof, old.root, new.root)
        return AppendOnly(
            len(old), old.root.hex(), len(new), new.root.hex(), tuple(found.hex() for found in proof)
        )


def compare(
    old: StoredFacts, new: StoredFacts, *, key: Key, columns: Columns, by_place: bool = False
) -> Comparison:
    """The comparison of two sequences.

    Equal facts are paired first, then those of one key. `by_place`: then those that stand in one place, as in
    a copy of the same ledger.
    """
    pairing = Pairing(*column_names.projected(old, new, columns))
    if key.columns and pairing.count(NEW):
        mine = column_names.key_hashes(old, pairing.removed(), dict(columns.kept), key)
        if mine[1]:
            same = {name: name for _, name in columns.kept}
            theirs = column_names.key_hashes(new, pairing.new(NEW), same, key)
            pairing.add_keys(*mine, *theirs)
    pairing.mark_moved()
    if by_place:
        pairing.add_places()
    return Comparison(old, new, columns, key, pairing)


def _ordered(facts: StoredFacts, index: int) -> Values:
    """A fact with its columns in the order of its ledger; those of a leaf are sorted."""
    fact = facts.fact(index)
    return {name: fact[name] for name in facts.columns if name in fact}


def key_of(fact: Values, key: Key) -> Values:
    """The values of the key columns that a fact of the newer sequence has."""
    return {name: fact[name] for name in key.columns if name in fact}
