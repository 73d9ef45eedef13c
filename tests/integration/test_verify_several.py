# SPDX-License-Identifier: Apache-2.0
"""`anchor verify` of several releases: each to its end, and the worst verdict is the exit code."""

import json
from pathlib import Path

import pytest

from anchor.verdict import WORST_FIRST, Class
from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import Site, published


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def bad(good: Site, tmp_path: Path) -> Site:
    (tmp_path / "bad").mkdir()
    site = good.copy(tmp_path / "bad")
    site.path("ledger.md").write_text(site.path("ledger.md").read_text().replace("| 2 |", "| 9 |"))
    return site


def test_each_has_a_verdict_and_the_worst_one_is_the_exit_code(good: Site, bad: Site, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    ran = anchor("verify", good.release, nothing, bad.release, good.root, "--policy", good.policy)
    assert ran.code == Class.INVALID.exit_code
    headings = [line for line in ran.out.splitlines() if line.startswith(str(tmp_path.parent.parent))]
    assert str(good.release) in ran.out
    assert str(bad.release) in headings
    assert ran.out.count("all 3 facts are as published") == 2
    assert f"anchor: {nothing}: cannot read" in ran.err
    assert ran.out.splitlines()[-1] == "INVALID: 4 releases: 2 OK, 1 USAGE, 1 INVALID"


def test_json_has_a_verdict_a_line_in_the_order_given(good: Site, bad: Site, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    targets = [bad.release, nothing, good.release]
    ran = anchor("verify", *targets, "--policy", good.policy, "--json")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["target"] for line in lines] == [str(target) for target in targets]
    assert [line["verdict"] for line in lines] == ["INVALID", "USAGE", "OK"]
    assert [line["exit_code"] for line in lines] == [8, 2, 0]
    assert ran.code == 8
    alone = anchor("verify", good.release, "--policy", good.policy, "--json").document
    assert lines[2] == alone, "one release alone has the same document, on several lines"


def test_the_order_is_that_of_the_document() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "exit-codes.md").read_text()
    order = ", ".join(str(c) for c in dict.fromkeys(WORST_FIRST))
    assert f"\n{order}\n" in text


def test_quiet_prints_nothing_when_all_is_ok(good: Site, bad: Site) -> None:
    words = ("--policy", good.policy, "--quiet")
    ran = anchor("verify", good.release, good.root, *words)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    ran = anchor("verify", good.release, bad.release, *words)
    assert ran.code == 8
    assert "as published" not in ran.out
    assert ran.out.splitlines()[-1] == "INVALID: 2 releases: 1 OK, 1 INVALID"


@pytest.mark.parametrize("option", ["--files", "--evidence", "--opened"])
def test_what_is_about_one_release_is_refused(good: Site, option: str) -> None:
    given = good.release if option == "--opened" else good.root
    ran = anchor("verify", good.release, good.root, "--policy", good.policy, option, given)
    assert ran.code == 2
    assert f"{option}: is about one release" in ran.line


def test_none_is_usage() -> None:
    assert anchor("verify").code == 2
    assert anchor("verify", "--json").code == 2
