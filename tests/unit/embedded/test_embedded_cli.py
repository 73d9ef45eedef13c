# SPDX-License-Identifier: Apache-2.0
"""`anchor instance`: exit codes, one line of error, honest words, and JSON alone on stdout."""

import json
from pathlib import Path

import pytest

from anchor.cli.main import run
from anchor.embedded.instance import Instance
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.keys import parse_vkey
from tests.support.forge.embedded_signer import entry_request

HONEST = "no independent evidence"


def test_init_makes_one_and_refuses_to_make_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(tmp_path / "home")
    assert run(["instance", "init", "--home", home]) == 0
    said = capsys.readouterr()
    instance = Instance.open(tmp_path / "home" / "instance", create=False)
    assert instance.origin in said.out
    assert HONEST in said.out
    assert run(["instance", "init", "--home", home]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "not overwritten" in said.err


def test_init_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["instance", "init", "--json", "--home", str(tmp_path)]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["independent"] is False
    assert HONEST in about["note"]
    assert about["origin"].endswith(".anchor-embedded.invalid")
    assert parse_vkey(about["vkey"]).name == about["origin"]


def test_a_home_inside_the_published_folder_needs_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "root" / "state"))
    monkeypatch.delenv("ANCHOR_HOME", raising=False)
    assert run(["instance", "init", "--root", str(tmp_path / "root")]) == 2
    assert "published" in capsys.readouterr().err
    assert not (tmp_path / "root").exists()


def test_export_writes_the_public_side_into_the_published_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instance = Instance.create(tmp_path / "home" / "instance")
    instance.log.append(entry_request("a"))
    instance.close()
    args = ["instance", "export", "--root", str(tmp_path / "root"), "--home", str(tmp_path / "home")]
    assert run(args) == 0
    assert HONEST in capsys.readouterr().out
    folder = tmp_path / "root" / "release" / "log" / instance.origin
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert names == {
        "checkpoint",
        "vkey",
        "trusted_root.json",
        "client_trust_config.json",
        "tile/0/000.p/1",
        "tile/entries/000.p/1",
    }
    assert (folder / "trusted_root.json").read_bytes() == instance.trusted_root()
    log = checkpoints.Log(instance.origin, parse_vkey((folder / "vkey").read_text().strip()))
    assert checkpoints.verify((folder / "checkpoint").read_bytes(), log).size == 1
    for path in folder.rglob("*"):
        assert b"PRIVATE" not in (path.read_bytes() if path.is_file() else b"")
    assert run([*args, "--json", "-o", str(tmp_path / "other")]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 1
    assert (tmp_path / "other" / "checkpoint").exists()


def test_export_makes_no_instance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["instance", "export", "--home", str(tmp_path / "home"), "-o", str(tmp_path / "o")]) == 2
    assert "no embedded instance is here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com"])
def test_serve_is_for_loopback_only(tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str) -> None:
    assert run(["instance", "serve", "--home", str(tmp_path), "--host", host]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "loopback" in said.err


def test_serve_refuses_an_identity_that_no_certificate_can_carry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["instance", "serve", "--home", str(tmp_path), "--identity", "me"]) == 2
    assert "neither an e-mail address nor a URI" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["init"], ["serve"], ["export"]])
def test_help_has_an_example_and_says_what_it_is_not(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run(["instance", *command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Example: anchor instance" in said
    if not command:
        assert HONEST in said
