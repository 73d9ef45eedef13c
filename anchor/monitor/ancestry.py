# SPDX-License-Identifier: Apache-2.0
"""Reads the chain of a release back to the numbers that are held, and compares it with each of them.

A statement names the SHA-256 of the one before it. So an earlier statement needs no signature to be the one
that was meant: it has that digest. Its bundles are needed if it contradicts a statement that is held.
FORMAT.md sections 6 and 14.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from anchor.errors import AnchorError, Pending, Refused
from anchor.format import statement as statements
from anchor.format.statement import Previous
from anchor.monitor import conflicting_statements
from anchor.monitor.conflicting_statements import StatementEvidence
from anchor.monitor.interfaces import Memory, Verifier
from anchor.monitor.run_record import Earlier, HeldNumber, ObservedRelease
from anchor.verdict import Check, failed, passed
from anchor.verify.chain import twice
from anchor.words import several

LIMIT = 1000
"""Earlier releases that are read in one run. They are kept, and the next run continues from there."""
_FORMAT = "FORMAT.md section 6"


@dataclass(frozen=True, kw_only=True)
class ChainFinding:
    """The comparison of a release's chain with the numbers that are held."""

    checks: tuple[Check, ...] = ()
    """Without the contradiction. Empty if no earlier number is held and no version is there twice."""
    earlier: tuple[ObservedRelease, ...] = ()
    """The releases that were read, with a signer whom the policy accepts."""
    conflict: tuple[ObservedRelease, ObservedRelease] | None = None
    """A held release, and one that names another release with its number."""
    notes: tuple[str, ...] = ()


class Link(NamedTuple):
    """A release and the one before it, as its statement names them."""

    ledger: str
    number: int
    version: str
    previous: Previous | None


def _link(statement: bytes) -> Link:
    said = statements.decode(statement)
    return Link(said.ledger.name, said.ledger.number, said.ledger.version, said.previous)


class HeldLinks:
    """The links of held releases. Each is read from what is held once in a cycle, with all its bundles."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[str, Link] = {}
        """By the SHA-256 of the statement."""

    def of(self, held: HeldNumber) -> Link:
        if held.digest not in self._known:
            self._known[held.digest] = _link(self._memory.stored(held).statement)
        return self._known[held.digest]


def compare_chain(
    now: ObservedRelease,
    held: Sequence[HeldNumber],
    *,
    target: str,
    memory: Memory,
    verifier: Verifier,
    evidence: StatementEvidence,
    links: HeldLinks,
) -> ChainFinding:
    """Compare the chain of the release `now` with the held numbers of its ledger.

    Earlier releases are read from the folder of `target`, unless they are held.
    """
    return _Walk(now, held, target, memory, verifier, evidence, links).run()


class _Walk:
    """One walk from a release back to the held numbers."""

    def __init__(
        self,
        now: ObservedRelease,
        held: Sequence[HeldNumber],
        target: str,
        memory: Memory,
        verifier: Verifier,
        evidence: StatementEvidence,
        links: HeldLinks,
    ) -> None:
        self._now = now
        self._held = sorted(held, key=lambda one: one.number)
        self._of_number: dict[int, list[HeldNumber]] = {}
        for one in held:
            self._of_number.setdefault(one.number, []).append(one)
        self._links = links
        self._target = target
        self._memory = memory
        self._verifier = verifier
        self._evidence = evidence
        self._earlier: list[ObservedRelease] = []
        self._notes: list[str] = []
        self._conflict: tuple[ObservedRelease, ObservedRelease] | None = None
        self._steps = 0
        self._signed: dict[int, bool] = {}
        """By row: whether the policy accepts the signer."""

    def run(self) -> ChainFinding:
        checks: list[Check] = []
        try:
            self._check_version()
        except AnchorError as e:
            checks.append(_failed("version", e))
        try:
            line = self._check_chain()
        except AnchorError as e:
            checks.append(_failed("chain", e))
        else:
            checks += [passed("chain", line)] if line else []
        return ChainFinding(
            checks=tuple(checks),
            earlier=tuple(self._earlier),
            conflict=self._conflict,
            notes=tuple(self._notes),
        )

    def _check_version(self) -> None:
        """No other number that is held has the version of the release."""
        now = self._now
        for one in self._held:
            same = one.number != now.number and one.version.lower() == now.version.lower()
            if same and self._accepted(one):
                raise Refused(twice(now.version, one.number, now.number))

    def _check_chain(self) -> str:
        now = self._now
        if not self._held or self._held[0].number >= now.number:
            return ""
        versions = {now.version.lower(): now.number}
        child: ObservedRelease | HeldNumber | None = now
        link = _link(now.statement)
        while (before := link.previous) is not None:
            if before.version.lower() in versions:
                raise Refused(twice(before.version, before.number, versions[before.version.lower()]))
            versions[before.version.lower()] = before.number
            self._conflict = self._compare(child, before)
            if self._conflict is not None or self._held[0].number >= before.number:
                break
            known = next(
                (h for h in self._of_number.get(before.number, ()) if h.digest == before.statement), None
            )
            if known is not None:
                child, after = known, self._links.of(known)
            else:
                found = self._published(before)
                if found is None:
                    break
                child, after = found.release, _link(found.statement)
            named = (link.ledger, before.number, before.version)
            if after[:3] != named:
                raise Refused(
                    f"release {before.number + 1} names {before.statement} as the release before it, and "
                    "that is of another ledger, number or version"
                )
            link = after
        return (
            "" if self._conflict else "each earlier number that is held is that of the chain of this release"
        )

    def _compare(
        self, child: ObservedRelease | HeldNumber | None, before: Previous
    ) -> tuple[ObservedRelease, ObservedRelease] | None:
        """The contradiction, if `child` names another release than the one that is held with its number."""
        for one in self._of_number.get(before.number, ()):
            if one.digest == before.statement or not self._accepted(one):
                continue
            other = self._memory.stored(one)
            if isinstance(child, HeldNumber):
                child = self._memory.stored(child)
            if child is None or not self._is_shown(other, child):
                raise Pending(
                    f"release {before.number + 1} names another release {before.number} than the one that is "
                    f"held ({before.statement} and {one.digest}), and none of its bundles verifies here, so "
                    "that the contradiction cannot be shown",
                    remedy="keep the records; ask the publisher for these releases",
                )
            return other, child
        return None

    def _is_shown(self, one: ObservedRelease, two: ObservedRelease) -> bool:
        """True if the evidence of two releases shows a contradiction under today's trust."""
        evidence = conflicting_statements.build(one, two)
        doubt = self._evidence.doubt(evidence)
        self._notes += [conflicting_statements.note(evidence, doubt)] if doubt else []
        return not doubt

    def _accepted(self, one: HeldNumber) -> bool:
        if one.row not in self._signed:
            self._signed[one.row] = self._verifier.accepts(self._memory.stored(one))
        return self._signed[one.row]

    def _published(self, wanted: Previous) -> Earlier | None:
        """An earlier release, as it is published.

        None if no lower number is held under a signer whom the policy accepts.
        """
        below = itertools.takewhile(lambda h: h.number < wanted.number, self._held)
        lowest = next((h.number for h in below if self._accepted(h)), None)
        if lowest is None:
            return None
        left = f"{lowest} to {wanted.number}"
        if self._steps >= LIMIT:
            raise Pending(
                f"this run has read {several(self._steps, 'earlier release')}; "
                f"releases {left} are not compared with what is held",
                remedy="the next run goes on from there",
            )
        self._steps += 1
        try:
            found = self._verifier.earlier(self._target, wanted)
        except AnchorError as e:
            raise Pending(
                f"release {wanted.number} (version {wanted.version}) cannot be read, so releases {left} are "
                f"not compared with what is held: {e}",
                remedy="ask the publisher for it; where a person knows better: anchor records accept",
            ) from None
        self._earlier += [found.release] if found.release is not None else []
        return found


def _failed(name: str, error: AnchorError) -> Check:
    return failed(name, error, clause=_FORMAT if isinstance(error, Refused) else "")
