# SPDX-License-Identifier: Apache-2.0
"""Where the logs of a release are read: as the policy says, beside the release, or as the trusted root says.

The key always comes from the verifier's trusted root; a place is never trusted.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from anchor import log_kinds
from anchor.disk import files
from anchor.errors import Stopped, Unavailable, Unsupported
from anchor.log_kinds.rekor_v1 import REKOR_V1
from anchor.monitor.interfaces import LogLocation
from anchor.net import log_sources, release_files
from anchor.net.budget import Budget
from anchor.net.rekor_v1_reader import RekorV1Reader
from anchor.sigstore.trusted_root import LogKey
from anchor.tlog import witness_policy
from anchor.tlog.checkpoint import Log
from anchor.tlog.keys import key_from_spki
from anchor.tlog.source import Source
from anchor.verify.anchors import Trust
from anchor.verify.policy import LogSource, Policy

_V1 = re.compile(r"(?P<name>.+) - (?P<tree>[0-9]{1,20})", re.ASCII)
_VERSION = re.compile(r"/release/[^/]+/release\.json$")


class RunBudget(Budget):
    """A deadline that begins anew with each run, since one source serves all runs of a cycle."""

    def __init__(self, seconds: float, stopping: Callable[[], bool] = lambda: False) -> None:
        super().__init__(seconds)
        self._stopping = stopping

    def left(self) -> float:
        """Seconds left; raises Stopped when this process is to end."""
        if self._stopping():
            raise Stopped
        return super().left()

    def restart(self) -> None:
        self._start = self._clock()


@dataclass
class LogLocations:
    """The places of one cycle. `base`: the policy's folder; `tiles`: where verified tiles are kept."""

    base: Path
    tiles: Path
    budget: RunBudget
    offline: bool = False

    def find(self, origin: str, target: str, trust: Trust, seen: Log | None) -> LogLocation | None:
        """The log with this checkpoint origin; None when the trusted root names no such log. `seen`: the log
        that signed the checkpoint of a verified bundle."""
        shard = _V1.fullmatch(origin)
        key = _key(shard["name"] if shard else origin, trust.root.tlogs, seen)
        if key is None:
            return None
        if (hashed := key.key.scheme.hash) != "sha256":  # the key is kept as a vkey, which cannot say so
            raise Unsupported(f"a log that signs {hashed} is verified, but cannot be followed", where=origin)
        named = [s for s in trust.policy.logs if s.origin == origin]
        views = tuple((s.url or s.folder, self._source(s)) for s in named[1:])
        ended = key.window.end.timestamp() if key.window.end else None
        if shard:
            log = seen or REKOR_V1.log(shard["name"], key.key.spki)
            url = named[0].url if named and named[0].url else key.base_url
            self._allowed(url)
            online = RekorV1Reader(url, budget=self.budget, tree=shard["tree"])
            return LogLocation(log=log, name=url, online=online, origin=origin, views=views, ended=ended)
        log = seen or log_kinds.of_origin(origin).log(origin, key.key.spki)
        name, source = self._first(origin, target, named, key)
        return LogLocation(
            log=log,
            name=name,
            source=source,
            views=views,
            ended=ended,
            quorum=self._quorum(trust.policy, log),
            cache=log_sources.FolderCache(self.tiles, origin),
        )

    def _first(self, origin: str, target: str, named: list[LogSource], key: LogKey) -> tuple[str, Source]:
        if named:
            return named[0].url or named[0].folder, self._source(named[0])
        if log_kinds.EMBEDDED.has_origin(origin):
            return self._beside(origin, target)
        self._allowed(key.base_url)
        return key.base_url, log_sources.rekor_v2(key.base_url, budget=self.budget)

    def _beside(self, origin: str, target: str) -> tuple[str, Source]:
        """The embedded log's public files."""
        if release_files.is_url(target):
            self._allowed(target)
            url = urljoin(target, f"../log/{origin}" if _VERSION.search(target) else f"release/log/{origin}")
            return url, log_sources.HttpSource(url, budget=self.budget)
        path = Path(target)
        folder = path if path.is_dir() else path.parent
        for candidate in (folder / "release" / "log" / origin, folder.parent / "log" / origin):
            if candidate.is_dir():
                return str(candidate.resolve()), log_sources.FolderSource(candidate)
        raise Unavailable(f"no files of the log {origin} beside the release", where=str(folder))

    def _source(self, named: LogSource) -> Source:
        if named.url:
            self._allowed(named.url)
            return log_sources.HttpSource(named.url, budget=self.budget)
        return log_sources.FolderSource(self.base / named.folder)

    def _allowed(self, url: str) -> None:
        if self.offline:
            raise Unavailable("not fetched: --offline", where=url)

    def _quorum(self, policy: Policy, log: Log) -> witness_policy.WitnessPolicy | None:
        """The witness policy, if it is about this log."""
        if not policy.tlog_policy:
            return None
        path = self.base / policy.tlog_policy
        found = witness_policy.parse(files.read(path, limit=witness_policy.MAX_POLICY))
        return found if any(known.key == log.key for known in found.known_logs) else None


def _key(name: str, keys: Sequence[LogKey], seen: Log | None) -> LogKey | None:
    """The key that signed the release's own checkpoint, else the one whose host the origin names."""
    if seen is not None:
        return next((k for k in keys if public_key(k) == seen.key.public_key), None)
    return next((k for k in keys if name in k.names), None)


def public_key(key: LogKey) -> bytes:
    """A log's key as verifier keys have it: 32 raw bytes for Ed25519, SPKI DER for ECDSA."""
    return key_from_spki(key.host or "log", key.key.spki).public_key
