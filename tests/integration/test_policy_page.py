# SPDX-License-Identifier: Apache-2.0
"""The policies and commands of docs/policy.md work, with the names and keys of real instances in them."""

import contextlib
import hashlib
import re
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anchor.tlog import note
from anchor.verify import policy as policies
from tests.support.process.anchor_cli import ROOT, Ran, anchor
from tests.support.process.typed import typed
from tests.support.releases.cosigned import checkpoint, cosigned, witness
from tests.support.releases.published import LEDGER, Site

TEXT = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```(?:toml|text) (\S+)\n(.*?)^```", TEXT, re.M | re.S))
COMMANDS = re.findall(r"^    (anchor .*)$", TEXT, re.M)
NOW = int(datetime.now(UTC).timestamp())
SUFFIX = ".anchor-embedded.invalid"
CODES = {"alice-home --policy": 5}
"""The one command that does not end with 0."""


class World:
    """A folder in which the commands ran, and the policy that a test writes there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = Site(folder / "site", folder / "alice-home", folder / "own.toml")

    def made(self) -> "World":
        """After the commands of the page, in their order."""
        folder = self.folder
        (folder / "ledger.md").write_text(LEDGER)
        for command in sorted(COMMANDS, key=lambda words: "own-policy" in words):  # these need a release
            if " publish " in command and "alice-home" in command:
                (folder / "two.toml").write_text(self.filled(BLOCKS["two"]))
            self.run(command, expected=next((c for part, c in CODES.items() if part in command), 0))
        return self

    def run(self, command: str, *, expected: int) -> None:
        words = shlex.split(command)[1:]
        with contextlib.chdir(self.folder):
            ran = typed(self.groups() if words[0] == "policy" else "", *words)
        assert ran.code == expected, (command, ran)

    def groups(self) -> str:
        """The first and the last group of the trusted root, as the publishers tell them."""
        digest = str(self.site.value["trusted_root"]["sha256"])
        return f"{digest[:4]}\n{digest[-4:]}\n"

    def filled(self, text: str) -> str:
        """A text of the page with the origins of the two instances."""
        for name, letter in (("alice", "a"), ("bob", "b")):
            vkey = (self.folder / f"{name}-public" / "vkey").read_text()
            text = text.replace(letter * 16 + SUFFIX, vkey.partition("+")[0])
        root = (self.folder / "alice-public" / "trusted_root.json").read_bytes()
        return text.replace("0" * 64, hashlib.sha256(root).hexdigest())

    def judged(self, *blocks: str) -> Ran:
        """The release under a policy of these blocks of the page."""
        path = self.folder / "own.toml"
        path.write_text(self.filled("\n".join(BLOCKS[name] for name in blocks)))
        return anchor("verify", self.folder / "site", "--policy", path, "--json", cwd=self.folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("page")).made()


def test_two_people_published_by_the_commands_of_the_page(world: World) -> None:
    assert len(COMMANDS) == 9
    assert len(world.site.value["anchors"]) == 2
    assert world.judged("two").code == 0


def test_the_smallest_policy_and_every_number(world: World, tmp_path: Path) -> None:
    world = World(shutil.copytree(world.folder, tmp_path / "copy"))
    assert world.judged("smallest").code == 0
    assert world.judged("digest").code == 0
    ran = world.judged("uncompared", "digest")
    assert ran.code == 0
    assert policies.UNCOMPARED in ran.document["notes"]
    ran = world.judged("numbers", "smallest")
    assert ran.code == 4, "there is no status yet, and the policy wants one"
    named = ("--home", world.folder / "alice-home", "--policy", world.folder / "two.toml")
    renewed = anchor("renew", world.site.root, *named, cwd=world.folder)
    assert renewed.code == 0, renewed.err
    assert world.judged("numbers", "smallest").code == 0


def test_a_pinned_root_and_another_one_in_its_place(world: World) -> None:
    rest = BLOCKS["smallest"].partition("\n\n")[2]
    pinned = f'ledger = "accounts"\n{BLOCKS["pinned"]}\n{rest}'
    ran = anchor("trust", "show", "alice-public/trusted_root.json", "--json", cwd=world.folder)
    digest = ran.document["sha256"]
    path = world.folder / "pinned.toml"
    path.write_text(re.sub(r"[0-9a-f]{64}", digest, world.filled(pinned)))
    assert anchor("verify", world.site.root, "--policy", path, cwd=world.folder).code == 0
    path.write_text(world.filled(pinned))
    assert anchor("verify", world.site.root, "--policy", path, cwd=world.folder).code in (3, 8)


def test_a_log_that_is_read_at_another_place(world: World) -> None:
    path = world.folder / "log.toml"
    path.write_text(world.filled(BLOCKS["smallest"] + BLOCKS["log-url"]))
    assert anchor("verify", world.site.root, "--policy", path, cwd=world.folder).code == 0


def test_a_signer_by_an_expression_and_tied_to_a_root(world: World) -> None:
    head = BLOCKS["smallest"].partition("[[signer]]")[0]
    path = world.folder / "expression.toml"
    path.write_text(world.filled(head + BLOCKS["signers"]))
    assert anchor("verify", world.site.root, "--policy", path, cwd=world.folder).code == 0


def test_witnesses_for_all_logs_and_for_one(world: World) -> None:
    """The keys are made now; the lines of the page stay as they are."""
    vkey = (world.folder / "alice-public" / "vkey").read_text().strip()
    origin = vkey.partition("+")[0]
    text = note.parse(checkpoint(world.site, origin)).text
    names = ("auditor.example.org", "partner.example.org", "archive.example.org")
    signed = [witness(i, text, time=NOW, name=name) for i, name in enumerate(names, 1)]
    lines = world.filled(BLOCKS["witnesses.policy"]).splitlines()
    (log,) = [line for line in lines if line.startswith("log ")]
    assert log.startswith(f"log {origin}+")
    named = [line for line in lines if line.startswith("witness ")]
    rules = [line for line in lines if line.startswith(("group ", "quorum "))]
    made = [f"{line.rpartition(' ')[0]} {key.vkey}" for line, (key, _) in zip(named, signed, strict=True)]
    path = world.folder / "witnesses.policy"
    path.write_text("\n".join([f"log {vkey}", *made, *rules]) + "\n")
    for blocks in (("witnesses", "smallest"), ("smallest", "log")):
        assert world.judged(*blocks).code == 5, blocks
    cosigned(world.site, *(line for _, line in signed[:2]), origin=origin)
    for blocks in (("witnesses", "smallest"), ("smallest", "log")):
        ran = world.judged(*blocks)
        assert ran.code == 0, ran
        (words,) = {a["independence"]["words"] for a in ran.document["facts"]["anchors"]}
        assert words == "run by the publisher, witnessed by 2 of 3 (auditor, partner)"
        assert words.partition(", ")[2] in TEXT
        assert "no independent evidence" not in ran.out


def test_a_watch_demands_nothing_of_a_release(world: World) -> None:
    top, _, tables = BLOCKS["watched"].partition("\n\n")
    path = world.folder / "watched.toml"
    path.write_text(world.filled(f"{top}\n{BLOCKS['smallest']}\n{tables}"))
    assert anchor("verify", world.site.root, "--policy", path, cwd=world.folder).code == 0


def test_every_key_has_an_example() -> None:
    for key in policies.KEYS:
        assert any(re.search(rf"^(\[\[)?{key}\b", block, re.M) for block in BLOCKS.values()), key
