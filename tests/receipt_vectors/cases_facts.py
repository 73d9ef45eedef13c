# SPDX-License-Identifier: Apache-2.0
"""Facts, their indexes and their proofs."""

import json

from tests.receipt_vectors.case import FACT, accept, bundles_file, refuse
from tests.receipt_vectors.signed_ledgers import NEXT, NULLS, PLAIN, READ_AS, SINGLE, TWO_LOGS
from tests.support.forge.edits import drop, put

FACTS = "receipt-facts"

for n in (0, 3, 6):
    accept(f"fact-{n}-of-7", "One fact of a release of version 1.", PLAIN.receipt(n))
accept("facts-several", "Several facts share their hashes.", PLAIN.receipt(0, 1, 5))
accept("facts-all", "All facts need no hash.", PLAIN.receipt(*range(7)))
accept("facts-equal", "Two equal facts are told apart by their index.", PLAIN.receipt(0, 4))
accept("ledger-of-one-fact", "The leaf is the root, and the proof is empty.", SINGLE.receipt(0))
accept("number-two", "A release with another one before it.", NEXT.receipt(2))
accept(
    "members-in-another-order",
    "A fact is the same in any order of its members.",
    PLAIN.receipt(1) | {"facts": [{"fact": dict(reversed(PLAIN.facts[1].items())), "index": 1}]},
)
for n, word in enumerate(("null", "absent", "text-null", "null-label", "no-label")):
    accept(f"version-2-{word}", "Null, absent and empty values are three different things.", NULLS.receipt(n))
accept(
    "read-as",
    "A dialect that its verifier must name: ;, windows-1252, four lines not read.",
    READ_AS.receipt(1),
)
accept(
    "two-logs",
    "A policy that asks for two logs, and a receipt with both bundles.",
    TWO_LOGS.receipt(2),
    min_anchors=2,
)
accept("two-logs-one-asked", "A policy that asks for one log has more than it needs.", TWO_LOGS.receipt(2))
accept(
    "line-of-a-file",
    "A receipt whose bundles are in another file.",
    PLAIN.line(2),
    bundles=bundles_file(PLAIN.bundles),
)

refuse(
    "fact-edited", FACTS, "One digit of a value was changed.", PLAIN.receipt(2), put(f"{FACT}.value", "54010")
)
refuse(
    "fact-letter-case",
    FACTS,
    "Values are exact: no case folding.",
    PLAIN.receipt(0),
    put(f"{FACT}.value", "paris"),
)
refuse(
    "fact-blank",
    FACTS,
    "Values are exact: a blank is a character.",
    PLAIN.receipt(0),
    put(f"{FACT}.value", "Paris "),
)
refuse(
    "fact-decomposed",
    FACTS,
    "Values are exact: no Unicode normalisation.",
    PLAIN.receipt(5),
    put(f"{FACT}.label", "Cafe\u0301"),
)
refuse(
    "fact-column-renamed",
    FACTS,
    "A column that the ledger does not have.",
    PLAIN.receipt(2),
    drop(f"{FACT}.unit"),
    put(f"{FACT}.Unit", "EUR"),
)
refuse(
    "fact-column-added",
    FACTS,
    "A column that the ledger does not have.",
    PLAIN.receipt(2),
    put(f"{FACT}.note", "audited"),
)
refuse(
    "fact-column-dropped",
    FACTS,
    "A column is missing, where each fact has all.",
    PLAIN.receipt(2),
    drop(f"{FACT}.unit"),
)
refuse("fact-null-in-version-1", FACTS, "Version 1 has no null.", PLAIN.receipt(0), put(f"{FACT}.unit", None))
refuse(
    "fact-null-as-empty",
    FACTS,
    "A null is shown as an empty string.",
    NULLS.receipt(0),
    put(f"{FACT}.value", ""),
)
refuse(
    "fact-null-as-text", FACTS, "A null is shown as the word.", NULLS.receipt(0), put(f"{FACT}.value", "null")
)
refuse(
    "fact-text-as-null",
    FACTS,
    "The word null is shown as a null.",
    NULLS.receipt(2),
    put(f"{FACT}.value", None),
)
refuse("fact-null-as-absent", FACTS, "A null is left out.", NULLS.receipt(0), drop(f"{FACT}.value"))
refuse(
    "fact-absent-as-null",
    FACTS,
    "An absent value is shown as a null.",
    NULLS.receipt(1),
    put(f"{FACT}.unit", None),
)
refuse(
    "index-of-equal-fact",
    FACTS,
    "The proof of fact 0, shown as that of its equal, fact 4.",
    PLAIN.receipt(0),
    put("facts.0.index", 4),
)
refuse(
    "index-next",
    FACTS,
    "The fact is said to stand one place further.",
    PLAIN.receipt(1),
    put("facts.0.index", 2),
)
refuse("index-beyond", FACTS, "The ledger has facts 0 to 6.", PLAIN.receipt(6), put("facts.0.index", 7))
refuse(
    "index-2-to-the-52",
    FACTS,
    "An index beyond any array of a program.",
    PLAIN.receipt(6),
    put("facts.0.index", 2**52),
)
refuse(
    "facts-exchanged",
    FACTS,
    "Two facts of one receipt have exchanged their places.",
    PLAIN.receipt(1, 3),
    put("facts.0.fact", dict(PLAIN.facts[3])),
    put("facts.1.fact", dict(PLAIN.facts[1])),
)
refuse(
    "facts-one-more",
    FACTS,
    "A true fact that the proof does not prove.",
    PLAIN.receipt(1),
    lambda r: r["facts"].append({"index": 2, "fact": dict(PLAIN.facts[2])}),
)
refuse(
    "facts-one-less",
    FACTS,
    "The proof is of two facts, and one is shown.",
    PLAIN.receipt(1, 3),
    drop("facts.1"),
)
refuse("proof-cut", FACTS, "The last hash is missing.", PLAIN.receipt(1), drop("proof.2"))
refuse("proof-empty", FACTS, "No hash at all.", PLAIN.receipt(1), put("proof", []))
refuse("proof-one-more", FACTS, "A hash too many.", PLAIN.receipt(1), lambda r: r["proof"].append("00" * 32))
refuse(
    "proof-in-order-of-rfc-9162",
    FACTS,
    "The hashes of the inclusion proof, from the leaf to the root.",
    PLAIN.receipt(1),
    lambda r: r["proof"].reverse(),
)
refuse(
    "proof-of-another-fact",
    FACTS,
    "The proof of the neighbour.",
    PLAIN.receipt(1),
    put("proof", PLAIN.receipt(2)["proof"]),
)
refuse(
    "proof-spliced",
    FACTS,
    "The second hash is of another release.",
    PLAIN.receipt(3),
    put("proof.1", NEXT.receipt(3)["proof"][1]),
)
refuse(
    "proof-of-another-release",
    FACTS,
    "All hashes are of another release.",
    PLAIN.receipt(1),
    put("proof", NEXT.receipt(1)["proof"]),
)
refuse(
    "proof-ends-in-the-root",
    FACTS,
    "The root stands in the proof.",
    PLAIN.receipt(1),
    put("proof", [json.loads(PLAIN.statement)["predicate"]["tree"]["root"]]),
)
refuse(
    "fact-of-another-release",
    FACTS,
    "Fact and proof of another release, under these signatures.",
    NEXT.receipt(2),
    put("bundles", PLAIN.receipt(2)["bundles"]),
)
