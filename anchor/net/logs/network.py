# SPDX-License-Identifier: Apache-2.0
"""The network part of a kind of log: where a log is read, and how an entry is written to it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from anchor.errors import Unavailable, Unsupported
from anchor.log_kinds.kind import LogKind
from anchor.monitor.interfaces import OnlineLog
from anchor.net.budget import Budget
from anchor.net.log_sources import FolderSource, HttpSource
from anchor.net.logs.remote_log import RemoteLog
from anchor.tlog.checkpoint import Log
from anchor.tlog.source import Source
from anchor.verify.policy import LogSource


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The limits of reading. `base`: the folder that the policy's paths are relative to."""

    base: Path
    budget: Budget
    offline: bool = False

    def allow(self, url: str) -> None:
        """Raise `Unavailable` if nothing may be fetched."""
        if self.offline:
            raise Unavailable("not fetched: --offline", where=url)

    def tiles(self, named: LogSource) -> Source:
        """The tiles of a log or of a copy of it, where a policy says that they are."""
        if named.url:
            self.allow(named.url)
            return HttpSource(named.url, budget=self.budget)
        return FolderSource(self.base / named.folder)


@dataclass(frozen=True, kw_only=True)
class ReadLog:
    """A log that is to be read. `url`: its base URL in the trusted root; `target`: the release that names it;
    `named`: where the policy says that it is read."""

    origin: str
    url: str
    target: str
    named: LogSource | None = None


class LogNetwork(ABC):
    """A log of one kind. A subclass is one file; `anchor.net.logs.NETWORKS` lists them."""

    kind: LogKind

    @abstractmethod
    def reader(self, log: ReadLog, reach: Reach) -> tuple[str, Source | OnlineLog]:
        """The URL or folder of a log, for reports, and how it is read. Raises `Unavailable`."""

    def writer(self, url: str, known: Log, key_id: bytes, *, budget: Budget) -> RemoteLog:
        """A log by its URL, its name and key, and the 32 bytes of its log id, to write an entry to."""
        raise Unsupported(f"a {self.kind.title} log takes no entries from here", where=url)

    def checkpoint(self, url: str, budget: Budget) -> bytes:
        """The signed note that a log serves now, not verified. Raises `Unavailable`."""
        raise Unsupported(f"a {self.kind.title} log has no URL of its own", where=url)


class StaticTiles(LogNetwork):
    """Any tiled log whose tiles are where the policy says, or at its own URL."""

    def reader(self, log: ReadLog, reach: Reach) -> tuple[str, Source | OnlineLog]:
        if log.named is not None:
            return log.named.url or log.named.folder, reach.tiles(log.named)
        return self.own(log, reach)

    def own(self, log: ReadLog, reach: Reach) -> tuple[str, Source]:
        """The location of the log if the policy names none."""
        reach.allow(log.url)
        return log.url, HttpSource(log.url, budget=reach.budget)
