# SPDX-License-Identifier: Apache-2.0
"""Settings: flags > ANCHOR_* > the user's configuration file, and no misspelt setting is passed over."""

from pathlib import Path

import pytest

from tests.support.process.anchor_cli import anchor

POLICY = 'ledger = "x"\n[[signer]]\nidentity = "a"\nissuer = "b"\n'
WORDS = ("--ledger", "x", "--identity", "a", "--issuer", "b", "--trusted-root", "root-of-flags")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("ANCHOR_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ledger-anchor").mkdir()
    return tmp_path / "ledger-anchor" / "config.toml"


def error(*words: str) -> str:
    found = anchor(*words)
    assert found.code == 2, found
    return found.line


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a = 1", "a: only tables"),
        ("[nothing]\n", "nothing: only tables"),
        ("verify = 3\n", "verify: only tables"),
        ('[verify]\npolcy = "x"\n', "verify.polcy: no such option"),
        ('[verify]\nrelease = "x"\n', "verify.release: no such option"),
        ("[verify]\npolicy = 3.5\n", "verify.policy: must be text"),
        ("[verify]\npolicy = [1]\n", "verify.policy: must be text"),
        ("[verify]\npolicy = true\n", "verify.policy: must be text"),
        ("[verify]\npolicy = { a = 1 }\n", "verify.policy: must be text"),
        ('[verify]\noffline = "maybe"\n', "verify.offline: must be true or false"),
        ('[verify]\n"a\\u001b[31m" = 1\n', "verify.a\\x1b[31m: no such option"),
        ("\x00", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(config: Path, text: str, where: str) -> None:
    config.write_text(text)
    line = error("verify", "release.json")
    assert f"{config}: " in line
    assert where in line


@pytest.mark.parametrize(
    "words", ["--help", "-h", "--version", "verify --help", "instance serve -h", "lint --help"]
)
@pytest.mark.parametrize("text", ["\x00", "a = 1", '[verify]\npolcy = "x"\n[instance]\nserv = 1\n'])
def test_help_and_version_need_no_file_that_is_right(config: Path, text: str, words: str) -> None:
    config.write_text(text)
    found = anchor(*words.split())
    assert (found.code, found.err) == (0, "")
    assert "anchor" in found.out


def test_a_file_named_like_the_option_asks_for_no_help(config: Path) -> None:
    config.write_text("[lint]\nstrikt = true\n")
    assert "strikt: no such option" in error("lint", "--", "--help")


@pytest.mark.parametrize("text", ["serve = 3", "[instance.service]", "[instance.serve]\nport = 'x'"])
def test_commands_of_commands_have_tables_too(config: Path, text: str) -> None:
    config.write_text(text if text.startswith("[") else f"[instance]\n{text}\n")
    assert "serv" in error("instance", "serve") or "port" in error("instance", "serve")


def test_flags_before_environment_before_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('[verify]\npolicy = "of-file"\n')
    assert "of-file" in error("verify", "r")
    monkeypatch.setenv("ANCHOR_POLICY", "of-environment")
    assert "of-environment" in error("verify", "r")
    assert "of-flag" in error("verify", "r", "--policy", "of-flag")


def test_four_flags_before_a_policy_of_environment_or_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('[verify]\npolicy = "of-file"\n')
    assert "root-of-flags" in error("verify", "r", *WORDS)
    monkeypatch.setenv("ANCHOR_POLICY", "of-environment")
    assert "root-of-flags" in error("verify", "r", *WORDS)
    assert "--identity: all four" in error("verify", "r", "--ledger", "x")


def test_a_policy_flag_before_four_settings_of_the_file(config: Path) -> None:
    table = zip(WORDS[::2], WORDS[1::2], strict=True)
    config.write_text("[verify]\n" + "".join(f'{k[2:]} = "{v}"\n' for k, v in table))
    assert "root-of-flags" in error("verify", "r")
    assert "of-flag" in error("verify", "r", "--policy", "of-flag")
    assert "--ledger and --policy" in error("verify", "r", "--policy", "of-flag", *WORDS)


def test_json_can_be_set(config: Path, tmp_path: Path) -> None:
    config.write_text("[lint]\njson = true\n")
    (tmp_path / "l.csv").write_text("a\n1\n")
    assert anchor("lint", tmp_path / "l.csv").document["facts"] == 1


@pytest.mark.parametrize("target", ["nowhere", "config.toml"])
def test_a_file_that_is_a_link_to_nothing_is_not_passed_over(config: Path, target: str) -> None:
    config.symlink_to(target)
    assert f"{config}: cannot read" in error("verify", "release.json")
    assert anchor("verify", "--help").code == 0


def test_a_value_that_its_option_does_not_take_names_the_file(config: Path) -> None:
    config.write_text('[lint]\nreader = "xml"\n')
    line = error("lint", "ledger.md")
    assert "--reader" in line
    assert f"as {config} says" in line
    assert str(config) not in error("lint", "ledger.md", "--reader", "xml")
