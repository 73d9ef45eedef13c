# SPDX-License-Identifier: Apache-2.0
"""Receipts of real releases: what is shown is what was signed, and no changed receipt is accepted.

FORMAT.md section 22.
"""

import itertools
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from anchor.app import trust as trusts
from anchor.disk.ledger_file import LedgerFile
from anchor.format.readers.delimited_dialect import DelimitedDialect
from anchor.net.budget import Budget
from anchor.tlog import witness_policy
from anchor.verdict import Class, Verdict
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.policy import Policy, Signer
from anchor.verify.receipt import (
    NO_STATUS,
    examine_line,
    examine_receipt,
    verify_evidence,
    verify_receipt,
)
from tests.bench.bench_receipts import trust as trust_of_vectors
from tests.receipt_vectors.cases_status import status, with_status
from tests.receipt_vectors.signed_ledgers import PLAIN
from tests.support.forge.bundles import NOW
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.receipts import bundles_of, leaves_of, receipt_of
from tests.support.releases.version_2 import held_of_kind, release_of
from tests.support.second import receipts2
from tests.support.second.leaves2 import jcs, leaf_hash

ROOT = Path(__file__).resolve().parents[3]
TABLE = b"label;value\nA;1\nB;\xe92\nC;\nD;4\nE;5\nF;6\nA;1\n"
OTHER = TABLE.replace(b"D;4", b"D;5").replace(b"F;6", b"F;7")


def made(folder: Path, data: bytes, **more: Any) -> Held:
    """A release of a table with semicolons and a null, in an encoding of its own."""
    file = folder / "a.csv"
    file.write_bytes(data)
    dialect = DelimitedDialect(delimiter=";", encoding="iso-8859-1", null="")
    return release_of(folder, [LedgerFile(path=file, reader="delimited-v2", dialect=dialect)], **more)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return made(tmp_path_factory.mktemp("receipts"), TABLE, instances=2)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """Another release, in which two facts are different, by signers of its own."""
    return made(tmp_path_factory.mktemp("other"), OTHER)


@pytest.fixture(scope="module")
def repository() -> tuple[Held, Trust]:
    """The release of this repository, of version 1, and the trust of its policy."""
    trust = trusts.load(ROOT / "release/policy.toml", budget=Budget(30), offline=True)
    return hold(ROOT), trust


def verified(value: Any, held: Held, *, trust: Trust | None = None, now: datetime | None = None) -> Verdict:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return verify_receipt("a.json", data, trust=trust or held.trust, now=now or held.now)


def worst(verdict: Verdict) -> str:
    """The name of the first check that demotes the verdict."""
    return next(c.name for c in verdict.checks if c.demotes is verdict.verdict)


def demanding(trust: Trust, **changed: Any) -> Trust:
    fields = {name: getattr(trust.policy, name) for name in ("ledger", "signers")} | changed
    return msgspec.structs.replace(trust, policy=Policy(**fields))


def test_a_receipt_shows_the_fact_and_who_signed_it(held: Held) -> None:
    verdict = verified(receipt_of(held, 1), held, trust=demanding(held.trust, min_anchors=2))
    assert (verdict.verdict, verdict.kind) == (Class.OK, "receipt")
    facts, release = verdict.facts, held.value
    (shown,) = facts["facts"]
    assert (shown["index"], shown["fact"]) == (1, {"label": "B", "value": "é2"})
    assert (facts["ledger"], facts["number"], facts["version"]) == ("second", 1, "1.0.0")
    assert (facts["root"], facts["size"]) == (release["tree"]["root"], 7)
    assert facts["statement"] == release["statement"]["sha256"]
    for found, anchor in zip(facts["anchors"], release["anchors"], strict=True):
        assert found["origin"] == anchor["log"]["origin"]
        assert found["index"] == anchor["log"]["index"]
        assert all(found[m] == anchor[m] for m in ("identity", "issuer", "time"))
        assert found["independent"] is False
    assert verdict.notes[0] == NO_STATUS
    assert [n.partition(": ")[0] for n in verdict.notes[1:]] == [
        f"log {a['origin']}" for a in facts["anchors"]
    ]
    assert all("run by the publisher" in n and "no independent evidence" in n for n in verdict.notes[1:])


def test_the_dialect_is_named(held: Held) -> None:
    verdict = verified(receipt_of(held, 0), held)
    (check,) = [c for c in verdict.checks if c.name == "read-as"]
    assert "iso-8859-1" in check.detail


def test_null_is_shown_as_null_and_not_as_an_empty_string(held: Held) -> None:
    receipt = receipt_of(held, 2)
    assert verified(receipt, held).facts["facts"][0]["fact"] == {"label": "C", "value": None}
    for lie in ("", "null"):
        receipt["facts"][0]["fact"]["value"] = lie
        assert worst(verified(receipt, held)) == "receipt-facts"


@pytest.mark.parametrize("indexes", [(0,), (6,), (0, 6), (1, 2, 3), tuple(range(7))])
def test_any_number_of_facts_has_one_receipt(held: Held, indexes: tuple[int, ...]) -> None:
    receipt = receipt_of(held, *indexes)
    verdict = verified(receipt, held)
    assert verdict.verdict is Class.OK
    assert [f["index"] for f in verdict.facts["facts"]] == list(indexes)
    assert receipts2.check(json.dumps(receipt).encode())["tree"]["size"] == 7


def test_equal_facts_are_told_apart_by_their_index(held: Held) -> None:
    first, last = receipt_of(held, 0), receipt_of(held, 6)
    assert first["facts"][0]["fact"] == last["facts"][0]["fact"]
    assert verified(first, held).facts["facts"][0]["index"] == 0
    assert verified(last, held).facts["facts"][0]["index"] == 6
    first["facts"][0]["index"] = 6
    assert worst(verified(first, held)) == "receipt-facts"


@pytest.mark.parametrize("kind", ["other members", "semicolons", "the second table", "three hundred columns"])
def test_a_release_of_each_kind_has_receipts(kind: str) -> None:
    found = held_of_kind(kind)
    for index in {0, len(leaves_of(found)) - 1}:
        verdict = verified(receipt_of(found, index), found)
        assert verdict.verdict is Class.OK, verdict.checks
        assert verdict.facts["facts"][0]["fact"] == json.loads(leaves_of(found)[index])
        shown = list(verdict.facts["facts"][0]["fact"])
        assert shown == [c for c in columns(found) if c in shown], "in the order of the ledger"


def columns(held: Held) -> list[str]:
    return list(json.loads(held.files[held.path("statement")])["predicate"]["facts"]["columns"])


def test_the_published_release_of_this_repository_has_receipts(repository: tuple[Held, Trust]) -> None:
    held, trust = repository
    for index in (0, 37, 680):
        verdict = verified(receipt_of(held, index), held, trust=trust)
        assert verdict.verdict is Class.OK, verdict.checks
        assert verdict.facts["size"] == 681
        assert verdict.facts["facts"][0]["fact"] == json.loads(leaves_of(held)[index])


Change = Callable[[dict[str, Any], Held], Any]


def edited(receipt: dict[str, Any], _: Held) -> None:
    receipt["facts"][0]["fact"]["value"] = "2"


def another_place(receipt: dict[str, Any], _: Held) -> None:
    receipt["facts"][0]["index"] = 4


def beyond(receipt: dict[str, Any], _: Held) -> None:
    receipt["facts"][0]["index"] = 7


def another_column(receipt: dict[str, Any], _: Held) -> None:
    receipt["facts"][0]["fact"]["more"] = "x"


def no_column(receipt: dict[str, Any], _: Held) -> None:
    del receipt["facts"][0]["fact"]["value"]


def cut_proof(receipt: dict[str, Any], _: Held) -> None:
    receipt["proof"].pop()


def longer_proof(receipt: dict[str, Any], _: Held) -> None:
    receipt["proof"].append("00" * 32)


def turned_proof(receipt: dict[str, Any], _: Held) -> None:
    receipt["proof"].reverse()


def spliced_proof(receipt: dict[str, Any], other: Held) -> None:
    """The proof of the same place in another release."""
    receipt["proof"] = receipt_of(other, 3)["proof"]


def other_fact(receipt: dict[str, Any], other: Held) -> None:
    """Fact and proof of another release, under the signatures of this one."""
    receipt |= {m: receipt_of(other, 3)[m] for m in ("facts", "proof")}


def other_bundle(receipt: dict[str, Any], other: Held) -> None:
    """One of its bundles is of another release."""
    receipt["bundles"][1] = bundles_of(other)[0]


def other_payload(receipt: dict[str, Any], other: Held) -> None:
    """The statement of another release in the envelopes of this one."""
    for bundle in receipt["bundles"]:
        bundle["dsseEnvelope"]["payload"] = bundles_of(other)[0]["dsseEnvelope"]["payload"]
    receipt |= {m: receipt_of(other, 3)[m] for m in ("facts", "proof")}


def edited_statement(receipt: dict[str, Any], _: Held) -> None:
    """The root of a tree of one's own stands in the statement."""
    fact = {"label": "D", "value": "1000"}
    statement = json.loads(b64decode(receipt["bundles"][0]["dsseEnvelope"]["payload"]))
    statement["predicate"]["tree"] |= {"root": leaf_hash(jcs(fact)).hex(), "size": 1}
    for bundle in receipt["bundles"]:
        bundle["dsseEnvelope"]["payload"] = b64encode(jcs(statement)).decode()
    receipt |= {"facts": [{"index": 0, "fact": fact}], "proof": []}


def no_log_entry(receipt: dict[str, Any], _: Held) -> None:
    for bundle in receipt["bundles"]:
        bundle["verificationMaterial"]["tlogEntries"] = []


def unreadable_bundle(receipt: dict[str, Any], _: Held) -> None:
    receipt["bundles"][0] = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}


ATTACKS: dict[Change, str] = {
    edited: "receipt-facts",
    another_place: "receipt-facts",
    beyond: "receipt-facts",
    another_column: "receipt-facts",
    no_column: "receipt-facts",
    cut_proof: "receipt-facts",
    longer_proof: "receipt-facts",
    turned_proof: "receipt-facts",
    spliced_proof: "receipt-facts",
    other_fact: "receipt-facts",
    other_bundle: "one-statement",
    other_payload: "log-entry",
    edited_statement: "log-entry",
    no_log_entry: "log-key",
    unreadable_bundle: "bundle-format",
}


@pytest.mark.parametrize("change", ATTACKS, ids=lambda c: c.__name__)
def test_a_changed_receipt_is_invalid_and_shows_nothing(change: Change, held: Held, other: Held) -> None:
    receipt = receipt_of(held, 3)
    change(receipt, other)
    verdict = verified(receipt, held)
    assert (verdict.verdict, worst(verdict)) == (Class.INVALID, ATTACKS[change])
    assert verdict.facts == {}


def test_a_bundle_that_was_left_out_is_missed_by_the_policy_that_asks_for_both(held: Held) -> None:
    receipt = receipt_of(held, 3)
    del receipt["bundles"][0]
    both = demanding(held.trust, min_anchors=2)
    verdict = verified(receipt, held, trust=both)
    assert (verdict.verdict, worst(verdict), verdict.facts) == (Class.PENDING, "policy-anchors", {})
    twice = receipt | {"bundles": receipt["bundles"] * 2}
    assert verified(twice, held, trust=both).verdict is Class.PENDING, "one log counts once"
    assert verified(receipt, held).verdict is Class.OK, "a policy that asks for one has it"


def test_what_the_policy_demands_is_demanded(held: Held, other: Held) -> None:
    receipt = receipt_of(held, 0)
    stranger = (Signer(identity="someone@example.org", issuer="https://example.org"),)
    none = witness_policy.parse(b"quorum none\n")
    for trust, verdict, name in (
        (demanding(held.trust, ledger="another"), Class.INVALID, "policy-ledger"),
        (demanding(held.trust, min_number=2), Class.STALE, "policy-number"),
        (demanding(held.trust, min_anchors=3), Class.PENDING, "policy-anchors"),
        (demanding(held.trust, signers=stranger), Class.INVALID, "signer"),
        (other.trust, Class.INVALID, "policy-anchors"),
        (msgspec.structs.replace(held.trust, witnesses=none), Class.PENDING, "witnesses"),
    ):
        found = verified(receipt, held, trust=trust)
        assert (found.verdict, worst(found), found.facts) == (verdict, name, {})
    aged = demanding(held.trust, max_age=timedelta(days=1))
    assert verified(receipt, held, trust=aged).verdict is Class.OK
    late = verified(receipt, held, trust=aged, now=held.now + timedelta(days=2))
    assert (late.verdict, worst(late)) == (Class.STALE, "policy-age")


def test_one_bundle_of_a_log_that_is_not_trusted_counts_for_nothing(held: Held) -> None:
    first = msgspec.structs.replace(held.trust, raw=held.trust.raw[:1], root=held.trust.each[0])
    verdict = verified(receipt_of(held, 0), held, trust=first)
    assert verdict.verdict is Class.OK
    assert [c.state for c in verdict.checks if c.name == "anchor-trusted"] == ["skipped"]
    assert len(verdict.facts["anchors"]) == 1


def test_without_a_policy_nothing_is_vouched_for(held: Held) -> None:
    data = json.dumps(receipt_of(held, 0)).encode()
    verdict = verify_receipt("a.json", data, trust=None, now=held.now)
    assert (verdict.verdict, worst(verdict), verdict.facts) == (Class.USAGE, "policy", {})
    assert "receipt-facts" in {c.name for c in verdict.checks if c.state == "passed"}


def test_bundles_of_the_release_are_no_status(held: Held) -> None:
    receipt = receipt_of(held, 0) | {"status": {"bundles": bundles_of(held)}}
    verdict = verified(receipt, held)
    assert (verdict.verdict, worst(verdict), verdict.facts) == (Class.UNSUPPORTED, "status", {})


@pytest.mark.parametrize(
    ("data", "verdict"),
    [(b"", Class.INVALID), (b"{}", Class.INVALID), (b'{"format":"x"}', Class.UNSUPPORTED)],
)
def test_what_is_no_receipt_is_not_verified_further(data: bytes, verdict: Class, held: Held) -> None:
    found = verified(data, held)
    assert (found.verdict, [c.name for c in found.checks]) == (verdict, ["receipt"])


def test_the_bundles_of_one_release_are_verified_once(held: Held, other: Held) -> None:
    def examine(value: Any, **more: Any) -> Any:
        return examine_receipt("a.json", json.dumps(value).encode(), now=held.now, **more)

    first = examine(receipt_of(held, 0), trust=held.trust)
    second = examine(receipt_of(held, 1), trust=held.trust, evidence=first.evidence)
    assert second.evidence is first.evidence
    assert second.verdict == examine(receipt_of(held, 1), trust=held.trust).verdict
    forged = receipt_of(held, 1)
    edited(forged, other)
    assert examine(forged, trust=held.trust, evidence=first.evidence).verdict.verdict is Class.INVALID
    # neither other bundles nor another trust profit from it
    one = receipt_of(held, 1)
    del one["bundles"][0]
    for value, trust in ((one, held.trust), (receipt_of(held, 1), demanding(held.trust, min_anchors=2))):
        found = examine(value, trust=trust, evidence=first.evidence)
        assert found.evidence is not first.evidence
        assert found.verdict == examine(value, trust=trust).verdict
    # nor does a bundle of a stranger that was refused once become good
    strange = examine(receipt_of(other, 0), trust=held.trust, evidence=first.evidence)
    assert strange.verdict.verdict is Class.INVALID
    again = examine(receipt_of(other, 0), trust=held.trust, evidence=strange.evidence)
    assert again.evidence is strange.evidence
    assert again.verdict == strange.verdict


def test_the_age_is_that_of_each_question(held: Held) -> None:
    trust = demanding(held.trust, max_age=timedelta(days=1))
    data = json.dumps(receipt_of(held, 0)).encode()
    first = examine_receipt("a.json", data, trust=trust, now=held.now)
    late = held.now + timedelta(days=2)
    second = examine_receipt("a.json", data, trust=trust, now=late, evidence=first.evidence)
    assert (first.verdict.verdict, second.verdict.verdict) == (Class.OK, Class.STALE)


def test_a_stapled_status_costs_what_the_caller_allows() -> None:
    """Its verification is limited in time. One that took too long decides nothing about the next one."""
    mine, data = trust_of_vectors(), json.dumps(with_status(status())).encode()
    plain = examine_receipt("a.json", json.dumps(PLAIN.receipt(2)).encode(), trust=mine, now=NOW)
    ticks = itertools.count(step=100)
    slow = Effort(seconds=50, stopwatch=lambda: float(next(ticks)))
    found = examine_receipt("a.json", data, trust=mine, now=NOW, effort=slow, evidence=plain.evidence)
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "takes more than 50.0 s" in str(found.verdict.checks)
    assert found.evidence is plain.evidence
    again = examine_receipt("a.json", data, trust=mine, now=NOW, evidence=found.evidence)
    assert again.verdict == examine_receipt("a.json", data, trust=mine, now=NOW).verdict
    assert again.verdict.verdict is Class.OK
    line = PLAIN.receipt(2) | {"status": with_status(status())["status"]}
    del line["bundles"]
    assert plain.evidence is not None
    line["release"] = plain.evidence.sha256
    spent = Effort(checks=0)
    data = json.dumps(line).encode()
    verdict = examine_line("a:1", data, evidence=plain.evidence, now=NOW, effort=spent).verdict
    assert verdict.verdict is Class.UNAVAILABLE


def test_a_line_is_held_to_the_bundles_beside_it(held: Held, other: Held) -> None:
    evidence = verify_evidence(bundles_of(held), trust=held.trust, now=held.now)
    strange = verify_evidence(bundles_of(other), trust=held.trust, now=held.now)
    line: Any = {m: v for m, v in receipt_of(held, 3).items() if m != "bundles"}
    line["release"] = evidence.sha256

    def examine(value: Any, found: Any = evidence) -> Verdict:
        return examine_line("a:1", json.dumps(value).encode(), evidence=found, now=held.now).verdict

    assert examine(line) == replace_target(verified(receipt_of(held, 3), held), examine(line))
    for value, found, name in (
        (line, strange, "one-statement"),
        (line | {"release": strange.sha256}, evidence, "one-statement"),
        (line | {"proof": []}, evidence, "receipt-facts"),
    ):
        verdict = examine(value, found)
        assert (verdict.verdict, worst(verdict), verdict.facts) == (Class.INVALID, name, {})
    assert examine(receipt_of(held, 3)).verdict is Class.UNSUPPORTED


def replace_target(verdict: Verdict, like: Verdict) -> Verdict:
    """The verdict of the whole receipt, with the checks that only a line has."""
    assert [c.name for c in like.checks if c not in verdict.checks] == ["receipt", "one-statement"]
    return msgspec.structs.replace(verdict, target=like.target, checks=like.checks)


def test_the_longest_list_of_bundles_ends_in_time(held: Held) -> None:
    """64 bundles, each of which would be verified: the work has a limit."""
    receipt = receipt_of(held, 0)
    receipt["bundles"] = receipt["bundles"] * 32
    verdict = verified(receipt, held)
    assert verdict.verdict is Class.OK
    assert len(verdict.facts["anchors"]) == 64
    receipt["bundles"].append(receipt["bundles"][0])
    assert worst(verified(receipt, held)) == "receipt"


def test_many_columns_and_many_facts_do_not_multiply(held: Held) -> None:
    """Nobody has signed this: 16,000 columns, of which each of 10,000 facts has one."""
    columns = [f"c{i}" for i in range(16_000)]
    statement = json.loads(held.files[held.path("statement")])
    statement["predicate"]["facts"]["columns"] = columns
    statement["predicate"]["tree"]["size"] = 10_000
    receipt = receipt_of(held, 0)
    for bundle in receipt["bundles"]:
        bundle["dsseEnvelope"]["payload"] = b64encode(jcs(statement)).decode()
    receipt["facts"] = [{"index": i, "fact": {"c15999": "x"}} for i in range(10_000)]
    receipt["proof"] = []
    began = time.process_time()
    assert verified(receipt, held).verdict is Class.INVALID
    assert time.process_time() - began < 4
