# SPDX-License-Identifier: Apache-2.0
"""Whoever hands over a proof of runs lies: about heads, or events, or by leaving out what does not suit."""

import base64
import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from anchor import limits
from anchor.app.verify_history import verify_files
from anchor.app.verify_receipt import open_trust
from anchor.format import history_proof
from anchor.verdict import Class
from tests.support.forge.authorities import Leaf
from tests.support.forge.bundles import V2_DSSE
from tests.support.forge.logs import v2_log
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.records.signed_history import (
    BOTH,
    History,
    a_year,
    policy,
)
from tests.support.second import history2
from tests.support.second.leaves2 import jcs

VERDICTS = ("OK", "INVALID", "OK", "UNAVAILABLE", "OK")


@pytest.fixture
def history() -> History:
    """Two heads, with five runs between them, one of which is INVALID."""
    return a_year(VERDICTS)


class Verifier:
    """The command in a folder with a policy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.policy = policy(folder)

    def __call__(self, *proofs: Sequence[bytes] | bytes, own: Path | None = None) -> Ran:
        paths = []
        for number, lines in enumerate(proofs):
            path = self.folder / f"{number}.jsonl"
            path.write_bytes(lines if isinstance(lines, bytes) else history2.written(lines))
            paths.append(path)
        return anchor("verify-history", *paths, "--policy", own or self.policy, "--json")

    def refused(self, *proofs: Sequence[bytes] | bytes, by: str, code: int = 8) -> Any:
        """All are refused by this check, and nothing of them is shown; the verdict."""
        ran = self(*proofs)
        found = ran.document
        assert ran.code == code, found
        assert by in [c["name"] for c in found["checks"] if c.get("demotes") == found["verdict"]], found
        return found


@pytest.fixture
def verify(tmp_path: Path) -> Verifier:
    return Verifier(tmp_path)


def counted(ran: Ran) -> dict[str, int]:
    """The classes of all runs of the one proof."""
    (one,) = ran.document["facts"]["proofs"]
    (row,) = one["runs"]
    return dict(row["verdicts"])


def test_what_is_honest_holds(history: History, verify: Verifier) -> None:
    ran = verify(history.complete(1, 0))
    assert ran.code == 0, ran
    assert counted(ran) == {"OK": 3, "INVALID": 1, "UNAVAILABLE": 1}
    assert verify(history.complete(1)).code == 0
    assert verify(history.single(4, 5)).code == 0


# Heads


def test_a_head_by_another_signer(history: History, verify: Verifier) -> None:
    stranger = V2_DSSE.but(leaf=Leaf(identity="stranger@vectors.example"))
    found = verify.refused(history.complete(1, 0, stranger), by="signer")
    assert found["facts"] == {}


def test_a_head_in_another_log_counts_for_nothing(history: History, verify: Verifier) -> None:
    foreign = V2_DSSE.but(log=lambda: v2_log("another", "another.vectors.example"))
    found = verify.refused(history.complete(1, 0, foreign), by="policy-anchors")
    assert {c["state"] for c in found["checks"] if c["name"] == "anchor-trusted"} == {"skipped"}


def test_a_head_whose_bundle_signs_another_head(history: History, verify: Verifier) -> None:
    lines = history.complete(1, 0)
    first = json.loads(lines[0])
    first["head"]["bundles"] = history.signed(0)["bundles"]
    verify.refused([jcs(first), *lines[1:]], by="history-signed")


def test_a_head_before_that_nobody_signed(history: History, verify: Verifier) -> None:
    lines = history.complete(1, 0)
    first = json.loads(lines[0])
    first["before"]["bundles"] = first["head"]["bundles"]
    verify.refused([jcs(first), *lines[1:]], by="history-signed")


def test_a_release_is_no_head(history: History, verify: Verifier) -> None:
    statement = jcs({"_type": "https://in-toto.io/Statement/v1", "predicateType": "urn:other:v1"})
    first = json.loads(history.complete(1, 0)[0])
    first["head"]["statement"] = base64.b64encode(statement).decode()
    verify.refused([jcs(first)], by="history-proof", code=7)


def test_fewer_logs_than_the_policy_wants_are_pending(history: History, verify: Verifier) -> None:
    (verify.folder / "two").mkdir()
    own = policy(verify.folder / "two", more="min_anchors = 2\n")
    assert verify(history.complete(1, 0), own=own).code == 5
    assert verify(history.complete(1, 0, *BOTH), own=own).code == 0


def test_the_head_before_is_of_another_history(history: History, verify: Verifier) -> None:
    other = History(origin="history.example/other")
    other.seen()
    other.head()
    lines = history.complete(1, 0)
    first = json.loads(lines[0]) | {"before": other.signed(0)}
    verify.refused([jcs(first), *lines[1:]], by="history-proof")


def test_the_policy_is_for_another_ledger(history: History, verify: Verifier) -> None:
    (verify.folder / "other").mkdir()
    own = policy(verify.folder / "other", ledger="rents")
    ran = verify(history.complete(1), own=own)
    assert ran.code == 8
    assert ran.document["facts"] == {}
    assert verify(history.complete(1, 0), own=own).code == 0, "no event names the ledger"


# Events

Forge = Callable[[list[bytes]], list[bytes]]
FORGERIES: dict[str, Forge] = {
    "left out": lambda lines: [*lines[:3], *lines[4:]],
    "left out at the end": lambda lines: lines[:-1],
    "all left out": lambda lines: lines[:1],
    "added": lambda lines: [*lines, lines[2]],
    "added in the middle": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "moved": lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
    "twice in place of another": lambda lines: [*lines[:3], lines[2], *lines[4:]],
    "changed": lambda lines: [lines[0], *(line.replace(b'"INVALID"', b'"OK"') for line in lines[1:])],
    "another nonce": lambda lines: [
        *lines[:2],
        lines[2].replace(b'"nonce":"', b'"nonce":"0')[:-1],
        *lines[3:],
    ],
    "with a space": lambda lines: [*lines[:2], lines[2] + b" ", *lines[3:]],
    "an empty line": lambda lines: [*lines[:2], b"", *lines[3:]],
    "no JSON": lambda lines: [*lines[:2], b"\xff\xfe", *lines[3:]],
    "deep": lambda lines: [*lines[:2], b'{"facts":' + b"[" * 100_000 + b"]" * 100_000 + b"}", *lines[3:]],
    "another hash": lambda lines: [*lines[:2], history2.removed(b"else"), *lines[3:]],
    "a hash and more": lambda lines: [*lines[:2], history2.removed(lines[2])[:-1] + b',"x":1}', *lines[3:]],
    "half a hash": lambda lines: [*lines[:2], history2.removed(lines[2])[:40], *lines[3:]],
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_the_events_are_not_those_of_the_heads(history: History, verify: Verifier, forge: Forge) -> None:
    found = verify.refused(forge(history.complete(1, 0)), by="history-events")
    assert found["facts"] == {}


@pytest.mark.parametrize("name", ["left out", "added", "changed", "twice in place of another", "moved"])
def test_single_events_are_forged(history: History, verify: Verifier, name: str) -> None:
    verify.refused(FORGERIES[name](history.single(3, 4, 5, 6)), by="history-events")


def test_a_run_is_counted_once(history: History, verify: Verifier) -> None:
    verify.refused(
        history2.single(history.events[: history.size(1)], history.signed(1), [4, 4]), by="history-proof"
    )
    verify.refused(
        history2.single(history.events[: history.size(1)], history.signed(1), [5, 4]), by="history-proof"
    )


def test_an_index_beyond_the_head(history: History, verify: Verifier) -> None:
    first, line = history.single(4)
    said = json.loads(first)
    said["events"][0]["index"] = 1 << 40
    verify.refused([jcs(said), line], by="history-events")


HEADERS: dict[str, dict[str, Any]] = {
    "start": {"start": 3},
    "start of another head": {"start": 1},
    "no start": {"start": 0},
    "a start beyond": {"start": 1 << 40},
    "a start that is too large": {"start": 1 << 41},
    "nodes": {"nodes": ["ab" * 32]},
    "no nodes": {"nodes": []},
    "a node more": {"nodes": ["ab" * 32, "cd" * 32]},
    "nodes that are no hashes": {"nodes": ["ab" * 31]},
    "millions of nodes": {"nodes": ["ab"] * 700_000},
    "a member more": {"more": 1},
    "no bundles": {"head": {"statement": "e30=", "bundles": []}},
    "another version": {"format": "urn:ledger-anchor:history-proof:v2"},
}


@pytest.mark.parametrize("changed", HEADERS.values(), ids=HEADERS)
def test_the_first_line_is_forged(history: History, verify: Verifier, changed: dict[str, Any]) -> None:
    lines = history.complete(1, 0)
    first = jcs(json.loads(lines[0]) | changed)
    found = verify(
        [first, *lines[1:]],
    ).document
    bad = [c["name"] for c in found["checks"] if c.get("demotes")]
    assert bad in (["history-proof"], ["history-events"]), found
    assert found["verdict"] == ("UNSUPPORTED" if changed.keys() & {"format", "more"} else "INVALID")
    assert found["facts"] == {}


def test_a_history_that_begins_twice(verify: Verifier) -> None:
    history = History()
    history.seen()
    history.run()
    history.add("records-began", origin=history.origin)
    history.head()
    verify.refused(history.complete(), by="history-events")


def test_a_history_that_begins_with_another_origin(verify: Verifier) -> None:
    history = History(origin="history.example/mine")
    history.origin = "history.example/yours"
    history.seen()
    history.head()
    verify.refused(history.complete(), by="history-events")
    verify.refused(history.single(0), by="history-events")


# Pruned events


def without(lines: list[bytes], *places: int) -> list[bytes]:
    """The same lines without the bodies of some."""
    return [history2.removed(line) if n in places else line for n, line in enumerate(lines)]


def test_a_bad_run_that_is_said_to_be_pruned_is_withheld(history: History, verify: Verifier) -> None:
    lines = history.complete(1, 0)
    place = next(n for n, line in enumerate(lines) if b'"INVALID"' in line)
    found = verify.refused(without(lines, place), by="history-pruned", code=3)
    (proof,) = found["facts"]["proofs"]
    assert (proof["pruned"], proof["withheld"]) == (1, 1)
    told = " ".join(
        anchor("verify-history", verify.folder / "0.jsonl", "--policy", verify.policy).out.split()
    )
    assert "some events are withheld" in told
    assert "the list is not complete between these two heads: 1 event is withheld" in told


def test_runs_that_the_history_names_as_pruned_are_counted(history: History, verify: Verifier) -> None:
    history.add("records-pruned", runs=[[4, 5]], counts={"classes": {"OK": 1, "INVALID": 1}})
    history.head()
    lines = history.complete(2, 0)
    assert json.loads(lines[3])["kind"] == json.loads(lines[4])["kind"] == "run-ended"
    ran = verify(without(lines, 3, 4))
    assert ran.code == 0, ran
    assert counted(ran) != counted(verify(lines))
    told = " ".join(
        anchor("verify-history", verify.folder / "0.jsonl", "--policy", verify.policy).out.split()
    )
    verify(without(lines, 3, 4))
    told = " ".join(
        anchor("verify-history", verify.folder / "0.jsonl", "--policy", verify.policy).out.split()
    )
    assert "except for 2 runs that were pruned" in told
    verify.refused(without(lines, 3, 4, 5), by="history-pruned", code=3)


def test_an_event_names_itself_or_a_later_one_as_pruned(history: History, verify: Verifier) -> None:
    history.add("records-pruned", runs=[[4, len(history.events)]], counts={})
    history.run()
    history.head()
    verify.refused(history.complete(2, 0), by="history-events")


def test_the_first_event_cannot_be_pruned(history: History, verify: Verifier) -> None:
    verify.refused(without(history.complete(1), 1), by="history-events")


# Two histories


def test_a_forked_copy_of_the_database(history: History, verify: Verifier) -> None:
    other = history.fork()
    history.run("INVALID")
    history.head()
    other.run("OK")
    other.run("OK")
    other.head()
    one, two = history.complete(2, 1), other.complete(2, 1)
    assert verify(one).code == verify(two).code == 0, "each alone is good"
    verify.refused(one, two, by="history-one", code=6)
    verify.refused(history.single(4, head=2), other.single(4, head=2), by="history-one", code=6)


def test_two_roots_at_one_size(history: History, verify: Verifier) -> None:
    other = history.fork()
    history.run("INVALID")
    history.head()
    other.run("OK")
    other.head()
    verify.refused(history.complete(2, 1), other.complete(2, 1), by="history-one", code=6)


def test_a_longer_history_that_is_another_one(history: History, verify: Verifier) -> None:
    """The heads name no common head before them: only the events show it."""
    other = history.fork()
    history.run("INVALID")
    history.head()
    other.run("OK")
    other.head()
    other.run("OK")
    other.head()
    found = verify.refused(history.complete(2, 1), other.complete(3, 1), by="history-one", code=6)
    details = [c["detail"] for c in found["checks"] if c["name"] == "history-one"]
    assert any("give another root at" in detail for detail in details)


def test_two_heads_of_one_history_after_the_same_one_are_no_fork(history: History, verify: Verifier) -> None:
    """As after a crash between the log and the database: the events show that one begins the other."""
    history.run()
    history.head()
    again = history.fork()
    again.heads.pop()
    again.events.pop()
    again.run()
    again.head()
    ran = verify(history.complete(2, 1), again.complete(2, 1))
    assert ran.code == 0, ran


def test_a_head_that_names_another_one_before_it_than_its_events_show(verify: Verifier) -> None:
    history = History()
    history.seen()
    history.head()
    other = history.fork()
    history.run("INVALID")
    other.run("OK")
    for one in (history, other):
        one.head()
    history.heads[1] = other.heads[1]
    history.run()
    history.head()
    verify.refused(history.complete(2, 0), by="history-one", code=6)


def test_heads_of_another_signer_accuse_nobody(history: History, verify: Verifier) -> None:
    identity = "second@vectors.example"
    path = verify.policy
    text = path.read_text()
    path.write_text(
        f'{text}[[signer]]\nidentity = "{identity}"\nissuer = "https://accounts.vectors.example"\n'
    )
    other = history.fork()
    history.run("INVALID")
    history.head()
    other.run("OK")
    other.head()
    stranger = V2_DSSE.but(leaf=Leaf(identity=identity))
    verify.refused(history.complete(2, 1), other.complete(2, 1, stranger), by="history-one", code=9)


# Files


def test_what_is_no_proof_is_a_slip(verify: Verifier) -> None:
    for data in (b"", b"hello\n", b"{}\n", b"<html>", json.dumps({"mediaType": "x"}).encode(), b"\0" * 100):
        assert verify(data).code in (2, 3), data
    assert "a proof of runs" in verify(b"hello\n").line


def test_a_file_that_is_cut_off(history: History, verify: Verifier) -> None:
    whole = history2.written(history.complete(1, 0))
    verify.refused(whole[:-1], by="history-events")
    verify.refused(whole[:-10], by="history-events")


def test_no_line_is_read_beyond_its_limit(history: History, verify: Verifier) -> None:
    lines = history.complete(1, 0)
    huge = b'{"facts":"' + b"a" * (limits.HISTORY_EVENT + 1) + b'"}'
    verify.refused([lines[0], huge, *lines[2:]], by="history-events")
    first = lines[0][:-1] + b"," + b" " * limits.HISTORY_EVENT + lines[0][-1:]
    verify.refused([first, *lines[1:]], by="history-proof")


def test_names_without_end_are_not_held(verify: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HISTORY_HELD", 20_000)
    history = History()
    for number in range(40):
        history.run(target=f"target {number}", statement=None)
    history.head()
    verify.refused(history.complete(), by="history-events", code=7)


def test_a_line_is_held_at_a_time(verify: Verifier) -> None:
    history = History()
    for number in range(100):
        history.add("evidence-found", evidence="x" * 200_000, origin=f"{number}", document="ab" * 32)
    history.head()
    path = verify.folder / "large.jsonl"
    path.write_bytes(history2.written(history.complete()))
    trust, _ = open_trust(policy=verify.policy)
    verify_files([path], trust)  # what is imported and made once
    tracemalloc.start()
    try:
        assert verify_files([path], trust).verdict is Class.OK
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 4
    finally:
        tracemalloc.stop()


def test_a_policy_is_needed_to_believe_it(history: History, verify: Verifier, monkeypatch: Any) -> None:
    path = verify.folder / "p.jsonl"
    path.write_bytes(history2.written(history.complete(1)))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(verify.folder / "none"))
    monkeypatch.delenv("ANCHOR_POLICY", raising=False)
    ran = anchor("verify-history", path)
    assert ran.code == 2
    told = " ".join(ran.out.split())
    assert "claimed and not verified: of 5 daily runs of release 3 of prices in 2025" in told
    assert "release@vectors.example (issuer https://accounts.vectors.example): this is claimed" in told
    assert "Say whose signature counts" in told


def test_the_limit_of_a_line_is_that_of_an_event() -> None:
    assert history_proof.MAX_LINE == history2.MOST == limits.HISTORY_EVENT
