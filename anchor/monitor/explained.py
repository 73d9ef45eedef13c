# SPDX-License-Identifier: Apache-2.0
"""The statements that explain entries of a log: of every release and status that is known.

An entry has only the digest of what was signed. So each statement that the chain of a verified release names
by its digest explains the entries of that digest. The records hold the releases of other policies as well:
such a statement explains the entries of those who signed it, and of nobody else. A chain is read back only
while an entry is not explained: a watch that began with release 50 needs the 49 before it once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from anchor.errors import AnchorError, Pending, Unavailable
from anchor.format import ledger_status as statuses
from anchor.format import statement as statements
from anchor.monitor.interfaces import Memory, Verifier
from anchor.monitor.run_record import HeldStatement, ObservedRelease, ObservedStatus
from anchor.sigstore import bundle as bundles
from anchor.sigstore.bundle import Bundle
from anchor.verify.name_matcher import NameMatcher, digests_of
from anchor.verify.named_entry import NamedEntry

LIMIT = 1000
"""Earlier releases, and earlier statuses, that are read in one run for this."""


class KnownStatements:
    """All known statements by their digests. Those of the records are read when they are first needed."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._digests: set[str] = set()
        self._own: dict[str, dict[bytes, Bundle]] = {}
        """By digest: the bundles of the policy's own chain that are known."""
        self._held: dict[str, list[HeldStatement]] | None = None
        self._held_by: dict[tuple[str, str, str], list[Bundle]] = {}
        self._places: dict[tuple[str, str, str, str, int], frozenset[int]] = {}

    def add(self, statement: bytes, signed: Iterable[bytes] = ()) -> None:
        """Know a statement of the policy's own chain, in each form in which an entry may record it. `signed`:
        its verified bundles."""
        digests = digests_of(statement)
        self._digests |= digests
        for data in signed:
            for digest in digests:
                of_digest = self._own.setdefault(digest, {})
                if data not in of_digest:
                    of_digest[data] = bundles.parse(data)

    def has(self, digest: str) -> bool:
        """True if this is a digest of a statement of the policy's own chain."""
        return digest in self._digests

    def explains(self, entry: NamedEntry, matcher: NameMatcher, tree: str) -> bool:
        """True if a certified entry of a log records a known statement. `matcher`: the one that found it.

        A statement that its signer signed once more, after the entry that is known of him, is not explained:
        with its new time an old status, or an old release, would look as if it were of today.
        """
        if not entry.digest:
            return False
        held = self._held_bundles(entry, matcher)
        if entry.digest not in self._digests and not held:
            return False
        places = self._places_of(entry, matcher, tree, held)
        return not places or entry.index in places or entry.index < min(places)

    def _places_of(
        self, entry: NamedEntry, matcher: NameMatcher, tree: str, held: Sequence[Bundle]
    ) -> frozenset[int]:
        """The indices of the known entries by this signer of this statement in a log."""
        own = self._own.get(entry.digest, {})
        key = entry.digest, entry.identity, entry.issuer, tree, len(own)
        if key not in self._places:
            fitting = [one for one in own.values() if _is_by(one, entry, matcher)]
            self._places[key] = frozenset(i for one in (*fitting, *held) for i in _indices(one, tree))
        return self._places[key]

    def _held_bundles(self, entry: NamedEntry, matcher: NameMatcher) -> list[Bundle]:
        """The bundles of the records in which this signer signed this statement."""
        if self._held is None:
            self._held = {}
            for held in self._memory.statements():
                for digest in digests_of(held.statement):
                    self._held.setdefault(digest, []).append(replace(held, statement=b""))
        key = entry.digest, entry.identity, entry.issuer
        if key not in self._held_by:
            found = (
                bundles.parse(data)
                for one in self._held.get(entry.digest, ())
                for data in self._memory.bundles(one)
            )
            self._held_by[key] = [one for one in found if _is_by(one, entry, matcher)]
        return self._held_by[key]


@dataclass(frozen=True)
class Explanations:
    """The known statements, for the entries that one matcher finds in one log."""

    known: KnownStatements
    matcher: NameMatcher
    tree: str

    def explains(self, entry: NamedEntry) -> bool:
        """As `KnownStatements.explains`."""
        return self.known.explains(entry, self.matcher, self.tree)

    def unexplained(self, entries: Iterable[NamedEntry]) -> list[NamedEntry]:
        """Those of the entries that nothing explains so far."""
        return [entry for entry in entries if not self.explains(entry)]


def _is_by(one: Bundle, entry: NamedEntry, matcher: NameMatcher) -> bool:
    return one.certificate is not None and matcher.certifies(one.certificate, entry)


def _indices(one: Bundle, tree: str) -> Iterator[int]:
    """Where a verified bundle says that its signature is in this log."""
    for entry in one.entries:
        head = entry.proof.checkpoint if entry.proof is not None else None
        if entry.proof is not None and head is not None and head.partition(b"\n")[0] == tree.encode():
            yield entry.proof.log_index


@dataclass(frozen=True, kw_only=True)
class Walked:
    """The result of reading a chain back. `earlier`: the verified releases that were read."""

    earlier: tuple[ObservedRelease, ...] = ()
    doubt: AnchorError | None = None
    """The error because of which something may still be explained."""


def walk_back(
    target: str,
    release: ObservedRelease | None,
    status: ObservedStatus | None,
    entries: Sequence[NamedEntry],
    explanations: Explanations,
    *,
    memory: Memory,
    verifier: Verifier,
) -> Walked:
    """Read the releases and statuses before those of a run, while one of the entries is not explained. Each
    statement that was read is known from then on."""
    if release is None:
        return Walked(doubt=Unavailable("no release was verified in this run", where=target))
    work = _Walk(target, entries, explanations, memory, verifier)
    doubts: list[AnchorError] = []
    try:
        work.releases(release)
    except AnchorError as e:
        doubts.append(e)
    try:
        work.statuses(status)
    except AnchorError as e:
        doubts.append(e)
    if work.done or not doubts:
        return Walked(earlier=tuple(work.earlier))
    return Walked(earlier=tuple(work.earlier), doubt=doubts[0])


class _Walk:
    def __init__(
        self,
        target: str,
        entries: Sequence[NamedEntry],
        explanations: Explanations,
        memory: Memory,
        verifier: Verifier,
    ) -> None:
        self._target = target
        self._entries = [entry for entry in entries if entry.digest]  # nothing explains one without a digest
        self._explanations = explanations
        self._known = explanations.known
        self._memory = memory
        self._verifier = verifier
        self._named: tuple[int, str] | None = None
        """The newest status that a release of the chain commits to."""
        self.earlier: list[ObservedRelease] = []

    @property
    def done(self) -> bool:
        """True if everything is explained."""
        return all(map(self._explanations.explains, self._entries))

    def releases(self, release: ObservedRelease) -> None:
        """Read the releases before one."""
        held = {one.digest: one for one in self._memory.numbers(release.ledger)}
        said, left = statements.decode(release.statement), LIMIT
        while True:
            if said.status is not None and self._named is None:
                self._named = said.status.sequence, said.status.statement
            before = said.previous
            if before is None or self.done:
                return
            signed: Iterable[bytes] = ()
            if (one := held.get(before.statement)) is not None:
                data = self._memory.stored(one).statement
            else:
                if not left:
                    raise Pending(f"{LIMIT} earlier releases were read in this run; the next one goes on")
                left -= 1
                found = self._verifier.earlier(self._target, before)
                if found.release is not None:
                    self.earlier.append(found.release)
                    signed = [anchor.bundle for anchor in found.release.anchors]
                data = found.statement
            self._known.add(data, signed)
            said = statements.decode(data)

    def statuses(self, status: ObservedStatus | None) -> None:
        """Read the statuses before one, or those to which the releases commit."""
        named, left = self._named, LIMIT
        if status is not None:
            said = statuses.decode(status.statement)
            named = (said.sequence - 1, said.previous) if said.previous else None
        while named is not None and not self.done:
            if not left:
                raise Pending(f"{LIMIT} earlier statuses were read in this run")
            left -= 1
            data = self._verifier.earlier_status(self._target, *named)
            self._known.add(data)
            said = statuses.decode(data)
            named = (said.sequence - 1, said.previous) if said.previous else None
