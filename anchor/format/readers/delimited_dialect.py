# SPDX-License-Identifier: Apache-2.0
"""The dialect of `delimited-v2`: what it may say, and what that is in words. FORMAT.md section 17.2."""

import unicodedata
from typing import Literal

from anchor import limits
from anchor.errors import Refused
from anchor.format import encodings
from anchor.format.facts import brief, check_columns
from anchor.format.readers.reader import Dialect

_NAMES = {"\t": "TAB", " ": "a space"}


class DelimitedDialect(Dialect, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The settings of a delimited file. The default is that of `csv-v1`."""

    delimiter: str = ","
    quote: str | None = '"'
    """None: no field is quoted."""
    encoding: encodings.Name = "utf-8"
    bom: bool = False
    """The file begins with the byte order mark of UTF-8."""
    line_ends: Literal["cr"] | None = None
    """None: lines end in LF or CRLF."""
    skip: int = 0
    """Lines that stand before the header."""
    header: bool = True
    columns: tuple[str, ...] = ()
    """The names of the columns, if the file has no header."""
    empty_lines: Literal["end", "all"] | None = None
    """None: an empty line is refused."""
    null: str | None = None
    """An unquoted field that equals it is null."""
    rename: bool = False
    """Columns without a name, or with one that an earlier column has, get a name of their own."""

    def check(self, *, where: str) -> None:
        for member, character in (("delimiter", self.delimiter), ("quote", self.quote)):
            if character is not None:
                _check_character(character, where=f"{where}: {member}")
        if self.delimiter == self.quote:
            raise Refused("is the delimiter too", where=f"{where}: quote", remedy="name two characters")
        if self.bom and self.encoding != "utf-8":
            raise Refused(f"goes with utf-8 only, not {self.encoding}", where=f"{where}: bom")
        if not 0 <= self.skip <= limits.SKIPPED:
            raise Refused(
                f"{self.skip} is not from 1 to {limits.SKIPPED}",
                where=f"{where}: skip",
                remedy="take the lines out of the file",
            )
        self._check_names(where=where)
        if self.null is not None:
            self._check_null(self.null, where=f"{where}: null")

    def _check_names(self, *, where: str) -> None:
        """There are names if and only if the file has none."""
        place = f"{where}: columns"
        if self.header:
            if self.columns:
                raise Refused("the file has a header", where=place, remedy="leave one of the two out")
            return
        if not self.columns:
            raise Refused("a file without a header", where=place, remedy="name the columns")
        if self.rename:
            raise Refused("there is no header", where=f"{where}: rename", remedy="leave it out")
        check_columns(self.columns, where=place, most=limits.COLUMNS_2)

    def _check_null(self, token: str, *, where: str) -> None:
        if len(token) > limits.NULL_TOKEN:
            raise Refused(f"{len(token)} characters, more than {limits.NULL_TOKEN}", where=where)
        never = {self.delimiter, self.quote, "\r", "\n"}
        odd = next((c for c in token if c in never or unicodedata.category(c) == "Cs"), None)
        if odd is not None:
            raise Refused(
                f"has {brief(odd)}, which no unquoted field has", where=where, remedy="name another text"
            )

    def described(self) -> tuple[str, ...]:
        quote = "no field is quoted" if self.quote is None else f"quote {_named(self.quote)}"
        lines = "the first line" if self.skip == 1 else f"the first {self.skip} lines"
        empty = "empty lines" if self.empty_lines == "all" else "empty lines at the end"
        token = "an empty field" if self.null == "" else brief(self.null or "")
        said = (
            (self.delimiter != ",", f"delimiter {_named(self.delimiter)}"),
            (self.quote != '"', quote),
            (self.encoding != "utf-8", f"encoding {self.encoding}"),
            (self.bom, "a byte order mark at the beginning"),
            (self.line_ends, "lines end in CR"),
            (self.skip, f"{lines} not read"),
            (not self.header, f"no header: the columns are named {_listed(self.columns)}"),
            (self.empty_lines, f"{empty} not read"),
            (self.null is not None, f"{token} without quotes is null"),
            (self.rename, "a column without a name, or with one that is taken, is renamed"),
        )
        return tuple(words for is_said, words in said if is_said)


def _check_character(text: str, *, where: str) -> None:
    """One code point that can stand for itself in a file."""
    if len(text) != 1:
        raise Refused(f"{len(text)} characters", where=where, remedy="name one character")
    if text == "\ufeff" or (text != "\t" and unicodedata.category(text) in {"Cc", "Cs"}):
        raise Refused(f"U+{ord(text):04X} cannot be it", where=where, remedy="name another character")


def _named(character: str) -> str:
    return _NAMES.get(character) or brief(character)


def _listed(names: tuple[str, ...]) -> str:
    """The first names of a list, in one line."""
    shown = ", ".join(map(brief, names[:8]))
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
