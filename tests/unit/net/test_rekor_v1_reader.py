# SPDX-License-Identifier: Apache-2.0
"""Rekor v1 as it is read: its API's answers, honest and not."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from anchor import merkle
from anchor.errors import Unavailable
from anchor.net.budget import Budget
from anchor.net.logs.rekor_v1 import RekorV1Reader
from anchor.tlog import checkpoint
from anchor.tlog.checkpoint import Log
from anchor.tlog.follow import News, follow_proofs
from anchor.tlog.source import Missing
from tests.support.logs.simlog import SimLog
from tests.support.servers.loopback import Handler, LoopbackServer, running

OLD = SimLog(origin="h - 111", name="h").grow(40)
NEW = SimLog(origin="h - 222", name="h").grow(300)
LOG = Log("h", NEW.key, shards=True)
NEW_HELD = checkpoint.verify(NEW.sign(77), LOG)
ANSWERS: dict[str, Any] = {}


def _shard(log: SimLog) -> dict[str, Any]:
    return {
        "rootHash": log.head().root.hex(),
        "signedTreeHead": log.sign().decode(),
        "treeID": log.origin.split()[-1],
        "treeSize": log.size,
    }


def _honest(path: str, query: dict[str, str]) -> Any:
    log = OLD if query.get("treeID") == "111" else NEW
    if path == "/api/v1/log":
        return {**_shard(NEW), "inactiveShards": [_shard(OLD)]}
    if path == "/api/v1/log/proof":
        sizes = int(query["firstSize"]), int(query["lastSize"])
        hashes = merkle.consistency_proof(log.tree.levels[0], *sizes)
        return {"rootHash": log.tree.root(sizes[1]).hex(), "hashes": [h.hex() for h in hashes]}
    index = int(query["logIndex"])
    log, place = (OLD, index) if index < 40 else (NEW, index - 40)
    if place >= log.size:
        return None
    proof = {
        "checkpoint": log.sign().decode(),
        "hashes": [h.hex() for h in merkle.inclusion_proof(log.tree.levels[0], place)],
        "logIndex": place,
        "rootHash": log.head().root.hex(),
        "treeSize": log.size,
    }
    entry = {
        "body": base64.b64encode(log.stored[place]).decode(),
        "integratedTime": 1,
        "logID": "00",
        "logIndex": index,
        "verification": {"inclusionProof": proof, "signedEntryTimestamp": ""},
    }
    return {"a" * 80: entry}


class Answers(Handler):
    def get(self) -> None:
        parts = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        found = ANSWERS.get(parts.path, _honest(parts.path, query))
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.answer(404 if found is None else 200, body, Content_Type="application/json")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(LoopbackServer(Answers)) as server:
        yield server.url


@pytest.fixture(autouse=True)
def honest() -> Iterator[None]:
    yield
    ANSWERS.clear()


def reader(base: str, tree: str = "") -> RekorV1Reader:
    return RekorV1Reader(base + "/", budget=Budget(10), tree=tree)


def test_the_active_tree_is_followed_by_its_proofs(base: str) -> None:
    source = reader(base)
    found = follow_proofs(source, LOG, held=[NEW_HELD])
    assert (found.news, found.head.size) == (News.GROWN, 300)
    assert source.asked == 2


def test_a_retired_tree_is_named_by_its_id(base: str) -> None:
    assert reader(base, "111").checkpoint() == OLD.sign()
    assert reader(base, "111").consistency(5, 40) == merkle.consistency_proof(OLD.tree.levels[0], 5, 40)
    with pytest.raises(Missing):
        reader(base, "333").checkpoint()


@pytest.mark.parametrize(("index", "log", "place"), [(39, OLD, 39), (40, NEW, 0), (339, NEW, 299)])
def test_an_entry_has_its_place_in_its_own_tree(base: str, index: int, log: SimLog, place: int) -> None:
    found = reader(base).entry(index)
    assert (found.body, found.index, found.checkpoint) == (log.stored[place], place, log.sign())
    leaf = merkle.leaf_hash(found.body)
    merkle.verify_inclusion(leaf, place, log.size, found.hashes, log.head().root)


def test_an_entry_that_is_not_there_is_missing(base: str) -> None:
    with pytest.raises(Missing):
        reader(base).entry(340)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"[]",
        b"1",
        b"null",
        b"<html>",
        b'{"a":1,"a":2}',
        b'{"a":{}}',
        b"[" * 100_000,
        {"a": "b"},
        {"a": [1]},
    ],
    ids=lambda value: str(value)[:80],
)
def test_an_answer_of_another_shape_is_unavailable(base: str, answer: Any) -> None:
    for path in ("/api/v1/log", "/api/v1/log/entries"):
        ANSWERS[path] = answer
    with pytest.raises(Unavailable):
        reader(base).checkpoint()
    with pytest.raises(Unavailable):
        reader(base).entry(3)


@pytest.mark.parametrize(
    "hashes",
    ["x", [1], ["00"], ["AA" * 32], ["00" * 32] * 65, [None], {"0": "00" * 32}],
    ids=lambda h: str(h)[:20],
)
def test_hashes_of_another_shape_are_unavailable(base: str, hashes: Any) -> None:
    ANSWERS["/api/v1/log/proof"] = {"rootHash": "00", "hashes": hashes}
    with pytest.raises(Unavailable):
        reader(base).consistency(3, 5)


def test_an_entry_of_another_index_or_type_is_unavailable(base: str) -> None:
    changes: list[Callable[[dict[str, Any]], object]] = [
        lambda e: e.update(logIndex=4),
        lambda e: e.update(body="?"),
        lambda e: e.update(body=None),
        lambda e: e["verification"].pop("inclusionProof"),
        lambda e: e["verification"]["inclusionProof"].update(logIndex="3"),
        lambda e: e["verification"]["inclusionProof"].update(logIndex=-1),
        lambda e: e["verification"]["inclusionProof"].update(logIndex=True),
        lambda e: e["verification"]["inclusionProof"].update(logIndex=2**64),
        lambda e: e["verification"]["inclusionProof"].update(checkpoint=5),
        lambda e: e["verification"]["inclusionProof"].update(hashes=["00" * 32] * 1_000),
    ]
    for change in changes:
        answer = _honest("/api/v1/log/entries", {"logIndex": "3"})
        change(next(iter(answer.values())))
        ANSWERS["/api/v1/log/entries"] = answer
        with pytest.raises(Unavailable):
            reader(base).entry(3)
