# SPDX-License-Identifier: Apache-2.0
"""Salted cells, openings, and statements of confidential ledgers: the one form, and every way to miss it."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from anchor.encoding import jcs
from anchor.errors import Refused, Unsupported
from anchor.format import opened, salted_cells
from anchor.format import statement as statements
from anchor.format.facts import ABSENT
from anchor.format.leaves import SALTED_CELLS
from anchor.format.opened import Opening
from anchor.format.receipt import Cell, Cells, ProvenFact, leaf_bytes
from anchor.format.salted_cells import LeafHashes, SaltedCells, cell, seal
from anchor.format.statement import LedgerName, SourceFile, Statement, Tree
from tests.support.releases.samples import HEX
from tests.support.releases.tables import open_table

NAME = LedgerName(name="n", number=3, version="1.0")
SECRET = bytes(range(32))
CSV = b"a,b\n1,2\n3,\n5,2\n"
COLUMNS = ("a", "b")


def opening() -> bytes:
    out = io.BytesIO(opened.head(ledger=NAME, columns=COLUMNS, secret=SECRET))
    out.seek(0, io.SEEK_END)
    seal(open_table(io.BytesIO(CSV), "csv-v1", where="l"), ledger=NAME, secret=SECRET, opened=out)
    return out.getvalue()


def test_a_secret_and_a_salt_have_32_bytes() -> None:
    for size in (0, 16, 31, 33):
        with pytest.raises(Refused, match="a secret has 32 bytes"):
            SaltedCells(b"x" * size, ledger=NAME, columns=COLUMNS)
        with pytest.raises(Refused, match="a salt has 32 bytes"):
            cell(b"x" * size, "a", "1")


def test_each_cell_has_a_salt_of_its_own() -> None:
    of = [
        SaltedCells(secret, ledger=ledger, columns=COLUMNS).salts(index)
        for secret in (SECRET, b"\0" * 32)
        for ledger in (NAME, LedgerName(name="n", number=4, version="1.0"))
        for index in (0, 1)
    ]
    assert len({salt for salts in of for salt in salts}) == 16


def test_equal_facts_have_different_leaves_and_a_swapped_cell_is_another_leaf() -> None:
    cells = SaltedCells(SECRET, ledger=NAME, columns=COLUMNS)
    assert cells.leaf(0, ("1", "2")) != cells.leaf(1, ("1", "2"))
    leaf = cells.leaf(0, ("1", "1"))
    assert leaf[:32] != leaf[32:]


def test_an_absent_column_is_refused() -> None:
    with pytest.raises(Refused, match="no value for 'b'"):
        SaltedCells(SECRET, ledger=NAME, columns=COLUMNS).leaf(0, ("1", ABSENT))
    with pytest.raises(Refused, match="fact 2"):
        seal(
            open_table(io.BytesIO(b'{"a":"1","b":"2"}\n{"a":"1"}\n'), "jsonl-v2", where="l"),
            ledger=NAME,
            secret=SECRET,
        )


def test_the_leaf_hashes_give_the_root_in_whatever_pieces_they_come() -> None:
    out = io.BytesIO()
    sealed = seal(open_table(io.BytesIO(CSV), "csv-v1", where="l"), ledger=NAME, secret=SECRET, leaves=out)
    data = out.getvalue()
    assert len(data) == 32 * sealed.size
    for size in (1, 31, 32, 33, 96):
        found = LeafHashes()
        for at in range(0, len(data), size):
            found.write(data[at : at + size])
        assert found.root() == sealed.root
    for bad in (b"", data[:-1], data + b"\n"):
        short = LeafHashes()
        short.write(bad)
        with pytest.raises(Refused):
            short.root()


def test_an_opening_gives_the_same_root() -> None:
    sealed = seal(open_table(io.BytesIO(CSV), "csv-v1", where="l"), ledger=NAME, secret=SECRET)
    found = Opening(io.BytesIO(opening()), where="o")
    assert (found.ledger, found.columns, found.secret) == (NAME, COLUMNS, SECRET)
    assert seal(found, ledger=found.ledger, secret=found.secret) == sealed
    assert [fact for _, fact in Opening(io.BytesIO(opening()), where="o")] == [
        ("1", "2"),
        ("3", ""),
        ("5", "2"),
    ]


HEAD, *LINES = opening().splitlines(keepends=True)


def with_head(**members: Any) -> bytes:
    return jcs({**json.loads(HEAD), **members}) + b"\n" + b"".join(LINES)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:-1],
        HEAD.replace(b'{"columns"', b'{ "columns"') + LINES[0],
        with_head(secret="00" * 16),
        with_head(secret="AB" * 32),
        with_head(columns=[]),
        with_head(columns=["a", "a"]),
        with_head(columns="a"),
        with_head(ledger={"name": "n"}),
        HEAD + b"".join(LINES)[:-1],
        HEAD + b'{"a":"1"}\n',
        HEAD + b'{"a":"1","b":"2","c":"3"}\n',
        HEAD + b'{"b":"2","a":"1"}\n',
        HEAD + b'{"a":"1","a":"1","b":"2"}\n',
        HEAD + b'{"a":1,"b":"2"}\n',
        HEAD + b'{"a":"\\u0031","b":"2"}\n',
        HEAD + b'{"a":"1","b":"2"} \n',
        HEAD + b'{"a":"1","b":"2"}\r\n',
        HEAD + b"\n",
        HEAD + b"[]\n",
        HEAD + b'{"a":"' + b"x" * (1 << 21) + b'","b":""}\n',
        HEAD + b"[" * 100_000 + b"\n",
        HEAD + b'{"a":"\xff","b":""}\n',
        HEAD + b'{"a":"\\ud800","b":""}\n',
    ],
)
def test_a_malformed_opening_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        list(Opening(io.BytesIO(data), where="o"))


@pytest.mark.parametrize("members", [{"format": "urn:ledger-anchor:opened:v2"}, {"more": 1}])
def test_another_form_of_opening_is_unsupported(members: Any) -> None:
    with pytest.raises(Unsupported):
        Opening(io.BytesIO(with_head(**members)), where="o")


def confidential() -> Statement:
    return statements.commit(
        ledger=LedgerName(name="n", number=1, version="1"),
        tree=Tree.of(b"\0" * 32, 3),
        columns=COLUMNS,
        encoding=SALTED_CELLS,
        originals=(),
        digests={"ledger.leaves": HEX},
        previous=None,
    )


def test_the_statement_of_a_confidential_ledger() -> None:
    made = confidential()
    assert made.version == 2
    assert made.confidential
    assert (made.originals, made.ours) == ((), None)
    assert statements.decode(statements.encode(made)) == made
    value = json.loads(statements.encode(made))
    assert value["predicate"]["facts"]["files"] == [{"name": "ledger.leaves", "reader": "leaves-v1"}]


def _beside(name: str) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        value["subject"] = sorted(
            [*value["subject"], {"name": name, "digest": {"sha256": HEX}}], key=lambda s: s["name"]
        )

    return change


def _file(name: str, reader: str) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        value["predicate"]["facts"]["files"].append({"name": name, "reader": reader})
        _beside(name)(value)

    return change


def _with(**members: Any) -> Callable[[Any], None]:
    return lambda value: value["predicate"]["facts"].update(members)


INDEX = {"algorithm": "csmt-sha256-v1", "columns": ["a"], "keys": 1, "root": HEX}


@pytest.mark.parametrize(
    "change",
    [
        _beside("ledger.json"),
        _beside("ledger.csv"),
        _beside("ledger.parts.json"),
        _file("ledger.json", "ledger-json-v1"),
        _file("ledger.csv", "csv-v1"),
        lambda value: value["predicate"].update(index=[INDEX]),
        _with(encoding="rfc8785-strings"),
        _with(encoding="rfc8785-strings-or-null"),
        _with(files=[{"name": "ledger.leaves", "reader": "csv-v1"}]),
        _with(files=[{"name": "ledger.leaves", "reader": "leaves-v1", "compression": "gzip"}]),
        _with(files=[{"name": "ledger.leaves", "reader": "leaves-v1", "dialect": {"a": 1}}]),
        _with(files=[{"name": "ledger.csv", "reader": "csv-v1"}]),
        _with(files=[]),
        _with(columns=["a", "a"]),
        _with(columns=["\U0001f600"]),
    ],
)
def test_what_may_not_stand_beside_leaf_hashes_is_invalid(change: Callable[[Any], None]) -> None:
    value = json.loads(statements.encode(confidential()))
    change(value)
    with pytest.raises(Refused):
        statements.decode(jcs(value))


def test_a_schema_may_stand_beside_leaf_hashes() -> None:
    value = json.loads(statements.encode(confidential()))
    _beside("schema.json")(value)
    assert "schema.json" in statements.decode(jcs(value)).digests


def test_leaf_hashes_are_no_original_of_another_encoding() -> None:
    with pytest.raises((Refused, Unsupported)):
        statements.commit(
            ledger=NAME,
            tree=Tree.of(b"\0" * 32, 3),
            columns=["a"] * 1,
            originals=[SourceFile(name="ledger.csv", reader="leaves-v1")],
            digests={"ledger.csv": HEX, "ledger.json": HEX},
            previous=None,
        )


def test_the_leaf_of_shown_and_hidden_cells() -> None:
    made = SaltedCells(SECRET, ledger=NAME, columns=COLUMNS)
    leaf, salts = made.leaf(7, ("1", None)), made.salts(7)
    places = {"a": 0, "b": 1}
    shown = Cells(
        cells=(Cell(salt=salts[0].hex(), value="1"), Cell(salt=salts[1].hex(), value=None)),
    )
    part = Cells(cells=(Cell(cell=leaf[:32].hex()), shown.cells[1]))
    for cells in (shown, part):
        found = leaf_bytes(ProvenFact(index=7, fact=cells), columns=places, encoding=SALTED_CELLS)
        assert found == leaf
    swapped = Cells(cells=(shown.cells[1], shown.cells[0]))
    assert leaf_bytes(ProvenFact(index=7, fact=swapped), columns=places, encoding=SALTED_CELLS) != leaf
    for bad in (Cells(cells=shown.cells[:1]), {"a": "1", "b": "2"}):
        with pytest.raises(Refused):
            leaf_bytes(ProvenFact(index=7, fact=bad), columns=places, encoding=SALTED_CELLS)


def test_a_secret_is_in_no_message() -> None:
    with pytest.raises(Refused) as caught:
        Opening(io.BytesIO(with_head(secret="12345678" * 9)), where="o")
    assert "12345678" not in str(caught.value)
    assert salted_cells.SECRET_SIZE == 32
