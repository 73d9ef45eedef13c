# SPDX-License-Identifier: Apache-2.0
"""Reads an earlier release of a ledger from the folder in which a later one is published."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from anchor.errors import AnchorError, Refused, Unavailable
from anchor.format import release as release_file
from anchor.format import statement as statements
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
    names = [f"release/{version}/release.json"]
    if "://" in target:
        folder = urljoin(target, ".")
        if urlsplit(folder).path.rstrip("/").rpartition("/")[0].endswith("/release"):
            names.insert(0, f"../{version}/release.json")
        return [urljoin(folder, name) for name in names]
    path = Path(target)
    around = path if path.is_dir() else path.parent
    found = [str(around / names[0])]
    if around.parent.name == "release":
        found.insert(0, str(around.parent / version / "release.json"))
    return found


def _read(
    location: str, wanted: Previous, trust: Trust, budget: Budget, effort: Effort, *, offline: bool
) -> Earlier:
    data, files = release_files.load(location, budget, offline=offline)
    release = release_file.load(data)
    blob = release.statement
    if blob.sha256 != wanted.statement:
        raise Refused(
            f"its statement is {blob.sha256}, not the {wanted.statement} that was named", where=location
        )
    payload = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=statements.MAX_STATEMENT)
    assert hashlib.sha256(payload).hexdigest() == wanted.statement
    reports, _ = anchors.verify_all(
        release, payload, files, trust=trust, now=datetime.now(UTC), reference_client=None, effort=effort
    )
    verified = [v for report in reports if (v := report.verified) is not None]
    said = statements.decode(payload)
    fits = (release.ledger, release.tree) == (said.ledger, said.tree)
    return Earlier(
        statement=payload, release=seen_release(release, payload, verified) if verified and fits else None
    )
