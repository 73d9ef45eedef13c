# SPDX-License-Identifier: Apache-2.0
"""Reads earlier releases and statuses of a ledger from the folder in which a later one is published."""

import contextlib
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from anchor.disk import files
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.format import ledger_status as statuses
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.release import MAX_BUNDLE
from anchor.format.statement import Previous
from anchor.monitor.observed import seen_release
from anchor.monitor.run_record import Earlier
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.verify import anchors
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.release_files import read_whole


def read(
    target: str, wanted: Previous, *, trust: Trust, budget: Budget, offline: bool, effort: Effort
) -> Earlier:
    """The release that a later one names. Its statement has the digest of that name.

    `release` is given only if one of its bundles verifies under `trust`. Raises an AnchorError if the release
    cannot be read.
    """
    first_error: AnchorError | None = None
    for location in locations(target, wanted.version):
        try:
            return _read(location, wanted, trust, budget, effort, offline=offline)
        except AnchorError as e:
            first_error = first_error or e
    raise first_error or Unavailable("is published nowhere", where=target)


def locations(target: str, version: str) -> list[str]:
    """The paths or URLs of a version's release.json, from the one of the newest or of another version
    (FORMAT.md section 9)."""
    return _beside(target, f"{version}/release.json")


def _beside(target: str, name: str) -> list[str]:
    """The paths or URLs of a file below `release`, from a release.json of the newest or another version."""
    if "://" in target:
        folder = urljoin(target, ".")
        names = [f"release/{name}"]
        if urlsplit(folder).path.rstrip("/").rpartition("/")[0].endswith("/release"):
            names.insert(0, f"../{name}")
        return [urljoin(folder, one) for one in names]
    path = Path(target)
    around = path if path.is_dir() else path.parent
    found = [str(around / "release" / name)]
    if around.parent.name == "release":
        found.insert(0, str(around.parent / name))
    return found


def read_status(target: str, sequence: int, digest: str, *, budget: Budget, offline: bool) -> bytes:
    """The statement of an earlier status with this digest (SHA-256, hex): FORMAT.md section 23.

    Nothing of it is verified but the digest, by which a verified statement names it. Raises an AnchorError if
    it cannot be read.
    """
    first_error: AnchorError | None = None
    for location in _beside(target, f"{statuses.FOLDER.rpartition('/')[2]}/{sequence}/{statuses.FILE}"):
        try:
            data = _read_file(location, budget, offline=offline)
        except AnchorError as e:
            first_error = first_error or e
            continue
        if hashlib.sha256(data).hexdigest() == digest:
            return data
        first_error = first_error or Refused("is not the status that was named", where=location)
    raise first_error or Unavailable("is published nowhere", where=target)


def read_status_bundles(
    target: str, sequence: int, names: Sequence[str], *, budget: Budget, offline: bool
) -> tuple[bytes, ...]:
    """The bundles of an earlier status that have these names and can be read. None of them is verified."""
    found: list[bytes] = []
    for name in names:
        for location in _beside(target, f"{statuses.FOLDER.rpartition('/')[2]}/{sequence}/{name}"):
            with contextlib.suppress(AnchorError):
                found.append(_read_file(location, budget, offline=offline, limit=MAX_BUNDLE))
                break
    return tuple(found)


def _read_file(location: str, budget: Budget, *, offline: bool, limit: int = statuses.MAX_STATUS) -> bytes:
    if "://" not in location:
        return files.read(Path(location), limit=limit)
    if offline:
        raise Unavailable("not fetched: --offline", where=location)
    return release_files.fetch(location, budget, limit=limit).body


def _read(
    location: str, wanted: Previous, trust: Trust, budget: Budget, effort: Effort, *, offline: bool
) -> Earlier:
    data, beside = release_files.load(location, budget, offline=offline)
    release = release_file.load(data)
    blob = release.statement
    if blob.sha256 != wanted.statement:
        raise Refused(
            f"its statement is {blob.sha256}, not the {wanted.statement} that was named", where=location
        )
    payload = read_whole(
        beside, blob.path, size=blob.size, sha256=blob.sha256, limit=statements.MAX_STATEMENT
    )
    assert hashlib.sha256(payload).hexdigest() == wanted.statement
    reports, _ = anchors.verify_all(
        release, payload, beside, trust=trust, now=datetime.now(UTC), reference_client=None, effort=effort
    )
    verified = [v for report in reports if (v := report.verified) is not None]
    said = statements.decode(payload)
    fits = (release.ledger, release.tree) == (said.ledger, said.tree)
    return Earlier(
        statement=payload, release=seen_release(release, payload, verified) if verified and fits else None
    )
