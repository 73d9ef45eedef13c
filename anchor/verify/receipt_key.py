# SPDX-License-Identifier: Apache-2.0
"""The key of a receipt, compared with an index of the signed statement. FORMAT.md sections 21 and 22.

Each function returns the line that says what was compared with what, and raises `Refused` for a receipt that
contradicts the index. Whether the index covers the ledger is not decided here: a verification of the release
makes it again.
"""

from collections.abc import Sequence

from anchor.errors import Refused
from anchor.format.index import Index, key_hash, shown
from anchor.format.receipt import KeyProof, ProvenFact, Receipt
from anchor.format.statement import Statement
from anchor.merkle import root
from anchor.merkle.hashing import leaf_hash
from anchor.merkle.sparse_hashing import KeyLeaf, entry
from anchor.merkle.sparse_proof import root_of_absent, root_of_present

_AS = "as exact bytes, and according to the publisher's index"


def check_completeness(receipt: Receipt, statement: Statement, leaves: Sequence[tuple[int, bytes]]) -> str:
    """Return if the facts of a receipt are all facts of its key.

    `leaves`: the index and the leaf hash of each of its facts, which are in the ledger.
    """
    proof, index = _signed(receipt, statement)
    for number, proven in enumerate(receipt.facts):
        _check_key(proven, proof, f"receipt: facts[{number}]")
    inner = root([leaf_hash(entry(place, hashed)) for place, hashed in leaves])
    leaf = KeyLeaf(key_hash(proof.key), len(leaves), inner)
    _compare(root_of_present(leaf, proof.siblings), index, "these are not all facts of the key, or too many")
    several = "fact has" if len(leaves) == 1 else "facts have"
    return f"{len(leaves)} {several} {_named(proof)}, and no other fact, {_AS}"


def check_absence(receipt: Receipt, statement: Statement) -> str:
    """Return if no fact has the key of a receipt."""
    proof, index = _signed(receipt, statement)
    other = None
    if proof.other:
        other = KeyLeaf(bytes.fromhex(proof.other.key_hash), proof.other.n, bytes.fromhex(proof.other.inner))
    found = root_of_absent(key_hash(proof.key), proof.siblings, other)
    _compare(found, index, "the path is not that of an absent key")
    return f"no fact has {_named(proof)}, {_AS}"


def _signed(receipt: Receipt, statement: Statement) -> tuple[KeyProof, Index]:
    """The key of a receipt, and the index of the statement over the same columns."""
    assert receipt.index is not None  # a receipt of such a kind has it
    for index in statement.index:
        if index.columns == receipt.index.columns:
            return receipt.index, index
    raise Refused("the statement has no index over these columns", where="receipt: index.columns")


def _check_key(proven: ProvenFact, proof: KeyProof, where: str) -> None:
    fact = proven.fact
    if not isinstance(fact, dict) or tuple(fact.get(column) for column in proof.columns) != proof.key:
        raise Refused(f"fact {proven.index} has another key than {shown(proof.key)}", where=where)


def _compare(found: bytes, index: Index, problem: str) -> None:
    if found.hex() != index.root:
        raise Refused(
            f"{problem}: this leads to the root {found.hex()}, where the index has {index.root}",
            where=f"receipt: index over {index.name}",
        )


def _named(proof: KeyProof) -> str:
    return f"the key {shown(proof.key)} in the index over {', '.join(map(repr, proof.columns))}"
