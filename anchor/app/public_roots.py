# SPDX-License-Identifier: Apache-2.0
"""Trusted roots of the public instances, through TUF or from the copy that is here."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from anchor.disk import files, user_folders
from anchor.errors import AnchorError, Stale, Unavailable
from anchor.net import tuf_roots as tuf
from anchor.net.budget import Budget
from anchor.sigstore import trusted_root as roots
from anchor.sigstore.trusted_root import TrustedRoot

PAUSE = 60.0
"""Seconds for which a TUF repository that did not answer is left alone."""


def tuf_cache() -> Path:
    """Where the trust material of the public instances is kept between runs."""
    return user_folders.cache() / "tuf"


class PublicRoot(msgspec.Struct, frozen=True):
    """Trust material of a public instance; `refresh_error` says why it could not be refreshed, if so."""

    material: tuf.Material
    now: datetime
    refresh_error: str = ""


def public_root(name: str, *, budget: Budget, offline: bool = False) -> PublicRoot:
    """`public` or `staging`, refreshed through TUF where that can be; else the copy that is here.

    A repository that did not answer is not asked again for `PAUSE`. Raises `Stale` when what it serves has
    expired, `Unavailable` when no copy is here.
    """
    now, cache, repository = datetime.now(UTC), tuf_cache(), tuf.REPOSITORIES[name]
    marker = cache / f"{name}.unreachable"
    if offline or _recent(marker, now):
        error = "" if offline else "its TUF repository did not answer a moment ago"
        kept = tuf.load(repository, cache=cache, budget=budget, now=now, offline=True)
        return PublicRoot(kept, now, error)
    try:
        return PublicRoot(tuf.load(repository, cache=cache, budget=budget, now=now), now)
    except Stale:
        raise
    except Unavailable as e:
        kept = tuf.load(repository, cache=cache, budget=budget, now=now, offline=True)
        with contextlib.suppress(AnchorError):
            files.write(marker, b"")
        return PublicRoot(kept, now, str(e))


def public_logs(root: TrustedRoot) -> frozenset[bytes]:
    """The keys (SPKI DER) of the logs of a trusted root that a public instance runs, by the copies that are
    here. A verifier may pin a file of his own that has these logs."""
    found = set[bytes]()
    for name in tuf.REPOSITORIES:
        with contextlib.suppress(AnchorError):  # there is no copy here
            kept = public_root(name, budget=Budget(0), offline=True).material.trusted_root
            found |= {log.key.spki for log in roots.parse(kept).tlogs}
    return frozenset(log.key.spki for log in root.tlogs if log.key.spki in found)


def _recent(marker: Path, now: datetime) -> bool:
    try:
        age = now.timestamp() - marker.stat().st_mtime
    except OSError:
        return False
    return 0 <= age < PAUSE
