# SPDX-License-Identifier: Apache-2.0
"""Rekor v1 over HTTP: the writer compares an answer with our request; the reader reads one tree.

The API has its own form of an entry, and the name of an entry ends in its leaf hash. One question is enough
to learn what became of a request. What is read is not verified here. The caller checks the signature of a
checkpoint, each proof, and the index of an entry.
"""

import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

from anchor import limits, regex
from anchor.encoding import parse_json, to_base64, unbase64, unhex
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.log_kinds.rekor_v1 import REKOR_V1
from anchor.merkle.hashing import MAX_SIZE, leaf_hash
from anchor.merkle.proof import MAX_PROOF
from anchor.monitor.interfaces import EntryProof, OnlineLog
from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.logs.network import LogNetwork, Reach, ReadLog
from anchor.net.logs.remote_log import INTEGRATION, JSON, LOG, POLL, RemoteLog
from anchor.net.service_errors import HttpError, ServiceError
from anchor.net.urls import check_url
from anchor.tlog.checkpoint import Log
from anchor.tlog.source import Missing, Source

SERVICE = "Rekor v1"
_UUID = regex.expression(r"(?:[0-9a-f]{16})?([0-9a-f]{64})")


class RekorV1Writer(RemoteLog):
    """One log with all its shards; `known` has its host."""

    kind = REKOR_V1
    ENTRIES = "/api/v1/log/entries"
    MAX_ANSWER = limits.ANSWER_V1

    @staticmethod
    def fetch_head(url: str, budget: Budget) -> bytes:
        """The active tree's signed checkpoint, not verified. Raises `Unavailable`."""
        answer = http.get(
            LOG, f"{url}/api/v1/log", budget=budget, limit=RekorV1Writer.MAX_ANSWER, expect=JSON
        )
        try:
            head = parse_json(answer.body)["signedTreeHead"]
            return str.encode(head)
        except (Refused, KeyError, TypeError, UnicodeEncodeError):
            raise ServiceError("tells no tree head", where=f"{LOG} {url}", remedy="check the URL") from None

    def find_after(self, since: int, leaf: bytes) -> bytes | None:
        """The same by the leaf hash (32 bytes) of the entry; `since` spares nothing here."""
        url = f"{self.url}{self.ENTRIES}/{leaf.hex()}"
        try:
            answer = http.get(LOG, url, budget=self.budget, limit=self.MAX_ANSWER, expect=JSON)
        except HttpError as e:
            if e.status == 404:
                return None
            raise
        return self._entry(answer.body, leaf)

    def _checkpoint(self) -> bytes:
        return self.fetch_head(self.url, self.budget)

    def _taken(self, answer: bytes, body: bytes) -> bytes:
        return self._entry(answer, leaf_hash(body))

    def _recover(self, error: HttpError, body: bytes) -> bytes:
        """The name that a 409 gives is compared with our leaf, and never followed as a URL."""
        leaf = leaf_hash(body)
        name = error.headers.get("Location", "").rsplit("/", 1)[-1]
        match = _UUID.fullmatch(name)
        if match is None or match[1] != leaf.hex():
            raise self._foreign("says that it has the entry, and names another one", error.where)
        patience = self.budget.part(INTEGRATION)
        while (entry := self.find_after(0, leaf)) is None:
            if patience.left() < POLL:
                raise self._foreign("says that it has the entry, and does not give it", error.where)
            time.sleep(POLL)
        return entry

    def _entry(self, answer: bytes, leaf: bytes) -> bytes:
        """The API's entry as TransparencyLogEntry; one of another leaf leaves it open what became of ours."""
        try:
            found: dict[str, Any] = parse_json(answer, where="answer")
            ((name, entry),) = found.items()
            body = base64.b64decode(entry["body"], validate=True)
            match = _UUID.fullmatch(name)
            if leaf_hash(body) != leaf or match is None or match[1] != leaf.hex():
                raise self._foreign("answers with an entry that is not ours")
            return _dump(entry, parse_json(body, where="body"))
        except (Refused, KeyError, TypeError, ValueError, AttributeError):
            raise self._foreign("answers with something that is no entry") from None


def _dump(entry: dict[str, Any], body: dict[str, Any]) -> bytes:
    proof = entry["verification"]["inclusionProof"]
    message = {
        "logIndex": str(entry["logIndex"]),
        "logId": {"keyId": to_base64(bytes.fromhex(entry["logID"]))},
        "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
        "integratedTime": str(entry["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": entry["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": to_base64(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [to_base64(bytes.fromhex(h)) for h in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": entry["body"],
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


class RekorV1Reader:
    """One tree of a Rekor v1 log: `tree` is its id in decimal, the active one if empty.

    `asked` counts requests. Every method raises Missing for 404 and Unavailable for any other failure, an
    answer of another shape included.
    """

    def __init__(self, base_url: str, *, budget: Budget, tree: str = "") -> None:
        check_url(base_url, where=SERVICE)
        self.asked = 0
        self._base = base_url.rstrip("/")
        self._budget = budget
        self._tree = tree

    def checkpoint(self) -> bytes:
        """The tree's signed note of today."""
        value = self._get("log", {})
        with _shape("log"):
            shards = [value, *(value.get("inactiveShards") or [])]
            for shard in shards:
                if not self._tree or shard["treeID"] == self._tree:
                    return _text(shard["signedTreeHead"]).encode()
        raise Missing(f"no tree {self._tree}", where=f"{self._base}/api/v1/log")

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The RFC 9162 consistency proof between two sizes, 0 < old < new."""
        asked = {"firstSize": str(old), "lastSize": str(new)}
        value = self._get("log/proof", {**asked, "treeID": self._tree} if self._tree else asked)
        with _shape("log/proof"):
            return _hashes(value.get("hashes") or [])

    def entry(self, index: int) -> EntryProof:
        """The entry with this log index (over all trees), with its index in its own tree."""
        value = self._get("log/entries", {"logIndex": str(index)})
        with _shape("log/entries"):
            (found,) = value.values()
            proof = found["verification"]["inclusionProof"]
            tree_index = proof["logIndex"]
            if type(tree_index) is not int or not 0 <= tree_index < MAX_SIZE or found["logIndex"] != index:
                raise ValueError("another entry")
            return EntryProof(
                body=unbase64(_text(found["body"]), where="body"),
                index=tree_index,
                hashes=tuple(_hashes(proof["hashes"])),
                checkpoint=_text(proof["checkpoint"]).encode(),
            )

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        self.asked += 1
        url = f"{self._base}/api/v1/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept-Encoding": "gzip, identity", "Cache-Control": "no-cache"}
        try:
            answer = http.get(
                SERVICE, url, budget=self._budget, limit=limits.ANSWER_V1, expect=JSON, headers=headers
            )
        except HttpError as e:
            if e.status == 404:
                raise Missing(e.problem, where=e.where, remedy=e.remedy) from None
            raise
        with _shape(path):
            value = parse_json(answer.body, where=path)
            if not isinstance(value, dict):
                raise TypeError("not an object")
            return value


class _shape:  # noqa: N801 - reads as a statement
    """Whatever an answer of another shape raises becomes one Unavailable."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Unavailable):
            return
        if isinstance(error, (AnchorError, KeyError, TypeError, ValueError, AttributeError)):
            problem = f"answers with something else than is asked for: {error}"
            raise Unavailable(problem, where=f"{SERVICE} {self._path}", remedy="check the URL") from None


def _hashes(values: Any) -> list[bytes]:
    if not isinstance(values, list) or len(values) > MAX_PROOF:
        raise ValueError("no list of hashes")
    return [unhex(_text(v), size=32, where=f"hash {i}") for i, v in enumerate(values)]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


class RekorV1Network(LogNetwork):
    """A URL of the policy takes the place of the log's own. A folder does not: such a log proves online."""

    kind = REKOR_V1

    def reader(self, log: ReadLog, reach: Reach) -> tuple[str, Source | OnlineLog]:
        url = log.named.url if log.named and log.named.url else log.url
        reach.allow(url)
        return url, RekorV1Reader(url, budget=reach.budget, tree=REKOR_V1.tree(log.origin))

    def writer(self, url: str, known: Log, key_id: bytes, *, budget: Budget) -> RemoteLog:
        return RekorV1Writer(url, known, key_id, budget=budget)

    def checkpoint(self, url: str, budget: Budget) -> bytes:
        return RekorV1Writer.fetch_head(url, budget)
