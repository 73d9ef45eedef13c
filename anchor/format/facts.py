# SPDX-License-Identifier: Apache-2.0
"""Facts, and the limits that every reader and every leaf keeps. FORMAT.md section 2.

The limits are part of the format: `seal` and `verify` refuse a ledger beyond them.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from anchor import limits
from anchor.errors import Refused

Row = tuple[str, ...]
"""The values of one fact, in column order, exactly as published."""

MAX_FILE = limits.FILE
"""Bytes of a ledger file; a reader that holds the file in memory has a lower limit of its own."""
MAX_LINE = limits.LINE
"""Bytes of one line of a ledger, line end not counted; of one record where quoted line ends may be inside."""
MAX_LEAF = limits.LEAF
"""Bytes of one fact in its canonical form."""
MAX_FACTS = limits.FACTS
MAX_COLUMNS = limits.COLUMNS
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

    def __iter__(self) -> Iterator[tuple[int, Row]]: ...


class Ledger(Protocol):
    """The name of a release in its ledger.json; `statement.LedgerName` is one."""

    @property
    def name(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def version(self) -> str: ...


def check_columns(names: Sequence[str], *, where: str) -> tuple[str, ...]:
    """The names, if they are non-empty, unique and without code points above U+FFFF (FORMAT.md section 2).

    Above U+FFFF the order of RFC 8785 (UTF-16) differs from the order of code points; and a lone surrogate
    has no UTF-8.
    """
    if not names:
        raise Refused("no columns", where=where, remedy="a ledger has at least one named column")
    if len(names) > MAX_COLUMNS:
        raise Refused(
            f"{len(names)} columns, more than {MAX_COLUMNS}", where=where, remedy="split the ledger"
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
