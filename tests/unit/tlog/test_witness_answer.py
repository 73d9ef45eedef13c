# SPDX-License-Identifier: Apache-2.0
"""The answer of a witness: a cosignature that holds, a question from another size, or words. Nothing else."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchor.merkle import leaf_hash, root
from anchor.tlog import add_checkpoint, cosignature, note, witness_answer
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.keys import Algorithm, VerifierKey
from anchor.tlog.witness_answer import Answer, AskAgain, Asking, Cosignature, NoCosignature

NOW = 1_800_000_000
ORIGIN = "log.example"
LOG = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
KEY = VerifierKey("w.example", Algorithm.COSIGNATURE_V1, PRIVATE.public_key().public_bytes_raw())
LEAVES = [leaf_hash(bytes([i])) for i in range(9)]
SIZE_TYPE = add_checkpoint.SIZE_TYPE


def head(size: int = 7, origin: str = ORIGIN) -> Checkpoint:
    return checkpoints.parse(note.sign(checkpoints.body(origin, size, root(LEAVES[:size])), origin, LOG))


def cosigned(
    of: Checkpoint | None = None, *, by: Ed25519PrivateKey = PRIVATE, name: str = "w.example", time: int = NOW
) -> bytes:
    key, payload = cosignature.cosign((of or head()).note.text, name, by, time)
    return note.line(name, key.key_id, payload)


def step(
    answer: Answer, *, old: int = 3, of: Checkpoint | None = None, since: int = 0
) -> witness_answer.Step:
    return witness_answer.next_step(answer, Asking(KEY, of or head(), old, since), now=NOW)


def words(answer: Answer, *, old: int = 3) -> NoCosignature:
    found = step(answer, old=old)
    assert isinstance(found, NoCosignature), found
    assert "\n" not in found.problem
    assert len(found.problem) < 400
    return found


def ok(body: bytes) -> Answer:
    return Answer(200, "text/plain", body)


def test_a_cosignature_of_this_checkpoint_by_this_key_is_taken() -> None:
    assert step(ok(cosigned())) == Cosignature(cosigned(), NOW)


def test_cosignatures_of_unknown_keys_are_ignored() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
    stranger = cosigned(by=other, name="other.example")
    alias = cosigned(by=other)  # the name of the witness, and another key
    assert step(ok(stranger + alias + cosigned())) == Cosignature(cosigned(), NOW)
    assert "of other keys" in words(ok(stranger + alias)).problem


def test_of_several_of_one_key_the_earliest_that_holds_is_taken() -> None:
    late, early, replayed = cosigned(), cosigned(time=NOW - 9), cosigned(head(6), time=NOW - 50)
    assert step(ok(late + replayed + early)) == Cosignature(early, NOW - 9)


@pytest.mark.parametrize(
    "other", [head(6), head(8), head(7, "other.example")], ids=["older", "newer", "origin"]
)
def test_a_cosignature_of_another_checkpoint_is_not_believed(other: Checkpoint) -> None:
    assert "does not verify for this checkpoint" in words(ok(cosigned(other))).problem


def test_a_time_that_cannot_be_is_not_believed() -> None:
    assert "from the future" in words(ok(cosigned(time=NOW + 301))).problem
    assert isinstance(step(ok(cosigned(time=NOW + 300))), Cosignature)
    assert "before the log existed" in words(ok(cosigned(time=0))).problem
    before = step(ok(cosigned(time=NOW - 10_301)), since=NOW - 10_000)
    assert isinstance(before, NoCosignature)
    assert isinstance(step(ok(cosigned(time=NOW - 10_300)), since=NOW - 10_000), Cosignature)


def test_an_ml_dsa_cosignature_without_a_time_says_nothing() -> None:
    private = MLDSA44PrivateKey.from_seed_bytes(b"\4" * 32)
    key, payload = cosignature.cosign(head().note.text, "pq.example", private, 0)
    asking = Asking(key, head(), 3)
    found = witness_answer.next_step(ok(note.line(key.name, key.key_id, payload)), asking, now=NOW)
    assert isinstance(found, NoCosignature)
    key, payload = cosignature.cosign(head().note.text, "pq.example", private, NOW)
    found = witness_answer.next_step(ok(note.line(key.name, key.key_id, payload)), asking, now=NOW)
    assert isinstance(found, Cosignature)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe", cosigned()[:-1], cosigned() * 101, b"x" * (add_checkpoint.MAX_ANSWER + 1)],
    ids=["empty", "html", "no-text", "cut", "too-many", "huge"],
)
def test_an_answer_200_with_something_else_is_words(body: bytes) -> None:
    found = words(ok(body))
    assert "no cosignatures that can be read" in found.problem
    assert not found.conflict


def test_another_size_is_asked_from_there() -> None:
    assert step(Answer(409, SIZE_TYPE, b"5\n")) == AskAgain(5)
    assert step(Answer(409, SIZE_TYPE, b"0\n")) == AskAgain(0)
    assert step(Answer(409, SIZE_TYPE, b"7\n")) == AskAgain(7)


@pytest.mark.parametrize(
    ("old", "body", "kind", "said"),
    [
        (3, b"8\n", SIZE_TYPE, "8 entries of this log, and 7 are here"),
        (7, b"8\n", SIZE_TYPE, "8 entries of this log, and 7 are here"),
        (7, b"7\n", SIZE_TYPE, "another tree of 7 entries"),
        (7, b"other root", "text/plain", "another tree of 7 entries"),
        (7, b"", "", "another tree of 7 entries"),
    ],
)
def test_a_larger_tree_or_another_root_is_a_conflict(old: int, body: bytes, kind: str, said: str) -> None:
    found = words(Answer(409, kind, body), old=old)
    assert (found.conflict, found.later) == (True, False)
    assert said in found.problem


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"3\n", SIZE_TYPE), (b"5\n", "text/plain"), (b"5", SIZE_TYPE), (b"05\n", SIZE_TYPE), (b"", SIZE_TYPE)],
)
def test_a_409_that_names_no_other_size_is_words(body: bytes, kind: str) -> None:
    found = words(Answer(409, kind, body))
    assert (found.conflict, found.later) == (False, False)


@pytest.mark.parametrize(
    ("status", "said", "conflict", "later"),
    [
        (400, "malformed", False, False),
        (403, "another key for the log log.example", False, False),
        (404, "does not know the log log.example", False, False),
        (422, "is forked", True, False),
        (429, "asked too often", False, False),
        (500, "HTTP 500", False, True),
        (503, "HTTP 503", False, True),
        (302, "redirects are not followed", False, False),
        (204, "HTTP 204", False, False),
        (201, "HTTP 201", False, False),
    ],
)
def test_each_other_answer_is_told_in_words(status: int, said: str, *, conflict: bool, later: bool) -> None:
    found = words(Answer(status, "text/plain", b"because\n" + b"\x1b[2J" * 500))
    assert said in found.problem
    assert "because" in found.problem
    assert (found.conflict, found.later) == (conflict, later)


@pytest.mark.parametrize(("remembered", "size"), [(None, 0), (3, 3), (7, 7), (8, 7), (-1, 0)])
def test_the_first_request_starts_from_what_is_remembered(remembered: int | None, size: int) -> None:
    assert witness_answer.first_size(remembered, head()) == size
