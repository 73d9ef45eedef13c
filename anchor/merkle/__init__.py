# SPDX-License-Identifier: Apache-2.0
"""Merkle trees of RFC 6962 and RFC 9162 with SHA-256: roots, proofs and their checkers.

Hashes are `bytes` of 32, sizes and indices are `int`; every refusal is `anchor.errors.Refused`. This package
decides nothing about where hashes or roots come from.

`tree` makes roots and proofs, `multiproof` makes proofs of several leaves, and `proof` checks proofs;
`hashing` is all that they share. `ranges` has the subtrees of a root or of a proof.

The index of a ledger is another tree: `sparse` makes its root and its paths, `sparse_proof` checks a path,
and `sparse_hashing` is all that these two share.
"""

from anchor.merkle.hashing import (
    ALGORITHM,
    EMPTY_ROOT,
    HASH_SIZE,
    MAX_SIZE,
    leaf_hash,
    leaf_hashes,
    node_hash,
)
from anchor.merkle.multiproof import MultiproofBuilder, multiproof
from anchor.merkle.proof import (
    root_from_inclusion,
    root_from_multiproof,
    roots_from_consistency,
    verify_consistency,
    verify_inclusion,
    verify_multiproof,
)
from anchor.merkle.ranges import (
    Node,
    Range,
    consistency_ranges,
    fold,
    inclusion_ranges,
    perfect_nodes,
    power_below,
    range_hash,
)
from anchor.merkle.tree import Accumulator, all_inclusion_proofs, consistency_proof, inclusion_proof, root

__all__ = [
    "ALGORITHM",
    "EMPTY_ROOT",
    "HASH_SIZE",
    "MAX_SIZE",
    "Accumulator",
    "MultiproofBuilder",
    "Node",
    "Range",
    "all_inclusion_proofs",
    "consistency_proof",
    "consistency_ranges",
    "fold",
    "inclusion_proof",
    "inclusion_ranges",
    "leaf_hash",
    "leaf_hashes",
    "multiproof",
    "node_hash",
    "perfect_nodes",
    "power_below",
    "range_hash",
    "root",
    "root_from_inclusion",
    "root_from_multiproof",
    "roots_from_consistency",
    "verify_consistency",
    "verify_inclusion",
    "verify_multiproof",
]
