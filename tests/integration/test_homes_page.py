# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/homes.md run in a story: a home is copied, moved, lost, replaced, and used twice."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from anchor.disk import user_homes
from tests.support.process.anchor_cli import ROOT, Ran, anchor, says
from tests.support.releases.published import LEDGER
from tests.support.servers.folder_server import serve_folder

PAGE = (ROOT / "docs" / "homes.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4,}(anchor .*)$", PAGE, re.MULTILINE)
OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
(FIRST, BACKUP, RESTORE, RESTORE_ONLINE, NEW_SIGNER, ONLINE, COMPARE, TRIAL) = COMMANDS


class Story:
    """A folder with a ledger, and the state folders of two machines."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        monkeypatch.delenv("ANCHOR_HOME", raising=False)
        monkeypatch.chdir(folder)
        self.write(LEDGER)
        self.machine("a")

    def write(self, ledger: str) -> None:
        (self.folder / "ledger.md").write_text(ledger)

    def machine(self, name: str) -> None:
        """From now on the commands run on this machine."""
        self._patch.setenv("XDG_STATE_HOME", str(self.folder / f"machine-{name}"))

    @property
    def home(self) -> Path:
        return user_homes.of_ledger("accounts")

    def run(self, command: str, **replaced: str) -> Ran:
        """A command of the page."""
        for old, new in replaced.items():
            command = command.replace(old, new)
        return anchor(*shlex.split(command)[1:])

    def online(self, command: str, url: str) -> Ran:
        return anchor(*shlex.split(command.replace("https://example.org/accounts/", f"{url}/"))[1:])


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    """After the first publication and the copy."""
    found = Story(tmp_path, monkeypatch)
    ran = found.run(FIRST)
    assert ran.code == 0, ran.err
    (tmp_path / "policy.toml").write_text(ran.out)
    assert f"back this up\n           {found.home}\n" in ran.err
    ran = found.run(BACKUP)
    assert ran.code == 0, ran
    return found


def test_the_printed_command_makes_a_copy(story: Story, tmp_path: Path) -> None:
    shutil.rmtree("site")
    ran = story.run(TRIAL)
    assert ran.code == 0, ran.err
    (printed,) = re.findall(r"(anchor instance backup .*)", ran.err)
    assert story.run(printed, FOLDER=str(tmp_path / "there")).code == 0


def test_the_home_moves_to_another_machine(story: Story) -> None:
    story.machine("b")
    ran = story.run(RESTORE)
    assert ran.code == 0, ran
    story.write(OTHER)
    assert story.run(FIRST, **{"1.0.0": "1.1.0"}).code == 0
    assert anchor("verify", "site", "--policy", "policy.toml").code == 0
    says(story.run(RESTORE), 2, "is there already and is not overwritten")
    story.machine("c")
    says(story.run(RESTORE), 2, "it is an older copy")
    says(story.run(RESTORE.replace("--root site", "")), 2, "nothing says whether anything was signed after")


def test_it_is_compared_with_the_site_online(story: Story) -> None:
    with serve_folder(Path("site").absolute()) as server:
        story.machine("b")
        ran = story.online(RESTORE_ONLINE, server.url)
        assert ran.code == 0, ran
        story.write(OTHER)
        assert story.run(FIRST, **{"1.0.0": "1.1.0"}).code == 0
        story.machine("c")
        says(story.online(RESTORE_ONLINE, server.url), 2, "it is an older copy")


def test_another_signer_needs_the_option(story: Story) -> None:
    shutil.move(story.home, "what-was-left")
    story.write(OTHER)
    without = NEW_SIGNER.replace(" --new-signer", "")
    says(story.run(without), 2, "--new-signer")
    assert not (story.home / "instance").exists()
    ran = story.run(NEW_SIGNER)
    assert ran.code == 0, ran.err
    assert anchor("verify", "site", "--policy", "policy.toml").code == 8
    Path("new.toml").write_text(ran.out)
    assert anchor("verify", "site", "--policy", "new.toml").code == 0
    assert anchor("verify", "site/release/1.0.0/release.json", "--policy", "policy.toml").code == 0


def test_two_machines_with_one_key(story: Story) -> None:
    """The rows of the table, but that of the witnesses, which docs/witnesses.md has."""
    shutil.copytree("site", "stale")
    story.machine("b")
    assert story.run(RESTORE).code == 0
    story.machine("a")
    story.write(OTHER)
    second = FIRST.replace("1.0.0", "1.1.0")
    assert story.run(second).code == 0
    says(story.run(second.replace("1.1.0", "1.2.0").replace("site", "stale")), 2, "signed another statement")

    story.machine("b")
    story.write(LEDGER)
    third = FIRST.replace("1.0.0", "1.2.0")
    says(story.run(third), 2, "it is an older copy")
    with serve_folder(Path("site").absolute()) as server:
        ran = story.online(ONLINE.replace("--root site", "--root stale"), server.url)
        says(ran, 2, "with another statement than the one of this folder")
    assert story.run(third.replace("site", "stale")).code == 0  # nothing here can notice it
    (log,) = Path("site/release/log").iterdir()
    key = (log / "vkey").read_text().strip()
    ran = story.run(COMPARE, **{"other-site": "stale", "$LOG_VKEY": key, "ORIGIN": log.name})
    assert ran.code == 6, ran
    assert list(user_homes.of_records().glob("evidence/*.json"))


def test_a_folder_that_was_put_back_by_hand_is_compared_before_it_signs(story: Story) -> None:
    shutil.copytree(story.home, "copy-of-a-disk")
    story.write(OTHER)
    second = FIRST.replace("1.0.0", "1.1.0")
    assert story.run(second).code == 0
    shutil.copytree(story.home, "newer")
    for folder, code in (("copy-of-a-disk", 2), ("newer", 0)):
        shutil.rmtree(story.home)
        shutil.copytree(folder, story.home)
        story.write(LEDGER)
        assert story.run(FIRST.replace("1.0.0", "1.2.0")).code == code
    assert anchor("verify", "site", "--policy", "policy.toml").code == 0


def test_a_trial_leaves_the_home_alone(story: Story) -> None:
    before = (story.home / "signed.jsonl").read_bytes()
    story.write(OTHER)
    assert story.run(TRIAL).code == 0
    assert (story.home / "signed.jsonl").read_bytes() == before


WORDS = (
    "it is an older copy",
    "contradicts the log of this home",
    "nothing says whether anything was signed after this copy was made",
    "is there already and is not overwritten",
    "two homes with one key would fork it",
    "the copy is damaged",
    "was not signed by the home that was copied",
)


@pytest.mark.parametrize("words", WORDS)
def test_the_lines_of_the_page_are_said(words: str) -> None:
    assert f'"{words}"' in " ".join(PAGE.split())
    modules = ("app/home_backup.py", "embedded/export.py", "disk/new_folder.py")
    assert any(words in (ROOT / "anchor" / module).read_text(encoding="utf-8") for module in modules)


def test_the_places_of_the_page_are_those_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/u")
    state = "/u/.local/state/ledger-anchor"
    assert str(user_homes.of_records()) == f"{state}/records"
    assert re.fullmatch(rf"{state}/accounts-[0-9a-f]{{16}}", str(user_homes.of_ledger("accounts")))
    assert "`~/.local/state/ledger-anchor/NAME-DIGEST/`" in PAGE
    assert "`~/.local/state/ledger-anchor/records/`" in PAGE
