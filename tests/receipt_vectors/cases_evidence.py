# SPDX-License-Identifier: Apache-2.0
"""Statements and bundles: of another release, left out, repeated, or by somebody else."""

import base64

from tests.receipt_vectors.case import bundles_file, refuse, with_payload
from tests.receipt_vectors.signed_ledgers import NEXT, PLAIN, TWO_LOGS, Json, Ledger
from tests.support.forge.bundles import V2, V2_DSSE, make
from tests.support.forge.edits import drop, put

FACTS, STATEMENT = "receipt-facts", "one-statement"


OF_ANOTHER_TYPE = PLAIN.statement.replace(b"urn:ledger-anchor:commitment:v1", b"https://vectors.example/v1")


def flipped(receipt: Json) -> None:
    """One bit of the signature is another one."""
    signature = receipt["bundles"][0]["dsseEnvelope"]["signatures"][0]
    data = bytearray(base64.b64decode(signature["sig"]))
    data[-1] ^= 1
    signature["sig"] = base64.b64encode(bytes(data)).decode()


refuse(
    "statement-swapped",
    "log-entry",
    "The statement of another release, under the signatures of this one.",
    NEXT.receipt(2),
    put("bundles", PLAIN.receipt(2)["bundles"]),
    with_payload(NEXT.statement),
    signatures=True,
)
FORGED = Ledger(({"label": "Turnover", "value": "1", "unit": "EUR"},), number=1)
refuse(
    "statement-of-ones-own-tree",
    "log-entry",
    "A tree of one's own in the statement, under these signatures.",
    FORGED.receipt(0),
    put("bundles", PLAIN.receipt(2)["bundles"]),
    with_payload(FORGED.statement),
    signatures=True,
)
refuse(
    "statement-size-edited",
    FACTS,
    "Signed with a size that the tree does not have: no path of fact 6 has this length.",
    PLAIN.but(tree=(("size", 70),)).receipt(6),
)
refuse(
    "statement-of-another-type",
    "statement",
    "A signed statement that is not about a ledger.",
    PLAIN.receipt(0),
    put("bundles", [make(V2_DSSE.but(payload=OF_ANOTHER_TYPE))]),
    expect="UNSUPPORTED",
    signatures=True,
)
refuse(
    "statement-not-canonical",
    "statement",
    "The signed statement has a blank too many.",
    PLAIN.receipt(0),
    put("bundles", [make(V2_DSSE.but(payload=PLAIN.statement.replace(b":", b": ", 1)))]),
    signatures=True,
)
refuse(
    "bundle-of-a-file",
    STATEMENT,
    "A bundle that signs a file, and no statement.",
    PLAIN.receipt(0),
    put("bundles", [make(V2)]),
    signatures=True,
)
refuse(
    "bundle-of-another-release",
    STATEMENT,
    "One of two bundles is of another release.",
    TWO_LOGS.receipt(0),
    put("bundles.1", NEXT.bundles[0]),
)
refuse(
    "bundle-left-out",
    "policy-anchors",
    "A policy that asks for two logs, and one of two bundles.",
    TWO_LOGS.receipt(0),
    drop("bundles.0"),
    expect="PENDING",
    min_anchors=2,
    signatures=True,
)
refuse(
    "bundle-twice",
    "policy-anchors",
    "A policy that asks for two logs, and the bundle of one twice.",
    TWO_LOGS.receipt(0),
    lambda r: r["bundles"].__setitem__(0, r["bundles"][1]),
    expect="PENDING",
    min_anchors=2,
    signatures=True,
)
refuse(
    "bundle-signature-edited",
    "log-entry",
    "One bit of the signature was changed.",
    PLAIN.receipt(0),
    flipped,
    signatures=True,
)
refuse(
    "bundle-without-log-entry",
    "log-key",
    "No log has the signature.",
    PLAIN.receipt(0),
    put("bundles.0.verificationMaterial.tlogEntries", []),
    signatures=True,
)
refuse(
    "bundle-not-a-bundle",
    STATEMENT,
    "An object without any member of a bundle.",
    PLAIN.receipt(0),
    put("bundles", [{"a": 1}]),
    signatures=True,
)
refuse(
    "signer-of-another-identity",
    "signer",
    "The policy accepts somebody else.",
    PLAIN.receipt(0),
    identity="someone@vectors.example",
    signatures=True,
)
refuse(
    "ledger-of-another-name",
    "policy-ledger",
    "The policy is about another ledger.",
    PLAIN.receipt(0),
    ledger="another-ledger",
    signatures=True,
)
refuse(
    "line-with-other-bundles",
    STATEMENT,
    "The bundles beside the line are of another release.",
    PLAIN.line(2),
    bundles=bundles_file(NEXT.bundles),
)
refuse(
    "line-names-another-release",
    STATEMENT,
    "The line names another statement than the bundles sign.",
    PLAIN.line(2),
    put("release", NEXT.line(2)["release"]),
    bundles=bundles_file(PLAIN.bundles),
)
