# SPDX-License-Identifier: Apache-2.0
"""The layout of a delimited file: which character separates its fields, where its header and its end are.

Four delimiters are tried. One is accepted if nearly all records from some line on have equally many fields.
This is detection and no reading: it looks at the first records, and forgives what a reader refuses.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from anchor import regex
from anchor.intake.header import kind_of, like_data
from anchor.intake.odd_rows import second_table

DELIMITERS: Final = ("\t", ";", "|", ",")
"""In the order of preference among equals: text seldom has a TAB, and often a comma."""
FIRST: Final = 1000
"""Records that are looked at, if nobody asks for more."""
_PREAMBLE = 30
"""Lines above a header, and below the last record, that are taken for text around the table."""
_END = 50
"""Lines at the end of a long file that are looked at."""
_IN_STEP = 0.9
_SEP = regex.expression(r'"?sep=(.)"?\r?', re.IGNORECASE)
_DECIMAL = regex.expression(r"\d,\d")
_QUOTED = regex.expression(r'(?:^|[,;\t|])"', re.MULTILINE)
_APOSTROPHES = regex.expression(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|]|$)", re.MULTILINE)
_LINE_END = regex.expression(r"\r?\n")

Record = tuple[int, list[str]]
"""The line where a record begins, from 1, and its fields; an empty line has none."""


class Layout(msgspec.Struct, frozen=True):
    """The table that the first lines of a file show."""

    delimiter: str
    records: tuple[Record, ...]
    """From the header on, without empty lines and footnotes. Empty if there is no record."""
    sep: str = ""
    """The delimiter that a first line `sep=;` names."""
    quote: str | None = '"'
    """None: `"` is a character like any other."""
    empty_lines: str = ""
    """`end` or `all`, if there are empty lines below the header."""
    empty_line: int = 0
    """The first one of them."""
    last_empty: int = 0
    short_header: tuple[str, ...] = ()
    """The fields of the line above the records, if it is a header with one field fewer than they have."""
    footnote: int = 0
    """The first line below the table that is not part of it; 0 if there is no such line."""
    second_table: int = 0
    """The line of the header of a second table; 0 if there is only one."""
    whole: bool = False
    """The records are all that the file has."""
    end: tuple[list[str], ...] = ()
    """The fields of the last lines of a file that is longer than what was looked at."""

    @property
    def width(self) -> int:
        """Fields of the header."""
        return len(self.header)

    @property
    def header(self) -> list[str]:
        """The fields of the first record."""
        return self.records[0][1] if self.records else []

    @property
    def skip(self) -> int:
        """Lines above the header."""
        return self.records[0][0] - 1 if self.records else 0

    @property
    def named(self) -> tuple[str, ...]:
        """The names of all columns below a short header. R leaves out the first one, others an empty last."""
        if not self.short_header:
            return ()
        is_last = all(not fields[-1] for _, fields in self.records if len(fields) == self.width)
        mine = (f"column_{self.width}",) if is_last else ("column_1",)
        return (*self.short_header, *mine) if is_last else (*mine, *self.short_header)

    @property
    def repeated(self) -> str | None:
        """The first name of the header that is empty or stands in it twice."""
        names = self.header
        return next((n for i, n in enumerate(names) if not n or n in names[:i]), None)


class _Candidate(msgspec.Struct, frozen=True):
    """One delimiter, tried."""

    delimiter: str
    records: tuple[Record, ...]
    first: int
    """The record, from 0, from which on the fields are in step; empty lines count."""
    end: int
    """The record behind the last one that is in step."""
    width: int
    share: float
    """The part of the records from `first` to `end` with so many fields."""
    is_prose: bool
    """A blank stands behind most of the delimiters, as in a sentence."""

    @property
    def is_accepted(self) -> bool:
        records = [fields for _, fields in self.records[self.first : self.end] if fields]
        if self.is_prose and (self.first or len(records) < 3):
            return False
        if self.first and self.width == 2 and like_data(records[0], records[1:]):
            return False  # values with one such character below the name of one column
        return self.share >= _IN_STEP and len(records) > 1


def layout_of(text: str, *, whole: bool, given: Mapping[str, Any], most: int = FIRST) -> Layout:
    """The layout of these first characters of a file; `whole`: they are all of it.

    `given` are the members of the dialect that are known: they are not searched for. At most `most` lines
    are looked at.
    """
    lines = _lines(text, cr=given.get("line_ends") == "cr", whole=whole)
    if len(lines) > most:
        del lines[most:]
        whole = False
    skip = given.get("skip", 0)
    sep = _SEP.fullmatch(lines[0]) if lines else None
    start = max(skip, 1 if sep and "skip" not in given else 0)
    quote = given["quote"] if "quote" in given else _quote(lines[start:])
    delimiters: Sequence[str] = DELIMITERS
    if "delimiter" in given:
        delimiters = (given["delimiter"],)
    elif sep:
        delimiters = (sep[1],)
    tried = [_tried(lines, start, delimiter, quote, fixed="skip" in given) for delimiter in delimiters]
    chosen = _best(tried)
    if chosen is None:
        only = given.get("delimiter", sep[1] if sep else ",")
        records = tuple(_records(lines, start, only, quote))
        chosen = _Candidate(only, records, _first_full(records), len(records), 1, 1.0, is_prose=False)
    return _layout(chosen, sep=sep[1] if sep else "", quote=quote, fixed="skip" in given, whole=whole)


def unwrapped(found: Layout, text: str, *, whole: bool) -> str | None:
    """The delimiter of the fields inside of lines that stand in quotes as a whole; None if they do not.

    A table that was written to CSV twice has such lines. In each is the same number of fields.
    """
    values = [fields[0] for _, fields in found.records]
    quoted = text.count('"') >= 2 * len(values)
    if found.width != 1 or found.skip or len(values) < 2 or not quoted or any("\n" in v for v in values):
        return None
    inner = layout_of("\n".join([*values, ""]), whole=whole, given={})
    is_table = inner.width > 1 and not inner.skip and len(inner.records) == len(values)
    return inner.delimiter if is_table else None


def last_fields(text: str, found: Layout) -> tuple[list[str], ...]:
    """The fields of the lines at the end of a file; none if a quoted field may go over several of them."""
    lines = [line for line in _LINE_END.split(text)[1:] if line][-_END:]
    if found.quote and any(line.count(found.quote) % 2 for line in lines):
        return ()
    return tuple(fields for _, fields in _records(lines, 0, found.delimiter, found.quote))


def _lines(text: str, *, cr: bool, whole: bool) -> list[str]:
    lines = text.split("\r") if cr else _LINE_END.split(text)
    if len(lines) > 1 and (not whole or not lines[-1]):
        lines.pop()  # the text behind the last line end: cut off, or nothing
    return lines


def _quote(lines: Sequence[str]) -> str | None:
    """The character around fields; None if `"` stands nowhere at the beginning of a field."""
    text = "\n".join(lines)
    if '"' in text:
        return '"' if _QUOTED.search(text) else None
    return "'" if len(_APOSTROPHES.findall(text)) * 2 >= len(lines) else '"'


def _records(lines: Sequence[str], start: int, delimiter: str, quote: str | None) -> Iterator[Record]:
    rest = iter(lines[start:])
    if quote:
        reader = csv.reader(rest, delimiter=delimiter, quotechar=quote)
    else:
        reader = csv.reader(rest, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    at = 0
    try:
        for fields in reader:
            yield start + at + 1, fields
            at = reader.line_num
    except csv.Error:  # a field that is too long: the reader of the format says where
        return


def _tried(lines: Sequence[str], start: int, delimiter: str, quote: str | None, *, fixed: bool) -> _Candidate:
    records = tuple(_records(lines, start, delimiter, quote))
    widths = Counter(len(fields) for _, fields in records if len(fields) > 1)
    if not widths:
        return _Candidate(delimiter, records, 0, len(records), 1, 0.0, is_prose=False)
    width = max(widths, key=lambda w: (widths[w], w))
    first = 0 if fixed else next(i for i, (_, fields) in enumerate(records) if len(fields) == width)
    end = len(records)
    while end > first and len(records[end - 1][1]) != width and len(records) - end < _PREAMBLE:
        end -= 1
    if all(not fields for _, fields in records[end:]):
        end = len(records)
    inside = [fields for _, fields in records[first:end] if fields]
    share = sum(len(fields) == width for fields in inside) / max(1, len(inside))
    if first > _PREAMBLE:
        share = 0.0
    raw = lines[start:]
    all_of_them = sum(line.count(delimiter) for line in raw)
    with_blank = sum(line.count(delimiter + " ") for line in raw)
    return _Candidate(
        delimiter, records, first, end, width, share, is_prose=with_blank * 2 > all_of_them and width == 2
    )


def _best(tried: Sequence[_Candidate]) -> _Candidate | None:
    """The best of the accepted ones. A comma that stands between digits is a decimal comma."""
    accepted = [c for c in tried if c.is_accepted]
    others = [c for c in accepted if c.delimiter != ","]
    if others and len(accepted) > len(others):
        comma = next(c for c in accepted if c.delimiter == ",")
        others = [c for c in others if c.first <= comma.first]
        body = "\n".join(",".join(fields) for _, fields in comma.records[comma.first + 1 : comma.end])
        if others and len(_DECIMAL.findall(body)) * 2 > body.count(","):
            accepted = others
    return max(
        accepted,
        key=lambda c: (
            round(c.share, 2),
            -c.first,
            not c.is_prose,
            c.width,
            -DELIMITERS.index(c.delimiter) if c.delimiter in DELIMITERS else 0,
        ),
        default=None,
    )


def _first_full(records: Sequence[Record]) -> int:
    return next((i for i, (_, fields) in enumerate(records) if fields), 0)


def _layout(found: _Candidate, *, sep: str, quote: str | None, fixed: bool, whole: bool) -> Layout:
    first = found.first if fixed else _below_titles(found.records, found.first, found.end)
    table = found.records[first : found.end]
    below = found.records[found.end :]
    empty = [i for i, (_, fields) in enumerate(table) if not fields]
    last = max((i for i, (_, fields) in enumerate(table) if fields), default=-1)
    kind = ""
    if empty:
        kind = "all" if empty[0] < last else "end" if whole else ""
    short = _short_header(found.records, first, found.width)
    return Layout(
        found.delimiter,
        tuple((line, fields) for line, fields in table if fields),
        sep=sep,
        quote=quote,
        empty_lines=kind,
        empty_line=table[empty[0]][0] if kind else 0,
        last_empty=table[empty[-1]][0] if kind else 0,
        short_header=() if fixed else short,
        footnote=_footnote(below, found.width),
        second_table=second_table(found.records) if found.width > 1 else 0,
        whole=whole,
    )


def _footnote(below: Sequence[Record], width: int) -> int:
    """The first line below the table, if it is text. Other rows of another width are for a reader."""
    line, fields = next(((line, fields) for line, fields in below if fields), (0, []))
    is_fact = len(fields) > 1 and any(kind_of(cell.strip()) for cell in fields)
    return 0 if is_fact or any(len(fields) > width for _, fields in below) else line


def _short_header(records: Sequence[Record], first: int, width: int) -> tuple[str, ...]:
    """The line above the first record, if it has one field fewer, and that record is no header itself."""
    above = records[first - 1][1] if first else []
    rows = [fields for _, fields in records[first + 1 :] if len(fields) == width]
    is_short = len(above) == width - 1 > 1 and all(above)
    is_fact = first < len(records) and any(map(kind_of, records[first][1])) and bool(rows)
    return tuple(above) if is_short and is_fact else ()


def _below_titles(records: Sequence[Record], first: int, end: int) -> int:
    """The header below lines with text in one field and all other fields empty, as spreadsheets write."""
    for at in range(first, min(end, first + _PREAMBLE)):
        fields = records[at][1]
        if fields and sum(map(bool, map(str.strip, fields))) > 1:
            return at if _is_title_above(records, first, at) else first
    return first


def _is_title_above(records: Sequence[Record], first: int, at: int) -> bool:
    """True if the lines from `first` to `at` are titles: none has two texts, and the line at `at` could be
    a header, with no number in it although the next line has some."""
    if at == first:
        return True
    width = max(len(fields) for _, fields in records[first : at + 1])
    if width > 2:
        return True
    below = records[at + 1][1] if at + 1 < len(records) else []
    return not any(c.isdigit() for c in "".join(records[at][1])) and any(map(str.isdigit, "".join(below)))
