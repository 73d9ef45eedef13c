# SPDX-License-Identifier: Apache-2.0
"""Every command with `--json`, run once to its end: what it prints has a `format`, and its published schema
accepts it. The list is that of the click tree."""

import json
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from anchor.cli.commands import cli
from tests.support.forge import bundles
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.generate import json_page
from tests.support.generate.json_documents import FORMS
from tests.support.process import fork_server
from tests.support.process.anchor_cli import ROOT, Ran, anchor
from tests.support.process.json_forms import validated
from tests.support.releases.published import LEDGER, NAME, Site, published
from tests.support.servers.witness_server import Witness

Forms = dict[str, set[str]]


def leaves(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command with --json, with the words that name it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
    elif any("--json" in p.opts for p in command.params):
        yield " ".join(path)


COMMANDS = sorted(leaves())
ONLINE = ("trust update",)
"""It needs a TUF repository: tests/integration/test_trust_through_tuf.py validates it."""


def documents(ran: Ran) -> list[Any]:
    """The documents of a run: one, or one a line."""
    try:
        return [json.loads(ran.out)]
    except ValueError:
        return [json.loads(line) for line in ran.out.splitlines()]


class Walk:
    """Runs commands, and notes the forms that each printed."""

    def __init__(self) -> None:
        self.seen: Forms = defaultdict(set)

    def __call__(self, command: str, *words: object, code: int = 0) -> Any:
        ran = anchor(*command.split(), *words, "--json")
        assert ran.code == code, (command, words, ran)
        return self.note(command, documents(ran), code)

    def note(self, command: str, found: list[Any], code: int = 0) -> Any:
        assert found, command
        for document in found:
            self.seen[command].add(validated(document))
            assert document.get("exit_code", code) == code, (command, document)
        return found[0]

    def serving(self, command: str, *words: object) -> Any:
        """A command that runs until it is stopped: its first document."""
        with subprocess.Popen(
            [fork_server.programs() / "anchor", *command.split(), *map(str, words), "--json"],
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            text = ""
            for line in server.stdout:
                text += line
                if line.startswith("}") or command == "watch":
                    break
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        return self.note(command, [json.loads(text)])


def walk_ledger(walk: Walk, folder: Path, site: Site) -> None:
    """The commands about a ledger and its releases."""
    ledger = folder / "ledger.md"
    ledger.write_text(LEDGER)
    named = ("--name", "another", "--version", "1", "--root", folder / "own", "--home", folder / "own-home")
    trust = ("--policy", site.policy)
    (folder / "odd.csv").write_bytes("a;b\n\u00e9;1\n".encode("latin-1"))
    walk("lint", ledger)
    walk("lint", folder / "odd.csv", "--reader", "csv-v1", code=2)
    walk("seal", ledger, "--name", "another", "--version", "1")
    walk("seal", ledger, "--name", "another", "--version", "1", "--index", "label")
    walk("convert", folder / "odd.csv", "-o", folder / "odd.jsonl")
    walk("files", ledger, "--base", folder, "-o", folder / "files.csv")
    walk("publish", ledger, *named, "--dry-run")
    walk("publish", ledger, *named)
    walk("publish", ledger, *named)
    ledger.write_text(LEDGER.replace("| B | 2 |", "| B | 5 |"))
    draft = ("--name", NAME, "--version", "9", "--root", site.root, "--home", site.home)
    walk("publish", ledger, *draft, "--dry-run")
    walk("verify", site.release, *trust)
    walk("verify", site.release, code=2)
    walk("verify", folder / "nothing", folder / "neither", *trust, code=2)
    with fork_server.forks():
        walk("demo")
    walk("policy", site.release, "--not-compared", "-o", folder / "proposed.toml")
    walk("chain", site.release, *trust)
    walk("diff", site.release, ledger, *trust)
    walk("diff", site.root / "release" / "1.0.0" / "release.json", site.release, *trust)
    walk("find", site.release, *trust, "--where", "label=A")
    walk("find", site.release, *trust, "--where", "label=a", code=10)
    walk("log", site.release, *trust, "--where", "label=C", "--receipts", folder / "lives")
    walk("inspect", site.release)
    walk("inspect", site.path("bundle"))
    walk("mirror", site.release, folder / "mirror", *trust, "--home", folder / "mirror-home")
    (log,) = (folder / "mirror" / "release" / "log").iterdir()
    walk(
        "compare",
        log,
        "--log",
        log,
        "--vkey",
        (log / "vkey").read_text().strip(),
        "--home",
        folder / "compare",
    )
    walk("evidence check", ROOT / "release.json", "--evidence", ROOT / "evidence" / "evidence.toml")


def walk_receipts(walk: Walk, folder: Path, site: Site) -> None:
    """The commands about single facts."""
    trust = ("--policy", site.policy)
    walk("prove", site.release, *trust, "--where", "label=A", "-o", folder / "fact.json")
    walk("prove", site.release, *trust, "--complete", "A", "-o", folder / "all.json")
    walk("prove", site.release, *trust, "--absent", "a", "-o", folder / "absent.json")
    walk("prove", site.release, *trust, "--complete", "a", "-o", folder / "none.json", code=10)
    walk("prove", site.release, *trust, "--where", "label=a", "-o", folder / "none.json", code=10)
    walk("prove", site.release, *trust, "--all", "-o", folder / "every")
    walk("verify-receipt", folder / "fact.json", *trust)
    walk("verify-receipt", folder / "fact.json", folder / "absent.json", *trust)


def walk_status(walk: Walk, site: Site) -> None:
    """The commands that sign a status."""
    said = ("--release", "1.0.0", "--kind", "corrected", "--reason", "measured twice", "--home", site.home)
    walk("withdraw", site.root, *said, "--dry-run")
    walk("withdraw", site.root, *said)
    walk("renew", site.root, "--home", site.home, "--dry-run")
    walk("renew", site.root, "--home", site.home)


def walk_trust(walk: Walk, folder: Path) -> None:
    """The commands about bundles and trusted roots."""
    bundle, root, file = folder / "b.json", folder / "r.json", folder / "artifact"
    bundle.write_text(json.dumps(bundles.make(bundles.V2)))
    root.write_text(json.dumps(bundles.trusted_root()))
    file.write_bytes(bundles.ARTIFACT)
    who = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)
    walk("verify-bundle", "--bundle", bundle, *who, "--trusted-root", root, file)
    walk("trust show", root)
    walk("trust pin", root)


def walk_instance(walk: Walk, folder: Path) -> None:
    """The commands about an embedded instance and its witnesses."""
    own = ("--root", folder / "instance", "--home", folder / "instance-home")
    walk("instance init", *own)
    walk("instance export", "-o", folder / "export", *own)
    walk("instance witness ask", *own)
    walk("instance witness add", "http://127.0.0.1:9", Witness("witness.example").vkey, *own)
    walk("instance witness list", *own)
    walk("instance witness quorum", "all", *own)
    walk("instance witness policy", *own)
    walk("instance witness ask", *own, code=5)
    walk("instance witness quorum", "none", *own)
    walk("instance witness remove", "witness.example", *own)
    walk("instance backup", folder / "kept", *own)
    (folder / "instance-home").rename(folder / "lost-home")  # two homes with one key are refused
    walk("instance restore", folder / "kept", "--newest", "--home", folder / "instance-home")
    walk.serving("instance serve", *own, "--port", 0)


def walk_witness(walk: Walk, folder: Path) -> None:
    """The commands about a witness."""
    home = ("--home", folder / "witness")
    walk("witness init", "--name", "witness.example/w1", *home)
    vkey = next((folder / "export").glob("vkey")).read_text().strip()
    walk("witness logs add", vkey, *home)
    walk("witness logs list", *home)
    walk("witness show", *home)
    walk("witness backup", folder / "copy", *home)
    walk("witness restore", folder / "copy", "--newest", "--home", folder / "restored")
    walk("witness catch-up", "--home", folder / "restored", "--accept-store")
    walk.serving("witness serve", *home, "--listen", "127.0.0.1:0")
    walk("witness logs remove", vkey.partition("+")[0], *home)


def walk_records(walk: Walk, folder: Path, site: Site) -> None:
    """The commands over the records."""
    kept = ("--root", site.root, "--home", folder / "records")
    (log,) = (site.root / "release" / "log").iterdir()
    walk("reverify", site.release, "--policy", site.policy, *kept)
    walk("status", *kept)
    walk("history", *kept)
    walk("records check", *kept)
    walk("records export", *kept)
    walk("records export", *kept, "-o", folder / "rows.jsonl")
    walk("records export", *kept, "--checkpoints", "-o", folder / "notes")
    walk("records prune", "--older-than", "1d", *kept)
    walk("records anchor", *kept)
    walk("records anchor", *kept)
    walk("records prove", "--since", "1d", "-o", folder / "runs.jsonl", *kept)
    walk("verify-history", folder / "runs.jsonl", "--policy", site.policy, code=8)
    walk("records forget-log", site.release, log.name, "--reason", "a test", *kept)
    (folder / "other.json").write_text('{"format": "urn:example:other"}\n')
    walk("verify-evidence", folder / "other.json", code=7)
    site.roll_back("1.0.0")
    walk("reverify", site.release, "--policy", site.policy, *kept, code=3)
    walk("records accept", site.release, "--number", 1, "--reason", "on purpose", *kept)
    watched = ("--policy", site.policy, "--home", folder / "watch-home")
    walk.serving("watch", site.release, *watched, "--every", "1h", "--interval", "1h")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Forms:
    folder = tmp_path_factory.mktemp("walk")
    site = published(tmp_path_factory.mktemp("site"))
    assert site.publish(LEDGER.replace("| C | 3 |", "| C | 4 |"), "1.1.0", "--index", "label").code == 0
    walk = Walk()
    walk_ledger(walk, folder, site)
    walk_receipts(walk, folder, site)
    walk_trust(walk, folder)
    walk_instance(walk, folder)
    walk_witness(walk, folder)
    walk_records(walk, folder, site.copy(tmp_path_factory.mktemp("copy")))
    walk_status(walk, site)
    return walk.seen


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_printed_a_document_of_its_forms(command: str, seen: Forms) -> None:
    if command in ONLINE:
        return
    assert command in seen, f"no run of {command!r}: add one to a walk"
    listed = {
        name
        for name, form in FORMS.items()
        if any(c == command or c.startswith(f"{command} ") for c in (*form.commands, *form.many))
    }
    assert seen[command] <= listed | {"error:v1"}, "docs/json.md lists other forms"


def test_every_form_was_printed(seen: Forms) -> None:
    printed = {form for forms in seen.values() for form in forms} | {"error:v1", "trust-update:v1"}
    assert printed == set(FORMS)


def test_an_error_of_any_command_is_a_document_of_its_form() -> None:
    for command in COMMANDS:
        ran = anchor(*command.split(), "--no-such-option", "--json")
        assert validated(ran.document) == "error:v1"
        assert ran.document["exit_code"] == ran.code == 2


def test_a_schema_refuses_what_is_not_its_document(seen: Forms) -> None:
    good = {"format": "urn:ledger-anchor:pin:v1", "path": None, "sha256": "0" * 64}
    assert validated(good) == "pin:v1"
    for bad in (good | {"sha256": "0"}, good | {"path": 1}, good | {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            validated(bad)


def test_page_and_schemas_are_the_generated_ones() -> None:
    made = json_page.files()
    on_disk = {f"schema/{p.name}": p.read_bytes() for p in (ROOT / "docs" / "schema").iterdir()}
    on_disk["json.md"] = (ROOT / "docs" / "json.md").read_bytes()
    assert on_disk == made, "run: python3 tasks.py json"
