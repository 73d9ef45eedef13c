# SPDX-License-Identifier: Apache-2.0
"""Trusted roots and signing configs of the public instances, through TUF, with freshness.

Three copies are possible: one that TUF vouches for now, the cached one of the last refresh, or the one that
the sigstore package ships. This module decides which of them is used and how old it is. An expired copy and a
copy that could not be refreshed are different errors, and neither is accepted silently.

The cache is in the user's own folder and is trusted like the user's configuration: whoever can write there
can also write a policy.
"""

import contextlib
import hashlib
import importlib.util
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from anchor import limits
from anchor.disk import files
from anchor.errors import AnchorError, Misuse, Stale, Unavailable
from anchor.net.budget import Budget
from anchor.words import several, span

TUF = "TUF repository"
TRUSTED_ROOT = "trusted_root.json"
CONFIGS = {"default": "signing_config.v0.2.json", "rekor-v2": "signing_config_rekor_v2.v0.2.json"}
"""The files of signing configs. The second one lists logs of that kind (`anchor.log_kinds`)."""
MAX_FILE = limits.TUF_FILE
RECENT = timedelta(minutes=10)
"""A copy that was refreshed less than this ago is not refreshed again."""

Origin = Literal["tuf", "cache", "shipped"]


class Repository(msgspec.Struct, frozen=True):
    """A TUF repository: its name here, its URL, and the root of trust that it is entered with."""

    name: str
    url: str
    root: bytes | None = None
    """None: the one that the sigstore package ships for this URL."""


REPOSITORIES = {
    "public": Repository("public", "https://tuf-repo-cdn.sigstore.dev"),
    "staging": Repository("staging", "https://tuf-repo-cdn.sigstage.dev"),
}


class Material(msgspec.Struct, frozen=True):
    """Files that a TUF repository gave, and how far they can be relied on."""

    repository: Repository
    files: Mapping[str, bytes]
    origin: Origin
    versions: Mapping[str, int]
    """Version of each TUF role; empty for the shipped copy."""
    refreshed: datetime | None
    """When TUF last vouched for the files; None for the shipped copy."""
    expires: datetime | None
    """Until when that holds."""
    cache_error: str = ""
    """Why the files could not be cached for the next run; empty if they were, or if nothing was fetched."""

    @property
    def trusted_root(self) -> bytes:
        """Sigstore TrustedRoot, JSON."""
        return self.files[TRUSTED_ROOT]

    def signing_config(self, name: str = "default") -> bytes:
        """Sigstore SigningConfig, JSON. Raises `Unavailable` when the repository has none of this name."""
        data = self.files.get(CONFIGS[name])
        if data is None:
            raise Unavailable(f"no signing config {name!r} ({CONFIGS[name]})", where=self.where)
        return data

    def age(self, now: datetime) -> timedelta | None:
        """The time since TUF vouched for it; None for the shipped copy, whose age is not known."""
        return None if self.refreshed is None else now - self.refreshed

    def describe(self, now: datetime) -> str:
        """The copy in words: its age, and until when TUF vouched for it."""
        if self.refreshed is None or self.expires is None:
            return "the copy that the sigstore client ships, which was never refreshed here,"
        age = several(max((now - self.refreshed).days, 0), "day")
        made, ends = (f"{time:%Y-%m-%d %H:%M} UTC" for time in (self.refreshed, self.expires))
        holds = "which expired on" if now > self.expires else "valid until"
        return f"the copy of {made}, {age} old, {holds} {ends},"

    def check_fresh(self, now: datetime, *, max_age: timedelta | None = None) -> None:
        """Raise `Stale` for a copy that has expired, was never refreshed here, or is older than `max_age`."""
        remedy = "run anchor trust update with the network"
        if self.refreshed is None or self.expires is None:
            raise Stale(
                "the copy that the sigstore package ships, never refreshed here",
                where=self.where,
                remedy=remedy,
            )
        if now > self.expires:
            raise Stale(
                f"the copy expired on {self.expires:%Y-%m-%d %H:%M} UTC", where=self.where, remedy=remedy
            )
        if max_age is not None and now - self.refreshed > max_age:
            raise Stale(
                f"the copy was last refreshed {span(now - self.refreshed)} ago",
                where=self.where,
                remedy=remedy,
            )

    @property
    def where(self) -> str:
        """The repository, as errors name it."""
        return f"{TUF} {self.repository.url}"


class _State(msgspec.Struct, frozen=True):
    """The state of the cached files when TUF last vouched for them. Times in seconds since 1970, UTC."""

    refreshed: float
    expires: float
    versions: dict[str, int]
    digests: dict[str, str]


def load(
    repository: Repository,
    *,
    cache: Path,
    budget: Budget,
    now: datetime,
    offline: bool = False,
    force: bool = False,
) -> Material:
    """The files that the repository vouches for now; offline, the copy that is here.

    Online, a copy refreshed within `RECENT` is used as it is, unless `force`. If the cache cannot be written,
    the fetched files are used all the same, and `cache_error` says why they are not cached. Raises
    `Unavailable` if the repository cannot be reached or its metadata is not accepted, and `Stale` if they
    have expired. Offline there is no connection, and the age is not checked: call `check_fresh`.
    """
    folder = cache / quote(repository.url, safe="")
    kept = _cached(repository, folder)
    if offline:
        return kept or _shipped(repository)
    age = kept.age(now) if kept else None
    if kept and not force and age is not None and timedelta(0) <= age < RECENT and _unexpired(kept, now):
        return kept
    if not (cache_error := _unwritable(folder)):
        return _refresh(repository, folder, budget, now)
    import shutil  # with tempfile it takes 10 ms, which a run without the network does not need
    import tempfile

    try:
        with tempfile.TemporaryDirectory(prefix="anchor-", ignore_cleanup_errors=True) as other:
            with contextlib.suppress(OSError, shutil.Error):  # never back behind what was believed
                shutil.copytree(folder / "metadata", Path(other) / "metadata")
            return msgspec.structs.replace(
                _refresh(repository, Path(other), budget, now), cache_error=cache_error
            )
    except OSError as e:
        raise Unavailable(f"{cache_error}; nor anywhere else: {e.strerror}", where=repository.url) from None


def _unwritable(folder: Path) -> str:
    """Why a folder cannot be written; "" if it can. It is made if it is missing."""
    import tempfile

    try:
        files.make_folder(folder, mode=files.PRIVATE)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as e:
        return str(files.os_error(e, folder, "keep trust roots"))


def _unexpired(kept: Material, now: datetime) -> bool:
    return kept.expires is not None and now <= kept.expires


def _refresh(repository: Repository, folder: Path, budget: Budget, now: datetime) -> Material:
    from anchor.net import tuf_client  # its import costs 0.2 s

    root = repository.root or _shipped_file(repository, "root.json")
    if root is None:
        raise Misuse("no root of trust to enter it with", where=f"{TUF} {repository.url}")
    names = (TRUSTED_ROOT, *CONFIGS.values())
    found = tuf_client.fetch(repository.url, root, names, folder=folder, budget=budget)
    if TRUSTED_ROOT not in found.files:
        raise Unavailable("has no trusted root", where=f"{TUF} {repository.url}", remedy="check the URL")
    state = _State(
        refreshed=now.timestamp(),
        expires=found.expires.timestamp(),
        versions=dict(found.versions),
        digests={name: hashlib.sha256(data).hexdigest() for name, data in found.files.items()},
    )
    for name, data in found.files.items():
        files.write(folder / name, data)
    files.write(folder / "state.json", msgspec.json.encode(state))  # last: it says that the others are whole
    return Material(repository, found.files, "tuf", found.versions, now, found.expires)


def _cached(repository: Repository, folder: Path) -> Material | None:
    """The copy of the last refresh, if it is whole."""
    try:
        state = msgspec.json.decode(files.read(folder / "state.json", limit=MAX_FILE), type=_State)
        kept = {
            name: files.read(folder / name, limit=MAX_FILE)
            for name in (TRUSTED_ROOT, *CONFIGS.values())
            if name in state.digests
        }
        refreshed, expires = (datetime.fromtimestamp(t, UTC) for t in (state.refreshed, state.expires))
    except (AnchorError, msgspec.DecodeError, ValueError, OverflowError, OSError):
        return None
    if TRUSTED_ROOT not in kept or any(
        hashlib.sha256(d).hexdigest() != state.digests[n] for n, d in kept.items()
    ):
        return None
    return Material(repository, kept, "cache", state.versions, refreshed, expires)


def _shipped(repository: Repository) -> Material:
    """The copy in the sigstore package. Raises `Unavailable` when it has none for this repository."""
    names = (TRUSTED_ROOT, *CONFIGS.values())
    found = {name: data for name in names if (data := _shipped_file(repository, name)) is not None}
    if TRUSTED_ROOT not in found:
        raise Unavailable(
            "no copy of it is here", where=f"{TUF} {repository.url}", remedy="run it once with the network"
        )
    return Material(repository, found, "shipped", {}, None, None)


def _shipped_file(repository: Repository, name: str) -> bytes | None:
    """A file that the sigstore package ships, found without importing the package, which costs 0.4 s."""
    spec = importlib.util.find_spec("sigstore")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "_store" / quote(repository.url.rstrip("/"), safe="") / name
    return files.read(path, limit=MAX_FILE) if path.exists() else None
