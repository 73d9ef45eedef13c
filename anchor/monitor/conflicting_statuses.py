# SPDX-License-Identifier: Apache-2.0
"""Evidence that a publisher signed a status that contradicts another status or a release, as one file.

The file is RFC 8785 JSON with `format`, `kind`, `ledger` and two `statements`. Each has the base64 of its
`statement` and of its `bundles`, and one of them at least is a status of this ledger. Each is signed in one
of its bundles, which verifies under the trust of the reader. FORMAT.md sections 14 and 23.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from anchor.encoding import jcs, parse_json, to_base64
from anchor.errors import Refused
from anchor.format import ledger_status as statuses
from anchor.format import statement as statements
from anchor.monitor.conflicting_statements import kept, read_members, signed_statement
from anchor.monitor.run_record import TWO_STATUSES, Evidence
from anchor.tlog.evidence import FORMAT
from anchor.verify.anchors import Trust

KIND = TWO_STATUSES
_MEMBERS = {"format", "kind", "ledger", "statements"}


@dataclass(frozen=True)
class ConflictingStatuses:
    """The content of the evidence: the sentence that contradicts, two digests (hex), and their signers."""

    ledger: str
    problem: str
    digests: tuple[str, str]
    signers: tuple[str, str]

    @property
    def sentence(self) -> str:
        """For a person."""
        shown = " and ".join(f"{d} by {s}" for d, s in zip(self.digests, self.signers, strict=True))
        return f"two signed statements of {self.ledger!r} contradict each other: {self.problem} ({shown})"


def disagree(one: bytes, two: bytes) -> str:
    """The sentence by which two statements of one ledger contradict each other; "" if they do not.

    One of them at least is a status, the other one a status or the statement of a release. Raises as
    `ledger_status.decode` and `statement.decode`.
    """
    if statuses.is_status(one) and statuses.is_status(two):
        return statuses.contradiction(one, two)
    if statuses.is_status(one):
        one, two = two, one
    status, release = statuses.decode(two), statements.decode(one)
    if status.ledger != release.ledger.name:
        return ""
    known = {number: said.statement for number, said in statements.says(one).items()}
    committed = release.status
    if committed is not None:
        named = {status.sequence: hashlib.sha256(two).hexdigest(), status.sequence - 1: status.previous}
        if (found := named.get(committed.sequence)) and found != committed.statement:
            return (
                f"release {release.ledger.number} commits to {committed.statement} as status "
                f"{committed.sequence}, and that one is {found}"
            )
    return statuses.names_two(known, status)


def build(ledger: str, one: tuple[bytes, Sequence[bytes]], two: tuple[bytes, Sequence[bytes]]) -> Evidence:
    """The evidence file of two signed statements, each with its bundles (JSON)."""
    value = {
        "format": FORMAT,
        "kind": KIND,
        "ledger": ledger,
        "statements": [
            {"bundles": [to_base64(b) for b in kept(list(bundles))], "statement": to_base64(data)}
            for data, bundles in sorted((one, two), key=lambda pair: hashlib.sha256(pair[0]).digest())
        ],
    }
    return Evidence(kind=KIND, origin=ledger, document=jcs(value))


def is_two_statuses(data: bytes) -> bool:
    """True if a document claims to be of this kind."""
    value = parse_json(data, where="evidence")
    return isinstance(value, dict) and value.get("kind") == KIND


def check(data: bytes, trust: Trust, now: datetime) -> ConflictingStatuses:
    """Check evidence. Raises Refused if it shows nothing, Unsupported for another format."""
    value = read_members(data, KIND, _MEMBERS)
    if not isinstance(value["ledger"], str):
        raise Refused("not in its canonical form", where="evidence")
    listed = value["statements"]
    if not isinstance(listed, list) or len(listed) != 2:
        raise Refused("two statements are wanted", where="statements")
    (one, by_one), (two, by_two) = (
        signed_statement(raw, trust, now, f"statements[{i}]") for i, raw in enumerate(listed)
    )
    if not any(statuses.is_status(d) for d in (one, two)):
        raise Refused("none of the two is a status", where="statements")
    if any(_ledger(d) != value["ledger"] for d in (one, two)):
        raise Refused("a statement is of another ledger", where="statements")
    if not (problem := disagree(one, two)):
        raise Refused("the two statements do not contradict each other", where="statements")
    digests = (hashlib.sha256(one).hexdigest(), hashlib.sha256(two).hexdigest())
    return ConflictingStatuses(value["ledger"], problem, digests, (by_one, by_two))


def _ledger(data: bytes) -> str:
    return statuses.decode(data).ledger if statuses.is_status(data) else statements.decode(data).ledger.name
