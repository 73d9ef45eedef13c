# SPDX-License-Identifier: Apache-2.0
"""The releases of a ledger, read and verified one after the other from the newest back to number 1.

FORMAT.md sections 6, 9, 11 and 14. Nothing is remembered between two calls: `anchor reverify` remembers.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from anchor.app import earlier_releases, named_release, timed_examination
from anchor.errors import AnchorError, Incomplete, Missing, Refused, Unavailable, Unsupported
from anchor.format import statement as statements
from anchor.format.statement import Previous
from anchor.monitor import conflicting_statements
from anchor.monitor.observed import bundle_names, seen_release
from anchor.monitor.run_record import Evidence, ObservedRelease
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.verdict import Check, Verdict
from anchor.verify import chain
from anchor.verify.anchors import Trust
from anchor.verify.chain import Link
from anchor.verify.no_status import UNKNOWN
from anchor.verify.release import ReleaseResult
from anchor.verify.release_files import Files
from anchor.verify.status_checks import Shown, StatusResult
from anchor.words import span

BUDGET = 600.0
"""Seconds for a whole chain, reading and verifying."""
KEPT = 1 << 26
"""Bytes of statements and bundles that are held of a chain, in case another release contradicts one."""


class Step(NamedTuple):
    """One release of a chain with its files, or the reason why the chain ends."""

    link: Link
    result: ReleaseResult | None = None
    """None if no release with the named statement was found."""
    files: Files | None = None
    before: Previous | None = None
    """The release before it, as its own statement names it. None: nothing further can be read."""
    conflict: tuple[ObservedRelease, ObservedRelease] | None = None
    """Two verified releases that contradict each other about this number."""


class Found(NamedTuple):
    """The part of the verdict about a chain that a comparison with something else adds."""

    checks: tuple[Check, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[str, ...] = ()


class Chain:
    """The chain of one target, under one trust and within one budget."""

    def __init__(
        self, target: str, *, trust: Trust | None, budget: Budget, offline: bool, keep: bool = False
    ) -> None:
        """`keep`: hold what was read, to show a contradiction with it."""
        self.target = target
        self.trust = trust
        self.budget = budget
        self.offline = offline
        self.trust_earlier = None if trust is None else _for_earlier(trust)
        """For all but the newest release."""
        self.head: Verdict | None = None
        """The verdict of the newest release, once it was examined."""
        self.status: StatusResult | None = None
        """The accepted status beside the newest release."""
        self.bundle_names: list[str] = []
        """The file names of the bundles of the newest release and status. An earlier status has the same."""
        self.committed: list[Shown] = []
        """The verified releases that commit to a status, newest first."""
        self.kept: dict[int, ObservedRelease] = {}
        """Verified releases by number, each with its smallest bundle, as many as `KEPT` bytes hold."""
        self._room = KEPT if keep else 0

    def steps(self) -> Iterator[Step]:
        """Each release, newest first. It gives nothing if the newest one names no release at all.

        Raises the errors of loading the newest release.json.
        """
        data, files = named_release.load(self.target, self.budget, offline=self.offline)
        result = self.examine(self.target, data, files, self.trust)
        self.head = result.verdict
        if result.release is None:
            return
        self.status = result.status
        self.bundle_names += bundle_names(result.release)
        named = statements.link(result.statement)
        step = self._step(named, self.target, result, files, status=None)
        if self.trust is not None and not result.anchors:
            step = step._replace(before=None)  # nobody whom we trust says what came before
        yield step
        seen = {named.version.lower(): named.number}
        while step.before is not None:
            step = self._next(step, step.before, seen)
            seen[step.link.version.lower()] = step.link.number
            yield step

    def examine(self, location: str, data: bytes, files: Files, trust: Trust | None) -> ReleaseResult:
        """The result of verifying one release within what is left of the budget."""
        return timed_examination.examine(
            location, data, files, trust=trust, budget=self.budget, check_time=self._check_time
        )

    def _next(self, child: Step, named: Previous, seen: Mapping[str, int]) -> Step:
        try:
            self._check_time()
            chain.check_version(named, seen)
            location, data, files = self._load(named, child.link)
        except AnchorError as e:
            return Step(chain.broken(named, chain.check_of(named, e)))
        result = self.examine(location, data, files, self.trust_earlier)
        if result.release is None:
            return Step(chain.broken(named, _inside(named, location, result.verdict)))
        assert child.result is not None
        found = statements.link(result.statement)
        try:
            ledger = statements.decode(child.result.statement).ledger
            chain.check_named(ledger, named, result.release.ledger, found.statement)
        except Refused as e:
            check = chain.check_of(named, e.at(location))
            return Step(chain.broken(named, check), conflict=self._conflict(child.result, result))
        return self._step(named, location, result, files, status=self.status)

    def _step(
        self,
        named: Previous,
        location: str,
        result: ReleaseResult,
        files: Files,
        *,
        status: StatusResult | None,
    ) -> Step:
        before = statements.decode(result.statement).previous
        self._keep(result)
        if self.trust is not None and result.anchors:
            shown = Shown.of(result.statement)
            self.committed += [shown] if shown.committed is not None else []
        return Step(chain.link(named, location, result, status=status), result, files, before)

    def about_status(self, links: Sequence[Link]) -> tuple[list[Check], list[str]]:
        """The checks of the status against the whole chain, and a note if there is no status."""
        if self.trust is None or not links:
            return [], []
        if self.status is None:
            return [], [UNKNOWN]
        said = {c.detail for c in self.head.checks} if self.head else set()
        return [c for c in chain.check_status(self.status, links) if c.detail not in said], []

    def _keep(self, result: ReleaseResult) -> None:
        """A server may show something else when it is asked again, so what was read is held."""
        found = observed(result)
        if found is None:
            return
        smallest = min(found.anchors, key=lambda anchor: len(anchor.bundle))
        self._room -= len(found.statement) + len(smallest.bundle)
        if self._room >= 0:
            self.kept[found.number] = dataclasses.replace(found, anchors=(smallest,))

    def _load(self, named: Previous, child: Link) -> tuple[str, bytes, Files]:
        """The release.json of a version, as it lies beside the target. `Incomplete` if there is none."""
        error: AnchorError | None = None
        for location in earlier_releases.locations(whole(self.target), named.version):
            try:
                return location, *release_files.load(location, self.budget, offline=self.offline)
            except Missing as e:
                error = error or Incomplete("is not there", where=e.where)
            except Unavailable as e:
                error = error or e
        assert error is not None
        self._check_time()
        raise Incomplete(
            f"release {child.number} (version {child.version}) names release {named.number}, version "
            f"{named.version}, with the statement {named.statement}, and it cannot be read: {error}",
            remedy="ask the publisher for it, or name another copy of the site",
        )

    def _check_time(self) -> None:
        if self.budget.left() <= 0:
            raise Unavailable(
                f"the time for this chain is over: {span(self.budget.seconds)}",
                remedy="give more with --within",
            )

    def _conflict(
        self, one: ReleaseResult, two: ReleaseResult
    ) -> tuple[ObservedRelease, ObservedRelease] | None:
        """Two releases, if both are verified and their statements disagree about a number of one ledger."""
        pair = observed(one), observed(two)
        if self.trust is None or pair[0] is None or pair[1] is None:
            return None
        return (pair[0], pair[1]) if shows(pair[0], pair[1], self.trust) else None


def shows(one: ObservedRelease, two: ObservedRelease, trust: Trust) -> bool:
    """True if the evidence of two releases shows a contradiction to whoever has this trust."""
    if {one.ledger, two.ledger} != {trust.policy.ledger}:
        return False
    try:
        evidence = conflicting_statements.build(one, two)
        conflicting_statements.check(evidence.document, trust, datetime.now(UTC))
    except (Refused, Unsupported):
        return False
    return True


def observed(result: ReleaseResult) -> ObservedRelease | None:
    """The release with the bundles that sign its statement under our trust; None without one."""
    if result.release is None or not result.anchors:
        return None
    return seen_release(result.release, result.statement, result.anchors)


def _for_earlier(trust: Trust) -> Trust:
    """The trust for an earlier release, which is older and has a lower number than the policy knows of."""
    policy = msgspec.structs.replace(trust.policy, min_number=1, max_age=None, max_status_age=None)
    return msgspec.structs.replace(trust, policy=policy)


def _inside(named: Previous, location: str, verdict: Verdict) -> Check:
    """The check of a release whose release.json or statement could not be used."""
    bad = verdict.decided
    assert bad is not None
    name, detail = f"release {named.number}", f"{location}: {verdict.reason}"
    return msgspec.structs.replace(bad, name=name, detail=detail)


def whole(target: str) -> str:
    """The target with its folder in full: the folders around it say where the other versions are."""
    if release_files.is_url(target):
        return target
    path = Path(target)
    return str(path.resolve() if path.is_dir() else path.parent.resolve() / path.name)
