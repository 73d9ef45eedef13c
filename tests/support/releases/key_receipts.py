# SPDX-License-Identifier: Apache-2.0
"""Receipts of a key, put together by the second implementation from a release in memory."""

import json
from typing import Any

from tests.support.releases.in_memory import Held
from tests.support.releases.receipts import bundles_of, leaves_of, receipt_of
from tests.support.second import index2
from tests.support.second.leaves2 import leaf_hash

FORMAT = "urn:ledger-anchor:receipt:v1"
Key = list[str | None]


def receipt_of_key(held: Held, columns: list[str], key: Key) -> dict[str, Any]:
    """The receipt of all facts of a key or, if there are none, of its absence, as JSON."""
    leaves = leaves_of(held)
    facts = [json.loads(leaf) for leaf in leaves]
    found = index2.entries(columns, facts, list(map(leaf_hash, leaves)))
    siblings, end = index2.path(found, index2.key_hash(key))
    path = [None if hash_ == index2.EMPTY else hash_.hex() for hash_ in siblings]
    shown: dict[str, Any] = {"columns": columns, "key": key, "path": path}
    indexes = [i for i, fact in enumerate(facts) if index2.key_of(fact, columns) == key]
    if indexes:
        return receipt_of(held, *indexes) | {"kind": "completeness", "index": shown}
    if end is not None:
        other = {"key_hash": end.key_hash.hex(), "n": end.n, "inner": end.inner.hex()}
        shown["other"] = other
    return {"format": FORMAT, "kind": "absence", "bundles": bundles_of(held), "index": shown}


def ends(held: Held, columns: list[str]) -> dict[str, Key]:
    """A key that is absent for each of the two ends that its path can have: `empty`, and `other`."""
    found: dict[str, Key] = {}
    number = 0
    while len(found) < 2:
        key: Key = [f"absent {number}", *[None] * (len(columns) - 1)]
        shown = receipt_of_key(held, columns, key)["index"]
        found.setdefault("other" if "other" in shown else "empty", key)
        number += 1
    return found
