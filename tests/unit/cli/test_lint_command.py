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


MALFORMED = "label,value\nA,1\nB\nC,tbd\nD,5,6\n"


def test_all_problems_of_a_malformed_ledger_are_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(MALFORMED)
    found = anchor("lint", path)
    assert found.code == 2
    assert "error: lines 3, 5: 1 fields in a table of 2 columns" in found.out
    assert "line 4: value: 'tbd' looks as if it was never filled in" in found.out
    assert f"{path}: line 3: " in found.line
    assert anchor("lint", path, "--strict").code == 2


def test_the_document_about_a_malformed_ledger_has_all_problems(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(MALFORMED)
    found = anchor("lint", path, "--json")
    assert (found.code, found.err) == (2, "")
    document = found.document
    assert (document["can_be_sealed"], document["facts"], document["reading"]) == (False, 2, None)
    assert document["severities"] == {"error": 1, "warning": 1, "note": 0}
    assert document["refusal"].startswith(f"{path}: line 3: ")


def test_one_problem_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("label,value\nA,1\nB,2\nC\nD,3\n")
    found = anchor("lint", path)
    assert (found.code, found.out) == (2, "")
    assert f"{path}: line 4: " in found.line


def test_notes_are_no_reason_for_strict_to_fail(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text('label,value\nA,NA\nB,"two\nlines"\nC,\u2764\ufe0f\nD,10\u00a0000\n')
    found = anchor("lint", path, "--strict")
    assert found.code == 0, found
    assert "note: line 2: value: 'NA' is a word for a missing value" in found.out
    assert "0 warnings" not in found.out
    assert "2 notes" in found.out


def test_a_long_list_is_cut_in_text_and_whole_in_the_document(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("label,value\n" + "".join(f"A{i},1\na{i},2\n" for i in range(50)))
    assert "and 30 more; --json lists them" in anchor("lint", path).out
    assert anchor("lint", path, "--json").document["counts"]["label-spelling"] == 50


def test_several_files_are_one_ledger_whose_facts_are_numbered(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("label,value\nA,1\nB,2\n")
    second.write_text("label,value\nC,tbd\na,1\n")
    found = anchor("lint", first, second)
    assert "fact 3: value: 'tbd'" in found.out
    assert "facts 1, 4: label: 'A', 'a' differ only in case or spacing" in found.out
    assert anchor("lint", first, second, "--json").document["unit"] == "fact"
