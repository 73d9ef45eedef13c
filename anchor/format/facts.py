# SPDX-License-Identifier: Apache-2.0
"""Facts, and the limits that every reader and every leaf keeps. FORMAT.md section 2.

The limits are part of the format: `seal` and `verify` refuse a ledger beyond them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, overload, runtime_checkable

from msgspec import UNSET, UnsetType

from anchor import limits
from anchor.errors import Refused
from anchor.words import several

ABSENT: Final = UNSET
"""The value of a column that a fact does not have (FORMAT.md section 16.1)."""
Value = str | None | UnsetType
"""A string; None for null; or `ABSENT`."""
Row = tuple[str, ...]
"""The values of one fact of version 1, in column order, as its reader gives them."""
Fact = tuple[Value, ...]
"""The values of one fact, in column order. A `Row` is one without null and without an absent column."""
Chunk = tuple[Sequence[int], Sequence[Sequence[Value]]]
"""Facts that follow each other: the position of each, and its values in column order."""

MAX_FILE = limits.FILE_2
"""Bytes of a ledger file; a reader that holds the file in memory has a lower limit of its own."""
MAX_LINE = limits.LINE
"""Bytes of one line of a ledger, line end not counted; of one record where quoted line ends may be inside."""
MAX_LEAF = limits.LEAF
"""Bytes of one fact in its canonical form."""
MAX_FACTS = limits.FACTS_2
MAX_COLUMNS = limits.COLUMNS_2
"""Every reader reads as much; a statement of version 1 has lower limits (FORMAT.md section 2)."""
MAX_NAME = limits.COLUMN
"""Code points of a column name."""
MAX_CELL = limits.VALUE
"""Code points of one value."""
MAX_NUMBER = limits.NUMBER
"""Characters of a JSON number literal, which is carried as the text it is written in."""


class Table(Protocol):
    """Facts that are read once: iterating gives the position of each fact and its values.

    Positions count from 1, and their reader says what they count: lines, or records.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in published order."""

    def __iter__(self) -> Iterator[tuple[int, Fact]]: ...


@runtime_checkable
class ChunkedTable(Table, Protocol):
    """A table that gives many facts at once, which costs less than one by one."""

    def chunks(self) -> Iterator[Chunk]:
        """The facts that iterating gives, in order. The facts before a refused one are given first.

        A chunk has at least one fact. Its reader decides how many, and bounds the memory that they take.
        """


class Objects(Sequence[Fact]):
    """Facts of a chunk in the form that their reader has them: objects, whose members are their columns.

    An object has no member for an absent column. With the members in order of their names, msgspec writes it
    as the leaf of the fact.
    """

    def __init__(self, objects: Sequence[Any], fact_of: Callable[[Any], Fact], *, whole: bool) -> None:
        """`fact_of` gives the values of an object in column order. `whole`: each fact has a string in each
        column; otherwise the objects are dicts."""
        self.objects = objects
        self.fact_of = fact_of
        self.whole = whole

    def __len__(self) -> int:
        return len(self.objects)

    def __iter__(self) -> Iterator[Fact]:
        return map(self.fact_of, self.objects)

    @overload
    def __getitem__(self, index: int) -> Fact: ...
    @overload
    def __getitem__(self, index: slice) -> "Objects": ...
    def __getitem__(self, index: int | slice) -> "Fact | Objects":
        if isinstance(index, slice):
            return Objects(self.objects[index], self.fact_of, whole=self.whole)
        return self.fact_of(self.objects[index])


def fact_from(columns: tuple[str, ...]) -> Callable[[Mapping[str, Value]], Fact]:
    """The function from an object to the values of these columns."""
    return lambda found: tuple([found.get(name, ABSENT) for name in columns])


class Ledger(Protocol):
    """The name of a release in its ledger.json; `statement.LedgerName` is one."""

    @property
    def name(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def version(self) -> str: ...


def check_columns(names: Sequence[str], *, where: str, most: int = MAX_COLUMNS) -> tuple[str, ...]:
    """The names, if they are non-empty, unique and without code points above U+FFFF (FORMAT.md section 2).

    There are at most `most` of them.

    Above U+FFFF the order of RFC 8785 (UTF-16) differs from the order of code points; and a lone surrogate
    has no UTF-8.
    """
    if not names:
        raise Refused("no columns", where=where, remedy="a ledger has at least one named column")
    if len(names) > most:
        raise Refused(
            f"{several(len(names), 'column')}, more than {most}", where=where, remedy="split the ledger"
        )
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        place = f"{where}: column {number}"
        if not name:
            raise Refused("an empty column name", where=place, remedy="name every column")
        if len(name) > MAX_NAME:
            raise Refused(f"a column name of {len(name)} characters", where=place, remedy="shorten the name")
        odd = next((c for c in name if c > "\uffff" or "\ud800" <= c <= "\udfff"), None)
        if odd:
            raise Refused(
                f"the column name has U+{ord(odd):04X}",
                where=place,
                remedy="use only code points up to U+FFFF, no surrogates",
            )
        if name in seen:
            raise Refused(
                f"duplicate column name {brief(name)} (also column {seen[name]})",
                where=place,
                remedy="give every column its own name",
            )
        seen[name] = number
    return tuple(names)


def brief(text: str, limit: int = 40) -> str:
    """A value from a ledger as it may stand in a one-line message: quoted, escaped and short."""
    shown = ascii(text[:limit]) if not text[:limit].isprintable() else repr(text[:limit])
    return shown + "..." if len(text) > limit else shown
