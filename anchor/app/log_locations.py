# SPDX-License-Identifier: Apache-2.0
"""Finds the location of a log: in the policy, next to the release, or in the trusted root.

The key always comes from the verifier's trusted root; a location is never trusted. The kind of a log says how
it is read (`anchor.net.logs`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anchor import log_kinds
from anchor.errors import Stopped, Unsupported
from anchor.monitor.interfaces import LogLocation
from anchor.net import log_sources, logs
from anchor.net.budget import Budget
from anchor.net.logs.network import Reach, ReadLog
from anchor.sigstore.trusted_root import LogKey
from anchor.tlog.checkpoint import Log
from anchor.tlog.keys import key_from_spki
from anchor.tlog.witness_policy import WitnessPolicy
from anchor.verify.anchors import Trust


class RunBudget(Budget):
    """A deadline that starts again with each run, because one source serves all runs of a cycle."""

    def __init__(
        self, seconds: float, stopping: Callable[[], bool] = lambda: False, *, remedy: str = ""
    ) -> None:
        super().__init__(seconds, remedy=remedy)
        self._stopping = stopping

    def left(self) -> float:
        """Seconds left. Raises Stopped if this process is to end."""
        if self._stopping():
            raise Stopped
        return super().left()

    def restart(self) -> None:
        self._start = self._clock()


@dataclass
class LogLocations:
    """The log locations of one cycle. `base`: the policy's folder; `tiles`: verified tiles."""

    base: Path
    tiles: Path
    budget: RunBudget
    offline: bool = False

    def find(self, origin: str, target: str, trust: Trust, seen: Log | None) -> LogLocation | None:
        """The log with this checkpoint origin. None if the trusted root names no such log. `seen`: the log
        that signed the checkpoint of a verified bundle."""
        kind = log_kinds.of_origin(origin)
        name = kind.log_name(origin)
        key = _key(name, trust.root.tlogs, seen)
        if key is None:
            return None
        if (hashed := key.key.scheme.hash) != "sha256":  # the key is kept as a vkey, which cannot say so
            raise Unsupported(f"a log that signs {hashed} is verified, but cannot be followed", where=origin)
        reach = Reach(base=self.base, budget=self.budget, offline=self.offline)
        named = [s for s in trust.policy.logs if s.origin == origin]
        views = tuple((s.url or s.folder, reach.tiles(s)) for s in named[1:])
        log = seen or kind.log(name, key.key.spki)
        wanted = ReadLog(origin=origin, url=key.base_url, target=target, named=named[0] if named else None)
        where, reader = logs.of(kind).reader(wanted, reach)
        ended = key.window.end.timestamp() if key.window.end else None
        return LogLocation(
            log=log,
            name=where,
            reader=reader,
            origin=origin,
            views=views,
            ended=ended,
            quorum=_quorum(trust, origin, log) if kind.one_tree else None,
            cache=log_sources.FolderCache(self.tiles, origin),
        )


def _quorum(trust: Trust, origin: str, log: Log) -> WitnessPolicy | None:
    """The witness policy of the log, if it names it."""
    found = trust.witnesses_of(origin)
    named = found is not None and any(known.key == log.key for known in found.known_logs)
    return found if named else None


def _key(name: str, keys: Sequence[LogKey], seen: Log | None) -> LogKey | None:
    """The key that signed the release's own checkpoint, else the key of the host in the origin."""
    if seen is not None:
        return next((k for k in keys if public_key(k) == seen.key.public_key), None)
    return next((k for k in keys if name in k.names), None)


def public_key(key: LogKey) -> bytes:
    """A log's key as verifier keys have it: 32 raw bytes for Ed25519, SPKI DER for ECDSA."""
    return key_from_spki(key.host or "log", key.key.spki).public_key
