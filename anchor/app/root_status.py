# SPDX-License-Identifier: Apache-2.0
"""The status of a ledger for a release of one version, whose release.json names none.

The root release.json of the same folder names the newest one (FORMAT.md sections 9 and 20).
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from anchor import limits
from anchor.app import named_release
from anchor.encoding import parse_json
from anchor.errors import Misuse
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.format.receipt import JsonObject
from anchor.format.release import MAX_BUNDLE
from anchor.net.budget import Budget
from anchor.net.release_files import is_url
from anchor.verify import status_checks
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.release_files import read_whole

BUDGET = 60.0
"""Seconds for everything that is fetched."""
_REMEDY = "name the root release.json of a ledger with a status, or leave --staple out"


def bundles(target: str, ledger: str, *, trust: Trust | None, offline: bool) -> tuple[JsonObject, ...]:
    """The bundles of the status that the root release.json above a release of one version names.

    `target`: the release, as the user named it. Raises `Misuse` if there is no status of this ledger that the
    policy accepts. Without a policy it is as much a claim as the release.
    """
    root = _root(target)
    if root is None:
        raise Misuse("release.json names no status", where="--staple", remedy=_REMEDY)
    data, files = named_release.load(root, Budget(BUDGET), offline=offline)
    release = release_file.load(data)
    named = release.status
    if named is None or release.ledger.name != ledger:
        raise Misuse(f"{root} names no status of this ledger", where="--staple", remedy=_REMEDY)
    blob = named.statement
    statement = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=limits.STATEMENT)
    found = [read_whole(files, b.path, size=b.size, sha256=b.sha256, limit=MAX_BUNDLE) for b in named.bundles]
    if trust is not None:
        result = status_checks.examine(
            statement,
            found,
            ledger=ledger,
            sequence=named.sequence,
            trust=trust,
            now=datetime.now(UTC),
            effort=Effort(stopwatch=time.thread_time),
        )
        if result.status is None:
            raise Misuse("nobody whom you trust signed its status", where="--staple", remedy=_REMEDY)
    return tuple(parse_json(one, where=root) for one in found)


def _root(target: str) -> str | None:
    """The root release.json, if the target lies in the folder of a version."""
    if is_url(target):
        folder = urlsplit(target).path.rpartition("/")[0]
        is_version = folder.rpartition("/")[0].endswith("/release")
        return urljoin(target, f"../../{RELEASE}") if is_version else None
    path = Path(target).resolve()
    around = path if path.is_dir() else path.parent
    found = around.parent.parent / RELEASE
    return str(found) if around.parent.name == "release" and found.is_file() else None
