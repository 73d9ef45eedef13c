# SPDX-License-Identifier: Apache-2.0
"""`ledger-json-v1` and `-v2`: our own ledger.json, in the exact bytes of FORMAT.md sections 5 and 18.1.

An accepted file encodes to the same bytes again, so two implementations cannot read it differently.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from anchor import limits
from anchor.encoding import parse_json
from anchor.errors import Refused
from anchor.format.facts import (
    ABSENT,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_FACTS,
    MAX_LEAF,
    MAX_NAME,
    Fact,
    Value,
    brief,
    check_columns,
)
from anchor.format.leaves import FORMAT, FORMAT_2, encoder, head, tail
from anchor.format.readers.lines import RawLines
from anchor.format.readers.objects import decode, row_of
from anchor.format.readers.reader import NO_DIALECT, Dialect, Stream, StreamReader

_REMEDY = "write the file with 'anchor seal'"
_ARRAY = "write an array of facts, [{...}, ...], or JSON Lines in a .jsonl file"
_NULLABLE = msgspec.json.Decoder(dict[str, str | None]).decode


class Named(msgspec.Struct, frozen=True):
    """The name that a ledger.json gives itself; nothing here binds it."""

    name: str
    number: int
    version: str


class LedgerJson(StreamReader):
    """The facts of a ledger.json; the first line is read at once, `ledger` is known after the last fact."""

    name = "ledger-json-v1"
    published = "source.json"
    suffixes = (".json",)
    form: ClassVar[str] = FORMAT
    most_columns: ClassVar[int] = limits.COLUMNS
    most_facts: ClassVar[int] = limits.FACTS
    longest: ClassVar[int] = max(MAX_LEAF + 1, 6 * limits.COLUMNS * (MAX_NAME + 3) + 64)
    """Bytes of a line: a fact and its comma, or all the names escaped."""

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """A ledger.json is an object; `json-v1`, which has the same suffix, is an array."""
        return head.lstrip(b" \t\r\n").startswith(b"{") or (not head and name == "ledger.json")

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._lines = RawLines(stream, where, limit=self.longest)
        self.ledger: Named | None = None
        place = f"{where}: line 1"
        begin, end = b'{"columns":', b',"facts":['
        line = self._line(begin)
        if not line.endswith(end):
            raise self._refused("not the first line of a ledger.json")
        names = self._json(line[len(begin) : -len(end)])
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise self._refused("'columns' is no list of names")
        self.columns = check_columns(names, where=place, most=self.most_columns)
        if head(self.columns) != line + b"\n":
            raise self._refused("'columns' is not in canonical form")

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        encode = encoder(self.columns)
        more = True
        for _ in range(self.most_facts):
            if not more:
                break
            line = self._line()
            more = line.endswith(b",")
            fact = line[:-1] if more else line
            if len(fact) > MAX_LEAF:
                raise self._refused(f"a fact of more than {MAX_LEAF} bytes")
            row = self._row(fact)
            if encode(row) != fact:
                raise self._refused("the fact is not in canonical form")
            yield self._lines.number, row
        if more:
            raise self._refused(f"more than {self.most_facts} facts")
        self._end()

    def _row(self, fact: bytes) -> Fact:
        place = f"{self._lines.where}: line {self._lines.number}"
        if not fact.startswith(b"{"):
            raise self._refused("no fact where one is wanted")
        try:
            text = fact.decode("utf-8")
        except UnicodeDecodeError as e:
            raise self._refused(f"byte {e.start + 1} of the line is not UTF-8") from None
        pairs, end = decode(text, 0, where=place)
        if end != len(text):
            raise self._refused(f"text after the fact, at column {end + 1}")
        return row_of(pairs, self.columns, escapes="\\u" in text, long=len(text) > MAX_CELL, where=place)

    def _end(self) -> None:
        """The last line: format and name of the ledger."""
        line = self._line()
        begin = b'],"format":'
        if not line.startswith(begin):
            raise self._refused("not the last line of a ledger.json")
        value = self._json(b'{"format":' + line[len(begin) :])
        if value.get("format") != self.form:
            raise self._refused(f"the format is {brief(str(value.get('format')))}, not {self.form}")
        self.ledger = self._named(value.get("ledger"))
        if tail(self.ledger, self.form) != b"\n" + line + b"\n":
            raise self._refused("the last line is not in canonical form")
        if next(self._lines, None) is not None:
            raise self._refused("text after the last line")

    def _named(self, value: Any) -> Named:
        """Shape only: what a name or a version may be is the statement's rule."""
        if not isinstance(value, dict) or set(value) != {"name", "number", "version"}:
            raise self._refused("'ledger' does not have name, number and version")
        name, number, version = value["name"], value["number"], value["version"]
        if not (isinstance(name, str) and name and isinstance(version, str) and version):
            raise self._refused("name and version of 'ledger' are no strings")
        if type(number) is not int or not 1 <= number < 2**53:
            raise self._refused("the number of 'ledger' is no count from 1")
        return Named(name, number, version)

    def _json(self, data: bytes) -> Any:
        try:
            return parse_json(data)
        except Refused as e:
            raise self._refused(e.problem) from None

    def _line(self, begin: bytes = b"") -> bytes:
        line = next(self._lines, None)
        if line is None:
            self._lines.number += 1
            raise self._refused("the file ends before its last line")
        if not line.startswith(begin):  # a .json file of another program
            raise self._lines.refused("a single JSON object that is no ledger.json of ours", _ARRAY)
        if not self._lines.ended:
            raise self._refused("the line has no LF at its end")
        return line

    def _refused(self, problem: str) -> Refused:
        return self._lines.refused(problem, _REMEDY)


class LedgerJson2(LedgerJson):
    """The facts of a ledger.json of version 2: a value may be null, and a member may be absent."""

    name = "ledger-json-v2"
    form = FORMAT_2
    most_columns = MAX_COLUMNS
    most_facts = MAX_FACTS
    longest = limits.STATEMENT
    """Bytes of a line: the names of all columns have to fit a statement."""

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Never: only its last line tells it from `ledger-json-v1`."""
        return False

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        super().__init__(stream, where=where, dialect=dialect)
        self._places = {name: i for i, name in enumerate(self.columns)}
        self._only_strings = True

    @property
    def needs_version_2(self) -> bool:
        """True always: this reader is one of version 2 alone."""
        return True

    def _row(self, fact: bytes) -> Fact:
        try:
            found = _NULLABLE(fact)
        except (msgspec.DecodeError, UnicodeError) as e:
            raise self._refused(f"no fact of strings and nulls: {e}") from None
        row: list[Value] = [ABSENT] * len(self.columns)
        for name, value in found.items():
            if name not in self._places:
                raise self._refused(f"{brief(name)} is not in 'columns'")
            if value is not None and len(value) > MAX_CELL:
                raise self._refused(f"a value of {len(value)} characters, more than {MAX_CELL}")
            row[self._places[name]] = value
        if None in found.values() or len(found) < len(row):
            self._only_strings = False
        return tuple(row)

    def _end(self) -> None:
        super()._end()
        facts = self._lines.number - 2
        if self._only_strings and len(self.columns) <= limits.COLUMNS and facts <= limits.FACTS:
            raise self._refused(f"nothing in it needs the format {FORMAT_2}")
