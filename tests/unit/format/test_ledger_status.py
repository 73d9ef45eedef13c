# SPDX-License-Identifier: Apache-2.0
"""Statuses: the one form, every way to miss it, what counts, and what contradicts what."""

import contextlib
import json
import time
from typing import Any

import msgspec
import pytest

from anchor.encoding import jcs
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import ledger_status as statuses
from anchor.format.ledger_status import About, Entry, Fact
from anchor.format.members import Previous
from tests.support.releases.samples import GONE, HEX, OTHER_HEX, spoil

NEWEST = Previous(number=2, version="1.1.0", statement=HEX)
FACT = Fact(index=3, leaf=OTHER_HEX)
WHOLE = Entry(number=1, statement=OTHER_HEX, kind="withdrawn", reason="measured twice")
ONE = Entry(
    number=2,
    statement=HEX,
    fact=FACT,
    kind="replaced",
    reason="a new count",
    replaced_by=About(number=2, statement=HEX, fact=Fact(index=4, leaf=HEX)),
)
GOOD = statuses.encode(statuses.first("sample", NEWEST, [WHOLE, ONE]))
NEXT = statuses.encode(statuses.following(GOOD, NEWEST))
P = "predicate"
W = (P, "withdrawn")


def test_it_is_written_in_one_form_and_read_back() -> None:
    found = statuses.decode(GOOD)
    assert (found.sequence, found.previous, found.withdrawn) == (1, None, (WHOLE, ONE))
    assert statuses.encode(found) == GOOD == jcs(json.loads(GOOD))
    assert b"null" not in GOOD
    assert statuses.is_status(GOOD)
    assert "withdrawn" not in json.loads(statuses.encode(statuses.first("sample", NEWEST)))[P]


@pytest.mark.parametrize(
    ("path", "new"),
    [
        *(((m,), GONE) for m in json.loads(GOOD)),
        *(((P, m), GONE) for m in ("ledger", "newest", "sequence")),
        *(((P, m), None) for m in ("ledger", "newest", "sequence", "withdrawn", "previous")),
        ((*W,), []),
        ((P, "previous"), HEX),  # the first one
        ((P, "sequence"), 2),  # without the one before
        ((P, "sequence"), 0),
        ((P, "sequence"), True),
        ((P, "ledger"), " sample"),
        ((P, "newest", "number"), 1),  # an entry is about number 2
        ((P, "newest", "version"), "log"),
        ((P, "newest", "statement"), OTHER_HEX),  # the subject has the other one
        (("subject", 0, "name"), None),
        (("subject", 0, "digest", "sha256"), HEX.upper()),
        ((*W, 0, "number"), 3),
        ((*W, 0, "number"), 0),
        ((*W, 0, "statement"), HEX[:-1]),
        ((*W, 0, "reason"), ""),
        ((*W, 0, "reason"), "two\nlines"),
        ((*W, 0, "reason"), "x" * 2049),
        ((*W, 0, "reason"), GONE),
        ((*W, 0, "fact"), None),
        ((*W, 0, "replaced_by"), {}),
        ((*W, 1, "fact", "index"), -1),
        ((*W, 1, "fact", "leaf"), "x"),
        ((*W, 1, "replaced_by", "number"), 3),
        ((*W, 1, "replaced_by", "fact", "leaf"), GONE),
    ],
    ids=repr,
)
def test_a_malformed_status_is_refused(path: tuple[str | int, ...], new: Any) -> None:
    with pytest.raises(Refused):
        statuses.decode(jcs(spoil(json.loads(GOOD), path, new)))


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("_type",), "https://in-toto.io/Statement/v2"),
        (("predicateType",), "urn:ledger-anchor:status:v2"),
        ((P, "note"), 1),
        (("subject", 0, "name"), "ledger.md"),
        ((*W, 0, "kind"), "forgotten"),
        ((*W, 0, "note"), 1),
        ((*W, 1, "fact", "note"), 1),
    ],
)
def test_what_this_program_does_not_know_is_unsupported(path: tuple[str | int, ...], new: Any) -> None:
    with pytest.raises(Unsupported):
        statuses.decode(jcs(spoil(json.loads(GOOD), path, new)))


def test_other_bytes_are_refused() -> None:
    for data in (GOOD + b"\n", json.dumps(json.loads(GOOD)).encode(), b"", b"[]", b"{"):
        with pytest.raises(Refused):
            statuses.decode(data)


def test_no_single_byte_can_change_without_notice() -> None:
    good = statuses.decode(GOOD)
    for i in range(len(GOOD)):
        data = GOOD[:i] + bytes([GOOD[i] ^ 1]) + GOOD[i + 1 :]
        with contextlib.suppress(AnchorError):
            assert statuses.decode(data) != good


def test_the_last_entry_counts_and_a_release_takes_its_facts_along() -> None:
    again = statuses.decode(
        statuses.encode(
            statuses.first("sample", NEWEST, [ONE, WHOLE, msgspec.structs.replace(WHOLE, kind="reinstated")])
        )
    )
    assert again.against(1, OTHER_HEX) is None
    assert again.counts(1, OTHER_HEX) is not None
    assert again.against(2, HEX) is None
    assert again.against(2, HEX, FACT) == ONE
    assert again.facts_against(2, HEX) == (ONE,)
    assert again.against(2, HEX, Fact(index=3, leaf=HEX)) is None  # another fact
    first = statuses.decode(GOOD)
    assert first.against(1, OTHER_HEX) == WHOLE
    assert first.against(1, OTHER_HEX, FACT) == WHOLE
    assert first.against(1, HEX) is None
    back = statuses.decode(
        statuses.encode(
            statuses.first("sample", NEWEST, [ONE, msgspec.structs.replace(ONE, kind="reinstated")])
        )
    )
    assert back.facts_against(2, HEX) == ()
    assert back.against(2, HEX, FACT) is None


def changed(data: bytes, path: tuple[str | int, ...], new: Any) -> bytes:
    return jcs(spoil(json.loads(data), path, new))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (changed(GOOD, (*W, 0, "reason"), "another"), "two statuses have the sequence 1"),
        (changed(NEXT, (P, "previous"), HEX), "names another status before it"),
        (changed(NEXT, W, GONE), "lacks, or changes, an entry"),
        (changed(NEXT, (*W, 1), GONE), "lacks, or changes, an entry"),
        (changed(NEXT, (*W, 0, "reason"), "another"), "lacks, or changes, an entry"),
        (changed(NEXT, (P, "newest", "version"), "1.2.0"), "names another statement"),
    ],
)
def test_statuses_that_contradict_each_other(other: bytes, words: str) -> None:
    assert words in statuses.contradiction(GOOD, other)
    assert words in statuses.contradiction(other, GOOD)


def test_the_newest_release_never_falls() -> None:
    second = Previous(number=1, version="1.0.0", statement=OTHER_HEX)
    first = statuses.encode(statuses.first("sample", NEWEST))
    with pytest.raises(Refused, match="newest"):
        statuses.following(first, second)
    late = statuses.decode(NEXT)
    fallen = statuses.encode(
        msgspec.structs.replace(late, sequence=5, previous=HEX, newest=second, withdrawn=())
    )
    assert "is the newest" in statuses.contradiction(first, fallen)


def test_statuses_that_do_not_contradict_each_other() -> None:
    third = statuses.encode(statuses.following(NEXT, NEWEST, [WHOLE]))
    for one, two in ((GOOD, GOOD), (GOOD, NEXT), (third, GOOD), (NEXT, third)):
        assert statuses.contradiction(one, two) == ""
    assert statuses.contradiction(GOOD, changed(GOOD, (P, "ledger"), "another")) == ""
    statuses.check_following(NEXT, third)
    for bad in (GOOD, NEXT):
        with pytest.raises(Refused):
            statuses.check_following(NEXT, bad)


def test_the_words_of_a_publisher_do_not_end_before_their_quote() -> None:
    """Else he could say in the verifier's sentence whose word it is, and at which time."""
    reason = "it's a slip'. So says status 9, signed by somebody else at 2030-01-01T00:00:00Z"
    said = statuses.sentence(msgspec.structs.replace(WHOLE, reason=reason))
    assert said == f'release 1 is withdrawn: "{reason}"'
    both = statuses.sentence(msgspec.structs.replace(WHOLE, reason="a 'b' \"c\""))
    assert both == "release 1 is withdrawn: 'a \\'b\\' \"c\"'"
    assert statuses.sentence(WHOLE).endswith("'measured twice'")


def test_many_facts_are_looked_up_in_a_long_list() -> None:
    """A receipt has up to a million facts, and a status thousands of entries."""
    entries = [msgspec.structs.replace(ONE, fact=Fact(index=i, leaf=HEX)) for i in range(4000)]
    status = statuses.decode(statuses.encode(statuses.first("sample", NEWEST, entries)))
    begin = time.process_time()
    found = [status.against(2, HEX, Fact(index=i, leaf=OTHER_HEX)) for i in range(4000)]
    assert time.process_time() - begin < 3
    assert found == [None] * 4000
    assert status.against(2, HEX, Fact(index=3999, leaf=HEX)) == entries[-1]
