# SPDX-License-Identifier: Apache-2.0
"""Receipts of facts, for every ledger: the second implementation and ours come to one answer about each.

FORMAT.md section 22. No signature is right: without a policy, all other checks run.
"""

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anchor.format import receipt as receipts
from anchor.format.fact_search import ByIndex
from anchor.format.facts import ABSENT, Fact
from anchor.format.receipt import Receipt
from anchor.merkle import MultiproofBuilder, leaf_hashes
from anchor.verify.receipt import verify_receipt
from tests.receipt_vectors.signed_ledgers import Ledger
from tests.support.forge.bundles import NOW, V2_DSSE, make
from tests.support.second import receipts2
from tests.support.second.readers import Unsupported, Wrong

BUNDLE = make(V2_DSSE)
COLUMNS = ("label", "value", "unit")
Case = tuple[Ledger, list[Fact], list[int]]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.sampled_from(["", "x", "null", "é", "\n", '"']) | texts
full = st.tuples(values, values, values)
sparse = st.tuples(*[values | st.none() | st.just(ABSENT)] * 3).filter(lambda f: set(f) != {ABSENT})
other: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1, 2**53, "", "x", "ab" * 32, [], {}, ["ab" * 32]]
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A ledger, its facts as readers give them, and the indexes of some. Each column is in the first fact."""
    rows = draw(st.lists(full, min_size=0, max_size=9) | st.lists(sparse, min_size=1, max_size=9))
    facts: list[Fact] = [("a", "b", "c"), *rows]
    chosen = sorted(draw(st.sets(st.integers(0, len(facts) - 1), min_size=1, max_size=5)))
    members = [{n: v for n, v in zip(COLUMNS, f, strict=True) if v is not ABSENT} for f in facts]
    return Ledger(tuple(members)), facts, chosen


def bundles_of(ledger: Ledger) -> list[Any]:
    """A bundle whose payload is the statement, and whose signature is of another one."""
    payload = base64.b64encode(ledger.statement).decode()
    return [BUNDLE | {"dsseEnvelope": BUNDLE["dsseEnvelope"] | {"payload": payload}}]


def made(ledger: Ledger, facts: list[Fact], chosen: list[int]) -> bytes:
    """The receipt, as `anchor prove` makes it."""
    search, builder = ByIndex(chosen, COLUMNS), MultiproofBuilder()
    hashes = leaf_hashes(ledger.leaves)
    builder.extend(hashes, search.extend(facts, hashes))
    found, proof = tuple(search.found), tuple(builder.proof())
    return receipts.dump(
        Receipt(kind="inclusion", bundles=tuple(bundles_of(ledger)), facts=found, proof=proof)
    )


def ours(data: bytes) -> str:
    verdict = verify_receipt("a", data, trust=None, now=NOW)
    return next((str(c.demotes) for c in verdict.checks if c.demotes and c.name != "policy"), "OK")


def theirs(data: bytes) -> str:
    try:
        receipts2.check(data)
    except Unsupported:
        return "UNSUPPORTED"
    except (Wrong, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return "INVALID"
    return "OK"


@given(cases())
def test_what_is_made_is_what_the_second_one_makes_and_both_accept_it(case: Case) -> None:
    ledger, facts, chosen = case
    data = made(ledger, facts, chosen)
    assert json.loads(data) == ledger.receipt(*chosen) | {"bundles": bundles_of(ledger)}
    assert ours(data) == theirs(data) == "OK"


@given(cases(), st.data())
def test_both_come_to_one_answer_about_a_changed_receipt(case: Case, data: st.DataObject) -> None:
    """UNSUPPORTED is told from INVALID where facts and proof alone were changed."""
    value = json.loads(made(*case))
    parts = data.draw(st.lists(st.sampled_from([in_a_fact, in_the_proof, in_the_receipt]), max_size=2))
    for part in parts:
        part(data.draw, value)
    text = json.dumps(value).encode()
    mine, second = ours(text), theirs(text)
    assert (mine == "OK") == (second == "OK")
    assert in_the_receipt in parts or mine == second


def in_a_fact(draw: Any, value: Any) -> None:
    """Change one fact or its index, take it out, put it in twice, or exchange two."""
    facts = value.get("facts")
    if not isinstance(facts, list) or not facts or not isinstance(facts[0], dict):
        return
    at, way = draw(st.integers(0, len(facts) - 1)), draw(st.integers(0, 6))
    fact = facts[at].get("fact") if isinstance(facts[at], dict) else None
    if way == 0 and isinstance(facts[at], dict):
        facts[at]["index"] = draw(st.integers(-1, 11) | other)
    elif way == 1 and fact:
        fact[draw(st.sampled_from(sorted(fact)))] = draw(values | other)
    elif way == 2 and fact:
        fact[draw(st.sampled_from([*COLUMNS, "Label", "cells"]))] = fact.pop(
            draw(st.sampled_from(sorted(fact)))
        )
    elif way == 3:
        del facts[at]
    elif way == 4:
        facts.insert(at, facts[at])
    elif way == 5:
        facts.reverse()
    else:
        facts[at] = draw(other)


def in_the_proof(draw: Any, value: Any) -> None:
    """Take a hash out, put one in, or change one."""
    proof = value.get("proof")
    if not isinstance(proof, list):
        return
    at = draw(st.integers(0, len(proof)))
    more = draw(st.sampled_from([[], proof[:1], ["00" * 32], [None], ["AB" * 32]]))
    proof[at : at + draw(st.integers(0, 1))] = more


def in_the_receipt(draw: Any, value: Any) -> None:
    """Change or add a member."""
    name = draw(st.sampled_from(["format", "kind", "facts", "proof", "note", "release", "index", "status"]))
    value[name] = draw(other | st.sampled_from(["absence", "completeness"]))
