# SPDX-License-Identifier: Apache-2.0
"""A block of delimited records, read at once: a few operations for the whole block, none for a character.

It refuses nothing. A block that is malformed or unusual is left to `delimited_records`, which reads its
records one by one.
"""

import re
from collections.abc import Sequence
from io import StringIO
from itertools import chain
from operator import itemgetter
from typing import Final, NamedTuple

from anchor import regex
from anchor.format.facts import Value

_C0: Final = bytes((*range(9), 11, 12, *range(14, 32), 127))
"""Control characters of ASCII without TAB, LF and CR."""
_C1 = regex.expression(b"\xc2[\x80-\x9f]")
"""The other control characters, in UTF-8."""

# Control characters, which a block does not have, stand for what is outside of its quotes.
_QUOTED: Final = "\x01"
"""Where a quoted text stood."""
_SEPARATOR: Final = "\x02"
_END: Final = "\x03"
_MARK: Final = "\x04"
"""Before a quoted text that would mean something else without its quotes."""
_FIRST, _LAST = itemgetter(0), itemgetter(-1)

_Rows = list[list[Value]]
"""The fields of each record; none of an empty line."""


class Rules(NamedTuple):
    """The part of the dialect and of the table that reading a block needs."""

    delimiter: str
    quote: str | None
    line_end: str
    width: int
    null: str | None
    """The token for null; it has no control character but TAB."""
    skips_empty: bool
    """Empty lines are no records, wherever they stand."""


class Block(NamedTuple):
    """The facts of the first characters of a text, and what these have beside them."""

    length: int
    lines: int
    positions: Sequence[int]
    rows: Sequence[Sequence[Value]]
    empty: list[int]
    """The positions of empty lines."""
    nulls: bool
    """A field is null."""


def read(text: str, rules: Rules, first: int) -> Block | None:
    """The facts of whole lines, or of as many of them as are whole records; `first` is the first line.

    None if the lines have anything unusual.
    """
    quote = rules.quote
    if quote is not None and quote in text:
        text = _whole_records(text, quote, rules.line_end)
    if not text or _has_control(text):
        return None
    if quote is None or quote not in text:
        rows, nulls = _without_quotes(text, rules)
    else:
        rows, nulls = _by_csv(text, rules, quote)
        if not rows:
            rows, nulls = _by_pieces(text, rules, quote)
    if not rows:
        return None
    size = text.count(rules.line_end) + (not text.endswith(rules.line_end))
    positions = range(first, first + size) if size == len(rows) else _starts(rows, rules.line_end, first)
    empty: list[int] = []
    if rules.skips_empty and [] in rows:
        empty = [at for at, row in zip(positions, rows, strict=True) if not row]
        positions = [at for at, row in zip(positions, rows, strict=True) if row]
        rows = [row for row in rows if row]
    if set(map(len, rows)) - {rules.width}:
        return None
    return Block(len(text), size, positions, rows, empty, nulls)


def _has_control(text: str) -> bool:
    """True if there is a control character other than TAB, LF and CR."""
    data = text.encode()
    return len(data.translate(None, _C0)) != len(data) or (len(data) != len(text) and bool(_C1.search(data)))


def _without_quotes(text: str, rules: Rules) -> tuple[_Rows, bool]:
    """The rows of a text without quotes, and whether a field is null; none if it has another line end."""
    plain = _one_line_end(text, rules.line_end)
    if plain is None:
        return [], False
    rows = _split(plain, rules.delimiter, rules.line_end)
    return rows, _set_null(rows, rules.null, text)


def _by_csv(text: str, rules: Rules, quote: str) -> tuple[_Rows, bool]:
    """The rows of whole records by the `csv` module; none where it may read more than we do.

    It takes a quote inside an unquoted field and a CR at the end of one for characters of their values. So
    there must be no quote in any value, and no CR alone. It does not tell a quoted field from another one.
    """
    within = regex.expression(rf"{re.escape(quote) * 2}(?![{re.escape(rules.delimiter)}\r\n]|\Z)")
    if (
        within.search(text)  # perhaps a quote in a value
        or rules.line_end != "\n"
        or text.count("\r") != text.count("\r\n")
        or (rules.null is not None and f"{quote}{rules.null}{quote}" in text)
    ):
        return [], False
    lines = StringIO(text, newline="\n")
    import csv  # most files need no more than a split

    try:
        rows: _Rows = list(csv.reader(lines, delimiter=rules.delimiter, quotechar=quote, strict=True))  # type: ignore[arg-type]  # a list of its own
    except csv.Error:
        return [], False
    if quote in "".join(chain.from_iterable(rows)):  # type: ignore[arg-type]  # all are strings
        return [], False
    return rows, _set_null(rows, rules.null, text)


def _by_pieces(text: str, rules: Rules, quote: str) -> tuple[_Rows, bool]:
    """The rows of whole records, whatever is in their quotes; none if a quote stands at a wrong place.

    Every second piece between two quotes stood inside of quotes. Of the other pieces, an empty one between
    two of these was a quote that is written twice. Any other one has to begin and to end where a field does.
    """
    delimiter, line_end = rules.delimiter, rules.line_end
    pieces = text.split(quote)
    inside, between = pieces[1::2], pieces[2:-1:2]
    whole = list(filter(None, between))
    before = {*map(_LAST, whole), pieces[0][-1:]} - {""}
    after = {*map(_FIRST, whole), pieces[-1][:1]} - {""}
    after_end = {"\r", "\n"} if line_end == "\n" else {"\r"}  # a CR alone is found below
    if not (before <= {delimiter, line_end} and after <= {delimiter, *after_end}):
        return [], False
    between = [p or quote for p in between]
    outside = _one_line_end(_QUOTED.join([pieces[0], *between, pieces[-1]]), line_end)
    if outside is None:
        return [], False
    empty = [""] if rules.width == 1 or rules.skips_empty else []
    marked = [t for t in {rules.null, *empty} if t is not None and t in inside]
    if marked:
        inside = [_MARK + p if p in marked else p for p in inside]
    pieces[::2] = outside.replace(delimiter, _SEPARATOR).replace(line_end, _END).split(_QUOTED)
    pieces[1::2] = inside
    plain = "".join(pieces)
    rows = _split(plain, _SEPARATOR, _END)
    nulls = _set_null(rows, rules.null, text)
    for token in marked:
        _replace(rows, _MARK + token, token)
    if len(whole) < len(between) and _MARK in plain:  # perhaps inside of a field with a quote in it
        rows = [[v.replace(_MARK, "") if isinstance(v, str) else v for v in row] for row in rows]
    return rows, nulls


def _split(plain: str, delimiter: str, line_end: str) -> _Rows:
    lines = plain.split(line_end)
    if not lines[-1]:
        lines.pop()
    if "" in lines:
        return [[*line.split(delimiter)] if line else [] for line in lines]
    return [line.split(delimiter) for line in lines]  # type: ignore[misc]  # a list of its own


def _one_line_end(text: str, line_end: str) -> str | None:
    """Text outside of quotes with `line_end` as its one kind of line end; None if it has another kind."""
    if line_end == "\n" and "\r" in text:
        text = text.replace("\r\n", "\n")
    return None if ("\r" if line_end == "\n" else "\n") in text else text


def _whole_records(text: str, quote: str, line_end: str) -> str:
    """The lines before the one in which a quote opens that does not close in them.

    Quotes are even in a whole record, since one inside a field is doubled.
    """
    if text.count(quote) % 2 == 0:
        return text
    end = len(text)
    while end:
        start = text.rfind(line_end, 0, end - 1) + 1
        opens = text.count(quote, start, end) % 2
        end = start
        if opens:
            break
    return text[:end]


def _starts(rows: _Rows, line_end: str, first: int) -> list[int]:
    """The line on which each record begins: its values have the other lines' ends in them."""
    starts: list[int] = []
    for row in rows:
        starts.append(first)
        first += 1 + sum(v.count(line_end) for v in row if isinstance(v, str))
    return starts


def _set_null(rows: _Rows, token: str | None, text: str) -> bool:
    """Put null in place of each field that equals the token, and tell if there is one."""
    if token is None or (token and token not in text):
        return False
    return _replace(rows, token, None)


def _replace(rows: _Rows, old: str, new: str | None) -> bool:
    """Put a value in place of another one, and tell if there was one."""
    some = False
    for row in rows:
        if found := row.count(old):
            some = True
            for _ in range(found):
                row[row.index(old)] = new
    return some
