# SPDX-License-Identifier: Apache-2.0
"""Evidence that a publisher signed two statements that contradict each other, as one file.

The file is RFC 8785 JSON with `format`, `kind`, `ledger`, `number` and two `releases`. A release has the
base64 of its `statement` and of its `bundles`. Each statement is about this ledger. It is the release with
this number, or it names that release as the one before. The two disagree about the number. Each is signed in
one of its bundles, which verifies under the trust of the reader. FORMAT.md section 14.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anchor import limits
from anchor.encoding import jcs, parse_json, to_base64, unbase64
from anchor.errors import Refused, Unsupported
from anchor.format import statement as statements
from anchor.format.statement import Previous
from anchor.monitor.interfaces import Verifier
from anchor.monitor.run_record import TWO_STATEMENTS, TWO_STATUSES, Evidence, ObservedRelease
from anchor.sigstore.bundle import IN_TOTO
from anchor.tlog.evidence import FORMAT
from anchor.verify.anchors import Trust
from anchor.verify.report import BundleReport

KIND = TWO_STATEMENTS
MAX_SIZE = limits.EVIDENCE
"""Two statements of the largest size, each with bundles of `limits.EVIDENCE_BUNDLES` bytes, fit."""
_MOST = 32
_MEMBERS = {"format", "kind", "ledger", "number", "releases"}


@dataclass(frozen=True)
class ConflictingStatements:
    """The content of the evidence: two statements of one publisher, by SHA-256, with their signers."""

    ledger: str
    number: int
    digests: tuple[str, str]
    signers: tuple[str, str]

    @property
    def sentence(self) -> str:
        """For a person."""
        shown = " and ".join(f"{d} by {s}" for d, s in zip(self.digests, self.signers, strict=True))
        return f"two signed statements disagree about release {self.number} of {self.ledger!r}: {shown}"


def build(one: ObservedRelease, two: ObservedRelease) -> Evidence:
    """The evidence file of two verified releases that share ledger and number, or follow each other.

    It is never larger than `check` reads: of each release it has the smallest bundles, at least one.
    """
    pair = sorted((one, two), key=lambda r: r.digest)
    value = {
        "format": FORMAT,
        "kind": KIND,
        "ledger": one.ledger,
        "number": min(one.number, two.number),
        "releases": [
            {
                "bundles": [to_base64(b) for b in kept([a.bundle for a in r.anchors])],
                "statement": to_base64(r.statement),
            }
            for r in pair
        ],
    }
    return Evidence(kind=KIND, origin=one.ledger, document=jcs(value))


def kept(bundles: list[bytes]) -> list[bytes]:
    """The smallest bundles, as many as fit. One is enough, and somebody may pad one with blanks."""
    found, room = [], limits.EVIDENCE_BUNDLES
    for bundle in sorted(bundles, key=len)[:_MOST]:
        room -= len(bundle)
        if room < 0:
            break
        found.append(bundle)
    return found


def signs(report: BundleReport, statement: bytes) -> bool:
    """True if a bundle was verified to sign these statement bytes."""
    return report.ok and (report.payload_type, report.payload) == (IN_TOTO, statement)


def is_two_statements(data: bytes) -> bool:
    """True if a document claims to be of this kind."""
    value = parse_json(data, where="evidence")
    return isinstance(value, dict) and value.get("kind") == KIND


def check(data: bytes, trust: Trust, now: datetime) -> ConflictingStatements:
    """Check evidence under the trust of the reader. Raises Refused if it shows nothing, Unsupported for
    another format."""
    value = read_members(data, KIND, _MEMBERS)
    releases = value["releases"]
    if not isinstance(releases, list) or len(releases) != 2:
        raise Refused("two releases are wanted", where="releases")
    one, two = (_release(r, value, trust, now, f"releases[{i}]") for i, r in enumerate(releases))
    if one[0] == two[0]:
        raise Refused("the two statements say the same of this release", where="releases")
    return ConflictingStatements(
        str(value["ledger"]), int(value["number"]), (one[1], two[1]), (one[2], two[2])
    )


def read_members(data: bytes, kind: str, members: set[str]) -> dict[str, Any]:
    """The members of a file of evidence of this kind, which are these. Raises as `check`."""
    if len(data) > MAX_SIZE:
        raise Refused(f"{len(data)} bytes, more than {MAX_SIZE}", where="evidence")
    value = parse_json(data, where="evidence")
    if not isinstance(value, dict) or value.get("format") != FORMAT or value.get("kind") != kind:
        raise Unsupported(f"not {FORMAT} of the kind {kind}", where="evidence")
    if set(value) != members or jcs(value) != data:
        raise Refused("not in its canonical form", where="evidence")
    return value


def _release(
    raw: Any, outer: dict[str, Any], trust: Trust, now: datetime, where: str
) -> tuple[Previous, str, str]:
    """The release that the statement has for the number, its digest and its signer, as a bundle verifies."""
    payload, signer = signed_statement(raw, trust, now, where)
    said = statements.says(payload).get(outer["number"]) if type(outer["number"]) is int else None
    if said is None or statements.decode(payload).ledger.name != outer["ledger"]:
        raise Refused("the statement is of another ledger or number", where=where)
    return said, hashlib.sha256(payload).hexdigest(), signer


def signed_statement(raw: Any, trust: Trust, now: datetime, where: str) -> tuple[bytes, str]:
    """The bytes of a statement in evidence, and the identity that signed it by the first good bundle.

    Raises Refused if there is no such bundle.
    """
    if not isinstance(raw, dict) or set(raw) != {"bundles", "statement"}:
        raise Refused("a statement and its bundles are wanted", where=where)
    bundles = raw["bundles"]
    if not isinstance(bundles, list) or len(bundles) > _MOST or not all(isinstance(b, str) for b in bundles):
        raise Refused(f"at most {_MOST} bundles are wanted", where=where)
    if not isinstance(raw["statement"], str):
        raise Refused("not a string", where=f"{where}.statement")
    payload = unbase64(raw["statement"], where=f"{where}.statement")
    for text in bundles:
        report, _ = trust.verify(unbase64(text, where=f"{where}.bundles"), now=now)
        if signs(report, payload):
            return payload, report.identity
    raise Refused("no bundle is verified to sign the statement", where=where)


class StatementEvidence:
    """The judgement of one cycle about evidence against publishers. Each file is checked once."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._doubts: dict[str, str] = {}
        """By digest of the evidence."""

    def doubt(self, evidence: Evidence) -> str:
        """The reason why evidence shows nothing under today's trust. Empty if it shows a contradiction.

        Another policy of this home may have accepted a signer who uses the same ledger name. That is no
        evidence against the publisher whom this policy accepts.
        """
        if evidence.kind not in (TWO_STATEMENTS, TWO_STATUSES):
            return ""
        if evidence.digest not in self._doubts:
            try:
                self._verifier.check_evidence(evidence.document)
                self._doubts[evidence.digest] = ""
            except (Refused, Unsupported) as e:
                self._doubts[evidence.digest] = str(e)
        return self._doubts[evidence.digest]

    def split(self, found: Iterable[Evidence]) -> tuple[list[Evidence], list[str]]:
        """The evidence that shows a contradiction under today's trust, and a note for each of the others."""
        counting: list[Evidence] = []
        notes: list[str] = []
        for evidence in found:
            if doubt := self.doubt(evidence):
                notes.append(note(evidence, doubt))
            else:
                counting.append(evidence)
        return counting, notes


def note(evidence: Evidence, doubt: str) -> str:
    """The remark about evidence that shows nothing under today's trust."""
    return (
        f"two statements of {evidence.origin!r} disagree, and not both are by signers whom this policy "
        f"accepts: {doubt}"
    )
