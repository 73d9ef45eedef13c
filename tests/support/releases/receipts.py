# SPDX-License-Identifier: Apache-2.0
"""Receipts of releases that are in memory, put together without the command that makes them."""

import json
from typing import Any

from tests.support.releases.in_memory import Held
from tests.support.second import receipts2
from tests.support.second.leaves2 import leaf_hash

FORMAT = "urn:ledger-anchor:receipt:v1"


def leaves_of(held: Held) -> list[bytes]:
    """The leaf bytes of a release, out of its ledger.json."""
    lines = held.files[held.path("ledger.json")].split(b"\n")[1:-2]
    return [line.removesuffix(b",") for line in lines]


def bundles_of(held: Held) -> list[Any]:
    """The bundles of a release, in the order of release.json."""
    return [json.loads(held.files[a["bundle"]["path"]]) for a in held.value["anchors"]]


def receipt_of(held: Held, *indexes: int) -> dict[str, Any]:
    """The receipt of some facts of a release, as JSON."""
    leaves = leaves_of(held)
    proof = receipts2.multiproof([leaf_hash(leaf) for leaf in leaves], sorted(indexes))
    return {
        "format": FORMAT,
        "kind": "inclusion",
        "bundles": bundles_of(held),
        "facts": [{"index": i, "fact": json.loads(leaves[i])} for i in sorted(indexes)],
        "proof": [hash_.hex() for hash_ in proof],
    }
