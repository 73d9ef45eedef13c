# SPDX-License-Identifier: Apache-2.0
"""The log layer against real logs: Rekor v2 with witnesses, wiped under the same key, and Rekor v1."""

import shutil
import time
from pathlib import Path

import pytest

from anchor import merkle
from anchor.errors import Refused
from anchor.log_kinds.rekor_v1 import REKOR_V1
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.net.budget import Budget
from anchor.net.log_sources import FolderSource, HttpSource
from anchor.net.logs.rekor_v1 import RekorV1Reader
from anchor.tlog import checkpoint, evidence, tlog_proof, witness_policy
from anchor.tlog.checkpoint import Log
from anchor.tlog.follow import Followed, News, follow, follow_proofs
from anchor.tlog.keys import parse_vkey
from anchor.tlog.tile_reader import TileReader
from anchor.tlog.tlog_proof import TlogProof
from tests.interop.stack.keys import spki
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.stack import NewLog, Stack
from tests.interop.stack.trillian import RekorV1
from tests.interop.test_stack_starts import post, post_all, request, signed


def known(log: RekorV2) -> Log:
    return Log(log.origin, parse_vkey(log.vkey))


def written(log: RekorV2, count: int, tag: str = "entry") -> None:
    size = log.size() if (log.storage / "checkpoint").exists() else 0
    post_all(log.url, [request(f"{tag} {i}".encode()) for i in range(count)])
    assert log.size() == size + count


def followed(log: RekorV2, held: list[checkpoint.Checkpoint]) -> Followed:
    return follow(HttpSource(f"{log.url}/api/v2", budget=Budget(90)), known(log), held=held)


def test_a_real_rekor_v2_log_is_followed_and_read(new_log: NewLog) -> None:
    log = new_log("read.stack.internal")
    assert REKOR_V2.log(log.origin, spki(log.key.public_key())) == known(log)
    written(log, 2)
    first = followed(log, [])
    written(log, 3, "more")
    found = followed(log, [first.head])
    assert (first.news, found.news, found.proven) == (News.FIRST, News.GROWN, (2,))
    assert found.reader is not None
    entries = log.entries()
    for index, entry in enumerate(entries):
        assert found.reader.entry(index) == entry
        path = found.reader.inclusion_proof(index)
        merkle.verify_inclusion(merkle.leaf_hash(entry), index, len(entries), path, found.head.root)
    assert followed(log, [first.head, found.head]).news is News.SAME
    assert TileReader(FolderSource(log.storage), found.head).entry(4) == entries[4]


def test_a_real_log_that_was_wiped_is_a_rewind_and_then_equivocation(new_log: NewLog) -> None:
    log = new_log("wiped.stack.internal")
    written(log, 3)
    held = followed(log, []).head
    log.server.stop()
    shutil.rmtree(log.storage)
    log.server.start()
    written(log, 2, "new")
    old = followed(log, [held])
    assert (old.news, old.evidence) == (News.OLD_HEAD, None)
    written(log, 1, "same size")
    equal = followed(log, [held])
    written(log, 2, "larger")
    grown = followed(log, [held])
    for found, kind in ((equal, evidence.EQUAL_SIZE), (grown, evidence.GROWTH)):
        assert found.news is News.EQUIVOCATION
        assert found.evidence is not None
        assert evidence.check(found.evidence, log=known(log)).kind == kind


def test_real_witnesses_are_counted(stack: Stack) -> None:
    with stack.new_log("counted.stack.internal", witnesses=2, quorum=1) as log:
        assert post(log.url, request(b"seen"))[0] == 201
        for number in range(9):
            if log.cosigned(1):
                break
            assert post(log.url, request(b"seen again %d" % number))[0] == 201
        raw = HttpSource(f"{log.url}/api/v2", budget=Budget(90)).checkpoint()
        entry = log.entries()[0]
    rules = witness_policy.parse(log.tlog_policy().encode())
    one = witness_policy.parse(log.tlog_policy().replace("group g 1", "group g all").encode())
    now = int(time.time())
    head, quorum = witness_policy.verify(rules, raw, now=now)
    assert quorum.met
    assert {c.witness for c in quorum.cosigned} <= {"w0", "w1"}
    assert all(abs(c.time - now) < 60 for c in quorum.cosigned)
    whole = TlogProof(0, tuple(TileReader(FolderSource(log.storage), head).inclusion_proof(0)), raw)
    parsed = tlog_proof.parse(tlog_proof.serialise(whole))
    assert tlog_proof.verify(parsed, merkle.leaf_hash(entry), policy=rules, now=now).quorum.met
    if len(quorum.cosigned) < 2:
        with pytest.raises(Refused, match="not met"):
            witness_policy.verify(one, raw, now=now)
    with pytest.raises(Refused, match="not met"):
        witness_policy.verify(rules, raw, now=now - 3600)  # to whom the cosignatures are from the future


def test_a_real_rekor_v1_log_is_followed_by_its_proofs(
    stack: Stack, rekor_v1: RekorV1, tmp_path: Path
) -> None:
    def made(number: int) -> None:
        (tmp_path / str(number)).mkdir()
        signed(stack, stack.instance(rekor_v1), tmp_path / str(number))

    log = REKOR_V1.log(rekor_v1.origin, spki(rekor_v1.key.public_key()))
    source = RekorV1Reader(rekor_v1.url, budget=Budget(90))
    made(0)
    first = follow_proofs(source, log, held=[]).head
    made(1)
    made(2)
    found = follow_proofs(source, log, held=[first])
    assert found.news is News.GROWN
    assert found.head.size == rekor_v1.size() == first.size + 2
    got = source.entry(first.size)
    head = checkpoint.verify(got.checkpoint, log)
    merkle.verify_inclusion(merkle.leaf_hash(got.body), got.index, head.size, got.hashes, head.root)
    tree = rekor_v1.info()["treeID"]
    assert RekorV1Reader(rekor_v1.url, budget=Budget(90), tree=tree).checkpoint()
