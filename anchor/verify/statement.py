# SPDX-License-Identifier: Apache-2.0
"""DSSE payloads that are in-toto statements: is the artifact one of the subjects?

Decides on the envelope and the outside of the statement; what a predicate means is its reader's question.
"""

import re
from typing import Any

from anchor.artifact import ALGORITHMS, Artifact, DigestArtifact
from anchor.bundle import Envelope
from anchor.encoding import Number, parse_json
from anchor.errors import Refused, Unsupported
from anchor.statement import PAYLOAD_TYPE

TYPES = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)


def check(envelope: Envelope, artifact: Artifact | None) -> str:
    """What was compared, if the payload is a statement about the artifact; Refused or Unsupported otherwise.

    Without an artifact only the form is checked: the caller compares the payload itself.
    """
    if envelope.payload_type != PAYLOAD_TYPE:
        raise Unsupported(f"a payload of type {envelope.payload_type[:80]!r}", where="envelope")
    statement = parse_json(envelope.payload, where="statement", foreign=True)
    if not isinstance(statement, dict):
        raise Refused("not a JSON object", where="statement")
    kind = statement.get("_type")
    if kind not in TYPES:
        raise Refused(f"its _type is {str(kind)[:80]!r}, not {TYPES[0]}", where="statement")
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or not subjects:
        raise Refused("it has no subjects", where="statement")
    digests = [_digests(subject, i) for i, subject in enumerate(subjects)]
    if artifact is None:
        return f"an in-toto statement about {len(subjects)} subjects; which ones, whoever asked compares"
    for i, found in enumerate(digests):
        if _same(found, artifact):
            return f"the artifact is subject {i + 1} of {len(subjects)}, by {', '.join(sorted(found))}"
    raise Refused(f"the artifact is none of the {len(subjects)} subjects", where="statement")


def _digests(subject: Any, number: int) -> dict[str, bytes]:
    """The digests of a subject by algorithms that are known here; raises Refused for a malformed one."""
    where = f"statement subject {number + 1}"
    found = subject.get("digest") if isinstance(subject, dict) else None
    if not isinstance(found, dict) or not found:
        raise Refused("without a digest", where=where)
    known = {}
    for algorithm, value in found.items():
        if not isinstance(value, str) or isinstance(value, Number):
            raise Refused(f"its {algorithm[:20]!r} is no text", where=where)
        if algorithm in ALGORITHMS:
            if not _HEX.fullmatch(value):
                raise Refused(f"its {algorithm} is not lower-case hex", where=where)
            known[algorithm] = bytes.fromhex(value)
    return known


def _same(digests: dict[str, bytes], artifact: Artifact) -> bool:
    """Whether every digest that can be compared is the artifact's, and at least one could be."""
    if isinstance(artifact, DigestArtifact):
        return digests.get("sha256") == artifact.digest("sha256")
    return bool(digests) and all(artifact.digest(a) == value for a, value in digests.items())
