# SPDX-License-Identifier: Apache-2.0
"""Following a log that forks, rewinds, lags, hides or lies; and what is merely a bad source."""

import pytest

from anchor import merkle
from anchor.errors import Misuse, Unavailable
from anchor.log_kinds.rekor_v1 import REKOR_V1
from anchor.tlog import checkpoint, evidence, follow, note
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.follow import News
from anchor.tlog.source import Missing
from tests.support.logs.simlog import SimLog, UniformLog, key
from tests.unit.tlog.test_tlog_checkpoint import REKOR1
from tests.unit.tlog.test_tlog_note import REKOR1_SPKI

LOG = SimLog().grow(300)
HELD = [LOG.head(10), LOG.head(300)]


def run(
    source: SimLog, held: list[Checkpoint] | None = None, memory: SimLog | None = None
) -> follow.Followed:
    return follow.follow(source, LOG.log, held=HELD if held is None else held, memory=memory)


def shown(found: follow.Followed) -> evidence.Contradiction:
    """The evidence, checked by a stranger who has nothing but the file and the log's key."""
    assert found.news is News.EQUIVOCATION
    assert found.evidence is not None
    return evidence.check(found.evidence, log=LOG.log)


# -- honest -------------------------------------------------------------------------------------------------


def test_the_first_head_is_rebuilt_from_tiles() -> None:
    found = run(LOG.clone(), [])
    assert (found.news, found.head.size) == (News.FIRST, 300)
    with pytest.raises(Unavailable, match="do not rebuild the root"):
        run(LOG.clone().corrupt("tile/0/001.p/44"), [])


def test_no_news_costs_one_request() -> None:
    log = LOG.clone()
    assert run(log, [LOG.head()]).news is News.SAME
    assert log.reads == {"checkpoint": 1}


def test_growth_is_proven_from_the_first_and_the_last_held() -> None:
    found = run(LOG.clone().grow(700))
    assert (found.news, found.proven) == (News.GROWN, (10, 300))
    assert found.reader is not None
    assert found.reader.entry(5) == LOG.stored[5]


def test_the_same_tree_with_another_extension_line_is_no_fork() -> None:
    log = LOG.clone()
    log.extensions = ("Timestamp: 5",)
    assert run(log).news is News.SAME


def test_anything_may_follow_the_empty_tree() -> None:
    empty = SimLog()
    assert run(LOG.clone(), [empty.head()]).news is News.GROWN
    assert run(empty, []).news is News.FIRST
    assert run(empty.clone(), [empty.head()]).news is News.SAME


def test_a_million_entries_grown_by_a_tenth_need_few_tile_reads() -> None:
    log = UniformLog(1_100_000)
    found = follow.follow(log, log.log, held=[log.head(1), log.head(1_000_000)])
    assert found.reader is not None
    proof = found.reader.inclusion_proof(123_456)
    merkle.verify_inclusion(found.reader.leaf_hash(123_456), 123_456, 1_100_000, proof, found.head.root)
    assert found.proven == (1, 1_000_000)
    assert log.reads["tile"] <= 12  # sixty are allowed


def test_the_largest_log_is_followed_as_well() -> None:
    log = UniformLog(2**63 - 1)
    held = [log.head(size) for size in (1, 2**40 + 1, 2**62 - 1, 2**63 - 2)]
    assert follow.follow(log, log.log, held=held).news is News.GROWN
    assert log.reads["tile"] < 60


# -- contradictions -----------------------------------------------------------------------------------------


def test_two_roots_of_one_size_are_equivocation() -> None:
    found = shown(run(LOG.fork(100)))
    assert found.kind == evidence.EQUAL_SIZE
    assert {found.older.root, found.newer.root} == {LOG.head().root, LOG.fork(100).head().root}


@pytest.mark.parametrize("at", [0, 9, 10, 299])
@pytest.mark.parametrize("size", [301, 512, 513, 1_000])
def test_a_fork_that_grows_is_equivocation_at_every_place(at: int, size: int) -> None:
    found = shown(run(LOG.fork(at, size)))
    assert found.kind == evidence.GROWTH
    assert found.older.size == (10 if at < 10 else 300)
    assert found.newer.size == size


@pytest.mark.parametrize("held", [1, 2, 128, 256])
def test_a_fork_after_a_power_of_two_is_shown_too(held: int) -> None:
    found = shown(run(LOG.fork(0, 300), [LOG.head(held)]))
    assert found.implied == LOG.fork(0, 300).tree.root(held)


def test_a_fork_is_shown_even_when_another_proof_cannot_be_had() -> None:
    fork = LOG.fork(100, 700)
    path = "tile/0/000"  # needed from 10 on, not from 300 on
    assert shown(run(fork.withhold(path))).older.size == 300


def test_a_rewound_log_is_caught_when_it_is_as_large_again() -> None:
    wiped = LOG.rewind(0)
    assert run(wiped).news is News.OLD_HEAD
    assert run(wiped.grow(299, tag="new")).news is News.EQUIVOCATION  # from 10 on
    assert run(LOG.rewind(0).grow(300, tag="new"), [HELD[1]]).news is News.EQUIVOCATION
    assert run(LOG.rewind(0).grow(301, tag="new"), [HELD[1]]).news is News.EQUIVOCATION


def test_held_checkpoints_that_contradict_each_other_are_shown() -> None:
    other = LOG.fork(5).head(200)
    assert shown(run(LOG.clone(), [LOG.head(200), other])).kind == evidence.EQUAL_SIZE


def test_a_smaller_head_off_the_held_tree_is_shown_from_a_mirror() -> None:
    wiped = LOG.fork(100, 200)
    assert run(wiped, [HELD[1]]).news is News.OLD_HEAD
    found = shown(run(wiped, [HELD[1]], memory=LOG))
    assert (found.older.size, found.newer.size) == (200, 300)


# -- temporary failures -------------------------------------------------------------------------------------


def test_an_old_head_is_proven_and_is_no_alarm() -> None:
    found = run(LOG.clone().show(100))
    assert (found.news, found.proven, found.head.size) == (News.OLD_HEAD, (10, 300), 100)
    assert "old head served: size 100, but 300 is held; consistent with it" in found.detail


def test_a_rewind_is_an_old_head_that_is_not_proven() -> None:
    found = run(LOG.rewind(100))
    assert (found.news, found.proven) == (News.OLD_HEAD, (10,))
    assert "not proven consistent" in found.detail
    assert found.evidence is None


def test_an_empty_head_after_a_larger_one_is_an_old_head() -> None:
    assert run(LOG.rewind(0)).news is News.OLD_HEAD


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/1/000.p/2", "tile/0/002.p/188"])
def test_one_corrupt_tile_is_a_damaged_source_and_never_a_fork(path: str) -> None:
    for at in (0, 33, -1):
        with pytest.raises(Unavailable, match="damaged source"):
            run(LOG.clone().grow(400).corrupt(path, at))


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/1/000.p/2"])
def test_a_withheld_tile_is_unavailable(path: str) -> None:
    with pytest.raises(Missing):
        run(LOG.clone().grow(400).withhold(path))


def test_tiles_of_a_fork_under_an_honest_head_are_a_damaged_source() -> None:
    fork = LOG.fork(5, 700)
    fork.shown = LOG.clone().grow(400).sign()
    with pytest.raises(Unavailable, match="damaged source"):
        run(fork)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>it works</html>",
        LOG.sign()[:-2],
        LOG.sign().replace(b"\n300\n", b"\n301\n"),
        bytes(2 << 20),
        SimLog(seed=2).grow(400).sign(),  # another (or a retired) key
        SimLog(origin="other.invalid").grow(400).sign(),
        note.sign(checkpoint.body("other.invalid", 400, b"r" * 32), LOG.name, LOG.private),
        note.sign(checkpoint.body(LOG.origin, 400, b"r" * 32), "other.invalid", LOG.private),
    ],
)
def test_what_is_no_checkpoint_of_this_log_says_nothing_about_it(raw: bytes) -> None:
    log = LOG.clone()
    log.shown = raw
    with pytest.raises(Unavailable, match="no checkpoint of this log"):
        run(log)


def test_a_cosignature_that_fails_spoils_the_head() -> None:
    log = LOG.clone()
    log.cosigners = [("w", key(5), 100)]
    cosigner = checkpoint.parse(log.sign()).note.signatures[1]
    witness = SimLog(seed=6, origin="w").key
    witness = type(witness)("w", note.Algorithm.COSIGNATURE_V1, key(5).public_key().public_bytes_raw())
    assert cosigner.key_id == witness.key_id
    assert follow.follow(log, LOG.log, held=HELD, cosigners=(witness,)).news is News.SAME
    log.shown = note.add(LOG.sign(), note.line("w", witness.key_id, bytes(72)))
    with pytest.raises(Unavailable, match="no checkpoint of this log"):
        follow.follow(log, LOG.log, held=HELD, cosigners=(witness,))
    assert run(log).news is News.SAME  # whoever does not know the witness ignores it


def test_held_checkpoints_must_be_verified_and_this_logs() -> None:
    for held in ([checkpoint.parse(LOG.sign())], [SimLog(seed=2).grow(5).head()], [LOG.head()] * 65):
        with pytest.raises(Misuse):
            run(LOG.clone(), held)


# -- logs that prove online ---------------------------------------------------------------------------------


class Online:
    """Rekor v1's ways: a proof for two sizes, and the tree id in its origin."""

    def __init__(self, log: SimLog) -> None:
        self.log = log
        self.proof: list[bytes] | None = None

    def checkpoint(self) -> bytes:
        return self.log.checkpoint()

    def consistency(self, old: int, new: int) -> list[bytes]:
        if self.proof is not None:
            return self.proof
        return merkle.consistency_proof(self.log.tree.levels[0], old, new)


def online(log: SimLog, held: list[Checkpoint]) -> follow.Followed:
    return follow.follow_proofs(Online(log), LOG.log, held=held)


def test_growth_is_proven_online() -> None:
    assert online(LOG.clone().grow(50), [LOG.head(256), LOG.head()]).news is News.GROWN
    assert online(LOG.clone(), []).news is News.FIRST
    assert online(LOG.clone().show(20), [LOG.head()]).news is News.OLD_HEAD


def test_an_online_fork_is_shown_unless_the_proof_leaves_the_old_root_out() -> None:
    fork = LOG.fork(5, 400)
    assert shown(online(fork, [LOG.head(300)])).kind == evidence.GROWTH
    with pytest.raises(Unavailable, match="do not rebuild the newer root"):
        online(fork, [LOG.head(256)])
    assert shown(online(fork, [LOG.head(256), LOG.head(300)])).older.size == 300


def test_an_online_proof_that_is_wrong_is_a_damaged_source() -> None:
    grown = LOG.clone().grow(50)
    honest = Online(grown).consistency(300, 350)
    for proof in ([], honest[:-1], [*honest, honest[0]], [b"x"], [bytes(32)] * 1_000, honest[::-1]):
        source = Online(grown)
        source.proof = proof
        with pytest.raises(Unavailable, match="damaged source"):
            follow.follow_proofs(source, LOG.log, held=[LOG.head()])


def test_the_trees_of_one_rekor_v1_key_are_not_compared() -> None:
    rekor = REKOR_V1.log("rekor.sigstore.dev", REKOR1_SPKI)
    held = checkpoint.verify(REKOR1, rekor)
    log = SimLog(origin="rekor.sigstore.dev - 2605736670972794746")
    log.shown = REKOR1
    assert follow.follow_proofs(Online(log), rekor, held=[held]).news is News.SAME
    one, two = (SimLog(origin=f"h - {i}", name="h").grow(3 + i) for i in (1, 2))
    family = Log("h", one.key, shards=True)
    with pytest.raises(Unavailable, match="another tree"):
        follow.follow(two, family, held=[checkpoint.verify(one.sign(), family)])
