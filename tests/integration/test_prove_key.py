# SPDX-License-Identifier: Apache-2.0
"""Keys as a user asks for them: `anchor prove --complete`, `--absent`, and `anchor verify-receipt`."""

import json
from pathlib import Path

import pytest

from anchor import limits
from tests.support.process.anchor_cli import ROOT, Ran, anchor, says
from tests.support.releases.published import Site, empty, published
from tests.support.second import receipts2
from tests.support.servers.folder_server import FolderServer
from tests.support.servers.loopback import running

ROWS = [("A", "x"), ("B", "x"), ("a", "x"), ("A", "y"), (None, "x"), ("", "y"), ("[1]", "z"), ("C,D", "z")]
ROWS += [(f"more {i}", "z") for i in range(20)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("keys")
    file = folder / "facts.jsonl"
    file.write_text("".join(json.dumps({"label": label, "unit": unit}) + "\n" for label, unit in ROWS))
    made = empty(folder)
    ran = made.publish_file(file, "1.0.0", "--index", "label", "--index", "unit,label")
    assert ran.code == 0, ran.err
    made.policy.write_text(ran.out)
    return made


def prove(site: Site, *words: object) -> Ran:
    return anchor("prove", site.release, "--policy", site.policy, *words)


def verified(site: Site, receipt: Path, *words: object) -> Ran:
    return anchor("verify-receipt", "-v", receipt, "--policy", site.policy, *words)


@pytest.mark.parametrize(
    ("words", "indexes", "named"),
    [
        (["A"], [0, 3], "the key 'A' in the index over 'label'"),
        (['["A"]'], [0, 3], "the key 'A' in the index over 'label'"),
        (["C,D"], [7], "the key 'C,D'"),
        ([""], [5], "the key ''"),
        (["[null]"], [4], "the key null"),
        (['["[1]"]'], [6], "the key '[1]'"),
        (["x", "A"], [0], "the key 'x', 'A' in the index over 'unit', 'label'"),
        (['["x", null]'], [4], "the key 'x', null"),
    ],
)
def test_all_facts_of_a_key(
    words: list[str], indexes: list[int], named: str, site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "facts.json"
    ran = prove(site, *(part for word in words for part in ("--complete", word)), "-o", file)
    assert ran.code == 0, ran
    assert f"all {len(indexes)} fact" in ran.err
    assert named in ran.err
    assert "exact bytes, according to the publisher's index" in ran.err
    assert f"anchor verify-receipt {file}" in ran.err
    receipts2.check(file.read_bytes())
    found = verified(site, file, "--json").document["facts"]
    assert [fact["index"] for fact in found["facts"]] == indexes
    shown = verified(site, file)
    assert shown.code == 0
    several = "these {} are all facts" if len(indexes) > 1 else "this is the only fact"
    assert several.format(len(indexes)) in shown.out
    assert "exact bytes" in shown.out
    assert "according to the publisher's index" in shown.out


@pytest.mark.parametrize(
    "words",
    [
        ["--absent", "nothing"],
        ["--absent", "b"],
        ["--absent", "A "],
        ["--absent", '["[2]"]', "--index", "label"],
        ["--absent", "z", "--absent", "B"],
        ["--absent", '[null,"x"]', "--index", '["unit","label"]'],
    ],
)
def test_an_absent_key(words: list[str], site: Site, tmp_path: Path) -> None:
    file = tmp_path / "absent.json"
    ran = prove(site, *words, "-o", file)
    assert ran.code == 0, ran
    assert "no fact has the key" in ran.err
    receipts2.check(file.read_bytes())
    shown = verified(site, file)
    assert shown.code == 0
    assert "none of the 28 facts" in shown.out
    assert "exact bytes" in shown.out
    assert "according to the publisher's index" in shown.out


def test_a_key_that_looks_like_another_one_is_a_caution(site: Site, tmp_path: Path) -> None:
    ran = prove(site, "--absent", " a\u00a0", "-o", tmp_path / "absent.json")
    assert ran.code == 0
    lines = ran.err.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("caution: keys are exact bytes"))
    assert [line.strip() for line in lines[at + 1 : at + 3]] == ["'A' (2 facts)", "'a' (1 fact)"]
    shown = prove(site, "--complete", "A", "-o", tmp_path / "a.json", "--json").document
    assert shown["similar"] == [{"key": ["a"], "facts": 1}]
    assert [fact["index"] for fact in shown["facts"]] == [0, 3]
    assert shown["key"] == {"label": "A"}
    assert "caution" not in prove(site, "--complete", "B", "-o", tmp_path / "b.json").err
    null = prove(site, "--absent", "\u200b", "-o", tmp_path / "c.json").err
    assert "null (1 fact)" in null
    assert "'' (1 fact)" in null


def test_no_fact_of_a_key_is_not_found_and_the_similar_ones_are_listed(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "none.json"
    ran = prove(site, "--complete", "b", "-o", file)
    says(ran, 10, "no fact has the key 'b' in the index over 'label': keys are exact bytes")
    assert ran.out == "similar: 'B' (1 fact)\n"
    assert "--absent" in ran.err
    shown = prove(site, "--complete", "b", "--json", "-o", file)
    assert (shown.code, shown.document["verdict"]) == (10, "NOT-FOUND")
    assert shown.document["similar"] == [{"key": ["B"], "facts": 1}]
    assert not file.exists()


def test_a_key_that_is_there_is_not_absent(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "none.json"
    ran = prove(site, "--absent", "A", "-o", file)
    says(ran, 2, "--absent: 2 facts with the key 'A' in the index over 'label': it is not absent")
    assert "--complete" in ran.err
    assert not file.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--complete", "A", "--absent", "B"], "say different things"),
        (["--complete", "A", "--fact", "1"], "say different things"),
        (["--index", "label", "--fact", "1"], "--index: is about a key"),
        (["--complete", "[A"], "--complete: begins with '[' and is not a JSON array"),
        (["--absent", "[]"], "--absent: begins with '['"),
        (["--absent", "[1]"], "--absent: begins with '['"),
        (["--absent", '["A"]', "--absent", "B"], "an array beside another value"),
        (["--complete", "A", "--index", "unit"], "no index over these columns"),
        (["--complete", "A", "--index", "unit,label"], "a key of 1 values for an index over 'unit', 'label'"),
        (["--complete", "A", "--complete", "B", "--complete", "C"], "no index over 3 columns"),
        (["--complete", "A", "--qr", "x.svg", "--url", "https://a.example"], "names one fact"),
    ],
)
def test_what_does_not_fit_is_one_line(words: list[str], said: str, site: Site, tmp_path: Path) -> None:
    says(prove(site, *words, "-o", tmp_path / "none.json"), 2, said)
    assert not list(tmp_path.iterdir())


def test_two_indexes_of_one_width_need_a_name(tmp_path: Path) -> None:
    made = empty(tmp_path)
    (tmp_path / "facts.csv").write_text("label,unit\nA,x\nB,A\n")
    ran = made.publish_file(tmp_path / "facts.csv", "1.0.0", "--index", "label", "--index", "unit")
    made.policy.write_text(ran.out)
    says(prove(made, "--complete", "A"), 2, "2 indexes are over 1 column; name one of 'label'; 'unit'")
    for column, index in (("label", 0), ("unit", 1)):
        ran = prove(made, "--complete", "A", "--index", column)
        assert [fact["index"] for fact in json.loads(ran.out)["facts"]] == [index]


def test_a_release_without_an_index_says_who_can_make_one(tmp_path: Path) -> None:
    ran = prove(published(tmp_path), "--absent", "nothing")
    says(ran, 2, "the release has no index")
    assert "publish --index" in ran.err


def test_the_ledger_of_this_repository(tmp_path: Path) -> None:
    """Fourteen facts have one label, and five pairs of labels differ only in case."""
    made = empty(tmp_path)
    ran = made.publish_file(ROOT / "release/1.0.0/ledger.md", "1.1.0", "--index", "label")
    assert ran.code == 0, ran.err
    made.policy.write_text(ran.out)
    ran = prove(made, "--complete", "RNCP Code", "-o", tmp_path / "codes.json")
    assert "all 14 facts" in ran.err
    shown = verified(made, tmp_path / "codes.json")
    assert shown.code == 0
    assert shown.out.count('label: "RNCP Code"') == 14
    ran = prove(made, "--absent", "rncp code", "-o", tmp_path / "none.json")
    assert "'RNCP Code' (14 facts)" in ran.err
    labels = [fact["label"] for fact in json.loads(made.path("ledger.json").read_bytes())["facts"]]
    pairs = {label for label in labels if any(o != label and o.lower() == label.lower() for o in labels)}
    assert len(pairs) == 10
    label = min(pairs)
    shown_ = prove(made, "--complete", label, "-o", tmp_path / "one.json", "--json").document
    (similar,) = shown_["similar"]
    assert similar["key"][0] in pairs
    assert similar["key"][0].lower() == label.lower()


def test_an_index_that_is_larger_than_memory_is_in_a_temporary_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.path("statement").read_bytes()
    monkeypatch.setattr(limits, "INDEX_HELD", 3)
    assert site.verify().code == 0
    file = tmp_path / "a.json"
    assert prove(site, "--complete", "A", "-o", file).code == 0
    assert verified(site, file).code == 0
    words = ("--name", "small-ledger", "--version", "1.0.0", "--index", "label", "--index", "unit,label")
    facts = site.home.parent / "facts.jsonl"
    assert anchor("seal", facts, *words, "-o", tmp_path / "sealed").code == 0
    assert (tmp_path / "sealed" / "statement.json").read_bytes() == before


def test_a_release_at_a_url(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    file = tmp_path / "a.json"
    with running(FolderServer(site.root)) as server:
        url = f"{server.url}/release.json"
        ran = anchor("prove", url, "--policy", site.policy, "--absent", "rncp", "-o", file)
    assert ran.code == 0, ran
    assert verified(site, file, "--offline").code == 0


def test_a_status_goes_with_the_receipt_of_a_key(site: Site, tmp_path: Path) -> None:
    """A withdrawn fact is one of all facts of its key; an absence falls with the release alone."""
    own = site.copy(tmp_path)
    words = ("--release", "1.0.0", "--kind", "withdrawn", "--reason", "measured twice", "--home", own.home)
    assert anchor("withdraw", own.root, *words, "--fact", 3).code == 0

    def code(*asked: str) -> tuple[int, str]:
        file = tmp_path / "receipt.json"
        made = prove(own, *asked, "--staple", "-o", file)
        assert made.code == 0, made
        ran = verified(own, file)
        return ran.code, ran.out

    assert code("--complete", "B")[0] == 0
    assert "not withdrawn as of 20" in code("--absent", "nothing")[1]
    exit_code, said = code("--complete", "A")
    assert exit_code == 11
    assert "fact 3 of release 1 is withdrawn" in said
    assert anchor("withdraw", own.root, *words).code == 0
    assert code("--absent", "nothing")[0] == 11
