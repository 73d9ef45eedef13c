# SPDX-License-Identifier: Apache-2.0
"""The statuses of a mirrored ledger: the earlier ones, and what the newest says beside the one that is kept.

Each status has the digest of the one before it. So the newest, which was verified, binds the statements of
all earlier ones. Nothing lists their bundles: those with the names of the newest one's are looked for.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from anchor import limits
from anchor.app.mirror_files import MirrorFiles
from anchor.disk.mirror_folder import MirrorFolder
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import ledger_status as statuses
from anchor.format.release import MAX_BUNDLE, Blob, Release, StatusFiles
from anchor.monitor import conflicting_statements, conflicting_statuses
from anchor.monitor.run_record import Evidence
from anchor.net import release_files
from anchor.verdict import Check, contradiction, failed
from anchor.verify.anchors import Trust
from anchor.verify.release_files import read_whole

MOST = 10_000
"""Earlier statuses that are looked for."""
_MEANING = "the publisher signed statuses that cannot both be true: the mirror keeps what it has"


@dataclass(kw_only=True)
class History:
    """The earlier statuses. `paths`: their files that wait; `known`: those with bundles, each with the number
    of the release that it names as the newest, highest sequence first."""

    paths: list[str] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)
    """All their files, also those that the mirror has."""
    notes: list[str] = field(default_factory=list)
    known: list[tuple[int, StatusFiles]] = field(default_factory=list)

    def beside(self, number: int, kept: StatusFiles | None) -> StatusFiles | None:
        """The status for a release that is the newest for a moment: the last one that knows of none later."""
        lowest = kept.sequence if kept else 0
        fits = (s for newest, s in self.known if newest <= number and s.sequence >= lowest)
        return next(fits, kept)


def history(
    files: MirrorFiles, folder: MirrorFolder, named: StatusFiles, newest: bytes, trust: Trust | None
) -> History:
    """Have the statuses before the newest one, back to the first or to one that cannot be had."""
    above = named.statement.path.rpartition("/")[0].rpartition("/")[0]
    names = [blob.path.rpartition("/")[2] for blob in named.bundles]
    found, after = History(), newest
    for sequence in range(named.sequence - 1, max(0, named.sequence - MOST), -1):
        base = "/".join(filter(None, (above, str(sequence))))
        path = f"{base}/{statuses.FILE}"
        try:
            data = files.read_up_to(path, limit=limits.STATEMENT)
            if (digest := hashlib.sha256(data).hexdigest()) != statuses.decode(after).previous:
                raise Refused(f"SHA-256 is {digest}, not the one that the next status names", where=path)
            status = statuses.decode(data)
        except AnchorError as e:
            found.notes.append(f"the statuses 1 to {sequence} are not kept: {e}")
            return found
        bundles = _bundles(files, [f"{base}/{name}" for name in names], data, trust)
        for one, content in {path: data, **bundles}.items():
            found.blobs.append(_blob(one, content))
            if folder.read(one, limit=len(content)) != content:
                folder.add(one, [content])
                found.paths.append(one)
        if bundles:
            blobs = tuple(_blob(one, content) for one, content in sorted(bundles.items()))
            described = StatusFiles(sequence=sequence, statement=_blob(path, data), bundles=blobs)
            found.known.append((status.newest.number, described))
        after = data
    return found


def _blob(path: str, data: bytes) -> Blob:
    return Blob(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _bundles(files: MirrorFiles, paths: list[str], statement: bytes, trust: Trust | None) -> dict[str, bytes]:
    """The bundles of an earlier status that sign it. Without `trust` nobody can say, so none is kept."""
    found: dict[str, bytes] = {}
    for path in paths if trust is not None else ():
        try:
            data = files.read_up_to(path, limit=MAX_BUNDLE)
        except AnchorError:
            continue
        assert trust is not None
        report, _ = trust.verify(data, now=datetime.now(UTC))
        if conflicting_statements.signs(report, statement):
            found[path] = data
    return found


def compare(
    folder: MirrorFolder, kept: Release, newer: tuple[bytes, list[bytes]], trust: Trust | None
) -> tuple[Check, Evidence | None] | None:
    """The check of a status that contradicts the one that the mirror has, and evidence where both are signed.

    None if they are of one history. `newer`: a verified statement, and its bundles.
    """
    named = kept.status
    if named is None:
        return None
    own = release_files.Folder(folder.folder)
    blob = named.statement
    try:
        data = read_whole(own, blob.path, size=blob.size, sha256=blob.sha256, limit=limits.STATEMENT)
        bundles = [
            read_whole(own, b.path, size=b.size, sha256=b.sha256, limit=MAX_BUNDLE) for b in named.bundles
        ]
        problem = "" if data == newer[0] else conflicting_statuses.disagree(data, newer[0])
    except AnchorError as e:
        return failed("status-history", e, meaning=_MEANING), None
    if not problem:
        return None
    check = contradiction("status-history", problem, meaning=_MEANING)
    made = conflicting_statuses.build(kept.ledger.name, (data, bundles), newer)
    try:
        if trust is None:
            return check, None
        conflicting_statuses.check(made.document, trust, datetime.now(UTC))
    except (Refused, Unsupported):
        return check, None
    return check, made
