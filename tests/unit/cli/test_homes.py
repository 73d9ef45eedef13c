# SPDX-License-Identifier: Apache-2.0
"""The default homes, seen from a folder that contains them: the user's own."""

import os
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import Ran, forked, says
from tests.support.releases.published import LEDGER, published


@pytest.fixture
def user(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A user's folder, and an environment in which all default folders are below it."""
    unset = dict.fromkeys(("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "ANCHOR_HOME"), "")
    (tmp_path / "user").mkdir()
    return tmp_path / "user", {**unset, "HOME": str(tmp_path / "user")}


def alone(user: tuple[Path, dict[str, str]], *words: object) -> Ran:
    """A command in the user's folder."""

    def enter() -> None:
        os.environ.update(user[1])
        os.chdir(user[0])

    return forked(*words, before=enter)


def test_records_may_lie_below_the_current_folder(user: tuple[Path, dict[str, str]]) -> None:
    home, _ = user
    site = published(home.parent)
    words = ("reverify", site.release, "--policy", site.policy, "--offline")
    ran = alone(user, *words)
    assert ran.code == 0, ran
    assert (home / ".local" / "state" / "ledger-anchor" / "records").is_dir()
    shown = alone(user, "status")
    assert shown.code == 0, shown
    assert "OK: 1 watched" in shown.out


def test_keys_may_not(user: tuple[Path, dict[str, str]]) -> None:
    home, _ = user
    (home / "ledger.md").write_text(LEDGER)
    ran = alone(user, "publish", "ledger.md", "--name", "n", "--version", "1")
    says(ran, 2, "keys and journal would lie inside the folder that is published")


def test_a_command_about_a_home_runs_in_a_folder_that_contains_it(user: tuple[Path, dict[str, str]]) -> None:
    home, _ = user
    (home / "ledger.md").write_text(LEDGER)
    words = ("--name", "n", "--version", "1", "--root", "site")
    assert alone(user, "publish", "ledger.md", *words).code == 0
    (keys,) = (home / ".local" / "state" / "ledger-anchor").glob("n-*")
    for about in (("backup", "copy"), ("witness", "list"), ("export", "-o", "public")):
        ran = alone(user, "instance", *about)
        assert ran.code == 0, ran
    assert (home / "copy" / "signed.jsonl").read_bytes() == (keys / "signed.jsonl").read_bytes()


def test_an_instance_can_be_made_for_a_ledger_before_it_is_published(
    user: tuple[Path, dict[str, str]],
) -> None:
    home, _ = user
    made = alone(user, "instance", "init", "--ledger", "n", "--root", "site", "--json")
    assert made.code == 0, made
    (home / "ledger.md").write_text(LEDGER)
    words = ("--name", "n", "--version", "1", "--root", "elsewhere")
    ran = alone(user, "publish", "ledger.md", *words)
    assert ran.code == 0, ran
    assert f'identity = "{made.document["identity"]}"' in ran.out
    says(alone(user, "instance", "init", "--ledger", "n", "--root", "site"), 2, "not overwritten")


def test_an_instance_without_a_ledger_is_that_of_the_first_one_in_its_root(
    user: tuple[Path, dict[str, str]],
) -> None:
    home, _ = user
    made = alone(user, "instance", "init", "--root", "site", "--json")
    assert made.code == 0, made
    (home / "ledger.md").write_text(LEDGER)
    words = ("--name", "n", "--version", "1", "--root", "site")
    ran = alone(user, "publish", "ledger.md", *words)
    assert ran.code == 0, ran
    assert f'identity = "{made.document["identity"]}"' in ran.out


@pytest.mark.parametrize("variable", ["state", "./state", "~/state", ""])
def test_a_relative_state_folder_counts_as_absent(user: tuple[Path, dict[str, str]], variable: str) -> None:
    """Else the home would depend on the current folder."""
    home, env = user
    env["XDG_STATE_HOME"] = variable
    (home / "ledger.md").write_text(LEDGER)
    words = ("--name", "n", "--version", "1", "--root", "site")
    assert alone(user, "publish", "ledger.md", *words).code == 0
    assert list((home / ".local" / "state" / "ledger-anchor").glob("n-*/signed.jsonl"))
    assert sorted(f.name for f in home.iterdir()) == [".local", "ledger.md", "site"]
