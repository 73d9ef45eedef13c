# SPDX-License-Identifier: Apache-2.0
"""A second walk along the releases of a ledger, written from FORMAT.md sections 6, 8, 9 and 11 alone.

It verifies no signature and no facts: it says which releases a chain has, and why it ends.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple


class Walked(NamedTuple):
    """Number, version and statement (SHA-256, hex) of each release that was found, newest first."""

    found: list[tuple[int, str, str]]
    end: str
    """"first", "missing", "contradiction"."""


def walk(site: Path) -> Walked:
    """The chain of a site, from its release.json."""
    digest, said = _statement(site / "release.json")
    found: list[tuple[int, str, str]] = []
    while True:
        ledger = said["ledger"]
        found.append((ledger["number"], ledger["version"], digest))
        before = said.get("previous")  # null, or in version 2 absent, for number 1
        if before is None:
            return Walked(found, "first")
        if before["version"].lower() in [version.lower() for _, version, _ in found]:
            return Walked(found, "contradiction")  # versions are unique regardless of case
        path = site / "release" / before["version"] / "release.json"
        if not path.exists():
            return Walked(found, "missing")
        digest, said = _statement(path)
        named = {**ledger, "number": before["number"], "version": before["version"]}
        if said["ledger"] != named or digest != before["statement"]:
            return Walked(found, "contradiction")


def _statement(release: Path) -> tuple[str, Any]:
    """The digest of the statement that a release.json names, and the predicate of it."""
    named = json.loads(release.read_bytes())["statement"]
    data = (release.parent / named["path"]).read_bytes()
    return hashlib.sha256(data).hexdigest(), json.loads(data)["predicate"]
