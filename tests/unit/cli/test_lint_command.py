# SPDX-License-Identifier: Apache-2.0
"""`anchor lint` as a script sees it: counts, lines and columns, exit codes, and never an edit."""

from pathlib import Path

from tests.support.process.anchor_cli import anchor
from tests.support.releases.ledgers import GOOD, openclassrooms


def test_json_has_the_counts_of_the_openclassrooms_ledger() -> None:
    found = anchor("lint", openclassrooms(), "--json")
    assert (found.code, found.err) == (0, "")
    document = found.document
    assert document["facts"] == 681
    assert document["distinct_labels"] == 568
    assert document["exact_duplicates"] == 0
    assert document["repeated_seals"] == 1
    assert anchor("lint", openclassrooms(), "--json", "--strict").code == 9
    assert (
        "681 facts, 568 distinct labels, 0 exact duplicates, 1 repeated seal"
        in anchor("lint", openclassrooms()).out
    )


def test_it_says_line_and_column(ledger: Path) -> None:
    found = anchor("lint", ledger)
    assert found.code == 0
    assert "line 4: value: 'source_name' looks as if it was never filled in" in found.out


def test_strict_is_for_findings_only(ledger: Path) -> None:
    assert anchor("lint", ledger, "--strict").code == 9
    ledger.write_text(GOOD.replace("source_name", "2"))
    assert anchor("lint", ledger, "--strict").code == 0


def test_it_never_edits(ledger: Path) -> None:
    before = ledger.stat().st_mtime_ns
    ledger.chmod(0o444)
    anchor("lint", ledger, "--strict")
    assert (ledger.read_text(), ledger.stat().st_mtime_ns) == (GOOD, before)
    assert [p.name for p in ledger.parent.iterdir()] == ["ledger.md"]


def test_terminal_escapes_in_a_ledger_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"label":"\\u001b[2J\\u202ex","value":"1"}\n')
    found = anchor("lint", path)
    assert "\x1b" not in found.out
    assert "\u202e" not in found.out
