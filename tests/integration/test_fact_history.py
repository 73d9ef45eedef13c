# SPDX-License-Identifier: Apache-2.0
"""`anchor find` and `anchor log`: a fact over six releases of a ledger, honest and attacked."""

import json
import shutil
from pathlib import Path

import pytest

from anchor.app import life_receipts
from anchor.compare import wanted
from anchor.format.leaves import encoder
from anchor.merkle import leaf_hash
from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.releases.chained import entry, link_of, put, withdraw
from tests.support.releases.published import Site, published
from tests.support.servers.folder_server import serve_folder

HEAD = "| Label | Period | Value |\n|---|---|---|\n"
ROWS = (
    "| Code | 2024 | 1 |\n| Same | 2024 | x |\n",
    "| Code | 2024 | 1 |\n| Code | 2025 | 7 |\n| Same | 2024 | x |\n",
    "| Same | 2024 | x |\n| Code | 2024 | 2 |\n| Code | 2025 | 7 |\n",
    "| Same | 2024 | x |\n| Code | 2025 | 7 |\n| Code | 2025 | 8 |\n",
    "| Same | 2024 | x |\n| Code | 2025 | 8 |\n| Code | 2025 | 7 |\n",
    "| Code | 2024 | 2 |\n| Same | 2024 | x |\n",
)
COUNT = len(ROWS)


@pytest.fixture(scope="session")
def six(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Six releases; no test changes them."""
    site = published(tmp_path_factory.mktemp("six"), HEAD + ROWS[0], "v1")
    for number, rows in enumerate(ROWS[1:], 2):
        before = link_of(site, f"v{number - 1}")
        put(site, f"v{number}", number, before, ledger=HEAD + rows, newest=number == COUNT)
    return site


@pytest.fixture
def site(six: Site, tmp_path: Path) -> Site:
    """A copy that a test may change. Its policy trusts the root of the original."""
    found = six.copy(tmp_path)
    found.policy.write_text(six.policy.read_text())
    return found


def find(site: Site, *words: object, target: object = "") -> Ran:
    return anchor("find", target or site.release, "--policy", site.policy, *words)


def log(site: Site, *words: object, target: object = "") -> Ran:
    return anchor("log", target or site.release, "--policy", site.policy, *words)


def events(ran: Ran) -> dict[str, list[tuple[str, int, int]]]:
    """By period: each event with its first and last release."""
    return {
        fact["key"]["period"]: [(s["event"], s["first"], s["last"]) for s in fact["spans"]]
        for fact in ran.document["facts"]
    }


LIFE = {
    "2024": [("appeared", 1, 2), ("changed", 3, 3), ("disappeared", 4, 5), ("reappeared", 6, 6)],
    "2025": [("appeared", 2, 3), ("changed", 4, 5), ("disappeared", 6, 6)],
}


def test_the_life_of_a_fact(six: Site) -> None:
    ran = log(six, "--where", "label=Code", "--json")
    assert ran.code == 0, ran
    assert events(ran) == LIFE
    first, second = ran.document["facts"]
    assert first["spans"][1]["changes"][0]["new"]["fact"]["value"] == "2"
    indexes = [{one["number"]: one["indexes"] for one in span["indexes"]} for span in first["spans"]]
    assert indexes == [{1: [0], 2: [0]}, {3: [1]}, {}, {6: [0]}]
    assert first["spans"][3]["changes"] == []  # as it was before
    added = second["spans"][1]["changes"]
    assert [(c.get("old"), c["new"]["fact"]["value"]) for c in added] == [(None, "8")]
    assert second["spans"][1]["indexes"][1]["indexes"] == [1, 2]


def test_the_same_in_words(six: Site) -> None:
    ran = log(six, "--where", "label=Code")
    assert (ran.code, ran.err) == (0, "")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    times = {str(n): time_of(six, n) for n in range(1, COUNT + 1)}
    for line in (
        "key: 'label', 'period' (the usual columns)",
        "label Code, period 2024",
        f"appeared v1 (1) to v2 (2) {times['1']} index 0",
        f"changed v3 (3) {times['3']} index 1",
        "value 1 2",
        f"disappeared v4 (4) to v5 (5) {times['4']}",
        f"reappeared v6 (6) {times['6']} index 0",
        "with the values that it had before",
        "label Code, period 2025",
        f"changed v4 (4) to v5 (5) {times['4']} 2 facts with this key, index 1, 2",
        "one more of this key:",
    ):
        assert line in lines, (line, ran.out)
    assert lines[-1].startswith(f"OK: {six.release}: 6 releases")


def time_of(site: Site, number: int) -> str:
    value = json.loads((site.root / f"release/v{number}/release.json").read_bytes())
    return str(value["anchors"][0]["time"])


def test_other_keys(six: Site) -> None:
    ran = log(six, "--where", "label=Code", "--key", "label", "--json")
    (fact,) = ran.document["facts"]
    assert fact["key"] == {"label": "Code"}
    assert ran.document["key"] == {"columns": ["label"], "source": "--key"}
    assert [s["event"] for s in fact["spans"]] == ["appeared", *["changed"] * 4][:5]
    assert "no key column" in log(six, "--where", "value=1").line
    assert "--key" in log(six, "--where", "label=Code", "--key", "nothing").line
    assert log(six, "--where", "value=7", "--key", "value", "--json").code == 0
    assert log(six, "--where", "period=2024", "--where", "label=Same").code == 0


def test_where_a_fact_is(six: Site) -> None:
    leaf = leaf_hash(encoder(("label", "period", "value"))(("Code", "2025", "7"))).hex()
    for words in (
        ("--leaf", leaf),
        ("--fact", '{"label":"Code","period":"2025","value":"7"}'),
        ("--where", "label=Code", "--where", "value=7"),
    ):
        found = find(six, *words, "--json")
        assert found.code == 0, found
        (fact,) = found.document["facts"]
        assert (fact["leaf"], fact["first"], fact["last"]) == (leaf, 2, 5)
        assert [(r["number"], r["indexes"]) for r in fact["releases"]] == [
            (2, [1]),
            (3, [2]),
            (4, [1]),
            (5, [2]),
        ]
        assert [r["number"] for r in found.document["releases"]] == [6, 5, 4, 3, 2, 1]
        ran = find(six, *words)
        assert ran.code == 0
        assert f"first seen in v2 (number 2, {time_of(six, 2)}), last in v5" in ran.out


def test_a_gap_in_between_is_said(six: Site) -> None:
    ran = find(six, "--where", "label=Code", "--where", "period=2024", "--where", "value=2")
    assert "first seen in v3" in ran.out
    assert "not found between them in: v4, v5" in ran.out


def test_nothing_found_is_a_class_of_its_own(six: Site) -> None:
    for run in (find, log):
        ran = run(six, "--where", "label=code ")
        says(ran, 10, "no such fact in the 6 releases")
        assert "similar: label='Code'" in ran.out
        assert run(six, "--where", "label=code ", "--json").document["verdict"] == "NOT-FOUND"
    assert find(six, "--leaf", "0" * 64).code == 10


def test_questions_that_cannot_be_asked(six: Site) -> None:
    for words, text in (
        ((), "give one of the three"),
        (("--leaf", "0" * 64, "--where", "label=A"), "give one of the three"),
        (("--where", "label"), "column=value"),
        (("--where", "Label=Code"), "the columns of the newest are 'label', 'period', 'value'"),
        (("--leaf", "xyz"), "--leaf"),
        (("--fact", "{"), "--fact"),
        (("--fact", '{"label":1}'), "--fact"),
        (("--within", "5"), "--within"),
    ):
        ran = find(six, *words, *(() if "--within" not in words else ("--leaf", "0" * 64)))
        assert (ran.code, ran.out) == (2, ""), ran
        assert text in ran.line
    assert log(six).code == 2


def test_too_many_facts(six: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "MOST", 1)
    ran = find(six, "--where", "label=Code")
    assert (ran.code, ran.out) == (2, "")
    assert "more than 1 facts" in ran.line


# What is not there, or not bound


def test_nothing_is_said_of_a_release_whose_facts_were_edited(site: Site) -> None:
    path = site.root / "release/v3/ledger.md"
    path.write_bytes(path.read_bytes().replace(b"| 2 |", b"| 9 |"))
    ran = log(site, "--where", "label=Code", "--where", "period=2024", "--json")
    assert ran.code == 8
    assert events(ran) == {
        "2024": [("appeared", 1, 2), ("not known", 3, 3), ("disappeared", 4, 5), ("reappeared", 6, 6)]
    }
    assert '"9"' not in json.dumps([f["spans"] for f in ran.document["facts"]])
    ran = log(site, "--where", "label=Code")
    says(ran, 8, "release 3")
    assert "not known" in ran.out
    ran = find(site, "--where", "value=9")
    assert ran.code == 8
    assert ran.line
    assert "no such fact in the 5 releases" in ran.out


def test_a_folder_that_lacks_the_middle_release(site: Site) -> None:
    shutil.rmtree(site.root / "release" / "v3")
    ran = log(site, "--where", "label=Code", "--json")
    assert ran.code == 3
    assert events(ran) == {
        "2025": [("first seen", 4, 5), ("disappeared", 6, 6)],
        "2024": [("appeared", 6, 6)],
    }
    ran = find(site, "--where", "label=Code")
    says(ran, 3, "release 3")
    assert "not known" in ran.out


def test_a_release_of_a_stranger_is_not_read(site: Site, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger")
    put(
        site,
        "v7",
        7,
        link_of(site, "v6"),
        ledger=f"{HEAD}| Code | 2024 | unread |\n",
        newest=True,
        signer=stranger.home,
    )
    for run in (find, log):
        ran = run(site, "--where", "label=Code")
        assert ran.code == 8, ran
        assert "unread" not in ran.out
        assert "releases 6 to 1 were not examined" in ran.out


def test_a_contradiction_on_the_way_is_an_equivocation(site: Site) -> None:
    put(site, "v3", 3, link_of(site, "v2"), ledger=f"{HEAD}| Code | 2024 | forged |\n")
    for run in (find, log):
        ran = run(site, "--where", "label=Code")
        assert ran.code == 6, ran
        assert "forged" not in ran.out
        assert "anchor chain keeps the evidence" in ran.out


def test_without_a_policy_the_answer_is_no_more_than_claimed(six: Site) -> None:
    for command in ("find", "log"):
        ran = anchor(command, six.release, "--where", "label=Code", "--json")
        assert ran.code == 2
        assert ran.document["releases"] == []
        assert "no policy was given" in ran.err or ran.document["verdict"] == "USAGE"


def test_a_ledger_that_is_served_differently_the_second_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is verified first, and then other facts are served. Nobody gets to see these."""
    monkeypatch.setenv("NO_PROXY", "*")
    data = (site.root / "release/v6/ledger.md").read_bytes()
    for changed in (data.replace(b"| 2 |", b"| 9 |"), data[:-2], data + b"x", b""):
        with serve_folder(site.root) as server:
            server.then["release/v6/ledger.md"] = changed
            ran = log(site, "--where", "label=Code", "--json", target=f"{server.url}/")
            assert ran.code in (3, 8), ran
            assert events(ran)["2024"][-1] == ("not known", 6, 6)
            assert '"9"' not in json.dumps(ran.document["facts"])


def test_by_url(six: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with serve_folder(six.root) as server:
        ran = log(six, "--where", "label=Code", "--json", target=f"{server.url}/")
        assert ran.code == 0, ran
        assert events(ran) == LIFE


# Other ledgers


def test_columns_that_come_and_go_and_null(site: Site) -> None:
    """Version 2: a null, a missing column, and a key column that a release does not have."""
    put(site, "v7", 7, link_of(site, "v6"), ledger='{"label":"Code","period":"2024"}\n', reader="jsonl-v2")
    put(site, "v8", 8, link_of(site, "v7"), ledger='{"label":"Code"}\n', reader="jsonl-v2")
    text = '{"label":"Code","period":"2024","value":null,"unit":"t"}\n'
    put(site, "v9", 9, link_of(site, "v8"), ledger=text, reader="jsonl-v2", newest=True)
    ran = log(site, "--where", "label=Code", "--json")
    assert ran.code == 0, ran
    found = {
        fact["key"]["period"]: [(s["event"], s["first"], s["last"]) for s in fact["spans"]]
        for fact in ran.document["facts"]
    }
    assert found[None] == [("appeared", 8, 8), ("disappeared", 9, 9)]
    assert found["2024"][-4:] == [
        ("reappeared", 6, 6),
        ("changed", 7, 7),
        ("disappeared", 8, 8),
        ("reappeared", 9, 9),
    ]
    words = log(site, "--where", "label=Code")
    lines = [" ".join(line.split()) for line in words.out.splitlines()]
    assert "value 2 (absent)" in lines
    assert "value (absent) (null)" in lines
    assert "unit (absent) t" in lines
    ran = find(site, "--fact", '{"label":"Code","period":"2024","value":null,"unit":"t"}', "--json")
    assert [f["first"] for f in ran.document["facts"]] == [9]


def test_a_ledger_without_the_usual_columns_is_followed_by_the_question(tmp_path: Path) -> None:
    site = published(tmp_path, "| Name | Size |\n|---|---|\n| a | 1 |\n| b | 2 |\n", "v1")
    put(site, "v2", 2, link_of(site, "v1"), ledger="| Name | Size |\n|---|---|\n| a | 3 |\n", newest=True)
    ran = log(site, "--where", "name=a", "--json")
    assert ran.code == 0, ran
    assert ran.document["key"] == {"columns": ["name"], "source": "--where"}
    (fact,) = ran.document["facts"]
    assert [s["event"] for s in fact["spans"]] == ["appeared", "changed"]


def test_the_sealed_key_of_the_newest_release_comes_before_the_usual_columns(tmp_path: Path) -> None:
    site = published(tmp_path, f"{HEAD}| Code | 2024 | 1 |\n", "v1")
    ran = site.publish(f"{HEAD}| Code | 2025 | 1 |\n", "v2", "--index", "label")
    assert ran.code == 0, ran.err
    ran = log(site, "--where", "label=Code", "--json")
    assert ran.code == 0, ran
    assert ran.document["key"] == {"columns": ["label"], "source": "sealed in the newest release"}
    (fact,) = ran.document["facts"]
    assert [s["event"] for s in fact["spans"]] == ["appeared", "changed"]


def test_what_a_stranger_wrote_steers_no_terminal(site: Site) -> None:
    text = f"{HEAD}| Code | 2024 | \u202ex\u200b |\n"
    put(site, "v7", 7, link_of(site, "v6"), ledger=text, newest=True)
    for run in (find, log):
        ran = run(site, "--where", "label=Code")
        assert ran.code == 0, ran
        assert ran.out.replace("\n", "").isprintable()
        assert run(site, "--where", "label=Code", "--json").out.replace("\n", "").isprintable()


def test_a_fact_that_was_withdrawn_says_so_and_whose_word_it_is(site: Site) -> None:
    leaf = leaf_hash(encoder(("label", "period", "value"))(("Code", "2024", "2"))).hex()
    withdraw(site, entry(site, "v3", fact=(1, leaf)), entry(site, "v1"))
    said = "WITHDRAWN: fact 1 of release 3 is corrected: 'it was measured twice'. So says status 1, signed by"
    for run in (find, log):
        ran = run(site, "--where", "label=Code", "--where", "period=2024")
        assert ran.code == 0, ran
        assert said in ran.out
        assert ran.out.count("release 1 is corrected") == 2  # the release, and so its fact
        document = run(site, "--where", "label=Code", "--where", "period=2024", "--json").document
        assert said in json.dumps(document["facts"])
    assert said not in json.dumps(find(site, "--where", "label=Same", "--json").document["facts"])


# Receipts


def verified(site: Site, path: Path) -> dict[str, object]:
    ran = anchor("verify-receipt", path, "--policy", site.policy, "--json")
    assert ran.code == 0, ran
    facts: dict[str, object] = ran.document["facts"]
    return facts


def test_each_value_has_a_receipt_that_proves_itself(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "receipts"
    ran = log(site, "--where", "label=Code", "--receipts", folder)
    assert (ran.code, ran.err) == (0, "")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["1-1-v1.json", "1-2-v3.json", "1-4-v6.json", "2-1-v2.json", "2-2-v4.json"]
    assert all(f"receipt: {folder / name}" in ran.out for name in names)
    shutil.rmtree(site.root)  # a receipt needs no site
    for name, number, values in (
        ("1-1-v1.json", 1, ["1"]),
        ("1-2-v3.json", 3, ["2"]),
        ("2-2-v4.json", 4, ["7", "8"]),
    ):
        assert verified(site, folder / name)["number"] == number
        receipt = json.loads((folder / name).read_bytes())
        assert [one["fact"]["value"] for one in receipt["facts"]] == values


def test_the_paths_of_receipts_are_in_the_document(six: Site, tmp_path: Path) -> None:
    ran = log(six, "--where", "label=Same", "--receipts", tmp_path / "r", "--json")
    (fact,) = ran.document["facts"]
    assert [span["receipt"] for span in fact["spans"]] == [str(tmp_path / "r" / "1-1-v1.json")]
    without = log(six, "--where", "label=Same", "--json").document["facts"][0]["spans"][0]
    assert without["receipt"] is None


def test_receipts_are_all_there_or_none(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site is changed after its releases were verified."""
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "receipts"
    path = next((site.root / "release" / "v3").glob("*.sigstore.json")).relative_to(site.root)
    with serve_folder(site.root) as server:
        server.then[str(path)] = b"{}"
        ran = log(site, "--where", "label=Code", "--receipts", folder, target=f"{server.url}/")
    assert ran.code in (3, 8), ran
    assert "release 3" in ran.line
    assert not folder.exists()


def test_a_release_that_does_not_verify_has_no_receipt(site: Site, tmp_path: Path) -> None:
    path = site.root / "release/v3/ledger.md"
    path.write_bytes(path.read_bytes().replace(b"| 2 |", b"| 9 |"))
    folder = tmp_path / "receipts"
    ran = log(site, "--where", "label=Code", "--where", "period=2024", "--receipts", folder)
    assert ran.code == 8
    assert sorted(p.name for p in folder.iterdir()) == ["1-1-v1.json", "1-4-v6.json"]


def test_too_many_receipts_and_a_folder_that_cannot_be(
    six: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_receipts, "MOST", 1)
    ran = log(six, "--where", "label=Code", "--receipts", tmp_path / "r")
    assert (ran.code, ran.out) == (2, "")
    assert "5 receipts, more than 1" in ran.line
    (tmp_path / "file").write_text("x")
    ran = log(six, "--where", "label=Same", "--receipts", tmp_path / "file")
    assert ran.code == 2
    assert not (tmp_path / "r").exists()


def test_a_receipt_has_the_status_beside_the_newest_release(site: Site, tmp_path: Path) -> None:
    leaf = leaf_hash(encoder(("label", "period", "value"))(("Code", "2024", "2"))).hex()
    withdraw(site, entry(site, "v3", fact=(1, leaf)))
    ran = log(site, "--where", "label=Code", "--where", "period=2024", "--receipts", tmp_path / "r")
    assert ran.code == 0, ran
    for name, code in (("1-1-v1.json", 0), ("1-2-v3.json", 11), ("1-4-v6.json", 0)):
        found = anchor("verify-receipt", "-v", tmp_path / "r" / name, "--policy", site.policy)
        assert found.code == code, found
        assert "not known whether" not in found.out
