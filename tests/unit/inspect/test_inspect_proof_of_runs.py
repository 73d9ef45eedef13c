# SPDX-License-Identifier: Apache-2.0
"""A proof of runs in words, and where it is given to a command that reads another file."""

from pathlib import Path

from anchor.inspect import document
from tests.support.process.anchor_cli import anchor
from tests.support.records.signed_history import ORIGIN, a_year
from tests.support.second import history2

HISTORY = a_year()
COMPLETE, SINGLE = (history2.written(lines) for lines in (HISTORY.complete(1, 0), HISTORY.single(3, 4)))


def test_a_complete_proof_names_its_heads() -> None:
    found = document.inspect(COMPLETE, file="p")
    assert (found.kind, found.problem) == ("proof of runs", "")
    assert found.sentence == f"every event under a head of 8 events of {ORIGIN}"
    shown = {one.path: one.value for one in found.fields}
    assert shown["before.size"] == 2
    assert shown["start"] == 2
    assert shown["events"] == "6 lines"
    assert all(one.bound for one in found.fields)


def test_single_events_are_named_by_their_indexes() -> None:
    found = document.inspect(SINGLE, file="p")
    assert found.sentence.startswith("2 single events under a head of 8 events")
    assert [one.value for one in found.fields if one.path.endswith(".index")] == [3, 4]


def test_a_proof_that_is_forged_says_why() -> None:
    for changed in (COMPLETE.replace(b'"start":2', b'"start":3'), COMPLETE.replace(b"proof:v1", b"proof:v9")):
        assert document.inspect(changed, file="p").problem


def test_a_proof_that_is_given_elsewhere_is_named(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(COMPLETE)
    for command in ("verify", "verify-receipt", "verify-evidence"):
        ran = anchor(command, path)
        assert (ran.code, "anchor verify-history" in ran.line) == (2, True), ran
