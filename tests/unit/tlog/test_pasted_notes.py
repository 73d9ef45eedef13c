# SPDX-License-Identifier: Apache-2.0
"""Where a note begins and ends in a text that people pasted."""

import pytest

from anchor.errors import Refused
from anchor.tlog import pasted_notes
from tests.support.logs.simlog import SimLog

LOG = SimLog().grow(5)
ONE, TWO = LOG.sign(2), LOG.sign(5)
LOG.cosigners = [("witness.example", LOG.private, 7)]
COSIGNED = LOG.sign(3)


@pytest.mark.parametrize(
    "text",
    [
        ONE + TWO + COSIGNED,
        b"\n\n" + ONE + b"\n" + TWO + b"\n\n\n" + COSIGNED + b"\n",
        (ONE + b"\n" + TWO + COSIGNED).replace(b"\n", b"\r\n"),
        (ONE + TWO + COSIGNED)[:-1],
    ],
    ids=["joined", "empty lines", "CR LF", "no last line end"],
)
def test_each_note_is_found(text: bytes) -> None:
    assert pasted_notes.split(text) == [ONE, TWO, COSIGNED]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "no checkpoint in it"),
        (b"\n\n \n", "no signature line"),
        (ONE + b"hello\n", "line 6: no signature line"),
        (ONE.partition(b"\n\n")[0], "line 1: no signature line"),
        (ONE.partition(b"\n\n")[2], "line 1: no signature line"),  # the signature alone
        (ONE * (pasted_notes.MAX_NOTES + 1), "more than 64"),
    ],
)
def test_what_has_no_whole_note_is_refused_with_the_line(text: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        pasted_notes.split(text)


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(Refused, match="bytes, more than"):
        pasted_notes.split(b"x" * (pasted_notes.MAX_TEXT + 1))


def test_the_most_notes_of_one_text() -> None:
    assert len(pasted_notes.split(ONE * pasted_notes.MAX_NOTES)) == pasted_notes.MAX_NOTES
