# SPDX-License-Identifier: Apache-2.0
"""A receipt, to and from bytes: one fact, all facts of a key, or the absence of a key, and what proves it.

Decides whether bytes are a receipt whose members fit each other (FORMAT.md section 22). Bundles, its own and
those of a stapled status, are kept as the JSON objects that they are. `verify.receipt` decides what they
prove.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from anchor import limits, regex
from anchor.encoding import parse_own_json
from anchor.errors import Refused, Unsupported
from anchor.format import names
from anchor.format.facts import brief
from anchor.format.leaves import SALTED_CELLS, STRINGS, STRINGS_OR_NULL
from anchor.format.members import Count, Hex32
from anchor.format.strict_json import build
from anchor.merkle.hashing import HASH_SIZE
from anchor.merkle.sparse_hashing import DEPTH, EMPTY
from anchor.words import several

FORMAT: Final = "urn:ledger-anchor:receipt:v1"
BUNDLES_FORMAT: Final = "urn:ledger-anchor:receipt-bundles:v1"
MAX_RECEIPT = limits.RECEIPT
"""Bytes of a receipt, of one line of a file of receipts, and of a file of bundles."""
MAX_PATH = DEPTH
"""Siblings of a path in an index: the bits of a key hash."""

Kind = Literal["inclusion", "completeness", "absence"]
JsonObject = dict[str, Any]
_HEX = regex.expression("[0-9a-f]*")
_sorted = msgspec.json.Encoder(order="sorted").encode


class Cell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A cell of a fact with salted cells: shown with `salt` (hex) and `value`, or as its hash `cell`
    (hex)."""

    salt: Hex32 | UnsetType = UNSET
    value: str | UnsetType | None = UNSET
    cell: Hex32 | UnsetType = UNSET

    @property
    def shown(self) -> bool:
        """True if salt and value stand in the receipt."""
        return self.cell is UNSET


class Cells(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact with salted cells: one cell for each column, in the order of the columns."""

    cells: Annotated[tuple[Cell, ...], Meta(min_length=1, max_length=limits.COLUMNS_2)]


class ProvenFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact and its index in the ledger, from 0.

    `fact` has a string or None (null) for each column that is not absent. With salted cells it is `Cells`.
    """

    index: int
    fact: Mapping[str, str | None] | Cells


class OtherKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The leaf of another key, in which a path ends. `key_hash` and `inner` are hex, `n` is its number of
    facts."""

    key_hash: Hex32
    inner: Hex32
    n: Count


class KeyProof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A key in an index of the statement, and its path there from the root down.

    An item of `path` is a hash in hex, or None for an empty part. `other`: the leaf in which the path of an
    absent key ends; UNSET if it ends in an empty part, or in the key's own leaf.
    """

    columns: Annotated[tuple[str, ...], Meta(min_length=1, max_length=limits.INDEX_COLUMNS)]
    key: Annotated[tuple[str | None, ...], Meta(min_length=1, max_length=limits.INDEX_COLUMNS)]
    path: Annotated[tuple[Hex32 | None, ...], Meta(max_length=MAX_PATH)]
    other: OtherKey | UnsetType = UNSET

    @property
    def siblings(self) -> list[bytes | None]:
        """The path as 32-byte hashes; None for an empty part."""
        return [None if item is None else bytes.fromhex(item) for item in self.path]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a receipt, or of one line of a file of receipts."""

    kind: Kind
    bundles: tuple[JsonObject, ...] = ()
    """Every bundle of the release, as JSON objects. Empty in a line of a file: they are in the file beside
    it."""
    release: str = ""
    """In a line of a file: SHA-256 (hex) of the statement. Empty in a receipt that stands alone."""
    facts: tuple[ProvenFact, ...] = ()
    """By rising index; empty with `absence`."""
    proof: tuple[bytes, ...] = ()
    """The multiproof of the facts, 32 bytes each."""
    index: KeyProof | None = None
    """With `completeness` and `absence`."""
    status: tuple[JsonObject, ...] = ()
    """The bundles of a stapled status, as JSON objects; empty if none is stapled."""


class FactDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact as it is written: strings and nulls by column, or salted cells; its index counts from 0."""

    index: Annotated[int, Meta(ge=0, lt=names.MAX_NUMBER)]
    fact: JsonObject


class StapledStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bundles of a status."""

    bundles: Annotated[tuple[JsonObject, ...], Meta(min_length=1, max_length=limits.ANCHORS)]


class ReceiptDocument(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A receipt as it is written; the members in this order."""

    format: Literal["urn:ledger-anchor:receipt:v1"]
    kind: Kind
    release: Hex32 | UnsetType = UNSET
    bundles: Annotated[tuple[JsonObject, ...], Meta(min_length=1, max_length=limits.ANCHORS)] | UnsetType = (
        UNSET
    )
    facts: Annotated[tuple[FactDocument, ...], Meta(min_length=1)] | UnsetType = UNSET
    proof: tuple[Hex32, ...] | UnsetType = UNSET
    index: KeyProof | UnsetType = UNSET
    status: StapledStatus | UnsetType = UNSET


class _Bundles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file of bundles that many receipts of one release share."""

    format: Literal["urn:ledger-anchor:receipt-bundles:v1"]
    bundles: Annotated[tuple[JsonObject, ...], Meta(min_length=1, max_length=limits.ANCHORS)]


def load(data: bytes, *, where: str = "receipt") -> Receipt:
    """The receipt that these bytes are, with its bundles.

    Raises `Refused` for what is malformed or contradicts itself, and `Unsupported` for a format, kind or
    member that this program does not know. FORMAT.md section 22.
    """
    return _read(data, source="bundles", where=where)


def load_line(data: bytes, *, where: str = "receipt") -> Receipt:
    """The receipt that a line of a file of receipts is: its bundles are in another file (section 22, rule 6).

    Raises as `load`.
    """
    return _read(data, source="release", where=where)


def load_bundles(data: bytes, *, where: str = "bundles") -> tuple[JsonObject, ...]:
    """The bundles of a file that many receipts of one release share (section 22, rule 6). Raises as
    `load`."""
    return build(_parsed(data, where=where), _Bundles, where=where).bundles


def dump(receipt: Receipt) -> bytes:
    """The bytes of a receipt, as short as they can be, and a LF. Raises `Refused` if it would not be read
    again."""
    data = msgspec.json.encode(_written(receipt)) + b"\n"
    _read(data, source="release" if receipt.release else "bundles", where="receipt")
    return data


def dump_bundles(bundles: Sequence[JsonObject]) -> bytes:
    """The bytes of a file of bundles. Raises `Refused` if it would not be read again."""
    data = msgspec.json.encode({"format": BUNDLES_FORMAT, "bundles": bundles}) + b"\n"
    load_bundles(data)
    return data


def leaf_bytes(
    proven: ProvenFact, *, columns: Mapping[str, int], encoding: str, where: str = "fact"
) -> bytes:
    """The leaf bytes of a fact of a receipt, for a ledger with this encoding.

    `columns`: its columns in order, each with its place. Raises `Refused` for a fact that no ledger with them
    has, and `Unsupported` for an encoding that this program does not verify. FORMAT.md sections 4, 16 and 22
    (rule 2).
    """
    fact = proven.fact
    if encoding == SALTED_CELLS:
        return _salted_leaf(fact, columns, where)
    if encoding not in (STRINGS, STRINGS_OR_NULL):
        raise Unsupported(
            f"leaves of the encoding {names.shown(encoding)}", where=where, remedy="update anchor"
        )
    if isinstance(fact, Cells):
        raise Refused("salted cells, where the ledger has plain facts", where=where)
    if strange := [name for name in fact if name not in columns]:
        raise Refused(f"{brief(strange[0])} is no column of the ledger", where=where)
    if encoding == STRINGS and (len(fact) < len(columns) or None in fact.values()):
        missing = next(name for name in columns if fact.get(name) is None)
        raise Refused(f"no string for the column {brief(missing)}", where=where)
    leaf = _sorted(fact)
    if len(leaf) > limits.LEAF:
        raise Refused(f"more than {limits.LEAF} bytes of JSON", where=where)
    return leaf


def _salted_leaf(fact: Mapping[str, str | None] | Cells, columns: Mapping[str, int], where: str) -> bytes:
    """The leaf bytes of a fact with salted cells (FORMAT.md section 16.3)."""
    from anchor.format.salted_cells import cell  # few ledgers are confidential

    if not isinstance(fact, Cells):
        raise Refused("a plain fact, where the ledger has salted cells", where=where)
    if len(fact.cells) != len(columns):
        raise Refused(
            f"{several(len(fact.cells), 'cell')} for {several(len(columns), 'column')}", where=where
        )
    parts = []
    for name, one in zip(columns, fact.cells, strict=True):
        if one.shown:
            assert isinstance(one.salt, str)
            assert not isinstance(one.value, UnsetType)
            parts.append(cell(bytes.fromhex(one.salt), name, one.value))
        else:
            assert isinstance(one.cell, str)
            parts.append(bytes.fromhex(one.cell))
    return b"".join(parts)


def _written(receipt: Receipt) -> ReceiptDocument:
    facts = tuple(
        FactDocument(
            index=f.index, fact=msgspec.to_builtins(f.fact) if isinstance(f.fact, Cells) else dict(f.fact)
        )
        for f in receipt.facts
    )
    absent = receipt.kind == "absence"
    return ReceiptDocument(
        format=FORMAT,
        kind=receipt.kind,
        release=receipt.release or UNSET,
        bundles=receipt.bundles or UNSET,
        facts=UNSET if absent else facts,
        proof=UNSET if absent else tuple(h.hex() for h in receipt.proof),
        index=receipt.index or UNSET,
        status=StapledStatus(bundles=receipt.status) if receipt.status else UNSET,
    )


def _parsed(data: bytes, *, where: str) -> JsonObject:
    """The JSON object that these bytes are."""
    if type(data) is not bytes or len(data) > MAX_RECEIPT:
        raise Refused(f"no bytes, or more than {MAX_RECEIPT}", where=where)
    value = parse_own_json(data.removesuffix(b"\n"), where=where, structure=limits.RECEIPT_STRUCTURE)
    if not isinstance(value, dict):
        raise Refused("no JSON object", where=where)
    return value


def _read(data: bytes, *, source: str, where: str) -> Receipt:
    """`source`: the member that says where the bundles are, `bundles` or `release`."""
    value = _parsed(data, where=where)
    written = build(value, ReceiptDocument, where=where)
    _check_members(value, source, written.kind, where)
    facts = () if written.facts is UNSET else written.facts
    if written.release is not UNSET:
        names.require(names.hex_problem(written.release), written.release, where=f"{where}: release")
    for before, after in pairwise(facts):
        if after.index <= before.index:
            problem = f"index {after.index} stands behind {before.index}"
            raise Refused(problem, where=f"{where}: facts")
    if written.index is not UNSET:
        _check_index(written.index, written.kind, f"{where}: index")
    return Receipt(
        kind=written.kind,
        bundles=written.bundles or (),
        release=written.release or "",
        facts=tuple(_proven(fact, f"{where}: facts[{i}].fact") for i, fact in enumerate(facts)),
        proof=_hashes(() if written.proof is UNSET else written.proof, f"{where}: proof"),
        index=written.index or None,
        status=() if written.status is UNSET else written.status.bundles,
    )


def _check_members(value: JsonObject, source: str, kind: Kind, where: str) -> None:
    """Return if exactly the members are there that a receipt of this kind has."""
    wanted = {"format", "kind", source}
    wanted |= set() if kind == "absence" else {"facts", "proof"}
    wanted |= set() if kind == "inclusion" else {"index"}
    for name in value:
        if name not in wanted and name != "status":
            raise Unsupported(f"it has {name!r}, as no such receipt of kind {kind} has", where=where)
    for name in sorted(wanted - value.keys()):
        raise Refused(f"no member {name!r}", where=where)


def _proven(written: FactDocument, where: str) -> ProvenFact:
    fact = written.fact
    if not fact:
        raise Refused("a fact without a member", where=where)
    if fact.keys() == {"cells"} and isinstance(fact["cells"], list):
        cells = build(fact, Cells, where=where)
        for i, cell in enumerate(cells.cells):
            _check_cell(cell, f"{where}.cells[{i}]")
        return ProvenFact(index=written.index, fact=cells)
    odd = next((name for name, value in fact.items() if not isinstance(value, str | None)), None)
    if odd is not None:
        raise Refused(f"the value of {brief(odd)} is no string and not null", where=where)
    return ProvenFact(index=written.index, fact=fact)


def _check_cell(cell: Cell, where: str) -> None:
    members = [name for name in cell.__struct_fields__ if getattr(cell, name) is not UNSET]
    if members not in (["cell"], ["salt", "value"]):
        raise Refused("neither salt and value nor cell alone", where=where)
    text = cell.salt if cell.cell is UNSET else cell.cell
    assert isinstance(text, str)
    names.require(names.hex_problem(text), text, where=where)


def _check_index(index: KeyProof, kind: Kind, where: str) -> None:
    if len(set(index.columns)) != len(index.columns):
        raise Refused("a column twice", where=f"{where}.columns")
    if len(index.key) != len(index.columns):
        problem = f"{several(len(index.key), 'value')} for {several(len(index.columns), 'column')}"
        raise Refused(problem, where=f"{where}.key")
    if EMPTY in _hashes([item for item in index.path if item is not None], f"{where}.path"):
        raise Refused("the hash of an empty part, which is written as null", where=f"{where}.path")
    if index.path and index.path[-1] is None:
        raise Refused("its last sibling is an empty part, so it would end above", where=f"{where}.path")
    if index.other is not UNSET:
        if kind != "absence":
            raise Unsupported(f"it has 'other', as no receipt of kind {kind} has", where=where)
        _hashes((index.other.key_hash, index.other.inner), f"{where}.other")
    elif kind == "absence" and not index.path:
        raise Refused("an index without a key has no path", where=f"{where}.path")


def _hashes(given: Sequence[str], where: str) -> tuple[bytes, ...]:
    """The bytes of hashes in hex."""
    if set(map(len, given)) - {2 * HASH_SIZE} or not _HEX.fullmatch("".join(given)):
        for i, text in enumerate(given):
            names.require(names.hex_problem(text), text, where=f"{where}[{i}]")
    return tuple(map(bytes.fromhex, given))
