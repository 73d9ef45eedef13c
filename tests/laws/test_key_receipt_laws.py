# SPDX-License-Identifier: Apache-2.0
"""Receipts of keys, for every ledger: the second implementation and ours accept the same ones."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.format import index as indexes
from anchor.format import receipt as receipts
from anchor.format.index import Index, IndexBuilder, Key, key_hash
from anchor.format.key_search import KeySearch
from anchor.format.receipt import KeyProof, OtherKey, Receipt
from anchor.format.statement import LedgerName, SourceFile, Statement, Tree, encode
from anchor.merkle import MultiproofBuilder, leaf_hashes
from anchor.verify import receipt_key
from tests.support.second import index2, receipts2
from tests.support.second.leaves2 import jcs

COLUMNS = ("a", "b")
HEX = "ab" * 32
PLACES = {"a": 0, "b": 1}
values = st.none() | st.sampled_from(["", "x", "X", "\u00e9"]) | st.text(max_size=2)
rows = st.lists(st.tuples(values, values), min_size=1, max_size=12)


def statement(facts: list[tuple[str | None, ...]], key: tuple[str, ...]) -> tuple[Statement, list[bytes]]:
    """A statement over these facts with one index, and their leaf hashes."""
    hashes = leaf_hashes([jcs(dict(zip(COLUMNS, fact, strict=True))) for fact in facts])
    tree, builder = MultiproofBuilder(), IndexBuilder(key, COLUMNS)
    tree.extend(hashes)
    builder.extend(facts, hashes)
    made = Statement(
        version=2,
        ledger=LedgerName(name="n", number=1, version="1"),
        tree=Tree.of(tree.root(), len(facts)),
        columns=COLUMNS,
        encoding="rfc8785-strings-or-null",
        originals=(SourceFile(name="ledger.jsonl", reader="jsonl-v2"),),
        ours=SourceFile(name="ledger.json", reader="ledger-json-v2"),
        digests={"ledger.jsonl": HEX, "ledger.json": HEX},
        previous=None,
        index=(builder.index(),),
    )
    return made, hashes


def receipt(facts: list[tuple[str | None, ...]], hashes: list[bytes], index: Index, key: Key) -> Receipt:
    """As `anchor prove` makes it."""
    search, builder = KeySearch(index, key, COLUMNS), MultiproofBuilder()
    builder.extend(hashes, search.extend(facts, hashes))
    siblings, end = search.path()
    path = tuple(None if sibling is None else sibling.hex() for sibling in siblings)
    proof = KeyProof(columns=index.columns, key=key, path=path)
    if search.found:
        found = tuple(search.found)
        return Receipt(
            kind="completeness", release=HEX, facts=found, proof=tuple(builder.proof()), index=proof
        )
    if end is not None:
        other = OtherKey(key_hash=end.key_hash.hex(), inner=end.inner.hex(), n=end.n)
        proof = msgspec.structs.replace(proof, other=other)
    return Receipt(kind="absence", release=HEX, index=proof)


def ours(found: Receipt, signed: Statement) -> bool:
    data = [receipts.leaf_bytes(f, columns=PLACES, encoding=signed.encoding) for f in found.facts]
    leaves = list(zip([f.index for f in found.facts], leaf_hashes(data), strict=True))
    try:
        if found.kind == "absence":
            receipt_key.check_absence(found, signed)
        else:
            receipt_key.check_completeness(found, signed, leaves)
    except Refused:
        return False
    return True


def theirs(found: Receipt, signed: Statement) -> bool:
    data = encode(signed)
    bundles = [{"dsseEnvelope": {"payload": base64.b64encode(data).decode()}}]
    line = receipts.dump(msgspec.structs.replace(found, release=hashlib.sha256(data).hexdigest()))
    try:
        receipts2.check(line, bundles)
    except Exception:  # noqa: BLE001  it raises whatever comes: a refusal is all that is asked for
        return False
    return True


@given(rows, st.sampled_from([("a",), ("b", "a")]), values, values)
@settings(max_examples=60)
def test_each_receipt_of_a_key_is_accepted_by_both(
    facts: list[tuple[str | None, ...]], columns: tuple[str, ...], one: str | None, two: str | None
) -> None:
    signed, hashes = statement(facts, columns)
    (index,) = signed.index
    for fact in [*facts[:3], (one, two)]:
        named = dict(zip(COLUMNS, fact, strict=True))
        key = tuple(named[column] for column in columns)
        made = receipt(facts, hashes, index, key)
        there = [i for i, f in enumerate(facts) if all(f[COLUMNS.index(c)] == named[c] for c in columns)]
        assert [f.index for f in made.facts] == there
        assert ours(made, signed)
        assert theirs(made, signed)


@given(st.data(), rows, values)
@settings(max_examples=60)
def test_both_refuse_the_same_changed_receipts(
    data: st.DataObject, facts: list[tuple[str | None, ...]], other: str | None
) -> None:
    """Another key, a part of another receipt, a path that is cut or longer."""
    signed, hashes = statement(facts, ("a",))
    (index,) = signed.index
    keys = [(fact[0],) for fact in facts] + [(other,)]
    one, two = (receipt(facts, hashes, index, data.draw(st.sampled_from(keys))) for _ in range(2))
    assert one.index is not None
    assert two.index is not None
    change: dict[str, Any] = {
        "key": two.index.key,
        "path": data.draw(st.sampled_from([two.index.path, one.index.path[:-1], (*one.index.path, HEX)])),
        "other": two.index.other,
    }
    members = data.draw(st.sets(st.sampled_from(sorted(change)), min_size=1))
    if one.kind == "completeness":
        members.discard("other")
    shown = msgspec.structs.replace(one.index, **{m: change[m] for m in members})
    if (shown.path and shown.path[-1] is None) or (
        one.kind == "absence" and not shown.path and not shown.other
    ):
        return  # the document itself is refused
    changed = msgspec.structs.replace(one, index=shown)
    assert ours(changed, signed) == theirs(changed, signed)
    if shown.key != one.index.key and changed.kind == "completeness":
        assert not ours(changed, signed)


@contextmanager
def shared_bits(bits: int) -> Iterator[None]:
    """Key hashes of which the first bits are the same, in both implementations."""

    class Alike:
        def __init__(self, data: bytes) -> None:
            self._digest = hashlib.sha256(data).digest()

        def digest(self) -> bytes:
            mask = (1 << 256 - bits) - 1
            return (int.from_bytes(self._digest) & mask).to_bytes(32)

    def second(key: list[str | None]) -> bytes:
        return Alike(jcs(key)).digest()

    with patch.object(indexes, "sha256", Alike), patch.object(index2, "key_hash", second):
        yield


def test_keys_that_share_200_bits_of_their_hash() -> None:
    facts: list[tuple[str | None, ...]] = [(f"k{i}", None) for i in range(9)] + [("k3", "again")]
    with shared_bits(200):
        assert key_hash(("k1",))[:25] == key_hash(("no",))[:25] == bytes(25)
        signed, hashes = statement(facts, ("a",))
        for key in ("k0", "k3", "no", "nor this"):
            made = receipt(facts, hashes, signed.index[0], (key,))
            assert made.index is not None
            assert len(made.index.path) > 200
            assert made.index.path[:200] == (None,) * 200
            assert ours(made, signed)
            assert theirs(made, signed)
        alone, hashes = statement(facts[:1], ("a",))
        made = receipt(facts[:1], hashes, alone.index[0], ("no",))
        assert made.index is not None
        assert made.index.path == ()
        assert ours(made, alone)


@pytest.mark.slow
def test_100_000_facts_with_one_key() -> None:
    facts: list[tuple[str | None, ...]] = [("k", str(i)) for i in range(100_000)]
    signed, hashes = statement(facts, ("a",))
    assert signed.index[0].keys == 1
    made = receipt(facts, hashes, signed.index[0], ("k",))
    assert (len(made.facts), made.proof) == (100_000, ())
    assert ours(made, signed)
    less = msgspec.structs.replace(made, facts=made.facts[:-1])
    assert not ours(less, signed)
