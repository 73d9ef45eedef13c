# SPDX-License-Identifier: Apache-2.0
"""All faults of a ledger that its reader refuses, and the facts that can be read in spite of them.

The reader itself judges each piece of the file: with the header before it, as if it were a ledger of its own.
Pieces that it refuses are left out, and the rest is read as usual. Nothing is sealed in this way.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import accumulate, islice
from typing import Final, NamedTuple

from anchor import limits, regex
from anchor.errors import Refused
from anchor.format.facts import Fact, Table
from anchor.format.readers.reader import Dialect, FileReader, Stream, StreamReader
from anchor.inspect.lint.findings import Finding, Places, Remark, finding
from anchor.inspect.lint.splitting import Piece, by_line, delimited, items, lines, table_rows

MAX_FAULTS: Final = 10_000
"""Refused pieces after which the rest of a file is not looked at."""
_BLOCK: Final = 256
_PLACE = regex.expression(r"@: line ([0-9]+)(?:: (.*))?", re.DOTALL)
_BLOCKS_OF_LINES = regex.expression(rb"\A(?:---|\.\.\.)\s|```|~~~|<!--|-->")
_AFTER_FIRST = "the text after the first fault: nothing shows where it ends"
_COLUMN = regex.expression(" at column [0-9]+")
"""Of the small file that is judged, in which an item does not stand at its own column."""
_DIGITS = regex.expression("[0-9]+")

_DELIMITED = ("csv-v1", "delimited-v2")
_BOM = b"\xef\xbb\xbf"
_WITHOUT_HEADER = "the facts: the header, which says how they are read, is refused"
_WITHOUT_FACT = "the facts: not one of them can be read"

Reader = type[StreamReader] | type[FileReader]


class Fault(NamedTuple):
    """A refused piece of a file."""

    line: int
    problem: str
    remedy: str
    piece: Piece
    blank: bool = False
    """An empty line stands in its place, so that the table ends before it."""


class Recovered(NamedTuple):
    """The faults of a file, and the part of it that could not be judged."""

    faults: tuple[Fault, ...]
    unread: str = ""
    """That part in words; empty if there is no such part."""
    ends_before: int | None = None
    """Its first line. None for the end of the file."""

    def findings(self) -> Iterator[Finding]:
        """One finding for the faults of each kind."""
        kinds: dict[tuple[str, str], tuple[Fault, Places]] = {}
        for fault in self.faults:
            key = (_DIGITS.sub("#", fault.problem), fault.remedy)
            kinds.setdefault(key, (fault, Places()))[1].add(fault.line)
        for fault, places in kinds.values():
            message = f"{fault.problem}; {fault.remedy}" if fault.remedy else fault.problem
            yield finding(Remark("refused", message), places.lines, places.count)


class _Stage(NamedTuple):
    """Pieces that are judged alike: with a head before them, and in blocks."""

    head: bytes
    pieces: Iterable[Piece]
    join: bytes = b""
    end: bytes = b""
    blank: bool = False


def recover(reader: Reader, dialect: Dialect, stream: Stream) -> Recovered:
    """All faults of a file, up to `MAX_FAULTS` of them."""
    judge = _Judge(reader, dialect)
    if reader.name in _DELIMITED and getattr(dialect, "encoding", "") != "utf-16":
        return _of_delimited(judge, dialect, stream)
    if reader.name == "jsonl-v1":
        return _after_first(judge, lines(stream), b"", b"", b"")
    if reader.name in ("jsonl-v2", "lines-v1"):
        return judge.all([_Stage(b"", lines(stream))])
    if reader.name == "markdown-table-v1":
        return _of_markdown(judge, stream, by_line=True)
    if reader.name == "markdown-table-v2" and not getattr(dialect, "table", None):
        return _of_markdown(judge, stream, by_line=False)
    if _is_array(reader, dialect) and (text := _text(stream)) is not None:
        if reader.name == "json-v2":
            return judge.all([_Stage(b"[", items(text), b",", b"]")])
        return _after_first(judge, items(text), b"[", b",", b"]")
    return Recovered((), _AFTER_FIRST, 1)


def _is_array(reader: Reader, dialect: Dialect) -> bool:
    """True if the facts are the items of one array, which is the whole file."""
    places = (getattr(dialect, "at", None), getattr(dialect, "key_column", None))
    return reader.name in ("json-v1", "json-v2") and not any(places)


def kept(reader: Reader, dialect: Dialect, stream: Stream, found: Recovered) -> Iterator[bytes]:
    """The bytes of a file without the pieces that are refused, and without the part that was not judged."""
    if _is_array(reader, dialect):
        yield from _kept_items(_text(stream) or "", found)
        return
    faults = {fault.piece.line: fault for fault in found.faults}
    skipped = 0
    for line in by_line(stream, dialect):
        if found.ends_before is not None and line.line >= found.ends_before:
            return
        if fault := faults.get(line.line):
            skipped = fault.piece.lines
        if skipped:
            skipped -= 1
            if fault and fault.blank:
                yield b"\n"
        else:
            yield line.data


def _kept_items(text: str, found: Recovered) -> Iterator[bytes]:
    """The items of an array that are not refused, each on its line."""
    refused = {fault.piece.data for fault in found.faults}
    line, mark = 1, b"["
    for piece in items(text):
        if piece.data not in refused and not piece.is_unclosed:
            yield mark + b"\n" * (piece.line - line) + piece.data
            line, mark = piece.line + piece.data.count(b"\n"), b","
    yield b"]" if mark == b"," else b"[]"


class RecoveredTable:
    """The facts of a file without its refused pieces, at the lines where they stand in the whole file."""

    def __init__(self, table: Table, found: Recovered) -> None:
        self._table = table
        self.columns = table.columns
        left_out = [(f.piece.line, f.piece.lines) for f in found.faults if not f.blank and f.piece.lines]
        self._sums = [0, *accumulate(count for _, count in left_out)]
        self._begins = [line - done for (line, _), done in zip(left_out, self._sums, strict=False)]

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for line, fact in self._table:
            yield line + self._sums[bisect_right(self._begins, line)], fact


class _Judge:
    """A reader that is asked about pieces of a file."""

    def __init__(self, reader: Reader, dialect: Dialect) -> None:
        self._reader, self._dialect = reader, dialect

    def refusal(self, data: bytes, *, facts: bool = True) -> Refused | None:
        """The refusal of a ledger of these bytes, or of its header alone."""
        try:
            table = self._reader(BytesIO(data), where="@", dialect=self._dialect)
            for _ in table if facts else ():
                pass
        except Refused as e:
            return e
        return None

    def fault(self, piece: Piece, head: bytes, error: Refused, *, blank: bool = False) -> Fault:
        """The fault of a piece that was refused with this head before it."""
        found = _PLACE.fullmatch(error.where)
        number = int(found[1]) if found else 0
        inside = number - head.count(b"\n") - 1
        field = f"{found[2]}: " if found and found[2] and not found[2].startswith("fact ") else ""
        line = piece.line + (inside if 0 < inside < piece.lines else 0)
        problem = error.problem
        if piece.lines:
            piece = piece._replace(data=b"")  # ten thousand lines may be long
        else:
            problem = _COLUMN.sub("", problem)
        return Fault(line, f"{field}{problem}", error.remedy, piece, blank)

    def all(self, stages: Iterable[_Stage], faults: Sequence[Fault] = ()) -> Recovered:
        """The faults of all pieces, besides those that are known."""
        known = list(faults)
        for stage in stages:
            for block in _blocks(stage.pieces):
                known += self._in(stage, block)
                if block[-1].is_unclosed:
                    line = block[-1].line
                    text = f"the text after line {line}: nothing shows where the fault there ends"
                    return Recovered(tuple(known), text, line)
                if len(known) >= MAX_FAULTS:
                    line = block[-1].line + block[-1].lines
                    text = f"the text from line {line} on, after {len(known)} faults"
                    return Recovered(tuple(known), text, line)
        return Recovered(tuple(known))

    def _in(self, stage: _Stage, block: Sequence[Piece]) -> Iterator[Fault]:
        data = stage.head + stage.join.join(piece.data for piece in block) + stage.end
        error = self.refusal(data)
        if error is None:
            return
        if len(block) == 1:
            yield self.fault(block[0], stage.head, error, blank=stage.blank)
            return
        half = len(block) // 2
        yield from self._in(stage, block[:half])
        yield from self._in(stage, block[half:])


def _blocks(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The pieces, some at a time, in bounded memory."""
    block: list[Piece] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece.data)
        if len(block) == _BLOCK or size > limits.LINE:
            yield block
            block, size = [], 0
    if block:
        yield block


def _of_delimited(judge: _Judge, dialect: Dialect, stream: Stream) -> Recovered:
    pieces = delimited(stream, dialect)
    above = list(islice(pieces, getattr(dialect, "skip", 0)))
    header = next(pieces, None) if getattr(dialect, "header", True) else None
    head = b"".join(piece.data for piece in above)
    if header is not None:
        head += header.data
        if error := judge.refusal(head, facts=False):
            fault = judge.fault(header, head[: -len(header.data)], error)
            return Recovered((fault,), _WITHOUT_HEADER, header.line)
    elif getattr(dialect, "bom", False):
        head += _BOM
        pieces = (p._replace(data=p.data.removeprefix(_BOM)) if p.line == 1 else p for p in pieces)
    if getattr(dialect, "empty_lines", None):
        pieces = (piece for piece in pieces if piece.data.strip(b"\r\n"))
    return judge.all([_Stage(head, pieces)])


def _after_first(judge: _Judge, pieces: Iterator[Piece], begin: bytes, join: bytes, end: bytes) -> Recovered:
    """Judge objects, whose columns are those of the first one that is a fact."""
    faults: list[Fault] = []
    for piece in pieces:
        error = judge.refusal(begin + piece.data + end)
        if error is None:
            return judge.all([_Stage(begin + piece.data + join, pieces, join, end)], faults)
        faults.append(judge.fault(piece, b"", error))
        if piece.is_unclosed or len(faults) >= MAX_FAULTS:
            break
    return Recovered(tuple(faults), _WITHOUT_FACT, 1)


def _of_markdown(judge: _Judge, stream: Stream, *, by_line: bool) -> Recovered:
    """Judge the lines above the table, its rows, and the lines below.

    `by_line` is False for a reader that knows fences and comments: a part of one is no document.
    """
    above, rows, below = table_rows(stream)
    if not by_line and any(_BLOCKS_OF_LINES.search(piece.data) for piece in above):
        return Recovered((), _AFTER_FIRST, 1)
    faults: list[Fault] = []
    for piece in rows:
        while error := judge.refusal(b"".join(p.data for p in above) + piece.data):
            found = _PLACE.fullmatch(error.where)
            at = int(found[1]) - 1 if found else len(above)
            if at >= len(above):  # the row itself
                faults.append(judge.fault(piece, b"", error))
                break
            if at >= len(above) - 2 or len(faults) >= _BLOCK:
                faults.append(judge.fault(above[at], b"", error))
                return Recovered(tuple(faults), _WITHOUT_HEADER, above[at].line)
            faults.append(judge.fault(above.pop(at), b"", error))
        else:
            head = b"".join(p.data for p in above) + piece.data
            whole = head if head.endswith(b"\n") else head + b"\n"
            if not by_line:
                return _with_rest(judge, judge.all((_Stage(head, rows),), faults), whole, below)
            first_below = _Stage(whole, islice(below, 1), blank=True)
            return judge.all(
                (_Stage(head, rows), first_below, _Stage(whole + b"\n", below, blank=True)), faults
            )
    return Recovered(tuple(faults), _WITHOUT_FACT, 1)


def _with_rest(judge: _Judge, found: Recovered, head: bytes, below: Iterable[Piece]) -> Recovered:
    """Judge all lines below a table together. Nothing is known of the lines after their first fault."""
    rest = list(below)
    if found.unread or not rest or (error := judge.refusal(head + b"".join(p.data for p in rest))) is None:
        return found
    place = _PLACE.fullmatch(error.where)
    if place is None:  # it is about the whole document
        return found
    at = int(place[1]) - head.count(b"\n") - 1
    fault = judge.fault(rest[min(max(0, at), len(rest) - 1)], b"", error)
    text = f"the text after line {fault.line}: nothing shows where the fault there ends"
    return Recovered((*found.faults, fault), text, fault.line)


def _text(stream: Stream) -> str | None:
    """A JSON document, if it is one text within the limit."""
    data = stream.read(limits.ARRAY + 1)
    try:
        return data.decode() if len(data) <= limits.ARRAY else None
    except UnicodeDecodeError:
        return None
