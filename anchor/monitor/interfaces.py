# SPDX-License-Identifier: Apache-2.0
"""The surroundings of a re-verification: logs with their locations, the records, and the verifier.

Values and Protocols only. `anchor.records.state` has the records, `anchor.app.reverify` the verifier.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from anchor.format.statement import Previous
from anchor.monitor.observed import ExaminedRelease, HeldRelease
from anchor.monitor.run_record import (
    Accepted,
    Earlier,
    Evidence,
    FollowedLog,
    HeldNumber,
    HeldStatement,
    HeldStatus,
    ObservedRelease,
    ObservedStatus,
    PolicySays,
    PriorRun,
    ReadBefore,
    ShownStatuses,
    SignedCheckpoint,
)
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.source import ProofSource, Source, TileCache
from anchor.tlog.witness_policy import WitnessPolicy
from anchor.verdict import Verdict
from anchor.verify.named_entry import NamedEntry
from anchor.verify.policy import LogWatch

if TYPE_CHECKING:
    from anchor.verify.name_matcher import NameMatcher


@dataclass(frozen=True)
class EntryProof:
    """The answer about an entry of a log that proves online (Rekor v1): the bytes, the index, and a proof.

    `index` counts in the tree of `checkpoint`, a raw signed note. `hashes` lead from the leaf to its root.
    """

    body: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


@runtime_checkable
class OnlineLog(ProofSource, Protocol):
    """A log that proves online and gives entries with their proofs."""

    def entry(self, index: int) -> EntryProof:
        """The entry with this log index; raises Missing or Unavailable."""
        ...


LogId = tuple[str, str, str]
"""The verifier key of a log, the origin of its checkpoints, and its location."""


@dataclass(frozen=True, kw_only=True)
class LogLocation:
    """A log with its location. How it is followed depends on its reader: by tiles, or by proofs online."""

    log: Log
    name: str
    """The URL or folder, for reports."""
    reader: Source | OnlineLog
    origin: str = ""
    """The exact origin of its checkpoints, if it is not the log's own (a tree of Rekor v1)."""
    views: tuple[tuple[str, Source], ...] = ()
    """Other copies of the same log, by name: a witness's, a mirror's, another URL's."""
    ended: float | None = None
    """When this log ended as the trust root says, seconds since 1970."""
    quorum: WitnessPolicy | None = None
    cache: TileCache | None = None

    @property
    def tree(self) -> str:
        """The origin of its checkpoints."""
        return self.origin or self.log.origin

    @property
    def id(self) -> LogId:
        """One origin may have two keys, which are two logs.

        One log may have two locations, which may show two histories.
        """
        return self.log.key.vkey, self.tree, self.name

    def signed(self, head: Checkpoint, source: str) -> SignedCheckpoint:
        """A verified checkpoint of this log, as the records keep it."""
        return SignedCheckpoint(
            origin=head.origin,
            log_key=self.log.key.vkey,
            size=head.size,
            root=head.root,
            note=head.raw,
            source=source,
        )


@dataclass(frozen=True)
class HeldCheckpoint:
    """A signed checkpoint of the records, and when it was first and last seen (seconds since 1970)."""

    checkpoint: SignedCheckpoint
    seen: float
    last: float


@dataclass(frozen=True)
class Unproven:
    """Signed heads of a log that are held, and that nobody could prove to belong to its history."""

    heads: tuple[SignedCheckpoint, ...] = ()
    beyond: int = 0
    """How many more were served, but not kept: the records hold as many as they can."""


@dataclass(frozen=True, kw_only=True)
class NameWatch:
    """The watch for entries that nobody published, as the verifier's policy has it."""

    matcher: "NameMatcher"
    logs: Mapping[str, LogWatch]
    """The logs that are read whole, by origin. Each is followed, whether a release names it or not."""
    others: LogWatch | None = None
    """How every other followed log is read; None if it is not read whole."""
    later: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The shards that follow a log, by its name: they are read whole with it."""
    explained: frozenset[str] = frozenset()
    """Digests (hex) that the policy explains."""
    unwatched: tuple[str, ...] = ()
    """Logs of the trusted roots that nobody reads whole."""


class LogMemory(Protocol):
    """The questions of a log run to the records. Every method raises AnchorError only."""

    def held(self, log_key: str, origin: str, size: int) -> Sequence[HeldCheckpoint]:
        """The first and the largest checkpoint of the proven history, and all checkpoints of this size. Each
        is verified against the key."""
        ...

    def stood(self, log_key: str, origin: str, *, after: float, until: float) -> HeldCheckpoint | None:
        """The smallest proven head that was served as the newest one in a period (seconds since 1970)."""
        ...

    def unproven(self, log_key: str, origin: str) -> Unproven:
        """The heads without a proof to a later one, without the largest of the proven history."""
        ...

    def knows(self, origin: str, size: int, root: bytes) -> bool:
        """True if this checkpoint is held."""
        ...

    def contradictions(self, origin: str) -> Sequence[Evidence]:
        """Evidence kept against an origin."""
        ...

    def preserve(self, seen: Sequence[SignedCheckpoint], evidence: Sequence[Evidence]) -> None:
        """Keep signed notes and evidence at once."""
        ...


class Memory(LogMemory, Protocol):
    """The questions of a run to the records."""

    def before(self, target: str) -> PriorRun:
        """The result of the target's last runs."""
        ...

    def conflicting(self, release: ObservedRelease) -> Iterator[ObservedRelease]:
        """Held releases of this ledger whose statement says something else about one number."""
        ...

    def accepted(self, target: str) -> Accepted | None:
        """The number from which the releases of a target are compared, if somebody named one."""
        ...

    def higher(self, target: str, above: int) -> Iterable[ObservedRelease]:
        """Releases of a target with a number above this one, highest first."""
        ...

    def numbers(self, ledger: str) -> list[HeldNumber]:
        """All held releases of a ledger, lowest first."""
        ...

    def stored(self, one: HeldNumber) -> ObservedRelease:
        """A held release, with its anchors."""
        ...

    def statuses_beside(self, status: ObservedStatus) -> Sequence[ObservedStatus]:
        """Held statuses of this ledger that could contradict it: with its sequence, and next to it."""
        ...

    def held_statuses(self, ledger: str) -> list[HeldStatus]:
        """All held statuses of a ledger."""
        ...

    def stored_status(self, one: HeldStatus) -> ObservedStatus:
        """A held status, with its bundles."""
        ...

    def shown_statuses(self, target: str, ledger: str) -> ShownStatuses:
        """The statuses of a ledger that were verified at a target."""
        ...

    def logs_of(self, target: str) -> list[FollowedLog]:
        """The logs in which an anchor of the target ever counted."""
        ...

    def read_before(self, log_key: str, origin: str, watch: str) -> ReadBefore:
        """The entries of a log that were read for a watch (`NameMatcher.key`)."""
        ...

    def certified(self, origin: str) -> Sequence[NamedEntry]:
        """The certified entries that were ever found in a log, for any watch."""
        ...

    def spend(self, log_key: str, origin: str, requests: int) -> None:
        """Count requests of this hour at once: the run may still be killed."""
        ...

    def statements(self) -> Iterator[HeldStatement]:
        """The statements of all held releases and statuses, of every ledger."""
        ...

    def bundles(self, held: HeldStatement) -> Sequence[bytes]:
        """The bundles that were verified with a statement."""
        ...

    def never_run(self, target: str) -> Sequence[str]:
        """Other watched targets that had no run yet."""
        ...


class Verifier(Protocol):
    """Everything that a cycle needs besides the records: published files, trust, logs and clocks.

    Each method may raise an AnchorError, which becomes a check of the run.
    """

    def examine(self, target: str, *, hold: bool) -> ExaminedRelease:
        """Fetch a target's published files and verify them strictly. `hold`: keep them for the canary."""
        ...

    def later(self, target: str) -> ExaminedRelease:
        """The published files of a target a moment later: a publication that was under way has ended then."""
        ...

    def log_location(self, origin: str, target: str, log: Log | None) -> LogLocation | None:
        """The log with this checkpoint origin, and its location for this target. None if the verifier's trust
        names no such log. `log`: the log that signed a verified bundle's checkpoint."""
        ...

    def trust_material(self) -> Mapping[str, str]:
        """The trust material in use: TUF versions, log keys, the digest of the policy."""
        ...

    def canary(self, target: str, held: HeldRelease) -> Verdict:
        """The verdict on the held files of a target with one bit of the ledger changed."""
        ...

    def accepts(self, release: ObservedRelease) -> bool:
        """True if today's policy accepts the signer of a stored release. Its bundles are verified again."""
        ...

    def accepts_status(self, status: ObservedStatus) -> bool:
        """True if today's policy accepts the signer of a stored status. Its bundles are verified again."""
        ...

    def earlier(self, target: str, wanted: Previous) -> Earlier:
        """An earlier release, from the published folder of a target."""
        ...

    def earlier_status(self, target: str, sequence: int, digest: str) -> bytes:
        """The statement of an earlier status, from the published folder of a target. It has the digest
        (SHA-256, hex)."""
        ...

    def status_bundles(self, target: str, sequence: int, names: Sequence[str]) -> tuple[bytes, ...]:
        """The files of these names beside an earlier status. One that cannot be read is left out."""
        ...

    def name_watch(self, target: str) -> NameWatch | None:
        """The watch for entries that nobody published. None if the policy asks for none."""
        ...

    def check_evidence(self, document: bytes) -> Evidence:
        """The evidence in a file. Raises Refused where it shows nothing under today's trust."""
        ...

    def clock(self) -> float:
        """Seconds since 1970."""
        ...

    def stopwatch(self) -> float:
        """Seconds of a clock that does not jump."""
        ...

    def said(self) -> PolicySays:
        """The values of the policy that the records keep."""
        ...
