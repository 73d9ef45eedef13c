# SPDX-License-Identifier: Apache-2.0
"""The record of one re-verification: a verdict, and the documents that are kept for years.

Values only. `anchor.monitor.cycle` makes them and `anchor.records` keeps them. This module decides nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from anchor.errors import Refused
from anchor.verdict import Verdict

TWO_HISTORIES = "two-histories"
TWO_STATEMENTS = "two-statements"
"""The kinds of evidence: against a log, against a publisher."""


@dataclass(frozen=True, kw_only=True)
class SignedCheckpoint:
    """A checkpoint whose log signature was verified, with the raw note. A stranger can verify it again."""

    origin: str
    log_key: str
    """The verifier key of the log at that time (C2SP signed-note `name+id+base64`)."""
    size: int
    root: bytes
    note: bytes
    source: str = ""
    """The URL or folder that served it. It is a remark, and binds nothing."""


@dataclass(frozen=True, kw_only=True)
class ConsistencyProof:
    """The path between two sizes of one log, as `merkle.roots_from_consistency` took it."""

    origin: str
    old_size: int
    old_root: bytes
    new_size: int
    new_root: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One self-contained document of misbehaviour that a stranger can check with the log's key."""

    kind: str
    origin: str
    """The log's origin, or the ledger's name for two statements."""
    document: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the document, hex."""
        return hashlib.sha256(self.document).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ObservedAnchor:
    """One verified anchor: a bundle and the log it is in."""

    origin: str
    log_key: str
    log_index: int
    bundle: bytes
    time: str = ""
    """Earliest verified time, RFC 3339 UTC."""


@dataclass(frozen=True, kw_only=True)
class FollowedLog:
    """A log in which an anchor of a target once counted."""

    origin: str
    log_key: str
    """Its verifier key at that time; "" if the anchor had no checkpoint."""


@dataclass(frozen=True, kw_only=True)
class ObservedRelease:
    """The verified release of a target."""

    ledger: str
    number: int
    version: str
    root: str
    """Hex."""
    size: int
    statement: bytes
    """The exact bytes that were signed."""
    anchors: tuple[ObservedAnchor, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the statement bytes, hex."""
        return hashlib.sha256(self.statement).hexdigest()


@dataclass(frozen=True, kw_only=True)
class HeldNumber:
    """A release of a ledger that is held, without its bytes."""

    row: int
    number: int
    version: str
    digest: str
    """SHA-256 of the statement bytes, hex."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """An earlier release, from the folder of a later one."""

    statement: bytes
    """Its digest is the one that the later release names."""
    release: ObservedRelease | None = None
    """None if no bundle of it verifies here."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The lowest number with which the releases of a target are compared, as a person or the mark has it."""

    ledger: str
    number: int
    who: str
    reason: str
    by_person: bool = True
    """False for the mark. Only a person can have fewer releases compared."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The highest known number of a target, from a release or from a person."""

    ledger: str
    number: int
    accepted: Accepted | None = None
    """Given if no release since then has a higher number."""


@dataclass(frozen=True, kw_only=True)
class PriorRun:
    """The result of a target's earlier runs. Empty for a new target."""

    last_run: float | None = None
    """When the newest run ended, in seconds since 1970."""
    trust: Mapping[str, str] | None = None
    """The trust material of the last run that read any."""
    release: ObservedRelease | None = None
    """The last release that was verified, without its anchors."""
    lost: Refused | None = None
    """The error if the runs found a release that is not held any more."""
    entries: tuple[Mapping[str, object], ...] = ()
    """The entries that the last finished run proved, from its facts."""
    best: Mapping[str, object] | None = None
    """The highest number, from the facts of the last finished run."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything that the records keep of one run, in one transaction."""

    verdict: Verdict
    release: ObservedRelease | None = None
    earlier: tuple[ObservedRelease, ...] = ()
    """Earlier releases of its chain that this run read."""
    checkpoints: tuple[SignedCheckpoint, ...] = ()
    proofs: tuple[ConsistencyProof, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    trust: dict[str, str] | None = None
    """The trust material by name (TUF versions, log keys, policy digest). None if it was not read."""
    services: tuple[str, ...] = ()
    """Services that could not be reached, for the alarm's text."""
    requests: int = 0
    """Requests made to logs."""
    duration: float = 0.0
    """Seconds of a clock that does not jump."""
    max_run_age: int | None = None
    """The policy's `max_run_age` in seconds, remembered so that `status` can judge without the policy."""
    never_damp: bool = False
    """Set when the database itself may be wrong, or the release was rolled back. The alarm is then raised at
    once, even for UNAVAILABLE."""
