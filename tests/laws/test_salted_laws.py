# SPDX-License-Identifier: Apache-2.0
"""Salted cells, for every ledger: the second implementation computes the same salts, cells and leaves, and
accepts the same receipts."""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from anchor.encoding import to_base64
from anchor.errors import Refused, Unsupported
from anchor.format import opened
from anchor.format import receipt as receipts
from anchor.format import statement as statements
from anchor.format.facts import Fact
from anchor.format.leaves import SALTED_CELLS
from anchor.format.receipt import Cell, Cells, ProvenFact, Receipt, leaf_bytes
from anchor.format.salted_cells import SaltedCells, cell, seal
from anchor.format.statement import LedgerName, Tree
from anchor.merkle import MultiproofBuilder, leaf_hash, leaf_hashes, verify_multiproof
from tests.support.second import leaves2, receipts2
from tests.support.second.merkle import mth
from tests.support.second.readers import Wrong

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NAME = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF), min_size=1, max_size=4)
COLUMNS = st.lists(NAME, min_size=1, max_size=4, unique=True).map(tuple)
LEDGER_NAME = st.sampled_from(["n", "Zahlen é", "\u4e00", 'a"b'])


@dataclass(frozen=True)
class Facts:
    """A table that is in memory."""

    columns: tuple[str, ...]
    rows: Sequence[Fact]

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        return enumerate(self.rows, 1)


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[bytes, LedgerName, Facts]:
    columns = draw(COLUMNS)
    row = st.tuples(*[st.none() | TEXT for _ in columns])
    rows = draw(st.lists(row, min_size=1, max_size=6))
    named = LedgerName(name=draw(LEDGER_NAME), number=draw(st.integers(1, 2**53 - 1)), version="1")
    return draw(st.binary(min_size=32, max_size=32)), named, Facts(columns, rows)


@given(ledgers())
@settings(max_examples=60)
def test_the_second_implementation_gives_the_same_tree(given_: tuple[bytes, LedgerName, Facts]) -> None:
    secret, named, facts = given_
    out, clear = io.BytesIO(), io.BytesIO()
    sealed = seal(facts, ledger=named, secret=secret, leaves=out, opened=clear)
    ledger, columns = {"name": named.name, "number": named.number}, list(facts.columns)
    rows: list[Any] = [dict(zip(columns, row, strict=True)) for row in facts.rows]
    leaves = [leaves2.salted_leaf(secret, ledger, columns, i, row) for i, row in enumerate(rows)]
    assert leaves2.leaves_file(out.getvalue()) == [leaves2.leaf_hash(leaf) for leaf in leaves]
    assert mth([leaves2.leaf_hash(leaf) for leaf in leaves]) == sealed.root
    head = opened.head(ledger=named, columns=facts.columns, secret=secret)
    again = opened.Opening(io.BytesIO(head + clear.getvalue()), where="o")
    assert seal(again, ledger=named, secret=again.secret) == sealed


def bundle(payload: bytes) -> dict[str, Any]:
    return {"dsseEnvelope": {"payload": to_base64(payload)}}


def receipt_of(
    secret: bytes, named: LedgerName, facts: Facts, chosen: Sequence[int], shown: Sequence[bool]
) -> tuple[Receipt, statements.Statement]:
    """A receipt as `anchor prove` makes it, and its statement."""
    cells = SaltedCells(secret, ledger=named, columns=facts.columns)
    leaves = [cells.leaf(i, row) for i, row in enumerate(facts.rows)]
    builder = MultiproofBuilder()
    builder.extend(leaf_hashes(leaves), list(chosen))
    statement = statements.commit(
        ledger=LedgerName(name=named.name, number=1, version="1"),
        tree=Tree.of(builder.root(), len(leaves)),
        columns=facts.columns,
        encoding=SALTED_CELLS,
        originals=(),
        digests={"ledger.leaves": hashlib.sha256(b"".join(leaf_hashes(leaves))).hexdigest()},
        previous=None,
    )
    found = []
    for i in chosen:
        made = []
        for salt, name, value, open_ in zip(
            cells.salts(i), facts.columns, facts.rows[i], shown, strict=False
        ):
            assert isinstance(value, str | None)
            hidden = Cell(cell=cell(salt, name, value).hex())
            made.append(Cell(salt=salt.hex(), value=value) if open_ else hidden)
        found.append(ProvenFact(index=i, fact=Cells(cells=tuple(made))))
    bundles = (bundle(statements.encode(statement)),)
    proof = tuple(builder.proof())
    return Receipt(kind="inclusion", bundles=bundles, facts=tuple(found), proof=proof), statement


def ours(data: bytes, statement: statements.Statement) -> bool:
    """True if our parser and our checks of the facts accept a receipt."""
    try:
        receipt = receipts.load(data)
        places = {name: i for i, name in enumerate(statement.columns)}
        leaves = [
            (f.index, leaf_hash(leaf_bytes(f, columns=places, encoding=statement.encoding)))
            for f in receipt.facts
        ]
        verify_multiproof(leaves, statement.tree.size, receipt.proof, bytes.fromhex(statement.tree.root))
    except Refused:
        return False
    return True


def theirs(data: bytes) -> bool:
    try:
        receipts2.check(data)
    except (Wrong, ValueError, KeyError, TypeError):
        return False
    return True


@given(ledgers(), st.data())
@settings(max_examples=60)
def test_both_accept_a_receipt_and_refuse_it_with_one_thing_changed(
    given_: tuple[bytes, LedgerName, Facts], data: st.DataObject
) -> None:
    secret, named, facts = given_
    every = range(len(facts.rows))
    chosen = sorted(data.draw(st.sets(st.sampled_from(every), min_size=1)))
    shown = data.draw(st.lists(st.booleans(), min_size=4, max_size=4))
    receipt, statement = receipt_of(secret, named, facts, chosen, shown)
    written = receipts.dump(receipt)
    assert ours(written, statement)
    assert theirs(written)
    value = json.loads(written)
    cells = value["facts"][0]["fact"]["cells"]
    at = data.draw(st.integers(0, len(cells) - 1))
    how = data.draw(st.sampled_from(["value", "salt", "cell", "short", "swap", "gone", "more"]))
    before = json.dumps(cells)
    if how == "swap":
        cells[0], cells[-1] = cells[-1], cells[0]
    elif how == "gone":
        del cells[at]
    elif how == "more":
        cells.append(cells[at])
    elif how == "value" and "value" in cells[at]:
        cells[at]["value"] = None if cells[at]["value"] else "another"
    else:
        member = "salt" if "salt" in cells[at] else "cell"
        text = cells[at][member]
        cells[at][member] = text[:-2] if how == "short" else text[:-1] + ("0" if text[-1] != "0" else "1")
    if json.dumps(cells) == before:
        return
    changed = json.dumps(value).encode()
    assert not ours(changed, statement)
    assert not theirs(changed)


@given(ledgers(), st.data())
@settings(max_examples=60)
def test_an_opening_that_was_edited_anywhere_is_refused_or_gives_another_root(
    given_: tuple[bytes, LedgerName, Facts], data: st.DataObject
) -> None:
    """Never another exception, and never the signed root for other bytes."""
    secret, named, facts = given_
    clear = io.BytesIO()
    sealed = seal(facts, ledger=named, secret=secret, opened=clear)
    whole = opened.head(ledger=named, columns=facts.columns, secret=secret) + clear.getvalue()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 3)))
    bad = (
        whole[:start]
        + data.draw(st.binary(max_size=3) | st.sampled_from([b"\n", b'"', b"\xff", b"\\"]))
        + whole[end:]
    )
    if bad == whole:
        return
    try:
        opening = opened.Opening(io.BytesIO(bad), where="o")
        found = seal(opening, ledger=opening.ledger, secret=opening.secret)
    except (Refused, Unsupported):
        return
    same_names = (opening.ledger, opening.columns) == (named, facts.columns)
    assert (found.root, found.size, same_names) != (sealed.root, sealed.size, True)
