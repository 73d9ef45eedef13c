# SPDX-License-Identifier: Apache-2.0
"""`ledger-json-v1`: our own ledger.json, in the exact bytes of FORMAT.md section 5.

An accepted file encodes to the same bytes again, so two implementations cannot read it differently.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from anchor.encoding import parse_json
from anchor.errors import Refused
from anchor.format.facts import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_FACTS,
    MAX_LEAF,
    MAX_NAME,
    Row,
    brief,
    check_columns,
)
from anchor.format.leaves import FORMAT, encoder, head, tail
from anchor.format.readers.lines import RawLines
from anchor.format.readers.objects import decode, row_of
from anchor.format.readers.reader import Stream, StreamReader

_REMEDY = "write the file with 'anchor seal'"
_ARRAY = "write an array of facts, [{...}, ...], or JSON Lines in a .jsonl file"
_LIMIT = max(
    MAX_LEAF + 1, 6 * MAX_COLUMNS * (MAX_NAME + 3) + 64
)  # a fact and its comma, or all the names escaped


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

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """A ledger.json is an object; `json-v1`, which has the same suffix, is an array."""
        return head.lstrip(b" \t\r\n").startswith(b"{") or (not head and name == "ledger.json")

    def __init__(self, stream: Stream, *, where: str) -> None:
        self._lines = RawLines(stream, where, limit=_LIMIT)
        self.ledger: Named | None = None
        place = f"{where}: line 1"
        begin, end = b'{"columns":', b',"facts":['
        line = self._line(begin)
        if not line.endswith(end):
            raise self._refused("not the first line of a ledger.json")
        names = self._json(line[len(begin) : -len(end)])
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise self._refused("'columns' is no list of names")
        self.columns = check_columns(names, where=place)
        if head(self.columns) != line + b"\n":
            raise self._refused("'columns' is not in canonical form")

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        encode = encoder(self.columns)
        more = True
        for _ in range(MAX_FACTS):
            if not more:
                break
            line = self._line()
            more = line.endswith(b",")
            fact = line[:-1] if more else line
            row = self._row(fact)
            if encode(row) != fact:
                raise self._refused("the fact is not in canonical form")
            yield self._lines.number, row
        if more:
            raise self._refused(f"more than {MAX_FACTS} facts")
        self._end()

    def _row(self, fact: bytes) -> Row:
        place = f"{self._lines.where}: line {self._lines.number}"
        if not fact.startswith(b"{"):
            raise self._refused("no fact where one is wanted")
        try:
            text = fact.decode("utf-8")
        except UnicodeDecodeError as e:
            raise self._refused(f"byte {e.start + 1} of the line is not UTF-8") from None
        if len(fact) > MAX_LEAF:
            raise self._refused(f"a fact of more than {MAX_LEAF} bytes")
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
        if value.get("format") != FORMAT:
            raise self._refused(f"the format is {brief(str(value.get('format')))}, not {FORMAT}")
        self.ledger = self._named(value.get("ledger"))
        if tail(self.ledger) != b"\n" + line + b"\n":
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
