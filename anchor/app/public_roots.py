# SPDX-License-Identifier: Apache-2.0
"""Trusted roots: of the public instances through TUF or from the copy that is here, and from a file."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from anchor.disk import files, user_folders
from anchor.errors import AnchorError, Misuse, Refused, Stale, Unavailable, Unsupported
from anchor.net import tuf_roots as tuf
from anchor.net.budget import Budget
from anchor.sigstore import containers
from anchor.sigstore import trusted_root as roots
from anchor.sigstore.trusted_root import TrustedRoot

PUBLIC_INSTANCES = ("public", "staging")
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


def _recent(marker: Path, now: datetime) -> bool:
    try:
        age = now.timestamp() - marker.stat().st_mtime
    except OSError:
        return False
    return 0 <= age < PAUSE


def own_root(data: bytes, *, where: str) -> TrustedRoot:
    """A trusted root from a file of the verifier's own.

    Misuse, not Refused, for one that is malformed, and for a document of another tool that is known.
    """
    try:
        return roots.parse(data, where=where)
    except (Refused, Unsupported) as e:
        held = containers.recognise(data)
        if held is None and isinstance(e, Unsupported):
            raise
        problem = f"{held.kind}, where one trusted root is wanted" if held else e.problem
        remedy = held.remedy if held else "give the file of a Sigstore trusted root"
        raise Misuse(problem, where=where if held else e.where, remedy=remedy) from None
