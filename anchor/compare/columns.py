# SPDX-License-Identifier: Apache-2.0
"""Columns of two ledgers: in both, added, removed, renamed; and the columns that are the key of a fact."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from anchor.compare.pairing import EQUAL, Pairing
from anchor.compare.stored import StoredFacts, Values
from anchor.errors import Misuse
from anchor.format.facts import brief
from anchor.merkle import leaf_hashes

LABEL, PERIOD = "label", "period"
"""The columns that are the key where nobody says otherwise."""
_LOOKED_AT: Final = 200
"""Pairs of facts whose values are compared to find renamed columns."""
_COMPARED: Final = 500_000
"""Values that are compared for that: of many columns, fewer facts are looked at."""
_MOST: Final = 256
"""Added columns, and removed ones, among which renamed ones are searched."""
_AT_ONCE: Final = 1024
_ENCODE: Final = msgspec.json.Encoder(order="sorted").encode


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of an older and of a newer ledger."""

    kept: tuple[tuple[str, str], ...]
    """The columns of both, by their older and their newer name, in the order of the newer ledger."""
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reordered: bool
    """True if the columns of both stand in another order."""

    @property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """Older and newer name of each column that has another name."""
        return tuple(pair for pair in self.kept if pair[0] != pair[1])

    @property
    def same_facts(self) -> bool:
        """True if equal facts of the two have equal leaves."""
        return not (self.added or self.removed or self.renamed)

    @property
    def changed(self) -> bool:
        """True if there is something to say."""
        return self.reordered or not self.same_facts


def compared(old: StoredFacts, new: StoredFacts) -> Columns:
    """The columns of two ledgers. One has another name if its values stayed, in facts that are the same."""
    found = _by_name(old.columns, new.columns)
    if not found.added or not found.removed or max(len(found.added), len(found.removed)) > _MOST:
        return found
    renamed = dict(_renamed(old, new, found))
    return _by_name(old.columns, new.columns, renamed) if renamed else found


def _by_name(old: tuple[str, ...], new: tuple[str, ...], renamed: Mapping[str, str] | None = None) -> Columns:
    """`renamed` has the newer name of each column that has another one."""
    newer = {name: (renamed or {}).get(name, name) for name in old}
    older = {name: before for before, name in newer.items()}
    theirs = set(new)
    kept = tuple((older[name], name) for name in new if name in older)
    return Columns(
        kept=kept,
        added=tuple(name for name in new if name not in older),
        removed=tuple(name for name in old if newer[name] not in theirs),
        reordered=[newer[name] for name in old if newer[name] in theirs] != [name for _, name in kept],
    )


def projected(old: StoredFacts, new: StoredFacts, columns: Columns) -> tuple[bytes, bytes]:
    """A hash of 32 bytes for each fact of both, over the columns that both have."""
    if columns.same_facts:
        return old.hashes, new.hashes
    names = dict(columns.kept)
    return _hashes(old, names), _hashes(new, {name: name for name in names.values()})


def _hashes(facts: StoredFacts, names: Mapping[str, str]) -> bytes:
    leaves = (_ENCODE(in_columns(fact, names)) for fact in facts.facts(range(len(facts))))
    return b"".join(b"".join(leaf_hashes(part)) for part in _batches(leaves))


def in_columns(fact: Values, names: Mapping[str, str]) -> Values:
    """The values of a fact by their newer names. `names` has these for the columns that are wanted."""
    return {names[name]: value for name, value in fact.items() if name in names}


def _renamed(old: StoredFacts, new: StoredFacts, columns: Columns) -> Iterator[tuple[str, str]]:
    """The older and the newer name of each column whose values stayed in most of the facts looked at."""
    equal: Counter[tuple[str, str]] = Counter()
    filled_old: Counter[str] = Counter()
    filled_new: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    for older, newer in _facts_of_both(old, new, columns):
        theirs: dict[str, list[str]] = defaultdict(list)
        there = [name for name in columns.added if newer.get(name)]
        for name in there:
            theirs[str(newer[name])].append(name)
        mine = [name for name in columns.removed if older.get(name)]
        filled_old.update(mine)
        filled_new.update(there)
        both.update((a, b) for a in mine for b in there)
        equal.update((a, b) for a in mine for b in theirs.get(str(older[a]), ()))

    mine_at = {name: at for at, name in enumerate(old.columns)}
    theirs_at = {name: at for at, name in enumerate(new.columns)}

    def either(pair: tuple[str, str]) -> int:
        return filled_old[pair[0]] + filled_new[pair[1]] - both[pair]

    def rank(pair: tuple[str, str]) -> tuple[float, int, int]:
        older, newer = mine_at[pair[0]], theirs_at[pair[1]]
        return -equal[pair] / either(pair), abs(older - newer), newer

    taken: set[str] = set()
    for pair in sorted((p for p in equal if 2 * equal[p] > either(p)), key=rank):
        if not taken.intersection(pair):
            taken.update(pair)
            yield pair


def _facts_of_both(old: StoredFacts, new: StoredFacts, columns: Columns) -> Iterator[tuple[Values, Values]]:
    """Some facts that are equal in the columns of both; if there are no such facts, those of one place."""
    pairs: list[tuple[int, int]] = []
    if columns.kept:
        pairing = Pairing(*projected(old, new, columns))
        pairs = [(pairing.partner[at], at) for at in _spread(list(pairing.new(EQUAL)), columns)]
    for mine, theirs in pairs or ((at, at) for at in _spread(range(min(len(old), len(new))), columns)):
        yield old.fact(mine), new.fact(theirs)


def _spread(indexes: "list[int] | range", columns: Columns) -> "list[int] | range":
    """Some of many, from the first to the last."""
    most = _COMPARED // max(1, len(columns.added) * len(columns.removed))
    return indexes[:: max(1, len(indexes) // min(_LOOKED_AT, most))]


def _batches(leaves: Iterator[bytes]) -> Iterator[list[bytes]]:
    while part := list(islice(leaves, _AT_ONCE)):
        yield part


class Key(msgspec.Struct, frozen=True):
    """The columns that say which fact a fact is, by their newer names, and who says so."""

    columns: tuple[str, ...]
    source: str = ""
    """In words: "the first index of the new release". Empty if there is no key."""


def chosen_key(
    columns: Columns, *, asked: Iterable[str] = (), sealed: Iterable[tuple[tuple[str, ...], str]] = ()
) -> Key:
    """The key columns: those that the user asks for, those of the first sealed key, else label and period.

    `sealed`: keys and their sources, the best first. Raises `Misuse` for a column that a side does not have.
    """
    both = {name for _, name in columns.kept}
    newer = dict(columns.kept)
    named = tuple(dict.fromkeys(name if name in both else newer.get(name, name) for name in asked))
    for name in named:
        if name not in both:
            raise Misuse(
                f"{brief(name)} is no column of both", where="--key", remedy="name columns that both have"
            )
    if named:
        return Key(named, "--key")
    for names, source in sealed:
        found = tuple(name if name in both else newer.get(name, name) for name in names)
        if names and both.issuperset(found):
            return Key(found, source)
    usual = tuple(name for name in (LABEL, PERIOD) if name in both)
    return Key(usual, "the usual columns") if LABEL in usual else Key(())


def key_hashes(
    facts: StoredFacts, indexes: Iterable[int], names: Mapping[str, str], key: Key
) -> tuple[bytes, list[int]]:
    """A hash of the key of each of these facts, 32 bytes each, and the indexes of those that have a key.

    A fact whose key columns are all empty, null or absent has no key. `names`: as for `in_columns`.
    """
    older = {name: before for before, name in names.items()}
    mine = [older[name] for name in key.columns]
    hashes, found = [], []
    rest = iter(indexes)
    while part := list(islice(rest, _AT_ONCE)):
        keys = ([fact.get(name) for name in mine] for fact in facts.facts(part))
        kept = [(at, _ENCODE(values)) for at, values in zip(part, keys, strict=True) if any(values)]
        found += [at for at, _ in kept]
        hashes.append(b"".join(leaf_hashes([data for _, data in kept])))
    return b"".join(hashes), found
