# SPDX-License-Identifier: Apache-2.0
"""Reads the chain of a release back to the numbers that are held, and compares it with each of them.

A statement names the SHA-256 of the one before it, so an earlier statement needs no signature to be the one
that was meant: it has that digest. Its bundles are needed where it contradicts one that is held.
FORMAT.md sections 6 and 14.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from anchor.errors import AnchorError, Pending, Refused
from anchor.format import statement as statements
from anchor.format.statement import Previous
from anchor.monitor.run_record import Earlier, HeldNumber, SeenRelease
from anchor.verdict import Check, failed, passed

LIMIT = 1000
"""Earlier releases that are read in one run. What was read is kept, and the next run goes on from there."""
_FORMAT = "FORMAT.md section 6"


@dataclass(kw_only=True)
class Walk:
    """One reading back. `held`: the numbers of this ledger that are held; `stored` gives the release of one,
    `read` what the published folder has of an earlier one. `accepts`: whether the policy of now accepts the
    signer of a stored release. `accuses`: whether two releases show a contradiction to whoever checks."""

    now: SeenRelease
    held: Sequence[HeldNumber]
    stored: Callable[[HeldNumber], SeenRelease]
    read: Callable[[Previous], Earlier]
    accepts: Callable[[SeenRelease], bool]
    accuses: Callable[[SeenRelease, SeenRelease], bool]
    limit: int
    earlier: list[SeenRelease] = field(default_factory=list)
    """What was read and is signed by somebody whom the policy accepts."""
    rivals: tuple[SeenRelease, SeenRelease] | None = None
    """A held release, and one that names another release with its number."""
    _steps: int = 0
    _signed: dict[int, bool] = field(default_factory=dict)
    """By row: whether the policy accepts the signer."""

    def checks(self) -> list[Check]:
        """What was found, but for `rivals`. None where nothing earlier is held and no version is twice."""
        found: list[Check] = []
        for name, look in (("version", self._version), ("chain", self._chain)):
            try:
                line = look()
            except AnchorError as e:
                clause = _FORMAT if isinstance(e, Refused) else ""
                found.append(failed(name, e, clause=clause))
            else:
                found += [passed(name, line)] if line else []
        return found

    def _version(self) -> str:
        """The version of the release is that of no other number that is held."""
        now = self.now
        for one in self.held:
            same = one.number != now.number and one.version.lower() == now.version.lower()
            if same and self._accepted(one):
                raise Refused(_twice(now.version, one.number, now.number))
        return ""

    def _chain(self) -> str:
        earlier = sorted((h for h in self.held if h.number < self.now.number), key=lambda h: h.number)
        if not earlier:
            return ""
        versions = {self.now.version.lower(): self.now.number}
        child: SeenRelease | None = self.now
        said = statements.decode(self.now.statement)
        while said.previous is not None:
            before = said.previous
            if before.version.lower() in versions:
                raise Refused(_twice(before.version, before.number, versions[before.version.lower()]))
            versions[before.version.lower()] = before.number
            self._compare(child, before)
            if self.rivals is not None:
                return ""
            found = self._release(before, [h for h in earlier if h.number < before.number])
            if found is None:
                break
            child, data = found.release, found.statement
            name, said = said.ledger.name, statements.decode(data)
            if (said.ledger.name, said.ledger.number, said.ledger.version) != (name, *_named(before)):
                raise Refused(
                    f"release {before.number + 1} names {before.statement} as the release before it, and "
                    "that is of another ledger, number or version"
                )
        return "each earlier number that is held is that of the chain of this release"

    def _compare(self, child: SeenRelease | None, before: Previous) -> None:
        """The release that `child` names is the one that is held with its number."""
        for one in self.held:
            if one.number != before.number or one.digest == before.statement:
                continue
            if not self._accepted(one):
                continue
            rival = self.stored(one)
            if child is None or not self.accuses(rival, child):
                raise Pending(
                    f"release {before.number + 1} names another release {before.number} than the one that is "
                    f"held ({before.statement} and {one.digest}), and none of its bundles verifies here, so "
                    "that the contradiction cannot be shown",
                    remedy="keep the records; ask the publisher for these releases",
                )
            self.rivals = (rival, child)
            return

    def _accepted(self, one: HeldNumber) -> bool:
        if one.row not in self._signed:
            self._signed[one.row] = self.accepts(self.stored(one))
        return self._signed[one.row]

    def _release(self, wanted: Previous, below: Sequence[HeldNumber]) -> Earlier | None:
        """An earlier release, as it is held or as it is published; None where nothing `below` it is held
        under a signer whom the policy accepts, lowest first."""
        if not below:
            return None
        for one in self.held:
            if (one.number, one.digest) == (wanted.number, wanted.statement):
                known = self.stored(one)
                return Earlier(statement=known.statement, release=known)
        lowest = next((h.number for h in below if self._accepted(h)), None)
        if lowest is None:
            return None
        left = f"{lowest} to {wanted.number}"
        if self._steps >= self.limit:
            raise Pending(
                f"{self._steps} earlier releases were read in this run; releases {left} are not compared "
                "with what is held",
                remedy="the next run goes on from there",
            )
        self._steps += 1
        try:
            found = self.read(wanted)
        except AnchorError as e:
            raise Pending(
                f"release {wanted.number} (version {wanted.version}) cannot be read, so releases {left} are "
                f"not compared with what is held: {e}",
                remedy="ask the publisher for it; where a person knows better: anchor records accept",
            ) from None
        if found.release is not None:
            self.earlier.append(found.release)
        return found


def _named(before: Previous) -> tuple[int, str]:
    return before.number, before.version


def _twice(version: str, one: int, two: int) -> str:
    early, late = sorted((one, two))
    return f"releases {early} and {late} have one version, {version}: versions of a ledger are unique"
