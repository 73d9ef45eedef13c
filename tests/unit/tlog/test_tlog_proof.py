# SPDX-License-Identifier: Apache-2.0
"""Offline proofs (C2SP tlog-proof): their one written form, and what they must be judged by."""

import time

import pytest

from anchor import merkle
from anchor.errors import Refused
from anchor.merkle import leaf_hash
from anchor.tlog import checkpoint, tlog_proof
from anchor.tlog.tile_reader import TileReader
from anchor.tlog.tlog_proof import TlogProof
from tests.support.logs.simlog import SimLog
from tests.unit.tlog.test_witness_policy import EXAMPLE, LOG_LINE, NOW, cosigned, parse

LOG = SimLog().grow(300)
NO_QUORUM = parse(LOG_LINE + "quorum none\n")


def proven(index: int = 123, extra: bytes | None = None, raw: bytes | None = None) -> TlogProof:
    head = LOG.head()
    return TlogProof(index, tuple(TileReader(LOG, head).inclusion_proof(index)), raw or head.raw, extra)


def test_a_proof_is_written_as_specified_and_verifies() -> None:
    data = tlog_proof.serialise(proven(extra=b"hint"))
    lines = data.split(b"\n")
    assert lines[:3] == [b"c2sp.org/tlog-proof@v1", b"extra aGludA==", b"index 123"]
    assert data.endswith(b"\n\n" + LOG.sign())
    parsed = tlog_proof.parse(data)
    assert parsed == proven(extra=b"hint")
    found = tlog_proof.verify(parsed, leaf_hash(LOG.stored[123]), policy=NO_QUORUM, now=NOW)
    assert (found.index, found.checkpoint.size) == (123, 300)


def test_a_proof_in_a_tree_of_one_has_no_hashes() -> None:
    log = SimLog().grow(1)
    data = tlog_proof.serialise(TlogProof(0, (), log.sign()))
    assert data.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\n")
    assert (
        tlog_proof.verify(tlog_proof.parse(data), leaf_hash(log.stored[0]), policy=NO_QUORUM, now=NOW).index
        == 0
    )


def test_the_extra_data_proves_nothing_and_changes_nothing() -> None:
    for extra in (None, b"", b"a", bytes(1_000)):
        found = tlog_proof.verify(
            tlog_proof.parse(tlog_proof.serialise(proven(extra=extra))),
            leaf_hash(LOG.stored[123]),
            policy=NO_QUORUM,
            now=NOW,
        )
        assert not hasattr(found, "extra")


@pytest.mark.parametrize("index", [122, 124, 0, 299, 300, 2**62])
def test_another_index_is_refused(index: int) -> None:
    moved = TlogProof(index, proven().hashes, LOG.sign())
    with pytest.raises(Refused):
        tlog_proof.verify(moved, leaf_hash(LOG.stored[123]), policy=NO_QUORUM, now=NOW)


def test_another_leaf_hash_count_log_or_quorum_is_refused() -> None:
    leaf = leaf_hash(LOG.stored[123])
    good = proven()
    fork = TlogProof(123, good.hashes, LOG.fork(5).sign())
    cut, longer = good.hashes[:-1], (*good.hashes, bytes(32))
    for bad, given, rules in (
        (good, leaf_hash(b"other"), NO_QUORUM),
        (fork, leaf, NO_QUORUM),
        (TlogProof(123, cut, good.checkpoint), leaf, NO_QUORUM),
        (TlogProof(123, longer, good.checkpoint), leaf, NO_QUORUM),
        (TlogProof(0, (), SimLog().sign()), leaf, NO_QUORUM),
        (good, leaf, parse(EXAMPLE)),
        (good, leaf, parse("quorum none\n")),
    ):
        with pytest.raises(Refused):
            tlog_proof.verify(bad, given, policy=rules, now=NOW)


def test_a_quorum_in_the_checkpoint_is_counted() -> None:
    raw = cosigned("X1", "X2", "Y1", log=LOG.clone())
    found = tlog_proof.verify(proven(raw=raw), leaf_hash(LOG.stored[123]), policy=parse(EXAMPLE), now=NOW)
    assert len(found.quorum.cosigned) == 3


GOOD = tlog_proof.serialise(proven(extra=b"hint"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        GOOD[1:],
        GOOD.replace(b"@v1", b"@v2"),
        GOOD.replace(b"extra ", b"extra"),
        GOOD.replace(b"extra aGludA==", b"extra aGludA"),
        GOOD.replace(b"extra aGludA==\n", b"extra aGludA==\nextra aGludA==\n"),
        GOOD.replace(b"extra aGludA==\nindex 123\n", b"index 123\nextra aGludA==\n"),
        GOOD.replace(b"index 123", b"index 0123"),
        GOOD.replace(b"index 123", b"index -1"),
        GOOD.replace(b"index 123", b"index  123"),
        GOOD.replace(b"index 123", b"index 123 "),
        GOOD.replace(b"index 123", b"index"),
        GOOD.replace(b"index 123\n", b""),
        GOOD.replace(b"index 123\n", b"index 123\n\n"),
        GOOD.replace(b"index 123\n", b"index 123\nAAAA\n"),
        GOOD.replace(b"index 123\n", b"index 123\nindex 123\n"),
        GOOD.replace(b"index 123\n", b"index 123\r\n"),
        GOOD.replace(b"index 123", b"index " + str(2**63 - 1).encode()),
        GOOD.replace(b"index 123", b"index " + b"9" * 100_000),
        GOOD.partition(b"\n\n")[0] + b"\n",
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + b"AAAA\n" * 1_000_000 + b"\n",
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\n",
        bytes(100 << 20),
    ],
    ids=lambda d: str(len(d)),
)
def test_a_malformed_proof_is_refused_at_once(data: bytes) -> None:
    start = time.process_time()
    with pytest.raises(Refused):
        tlog_proof.verify(tlog_proof.parse(data), leaf_hash(LOG.stored[123]), policy=NO_QUORUM, now=NOW)
    assert time.process_time() - start < 0.5


def test_what_has_no_written_form_is_not_written() -> None:
    for bad in (
        TlogProof(-1, (), b"x"),
        TlogProof(2**63, (), b"x"),
        TlogProof(1, (b"x",), b"x"),
        TlogProof(1, (bytes(32),) * 64, b"x"),
        TlogProof(1, (), b"x", bytes(2 << 20)),
    ):
        with pytest.raises(Refused):
            tlog_proof.serialise(bad)


def test_a_proof_agrees_with_the_prover_over_all_leaves() -> None:
    for index in range(0, 300, 37):
        assert list(proven(index).hashes) == merkle.inclusion_proof(LOG.tree.levels[0], index)
    assert checkpoint.parse(proven().checkpoint).size == 300
