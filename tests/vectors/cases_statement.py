# SPDX-License-Identifier: Apache-2.0
"""Every member of an in-toto statement: of another type, missing, null; and what its specification allows."""

import hashlib
import json
from typing import Any

from tests.support.forge import entry_bodies as bodies
from tests.support.forge.bundles import ARTIFACT, V1_DSSE, V2_DSSE
from tests.vectors.case import Checks, Setting

ABSENT = object()
OTHER = ARTIFACT.replace(b"one", b"two")
DIGEST = {"sha256": bodies.hex256(ARTIFACT)}
members = Setting(
    clause="in-toto attestation Statement v1: predicateType string (TypeURI), required; predicate object, "
    "optional; subject array of ResourceDescriptor objects, each with digest",
    recipe=V2_DSSE,
)


def about(**more: Any) -> bytes:
    """A statement about the artifact; what is `ABSENT` is left out."""
    value = json.loads(bodies.statement(ARTIFACT)) | more
    return json.dumps({k: v for k, v in value.items() if v is not ABSENT}, separators=(",", ":")).encode()


def subject(**more: Any) -> bytes:
    """A statement with one subject, the artifact, and these members of it."""
    value = {"name": "artifact", "digest": DIGEST} | more
    return about(subject=[{k: v for k, v in value.items() if v is not ABSENT}])


SHORT = bodies.hex256(ARTIFACT)[:62]
for name, why, payload in (
    ("without-predicate-type", "No predicateType.", about(predicateType=ABSENT)),
    ("predicate-type-null", "A predicateType of null, which is none.", about(predicateType=None)),
    ("predicate-type-number", "A predicateType that is a number.", about(predicateType=5)),
    ("predicate-type-long-number", "And one of 30 digits.", about(predicateType=10**29)),
    ("predicate-type-list", "A predicateType that is a list.", about(predicateType=["a"])),
    ("predicate-type-empty", "A predicateType of no characters.", about(predicateType="")),
    ("predicate-string", "A predicate that is text.", about(predicate="text")),
    ("predicate-list", "A predicate that is a list.", about(predicate=[])),
    ("subject-object", "One subject in the place of a list.", about(subject={"digest": DIGEST})),
    ("subject-text", "A subject that is text.", about(subject=["artifact"])),
    ("subject-name-list", "A subject's name that is a list.", subject(name=["artifact"])),
    ("subject-name-number", "A subject's name that is a number.", subject(name=1)),
    ("subject-uri-number", "A subject's URI that is a number.", subject(uri=1)),
    ("subject-content-not-base64", "A subject's content that is no base64.", subject(content="<>")),
    ("subject-location-object", "A subject's location that is an object.", subject(downloadLocation={})),
    ("subject-media-type-list", "A subject's media type that is a list.", subject(mediaType=[])),
    ("subject-annotations-list", "A subject's annotations that are a list.", subject(annotations=[])),
    ("subject-digest-list", "A subject's digest that is a list.", subject(digest=[bodies.hex256(ARTIFACT)])),
    ("digest-short", "A SHA-256 of 31 bytes beside a good subject.", about(
        subject=[{"digest": DIGEST}, {"digest": {"sha256": SHORT}}])),
    ("v0.1-subject-without-name", "Statement v0.1 requires a name of each subject.", about(
        _type="https://in-toto.io/Statement/v0.1", subject=[{"digest": DIGEST}])),
):  # fmt: skip
    members.refuse(f"statement-{name}", Checks.STATEMENT, why, payload=payload)
for name, payload in (
    ("without-predicate-type", about(predicateType=ABSENT)),
    ("predicate-string", about(predicate="text")),
    ("subject-name-list", subject(name=["artifact"])),
):
    why = "The same in an entry of Rekor v1's kind dsse."
    members.refuse(f"statement-v1-{name}", Checks.STATEMENT, why, payload=payload, recipe=V1_DSSE)
members.accept(
    "statement-v0.1", "A Statement v0.1.", payload=about(_type="https://in-toto.io/Statement/v0.1")
)
members.accept(
    "statement-without-predicate", "A statement without a predicate.", payload=about(predicate=ABSENT)
)
members.accept(
    "statement-predicate-null", "A predicate of null, which is none.", payload=about(predicate=None)
)
members.accept("statement-subject-without-name", "A subject without a name.", payload=subject(name=ABSENT))
members.accept(
    "statement-subject-name-null", "A subject's name of null, which is none.", payload=subject(name=None)
)
members.accept(
    "statement-every-member",
    "A subject with every member that its type has, and members that no specification names.",
    payload=subject(
        uri="https://vectors.example/artifact", content="AA==", downloadLocation="https://vectors.example/",
        mediaType="text/plain", annotations={"x": None}, extension=[1.5],
    ),
)  # fmt: skip
members.accept(
    "statement-git-digests",
    "A subject named by a git commit beside the artifact.",
    payload=about(
        subject=[
            {"name": "source", "digest": {"gitCommit": "00" * 20}},
            {"name": "artifact", "digest": DIGEST},
        ]
    ),
)
sha512_only = subject(digest={"sha512": hashlib.sha512(ARTIFACT).hexdigest()})
members.accept(
    "statement-sha512-only", "A subject with a SHA-512 only, as npm writes it.", payload=sha512_only
)
members.accept(
    "statement-sha512-by-digest",
    "And the artifact is given as its SHA-512.",
    payload=sha512_only,
    by_digest="sha512",
)
members.accept(
    "statement-sha384-by-digest",
    "The same by SHA-384.",
    payload=subject(digest={"sha384": hashlib.sha384(ARTIFACT).hexdigest()}),
    by_digest="sha384",
)
members.refuse(
    "statement-sha512-other-by-digest",
    Checks.STATEMENT,
    "The SHA-512 of another artifact.",
    payload=sha512_only,
    given=OTHER,
    by_digest="sha512",
)
