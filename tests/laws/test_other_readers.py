# SPDX-License-Identifier: Apache-2.0
"""Delimited files as duckdb, pandas and csvkit read them, where they differ from us, and why.

Each is told the same dialect, and to keep all values as text. The table of files is complete: a difference
that it does not list fails, and so does a listed one that is not there. `python3 tasks.py compare` runs this.
"""

import contextlib
import importlib.util
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from anchor.format.readers import READERS, dialect_of
from tests.support.process.need import need

CODECS = {
    "windows-1252": "cp1252",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "macintosh": "mac_roman",
    "utf-16": "utf-16",
}
pytestmark = pytest.mark.compare
_DUCKDB = {"iso-8859-1": "latin-1", "utf-16": "utf-16"}
"""The other encodings need an extension of duckdb that it fetches from the network."""
Read = tuple[list[str], list[list[str | None]]] | None
"""Names and rows; None: the file is refused."""


@dataclass(frozen=True)
class File:
    """A small file, the dialect that it has, and the programs that read it in another way."""

    name: str
    data: bytes
    dialect: dict[str, Any] = field(default_factory=dict)
    differ: dict[str, str] = field(default_factory=dict)
    """The reason for each program whose result is another one than ours."""


_ENCODINGS = "its other encodings are in an extension, which it would fetch from the network"
_MARK = "a byte order mark is taken off without a word"
_EMPTY = "an empty line is a row of nulls"
_QUOTED = "a quoted token is null too"
_NAMES = "each has names of its own for columns that need one"
_SHORT = "a short record is filled up"
_INSIDE = "a quote that is not the first character stands for itself"
_AFTER = "text after the closing quote is put behind the value"
_CONTROL = "control characters are read like others"
_NO_ROWS = "a table without rows is a table"

FILES: list[File] = [
    File("plain", b"a,b\n1,2\n3,4\n"),
    File("no end of the last line", b"a,b\n1,2"),
    File("CRLF", b"a,b\r\n1,2\r\n"),
    File("quotes", b'a,b\n"1,""x""",2\n'),
    File("a line end in quotes", b'a,b\n"1\n2",3\n'),
    File(
        "CRLF in quotes",
        b'a,b\r\n"1\r\n2",3\r\n',
        differ={"csvkit": "it opens files with universal line ends, which change the value"},
    ),
    File("blanks belong to the value", b"a,b\n 1 ,2\n"),
    File(
        "an empty field",
        b"a,b\n,2\n",
        differ={"duckdb": "an unquoted empty field is null unless another token is named"},
    ),
    File("an empty field in quotes", b'a,b\n"",2\n'),
    File(
        "both kinds of empty field",
        b'a,b\n"",\n',
        differ={"duckdb": "an unquoted empty field is null unless another token is named"},
    ),
    File("NA is text", b"a,b\nNA,null\n"),
    File("numbers stay as they are written", b"a,b\n007,1.50\n1e3,+2\n"),
    File("a word for true", b"a,b\nTRUE,yes\n"),
    File("semicolon", b"a;b\n1,5;2\n", {"delimiter": ";"}),
    File("TAB", b"a\tb\n1\t2\n", {"delimiter": "\t"}),
    File("pipe", b"a|b\n1|2\n", {"delimiter": "|"}),
    File("another quote", b"a,b\n'1,2',3\n", {"quote": "'"}),
    File("no quotes", b'a\tb\n5" disk\t"x\n', {"delimiter": "\t", "quote": None}),
    File(
        "windows-1252",
        "a,b\né€,œ\n".encode("cp1252"),
        {"encoding": "windows-1252"},
        differ={"duckdb": _ENCODINGS},
    ),
    File("a byte that windows-1252 does not define", b"a,b\nx\x81,2\n", {"encoding": "windows-1252"}),
    File(
        "iso-8859-15",
        "a,b\n€,œ\n".encode("iso8859-15"),
        {"encoding": "iso-8859-15"},
        differ={"duckdb": _ENCODINGS},
    ),
    File(
        "macintosh",
        "a,b\né,€\n".encode("mac_roman"),
        {"encoding": "macintosh"},
        differ={"duckdb": _ENCODINGS},
    ),
    File("utf-16", "a,b\né,2\n".encode("utf-16"), {"encoding": "utf-16"}),
    File(
        "byte order mark",
        b"\xef\xbb\xbfa,b\n1,2\n",
        {"bom": True},
        differ={"csvkit": "the mark belongs to the first name, unless the encoding is called utf-8-sig"},
    ),
    File(
        "byte order mark that is not named",
        b"\xef\xbb\xbfa,b\n1,2\n",
        differ={"duckdb": _MARK, "pandas": _MARK, "csvkit": "the mark belongs to the first name"},
    ),
    File("not UTF-8", b"a,b\n\xe9,2\n"),
    File("CR alone", b"a,b\r1,2\r", {"line_ends": "cr"}),
    File("skipped lines", b"Report\n2024, all\na,b\n1,2\n", {"skip": 2}),
    File("a skipped line with a quote", b'A "report\na,b\n1,2\n', {"skip": 1}),
    File("an empty skipped line", b"Report\n\na,b\n1,2\n", {"skip": 2}),
    File("no header", b"1,2\n3,4\n", {"header": False, "columns": ["a", "b"]}),
    File("empty lines at the end", b"a,b\n1,2\n\n\n", {"empty_lines": "end"}, differ={"csvkit": _EMPTY}),
    File("empty lines between", b"a,b\n1,2\n\n3,4\n", {"empty_lines": "all"}, differ={"csvkit": _EMPTY}),
    File(
        "an empty line that is not named",
        b"a,b\n1,2\n\n3,4\n",
        differ={
            "duckdb": "empty lines are left out without a word",
            "pandas": "an empty line is a row of empty values",
            "csvkit": _EMPTY,
        },
    ),
    File(
        "a token for null", b'a,b\nNA,"NA"\n', {"null": "NA"}, differ={"pandas": _QUOTED, "csvkit": _QUOTED}
    ),
    File(
        "an empty field is null", b'a,b\n,""\n', {"null": ""}, differ={"pandas": _QUOTED, "csvkit": _QUOTED}
    ),
    File(
        "a column without a name",
        b"a,,c\n1,2,3\n",
        {"rename": True},
        differ={"duckdb": _NAMES, "pandas": _NAMES, "csvkit": _NAMES},
    ),
    File(
        "two columns of one name",
        b"a,a\n1,2\n",
        {"rename": True},
        differ={"duckdb": _NAMES, "pandas": _NAMES},
    ),
    File("names that differ in case", b"a,A\n1,2\n", differ={"duckdb": "names are compared without case"}),
    File("a record that is too short", b"a,b\n1\n", differ={"pandas": _SHORT, "csvkit": _SHORT}),
    File(
        "a record that is too long",
        b"a,b\n1,2,3\n",
        differ={"pandas": "fields beyond the last column are left out, with a warning"},
    ),
    File(
        "a quote inside a field",
        b'a,b\nx"y,2\n',
        differ={"duckdb": _INSIDE, "pandas": _INSIDE, "csvkit": _INSIDE},
    ),
    File("text after a quote", b'a,b\n"x"y,2\n', differ={"pandas": _AFTER, "csvkit": _AFTER}),
    File(
        "a blank before a quote",
        b'a,b\n "x",2\n',
        differ={"duckdb": "blanks around quotes are taken off", "pandas": _INSIDE, "csvkit": _INSIDE},
    ),
    File(
        "an open quote",
        b'a,b\n"x,2\n3,4\n',
        differ={"csvkit": "the rest of the file is the value, and the record is filled up"},
    ),
    File(
        "a control character",
        b"a,b\nx\x00y,2\n",
        differ={"duckdb": _CONTROL, "pandas": _CONTROL, "csvkit": "U+0000 is taken out without a word"},
    ),
    File(
        "a vertical tab",
        b"a,b\nx\x0by,2\n",
        differ={"duckdb": _CONTROL, "pandas": _CONTROL, "csvkit": _CONTROL},
    ),
    File("no facts", b"a,b\n", differ={"duckdb": _NO_ROWS, "pandas": _NO_ROWS, "csvkit": _NO_ROWS}),
    File("one column", b"a\n1\n2\n"),
    File("one column with an empty value", b'a\n1\n""\n'),
    File("a line separator of Unicode", "a,b\nx\u2028y,2\n".encode()),
    File("a comment sign", b"a,b\n#1,2\n"),
    File("a backslash before a quote", b'a,b\n"x\\",2\n'),
    File("names with blanks", b" a ,b\n1,2\n", differ={"duckdb": "blanks around a name are taken off"}),
]


def ours(file: File, _path: Path) -> Read:
    kind = READERS["delimited-v2"]
    dialect = dialect_of(kind, file.dialect or None, where="file")
    table = kind(io.BytesIO(file.data), where="file", dialect=dialect)
    rows = [list(row) for _, row in table]
    return list(table.columns), [[v if isinstance(v, str) else None for v in row] for row in rows]


def by_duckdb(file: File, path: Path) -> Read:
    import duckdb

    d = file.dialect
    quote = d.get("quote", '"') or ""
    options = {
        "delim": d.get("delimiter", ","),
        "quote": quote,
        "escape": quote,
        "header": d.get("header", True),
        "skip": d.get("skip", 0),
        "encoding": _DUCKDB.get(d.get("encoding", "utf-8"), "utf-8"),
        "all_varchar": True,
        "allow_quoted_nulls": False,
        **({"nullstr": d["null"]} if "null" in d else {}),
    }
    literal = {
        name: repr(v) if isinstance(v, (bool, int)) else "'" + v.replace("'", "''") + "'"
        for name, v in options.items()
    }
    given = ", ".join(f"{name} = {value}" for name, value in literal.items())
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM read_csv('{path}', {given})")
        names = [column[0] for column in found.description]
        return d.get("columns", names), [list(row) for row in found.fetchall()]


def by_pandas(file: File, path: Path) -> Read:
    import pandas as pd

    d = file.dialect
    table = pd.read_csv(
        path,
        dtype=str,
        keep_default_na=False,
        na_values=[d["null"]] if "null" in d else [],
        sep=d.get("delimiter", ","),
        quotechar=d.get("quote", '"') or '"',
        quoting=3 if d.get("quote", '"') is None else 0,
        encoding=CODECS.get(d.get("encoding", ""), "utf-8"),
        skiprows=d.get("skip", 0),
        header=None if "columns" in d else 0,
        names=d.get("columns"),
        index_col=False,
        skip_blank_lines="empty_lines" in d,
    )
    rows = table.to_dict("split")["data"]
    return [str(c) for c in table.columns], [
        [None if isinstance(v, float) and math.isnan(v) else str(v) for v in row] for row in rows
    ]


def by_csvkit(file: File, path: Path) -> Read:
    from csvkit.utilities.csvjson import CSVJSON

    d = file.dialect
    arguments = ["--no-inference", "--blanks", "--delimiter", d.get("delimiter", ",")]
    arguments += ["--quotechar", d.get("quote", '"') or '"', "--skip-lines", str(d.get("skip", 0))]
    arguments += ["--quoting", "3"] if d.get("quote", '"') is None else []
    arguments += ["--encoding", CODECS.get(d.get("encoding", ""), "utf-8")]
    arguments += ["--no-header-row"] if "columns" in d else []
    arguments += ["--null-value", d["null"]] if "null" in d else []
    out = io.StringIO()
    with contextlib.redirect_stderr(io.StringIO()):
        CSVJSON([str(path), *arguments], out).run()
    found: list[dict[str, str | None]] = json.loads(out.getvalue(), object_pairs_hook=dict)
    names = list(found[0]) if found else []
    return d.get("columns", names), [list(row.values()) for row in found]


PROGRAMS: dict[str, Callable[[File, Path], Read]] = {
    "duckdb": by_duckdb,
    "pandas": by_pandas,
    "csvkit": by_csvkit,
}


def outcome(read: Callable[[File, Path], Read], file: File, path: Path) -> Read:
    """The result of a program, or None where it refuses the file in whatever way it has."""
    try:
        return read(file, path)
    except (Exception, SystemExit):  # noqa: BLE001 - each has errors of its own
        return None


@pytest.fixture(autouse=True)
def programs() -> None:
    need(all(importlib.util.find_spec(name) for name in PROGRAMS), "python3 tasks.py compare")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_another_program_reads_what_we_read_or_differs_for_a_listed_reason(
    file: File, tmp_path: Path
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(file.data)
    expected = outcome(ours, file, path)
    found = {name: outcome(read, file, path) for name, read in PROGRAMS.items()}
    assert {name: read for name, read in found.items() if read != expected}.keys() == file.differ.keys(), (
        f"we read {expected}, they read {found}"
    )


def test_each_program_reads_most_files_as_we_do() -> None:
    for name in PROGRAMS:
        assert sum(name in file.differ for file in FILES) < len(FILES) / 2


def test_what_others_read_in_different_ways_is_refused_or_named_in_the_dialect(tmp_path: Path) -> None:
    """No file is read by us alone: where nobody else reads our facts, our dialect says what they do not."""
    for file in FILES:
        if len(file.differ) == len(PROGRAMS):
            path = tmp_path / "file.csv"
            path.write_bytes(file.data)
            assert outcome(ours, file, path) is None or file.dialect
