# SPDX-License-Identifier: Apache-2.0
"""Delimited records to facts: `csv-v1` and `delimited-v2` are both this. FORMAT.md sections 3.3 and 17.2.

A block of lines without anything unusual is read at once, by `delimited_bulk`. Else, and in a header, records
are read one by one, here. So this file has the rules and the refusals. Both ways give the same facts, and a
property test compares them.
"""

import re
from collections.abc import Iterator, Sequence

from anchor import limits, regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, Chunk, Value, check_columns
from anchor.format.readers import delimited_bulk
from anchor.format.readers.delimited_dialect import DelimitedDialect
from anchor.format.readers.reader import Stream
from anchor.format.readers.text_blocks import TextBlocks

_CONTROL = regex.expression("[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""General category Cc without TAB."""
_CONTROL_INSIDE = regex.expression("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""The same without LF and CR, which may stand inside quotes."""
_Read = tuple[Sequence[int], Sequence[Sequence[Value]], Refused | None]
"""Positions, facts, and what is wrong after them."""


class Records:
    """The columns and the facts of a delimited file; the header is read at once."""

    def __init__(self, stream: Stream, where: str, dialect: DelimitedDialect) -> None:
        self._line_end = "\r" if dialect.line_ends else "\n"
        self._lines = TextBlocks(
            stream, where, encoding=dialect.encoding, bom=dialect.bom, line_end=self._line_end
        )
        self._dialect = dialect
        self._quote = dialect.quote or ""
        self._field = _field(dialect.delimiter, dialect.quote) if dialect.quote else None
        self._number = 1
        """The line on which the last record begins."""
        self._empty = 0
        """The last empty line, or 0."""
        self._effects: set[str] = set()
        """The members of the dialect that had an effect so far."""
        self._sign = '"' if dialect.quote is None else dialect.quote
        """The character that shows an effect of `quote`."""
        for _ in range(dialect.skip):
            self._skip()
        self.columns = self._columns()
        never = dialect.null is None or _CONTROL.search(dialect.null)
        self._rules = delimited_bulk.Rules(
            delimiter=dialect.delimiter,
            quote=dialect.quote,
            line_end=self._line_end,
            width=len(self.columns),
            null=None if never else dialect.null,
            skips_empty=dialect.empty_lines == "all",
        )

    def chunks(self) -> Iterator[Chunk]:
        """The facts, as `facts.ChunkedTable` says."""
        empty = True
        while True:
            positions, rows, problem = self._next()
            if rows:
                yield positions, rows
                empty = False
            if problem:
                raise problem
            if not rows:
                break
        if empty:
            raise self._refused("no facts", "add a record under the header")

    @property
    def idle(self) -> frozenset[str]:
        """The members of the dialect that had no effect. They are known after the last fact."""
        encoded = self._dialect.encoding == "utf-16" or not self._lines.is_ascii
        effects = self._effects | ({"encoding"} if encoded else set())
        default = DelimitedDialect()
        return frozenset(
            member
            for member in ("encoding", "quote", "line_ends", "empty_lines", "null", "rename")
            if getattr(self._dialect, member) != getattr(default, member) and member not in effects
        )

    def _next(self) -> _Read:
        """Some facts with their positions, and what is wrong after them. No facts: the end of the file."""
        lines = self._lines
        while text := lines.block():
            ended = self._empty and self._dialect.empty_lines == "end"
            found = None if ended else delimited_bulk.read(text, self._rules, lines.number + 1)
            if found is None:
                break
            lines.advance(found.length, found.lines)
            self._note(text[: found.length], found)
            if found.rows:
                return found.positions, found.rows, None
        return self._one_by_one(lines.number + text.count(self._line_end))

    def _note(self, text: str, found: delimited_bulk.Block) -> None:
        """Keep what a block says of the effects of the dialect."""
        if found.nulls:
            self._effects.add("null")
        if "quote" not in self._effects and self._sign in text:
            self._effects.add("quote")
        if text.endswith(self._line_end) or len(found.rows) > 1 or found.empty:
            self._effects.add("line_ends")
        first_empty = self._empty or (found.empty[0] if found.empty else 0)
        if found.rows and 0 < first_empty < found.positions[-1]:
            self._effects.add("empty_lines")
        self._empty = found.empty[-1] if found.empty else self._empty

    def _one_by_one(self, last: int) -> _Read:
        """The records up to the one that ends on line `last` or later, at least one, as `_next`."""
        positions: list[int] = []
        rows: list[Sequence[Value]] = []
        try:
            while not rows or self._lines.number < last:
                record = self._record()
                if record is None:
                    break
                if len(record) != len(self.columns):
                    raise self._width(len(record))
                positions.append(self._number)
                rows.append(record)
        except Refused as e:
            return positions, rows, e
        return positions, rows, None

    def _skip(self) -> None:
        """Read one of the lines that stand before the header."""
        text = self._lines.line()
        if text is None:
            self._number = self._lines.number + 1
            raise self._refused(
                f"{self._lines.number} lines, where {self._dialect.skip} are not read", "skip fewer lines"
            )
        self._number = self._lines.number
        self._check_control(text, _CONTROL)
        self._ended()

    def _columns(self) -> tuple[str, ...]:
        """The names of the columns: those of the dialect, or of the first record."""
        if not self._dialect.header:
            return check_columns(
                self._dialect.columns, where=f"{self._lines.where}: columns", most=limits.COLUMNS_2
            )
        record = self._record(header=True)
        if record is None:
            raise self._refused("no header", "name the columns in the first line")
        names = [str(name) for name in record]
        if self._dialect.rename:
            renamed = rename(names)
            if renamed != names:
                self._effects.add("rename")
            names = renamed
        return check_columns(names, where=f"{self._lines.where}: line {self._number}", most=limits.COLUMNS_2)

    def _record(self, *, header: bool = False) -> Sequence[Value] | None:
        """The fields of the next record, None at the end of the file."""
        lines, text = self._lines, self._first_line()
        if text is None:
            return None
        if self._sign in text:
            self._effects.add("quote")
        if self._field is None or self._quote not in text:
            self._check_control(text, _CONTROL)
            found = [(field, False) for field in text.split(self._dialect.delimiter)]
        else:
            found = self._fields(self._quoted(text), self._field)
        self._ended()
        if len(text) > MAX_CELL or self._number != lines.number:
            self._check_cells(found)
        null = None if header else self._dialect.null
        if null is None:
            return [field for field, _ in found]
        record = [None if field == null and not quoted else field for field, quoted in found]
        if None in record:
            self._effects.add("null")
        return record

    def _first_line(self) -> str | None:
        """The line with which the next record begins; empty lines before it are left out or refused."""
        lines, allowed = self._lines, self._dialect.empty_lines
        while (text := lines.line()) == "":
            self._number = self._empty = lines.number
            if allowed is None:
                raise self._refused("an empty line", 'take it out, or write "" for an empty value')
            if allowed == "end":
                self._effects.add("empty_lines")
            self._ended()
        if text is None:
            self._number = lines.number + 1
            return None
        if self._empty and allowed == "end":
            self._number = self._empty
            raise self._refused("an empty line between records", "take it out, or give --empty-lines all")
        if self._empty:
            self._effects.add("empty_lines")
        self._number = lines.number
        return text

    def _ended(self) -> None:
        """Keep that a line end was met outside of quotes, if one was."""
        if self._lines.ending:
            self._effects.add("line_ends")

    def _quoted(self, text: str) -> str:
        """The whole record that begins with `text`: lines are added while a quote is open."""
        lines, parts, size = self._lines, [text], len(text)
        quotes = text.count(self._quote)
        while quotes % 2:
            parts.append(lines.ending)
            more = lines.line()
            if more is None:
                raise self._refused(
                    "a quote that is not closed", "close it; write a quote inside a field twice"
                )
            quotes += more.count(self._quote)
            size += len(parts[-1]) + len(more)
            parts.append(more)
            if size > limits.ITEM:
                raise self._refused(
                    f"a record of more than {limits.ITEM} characters", "close the quote, or shorten it"
                )
        record = "".join(parts)
        self._check_control(record, _CONTROL_INSIDE)
        return record

    def _fields(self, record: str, pattern: re.Pattern[str]) -> list[tuple[str, bool]]:
        """Each field of a record, and whether it was quoted."""
        fields: list[tuple[str, bool]] = []
        at = 0
        while True:
            found = pattern.match(record, at)
            if not found:
                raise self._refused(
                    f"field {len(fields) + 1} has a quote or a line end at the wrong place",
                    "quote the whole field, and write a quote inside it twice",
                )
            quoted = found[1] is not None
            fields.append((found[1].replace(self._quote * 2, self._quote) if quoted else found[2], quoted))
            at = found.end() + 1
            if at > len(record):
                return fields

    def _check_cells(self, fields: list[tuple[str, bool]]) -> None:
        for number, (field, _) in enumerate(fields, 1):
            if len(field) > MAX_CELL:
                raise self._refused(
                    f"field {number} has {len(field)} characters, more than {MAX_CELL}", "shorten it"
                )

    def _check_control(self, text: str, pattern: re.Pattern[str]) -> None:
        """Refuse a control character in a line, or in a record of several lines."""
        if text.isprintable() or not (odd := pattern.search(text)):
            return
        before = text[: odd.start()]
        line = self._number + before.count(self._line_end)
        column = odd.start() - (before.rfind(self._line_end) + 1) + 1
        character = odd.group()
        remedy = "take it out"
        if character in "\r\n":
            remedy = f"end every line in {'LF or CRLF' if self._dialect.line_ends is None else 'CR alone'}"
        raise self._lines.refused(
            f"control character U+{ord(character):04X} at column {column}", remedy, line=line
        )

    def _width(self, width: int) -> Refused:
        """The refusal of a record that has so many fields."""
        delimiter = self._dialect.delimiter
        remedy = "give each record one field a column"
        if self._quote:
            name = {",": "a comma", "\t": "a TAB"}.get(delimiter, repr(delimiter))
            remedy = f"{remedy}; quote a field that holds {name}"
        return self._refused(f"{width} fields in a table of {len(self.columns)} columns", remedy)

    def _refused(self, problem: str, remedy: str) -> Refused:
        """A refusal on the line where the last record begins."""
        return self._lines.refused(problem, remedy, line=self._number)


def rename(header: list[str]) -> list[str]:
    """The names of columns, of which the header has some twice or not at all (FORMAT.md section 17.2)."""
    fields, taken = set(header), set[str]()
    numbers: dict[str, int] = {}
    names: list[str] = []
    for place, field in enumerate(header, 1):
        own = name = field or f"column_{place}"
        if own in taken or (not field and own in fields):
            number = numbers.get(own, 2)
            while (name := f"{own}_{number}") in taken or name in fields:
                number += 1
            numbers[own] = number + 1
        taken.add(name)
        names.append(name)
    return names


def _field(delimiter: str, quote: str) -> re.Pattern[str]:
    """A field and what it ends at: group 1 of a quoted one, group 2 of another."""
    d, q = re.escape(delimiter), re.escape(quote)
    return regex.expression(rf"{q}((?:[^{q}]++|{q}{q})*+){q}(?={d}|\Z)|([^{q}{d}\r\n]*+)(?={d}|\Z)")
