# SPDX-License-Identifier: Apache-2.0
"""One file that the user names: a path, `-`, or a URL that is fetched within a budget and a size."""

from pathlib import Path

from anchor.disk import user_files
from anchor.errors import Misuse
from anchor.net import release_files
from anchor.net.budget import Budget

BUDGET = 60.0
"""Seconds for a file that is fetched."""


def read(name: str, *, limit: int, most: int | None = None, offline: bool = False) -> bytes:
    """Its first `limit` bytes, at most. Raises `Misuse` for a file on the disk of more than `most` bytes (by
    default `limit`), and `Unavailable` for a URL that does not give it or gives more than `limit`."""
    if release_files.is_url(name):
        if offline:
            raise Misuse("a URL cannot be read offline", where=name, remedy="name a local copy")
        return release_files.fetch(name, Budget(BUDGET), limit=limit).body
    with user_files.opened(Path(name), limit=limit if most is None else most) as stream:
        return stream.read(limit)
