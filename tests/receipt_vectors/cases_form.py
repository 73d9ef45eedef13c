# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no receipt, and receipts of a later version."""

import json

from tests.receipt_vectors.case import FACT, encoded, refuse
from tests.receipt_vectors.signed_ledgers import PLAIN
from tests.support.forge.edits import drop, put

FORM = "receipt"
refuse(
    "format-another",
    FORM,
    "A version that nobody knows yet.",
    PLAIN.receipt(0),
    put("format", "urn:ledger-anchor:receipt:v2"),
    expect="UNSUPPORTED",
)
refuse(
    "kind-another",
    FORM,
    "A kind that nobody knows yet.",
    PLAIN.receipt(0),
    put("kind", "exclusion"),
    expect="UNSUPPORTED",
)
refuse(
    "member-unknown",
    FORM,
    "A member that nobody knows yet.",
    PLAIN.receipt(0),
    put("note", "x"),
    expect="UNSUPPORTED",
)
refuse(
    "member-of-a-line",
    FORM,
    "Bundles and the name of a release at once.",
    PLAIN.receipt(0),
    put("release", "00" * 32),
    expect="UNSUPPORTED",
)
refuse("member-missing", FORM, "No proof.", PLAIN.receipt(0), drop("proof"))
refuse(
    "member-null",
    FORM,
    "A member that is not used is absent, never null.",
    PLAIN.receipt(0),
    put("status", None),
)
refuse("bundles-empty", FORM, "No bundle.", PLAIN.receipt(0), put("bundles", []))
refuse("facts-empty", FORM, "No fact.", PLAIN.receipt(0), put("facts", []))
refuse(
    "facts-in-falling-order",
    FORM,
    "The second fact stands before the first.",
    PLAIN.receipt(1, 3),
    lambda r: r["facts"].reverse(),
)
refuse(
    "facts-one-twice", FORM, "One index twice.", PLAIN.receipt(1), lambda r: r["facts"].append(r["facts"][0])
)
refuse("index-text", FORM, "An index is a number.", PLAIN.receipt(1), put("facts.0.index", "1"))
refuse("index-true", FORM, "True is no number.", PLAIN.receipt(1), put("facts.0.index", True))
refuse("index-negative", FORM, "An index counts from 0.", PLAIN.receipt(1), put("facts.0.index", -1))
refuse(
    "index-with-fraction",
    FORM,
    "A number without fraction or exponent.",
    encoded(PLAIN.receipt(1)).replace(b'"index":1,', b'"index":1.0,'),
)
refuse(
    "index-with-exponent",
    FORM,
    "A number without fraction or exponent.",
    encoded(PLAIN.receipt(1)).replace(b'"index":1,', b'"index":1e0,'),
)
refuse("value-number", FORM, "A value is a string.", PLAIN.receipt(2), put(f"{FACT}.value", 44010))
refuse("value-list", FORM, "A value is a string.", PLAIN.receipt(2), put(f"{FACT}.value", ["44010"]))
refuse("fact-empty", FORM, "A fact without a member.", PLAIN.receipt(2), put(FACT, {}))
refuse(
    "hash-capitals",
    FORM,
    "Hex is in lower case.",
    PLAIN.receipt(1),
    lambda r: r["proof"].__setitem__(0, r["proof"][0].upper()),
)
refuse(
    "hash-short",
    FORM,
    "A hash has 32 bytes.",
    PLAIN.receipt(1),
    lambda r: r["proof"].__setitem__(0, r["proof"][0][2:]),
)
refuse("hash-null", FORM, "Only a path in an index has null.", PLAIN.receipt(1), put("proof.0", None))
refuse(
    "member-twice",
    FORM,
    "A member name twice.",
    encoded(PLAIN.receipt(1)).replace(b'"value":"312"', b'"value":"312","value":"313"'),
)
refuse(
    "column-twice",
    FORM,
    "One name with and without an escape.",
    encoded(PLAIN.receipt(1)).replace(b'"value":"312"', b'"value":"312","valu\\u0065":"313"'),
)
refuse("surrogate", FORM, "A lone surrogate.", encoded(PLAIN.receipt(1)).replace(b'"312"', b'"\\ud800"'))
refuse("text-behind", FORM, "Text behind the value.", encoded(PLAIN.receipt(1)) + b"{}")
refuse("byte-order-mark", FORM, "A byte order mark.", b"\xef\xbb\xbf" + encoded(PLAIN.receipt(1)))
refuse("cut", FORM, "The end is missing.", encoded(PLAIN.receipt(1))[:-20])
refuse(
    "nested", FORM, "Nested deeper than 64.", PLAIN.receipt(1), put("facts", json.loads("[" * 70 + "]" * 70))
)
