# SPDX-License-Identifier: Apache-2.0
"""Receipts of a confidential ledger: cells that are shown, hidden, swapped, or changed."""

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.receipt_vectors.case import accept, refuse
from tests.receipt_vectors.signed_ledgers import PLAIN, Json
from tests.support.forge.bundles import V2_DSSE, make
from tests.support.forge.edits import drop, put
from tests.support.second import leaves2, receipts2
from tests.support.second.leaves2 import Fact, jcs, leaf_hash
from tests.support.second.merkle import mth

COLUMNS = ["name", "salary", "note"]
NAMED = {"name": PLAIN.name, "number": 1, "version": "1.0.0"}


@dataclass(frozen=True)
class Confidential:
    """Facts under a secret, and their signed statement."""

    facts: tuple[Fact, ...]
    secret: bytes = hashlib.sha256(b"the secret of a release").digest()

    @functools.cached_property
    def hashes(self) -> list[bytes]:
        leaves = [leaves2.salted_leaf(self.secret, NAMED, COLUMNS, i, f) for i, f in enumerate(self.facts)]
        return [leaf_hash(leaf) for leaf in leaves]

    @functools.cached_property
    def statement(self) -> bytes:
        file = {"name": "ledger.leaves", "reader": "leaves-v1"}
        digest = hashlib.sha256(b"".join(self.hashes)).hexdigest()
        tree = {"algorithm": "rfc9162-sha256", "root": mth(self.hashes).hex(), "size": len(self.facts)}
        facts = {"columns": COLUMNS, "encoding": "salted-cells-v1", "files": [file]}
        return jcs(
            {
                "_type": "https://in-toto.io/Statement/v1",
                "predicateType": "urn:ledger-anchor:commitment:v2",
                "subject": [{"name": "ledger.leaves", "digest": {"sha256": digest}}],
                "predicate": {"ledger": NAMED, "tree": tree, "facts": facts},
            }
        )

    def cells(self, index: int, *shown: str) -> list[Json]:
        """The cells of a fact, of which these columns are shown."""
        found: list[Json] = []
        for column in COLUMNS:
            value, salt = self.facts[index][column], leaves2.salt(self.secret, NAMED, index, column)
            if column in shown:
                found.append({"salt": salt.hex(), "value": value})
            else:
                found.append({"cell": leaves2.cell(salt, column, value).hex()})
        return found

    def receipt(self, indexes: list[int], *shown: str) -> Json:
        return {
            "format": "urn:ledger-anchor:receipt:v1",
            "kind": "inclusion",
            "bundles": [json.loads(json.dumps(make(V2_DSSE.but(payload=self.statement))))],
            "facts": [{"index": i, "fact": {"cells": self.cells(i, *shown)}} for i in indexes],
            "proof": [h.hex() for h in receipts2.multiproof(self.hashes, indexes)],
        }


PAY = Confidential(
    (
        {"name": "Ada", "salary": "100", "note": None},
        {"name": "Bob", "salary": "200", "note": "null"},
        {"name": "Eve", "salary": "200", "note": ""},
        {"name": "200", "salary": "200", "note": "200"},
    )
)
FACTS = "receipt-facts"
CELLS = "facts.0.fact.cells"

accept("cells-all-shown", "Each cell of a fact is shown with its salt.", PAY.receipt([1], *COLUMNS))
accept("cells-one-shown", "One cell is shown, the others are hashes.", PAY.receipt([1], "salary"))
accept("cells-none-shown", "A fact is there, and nothing of it is shown.", PAY.receipt([1]))
accept("cells-null", "A null is shown: it is not the word, and not empty.", PAY.receipt([0], "note"))
accept("cells-of-two-facts", "Two facts, and the same columns of each.", PAY.receipt([1, 2], "name"))


def _edit(change: Callable[[list[Json]], Any]) -> Callable[[Json], Any]:
    return lambda receipt: change(receipt["facts"][0]["fact"]["cells"])


def _swap(cells: list[Json]) -> None:
    cells[0], cells[1] = cells[1], cells[0]


ONE = ([1], "salary")
refuse("cell-value-edited", FACTS, "A value was changed.", PAY.receipt(*ONE), put(f"{CELLS}.1.value", "300"))
refuse(
    "cell-null-as-text",
    FACTS,
    "A null is shown as the word.",
    PAY.receipt([0], "note"),
    put(f"{CELLS}.2.value", "null"),
)
refuse("cell-salt-edited", FACTS, "A salt was changed.", PAY.receipt(*ONE), put(f"{CELLS}.1.salt", "0" * 64))
refuse(
    "cell-salt-short",
    "receipt",
    "A salt has 32 bytes: a short one could be tried.",
    PAY.receipt(*ONE),
    put(f"{CELLS}.1.salt", "00" * 16),
)
refuse("cell-salt-empty", "receipt", "A salt has 32 bytes.", PAY.receipt(*ONE), put(f"{CELLS}.1.salt", ""))
refuse(
    "cell-without-salt",
    "receipt",
    "A value without its salt proves nothing.",
    PAY.receipt(*ONE),
    drop(f"{CELLS}.1.salt"),
)
refuse(
    "cell-hash-beside-value",
    "receipt",
    "A cell is shown or hidden, not both.",
    PAY.receipt(*ONE),
    put(f"{CELLS}.1.cell", "0" * 64),
)
refuse(
    "cell-hash-edited",
    FACTS,
    "The hash of a hidden cell was changed.",
    PAY.receipt(*ONE),
    put(f"{CELLS}.0.cell", "0" * 64),
)
refuse(
    "cell-swapped",
    FACTS,
    "Two cells changed their places: a salary is shown as a name.",
    PAY.receipt([3], *COLUMNS),
    _edit(_swap),
)
refuse(
    "cell-left-out",
    FACTS,
    "A fact has a cell for each column.",
    PAY.receipt(*ONE),
    _edit(lambda cells: cells.pop()),
)
refuse(
    "cell-more",
    FACTS,
    "A fact has a cell for each column, and no other.",
    PAY.receipt(*ONE),
    _edit(lambda cells: cells.append(cells[0])),
)
refuse(
    "cell-of-another-fact",
    FACTS,
    "The salary of another fact, which is equal: its salt is not.",
    PAY.receipt(*ONE),
    put(f"{CELLS}.1", PAY.cells(2, "salary")[1]),
)
refuse(
    "cells-of-a-plain-ledger",
    FACTS,
    "Cells, where the facts are published.",
    PLAIN.receipt(2),
    put("facts.0.fact", {"cells": PAY.cells(1)}),
)
refuse(
    "cells-expected",
    FACTS,
    "A plain fact, where the ledger is confidential.",
    PAY.receipt(*ONE),
    put("facts.0.fact", {"name": "Bob", "salary": "200", "note": "null"}),
)
refuse("cells-at-another-index", FACTS, "A fact is at one place.", PAY.receipt(*ONE), put("facts.0.index", 2))
