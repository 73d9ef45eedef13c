# SPDX-License-Identifier: Apache-2.0
"""The record of one re-verification: a verdict, and the documents that are kept for years.

Values only. `anchor.monitor.cycle` makes them and `anchor.records` keeps them. This module decides nothing.
"""

import hashlib
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from anchor.errors import Refused
from anchor.verdict import Verdict
from anchor.verify.named_entry import NamedEntry

TWO_HISTORIES = "two-histories"
TWO_STATEMENTS = "two-statements"
TWO_STATUSES = "two-statuses"
"""The kinds of evidence: against a log, and against a publisher by two releases or with a status."""
BUNDLE = "bundle"
"""The source of a checkpoint that no log served: it was in a bundle."""


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
class ObservedStatus:
    """The verified status of a target, with the bundles that sign it."""

    ledger: str
    sequence: int
    statement: bytes
    """The exact bytes that were signed."""
    bundles: tuple[bytes, ...]
    time: str = ""
    """Earliest verified time, RFC 3339 UTC."""
    names: tuple[str, ...] = ()
    """The file names of its bundles, as they are published. The records do not keep them."""

    @property
    def digest(self) -> str:
        """SHA-256 of the statement bytes, hex."""
        return hashlib.sha256(self.statement).hexdigest()


class HeldStatus(NamedTuple):
    """A status of a ledger that is held, without its bytes."""

    row: int
    sequence: int
    statement: str
    """SHA-256 of its bytes, hex."""


class ShownStatuses(NamedTuple):
    """The statuses of a ledger that were verified at a target."""

    statuses: Sequence[ObservedStatus]
    """Highest sequence first."""
    marked: int | None
    """The highest sequence that only the high-water mark had."""


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
class NamesBefore:
    """The state in which the last finished run of a target left the watch of whole logs."""

    judged: frozenset[str] = frozenset()
    """Digests of what that run looked for in the chain, to explain entries of logs."""
    standing: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By origin: some entries that were compared with the whole chain, and that nothing explained."""
    waited: frozenset[str] = frozenset()
    """Targets for whose first run a finding waited."""
    overtaken: bool = False
    """True if a finding waited, because a newer release was put in place while the run read the log."""

    def facts(self) -> dict[str, object]:
        """The part of it that the facts of a run hold, besides those of each log."""
        found: dict[str, object] = {}
        if self.standing:
            found["standing"] = {origin: list(listed) for origin, listed in self.standing.items()}
        found |= {"waited": sorted(self.waited)} if self.waited else {}
        return found | ({"overtaken": True} if self.overtaken else {})


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
    best_status: Mapping[str, object] | None = None
    """The highest sequence of a status, from the same facts."""
    status_chain: Mapping[str, object] | None = None
    """How far the chain of a status was compared, from the same facts."""
    names: NamesBefore = field(default_factory=NamesBefore)
    """The state of the watch of whole logs, from the same facts."""


@dataclass(frozen=True, kw_only=True)
class HeldStatement:
    """The statement of a release or status of the records, by any signer, under whatever policy it was."""

    kind: Literal["release", "status"]
    row: int
    """The row of the records."""
    statement: bytes


@dataclass(frozen=True, kw_only=True)
class ScannedRange:
    """Entries `start` up to, not including, `end` of a log that were read, and what was only counted."""

    start: int
    end: int
    claimed: int = 0
    """Entries with a watched name in a certificate that no trusted authority issued."""
    surplus: int = 0
    """Certified entries that nothing explains, and that are not kept."""
    unreadable: int = 0
    """Entries whose form gives no certificates."""

    def with_next(self, other: "ScannedRange", *, counted: bool = True) -> "ScannedRange":
        """This range and one that goes further. `counted`: its counts are of other entries than ours."""
        join = operator.add if counted else max
        return ScannedRange(
            start=self.start,
            end=other.end,
            claimed=join(self.claimed, other.claimed),
            surplus=join(self.surplus, other.surplus),
            unreadable=join(self.unreadable, other.unreadable),
        )


@dataclass(frozen=True, kw_only=True)
class NameScan:
    """The part that a run read of a log, for the records."""

    origin: str
    log_key: str
    watch: str
    """Digest of the watched identities and their authorities. With other ones, the log is read again."""
    size: int
    """Of the head's tree."""
    ranges: tuple[ScannedRange, ...]
    """Everything that was ever read."""
    named: tuple[NamedEntry, ...] = ()
    """Entries that were found in this run, and that nothing explained."""
    requests: int = 0
    """Requests of this run that are not counted yet."""


@dataclass(frozen=True, kw_only=True)
class ReadBefore:
    """The parts of a log that the runs before read."""

    ranges: tuple[ScannedRange, ...] = ()
    size: int = 0
    """Of the head in the last run that read something."""
    requests: int = 0
    """Requests of this hour."""
    named: tuple[NamedEntry, ...] = ()
    """Entries that nothing explained when they were found, without their bytes. Certified ones of any watch
    and any key of the log."""


@dataclass(frozen=True, kw_only=True)
class PolicySays:
    """The values of the policy of a run that the records keep, so that `status` needs no policy."""

    max_run_age: int | None = None
    """Seconds from which on the last good run is too old."""
    compared: bool = True
    """False: nobody compared the digest of a trusted root."""

    def facts(self) -> dict[str, object]:
        """The members of the run's facts; what is not said is left out."""
        said = {"max_run_age": self.max_run_age, "compared": None if self.compared else False}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything that the records keep of one run, in one transaction."""

    verdict: Verdict
    release: ObservedRelease | None = None
    earlier: tuple[ObservedRelease, ...] = ()
    """Earlier releases of its chain that this run read."""
    status: ObservedStatus | None = None
    checkpoints: tuple[SignedCheckpoint, ...] = ()
    proofs: tuple[ConsistencyProof, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    scans: tuple[NameScan, ...] = ()
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
