# SPDX-License-Identifier: Apache-2.0
"""Rekor v2 over HTTP: whether an answer is about our request, and at which index our entry is.

There is no API to search. If an answer is lost, the entry is looked for in the tiles of level 0, which are
hashed up to a verified checkpoint before use.
"""

import time
from dataclasses import dataclass, field

from anchor import limits
from anchor.encoding import decimal, parse_json, to_base64
from anchor.errors import Refused
from anchor.log_kinds import rekor_v2
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.net.budget import Budget
from anchor.net.log_sources import HttpSource
from anchor.net.logs.network import Reach, ReadLog, StaticTiles
from anchor.net.logs.remote_log import INTEGRATION, LOG, POLL, RemoteLog
from anchor.net.service_errors import HttpError, ServiceError
from anchor.tlog.checkpoint import Log
from anchor.tlog.note import MAX_NOTE
from anchor.tlog.source import Source
from anchor.tlog.tile_reader import TileReader


@dataclass
class RekorV2Writer(RemoteLog):
    """One shard."""

    kind = REKOR_V2
    ENTRIES = "/api/v2/log/entries"
    MAX_ANSWER = limits.ANSWER_V2

    source: Source | None = field(default=None, kw_only=True)
    """The source of tiles; None: the log's own read API."""

    def find_after(self, since: int, leaf: bytes) -> bytes | None:
        """The same by the leaf hash (32 bytes) of the entry, proven under the current checkpoint.

        A log that is smaller than it was says nothing about what it took.
        """
        reader = TileReader(self._source(), self.head())
        if reader.size < since:
            problem = f"serves an old head of size {reader.size}, it had {since} before"
            raise ServiceError(problem, where=f"{LOG} {self.url}", remedy="try again later")
        for index, found in enumerate(reader.leaf_hashes(since, reader.size), since):
            if found == leaf:
                return self._entry(reader, index)
        return None

    def _checkpoint(self) -> bytes:
        return self._source().checkpoint()

    def _recover(self, error: HttpError, body: bytes) -> bytes:
        """The entry at the index that a 409 names is compared byte for byte with ours."""
        try:
            index = decimal(error.headers.get("x-log-index", ""), where="x-log-index")
        except Refused:
            raise self._foreign("says that it has the entry, and not where", error.where) from None
        patience = self.budget.part(INTEGRATION)
        while (head := self.head()).size <= index:
            if patience.left() < POLL:
                raise self._foreign(
                    f"says that it has the entry at {index}, beyond its checkpoint", error.where
                )
            time.sleep(POLL)
        reader = TileReader(self._source(), head)
        if reader.entry(index) != body:
            raise self._foreign(f"names entry {index}, which is another one", error.where)
        return self._entry(reader, index)

    def _taken(self, answer: bytes, body: bytes) -> bytes:
        try:
            entry = parse_json(answer, where="answer")
            ours = isinstance(entry, dict) and entry.get("canonicalizedBody") == to_base64(body)
        except Refused:
            ours = False
        if not ours:
            raise self._foreign("answers with an entry that is not ours")
        return answer

    def _entry(self, reader: TileReader, index: int) -> bytes:
        """TransparencyLogEntry (protobuf JSON) of an entry under the reader's checkpoint."""
        return rekor_v2.log_entry(
            reader.entry(index),
            index=index,
            size=reader.size,
            root=reader.checkpoint.root,
            proof=reader.inclusion_proof(index),
            checkpoint=reader.checkpoint.raw,
            log_id=self.key_id,
        )

    def _source(self) -> Source:
        if self.source is None:
            self.source = _tiles(self.url, self.budget, LOG)
        return self.source


class RekorV2Network(StaticTiles):
    """Its API serves the tiles below `/api/v2`."""

    kind = REKOR_V2

    def own(self, log: ReadLog, reach: Reach) -> tuple[str, Source]:
        reach.allow(log.url)
        return log.url, _tiles(log.url, reach.budget, "Rekor")

    def writer(self, url: str, known: Log, key_id: bytes, *, budget: Budget) -> RemoteLog:
        return RekorV2Writer(url, known, key_id, budget=budget)

    def checkpoint(self, url: str, budget: Budget) -> bytes:
        return _tiles(url, budget, "log").checkpoint()[:MAX_NOTE]


def _tiles(base_url: str, budget: Budget, service: str) -> HttpSource:
    return HttpSource(base_url.rstrip("/") + "/api/v2", budget=budget, service=service)
