# SPDX-License-Identifier: Apache-2.0
"""Facts of a ledger that a person asks for: by their place, or by values of some columns.

The facts stream by once, in their order. Values are compared exactly: a value that looks equal to a person is
another value.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from msgspec import UnsetType

from anchor.errors import Misuse
from anchor.format.facts import Value, brief
from anchor.format.key_search import folded
from anchor.format.receipt import ProvenFact


class FactSearch(Protocol):
    """A search in the facts of a ledger."""

    @property
    def found(self) -> Sequence[ProvenFact]:
        """The facts that were found so far, as a receipt has them."""

    def extend(self, facts: Sequence[Sequence[Value]], leaf_hashes: Sequence[bytes]) -> list[int]:
        """Take the facts that follow, with the leaf hash (32 bytes) of each. Returns the indexes (from 0) of
        those among them that were found."""


class ByIndex:
    """The facts at given places, which count from 0."""

    def __init__(self, indexes: Iterable[int], columns: Sequence[str]) -> None:
        self._left = sorted(set(indexes), reverse=True)
        self._columns = tuple(columns)
        self._size = 0
        self.found: list[ProvenFact] = []

    def extend(self, facts: Sequence[Sequence[Value]], leaf_hashes: Sequence[bytes]) -> list[int]:
        """As `FactSearch`."""
        chosen = []
        end = self._size + len(leaf_hashes)
        while self._left and self._left[-1] < end:
            index = self._left.pop()
            self.found.append(proven(index, facts[index - self._size], self._columns))
            chosen.append(index)
        self._size = end
        return chosen


class ByValue:
    """The facts with given values, each in its column."""

    def __init__(self, wanted: Sequence[tuple[str, str]], columns: Sequence[str]) -> None:
        """`wanted`: column and value. Raises `Misuse` for a column that the ledger does not have."""
        self._columns = tuple(columns)
        self._wanted = [(_place(name, self._columns), value) for name, value in wanted]
        self._size = 0
        self.found: list[ProvenFact] = []

    def extend(self, facts: Sequence[Sequence[Value]], leaf_hashes: Sequence[bytes]) -> list[int]:
        """As `FactSearch`."""
        chosen = []
        for index, fact in enumerate(facts, self._size):
            if all(fact[place] == value for place, value in self._wanted):
                self.found.append(proven(index, fact, self._columns))
                chosen.append(index)
        self._size += len(leaf_hashes)
        return chosen


class ByAppearance:
    """The facts whose values only look like the wanted ones: without case, blanks and compatibility forms."""

    def __init__(self, wanted: Sequence[tuple[str, str]], columns: Sequence[str]) -> None:
        """As `ByValue`."""
        self._columns = tuple(columns)
        self._places = [_place(name, self._columns) for name, _ in wanted]
        self._wanted = folded(tuple([value for _, value in wanted]))
        self._size = 0
        self.found: list[ProvenFact] = []

    def extend(self, facts: Sequence[Sequence[Value]], leaf_hashes: Sequence[bytes]) -> list[int]:
        """As `FactSearch`."""
        chosen = []
        for index, fact in enumerate(facts, self._size):
            values = [fact[place] for place in self._places]
            if folded(tuple([value if isinstance(value, str) else None for value in values])) == self._wanted:
                self.found.append(proven(index, fact, self._columns))
                chosen.append(index)
        self._size += len(leaf_hashes)
        return chosen


def wanted_value(text: str, columns: Sequence[str]) -> tuple[str, str]:
    """Column and value of a text `column=value`. Both may have the sign `=` themselves.

    Raises `Misuse` for a text that names no column of the ledger, or that can be read in two ways.
    """
    found = [pair for pair in _cuts(text) if pair[0] in columns]
    if len(found) == 1:
        return found[0]
    if found:
        problem = f"{brief(text)} can be read in {len(found)} ways, since a column has '=' in its name"
        raise Misuse(problem, where="--where", remedy="name the fact by its index")
    if "=" not in text:
        raise Misuse(f"{brief(text)} is not column=value", where="--where", remedy="give it as column=value")
    _place(text.partition("=")[0], tuple(columns))
    raise AssertionError("the column was not found above")


def proven(index: int, fact: Sequence[Value], columns: Sequence[str]) -> ProvenFact:
    """A fact as a receipt has it: without its absent columns."""
    members = {n: v for n, v in zip(columns, fact, strict=True) if not isinstance(v, UnsetType)}
    return ProvenFact(index=index, fact=members)


def _cuts(text: str) -> Iterator[tuple[str, str]]:
    at = text.find("=")
    while at >= 0:
        yield text[:at], text[at + 1 :]
        at = text.find("=", at + 1)


def _place(name: str, columns: tuple[str, ...]) -> int:
    if name in columns:
        return columns.index(name)
    listed = ", ".join(map(brief, columns[:20])) + (", ..." if len(columns) > 20 else "")
    raise Misuse(f"no column {brief(name)}", where="--where", remedy=f"the columns are {listed}")
