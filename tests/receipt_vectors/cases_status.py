# SPDX-License-Identifier: Apache-2.0
"""Stapled statuses: good ones, withdrawn facts, and statuses that are no word of the publisher."""

import hashlib
from typing import Any

from tests.receipt_vectors.case import accept, refuse
from tests.receipt_vectors.signed_ledgers import NEXT, PLAIN, Json, Ledger
from tests.support.forge.authorities import Leaf
from tests.support.forge.bundles import V2_DSSE, Recipe, make
from tests.support.second.leaves2 import jcs

OTHER = hashlib.sha256(b"another statement").hexdigest()
STRANGER = V2_DSSE.but(leaf=Leaf(identity="somebody@else.example"))


def digest(ledger: Ledger) -> str:
    return hashlib.sha256(ledger.statement).hexdigest()


def entry(kind: str = "withdrawn", *, fact: int | None = None, of: Ledger = PLAIN, **more: Any) -> Json:
    """An entry about a release, or about one fact of it."""
    found: Json = {"number": of.number, "statement": digest(of), "kind": kind, "reason": "measured twice"}
    if fact is not None:
        found["fact"] = {"index": fact, "leaf": of.hashes[fact].hex()}
    return found | more


def status(*entries: Json, newest: Ledger = PLAIN, **more: Any) -> bytes:
    """The statement of a status; `more` are members of its predicate."""
    named = {"number": newest.number, "version": f"{newest.number}.0.0", "statement": digest(newest)}
    said: Json = {"ledger": PLAIN.name, "sequence": 1, "newest": named}
    said |= {"withdrawn": list(entries)} if entries else {}
    subject = {"name": "statement.json", "digest": {"sha256": digest(newest)}}
    return jcs(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "urn:ledger-anchor:status:v1",
            "subject": [subject],
            "predicate": said | more,
        }
    )


def with_status(data: bytes, *, fact: int = 2, recipe: Recipe = V2_DSSE) -> Json:
    """The receipt of a fact, with a status that a signer signed."""
    return PLAIN.receipt(fact) | {"status": {"bundles": [make(recipe.but(payload=data))]}}


accept("status-that-withdraws-nothing", "Not withdrawn as of the time of the status.", with_status(status()))
accept(
    "status-about-another-fact",
    "Another fact of the release is withdrawn.",
    with_status(status(entry(fact=1))),
)
accept(
    "status-about-another-release",
    "A later release is withdrawn as a whole.",
    with_status(status(entry(of=NEXT), newest=NEXT)),
)
accept(
    "status-reinstated",
    "The last entry counts: the fact was withdrawn, and is reinstated.",
    with_status(status(entry(fact=2), entry("reinstated", fact=2))),
)
refuse(
    "status-withdraws-the-fact",
    "withdrawn",
    "The publisher does not stand by this fact any more.",
    with_status(status(entry("corrected", fact=2))),
    expect="WITHDRAWN",
    signatures=True,
)
refuse(
    "status-withdraws-the-release",
    "withdrawn",
    "A release takes its facts along, although this one is reinstated by itself.",
    with_status(status(entry(), entry("reinstated", fact=2))),
    expect="WITHDRAWN",
    signatures=True,
)
refuse(
    "status-by-another-signer",
    "signer",
    "Somebody else says that nothing was withdrawn.",
    with_status(status(), recipe=STRANGER),
    signatures=True,
)
refuse(
    "status-of-another-ledger",
    "status",
    "A status of another ledger of the same signer.",
    with_status(status(ledger="another-ledger")),
    signatures=True,
)
refuse(
    "status-of-a-release-that-does-not-exist",
    "status-follows",
    "It withdraws another statement with the number of this release, by the same signer.",
    with_status(status(entry(statement=OTHER))),
    expect="EQUIVOCATION",
    signatures=True,
)
refuse(
    "status-older-than-what-it-withdraws",
    "status",
    "It withdraws release 2, and knows of release 1 as the newest.",
    with_status(status(entry(of=NEXT))),
)
refuse(
    "status-without-the-one-before",
    "status",
    "Status 2 does not say which status 1 was.",
    with_status(status(sequence=2)),
)
refuse(
    "status-with-an-empty-list",
    "status",
    "A list that is not used is absent, not empty.",
    with_status(status(withdrawn=[])),
)
refuse(
    "status-with-a-reason-that-hides",
    "status",
    "The reason turns the direction of the text.",
    with_status(status(entry(reason="good\u202eno"))),
)
refuse(
    "status-of-an-unknown-kind",
    "status",
    "An entry of a kind that this format does not have.",
    with_status(status(entry("forgotten"))),
    expect="UNSUPPORTED",
    signatures=True,
)
refuse(
    "status-not-canonical",
    "status",
    "The signed status has a blank too many.",
    with_status(status().replace(b":", b": ", 1)),
)
refuse(
    "status-of-two-statements",
    "receipt-status",
    "Two bundles that sign two statuses.",
    PLAIN.receipt(2)
    | {"status": {"bundles": [make(V2_DSSE.but(payload=d)) for d in (status(), status(entry()))]}},
)


def exchanged() -> Json:
    """A status that withdraws nothing, under the signature over the one that withdraws the fact."""
    found = with_status(status(entry(fact=2)))
    other = with_status(status())["status"]["bundles"][0]["dsseEnvelope"]["payload"]
    found["status"]["bundles"][0]["dsseEnvelope"]["payload"] = other
    return found


refuse(
    "status-payload-exchanged",
    "log-entry",
    "The entry that withdraws the fact was taken out of the signed status.",
    exchanged(),
    signatures=True,
)
