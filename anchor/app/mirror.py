# SPDX-License-Identifier: Apache-2.0
"""`anchor mirror`: a whole ledger with its logs as static files, which are verified before they are kept.

Everything new waits until it is verified. Then each release is put in place by itself, the oldest first: its
files, the root release.json, and last the release.json of its own folder. So whoever reads the mirror finds
the old state or the new one, also after a crash at any moment.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchor.app import mirror_documents, mirror_logs, mirror_statuses
from anchor.app.mirror_files import Promised, Traffic, blobs
from anchor.app.mirror_logs import MirroredLog, Wanted
from anchor.app.mirror_releases import Reading, Version, Walked, walk
from anchor.app.mirror_statuses import History
from anchor.app.other_copies import is_newest
from anchor.disk import mirror_folder
from anchor.errors import AnchorError, Misuse
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.format.release import Release, StatusFiles
from anchor.monitor.run_record import Evidence
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.sigstore import trusted_root as roots
from anchor.sigstore.trusted_root import LogKey
from anchor.tlog.checkpoint import Checkpoint
from anchor.verdict import Class, Verdict, judge, passed
from anchor.verify.anchors import Trust
from anchor.words import several

BUDGET = 600.0
"""Seconds for one run, reading and verifying."""
MOST = 1 << 36
"""Bytes that one run may fetch, unless more are allowed."""

_UNVERIFIED = (
    "no policy was given: digests, proofs and forms were checked, and nobody said whose signature counts; "
    "the keys of the logs are those that the releases carry"
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The words of the command line."""

    trust: Trust | None
    base: Path
    """The folder of relative paths in the policy."""
    offline: bool = False
    again: bool = False
    public_logs: bool = False
    documents: str = ""
    """The folder or URL of the source documents that the releases commit to."""
    most: int = MOST


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """The verdict of one run, and the evidence that it is about."""

    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()


def mirror(target: str, folder: Path, options: Options, budget: Budget) -> Mirrored:
    """Bring a mirror up to the state of a site. Raises for a folder that cannot be one, and for what stands
    at the target, if nothing of it can be read."""
    _check_names(target, folder)
    with mirror_folder.held(folder) as held:
        reading = Reading(
            target=target,
            folder=held,
            trust=options.trust,
            budget=budget,
            offline=options.offline,
            traffic=Traffic(options.most),
            promised=Promised(),
            again=options.again,
        )
        if held.waiting_size() > options.most:
            held.forget_waiting()
        found = _Run(reading, options).run()
        if found.verdict.verdict is not Class.UNAVAILABLE:
            held.forget_waiting()  # else the next run goes on with them
        return found


def _check_names(target: str, folder: Path) -> None:
    if not is_newest(target):
        problem = "a version's own release.json is the beginning of no mirror"
        raise Misuse(problem, where=target, remedy="name the release.json of the whole site")
    if release_files.is_url(target):
        return
    path = Path(target)
    source = (path if path.is_dir() else path.parent).resolve()
    own = folder.resolve()
    if own == source or own.is_relative_to(source) or source.is_relative_to(own):
        raise Misuse("the mirror and its source lie in each other", where=str(folder), remedy="name another")


class _Run:
    """One run. Nothing is put in place before the last check."""

    def __init__(self, reading: Reading, options: Options) -> None:
        self._reading = reading
        self._options = options
        self._new = 0

    def run(self) -> Mirrored:
        walked = walk(self._reading)
        logs: list[MirroredLog] = []
        earlier = History()
        if not walked.refused:
            earlier = self._statuses(walked)
        if not walked.refused:
            walked.check_places(earlier.blobs)
        if not walked.refused:
            logs = self._logs(walked)
            walked.checks += [c for log in logs for c in log.checks]
            walked.evidence += [e for log in logs for e in log.evidence]
            walked.refused = bool(walked.evidence)
        if not walked.refused:
            earlier.paths += self._documents(walked)
            self._put(walked, logs, earlier)
        return self._concluded(walked, logs)

    def _statuses(self, walked: Walked) -> History:
        """Earlier statuses wait. A status that contradicts the one that is kept ends the run."""
        reading, result, release = self._reading, walked.result, walked.release
        source = walked.files
        if result is None or release is None or release.status is None or source is None:
            return History()
        with source.open(release.status.statement.path, size=release.status.statement.size) as stream:
            data = stream.read()
        bundles = []
        for blob in release.status.bundles:
            with source.open(blob.path, size=blob.size) as stream:
                bundles.append(stream.read())
        if walked.kept is not None:
            found = mirror_statuses.compare(reading.folder, walked.kept, (data, bundles), reading.trust)
            if found is not None:
                walked.refuse(found[0])
                walked.evidence += [found[1]] if found[1] else []
                return History()
        earlier = mirror_statuses.history(source, reading.folder, release.status, data, reading.trust)
        walked.notes += earlier.notes
        return earlier

    def _logs(self, walked: Walked) -> list[MirroredLog]:
        """The logs of all releases and of the status, each once."""
        releases = [v.release for v in walked.versions]
        origins = dict.fromkeys(a.log.origin for r in releases for a in r.anchors)
        heads: dict[str, list[Checkpoint]] = {}
        for head in _heads(walked):
            heads.setdefault(head.origin, []).append(head)
            origins.setdefault(head.origin)
        trust = self._options.trust
        wanted = Wanted(
            target=self._reading.target,
            tlogs=trust.root.tlogs if trust else [*self._claimed(walked)],
            places=trust.policy.logs if trust else (),
            base=self._options.base,
            heads=heads,
            public=self._options.public_logs,
            again=self._options.again,
        )
        reading = self._reading
        return [
            *mirror_logs.mirror(
                list(origins),
                wanted,
                reading.folder,
                budget=reading.budget,
                offline=reading.offline,
                traffic=reading.traffic,
            )
        ]

    def _claimed(self, walked: Walked) -> Iterator[LogKey]:
        """The keys of logs in the trusted roots that the releases carry: nobody vouches for them."""
        for number, version in enumerate(walked.versions):
            base = version.base if number else ""
            for blob in version.release.trusted_roots:
                for place in (self._reading.folder.waiting, self._reading.folder.kept):
                    path = place(base + blob.path)
                    if path.is_file():
                        with contextlib.suppress(AnchorError):
                            yield from roots.parse(path.read_bytes()).tlogs
                        break

    def _documents(self, walked: Walked) -> list[str]:
        """The source documents that the statements commit to, if somebody says where they are."""
        if not self._options.documents:
            return []
        reading = self._reading
        return mirror_documents.fetch(self._options.documents, walked, reading)

    def _put(self, walked: Walked, logs: Sequence[MirroredLog], before: History) -> None:
        """Put everything in place. Each step leaves a mirror that verifies."""
        folder = self._reading.folder
        for log in logs:
            self._new += mirror_logs.put(log, folder)
        for path in before.paths:
            self._new += folder.put(path)
        newest, earlier = walked.versions[0], walked.versions[:0:-1]
        number = walked.kept.ledger.number if walked.kept else None
        for version in earlier:
            self._files(version.release, version.base)
            if version.new and number is not None and version.named.number > number:
                held = walked.kept.status if walked.kept else None
                self._document(RELEASE, _as_root(version, before.beside(version.named.number, held)))
            if version.data is not None:
                self._document(version.base + RELEASE, version.data)
        self._files(newest.release, "")
        self._document(RELEASE, walked.data)
        if newest.data is not None:
            self._document(newest.base + RELEASE, newest.data)

    def _files(self, release: Release, base: str) -> None:
        for blob in blobs(release):
            self._new += self._reading.folder.put(base + blob.path)

    def _document(self, path: str, data: bytes) -> None:
        folder = self._reading.folder
        self._new += folder.read(path, limit=len(data)) != data
        folder.write(path, data)

    def _concluded(self, walked: Walked, logs: Sequence[MirroredLog]) -> Mirrored:
        reading, checks = self._reading, list(walked.checks)
        facts: dict[str, Any] = {"followed": not walked.refused, "bytes": reading.traffic.size}
        if not walked.refused:
            files = sum(len(blobs(v.release)) + (v.data is not None) for v in walked.versions)
            facts |= {
                "files": {"new": self._new, "of_releases": files},
                "releases": [v.named.number for v in walked.versions],
                "logs": {log.origin: log.size for log in logs if log.size is not None},
            }
            detail = (
                f"{several(len(walked.versions), 'release')} with {several(files, 'file')}, "
                f"{several(self._new, 'new file')}, {reading.traffic.size} bytes fetched"
            )
            checks.append(passed("mirror", detail))
        notes = [*walked.notes]
        if walked.result is not None:
            notes += walked.result.verdict.notes
        if self._options.trust is None:
            notes.append(_UNVERIFIED)
        verdict = judge(checks)
        if self._options.trust is None and verdict is Class.OK:
            verdict = Class.USAGE  # as `verify` has it: nobody said whose signature counts
        return Mirrored(
            verdict=Verdict(
                kind="mirror",
                target=reading.target,
                verdict=verdict,
                checks=tuple(checks),
                facts=facts,
                notes=tuple(dict.fromkeys(notes)),
            ),
            evidence=tuple(dict.fromkeys(walked.evidence)),
        )


def _heads(walked: Walked) -> Iterator[Checkpoint]:
    """The checkpoints of bundles that were verified in this run."""
    results = [v.result for v in walked.versions if v.result is not None]
    for result in results:
        reports = [a.report for a in result.anchors]
        reports += [b.report for b in result.status.bundles] if result.status else []
        for report in reports:
            for fact in report.logs:
                if fact.checkpoint is not None:
                    yield fact.checkpoint


def _as_root(version: Version, status: StatusFiles | None) -> bytes:
    """The root release.json of a release that is put in place before a later one."""
    moved = release_file.moved(version.release, version.base)
    return release_file.dump(release_file.with_status(moved, status))
