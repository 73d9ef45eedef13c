# SPDX-License-Identifier: Apache-2.0
"""A Rekor v1 log as it is read: its checkpoint, its proofs and its entries (`monitor.interfaces.OnlineLog`).

Turns the API's JSON into bytes and numbers, each of the right shape. Nothing is verified here: a checkpoint's
signature, a proof and an entry's place are checked by those who asked.
"""

from typing import Any
from urllib.parse import urlencode

from anchor import limits
from anchor.encoding import parse_json, unbase64, unhex
from anchor.errors import AnchorError, Unavailable
from anchor.merkle.hashing import MAX_SIZE
from anchor.merkle.proof import MAX_PROOF
from anchor.monitor.interfaces import EntryProof
from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.service_errors import HttpError
from anchor.net.urls import check_url
from anchor.tlog.source import Missing

SERVICE = "Rekor v1"
MAX_ANSWER = limits.ANSWER_V1
_JSON = ("application/json",)


class RekorV1Reader:
    """One tree of a Rekor v1 log: `tree` is its id in decimal, the active one if empty.

    `asked` counts requests. Every method raises Missing for 404, and Unavailable for any other failure or an
    answer of another shape.
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
        """The entry with this log index (over all trees), with its place in its own tree."""
        value = self._get("log/entries", {"logIndex": str(index)})
        with _shape("log/entries"):
            (found,) = value.values()
            proof = found["verification"]["inclusionProof"]
            place = proof["logIndex"]
            if type(place) is not int or not 0 <= place < MAX_SIZE or found["logIndex"] != index:
                raise ValueError("another entry")
            return EntryProof(
                body=unbase64(_text(found["body"]), where="body"),
                index=place,
                hashes=tuple(_hashes(proof["hashes"])),
                checkpoint=_text(proof["checkpoint"]).encode(),
            )

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        self.asked += 1
        url = f"{self._base}/api/v1/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept-Encoding": "gzip, identity", "Cache-Control": "no-cache"}
        try:
            answer = http.get(
                SERVICE, url, budget=self._budget, limit=MAX_ANSWER, expect=_JSON, headers=headers
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
