# SPDX-License-Identifier: Apache-2.0
"""Ledger files divided into pieces that a reader can judge alone: a line, a record, an item of an array.

So a refused piece does not hide the ones after it. Nothing here decides what a reader accepts.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final, NamedTuple

from anchor import limits
from anchor.format.readers.reader import Dialect, Stream

_LONGEST: Final = 4 * limits.ITEM
"""Bytes of a record. A reader refuses a longer one."""
_CODECS: Final = {
    "windows-1252": "cp1252",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "macintosh": "mac_roman",
}
_BLANK: Final = " \t\r\n"


class Piece(NamedTuple):
    """Some lines of a file, or an item on them."""

    line: int
    """The first line, from 1."""
    lines: int
    data: bytes
    is_unclosed: bool = False
    """A quote is opened and not closed. The records after it cannot be told apart."""


def lines(stream: Stream) -> Iterator[Piece]:
    """Each line. One that is longer than a reader takes is cut, and stays too long."""
    number = 0
    while data := stream.readline(limits.LINE + 3):
        number += 1
        rest = data
        while len(rest) >= limits.LINE and not rest.endswith(b"\n"):
            rest = stream.readline(limits.LINE)
        yield Piece(number, 1, data)


def by_line(stream: Stream, dialect: Dialect) -> Iterator[Piece]:
    """Each line of a text whose dialect says where lines end."""
    return _by_cr(stream) if getattr(dialect, "line_ends", None) else lines(stream)


def delimited(stream: Stream, dialect: Dialect) -> Iterator[Piece]:
    """The records of a delimited file; its skipped lines and its header are among them."""
    found = by_line(stream, dialect)
    yield from islice(found, getattr(dialect, "skip", 0))
    quote, delimiter = getattr(dialect, "quote", '"'), getattr(dialect, "delimiter", ",")
    encoding = getattr(dialect, "encoding", "utf-8")
    try:
        marks = [mark.encode(_CODECS.get(encoding, encoding)) for mark in (quote or "", delimiter)]
    except UnicodeEncodeError:  # then it stands nowhere in the file
        marks = [b""]
    if not marks[0]:
        yield from found
        return
    yield from _whole_records(found, marks[0], _Fields(marks[0], marks[1]))


def _by_cr(stream: Stream) -> Iterator[Piece]:
    """Each line of a file whose lines end in CR."""
    number, rest = 0, b""
    while data := stream.read(1 << 16):
        *whole, rest = (rest + data).split(b"\r")
        for line in whole:
            number += 1
            yield Piece(number, 1, line + b"\r")
    if rest:
        yield Piece(number + 1, 1, rest)


class _Fields:
    """The fields of a line, as far as it matters where a quote is open."""

    def __init__(self, quote: bytes, delimiter: bytes) -> None:
        q, d = re.escape(quote), re.escape(delimiter)
        end = rb"(?=%b|[\r\n]*\Z)" % d
        inside = rb"(?:(?!%b).|%b%b)*+" % (q, q, q)
        self._delimiter = delimiter
        self._field = re.compile(
            rb"%b%b%b%b|(?:(?!%b|%b)[^\r\n])*+%b" % (q, inside, q, end, q, d, end), re.DOTALL
        )
        self._rest = re.compile(rb"%b%b%b" % (inside, q, end), re.DOTALL)
        self._open = re.compile(rb"%b%b\Z" % (q, inside), re.DOTALL)
        self._still_open = re.compile(rb"%b\Z" % inside, re.DOTALL)

    def leaves_open(self, line: bytes, *, inside: bool) -> bool:
        """True if a quote is open after the line. A malformed line closes every quote."""
        at = 0
        if inside:
            found = self._rest.match(line)
            if not found:
                return self._still_open.match(line) is not None
            at = self._after(line, found.end())
        while at >= 0:
            found = self._field.match(line, at)
            if not found:
                return self._open.match(line, at) is not None
            at = self._after(line, found.end())
        return False

    def _after(self, line: bytes, at: int) -> int:
        """The begin of the next field, or -1 at the end of the line."""
        return at + len(self._delimiter) if line.startswith(self._delimiter, at) else -1


def _whole_records(found: Iterator[Piece], quote: bytes, fields: _Fields) -> Iterator[Piece]:
    for piece in found:
        if quote not in piece.data or not fields.leaves_open(piece.data, inside=False):
            yield piece
            continue
        parts, size = [piece.data], len(piece.data)
        inside = True
        while inside and size <= _LONGEST and (more := next(found, None)) is not None:
            parts.append(more.data)
            size += len(more.data)
            inside = quote not in more.data or fields.leaves_open(more.data, inside=True)
        yield Piece(piece.line, len(parts), b"".join(parts), is_unclosed=inside)
        if inside:
            return


def items(text: str) -> Iterator[Piece]:
    """The items of a JSON array. After one that is no JSON there are no others."""
    decode = json.JSONDecoder().raw_decode
    at = len(text) - len(text.lstrip(_BLANK))
    counted, line = 0, 1
    while text.startswith(("[", ","), at):
        begin = _skip(text, at + 1)
        line, counted = line + text.count("\n", counted, begin), begin
        try:
            _, end = decode(text, begin)
        except (ValueError, RecursionError):
            yield Piece(line, 0, text[begin : begin + limits.ITEM].encode(), is_unclosed=True)
            return
        yield Piece(line, 0, text[begin:end].encode("utf-8", "surrogatepass"))
        at = _skip(text, end)


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _BLANK:
        at += 1
    return at


def table_rows(stream: Stream) -> tuple[list[Piece], Iterator[Piece], Iterator[Piece]]:
    """A Markdown document: the lines up to its delimiter row, the rows of the table, the lines after it.

    The rows are read before the lines after them.
    """
    found = lines(stream)
    head: list[Piece] = []
    for piece in found:
        head.append(piece)
        if len(head) > 1 and head[-2].data.startswith(b"|"):
            break
    after: list[Piece] = []

    def rows() -> Iterator[Piece]:
        for piece in found:
            if not piece.data.startswith(b"|"):
                after.append(piece)
                return
            yield piece

    def tail() -> Iterator[Piece]:
        yield from chain(after, found)

    return head, rows(), tail()
