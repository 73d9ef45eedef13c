# SPDX-License-Identifier: Apache-2.0
"""Reads the chain of a status back to the statuses that are held, and compares it with each of them.

A status names the SHA-256 of the one before it. So an earlier one needs no signature to be the one that was
meant: it has that digest. Its bundles are read only to show a contradiction. The place that a run reached is
kept for the next one, so that each status is read once. FORMAT.md sections 14 and 23.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from anchor.errors import AnchorError, Pending, Refused
from anchor.format import ledger_status as statuses
from anchor.monitor import conflicting_statuses, status_history
from anchor.monitor.conflicting_statements import StatementEvidence
from anchor.monitor.interfaces import Memory, Verifier
from anchor.monitor.run_record import Evidence, HeldStatus, ObservedStatus
from anchor.verdict import Check, contradiction, failed, passed

NAME = "status-chain"
LIMIT = 1000
"""Earlier statuses that are read in one run. The next run goes on from there."""
_FORMAT = "FORMAT.md section 23"


class Named(msgspec.Struct, frozen=True):
    """A status, as another one names it: by the SHA-256 of its statement, hex."""

    sequence: int
    statement: str


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the chain of a status was compared, kept in the facts of the run."""

    ledger: str
    top: Named
    """The status from which the chain was read."""
    at: Named | None = None
    """The last one that was compared; None if the chain was compared with all that was held."""
    held: int
    """The statuses below the top that were held then. Another target may have shown more since."""
    accepted: int = 0
    """The number of a release that a person had accepted at the target then."""


class Finding(NamedTuple):
    """The comparison of a status's chain with the statuses that are held."""

    checks: tuple[Check, ...] = ()
    evidence: Evidence | None = None
    place: Place | None = None
    notes: tuple[str, ...] = ()
    """One for each evidence that shows nothing under today's trust."""


def place_of(fact: Mapping[str, object] | None) -> Place | None:
    """The place in the facts of an earlier run."""
    try:
        return msgspec.convert(fact, Place) if fact is not None else None
    except msgspec.ValidationError:  # of another program: the chain is read again
        return None


def compare_chain(
    now: ObservedStatus,
    before: Place | None,
    *,
    accepted: int,
    target: str,
    memory: Memory,
    verifier: Verifier,
    judgement: StatementEvidence,
) -> Finding:
    """Compare the chain of the status `now` with the held ones of its ledger.

    Earlier statuses are read from the folder of `target`. `before`: the place of the run before. `accepted`:
    the number that a person accepted at the target; a new one ends what was not compared until then.
    `judgement` says whether evidence shows something under today's trust.
    """
    held = [one for one in memory.held_statuses(now.ledger) if one.sequence < now.sequence]
    top = Named(now.sequence, now.digest)
    done = Place(ledger=now.ledger, top=top, held=len(held), accepted=accepted)
    if before is not None and before.ledger != now.ledger:
        before = None
    if not held or accepted != (before.accepted if before else 0):
        return Finding(place=done)
    if before is not None and before.held != sum(one.sequence < before.top.sequence for one in held):
        before = None
    if before is not None and before.top == top and before.at is None:
        return Finding(place=before)
    walk = _Walk(now, before, held, target, memory, verifier, judgement)
    try:
        evidence = walk.run()
    except AnchorError as e:
        clause = _FORMAT if isinstance(e, Refused) else ""
        place = msgspec.structs.replace(done, at=walk.at)
        return Finding((failed(NAME, e, clause=clause),), None, place, tuple(walk.notes))
    if evidence is not None:
        line = f"a status before status {now.sequence} contradicts what its publisher signed; evidence "
        line += f"{evidence.digest[:16]} is kept against {evidence.origin}"
        check = contradiction(status_history.NAME, line, meaning=status_history.CONTRADICTED)
        place = msgspec.structs.replace(done, at=walk.at)
        return Finding((check,), evidence, place, tuple(walk.notes))
    line = f"each earlier status that is held is one that status {now.sequence} follows"
    return Finding((passed(NAME, line),), None, done, tuple(walk.notes))


class _Walk:
    """One walk from a status back to the held ones."""

    def __init__(
        self,
        now: ObservedStatus,
        before: Place | None,
        held: Sequence[HeldStatus],
        target: str,
        memory: Memory,
        verifier: Verifier,
        judgement: StatementEvidence,
    ) -> None:
        self._now = now
        self._before = before
        self._lowest = min(one.sequence for one in held)
        self._of_sequence: dict[int, list[HeldStatus]] = {}
        for one in held:
            self._of_sequence.setdefault(one.sequence, []).append(one)
        self._target = target
        self._memory = memory
        self._verifier = verifier
        self._judgement = judgement
        self._steps = itertools.count()
        self.at = Named(now.sequence, now.digest)
        """The last status that was compared."""
        self.notes: list[str] = []
        """One for each evidence that shows nothing."""

    def run(self) -> Evidence | None:
        """Evidence of a contradiction; None if there is none. Raises `Pending` for a status that cannot be
        read, and `Refused` for one that breaks the rules of what it follows."""
        child = self._now
        while True:
            kept = self._before
            if kept is not None and kept.top == self.at:
                if kept.at is None:
                    return None
                if kept.at != kept.top:
                    child, self.at = self._status(kept.at), kept.at
            previous = statuses.decode(child.statement).previous
            if previous is None or child.sequence <= self._lowest:
                return None
            wanted = Named(child.sequence - 1, previous)
            for one in self._of_sequence.get(wanted.sequence, ()):
                if one.statement != wanted.statement and (found := self._conflict(child, one)):
                    return found
            before = self._status(wanted)
            if found := self._compare(before, child):
                return found
            child, self.at = before, wanted

    def _status(self, wanted: Named) -> ObservedStatus:
        """A status, held or as it is published."""
        held = next(
            (h for h in self._of_sequence.get(wanted.sequence, ()) if h.statement == wanted.statement), None
        )
        if held is not None:
            return self._memory.stored_status(held)
        left = f"statuses {self._lowest} to {wanted.sequence}"
        if next(self._steps) >= LIMIT:
            raise Pending(
                f"{LIMIT} earlier statuses were read in this run; {left} are not compared with what is held",
                remedy="the next run goes on from there",
            )
        try:
            data = self._verifier.earlier_status(self._target, wanted.sequence, wanted.statement)
        except AnchorError as e:
            raise Pending(
                f"status {wanted.sequence} cannot be read, so {left} are not compared with what is held: {e}",
                remedy="ask the publisher for it; where a person knows better: anchor records accept",
            ) from None
        return ObservedStatus(ledger=self._now.ledger, sequence=wanted.sequence, statement=data, bundles=())

    def _compare(self, before: ObservedStatus, child: ObservedStatus) -> Evidence | None:
        """Evidence that the publisher signed a status that breaks the rules of the one before it."""
        said = statuses.decode(before.statement)
        if (said.ledger, said.sequence) != (before.ledger, before.sequence):
            raise Refused(
                f"status {child.sequence} names {before.digest} as the status before it, and that is status "
                f"{said.sequence} of {said.ledger!r}"
            )
        problem = statuses.contradiction(before.statement, child.statement)
        if not problem:
            return None
        if found := self._evidence(before, child):
            return found
        raise Refused(f"{problem}, and names that one as the status before it")

    def _conflict(self, child: ObservedStatus, one: HeldStatus) -> Evidence | None:
        """Evidence that `child` names another status than the one that is held with its sequence.

        None if nobody whom the policy accepts signed the held one.
        """
        held = self._memory.stored_status(one)
        if not self._verifier.accepts_status(held):
            return None
        if found := self._evidence(held, child):
            return found
        raise Pending(
            f"status {child.sequence} names another status {one.sequence} than the one that is held, and "
            "none of its bundles verifies here, so that the contradiction cannot be shown",
            remedy="keep the records; ask the publisher for these statuses",
        )

    def _evidence(self, one: ObservedStatus, two: ObservedStatus) -> Evidence | None:
        """The evidence of two statuses, if it shows something. The bundles of a read one are read now."""
        sides = []
        for status in (one, two):
            bundles = status.bundles or self._verifier.status_bundles(
                self._target, status.sequence, self._now.names
            )
            if not bundles:
                return None
            sides.append((status.statement, bundles))
        found = conflicting_statuses.build(self._now.ledger, *sides)
        counting, notes = self._judgement.split([found])
        self.notes += notes
        return counting[0] if counting else None
