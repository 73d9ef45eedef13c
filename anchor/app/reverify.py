# SPDX-License-Identifier: Apache-2.0
"""The production verifier of re-verifications: published files, policy, trusted roots, locations of logs.

Trust is loaded when it is first needed. If it is missing, that is a check of each run, and ends no process.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from anchor.app import canary, earlier_releases, readings, records, watched_names
from anchor.app.log_locations import LogLocations, RunBudget, public_key
from anchor.app.readings import Reading
from anchor.app.trust import parsed, trust_for
from anchor.app.verify import with_named_facts
from anchor.disk import user_files, user_folders, worker_id
from anchor.disk.spooled_files import SpooledFiles
from anchor.errors import AnchorError, Missing, Misuse, Refused, RootNotHere, Unavailable
from anchor.format.statement import Previous
from anchor.monitor import alarm, conflicting_statements, conflicting_statuses
from anchor.monitor.interfaces import LogLocation, NameWatch
from anchor.monitor.observed import ExaminedRelease, HeldRelease, examined
from anchor.monitor.run_record import (
    TWO_HISTORIES,
    Earlier,
    Evidence,
    ObservedRelease,
    ObservedStatus,
    PolicySays,
)
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.records import queue
from anchor.records.database import Database
from anchor.records.store import RunRules
from anchor.tlog import evidence as evidences
from anchor.tlog.checkpoint import Log
from anchor.verdict import Verdict
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.policy import MAX_SIZE
from anchor.verify.release import examine_release, verify_release
from anchor.verify.release_files import Files
from anchor.watch.worker import Worker, WorkerConfig

BUDGET = 300.0
"""Seconds of network for one target and its logs."""
_NO_POLICY = "give --policy, or set ANCHOR_POLICY; 'anchor policy RELEASE -o FILE' makes one"


@dataclass(frozen=True, kw_only=True)
class TrustOptions:
    """The verifier's options, as `anchor verify` takes them."""

    policy: Path | None = None
    ledger: str | None = None
    identity: str | None = None
    issuer: str | None = None
    trusted_root: str | None = None

    @property
    def path(self) -> Path | None:
        """The policy file. None if the options are enough without one."""
        if self.ledger or self.identity or self.issuer or self.trusted_root:
            return self.policy
        return self.policy or user_folders.config() / "policy.toml"

    @property
    def base(self) -> Path:
        """The folder of relative paths in the policy."""
        return user_files.base(self.path) if self.path else Path()

    def check(self) -> tuple[str, ...]:
        """The notes of each verdict under the policy. Raises Misuse now if it is missing or wrong."""
        if self.path is None:
            return ()
        if self.policy is None and not self.path.exists():
            raise Misuse("re-verification needs a policy", remedy=_NO_POLICY)
        return parsed(self.path).remarks

    def digest(self) -> str:
        """SHA-256 of the policy, hex."""
        if self.path:
            data = user_files.read(self.path, limit=MAX_SIZE)
        else:
            data = msgspec.json.encode([self.ledger, self.identity, self.issuer, self.trusted_root])
        return hashlib.sha256(data).hexdigest()

    def known_as(self) -> queue.Policy:
        """The name of the policy in the records: the path of a file, or the values of the options."""
        try:
            digest = self.digest()
        except AnchorError:  # each run says so
            digest = ""
        if self.path is None:
            return queue.Policy(f"options {digest}", digest)
        if user_files.is_stream(self.path):
            return queue.Policy(f"pipe {digest}", digest)
        return queue.Policy(str(self.path.absolute()), digest)

    def load(self, target: str, *, budget: Budget, offline: bool, beside: Sequence[Path] = ()) -> Trust:
        """The trust that these options name. Misuse if they name no policy. `beside`: without a target, files
        whose folders may have a root that is pinned by its digest alone."""
        found, _ = trust_for(
            target,
            policy=self.policy,
            ledger=self.ledger,
            identity=self.identity,
            issuer=self.issuer,
            trusted_root=self.trusted_root,
            budget=budget,
            offline=offline,
            beside=beside,
        )
        if found is None:
            raise Misuse("re-verification needs a policy", remedy=_NO_POLICY)
        return found


class ReleaseVerifier:
    """Verifies releases for one cycle, under the trust that the options name."""

    def __init__(
        self,
        given: TrustOptions,
        *,
        home: Path,
        offline: bool = False,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._given = given
        self._offline = offline
        self._stopping = stopping
        self._trust: Trust | AnchorError | None = None
        self._back = self._effort()
        self._locations = LogLocations(given.base, home / "tiles", RunBudget(BUDGET, stopping), offline)

    def clock(self) -> float:
        return time.time()

    def stopwatch(self) -> float:
        return time.monotonic()

    def log_location(self, origin: str, target: str, log: Log | None) -> LogLocation | None:
        """The log with this checkpoint origin, and its location for this target."""
        return self._locations.find(origin, target, self.trust(target), log)

    def trust(self, target: str = "") -> Trust:
        """The verifier's trust, loaded once in a cycle. If that failed, the same error is raised again.

        A pinned root that is not here is looked for in the release of each target.
        """
        if self._trust is None:
            try:
                self._trust = self._given.load(target, budget=Budget(60), offline=self._offline)
            except RootNotHere:  # the next target may carry it
                raise
            except Missing as e:  # it was there at the start
                self._trust = Unavailable(e.problem, where=e.where, remedy=e.remedy)
            except AnchorError as e:
                self._trust = e
        if isinstance(self._trust, AnchorError):
            raise self._trust
        return self._trust

    def said(self) -> PolicySays:
        """The values of the policy that the records keep."""
        policy = self.trust().policy
        age = policy.max_run_age
        return PolicySays(
            max_run_age=None if age is None else int(age.total_seconds()), compared=policy.compared
        )

    def examine(self, target: str, *, hold: bool) -> ExaminedRelease:
        """Fetch a target's published files and verify them strictly. `hold`: keep those files."""
        return readings.read(lambda: self._reading(target, hold=hold), self._locations.budget, target=target)

    def later(self, target: str) -> ExaminedRelease:
        """The published files of a target a moment later."""
        self._locations.budget.sleep(readings.PAUSE)
        return self.examine(target, hold=False)

    def _reading(self, target: str, *, hold: bool) -> Reading:
        self._locations.budget.restart()
        self._back = self._effort()
        trust = self.trust(target)
        try:
            data, files = release_files.load(target, self._locations.budget, offline=self._offline)
        except Missing as e:  # it was there when the user named it
            return Reading(data=None, found=Unavailable(e.problem, where=e.where, remedy=e.remedy))
        except AnchorError as e:
            return Reading(data=None, found=e)
        return Reading(data=data, found=self._examined(target, data, files, trust, hold=hold))

    def _examined(
        self, target: str, data: bytes, files: Files, trust: Trust, *, hold: bool
    ) -> ExaminedRelease:
        held = SpooledFiles(files) if hold else None
        try:
            effort = self._effort()
            result = examine_release(
                target,
                data,
                held or files,
                trust=trust,
                now=datetime.now(UTC),
                progress=lambda _: effort.obey(),
                effort=effort,
            )
            result = with_named_facts(result, data, files, trust=trust, effort=effort)
            found = examined(result, data=data, files=held)
        except BaseException:
            if held is not None:
                held.close()
            raise
        if held is not None and found.held is None:
            held.close()
        return found

    def canary(self, target: str, held: HeldRelease) -> Verdict:
        """The verdict on the held files with one bit of the ledger changed."""
        canary.check(held)
        files, trust, effort = canary.Corrupted(held), self.trust(target), self._effort()
        return verify_release(
            target,
            held.data,
            files,
            trust=trust,
            now=datetime.now(UTC),
            progress=lambda _: effort.obey(),
            effort=effort,
        )

    def _effort(self) -> Effort:
        """The limit of work for one release. Only the time of this thread counts, on a busy machine too."""
        return Effort(stopwatch=time.thread_time, stopping=self._stopping)

    def accepts(self, release: ObservedRelease) -> bool:
        """True if a bundle of a stored release verifies under today's trust and signs its statement."""
        trust = self.trust()
        return release.ledger == trust.policy.ledger and any(
            conflicting_statements.signs(
                trust.verify(anchor.bundle, now=datetime.now(UTC))[0], release.statement
            )
            for anchor in release.anchors
        )

    def accepts_status(self, status: ObservedStatus) -> bool:
        """True if a bundle of a stored status verifies under today's trust and signs its statement."""
        trust = self.trust()
        return status.ledger == trust.policy.ledger and any(
            conflicting_statements.signs(trust.verify(bundle, now=datetime.now(UTC))[0], status.statement)
            for bundle in status.bundles
        )

    def earlier(self, target: str, wanted: Previous) -> Earlier:
        """An earlier release from the folder of a target, within the remaining time of this run."""
        return earlier_releases.read(
            target,
            wanted,
            trust=self.trust(),
            budget=self._locations.budget,
            offline=self._offline,
            effort=self._back,
        )

    def earlier_status(self, target: str, sequence: int, digest: str) -> bytes:
        """The statement of an earlier status from the folder of a target."""
        return earlier_releases.read_status(
            target, sequence, digest, budget=self._locations.budget, offline=self._offline
        )

    def status_bundles(self, target: str, sequence: int, names: Sequence[str]) -> tuple[bytes, ...]:
        """The files of these names beside an earlier status. One that cannot be read is left out."""
        return earlier_releases.read_status_bundles(
            target, sequence, names, budget=self._locations.budget, offline=self._offline
        )

    def name_watch(self, target: str) -> NameWatch | None:
        """The watch for entries that nobody published, as the policy asks for it."""
        return watched_names.of_policy(self.trust(target), now=datetime.now(UTC))

    def check_evidence(self, document: bytes) -> Evidence:
        """The evidence in a file, if today's trust names its signers or its log."""
        trust, now = self.trust(), datetime.now(UTC)
        if conflicting_statements.is_two_statements(document):
            two = conflicting_statements.check(document, trust, now)
            return Evidence(kind=conflicting_statements.KIND, origin=two.ledger, document=document)
        if conflicting_statuses.is_two_statuses(document):
            said = conflicting_statuses.check(document, trust, now)
            return Evidence(kind=conflicting_statuses.KIND, origin=said.ledger, document=document)
        one = evidences.check(document)
        if all(public_key(key) != one.key.public_key for key in trust.root.tlogs):
            raise Refused("the trusted root names no log with this key", where=one.key.vkey)
        return Evidence(kind=TWO_HISTORIES, origin=one.origin, document=document)

    def trust_material(self) -> Mapping[str, str]:
        """The trust material by name: digests of policy and roots, TUF versions, keys of logs, witnesses."""
        trust = self.trust()
        found = {"policy": self._given.digest(), **trust.versions}
        for number, raw in enumerate(trust.raw, 1):
            found[f"trusted root {number}"] = hashlib.sha256(raw).hexdigest()
        for key in trust.root.tlogs:
            found[f"log {key.base_url} {key.id.hex()[:16]}"] = f"trusted from {key.window}"
        if trust.witnesses is not None:
            found["tlog_policy"] = trust.witnesses.demand
        for origin, own in trust.log_witnesses.items():
            found[f"tlog_policy of {origin}"] = own.demand
        return found


class ReverifyHost:
    """The process of `anchor reverify` or `anchor watch`, for its worker."""

    def __init__(
        self,
        given: TrustOptions,
        *,
        home: Path,
        offline: bool,
        stopping: Callable[[], bool],
    ) -> None:
        self._given = given
        self._home = home
        self._offline = offline
        self._stopping = stopping

    def verifier(self) -> ReleaseVerifier:
        return ReleaseVerifier(self._given, home=self._home, offline=self._offline, stopping=self._stopping)

    def policy(self) -> queue.Policy | None:
        return self._given.known_as()

    def clock(self) -> float:
        return time.time()

    def is_alive(self, worker: str) -> bool | None:
        return worker_id.alive(worker)


def worker_of(
    database: Database,
    home: Path,
    given: TrustOptions,
    *,
    offline: bool,
    rule: alarm.Rule,
    receivers: tuple[str, ...],
    stopping: Callable[[], bool] = lambda: False,
) -> Worker:
    """A worker of this process that verifies under the trust of these options.

    `receivers`: who gets the messages of the outbox. `stopping` is true when the run in progress must end.
    """
    host = ReverifyHost(given, home=home, offline=offline, stopping=stopping)
    rules = RunRules(alarm_rule=rule, receivers=receivers)
    config = WorkerConfig(name=worker_id.name(), rules=rules)
    return Worker(database, host, config, side_files=records.HomeFiles(home, database.name))
