# SPDX-License-Identifier: Apache-2.0
"""The releases of a source, read and verified from the newest back to what a mirror has, before any is kept.

A mirror never goes back. A source that shows an older release, fewer anchors or an older status is not
followed, and one that shows another history is refused, with evidence if both sides are signed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from anchor.app import earlier_releases, named_release, timed_examination
from anchor.app.chain import observed, shows, whole
from anchor.app.mirror_files import MirrorFiles, Promised, Traffic, blobs
from anchor.disk.mirror_folder import MirrorFolder
from anchor.errors import AnchorError, Incomplete, Missing, Misuse, Pending, Refused, Unavailable
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.names import RELEASE
from anchor.format.release import Blob, Release
from anchor.format.statement import Previous
from anchor.monitor import conflicting_statements, run_checks
from anchor.monitor.run_record import Evidence
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.verdict import Check, Class, failed
from anchor.verify import chain
from anchor.verify.anchors import Trust
from anchor.verify.release import ReleaseResult, load_named
from anchor.verify.release_files import Files, read_whole
from anchor.words import span

MOST = 10_000
"""Releases of one chain."""
_KEPT = (Class.OK, Class.STALE, Class.PENDING, Class.WITHDRAWN)
_OLDER = "wait, or ask the publisher; whoever serves it may hide what came after"
KEEPS = "the mirror keeps what it has"


@dataclass(frozen=True, kw_only=True)
class Version:
    """A release with its own release.json (`data`), in the folder `base` of the mirror. `data` is None for
    the newest one of a site that lacks it. `new`: something of it is not in the mirror yet."""

    named: Previous
    base: str
    release: Release
    data: bytes | None
    new: bool
    result: ReleaseResult | None = None


@dataclass(kw_only=True)
class Walked:
    """The releases of the source, newest first, and the checks of reading them. `refused`: nothing of it may
    be kept."""

    data: bytes = b""
    """The root release.json of the source."""
    files: MirrorFiles | None = None
    """The files that it names."""
    release: Release | None = None
    result: ReleaseResult | None = None
    versions: list[Version] = field(default_factory=list)
    kept: Release | None = None
    """The root release.json that the mirror has."""
    places: list[tuple[Release, str]] = field(default_factory=list)
    """Each release.json that the mirror has, with its folder."""
    checks: list[Check] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    every: Promised = field(default_factory=Promised)
    """The files of all releases, kept and new, once `check_places` has passed."""
    refused: bool = False

    def refuse(self, check: Check) -> None:
        self.checks.append(check)
        self.refused = True

    def check_places(self, statuses: Iterable[Blob]) -> None:
        """Refuse new releases that would replace files of a release that is kept, and earlier statuses (their
        files) that would lie in the place of either."""
        every = self.every
        try:
            for release, base in self.places:
                every.add(release, base)
            for number, version in enumerate(self.versions):
                every.add(version.release, version.base if number else "")
            for blob in statuses:
                every.add_file(blob.path, blob.size, blob.sha256)
        except Refused as e:
            self.refuse(failed("number", e, meaning=KEEPS))


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The surroundings of one run. `again`: read and verify also what the mirror has."""

    target: str
    folder: MirrorFolder
    trust: Trust | None
    budget: Budget
    offline: bool
    traffic: Traffic
    promised: Promised
    again: bool = False

    @property
    def earlier_trust(self) -> Trust | None:
        """For all but the newest release: it is older than the policy's ages and numbers."""
        if self.trust is None:
            return None
        policy = msgspec.structs.replace(self.trust.policy, min_number=1, max_age=None, max_status_age=None)
        return msgspec.structs.replace(self.trust, policy=policy)

    def examine(self, data: bytes, files: Files, trust: Trust | None) -> ReleaseResult:
        """Verify a release within the time that is left."""
        return timed_examination.examine(
            self.target, data, files, trust=trust, budget=self.budget, check_time=self.check_time
        )

    def check_time(self) -> None:
        if self.budget.left() <= 0:
            problem = f"the time for this mirror is over: {span(self.budget.seconds)}"
            raise Unavailable(problem, remedy="run it again: it continues; or give more with --within")

    def files(self, source: Files, base: str) -> MirrorFiles:
        return MirrorFiles(self.folder, source, self.promised, base, self.traffic)

    def own_source(self, base: str) -> Files:
        """The files of the mirror in one of its folders."""
        return release_files.Folder(self.folder.folder / base)

    def statement(self, version: Version, base: str) -> bytes:
        """The statement of a release that was read: kept or waiting. `base`: where its paths begin."""
        blob = version.release.statement
        files, most = self.files(self.own_source(base), base), statements.MAX_STATEMENT
        return read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=most)

    def own_release(self, path: str) -> tuple[bytes, Release] | None:
        """A release.json that the mirror has; None if there is no such file."""
        data = self.folder.read(path, limit=release_file.MAX_RELEASE)
        if data is None:
            return None
        try:
            return data, release_file.load(data)
        except AnchorError as e:
            remedy = "the mirror was changed by something else: mirror into another folder"
            raise Misuse(e.problem, where=str(self.folder.folder / path), remedy=remedy) from None


def walk(reading: Reading) -> Walked:
    """Read and verify everything that the source has and the mirror lacks. New files wait in the mirror.

    Raises the errors of loading the root release.json of the source, and of the mirror's own files.
    """
    return _Walk(reading).run()


class _Walk:
    """One reading of a source."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._walked = Walked()
        self._numbers: dict[int, Previous] = {}
        """The releases that the mirror has, by number."""

    def run(self) -> Walked:
        reading, walked = self._reading, self._walked
        kept = reading.own_release(RELEASE)
        if kept is not None:
            walked.kept = kept[1]
            self._know(kept[1])
        load = release_files.load if kept is not None else named_release.load
        walked.data, source = load(reading.target, reading.budget, offline=reading.offline)
        reading.traffic.add(walked.data)
        try:
            walked.release = load_named(walked.data, reading.target)
            self._check_direction(walked.release)
            reading.promised.add(walked.release, "")
        except AnchorError as e:
            walked.refuse(failed("number", e, meaning=KEEPS))
            return walked
        same = kept is not None and kept[0] == walked.data and not reading.again
        walked.files = reading.files(source, "")
        if not self._newest(walked.release, walked.files, same=same):
            return walked
        try:
            self._further(walked.versions[0])
        except AnchorError as e:
            walked.refuse(failed("chain", e, meaning=KEEPS))
        return walked

    def _know(self, release: Release) -> None:
        """Read which releases the mirror has. Their files keep their places."""
        reading, base, at = self._reading, "", release
        for _ in range(MOST):
            self._walked.places.append((at, base))
            payload = reading.folder.read(base + at.statement.path, limit=statements.MAX_STATEMENT)
            if payload is None or hashlib.sha256(payload).hexdigest() != at.statement.sha256:
                return  # lost or damaged: it is fetched again
            own = statements.link(payload)
            self._numbers[own.number] = own
            before = statements.decode(payload).previous
            if before is None:
                return
            self._numbers[before.number] = before
            base = f"release/{before.version}/"
            found = reading.own_release(base + RELEASE)
            if found is None or found[1].statement.sha256 != before.statement:
                return
            at = found[1]

    def _check_direction(self, served: Release) -> None:
        """Raise unless a root release.json goes on from the one that the mirror has."""
        kept = self._walked.kept
        if kept is None:
            return
        if served.ledger.name != kept.ledger.name:
            problem = f"of the ledger {served.ledger.name!r}, and {kept.ledger.name!r} is kept here"
            raise Refused(problem, remedy="mirror each ledger into a folder of its own")
        if served.ledger.number < kept.ledger.number:
            problem = f"release {served.ledger.number} is served where {kept.ledger.number} is kept"
            raise Unavailable(problem, remedy=_OLDER)
        named = served.status.sequence if served.status else 0
        if kept.status is not None and named < kept.status.sequence:
            shown = f"status {named} is served" if named else "no status is served"
            raise Unavailable(f"{shown} where status {kept.status.sequence} is kept", remedy=_OLDER)
        if served.statement.sha256 == kept.statement.sha256:
            check_anchors(kept, served)

    def _newest(self, release: Release, files: MirrorFiles, *, same: bool) -> bool:
        """Verify the newest release, and have its files. False if nothing of the source may be kept."""
        reading, walked = self._reading, self._walked
        number = release.ledger.number
        walked.result = reading.examine(walked.data, files, reading.trust)
        if not self._accept(walked.result, release):
            walked.refused = True
            return False
        try:
            for blob in blobs(release):
                files.fetch(blob.path)
            blob = release.statement
            most = statements.MAX_STATEMENT
            payload = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=most)
        except AnchorError as e:
            walked.refuse(failed(f"release {number}", e, meaning=KEEPS))
            return False
        named = statements.link(payload)
        ours = self._numbers.get(named.number)
        if ours is not None and ours.statement != named.statement:
            self._fork(ours, walked.result)
            return False
        base = f"release/{named.version}/"
        data = self._own_document(named, base, release)
        version = Version(
            named=named, base=base, release=release, data=data, new=not same, result=walked.result
        )
        walked.versions.append(version)
        return True

    def _own_document(self, named: Previous, base: str, root: Release) -> bytes | None:
        """The release.json in the folder of the newest version. It must say what the root one says."""
        reading = self._reading
        (location,) = earlier_releases.locations(whole(reading.target), named.version)
        try:
            data, _ = release_files.load(location, reading.budget, offline=reading.offline)
            reading.traffic.add(data)
            found = release_file.load(data)
        except AnchorError as e:
            self._walked.notes.append(f"the folder of the newest version has no release.json: {e}")
            return None
        if _said(release_file.moved(found, base)) != _said(root):
            self._walked.notes.append(f"{base}{RELEASE} says something else than the root one: not kept")
            return None
        return data

    def _further(self, version: Version) -> None:
        """Read back from the newest release to number 1."""
        reading, seen = self._reading, {version.named.version.lower(): version.named.number}
        child = version
        for _ in range(MOST):
            payload = self._payload(child)
            before = statements.decode(payload).previous
            if before is None:
                return
            reading.check_time()
            chain.check_version(before, seen)
            seen[before.version.lower()] = before.number
            ours = self._numbers.get(before.number)
            if ours is not None and ours.statement != before.statement:
                self._fork(ours, self._result_of(child))
                return
            child = self._earlier(before, child)
            self._walked.versions.append(child)
            if self._walked.refused:
                return
        raise Unavailable(f"the chain has more than {MOST} releases")

    def _payload(self, version: Version) -> bytes:
        newest = version is self._walked.versions[0]
        return self._reading.statement(version, "" if newest else version.base)

    def _earlier(self, named: Previous, child: Version) -> Version:
        """An earlier release: the mirror's own, or the source's, verified."""
        reading, base = self._reading, f"release/{named.version}/"
        own = reading.own_release(base + RELEASE)
        has = own is not None and own[1].statement.sha256 == named.statement
        if own is not None and has and named.number in self._numbers and not reading.again:
            return self._whole(named, base, own)
        (location,) = earlier_releases.locations(whole(reading.target), named.version)
        try:
            data, source = release_files.load(location, reading.budget, offline=reading.offline)
        except Missing as e:
            raise Incomplete(e.problem, where=e.where, remedy="ask the publisher for it") from None
        reading.traffic.add(data)
        release = release_file.load(data)
        if own is not None and has:
            check_anchors(own[1], release)
        reading.promised.add(release, base)
        files = reading.files(source, base)
        result = reading.examine(data, files, reading.earlier_trust)
        if not self._accept(result, release) or result.release is None:
            self._walked.refused = True
        else:
            payload = statements.decode(self._read_statement(child))
            found = statements.link(result.statement)
            chain.check_named(payload.ledger, named, result.release.ledger, found.statement)
            for blob in blobs(release):
                files.fetch(blob.path)
        new = own is None or own[0] != data
        return Version(named=named, base=base, release=release, data=data, new=new, result=result)

    def _read_statement(self, version: Version) -> bytes:
        return version.result.statement if version.result else self._payload(version)

    def _whole(self, named: Previous, base: str, own: tuple[bytes, Release]) -> Version:
        """A release that the mirror has. What was lost or damaged of it is fetched again."""
        reading, (data, release) = self._reading, own
        reading.promised.add(release, base)
        repaired = False
        for blob in blobs(release):
            if reading.folder.has(base + blob.path, size=blob.size, sha256=blob.sha256):
                continue
            (location,) = earlier_releases.locations(whole(reading.target), named.version)
            _, source = release_files.load(location, reading.budget, offline=reading.offline)
            reading.files(source, base).fetch(blob.path)
            repaired = True
        if repaired:
            self._walked.notes.append(f"release {named.number}: files that were lost or damaged are repaired")
        return Version(named=named, base=base, release=release, data=data, new=repaired)

    def _accept(self, result: ReleaseResult, release: Release) -> bool:
        """True if a release may be kept; its check is added."""
        said, digest = release.ledger, release.statement.sha256
        named = Previous(number=said.number, version=said.version, statement=digest)
        self._walked.checks.append(chain.conclusion(named, result.verdict))
        if self._reading.trust is not None:
            return result.bound and result.verdict.verdict in _KEPT
        return all(c.demotes in (None, Class.USAGE) for c in result.verdict.checks)

    def _result_of(self, version: Version) -> ReleaseResult:
        """The verification of a release that waits, or that the mirror has."""
        if version.result is not None:
            return version.result
        assert version.data is not None
        files = self._reading.files(self._reading.own_source(version.base), version.base)
        return self._reading.examine(version.data, files, self._reading.earlier_trust)

    def _fork(self, ours: Previous, served: ReleaseResult) -> None:
        """The source shows another history than the mirror has, from this release on."""
        reading, walked = self._reading, self._walked
        kept = self._own_result(ours)
        one, two = (observed(kept) if kept else None), observed(served)
        if reading.trust is not None and one and two and shows(one, two, reading.trust):
            walked.refuse(run_checks.conflict(one, two))
            walked.evidence.append(conflicting_statements.build(one, two))
            return
        problem = (
            f"the source has another release {ours.number} than the {ours.statement} that is kept, and no "
            "bundle of one of the two verifies here, so that the contradiction cannot be shown"
        )
        walked.refuse(failed("number", Pending(problem, remedy="keep both, and ask the publisher")))

    def _own_result(self, ours: Previous) -> ReleaseResult | None:
        """The verification of a release that the mirror has."""
        reading = self._reading
        for base in (f"release/{ours.version}/", ""):
            found = reading.own_release(base + RELEASE)
            if found is not None and found[1].statement.sha256 == ours.statement:
                return reading.examine(found[0], reading.own_source(base), reading.earlier_trust)
        return None


def check_anchors(kept: Release, served: Release) -> None:
    """Raise Unavailable if a served release.json leaves out an anchor of the one that is kept."""
    there = {(a.log.id, a.log.index) for a in served.anchors}
    for anchor in kept.anchors:
        if (anchor.log.id, anchor.log.index) not in there:
            problem = f"the anchor in {anchor.log.origin} is left out, and it is kept here"
            raise Unavailable(problem, remedy=_OLDER)


def _said(release: Release) -> tuple[object, ...]:
    """Everything that a release.json says, without its version and the status."""
    return (
        release.ledger,
        release.tree,
        release.previous,
        {one.name: one for one in release.files},
        release.statement,
        {(one.log.id, one.log.index): one for one in release.anchors},
        {one.path: one for one in release.trusted_roots},
    )
