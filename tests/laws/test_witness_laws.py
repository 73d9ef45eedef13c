# SPDX-License-Identifier: Apache-2.0
"""Laws of a witness: whatever a log with two histories sends, in whatever order, one history is cosigned."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.merkle.proof import verify_consistency
from anchor.tlog import add_checkpoint, checkpoint, note, witnessing
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.witnessing import Decision, Held
from tests.support.logs.simlog import SimLog, key
from tests.support.logs.submissions import ED25519, body, proof
from tests.support.process.sampled import examples

SIZE = 24
HISTORIES = [SimLog().grow(SIZE)]
HISTORIES += [HISTORIES[0].fork(at) for at in (0, 1, 5, 8, 20)]

HONEST = body(HISTORIES[0], 5, 13)
REQUESTS = st.tuples(
    st.integers(0, len(HISTORIES) - 1),
    st.integers(0, SIZE),
    st.integers(0, SIZE),
    st.sampled_from(["honest", "held", "other", "ours"]),
)
"""A history, an old size, a size, and how the log cheats with the proof or with our cosignatures."""


def sent(history: int, old: int, size: int, way: str, held: Held | None) -> bytes:
    log = HISTORIES[history]
    if way == "held":
        old = held.size if held else 0
    hashes = proof(HISTORIES[(history + 1) % len(HISTORIES)], old, size) if way == "other" else None
    if way == "ours":  # a cosignature under our name, by a key of the log's operator
        log = log.clone()
        log.cosigners = [(ED25519.name, key(999), 5)]
    return body(log, old, size, hashes=hashes, signed=log.sign(size))


def check(history: list[tuple[int, Checkpoint]]) -> None:
    """The cosigned trees, in the order in which they were cosigned, are each the beginning of the next."""
    for (_, older), (number, newer) in itertools.pairwise(history):
        assert older.size <= newer.size
        if older.size:
            hashes = proof(HISTORIES[number], older.size, newer.size)
            verify_consistency(older.size, newer.size, hashes, older.root, newer.root)


def law_one_history_is_cosigned(requests: list[tuple[int, int, int, str]]) -> None:
    held: Held | None = None
    cosigned: list[tuple[int, Checkpoint]] = []
    for now, (history, old, size, way) in enumerate(requests, 1):
        request = sent(history, old, size, way, held)
        found = witnessing.decide(
            witnessing.parse(request), (HISTORIES[0].key,), held, signers=(ED25519,), now=now
        )
        assert (found.held is None) is (found.status != 200), "a tree is held exactly when it is cosigned"
        assert found.returned is None
        known = held.size if held else 0
        if found.status == 409:
            assert add_checkpoint.parse_size(found.body) == known
        if found.held is not None:
            tree = checkpoint.parse(found.held.cosigned)
            assert [s.time for s in note.verify(tree.note, [ED25519.key])] == [found.held.time]
            assert (tree.size, tree.root) == (found.held.size, found.held.root)
            assert found.grows is (held is None or tree.size > known)
            cosigned.append((history, tree))
            held = found.held
    check(cosigned)


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    answered(data)


@given(st.integers(0, len(HONEST)), st.binary(max_size=4), st.integers(0, 6))
def test_no_change_of_an_honest_request_makes_it_fail_or_cosign_another_text(
    at: int, put: bytes, taken: int
) -> None:
    found = answered(HONEST[:at] + put + HONEST[at + taken :])
    if found.held is not None:
        assert found.held.note == HISTORIES[0].sign(13)


def answered(data: bytes) -> Decision:
    """The answer, whatever was sent; the only error that there may be is that it cannot be read."""
    held = Held(5, HISTORIES[0].tree.root(5), HISTORIES[0].sign(5), b"", 1)
    try:
        submission = witnessing.parse(data)
    except Refused as e:
        return witnessing.malformed(e)
    keys = (HISTORIES[0].key,) if submission.origin == HISTORIES[0].origin else ()
    return witnessing.decide(submission, keys, held, signers=(ED25519,), now=9)


test_one_history_is_cosigned = examples(400, given(st.lists(REQUESTS, max_size=30)))(
    law_one_history_is_cosigned
)
