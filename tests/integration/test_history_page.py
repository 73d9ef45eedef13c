# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/history.md run, and its example is what `anchor log` prints."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.releases.chained import link_of, put
from tests.support.releases.published import Site, published

PAGE = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
HEAD = "| Label | Period | Value |\n|---|---|---|\n| Staff | 2024 | 311 |\n"
CODES = ("35650", "35650", "36129", "", "36129")
LEAF = "0f3c..."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The releases of the example; release.json and policy.toml lie in the folder that holds the site."""
    folder = tmp_path_factory.mktemp("page")
    found = None
    for number, code in enumerate(CODES, 1):
        ledger = HEAD + (f"| RNCP Code | 2024 | {code} |\n| A | 2024 | 1 |\n" if code else "")
        if found is None:
            found = published(folder, ledger, "1.0.0")
            continue
        before, version = link_of(found, f"1.{number - 2}.0"), f"1.{number - 1}.0"
        put(found, version, number, before, ledger=ledger, newest=number == len(CODES))
    assert found is not None
    shutil.copy(found.policy, found.root / "policy.toml")
    return found


def commands() -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(r"^    (anchor .*)$", PAGE, re.MULTILINE)]


def test_every_command_of_the_page_runs(site: Site, tmp_path: Path) -> None:
    assert {words[0] for words in commands()} == {"chain", "find", "log"}
    for words in commands():
        here = ["release.json" if "://" in word else word for word in words]
        if LEAF in here:
            asked = anchor("find", "release.json", "--where", "label=Staff", "--json", cwd=site.root)
            here[here.index(LEAF)] = asked.document["facts"][0]["leaf"]
        ran = anchor(*here, "--policy", site.policy, cwd=site.root)
        assert ran.code == 0, (words, ran)


def test_the_example_is_what_the_command_prints(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    ran = anchor("log", "release.json", "--where", "label=RNCP Code", "--policy", site.policy, cwd=site.root)
    shown = re.findall(r"^    (key: .*?\n)(?=\S)", PAGE, re.MULTILINE | re.DOTALL)
    (block,) = ["\n".join(line.removeprefix("    ") for line in one.splitlines()) for one in shown]
    printed = ran.out.split("\nnote: ")[0]
    assert TIME.sub("TIME", printed).strip() == TIME.sub("TIME", block).strip()
