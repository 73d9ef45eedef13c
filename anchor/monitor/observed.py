# SPDX-License-Identifier: Apache-2.0
"""The values that a re-verification takes from the verification of a release: statement, anchors, entries.

They come only from anchors that were verified under the verifier's own trust. Nothing is verified again here,
and nothing is looked up by a name: each anchor comes with its own bytes.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from anchor.encoding import rfc3339
from anchor.format.readers.reader import Stream
from anchor.format.release import File, Release
from anchor.monitor.run_record import ObservedAnchor, ObservedRelease, ObservedStatus
from anchor.tlog.checkpoint import Checkpoint, Log, log_of
from anchor.verdict import Verdict
from anchor.verify.anchors import VerifiedAnchor
from anchor.verify.release import ReleaseResult
from anchor.verify.report import LogFact


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A log entry as a verified bundle has it. `body`: the exact entry bytes that were hashed."""

    origin: str
    index: int
    body: bytes
    anchor: int = 1
    """The position of its anchor in release.json, from 1."""
    checkpoint: Checkpoint | None = None
    """The bundle's own checkpoint, verified under the log's key."""
    log: Log | None = None
    """The log that signed that checkpoint."""
    tree_index: int | None = None
    """Its index in the tree of that checkpoint. In Rekor v1 `index` counts over all trees of the log."""


class HeldFiles(Protocol):
    """Files that were read once, and that can be read again with the same bytes."""

    def spool(self) -> AbstractContextManager[BinaryIO]: ...
    def reopen(self, path: str, *, size: int) -> AbstractContextManager[Stream]: ...
    def read_up_to(self, path: str, *, limit: int) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class HeldRelease:
    """The bytes of a verdict: release.json and the files that it names. `ledger` has the facts."""

    data: bytes
    ledger: File
    files: HeldFiles


@dataclass(frozen=True, kw_only=True)
class ExaminedRelease:
    """The published files, verified strictly."""

    verdict: Verdict
    release: ObservedRelease | None = None
    """None if the verdict binds no release."""
    entries: tuple[Entry, ...] = ()
    counted: int = 0
    """The number of anchors that count. The run must look at an entry of each."""
    status: ObservedStatus | None = None
    """The status that counts beside the release."""
    lacks_status: bool = False
    """True if the verdict binds the release, and no status beside it counts."""
    held: HeldRelease | None = None
    """The files for the canary. None if they were not wanted, or if the release is not good."""


def examined(result: ReleaseResult, *, data: bytes = b"", files: HeldFiles | None = None) -> ExaminedRelease:
    """The values for a re-verification. `data`: release.json. `files`: the held files, if wanted."""
    ledger = result.ledger if result.bound else None
    pairs = [(anchor, fact) for anchor in result.anchors for fact in anchor.report.logs]
    return ExaminedRelease(
        verdict=result.verdict,
        release=_release(result, pairs),
        entries=tuple(_entry(anchor, fact) for anchor, fact in pairs),
        counted=result.counted,
        status=_status(result),
        lacks_status=result.bound and result.status is None,
        held=HeldRelease(data=data, ledger=ledger, files=files) if ledger and files else None,
    )


def _status(result: ReleaseResult) -> ObservedStatus | None:
    found = result.status
    if found is None or found.status is None:
        return None
    return ObservedStatus(
        ledger=found.status.ledger,
        sequence=found.status.sequence,
        statement=found.data,
        bundles=tuple(bundle.data for bundle in found.bundles),
        time=rfc3339(found.time) if found.time else "",
        names=tuple(bundle_names(result.release)) if result.release else (),
    )


def bundle_names(release: Release) -> list[str]:
    """The file names of the bundles of a release and of the status beside it: those of an earlier status in
    the same logs."""
    blobs = [*(release.status.bundles if release.status else ()), *(a.bundle for a in release.anchors)]
    return list(dict.fromkeys(blob.path.rpartition("/")[2] for blob in blobs))


def _release(result: ReleaseResult, pairs: list[tuple[VerifiedAnchor, LogFact]]) -> ObservedRelease | None:
    release = result.release
    if release is None or not result.bound:
        return None
    return _seen(release, result.statement, pairs)


def seen_release(release: Release, statement: bytes, verified: Sequence[VerifiedAnchor]) -> ObservedRelease:
    """A release with the statement that its verified anchors sign. The statement fits `release`."""
    return _seen(release, statement, [(anchor, fact) for anchor in verified for fact in anchor.report.logs])


def _seen(release: Release, statement: bytes, pairs: list[tuple[VerifiedAnchor, LogFact]]) -> ObservedRelease:
    return ObservedRelease(
        ledger=release.ledger.name,
        number=release.ledger.number,
        version=release.ledger.version,
        root=release.tree.root,
        size=release.tree.size,
        statement=statement,
        anchors=tuple(
            ObservedAnchor(
                origin=fact.origin,
                log_key=log.key.vkey if (log := _log(fact)) else "",
                log_index=anchor.anchor.log.index,
                bundle=anchor.data,
                time=anchor.anchor.time,
            )
            for anchor, fact in pairs
        ),
    )


def _entry(anchor: VerifiedAnchor, fact: LogFact) -> Entry:
    return Entry(
        origin=fact.origin,
        index=anchor.anchor.log.index,
        body=fact.body,
        anchor=anchor.number,
        checkpoint=fact.checkpoint,
        log=_log(fact),
        tree_index=fact.index if fact.checkpoint else None,
    )


def _log(fact: LogFact) -> Log | None:
    """The log of a verified checkpoint."""
    head = fact.checkpoint
    if head is None:
        return None
    found = (log_of(head.origin, signer.key) for signer in head.signers)
    return next((log for log in found if log is not None), None)
