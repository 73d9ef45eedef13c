# SPDX-License-Identifier: Apache-2.0
"""Laws of delimited files: read at once or record by record, in blocks of any size, the facts are the same.

They are also those that the `csv` module of Python reads, wherever the file keeps our rules.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.format.readers import delimited_bulk, text_blocks, written
from anchor.format.readers.delimited_dialect import DelimitedDialect
from anchor.format.readers.delimited_records import Records
from tests.support.process.sampled import examples
from tests.support.second import readers, readers2

CODECS = {"utf-8": "utf-8", "utf-16": "utf-16", "windows-1252": "cp1252", "macintosh": "mac_roman"}
DIALECTS = st.builds(
    DelimitedDialect,
    delimiter=st.sampled_from(",;\t| ^"),
    quote=st.sampled_from(['"', "'", None]),
    encoding=st.sampled_from(list(CODECS)),
    line_ends=st.sampled_from([None, "cr"]),
    skip=st.integers(0, 2),
    empty_lines=st.sampled_from([None, "end", "all"]),
    null=st.sampled_from([None, "", "NA", "a"]),
)
PIECES = st.sampled_from(["a", "NA", "é", " ", '"', "'", '""', "''", ",", ";", "\t", "|"])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
Read = tuple[tuple[str, ...], list[tuple[int, tuple[Any, ...]]], str | frozenset[str]]


def read(data: bytes, dialect: DelimitedDialect) -> Read:
    """Columns, facts with their lines, and the refusal that ended the reading, or the idle members."""
    columns: tuple[str, ...] = ()
    facts: list[tuple[int, tuple[Any, ...]]] = []
    try:
        table = Records(io.BytesIO(data), "ledger", dialect)
        columns = table.columns
        for positions, rows in table.chunks():
            assert len(rows) > 0
            facts += zip(positions, map(tuple, rows), strict=True)
    except Refused as e:
        return columns, facts, str(e)
    return columns, facts, table.idle


def one_by_one(data: bytes, dialect: DelimitedDialect) -> Read:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited_bulk, "read", lambda *_: None)
        return read(data, dialect)


def in_small_blocks(data: bytes, dialect: DelimitedDialect, size: int) -> Read:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_blocks, "BLOCK", size)
        patch.setattr(text_blocks, "_READ", max(1, size // 2))
        return read(data, dialect)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, DelimitedDialect]:
    """A file that is nearly right: fields with quotes mostly where they belong."""
    dialect = draw(DIALECTS)
    quote, width = dialect.quote, draw(st.integers(1, 3))
    end = "\r" if dialect.line_ends else draw(st.sampled_from(["\n", "\r\n"]))
    inside = PIECES | ENDS | st.just(quote or "") | st.just(dialect.delimiter)

    def field() -> str:
        text = "".join(draw(st.lists(inside, max_size=3)))
        if quote and draw(st.booleans()):
            return quote + text.replace(quote, quote * 2) + quote
        wild = draw(st.integers(0, 30)) == 0
        return text if wild else "".join(c for c in text if c not in f"{quote}{dialect.delimiter}\r\n")

    lines = ["skip 'me'"] * dialect.skip + [dialect.delimiter.join("xyz"[:width])]
    for _ in range(draw(st.integers(0, 6))):
        lines += [""] * (draw(st.integers(0, 8)) == 0)
        lines.append(dialect.delimiter.join(field() for _ in range(width)))
    lines += [""] * draw(st.integers(0, 2))
    return end.join(lines).encode(CODECS[dialect.encoding]), dialect


@examples(400, given(files(), st.integers(2, 40)))
def test_reading_at_once_gives_what_reading_record_by_record_gives(
    file: tuple[bytes, DelimitedDialect], size: int
) -> None:
    """The refusals too, and the facts before them."""
    found = read(*file)
    assert found == one_by_one(*file)
    assert found == in_small_blocks(*file, size)


@examples(400, given(st.lists(PIECES | ENDS, max_size=14).map("".join), DIALECTS, st.integers(2, 20)))
def test_any_text_is_read_or_refused_alike(text: str, dialect: DelimitedDialect, size: int) -> None:
    data = text.encode(CODECS[dialect.encoding])
    found = read(data, dialect)
    assert found == one_by_one(data, dialect) == in_small_blocks(data, dialect, size)


@given(st.binary(max_size=40), DIALECTS)
def test_any_bytes_are_read_or_refused_alike(data: bytes, dialect: DelimitedDialect) -> None:
    found = read(data, dialect)
    assert found == one_by_one(data, dialect) == in_small_blocks(data, dialect, 4)


@given(
    st.lists(st.lists(st.lists(PIECES | ENDS, max_size=3).map("".join), min_size=2, max_size=2), min_size=1),
    st.sampled_from(",;\t|"),
    st.sampled_from("\"'"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
)
def test_what_the_standard_writer_writes_is_what_was_given_to_it(
    rows: Sequence[Sequence[str]], delimiter: str, quote: str, quoting: Any
) -> None:
    lone = any("\r" in value for row in rows for value in row)  # the writer leaves a lone CR without quotes
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=delimiter,
        quotechar=quote,
        quoting=csv.QUOTE_ALL if lone else quoting,
        lineterminator="\r\n",
    )
    writer.writerows([["a", "b"], *rows])
    found = read(out.getvalue().encode(), DelimitedDialect(delimiter=delimiter, quote=quote))
    assert (found[0], [row for _, row in found[1]]) == (("a", "b"), [tuple(r) for r in rows])


@given(files())
def test_what_we_read_is_what_the_standard_reader_reads(file: tuple[bytes, DelimitedDialect]) -> None:
    """It reads more files than we do, and it knows neither null nor skipped lines."""
    data, dialect = file
    columns, facts, refused = read(data, dialect)
    if isinstance(refused, str):
        return
    end = "\r" if dialect.line_ends else "\n"
    lines = [line + end for line in data.decode(CODECS[dialect.encoding]).split(end)]
    rows = csv.reader(
        [*lines[dialect.skip : -1], lines[-1].removesuffix(end)],
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or '"',
        quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
        strict=True,
    )
    ours = [list(columns), *([dialect.null if v is None else v for v in fact] for _, fact in facts)]
    assert ours == [row for row in rows if row]


@examples(
    400,
    given(
        files() | st.tuples(st.lists(PIECES | ENDS, max_size=14).map(lambda p: "".join(p).encode()), DIALECTS)
    ),
)
def test_the_second_reader_reads_the_same(file: tuple[bytes, DelimitedDialect]) -> None:
    """It was written from the text of the format alone, and refuses what we refuse."""
    data, dialect = file
    ours = read(data, dialect)
    compare(data, dialect, ours)
    if isinstance(ours[2], frozenset) and ours[2]:
        defaults = {member: getattr(DelimitedDialect(), member) for member in ours[2]}
        if dialect.quote == "'" and "quote" in ours[2] and b'"' in data:
            defaults["quote"] = None  # no field is quoted, and `"` is a character like any other
        without = msgspec.structs.replace(dialect, **defaults)
        found = read(data, without)
        if dialect.empty_lines != "all" or isinstance(found[2], frozenset):  # "all" may have to be "end"
            assert found == (*ours[:2], frozenset())
        compare(data, without, found)


def compare(data: bytes, dialect: DelimitedDialect, ours: Read) -> None:
    members = written(dialect)
    try:
        columns, facts = readers2.read("delimited-v2", members or None, [data])
    except readers.Wrong:
        columns, facts = [], []
    idle = ours[2]
    repeated = len(set(ours[0])) != len(ours[0])
    if isinstance(idle, str) or idle or not members or repeated:
        assert not facts
    else:
        assert ours[0] == tuple(columns)
        assert [fact for _, fact in ours[1]] == [tuple(fact.values()) for fact in facts]


def test_a_block_without_anything_unusual_is_read_at_once() -> None:
    """So the laws above compare two different ways."""
    rules = delimited_bulk.Rules(",", '"', "\n", 2, "NA", skips_empty=True)
    text = 'a,"b,""c""\r\nd"\r\n\r\nNA,"NA"\n'
    found = delimited_bulk.read(text, rules, 7)
    assert found is not None
    assert (found.length, found.lines, list(found.positions), found.empty) == (len(text), 4, [7, 10], [9])
    assert found.rows == [["a", 'b,"c"\r\nd'], [None, "NA"]]
