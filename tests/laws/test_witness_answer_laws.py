# SPDX-License-Identifier: Apache-2.0
"""Laws of what a log does with the answer of a witness: no answer is an error, nothing unverified counts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.merkle import consistency_proof
from anchor.tlog import add_checkpoint, cosignature, note, witness_answer
from anchor.tlog.witness_answer import Answer, AskAgain, Asking, Cosignature, NoCosignature
from tests.support.logs.simlog import SimLog
from tests.support.process.sampled import examples
from tests.support.servers.witness_server import Witness

LOG = SimLog().grow(40)
WITNESS = Witness("w.example")
NOW = 1_800_000_000
STATUSES = st.sampled_from([200, 201, 204, 302, 400, 403, 404, 409, 418, 422, 429, 500, 503]) | st.integers(
    0, 999
)
TYPES = st.sampled_from([add_checkpoint.SIZE_TYPE, "text/plain", "", "text/html"]) | st.text(max_size=40)
SIZES = st.integers(0, 45).map(b"%d\n".__mod__)
LINES = st.builds(
    lambda size, time: WITNESS.cosign(LOG.head(size).note.text, time=time),
    st.integers(1, 40),
    st.sampled_from([0, 1, NOW - 5, NOW, NOW + 300, NOW + 301, 2**63 - 1]),
)
BODIES = st.binary(max_size=300) | SIZES | LINES | st.lists(LINES, max_size=4).map(b"".join)


@examples(
    400,
    given(status=STATUSES, kind=TYPES, body=BODIES, size=st.integers(1, 40), data=st.data()),
)
def test_whatever_is_answered_is_a_step_and_a_cosignature_that_counts_is_real(
    status: int, kind: str, body: bytes, size: int, data: st.DataObject
) -> None:
    head = LOG.head(size)
    old = data.draw(st.integers(0, size))
    asking = Asking(WITNESS.key, head, old, NOW - 1000)
    step = witness_answer.next_step(Answer(status, kind, body), asking, now=NOW)
    if isinstance(step, Cosignature):
        assert status == 200
        (line,) = note.parse(head.note.text + b"\n" + step.line).signatures
        assert cosignature.verify(WITNESS.key, head.note.text, line.payload) == step.time
        assert NOW - 1300 <= step.time <= NOW + 300
    elif isinstance(step, AskAgain):
        assert status == 409
        assert 0 <= step.size <= size
        assert step.size != old
    else:
        assert isinstance(step, NoCosignature)
        assert step.problem
        assert not (step.conflict and step.later)


@examples(100, given(size=st.integers(1, 40), old=st.integers(0, 40)), example(size=40, old=40))
def test_what_is_sent_is_what_a_witness_reads(size: int, old: int) -> None:
    head, old = LOG.head(size), min(old, size)
    proof = tuple(consistency_proof(LOG.tree.levels[0], old, size)) if 0 < old < size else ()
    sent = witness_answer.request(Asking(WITNESS.key, head, old), proof)
    read = add_checkpoint.parse(sent)
    assert (read.old, read.proof, read.checkpoint) == (old, proof, head.raw)


def test_a_proof_that_no_witness_reads_is_not_sent() -> None:
    with pytest.raises(Refused, match="more than 63"):
        witness_answer.request(Asking(WITNESS.key, LOG.head(40), 3), (b"\0" * 32,) * 64)
