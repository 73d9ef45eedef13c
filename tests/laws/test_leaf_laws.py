# SPDX-License-Identifier: Apache-2.0
"""Laws of leaves: every reader and every encoder give one fact the same bytes, those of RFC 8785.

FORMAT.md section 4: a leaf is the RFC 8785 form of the fact; leaf hash = SHA-256(0x00 || leaf bytes).
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.format.facts import ABSENT, Chunk, Fact, Row
from anchor.format.leaves import CHUNK, Leaves, encoder, seal
from anchor.format.statement import LedgerName
from tests.support.releases.ledgers import read
from tests.support.releases.tables import open_table

LEDGER = LedgerName(name="n", number=1, version="v")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = st.text(
    st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF)
    | st.sampled_from('"\\\n\0\x7fé\ue000\uffff'),
    min_size=1,
    max_size=6,
)
COLUMNS = st.lists(NAME, min_size=1, max_size=6, unique=True).map(tuple)


@dataclass(frozen=True)
class Facts:
    """A table that is in memory."""

    columns: tuple[str, ...]
    rows: Sequence[Row]

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        return enumerate(self.rows, 1)


@dataclass(frozen=True)
class FactsOrNulls:
    """A table that is in memory, with null and absent values."""

    columns: tuple[str, ...]
    rows: Sequence[Fact]

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        return enumerate(self.rows, 1)


@dataclass(frozen=True)
class Chunked(FactsOrNulls):
    """A table that gives some facts at once."""

    length: int = 1

    def chunks(self) -> Iterator[Chunk]:
        for start in range(0, len(self.rows), self.length):
            rows = self.rows[start : start + self.length]
            yield range(start + 1, start + 1 + len(rows)), [list(row) for row in rows]


@st.composite
def tables(draw: st.DrawFn) -> Facts:
    columns = draw(COLUMNS)
    return Facts(columns, draw(st.lists(st.tuples(*[TEXT] * len(columns)), min_size=1, max_size=5)))


NULLS: list[Fact] = [("1", "2"), (None, "3"), (ABSENT, "4")]


def oracle(columns: tuple[str, ...], row: Row) -> bytes:
    return rfc8785.dumps(dict(zip(columns, row, strict=True)))


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word for word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    cut = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + naive_root(leaves[:cut]) + naive_root(leaves[cut:])).digest()


@pytest.mark.parametrize("columns", [("a",), ('a"',)])
def test_every_code_point_has_the_bytes_of_rfc_8785(columns: tuple[str, ...]) -> None:
    """Both ways of encoding, all 1,112,064 code points, 256 at a time and those of the first 64 Ki alone."""
    encode = encoder(columns)
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    for start in range(0, len(points), 256):
        row = ("".join(points[start : start + 256]),)
        assert encode(row) == oracle(columns, row)
    for c in points[:0x3000]:
        assert encode((c,)) == oracle(columns, (c,))


def test_every_code_point_of_a_name_has_the_bytes_of_rfc_8785() -> None:
    for c in range(0x10000):
        if c < 0x3100 or c > 0xFF00:  # neither ideographs nor surrogates, which are all alike
            columns = (chr(c), "m", "\ufdd0")
            if len(set(columns)) == 3:
                assert encoder(columns)(("1", "2", "3")) == oracle(columns, ("1", "2", "3"))


@given(tables())
def test_leaf_bytes_are_rfc_8785_whatever_the_names_and_values(table: Facts) -> None:
    leaves = [leaf for chunk in Leaves(table) for leaf in chunk]
    encode = encoder(table.columns)
    assert leaves == [oracle(table.columns, row) for row in table.rows] == [encode(row) for row in table.rows]


@given(tables())
def test_the_order_of_columns_does_not_change_a_leaf(table: Facts) -> None:
    turned = Facts(table.columns[::-1], [row[::-1] for row in table.rows])
    assert list(Leaves(table)) == list(Leaves(turned))


@given(tables(), st.integers(1, 6))
def test_a_table_in_chunks_of_any_length_has_the_leaves_of_its_facts(table: Facts, length: int) -> None:
    chunked = Chunked(table.columns, table.rows, length)
    assert list(chain.from_iterable(Leaves(chunked))) == list(chain.from_iterable(Leaves(table)))
    assert seal(chunked, ledger=LEDGER) == seal(table, ledger=LEDGER)


@given(tables())
def test_every_reader_gives_what_was_written(table: Facts) -> None:
    facts = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    written = (table.columns, table.rows)
    for ascii_only in (True, False):
        lines = [json.dumps(f, ensure_ascii=ascii_only) for f in facts]
        assert read("\n".join(lines), "jsonl-v1") == written
        assert read(json.dumps(facts, ensure_ascii=ascii_only, indent=1), "json-v1") == written
    out = io.BytesIO()
    seal(table, ledger=LEDGER, ledger_json=out)
    assert read(out.getvalue(), "ledger-json-v1") == written


@given(tables())
def test_a_markdown_ledger_and_a_csv_ledger_give_the_same_leaves(table: Facts) -> None:
    """Where both formats can hold the facts."""

    def clean(text: str) -> str:
        kept = "".join(c if c.isprintable() and c not in '|\\`*[<"' else "-" for c in text)
        return kept.strip(" \t")

    columns = tuple(f"c{i}" for i in range(len(table.columns)))
    rows = [tuple(clean(value) or "x" for value in row) for row in table.rows]
    markdown = "".join(f"| {' | '.join(row)} |\n" for row in [columns, ("-",) * len(columns), *rows])
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([columns, *rows])
    assert read(markdown, "markdown-table-v1") == read(out.getvalue(), "csv-v1") == (columns, rows)


@settings(max_examples=20)
@given(st.integers(1, 3 * CHUNK + 5))
def test_the_root_is_that_of_rfc_9162_over_the_facts_in_order(size: int) -> None:
    rows = [(str(i),) for i in range(size)]
    sealed = seal(Facts(("a",), rows), ledger=LEDGER)
    assert (sealed.root, sealed.size) == (naive_root([oracle(("a",), row) for row in rows]), size)


@pytest.mark.parametrize("size", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_ledger_json_is_what_the_design_says(size: int) -> None:
    rows = [(str(i), "é\n") for i in range(size)]
    out = io.BytesIO()
    done: list[int] = []
    sealed = seal(Facts(("b", "a"), rows), ledger=LEDGER, ledger_json=out, progress=done.append)
    facts = ",\n".join(oracle(("b", "a"), row).decode() for row in rows)
    assert out.getvalue().decode() == (
        '{"columns":["b","a"],"facts":[\n'
        + facts
        + '\n],"format":"urn:ledger-anchor:ledger:v1","ledger":{"name":"n","number":1,"version":"v"}}\n'
    )
    assert sealed.columns == ("b", "a")
    assert done[-1] == size
    assert rfc8785.dumps(json.loads(out.getvalue())) == out.getvalue().replace(b"\n", b"")


@given(tables(), st.data())
def test_any_change_of_a_fact_changes_the_root(table: Facts, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(table.rows) - 1))
    column = data.draw(st.integers(0, len(table.columns) - 1))
    row = list(table.rows[at])
    row[column] += data.draw(st.sampled_from([" ", "\u0301", "\0", "x", "\ufe0f"]))
    changed = [*table.rows[:at], tuple(row), *table.rows[at + 1 :]]
    assert root(Facts(table.columns, changed)) != root(table)


@given(tables(), st.data())
def test_a_fact_repeated_dropped_or_moved_changes_the_root(table: Facts, data: st.DataObject) -> None:
    rows = list(table.rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    for changed in ([*rows, rows[at]], rows[:at] + rows[at + 1 :], rows[::-1]):
        if changed and changed != rows:
            assert root(Facts(table.columns, changed)) != root(table)


def root(table: Facts) -> bytes:
    return seal(table, ledger=LEDGER).root


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(Refused, match="no facts"):
        seal(Facts(("a",), []), ledger=LEDGER)


@pytest.mark.parametrize(
    "row", [("1",), ("1", "2", "3"), ("1", True), ("1", 2), (b"1", "2"), ("1", "\ud800"), ()]
)
def test_a_row_that_is_no_fact_has_no_leaf(row: Row) -> None:
    for columns in (("a", "b"), ("a", 'b"')):
        with pytest.raises(Refused):
            encoder(columns)(row)
        with pytest.raises(Refused):
            seal(Facts(columns, [("1", "2"), row]), ledger=LEDGER)


@pytest.mark.parametrize("columns", [(), ("",), ("a", "a"), ("\U0001f600",), ("\ud800",), ("x" * 1025,)])
def test_bad_columns_have_no_leaves(columns: tuple[str, ...]) -> None:
    with pytest.raises(Refused):
        seal(Facts(columns, [("1",) * len(columns)]), ledger=LEDGER)


def test_a_fact_beyond_the_limit_is_refused() -> None:
    columns = tuple(f"c{i}" for i in range(8))
    with pytest.raises(Refused, match="fact 2: more than"):
        seal(Facts(columns, [("1",) * 8, ("x" * 140_000,) * 8]), ledger=LEDGER)


def test_a_stream_that_is_refused_late_gives_no_root() -> None:
    lines = b'{"a":"1"}\n' * (2 * CHUNK) + b'{"a":{}}\n'
    with pytest.raises(Refused, match="line 2049"):
        seal(open_table(io.BytesIO(lines), "jsonl-v1", where="l"), ledger=LEDGER)


def test_null_and_absent_name_their_encoding_at_the_end_of_the_stream() -> None:
    for columns in (("b", "a"), ('b"', "a")):
        wanted = [rfc8785.dumps(dict(zip(columns, pair, strict=True))) for pair in (("1", "2"), (None, "3"))]
        table = FactsOrNulls(columns, NULLS)
        leaves = Leaves(table)
        found = [leaf for chunk in leaves for leaf in chunk]
        assert found == [*wanted, rfc8785.dumps({columns[1]: "4"})]
        assert leaves.encoding == "rfc8785-strings-or-null"
        assert seal(table, ledger=LEDGER).needs_version_2
    plain = seal(Facts(("a",), [("1",)]), ledger=LEDGER)
    assert (plain.encoding, plain.needs_version_2) == ("rfc8785-strings", False)


def test_a_fact_without_any_member_is_refused() -> None:
    rows: list[Fact] = [("1", "2"), (ABSENT, ABSENT)]
    for table in (FactsOrNulls(("a", "b"), rows), Chunked(("a", "b"), rows)):
        with pytest.raises(Refused, match="without a member"):
            seal(table, ledger=LEDGER)
