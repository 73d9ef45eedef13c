# SPDX-License-Identifier: Apache-2.0
"""`--json` on every command: one JSON document on stdout and nothing else there, for errors too."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from anchor.cli.commands import COMMANDS, cli
from anchor.verdict import Class
from tests.support.forge import bundles
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.process import fork_server
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER, Site, published
from tests.support.servers.witness_server import Witness

CODES = {str(c): c.exit_code for c in Class}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, subcommands included."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
    else:
        yield path


def command_of(path: tuple[str, ...]) -> click.Command:
    found: click.Command = cli
    for name in path:
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), name)
        assert inner is not None
        found = inner
    return found


ALL = list(leaves(cli))


def document(ran: Ran) -> Any:
    """The one document on stdout; its class is that of the exit code."""
    found = json.loads(ran.out)
    assert isinstance(found, dict)
    assert found["format"].startswith("urn:ledger-anchor:")
    if "verdict" in found:
        assert found["exit_code"] == ran.code
        assert CODES[found["verdict"]] == ran.code
    return found


def test_there_is_no_command_that_is_not_tried_here() -> None:
    assert {path[0] for path in ALL} == set(COMMANDS)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_option_is_there_and_the_help_has_an_example(path: tuple[str, ...]) -> None:
    command = command_of(path)
    assert any("--json" in p.opts for p in command.params)
    ran = anchor(*path, "--help")
    assert ran.code == 0
    assert "Example: anchor " in ran.out


WRONG: dict[str, tuple[str, ...]] = {
    "an unknown option": ("--no-such-option",),
    "an option without its value": ("--root",),
    "arguments too many": ("a", "b", "c", "d", "e"),
    "a control character": ("--no-\x1b[2J\u202esuch",),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_usage_error_is_one_document(path: tuple[str, ...], what: str, tmp_path: Path) -> None:
    words = WRONG[what]
    many = len(words) > 1 and any(p.nargs == -1 for p in command_of(path).params)
    ran = anchor(*path, "--json", *words, cwd=tmp_path)
    if many:  # a document a line, where each of several results has one
        documents = [ran.out] if ran.out.startswith("{\n") else ran.out.splitlines()
        assert {json.loads(one)["exit_code"] for one in documents} <= {0, ran.code}
    else:
        found = document(ran)
        assert (ran.code, found["verdict"]) == (2, "USAGE")
        assert found["error"]
        assert ran.line == f"anchor: {found['error']}" or what == "a control character"
    assert ran.out.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "words",
    [
        ("--json",),
        ("--json", "verify"),
        ("no-such-command", "--json"),
        ("trust", "--json"),
        ("records", "no-such", "--json"),
        ("verify", "--json"),
        ("verify-bundle", "--json", "x"),
        ("publish", "--json"),
        ("seal", "--json"),
    ],
)
def test_so_is_a_command_that_is_missing_or_not_whole(words: tuple[str, ...]) -> None:
    ran = anchor(*words)
    assert ran.code == 2
    assert document(ran)["verdict"] == "USAGE"


PATHS = [
    ("lint", "nothing.md"),
    ("seal", "nothing.md", "--name", "a", "--version", "1"),
    ("publish", "nothing.md", "--name", "a", "--version", "1", "--dry-run"),
    ("verify", "nothing.json"),
    ("chain", "nothing.json"),
    ("find", "nothing.json", "--where", "label=A"),
    ("log", "nothing.json", "--where", "label=A"),
    ("verify", "nothing.json", "--policy", "nothing.toml"),
    ("diff", "nothing", "release.json"),
    ("verify-bundle", "--bundle", "nothing", "--key", "nothing.pem", "x"),
    ("inspect", "nothing"),
    ("trust", "show", "nothing.json"),
    ("trust", "pin", "nothing.json"),
    ("instance", "export", "-o", "out"),
    ("reverify", "nothing.json", "--policy", "nothing.toml"),
    ("status",),
    ("history",),
    ("records", "check"),
    ("records", "export"),
    ("records", "prune", "--older-than", "1d"),
    ("verify-evidence", "nothing.json"),
    ("verify-receipt", "nothing.json"),
    ("prove", "nothing.json", "--fact", "0", "-o", "out.json"),
]


@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_so_is_what_cannot_be_read(words: tuple[str, ...], tmp_path: Path) -> None:
    place = ("--home", tmp_path / "home") if words[0] in ("status", "history", "records", "reverify") else ()
    ran = anchor(*words, *place, "--json", cwd=tmp_path)
    assert ran.code in (2, 3)
    assert document(ran)["verdict"] in ("USAGE", "UNAVAILABLE")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("json"))


def test_and_everything_that_goes_well(site: Site, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.md"
    ledger.write_text(LEDGER)
    bundle, root, file = tmp_path / "b.json", tmp_path / "r.json", tmp_path / "artifact"
    bundle.write_text(json.dumps(bundles.make(bundles.V2)))
    root.write_text(json.dumps(bundles.trusted_root()))
    file.write_bytes(bundles.ARTIFACT)
    who = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)
    kept = ("--root", site.root, "--home", tmp_path / "home")
    own = ("--root", tmp_path / "own", "--home", tmp_path / "own-home")
    for words in (
        ("demo",),
        ("lint", ledger),
        ("seal", ledger, "--name", "a", "--version", "1"),
        ("publish", ledger, "--name", "a", "--version", "1", *own, "--dry-run"),
        ("publish", ledger, "--name", "a", "--version", "1", *own),
        ("verify", site.release, "--policy", site.policy),
        ("chain", site.release, "--policy", site.policy),
        ("find", site.release, "--policy", site.policy, "--where", "label=A"),
        ("log", site.release, "--policy", site.policy, "--where", "label=A"),
        ("diff", site.release, ledger),
        ("verify-bundle", "--bundle", bundle, *who, "--trusted-root", root, file),
        ("inspect", site.release),
        ("trust", "show", root),
        ("trust", "pin", root),
        ("instance", "init", "--home", tmp_path / "instance-home", "--root", tmp_path / "instance"),
        ("instance", "export", "-o", tmp_path / "export", *own),
        ("instance", "witness", "add", "https://witness.example", Witness("witness.example").vkey, *own),
        ("instance", "witness", "list", *own),
        ("instance", "witness", "quorum", "all", *own),
        ("instance", "witness", "policy", *own),
        ("instance", "witness", "quorum", "none", *own),
        ("instance", "witness", "remove", "witness.example", *own),
        ("instance", "witness", "ask", *own),
        ("reverify", site.release, "--policy", site.policy, *kept),
        ("status", *kept),
        ("records", "check", *kept),
        ("records", "prune", "--older-than", "1d", *kept),
    ):
        with fork_server.forks():
            ran = anchor(*words, "--json")
        assert ran.code == 0, (words, ran)
        document(ran)
    stream = anchor("history", *kept, "--json")
    assert stream.code == 0
    assert [json.loads(line) for line in stream.out.splitlines()]


def test_and_every_refusal(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(bundles.trusted_root()))
    evidence = tmp_path / "evidence.json"
    evidence.write_text("{}")
    flags = ("--ledger", "a", "--identity", "b", "--issuer", "c", "--trusted-root")
    for words, code in (
        (("verify", site.release), 2),
        (("verify", site.release, *flags, site.path("trusted_root")), 8),
        (("verify", site.release, *flags, evidence), 2),
        (("inspect", evidence), 7),
        (("verify-evidence", evidence), 7),
        (("trust", "show", evidence), 2),
        (("verify-bundle", "--bundle", evidence, *("--certificate-identity", "a"), "x"), 2),
    ):
        ran = anchor(*words, "--json")
        assert ran.code == code, (words, ran)
        document(ran)
