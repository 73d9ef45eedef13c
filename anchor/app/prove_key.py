# SPDX-License-Identifier: Apache-2.0
"""`anchor prove` for a key: all facts of it, or its absence, by an index of a verified release."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from anchor.app.prove import Proof, VerifiedRelease, dumped, search
from anchor.errors import Misuse
from anchor.format.index import Index, Key, key_hash
from anchor.format.key_search import KeySearch, Similar
from anchor.format.receipt import KeyProof, OtherKey, Receipt
from anchor.merkle.sparse import Path


class ProvenKey(NamedTuple):
    """A key in a release: its facts and its place in an index."""

    proof: Proof
    """Its facts, and their multiproof; empty if no fact has the key."""
    shown: KeyProof
    similar: list[Similar]
    """Other keys that look like it."""


def choose_index(verified: VerifiedRelease, columns: tuple[str, ...] | None, key: Key) -> Index:
    """The index over these columns; without them, the one that has as many columns as the key has values.

    Raises `Misuse` if there is no such index, or more than one.
    """
    indexes = verified.statement.index
    if not indexes:
        remedy = "only its publisher can make one: anchor publish --index COLUMN, with the next version"
        raise Misuse("the release has no index", where=verified.statement.ledger.version, remedy=remedy)
    listed = "; ".join(index.name for index in indexes)
    found = [i for i in indexes if (i.columns == columns if columns else len(i.columns) == len(key))]
    if not found:
        problem = "no index over these columns" if columns else f"no index over {_columns(len(key))}"
        raise Misuse(problem, where="--index", remedy=f"the indexes are over {listed}")
    if len(found) > 1:
        problem = f"{len(found)} indexes are over {_columns(len(key))}"
        raise Misuse(problem, where="--index", remedy=f"name one of {listed}")
    (index,) = found
    if len(index.columns) != len(key):
        problem = f"a key of {len(key)} values for an index over {index.name}"
        raise Misuse(problem, where="--index", remedy="give a value for each column")
    return index


def look_up(
    verified: VerifiedRelease, index: Index, key: Key, progress: Callable[[int], object] | None = None
) -> ProvenKey:
    """All facts of a key, or its absence. The facts are read once more, and the index is made again."""
    with ExitStack() as stack:
        wanted = KeySearch(
            index,
            key,
            verified.statement.columns,
            spool=lambda: stack.enter_context(verified.files.spool()),
        )
        proof = search(verified, wanted, progress)
        return ProvenKey(proof, _key_proof(index, key, wanted.path()), wanted.similar())


def receipt_of_key(verified: VerifiedRelease, proven: ProvenKey) -> bytes:
    """The bytes of a receipt of all facts of a key or, if there are none, of its absence.

    It is verified as its reader will verify it.
    """
    if proven.proof.facts:
        receipt = Receipt(
            kind="completeness",
            bundles=verified.bundles,
            facts=proven.proof.facts,
            proof=proven.proof.hashes,
            index=proven.shown,
            status=verified.status,
        )
    else:
        receipt = Receipt(
            kind="absence", bundles=verified.bundles, index=proven.shown, status=verified.status
        )
    return dumped(verified, receipt, remedy="a receipt has all facts of a key: use an index of more columns")


def _key_proof(index: Index, key: Key, path: Path) -> KeyProof:
    siblings, end = path
    shown = KeyProof(
        columns=index.columns,
        key=key,
        path=tuple(None if sibling is None else sibling.hex() for sibling in siblings),
        other=UNSET,
    )
    if end is None or end.key_hash == key_hash(key):
        return shown
    other = OtherKey(key_hash=end.key_hash.hex(), inner=end.inner.hex(), n=end.n)
    return msgspec.structs.replace(shown, other=other)


def _columns(number: int) -> str:
    return f"{number} column{'' if number == 1 else 's'}"
