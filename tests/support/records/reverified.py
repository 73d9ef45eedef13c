# SPDX-License-Identifier: Apache-2.0
"""A verifier over a simulated log: a release that is good until a test says otherwise."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO

from anchor.disk import worker_id
from anchor.encoding import to_base64
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.format.release import File
from anchor.format.statement import Previous
from anchor.monitor.cycle import Cycle
from anchor.monitor.interfaces import LogLocation, NameWatch
from anchor.monitor.observed import Entry, ExaminedRelease, HeldRelease
from anchor.monitor.run_record import (
    Earlier,
    Evidence,
    ObservedAnchor,
    ObservedRelease,
    ObservedStatus,
    PolicySays,
    RunRecord,
)
from anchor.records import queue, store
from anchor.records.database import Database
from anchor.records.state import HeldState
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.verdict import Class, Verdict, failed, judge, passed
from tests.support.logs.simlog import SimLog
from tests.support.records.outcomes import NOW

TARGET = "site/release.json"


class _Nothing:
    """Held files that nobody reads."""

    def spool(self) -> AbstractContextManager[BinaryIO]:
        raise AssertionError

    def reopen(self, path: str, *, size: int) -> AbstractContextManager[BinaryIO]:
        raise AssertionError

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        raise AssertionError

    def close(self) -> None:
        pass


HELD = HeldRelease(
    data=b"", ledger=File(name="ledger.md", path="l", size=1, sha256="ab" * 32), files=_Nothing()
)


@dataclass
class WatchedRelease:
    """A published release, the log it is in, and a clock; tests change what they like."""

    database: Database
    log: SimLog = field(default_factory=lambda: SimLog().grow(5).append(b"entry").grow(3))
    index: int = 5
    body: bytes = b"entry"
    now: float = NOW
    number: int = 1
    statement: bytes = b"{}"
    trust: dict[str, str] = field(default_factory=lambda: {"policy": "aa", "log": "k1"})
    broken: dict[str, AnchorError] = field(default_factory=dict)
    """By target: what the published files come to."""
    views: list[tuple[str, SimLog]] = field(default_factory=list)
    ended: float | None = None
    blind: set[str] = field(default_factory=set)
    """Targets of which the verifier passes everything."""
    defects: dict[str, BaseException] = field(default_factory=dict)
    """By target: what the verifier raises."""
    unheld: set[str] = field(default_factory=set)
    """Targets of which nothing is held."""
    indices: dict[str, int] = field(default_factory=dict)
    """By target: the log index that release.json names."""
    sung: list[str] = field(default_factory=list)
    """Targets whose corrupted copy was verified."""
    strangers: set[bytes] = field(default_factory=set)
    """Statements by signers whom the policy does not accept."""
    place: LogLocation | None = None
    nowhere: bool = False
    nameless: bool = False
    """A verification that is good and gives no release."""
    entryless: bool = False
    """One that gives fewer entries than anchors counted."""

    disowned: set[int] = field(default_factory=set)
    """Numbers of releases whose signer the policy accepts no more."""
    untrusting: AnchorError | None = None
    """Why nobody can say whom the policy accepts."""
    archive: dict[str, ObservedRelease] = field(default_factory=dict)
    """By digest: earlier releases that the published folder has."""
    unsigned: set[int] = field(default_factory=set)
    """Numbers of those whose bundles do not verify."""
    fetched: list[int] = field(default_factory=list)
    """Numbers of earlier releases that were read."""

    entries: tuple[Entry, ...] = ()
    """Of the release, if they are not the one that belongs to the log."""
    version: str = ""
    """Of the release, if it is not the one that belongs to its number."""
    watch: NameWatch | None = None
    """The watch for entries that nobody published."""
    status: ObservedStatus | None = None
    """The status beside the release."""
    old_statuses: dict[str, bytes] = field(default_factory=dict)
    """By digest: earlier statuses that the published folder has."""
    unsigned_statuses: set[int] = field(default_factory=set)
    """Sequences of those without a bundle."""
    read_statuses: list[int] = field(default_factory=list)
    """Sequences of earlier statuses that were read."""
    meanwhile: Callable[[], object] = lambda: None
    """Called while a release is verified."""

    def __post_init__(self) -> None:
        self.then: Checkpoint | None = self.log.head()

    def later(self, target: str) -> ExaminedRelease:
        return self.examine(target)

    def examine(self, target: str, *, hold: bool = False, corrupt: bool = False) -> ExaminedRelease:
        if not corrupt:
            self.meanwhile()
        defect = self.defects.get(target)
        if defect is not None:
            raise defect
        error = self.broken.get(target)
        if error is not None:
            check = failed("facts", error)
            return ExaminedRelease(verdict=_verdict(target, (check,)))
        if corrupt and target not in self.blind:
            return ExaminedRelease(
                verdict=_verdict(target, (failed("facts", Refused("one byte is another")),))
            )
        anchor = ObservedAnchor(
            origin=self.log.origin,
            log_key=self.log.key.vkey,
            log_index=self.indices.get(target, self.index),
            bundle=b"bundle",
        )
        release = ObservedRelease(
            ledger="prices",
            number=self.number,
            version=self.version or f"v{self.number}",
            root="ab" * 32,
            size=3,
            statement=self.statement,
            anchors=(anchor,),
        )
        entry = Entry(
            origin=self.log.origin,
            index=self.index,
            body=self.body,
            checkpoint=self.then,
            log=self.log.log,
        )
        return ExaminedRelease(
            verdict=_verdict(target, (passed("facts", "3 facts"),)),
            release=None if self.nameless else release,
            entries=() if self.entryless else self.entries or (entry,),
            counted=max(1, len(self.entries)),
            status=self.status,
            held=HELD if hold and target not in self.unheld else None,
        )

    def canary(self, target: str, held: HeldRelease) -> Verdict:
        del held
        self.sung.append(target)
        return self.examine(target, corrupt=True).verdict

    def log_location(self, origin: str, target: str, log: Log | None) -> LogLocation | None:
        del target, log
        if self.nowhere or origin != self.log.origin:
            return None
        return self.place or LogLocation(
            log=self.log.log, name="sim", reader=self.log, views=tuple(self.views), ended=self.ended
        )

    def clock(self) -> float:
        return self.now

    def stopwatch(self) -> float:
        return 0.0

    def said(self) -> PolicySays:
        return PolicySays()

    def accepts(self, release: ObservedRelease) -> bool:
        if self.untrusting is not None:
            raise self.untrusting
        return release.number not in self.disowned

    def earlier(self, target: str, wanted: Previous) -> Earlier:
        """An earlier release of the folder."""
        del target
        found = self.archive.get(wanted.statement)
        if found is None:
            raise Unavailable("the server does not have it")
        self.fetched.append(wanted.number)
        return Earlier(statement=found.statement, release=None if wanted.number in self.unsigned else found)

    def earlier_status(self, target: str, sequence: int, digest: str) -> bytes:
        """An earlier status of the folder."""
        del target
        found = self.old_statuses.get(digest)
        if found is None:
            raise Unavailable("the server does not have it")
        self.read_statuses.append(sequence)
        return found

    def status_bundles(self, target: str, sequence: int, names: Sequence[str]) -> tuple[bytes, ...]:
        """Bundles of an earlier status."""
        del target, names
        return (b"bundle",) if sequence not in self.unsigned_statuses else ()

    def name_watch(self, target: str) -> NameWatch | None:
        del target
        return self.watch

    def accepts_status(self, status: ObservedStatus) -> bool:
        return status.statement not in self.strangers

    def check_evidence(self, document: bytes) -> Evidence:
        """Evidence shows something, but not where a statement in it is by somebody else."""
        if any(to_base64(statement).encode() in document for statement in self.strangers):
            raise Refused("no bundle is verified to sign the statement")
        return Evidence(kind="two-statements", origin="prices", document=document)

    def trust_material(self) -> Mapping[str, str]:
        return self.trust

    def cycle(self) -> Cycle:
        return Cycle(self, HeldState(self.database, now=self.now))

    def run(self, target: str = TARGET, *, rules: store.RunRules | None = None) -> RunRecord:
        """One recorded run in a cycle of its own; the clock goes on by an hour."""
        queue.watch(self.database, target, now=self.now)
        lease = queue.acquire(self.database, worker="w", now=self.now, target=target)
        assert isinstance(lease, queue.Lease)
        outcome = self.cycle().run(target)
        store.save_run(self.database, lease, outcome, now=self.now, rules=rules or store.RunRules())
        self.now += 3600
        return outcome

    def found(self, target: str = TARGET) -> Class:
        """The class of one run."""
        return self.run(target).verdict.verdict


class WatchHost:
    """The process of a worker over a world, at the time of the world."""

    def __init__(self, world: WatchedRelease) -> None:
        self.world = world

    def verifier(self) -> WatchedRelease:
        return self.world

    def policy(self) -> queue.Policy | None:
        return None

    def clock(self) -> float:
        return self.world.now

    def is_alive(self, worker: str) -> bool | None:
        return worker_id.alive(worker)


def _verdict(target: str, checks: tuple[object, ...]) -> Verdict:
    listed = tuple(checks)
    return Verdict(
        kind="release",
        target=target,
        verdict=judge(listed),  # type: ignore[arg-type]  # checks
        checks=listed,  # type: ignore[arg-type]  # checks
    )


def detail(outcome: RunRecord, name: str) -> str:
    """The lines of the checks whose name begins so."""
    return "; ".join(f"{c.state}: {c.detail}" for c in outcome.verdict.checks if c.name.startswith(name))
