# SPDX-License-Identifier: Apache-2.0
"""Independence in words and numbers: who runs a log, and which of the named witnesses cosigned."""

import pytest

from anchor.log_kinds.embedded import ALONE
from anchor.tlog.keys import Algorithm, VerifierKey
from anchor.tlog.witness_policy import Cosigned, Quorum
from anchor.verify.independence import (
    PRIVATE,
    PUBLIC,
    PUBLISHER,
    Independence,
    Operator,
    claimed,
    operator_of,
)
from tests.support.logs.simlog import key

EMBEDDED = "0123456789abcdef.anchor-embedded.invalid"


def cosigned(name: str, seed: int, *, counts: bool = True) -> Cosigned:
    named = VerifierKey(
        f"{name}.example", Algorithm.COSIGNATURE_V1, key(seed).public_key().public_bytes_raw()
    )
    return Cosigned(name, named, 1_800_000_000, counts, "" if counts else "future")


def quorum(*names: str, met: bool, wanted: str = "g", named: int = 3, future: str = "") -> Quorum:
    signed = [cosigned(name, i) for i, name in enumerate(names, 1)]
    signed += [cosigned(future, 9, counts=False)] if future else []
    return Quorum(met, wanted, tuple(signed), named)


def of(operator: Operator, found: Quorum | None, *, own_authority: bool = False) -> Independence:
    return Independence(origin="log.example", operator=operator, quorum=found, own_authority=own_authority)


@pytest.mark.parametrize(
    ("operator", "found", "words"),
    [
        (PUBLISHER, quorum("a", "b", met=True), "run by the publisher, witnessed by 2 of 3 (a, b)"),
        (PUBLIC, quorum(met=False), "public log, 0 witnesses of 3 that your policy names"),
        (PUBLIC, None, "public log, witnesses not counted: no policy of yours names any"),
        (PRIVATE, quorum("a", met=True), "private log, witnessed by 1 of 3 (a)"),
        (PRIVATE, quorum("a", met=False), "(a), fewer than the quorum g"),
        (PUBLIC, quorum("a", met=True, wanted="none"), "(a), and no quorum is demanded"),
        (PUBLIC, quorum(met=True, wanted="none", named=0), "public log, 0 witnesses"),
        (PUBLIC, quorum(met=False, future="late"), "public log, 0 witnesses of 3"),
    ],
)
def test_the_words(operator: Operator, found: Quorum | None, words: str) -> None:
    assert words in of(operator, found).words


@pytest.mark.parametrize(
    ("found", "gone"),
    [
        (None, False),
        (quorum(met=False), False),
        (quorum("a", met=False), False),
        (quorum("a", met=True, wanted="none"), False),
        (quorum(met=True, wanted="none", named=0), False),
        (quorum("a", met=True), True),
    ],
)
def test_the_sentence_goes_if_and_only_if_a_quorum_that_the_policy_names_has_cosigned(
    found: Quorum | None, gone: bool
) -> None:
    own = of(PUBLISHER, found)
    mixed = of(PUBLIC, found, own_authority=True)
    for one in (own, mixed):
        assert (ALONE not in one.sentence) is gone
        assert one.independent is gone
        assert one.facts()["witnessed"] is gone
    assert ALONE not in of(PUBLIC, found).sentence


def test_a_private_log_may_be_run_by_anybody_and_so_says_the_sentence() -> None:
    assert of(PRIVATE, None).sentence.endswith("; nobody here knows who runs it")
    assert of(PRIVATE, quorum("a", met=False)).sentence.endswith("; nobody here knows who runs it")
    assert "knows" not in of(PRIVATE, quorum("a", met=True)).sentence
    assert "knows" not in of(PUBLIC, None).sentence


def test_only_what_was_counted_is_a_fact() -> None:
    facts = of(PUBLISHER, quorum("a", met=True, future="late")).facts()
    assert facts["witnesses"] == [{"name": "a", "key": "a.example", "time": "2027-01-15T08:00:00Z"}]
    assert (facts["named"], facts["quorum"], facts["operator"]) == (3, "g", "publisher")
    assert of(PUBLIC, None).facts()["named"] is None


def test_many_names_are_cut() -> None:
    many = quorum(*(f"w{i}" for i in range(40)), met=True, named=40)
    words = of(PUBLIC, many).words
    assert "witnessed by 40 of 40 (w0, " in words
    assert "w9 and 30 more)" in words


def test_a_witness_with_two_keys_is_one() -> None:
    """An operator has an Ed25519 and an ML-DSA key under one name, and a name in the policy for each."""
    one, two = cosigned("a", 1), cosigned("a", 2)
    both = Quorum(True, "g", (one, Cosigned("a-pq", two.key, two.time, counts=True), cosigned("b", 3)), 3)
    assert of(PUBLIC, both).words == "public log, witnessed by 2 of 3 (a, b)"
    assert [w["name"] for w in of(PUBLIC, both).facts()["witnesses"]] == ["a", "a-pq", "b"]


def test_who_runs_a_log() -> None:
    assert operator_of(EMBEDDED, b"key", {b"key"}) == PUBLISHER
    assert operator_of("rekor.example", b"key", {b"key"}) == PUBLIC
    assert operator_of("rekor.example", b"other", {b"key"}) == PRIVATE
    assert operator_of(f"{EMBEDDED}.example") == PRIVATE


def test_where_nothing_is_verified_only_an_embedded_origin_says_something() -> None:
    (line,) = claimed(EMBEDDED)
    assert "run by the publisher, witnesses not counted: nothing is verified here" in line
    assert ALONE in line
    assert claimed("rekor.example") == ()
