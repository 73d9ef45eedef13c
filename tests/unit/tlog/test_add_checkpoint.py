# SPDX-License-Identifier: Apache-2.0
"""The messages between a log and its witnesses: the example of C2SP tlog-witness, and what is refused."""

import pytest

from anchor.errors import Refused
from anchor.tlog import add_checkpoint
from anchor.tlog.add_checkpoint import Request

EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+z\
yWE+xeMcTOAYQ8=
""".encode()
COSIGNED = (
    "— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2H"
    "gLatVs0pWh6Up69HVOw==\n"
).encode()
HASH = b"A" * 43 + b"=\n"


def test_the_example_of_the_specification_is_read_and_written() -> None:
    request = add_checkpoint.parse(EXAMPLE)
    assert (request.old, len(request.proof)) == (20852014, 4)
    assert request.checkpoint.startswith(b"example.com/behind-the-sofa\n20852163\n")
    assert add_checkpoint.encode(request) == EXAMPLE


def test_a_first_request_has_no_proof() -> None:
    assert add_checkpoint.encode(Request(0, (), b"note")) == b"old 0\n\nnote"
    assert add_checkpoint.parse(b"old 0\n\nnote") == Request(0, (), b"note")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no empty line"),
        (b"old 0\n", "no empty line"),
        (b"\n\nnote", "the first line is not"),
        (b"new 0\n\nnote", "the first line is not"),
        (b"old\n\nnote", "the first line is not"),
        (b"old  0\n\nnote", "old size"),
        (b"old 00\n\nnote", "old size"),
        (b"old -1\n\nnote", "old size"),
        (b"old 0\r\n\nnote", "old size"),
        (b"old \xd9\xa3\n\nnote", "old size"),
        (b"old 0\nAAAA\n\nnote", "consistency proof line 1"),
        (b"old 0\n" + HASH + b"A" * 44 + b"\n\nnote", "consistency proof line 2"),
        (b"old 0\n" + HASH * 64 + b"\nnote", "more than 63 lines"),
        (b"old 0\n" + HASH * 63 + b"\nnote" + b"a" * add_checkpoint.MAX_REQUEST, "bytes, more than"),
    ],
)
def test_anything_else_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        add_checkpoint.parse(body)


def test_the_longest_proof_is_read_and_a_longer_one_is_not_written() -> None:
    assert len(add_checkpoint.parse(b"old 1\n" + HASH * 63 + b"\nnote").proof) == 63
    with pytest.raises(Refused, match="64 hashes"):
        add_checkpoint.encode(Request(1, (bytes(32),) * 64, b"note"))


def test_the_size_that_a_witness_has_is_one_decimal_line() -> None:
    assert add_checkpoint.parse_size(add_checkpoint.encode_size(20852163)) == 20852163
    for body in (b"", b"1", b"01\n", b"1\n\n", b"1 \n", b"one\n"):
        with pytest.raises(Refused, match="size of the witness"):
            add_checkpoint.parse_size(body)


def test_the_answer_of_a_witness_is_signature_lines() -> None:
    (found,) = add_checkpoint.parse_cosignatures(COSIGNED)
    assert (found.name, len(found.payload)) == ("witness.example/w1", 72)
    for body in (b"", COSIGNED[:-1], COSIGNED + b"\n", b"example\n\n" + COSIGNED):
        with pytest.raises(Refused):
            add_checkpoint.parse_cosignatures(body)
