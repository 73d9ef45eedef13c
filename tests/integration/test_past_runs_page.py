# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/past-runs.md run with real releases and records, and a proof of the page verifies."""

import json
import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.process import fork_server
from tests.support.process.anchor_cli import ROOT, Ran, anchor

PAGE = (ROOT / "docs" / "past-runs.md").read_text(encoding="utf-8")
COMMANDS = [
    line.replace("\\\n", " ") for line in re.findall(r"^ {4}(anchor (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
]
(ANCHOR, WATCH, PROVE, SINGLE, VERIFY, NAMED) = COMMANDS
(EXPORT,) = re.findall(r"`(anchor instance export [^`]*)`", PAGE)
(BACKUP,) = re.findall(r"`(anchor instance backup [^`]*)`", PAGE)
POLICY = """ledger = "my-ledger"
trusted_root = [{{ path = "public/trusted_root.json" }}]

[[signer]]
identity = "{signer}"
issuer = "{issuer}"
"""


class Story:
    """A folder with a published release, whose records are in the default home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "ledger.csv").write_text("label,value\nemployees,120\n")
        named = ("--name", "my-ledger", "--version", "1.0.0", "--root", ".")
        self.ran("anchor publish ledger.csv", *named, "--policy-out", "policy.toml")

    def ran(self, command: str, *more: object, code: int = 0, put: Mapping[str, str] = {}) -> Ran:
        """A command of the page, with other words for its placeholders."""
        found = anchor(*self.words(command, put)[1:], *more, cwd=self.folder)
        assert found.code == code, (command, found)
        return found

    def words(self, command: str, put: Mapping[str, str] = {}) -> list[str]:
        return [put.get(word, word) for word in shlex.split(command)]

    def verified(self) -> None:
        """One more run."""
        self.ran("anchor reverify release.json --policy policy.toml --quiet")

    def watched(self, command: str) -> None:
        """A watch, until it says that it anchored a head; it is stopped then."""
        fork_server.until("anchored: the head of", *self.words(command)[1:], cwd=self.folder)


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.delenv("ANCHOR_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "work").mkdir()
    return Story(tmp_path / "work")


def test_every_command_of_the_page_runs(story: Story) -> None:
    """The year of the page is this one; numbers, signer and issuer are those of the records."""
    year = datetime.now(UTC).year
    story.watched(WATCH)
    story.verified()
    first = story.ran(ANCHOR, "--json").document
    home = str(story.folder.parent / "state" / "ledger-anchor" / "records")
    assert f"`~/.local/state/{Path(home).relative_to(story.folder.parent / 'state')}`" in PAGE
    years = {"2027-01-01": f"{year}-01-01", "2028-01-01": f"{year + 2}-01-01"}  # it may end meanwhile
    said = story.ran(PROVE, put=years).err
    runs = [json.loads(line)["run"] for line in story.ran("anchor history --json").out.splitlines()]
    assert len(runs) == 2, said
    story.ran(SINGLE, put=dict(zip(("4711", "4712"), map(str, runs), strict=True)))
    story.ran(EXPORT, put={"FOLDER": home})
    story.ran(BACKUP, put={"FOLDER": "../copy", "HOME": home})
    (log,) = first["logs"]
    claimed = story.ran("anchor verify-history runs-2027.jsonl", code=2).out
    (issuer,) = re.findall(r"issuer (\S+)\): this is claimed", " ".join(claimed.split()))
    told = story.ran(NAMED, put={"WHO": log["identity"], "ISSUER": issuer}).out
    assert "of 2 " in " ".join(told.split())
    (story.folder / "policy.toml").write_text(POLICY.format(signer=log["identity"], issuer=issuer))
    assert story.ran(VERIFY).out == told
    story.ran(VERIFY.replace("runs-2027", "two-runs"))


def test_the_setting_of_the_page_is_one(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration file of the page does what the option does."""
    (setting,) = re.findall(r"^    (\[watch\]\n(?:    .*\n)*)", PAGE, re.MULTILINE)
    file = story.folder.parent / "config" / "ledger-anchor" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(line.strip() for line in setting.splitlines()) + "\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(story.folder.parent / "config"))
    story.watched(WATCH.removesuffix(" --anchor-history 1d"))
