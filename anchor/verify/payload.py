# SPDX-License-Identifier: Apache-2.0
"""DSSE payloads that are in-toto statements: is the artifact one of the subjects?

Decides on the envelope and on every member of the statement that its specification names. It does not read
the predicate. A member that the specification does not name is ignored, as the specification demands.
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and resource_descriptor.md, and v0.1's.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from anchor import regex
from anchor.encoding import Number, parse_json
from anchor.errors import Refused, Unsupported
from anchor.sigstore.artifact import DIGEST_SIZES, Artifact, DigestArtifact
from anchor.sigstore.bundle import IN_TOTO, Envelope

V1: Final = "https://in-toto.io/Statement/v1"
V0_1: Final = "https://in-toto.io/Statement/v0.1"
_HEX = regex.expression(r"(?:[0-9a-f]{2})+", re.ASCII)
_BASE64 = regex.expression(r"[A-Za-z0-9+/_-]*={0,2}", re.ASCII)
_TEXTS: Final = ("name", "uri", "content", "downloadLocation", "mediaType")
"""The members of a subject that must be strings if present: ResourceDescriptor."""


def check(envelope: Envelope, artifact: Artifact | None) -> str:
    """Return if the payload is a statement about the artifact; raises Refused or Unsupported.

    Without an artifact only the form is checked, and the caller compares the payload.
    """
    if envelope.payload_type != IN_TOTO:
        raise Unsupported(f"a payload of type {envelope.payload_type[:80]!r}", where="envelope")
    statement = parse_json(envelope.payload, where="statement", foreign=True)
    if not isinstance(statement, dict):
        raise Refused("not a JSON object", where="statement")
    digests = _subjects(statement)
    several = f"{len(digests)} subject{'' if len(digests) == 1 else 's'}"
    if artifact is None:
        return f"an in-toto statement about {several}; the caller compares which"
    for i, digest in enumerate(digests):
        if _same(digest, artifact):
            return f"the artifact is subject {i + 1} of {len(digests)}, by {', '.join(sorted(digest))}"
    raise Refused(f"the artifact is not one of the {several}", where="statement")


def _subjects(statement: Mapping[str, Any]) -> list[dict[str, bytes]]:
    """The digests of each subject of a statement that is well-formed in every member."""
    kind = statement.get("_type")
    if kind not in (V1, V0_1):
        raise Refused(f"its _type is {str(kind)[:80]!r}, not {V1}", where="statement")
    if not _is_text(predicate := statement.get("predicateType")) or not predicate:
        raise Refused("its predicateType is not a text, and one is required", where="statement")
    if not isinstance(statement.get("predicate"), dict | None):
        raise Refused("its predicate is not a JSON object", where="statement")
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or not subjects:
        raise Refused("it has no subjects", where="statement")
    return [
        _digests(_descriptor(subject, where, named=kind == V0_1), where)
        for where, subject in ((f"statement subject {i}", s) for i, s in enumerate(subjects, 1))
    ]


def _is_text(value: object) -> bool:
    """True for a JSON string. A foreign number is held as a `Number`, which is a subclass of `str`."""
    return isinstance(value, str) and not isinstance(value, Number)


def _descriptor(subject: Any, where: str, *, named: bool) -> Mapping[str, Any]:
    """A subject with the right kind of value in each member; null is absent, and v0.1 demands a name."""
    if not isinstance(subject, dict):
        raise Refused("not a JSON object", where=where)
    for member in _TEXTS:
        if (value := subject.get(member)) is not None and not _is_text(value):
            raise Refused(f"its {member} is not a text", where=where)
    if named and subject.get("name") is None:
        raise Refused(f"without a name, which {V0_1} requires", where=where)
    if not _BASE64.fullmatch(subject.get("content") or ""):
        raise Refused("its content is not base64", where=where)
    if not isinstance(subject.get("annotations"), dict | None):
        raise Refused("its annotations are not a JSON object", where=where)
    return subject


def _digests(subject: Mapping[str, Any], where: str) -> dict[str, bytes]:
    """The digests of a subject, by algorithms that are known here; raises Refused for a malformed one."""
    listed = subject.get("digest")
    if not isinstance(listed, dict) or not listed:
        raise Refused("without a digest", where=where)
    known = {}
    for algorithm, value in listed.items():
        if not _is_text(value):
            raise Refused(f"its {algorithm[:20]!r} is not a text", where=where)
        if (size := DIGEST_SIZES.get(algorithm)) is not None:
            if not _HEX.fullmatch(value) or len(value) != 2 * size:
                raise Refused(f"its {algorithm} is not {2 * size} digits of lower-case hex", where=where)
            known[algorithm] = bytes.fromhex(value)
    return known


def _same(digests: dict[str, bytes], artifact: Artifact) -> bool:
    """True if at least one digest can be compared with the artifact, and all of these are equal."""
    if isinstance(artifact, DigestArtifact):
        return digests.get(artifact.algorithm) == artifact.digest(artifact.algorithm)
    return bool(digests) and all(artifact.digest(a) == value for a, value in digests.items())
