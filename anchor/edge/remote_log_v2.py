# SPDX-License-Identifier: Apache-2.0
"""Rekor v2 over HTTP as a log that is written to once and asked afterwards whether it took it.

Decides whether an answer is about our request, and where in the log our entry is. There is no search API, so
a lost answer is looked for in the level-0 tiles, which are hashed up to a verified checkpoint before use.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from anchor.edge import http
from anchor.edge.http import Budget, HttpError, LostAnswer, Patience, ServiceError
from anchor.edge.log_sources import HttpSource
from anchor.encoding import decimal, jcs, parse_json, to_base64
from anchor.errors import AnchorError, Misuse, Refused
from anchor.merkle.hashing import leaf_hash
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.reader import TileReader
from anchor.tlog.source import Source

LOG = "transparency log"
MAX_ANSWER = 1 << 20
INTEGRATION = 60.0
"""Seconds within which a checkpoint covers an entry that the log has taken."""
POLL = 0.5
LOOK = "look in the log before it is sent again"
_PATIENCE = Patience(read=60.0, whole=90.0)  # a write waits for the next checkpoint
_NEVER = frozenset({400, 413, 422})
_HASHES = {"SHA_256": "SHA2_256", "SHA_384": "SHA2_384", "SHA_512": "SHA2_512"}


@dataclass
class RekorV2:
    """One shard. `known` is its origin and key from the trusted root, `key_id` the 32 bytes of its log id."""

    url: str
    known: Log
    key_id: bytes
    budget: Budget = field(kw_only=True)
    source: Source | None = field(default=None, kw_only=True)
    """Where tiles are read; its own read API unless said otherwise."""
    patience: Patience = field(default=_PATIENCE, kw_only=True)

    def size(self) -> int:
        """Entries that the log's current checkpoint covers. Raises `Unavailable`."""
        return self.head().size

    def head(self) -> Checkpoint:
        """The log's current checkpoint, verified with the pinned key. Raises `Unavailable`."""
        raw = self._source().checkpoint()
        try:
            return checkpoints.verify(raw, self.known)
        except Refused as e:
            raise ServiceError(
                f"serves a checkpoint that is not {self.known.origin}'s: {e}",
                where=f"{LOG} {self.url}",
                remedy="check the URL and the trusted root",
            ) from None

    def append(self, request: bytes) -> bytes:
        """Send a CreateEntryRequest once; its TransparencyLogEntry, as the log gave it or recovered (409).

        Raises `LostAnswer` (or another `ServiceError` with `maybe_taken`) when the log may have taken it,
        `Refused` when it never will, `Unavailable` when it did not.
        """
        body = canonical_body(request)
        try:
            answer = http.post(
                LOG, f"{self.url}/api/v2/log/entries", request, content_type="application/json",
                budget=self.budget, limit=MAX_ANSWER, expect=("application/json",), accept=(200, 201),
                patience=self.patience, retry_unsent=True,
            )  # fmt: skip
        except HttpError as e:
            if e.status == 409:
                try:
                    return self._recover(e, body)
                except AnchorError as f:  # it has the entry, whatever hides it: never "not sent"
                    raise _there(f, e.where) from None
            if e.status in _NEVER:
                raise Refused(f"the log does not take the entry: {e.problem}", where=e.where) from None
            raise
        self._check_answer(answer.body, body)
        return answer.body

    def find(self, request: bytes, since: int) -> bytes | None:
        """The TransparencyLogEntry of this very request at index `since` or later, proven under the current
        checkpoint; None when the log does not have it. Raises `Unavailable`."""
        return self.find_after(since, leaf_hash(canonical_body(request)))

    def find_after(self, since: int, leaf: bytes) -> bytes | None:
        """The same by the leaf hash (32 bytes) of the entry.

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

    def _recover(self, error: HttpError, body: bytes) -> bytes:
        """The entry that a 409 names, compared byte for byte with ours. The log knows an entry before its
        checkpoint covers it, so that is waited for."""
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

    def _check_answer(self, answer: bytes, body: bytes) -> None:
        """An answer about another entry, or none, leaves it open what became of ours."""
        try:
            entry = parse_json(answer, where="answer")
            ours = isinstance(entry, dict) and entry.get("canonicalizedBody") == to_base64(body)
        except Refused:
            ours = False
        if not ours:
            raise self._foreign("answers with an entry that is not ours", f"{LOG} {self.url}")

    def _foreign(self, problem: str, where: str) -> LostAnswer:
        return LostAnswer(problem, where=where, remedy=LOOK)

    def _entry(self, reader: TileReader, index: int) -> bytes:
        """TransparencyLogEntry (protobuf JSON) of an entry under the reader's checkpoint."""
        body = reader.entry(index)
        proof = reader.inclusion_proof(index)
        head = reader.checkpoint
        message: dict[str, Any] = {
            "logIndex": str(index),
            "logId": {"keyId": to_base64(self.key_id)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "integratedTime": "0",
            "inclusionPromise": None,
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": to_base64(head.root),
                "treeSize": str(head.size),
                "hashes": [to_base64(h) for h in proof],
                "checkpoint": {"envelope": head.raw.decode()},
            },
            "canonicalizedBody": to_base64(body),
        }
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()

    def _source(self) -> Source:
        if self.source is None:
            self.source = HttpSource(f"{self.url}/api/v2", budget=self.budget, service=LOG)
        return self.source


def _there(error: AnchorError, where: str) -> LostAnswer:
    if isinstance(error, LostAnswer):
        return error
    return LostAnswer(f"the log has the entry, and it could not be read: {error}", where=where, remedy=LOOK)


def canonical_body(request: bytes) -> bytes:
    """The entry that a Rekor v2 log makes of a hashedrekord 0.0.2 request (JCS of its protobuf JSON).

    Raises `Misuse` for a request of another kind.
    """
    try:
        asked = parse_json(request, where="request")["hashedRekordRequestV002"]
        algorithm = next(v for k, v in _HASHES.items() if k in asked["signature"]["verifier"]["keyDetails"])
        data = {"algorithm": algorithm, "digest": asked["digest"]}
        spec = {"hashedRekordV002": {"data": data, "signature": asked["signature"]}}
        return jcs({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec}, where="request")
    except (Refused, KeyError, TypeError, StopIteration):
        raise Misuse("not a hashedrekord 0.0.2 request", where="request") from None


__all__ = ["RekorV2", "canonical_body"]
