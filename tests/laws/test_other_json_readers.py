# SPDX-License-Identifier: Apache-2.0
"""JSON as duckdb, pandas and `json` of Python read it, where they differ from us, and why.

duckdb is told that all values are text, pandas to convert nothing, and `json` to keep the texts of numbers. A
value that is null and one that is missing count as one here: none of the three tells them apart. The table of
files is complete: a difference that it does not list fails, and so does a listed one that is not there.
`python3 tasks.py compare` runs this.
"""

import importlib.util
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from anchor.format.readers import READERS
from tests.support.process.need import need

pytestmark = pytest.mark.compare
Read = tuple[list[str], list[list[str | None]]] | None
"""Names and rows; None: the file is refused."""


@dataclass(frozen=True)
class File:
    """A small file, and the programs that read it in another way."""

    name: str
    data: bytes
    differ: dict[str, str] = field(default_factory=dict)
    """The reason for each program whose result is another one than ours."""

    @property
    def lines(self) -> bool:
        """It is JSON Lines: it begins with an object."""
        return self.data.lstrip().startswith(b"{")


_NUMBER = "a number becomes a double or an integer, and its text is made anew"
_SPACED = "the text of a nested value is made anew"
_LAST = "of two members of one name it keeps the last"
_NO_FACTS = "a table without rows is a table"
_MEMBERLESS = "an object without members is a row of nulls"
_SURROGATE = "a lone surrogate is kept, though no UTF-8 can hold it"
_CONSTANT = "NaN, which is no JSON, is a number"
_NAMED = "columns get names that are not in the file"

FILES: list[File] = [
    File("strings", b'[{"a":"1","b":"x"},{"a":"2","b":""}]'),
    File("strings in lines", b'{"a":"1","b":"x"}\n{"a":"2","b":""}\n'),
    File("members in another order", b'[{"a":"1","b":"x"},{"b":"y","a":"2"}]'),
    File("CRLF", b'{"a":"1"}\r\n{"a":"2"}\r\n'),
    File("no end of the last line", b'{"a":"1"}\n{"a":"2"}'),
    File("integers", b'[{"a":1},{"a":-5}]'),
    File("zeros after the point", b'[{"a":1.50},{"a":2.00}]', {"duckdb": _NUMBER, "pandas": _NUMBER}),
    File("exponents", b'[{"a":1e5},{"a":1E-7}]', {"duckdb": _NUMBER, "pandas": _NUMBER}),
    File("minus zero", b'[{"a":-0},{"a":7}]', {"duckdb": _NUMBER, "pandas": _NUMBER}),
    File(
        "an integer of 23 digits",
        b'[{"a":12345678901234567890123}]',
        {"pandas": "an integer beyond 64 bits is refused"},
    ),
    File(
        "a fraction of 20 digits", b'[{"a":0.12345678901234567891}]', {"duckdb": _NUMBER, "pandas": _NUMBER}
    ),
    File("a number that is too large for a double", b'[{"a":1e999}]', {"pandas": _NUMBER}),
    File("digits as strings", b'[{"a":"007"},{"a":"1.50"}]'),
    File("dates as strings", b'[{"date":"2020-01-02"},{"date":"2020-01-03"}]'),
    File("words", b'[{"a":true},{"a":false}]'),
    File("null and missing", b'[{"a":"1","b":null},{"a":"2"}]'),
    File(
        "null beside integers", b'[{"a":1},{"a":null}]', {"pandas": "integers beside a null become doubles"}
    ),
    File("words and numbers in one column", b'[{"a":1},{"a":true},{"a":"x"}]'),
    File("a later column", b'[{"a":"1"},{"a":"2","b":"x"}]'),
    File(
        "an array as a value", b'[{"a":[1, 2.50]}]', {"duckdb": _NUMBER, "pandas": _SPACED, "json": _SPACED}
    ),
    File("an object as a value", b'[{"a":{"x": 1, "y": "b c"}}]', {"pandas": _SPACED, "json": _SPACED}),
    File("escapes", b'[{"a":"\\u00e9\\ud83d\\ude00\\n\\/"}]'),
    File("text of all planes", '[{"é":"é😀"}]'.encode()),
    File("two members of one name", b'[{"a":"1","a":"2"}]', {"pandas": _LAST, "json": _LAST}),
    File(
        "names that differ in case",
        b'[{"a":"1","A":"2"}]',
        {"duckdb": "names are compared without regard to case, so the second is renamed"},
    ),
    File(
        "a lone surrogate",
        b'[{"a":"\\ud800"}]',
        {"pandas": "a lone surrogate is dropped", "json": _SURROGATE},
    ),
    File("not UTF-8", b'[{"a":"\xff"}]'),
    File(
        "byte order mark",
        b'\xef\xbb\xbf[{"a":"1"}]',
        {"duckdb": "a byte order mark is taken off without a word"},
    ),
    File(
        "an empty line",
        b'{"a":"1"}\n\n{"a":"2"}\n',
        {"duckdb": "empty lines are skipped", "pandas": "empty lines are skipped"},
    ),
    File("two objects on a line", b'{"a":"1"}{"a":"2"}\n'),
    File("NaN", b'[{"a":NaN}]', {"duckdb": _CONSTANT, "pandas": _CONSTANT, "json": _CONSTANT}),
    File("a comma after the last item", b'[{"a":"1"},]'),
    File("text after the array", b'[{"a":"1"}] x'),
    File(
        "a control character in a string",
        b'[{"a":"\t"}]',
        {"pandas": "control characters in strings are read like others"},
    ),
    File("a leading zero", b'[{"a":01}]', {"pandas": "leading zeros are skipped"}),
    File("an empty array", b"[]", {"duckdb": _NO_FACTS, "pandas": _NO_FACTS, "json": _NO_FACTS}),
    File(
        "an empty object",
        b'[{"a":"1"},{}]',
        {"duckdb": _MEMBERLESS, "pandas": _MEMBERLESS, "json": _MEMBERLESS},
    ),
    File("an array of arrays", b'[["1","2"],["3","4"]]', {"duckdb": _NAMED, "pandas": _NAMED}),
    File("an array of strings", b'["a","b"]', {"duckdb": _NAMED, "pandas": _NAMED}),
    File("an item that is null", b'[{"a":"1"},null]', {"duckdb": "an item that is null is a row of nulls"}),
]


def ours(file: File, _path: Path) -> Read:
    table = READERS["jsonl-v2" if file.lines else "json-v2"](io.BytesIO(file.data), where="file")
    rows = [list(row) for _, row in table]
    return list(table.columns), [[v if isinstance(v, str) else None for v in row] for row in rows]


def by_duckdb(file: File, path: Path) -> Read:
    import duckdb

    form = f"format = '{'newline_delimited' if file.lines else 'array'}'"
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM read_json('{path}', {form}, sample_size = -1) LIMIT 0")
        names = [column[0] for column in found.description]
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        told = f"SELECT * FROM read_json('{path}', {form}, columns = {{{columns}}})"
        return names, [list(row) for row in connection.execute(told).fetchall()]


def by_pandas(file: File, path: Path) -> Read:
    import pandas as pd

    table = pd.read_json(path, lines=file.lines, dtype=False, convert_dates=False, convert_axes=False)
    rows = table.to_dict("split")["data"]
    return [str(c) for c in table.columns], [[_text(v) for v in row] for row in rows]


def by_json(file: File, path: Path) -> Read:
    text = path.read_text(encoding="utf-8")

    def read(part: str) -> Any:
        return json.loads(part, parse_int=str, parse_float=str)

    facts: list[dict[str, Any]] = [read(line) for line in text.splitlines()] if file.lines else read(text)
    names = list(dict.fromkeys(name for fact in facts for name in fact))
    return names, [[_text(fact.get(name)) for name in names] for fact in facts]


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, list, dict)) else str(value)


PROGRAMS: dict[str, Callable[[File, Path], Read]] = {
    "duckdb": by_duckdb,
    "pandas": by_pandas,
    "json": by_json,
}


def outcome(read: Callable[[File, Path], Read], file: File, path: Path) -> Read:
    """The result of a program, or None where it refuses the file in whatever way it has."""
    try:
        return read(file, path)
    except Exception:  # noqa: BLE001 - each has errors of its own
        return None


@pytest.fixture(autouse=True)
def programs() -> None:
    need(all(importlib.util.find_spec(name) for name in PROGRAMS), "python3 tasks.py compare")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_another_program_reads_what_we_read_or_differs_for_a_listed_reason(
    file: File, tmp_path: Path
) -> None:
    path = tmp_path / ("file.jsonl" if file.lines else "file.json")
    path.write_bytes(file.data)
    expected = outcome(ours, file, path)
    found = {name: outcome(read, file, path) for name, read in PROGRAMS.items()}
    assert {name: read for name, read in found.items() if read != expected}.keys() == file.differ.keys(), (
        f"we read {expected}, they read {found}"
    )
