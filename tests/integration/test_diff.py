# SPDX-License-Identifier: Apache-2.0
"""`anchor diff` as people use it: two releases, a draft, other columns, and a release that was changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.releases.facts import applied
from tests.support.releases.published import Site, published
from tests.support.servers.folder_server import serve_folder

NAME = "Next B Corp Recertification Due Year"
OLD = f"""| Label | Value | Period |
|---|---|---|
| {NAME} | 2028 |  |
| Graduates | 100 | 2024 |
| Graduates | 120 | 2025 |
| Campuses | 3 |  |
"""
NEW = f"""| Label | Value | Period |
|---|---|---|
| Graduates | 100 | 2024 |
| {NAME} | 2029 |  |
| Graduates | 120 | 2025 |
| Mentors | 40 |  |
"""
MORE = OLD + "| Mentors | 40 |  |\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Three releases: the first, one that differs, and one that is the first with a fact more."""
    made = published(tmp_path_factory.mktemp("diff"), OLD)
    assert made.publish(NEW, "1.1.0").code == 0
    assert made.publish(MORE, "1.2.0").code == 0
    return made


def of(site: Site, version: str) -> Path:
    return site.root / "release" / version / "release.json"


def diff(site: Site, old: object, new: object, *more: object, policy: bool = True) -> Ran:
    return anchor("diff", old, new, *(("--policy", site.policy) if policy else ()), *more)


def test_what_changed_in_words(site: Site) -> None:
    ran = diff(site, of(site, "1.0.0"), of(site, "1.1.0"))
    assert ran.code == 0, ran
    lines = ran.out.splitlines()
    assert lines[0] == "old  small-ledger 1.0.0, number 1: 4 facts, verified by your policy"
    assert "key: 'label', 'period' (the usual columns)" in lines
    assert "append-only: no" in lines
    at = lines.index("changed: 1 fact")
    assert lines[at + 1] == f"  index 0 -> 1  'label' '{NAME}', 'period' ''"
    assert [line.split() for line in lines[at + 2 : at + 4]] == [
        ["column", "old", "new"],
        ["value", "2028", "2029"],
    ]
    assert "added: 1 fact" in lines
    assert "removed: 1 fact" in lines
    assert "moved: 1 fact" in lines
    assert lines[-1] == "1 changed, 1 added, 1 removed, 1 moved, 1 equal"


def test_append_only_is_said_with_its_proof(site: Site) -> None:
    ran = diff(site, of(site, "1.0.0"), site.root)
    assert "append-only: yes, the new facts begin with 4 old facts, by a consistency proof" in ran.out
    found = diff(site, of(site, "1.0.0"), site.root, "--json").document["append_only"]
    assert (found["old_size"], found["new_size"], len(found["proof"])) == (4, 5, 1)


def test_json_applied_to_the_older_facts_gives_the_newer_ones(site: Site) -> None:
    ran = diff(site, of(site, "1.0.0"), of(site, "1.1.0"), "--json")
    assert ran.code == 0, ran
    found = ran.document
    assert (found["format"], found["verdict"], found["same"]) == ("urn:ledger-anchor:diff:v1", "OK", False)
    assert [side["proven"] for side in (found["old"], found["new"])] == ["policy", "policy"]
    assert list(found)[-1] == "differences"
    assert len(ran.out.splitlines()) == len(found["differences"]) + 2
    made = applied(facts(site, "1.0.0"), found["columns"], found["differences"], size=found["counts"]["new"])
    assert made == facts(site, "1.1.0")


def facts(site: Site, version: str) -> Any:
    return json.loads((site.root / "release" / version / "ledger.json").read_text())["facts"]


def test_the_exit_code_tells_only_when_it_is_asked_for(site: Site) -> None:
    two = (of(site, "1.0.0"), of(site, "1.1.0"))
    assert diff(site, *two).code == 0
    assert diff(site, *two, "--exit-code").code == 9
    assert diff(site, two[0], two[0], "--exit-code").code == 0


def test_without_a_policy_it_says_what_was_not_verified(site: Site) -> None:
    ran = diff(site, of(site, "1.0.0"), of(site, "1.1.0"), policy=False)
    assert ran.code == 0, ran
    assert "4 facts, as its statement says; nobody said whose signature counts" in ran.out
    assert "claimed, not verified" in ran.out


def test_an_older_release_is_compared_although_the_policy_knows_a_newer_one(
    site: Site, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    text = site.policy.read_text().replace("min_number = 1", "min_number = 3")
    policy.write_text(text)
    ran = anchor("diff", of(site, "1.0.0"), site.root, "--policy", policy)
    assert ran.code == 0, ran
    assert "note: old: policy-number: this is release number 1, and the policy knows of number 3" in ran.out
    policy.write_text(text.replace("min_anchors = 1", "min_anchors = 2"))
    ran = anchor("diff", of(site, "1.0.0"), site.root, "--policy", policy)
    assert ran.code == 5, ran
    assert "1 added" in ran.out


def test_a_draft_is_compared_and_said_to_be_one(site: Site, tmp_path: Path) -> None:
    draft = tmp_path / "draft.csv"
    draft.write_text(f"label;value;period\n{NAME};2030;\nGraduates;100;2024\n", encoding="utf-8")
    ran = diff(site, site.root, draft, "--delimiter", ";")
    assert ran.code == 0, ran
    assert f"new  {draft}: 2 facts of a file that nobody signed" in ran.out
    assert "read as: delimiter ';'" in ran.out
    assert "note: read by markdown-table-v1 and by delimited-v2" in ran.out
    assert "1 changed, 0 added, 3 removed, 0 moved, 1 equal" in ran.out
    back = diff(site, draft, site.root, "--json", "--delimiter", ";").document
    assert (back["old"]["proven"], back["old"]["ledger"], back["old"]["statement"]) == ("nothing", None, None)
    assert back["append_only"] is None


def test_a_draft_that_cannot_be_read_is_named(site: Site, tmp_path: Path) -> None:
    draft = tmp_path / "draft.md"
    draft.write_text("| Label | Value |\n|---|---|\n| A | 1 | 2 |\n")
    says(diff(site, site.root, draft), 2, f"new: {draft}: line 3")
    says(diff(site, draft, draft), 2, "neither of them is a release")
    says(diff(site, site.root, site.root, "--reader", "csv-v1"), 2, "both are releases")
    says(diff(site, site.root, tmp_path / "nothing.md"), 2, f"new: {tmp_path / 'nothing.md'}")


def test_the_key_is_asked_for(site: Site) -> None:
    two = (of(site, "1.0.0"), of(site, "1.1.0"))
    found = diff(site, *two, "--key", "period", "--key", "value", "--json").document
    assert found["key"] == {"columns": ["period", "value"], "source": "--key"}
    assert found["counts"]["changed"] == 0
    says(diff(site, *two, "--key", "nothing"), 2, "--key: 'nothing' is no column of both")


@pytest.mark.parametrize("member", ["ledger.md", "ledger.json", "statement", "bundle"])
def test_a_side_that_does_not_verify_is_not_compared(site: Site, tmp_path: Path, member: str) -> None:
    copy = site.copy(tmp_path)
    path = copy.path(member)
    path.write_bytes(path.read_bytes().replace(b"120", b"121").replace(b'"', b"'", 1))
    for words in ((), ("--json",)):
        ran = diff(copy, of(site, "1.0.0"), copy.root, *words)
        assert ran.code == 8, ran
        assert ran.line.startswith(f"anchor: new: {copy.root}: ")
        assert "differences" not in ran.out
    path.unlink()
    assert diff(copy, copy.root, of(site, "1.0.0")).code == 3


def test_over_http(site: Site) -> None:
    with serve_folder(site.root) as server:
        ran = diff(site, f"{server.url}/release/1.0.0/release.json", f"{server.url}/")
    assert ran.code == 0, ran
    assert "append-only: yes" in ran.out


def test_two_ledgers_and_a_newer_one_first_are_remarks(site: Site, tmp_path: Path) -> None:
    (tmp_path / "l.md").write_text(OLD)
    other = tmp_path / "other"
    named = ("--name", "another", "--version", "1", "--root", other, "--home", tmp_path / "home")
    assert anchor("publish", tmp_path / "l.md", *named).code == 0
    ran = diff(site, of(site, "1.0.0"), other, policy=False)
    assert ran.code == 0, ran
    assert "note: two ledgers: 'small-ledger' and 'another'" in ran.out
    ran = diff(site, site.root, of(site, "1.0.0"))
    assert "note: the numbers of the releases are 3 and 1: the newer one comes first" in ran.out
    says(diff(site, of(site, "1.0.0"), other), 8, f"new: {other}: ")


def test_two_statements_of_one_number_are_an_equivocation(site: Site, tmp_path: Path) -> None:
    fork = site.copy(tmp_path)
    fork.forget()
    fork.roll_back("1.1.0")
    (fork.root / "release" / "1.2.0").rename(tmp_path / "gone")
    ran = fork.publish(NEW.replace("40", "41"), "1.2.0")
    assert ran.code == 0, ran
    ran = diff(site, site.root, fork.root)
    assert ran.code == 6, ran
    assert "note: two statements contradict each other about number 3" in ran.out
    assert diff(site, site.root, fork.root, "--json").document["verdict"] == "EQUIVOCATION"
    assert diff(site, site.root, fork.root, policy=False).code == 0


def test_nothing_that_a_stranger_wrote_steers_the_terminal(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    made = published(hostile, "| Label\u202e | Value |\n|---|---|\n| A\u202e\u200b | 1 |\n")
    assert made.publish("| Label\u202e | Value |\n|---|---|\n| A\u202e\u200b | 2 |\n", "2").code == 0
    for words in ((), ("--json",), ("--key", "label\u202e")):
        ran = diff(made, of(made, "1.0.0"), made.root, *words)
        assert ran.code == 0, ran
        assert all(line.isprintable() for line in ran.out.splitlines())


def test_null_absent_and_empty_are_three_things(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "site"
    for version, rows in (
        ("1", '{"label":"A","value":null}\n{"label":"B","value":""}\n{"label":"C"}\n'),
        ("2", '{"label":"A","value":""}\n{"label":"B"}\n{"label":"C","value":null}\n'),
    ):
        (tmp_path / "l.jsonl").write_text(rows)
        named = ("--name", "n", "--version", version, "--root", root, "--home", home)
        assert anchor("publish", tmp_path / "l.jsonl", *named).code == 0
    ran = anchor("diff", root / "release" / "1", root)
    assert ran.code == 0, ran
    shown = [line.split()[1:] for line in ran.out.splitlines() if line.startswith("    value")]
    assert shown == [["(null)", "''"], ["''", "(absent)"], ["(absent)", "(null)"]]
    found = anchor("diff", root / "release" / "1", root, "--json").document["differences"]
    assert [one["cells"] for one in found] == [
        [{"column": "value", "old": None, "new": ""}],
        [{"column": "value", "old": ""}],
        [{"column": "value", "new": None}],
    ]


def test_a_sealed_key_pairs_the_facts_and_two_keys_are_said(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "site"
    (tmp_path / "l.csv").write_text("id,label,value\n1,A,5\n2,B,6\n")
    for version, index in (("1", "label"), ("2", "id")):
        named = ("--name", "n", "--version", version, "--root", root, "--home", home, "--index", index)
        ran = anchor("publish", tmp_path / "l.csv", *named)
        assert ran.code == 0, ran
        (tmp_path / "l.csv").write_text("id,label,value\n1,Alpha,5\n2,B,6\n")
    ran = anchor("diff", root / "release" / "1", root)
    assert "key: 'id' (sealed in the new release)" in ran.out
    assert "note: the sealed keys differ: 'label' in the old release, 'id' in the new" in ran.out
    assert "1 changed, 0 added, 0 removed, 0 moved, 1 equal" in ran.out


def test_a_withdrawal_of_the_older_side_is_a_note_and_of_the_newer_one_a_class(
    site: Site, tmp_path: Path
) -> None:
    copy = site.copy(tmp_path)
    named = ("--kind", "withdrawn", "--reason", "measured twice", "--home", copy.home)
    assert anchor("withdraw", copy.root, "--release", "1.2.0", *named).code == 0
    ran = diff(copy, copy.root, of(copy, "1.0.0"))
    assert ran.code == 0, ran
    assert "note: old: withdrawn: WITHDRAWN: release 3 is withdrawn: 'measured twice'" in ran.out
    ran = diff(copy, of(copy, "1.0.0"), copy.root)
    assert ran.code == 11, ran
    assert "note: new: withdrawn: WITHDRAWN: release 3 is withdrawn: 'measured twice'" in ran.out
    assert "1 added" in ran.out
    found = diff(copy, of(copy, "1.0.0"), copy.root, "--json").document
    assert (found["verdict"], found["new"]["verdict"], found["old"]["verdict"]) == (
        "WITHDRAWN",
        "WITHDRAWN",
        "OK",
    )


def test_a_confidential_release_is_not_compared(site: Site, tmp_path: Path) -> None:
    (tmp_path / "l.md").write_text(OLD)
    named = ("--name", "hidden", "--version", "1", "--root", tmp_path / "s", "--home", tmp_path / "h")
    assert anchor("publish", tmp_path / "l.md", *named, "--blind").code == 0
    ran = diff(site, of(site, "1.0.0"), tmp_path / "s", policy=False)
    says(ran, 2, f"new: {tmp_path / 's'}: 1: its facts are not published: the ledger is confidential")
