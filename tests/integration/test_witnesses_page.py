# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/witnesses.md run, and its lines are those that the program says."""

import re
import shlex
from pathlib import Path

import pytest

from anchor.embedded import served_witnesses, witnesses
from anchor.limits import WITNESSES
from anchor.net import witness_client
from anchor.publish import anchoring
from anchor.tlog.keys import parse_vkey
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.releases.witnessed import log_key, with_witnesses
from tests.support.servers import own_witness
from tests.support.servers.witness_server import Witness, serving

PAGE = (ROOT / "docs" / "witnesses.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (anchor .*)$", PAGE, re.MULTILINE)


def test_every_command_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = with_witnesses(tmp_path, ())
    home = own_witness.made(tmp_path / "w1", parse_vkey(log_key(site)))
    assert len(COMMANDS) == 5
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANCHOR_HOME", str(site.home))
    with own_witness.serving(home) as ours, serving(Witness("second.example")) as (second,):
        second.knows(log_key(site))
        for command in COMMANDS:
            text = command.replace("witness.example/w1+32b7d1f9+BH...", ours.keys[0].vkey)
            text = text.replace("second.example+c1d2e3f4+BJ...", second.vkey)
            text = text.replace("https://witness.example/w1", ours.url)
            text = text.replace("https://second.example", second.url)
            text = text.replace("$LOG_VKEY", log_key(site))
            if "compare" in text:
                monkeypatch.setenv("ANCHOR_HOME", str(tmp_path / "watcher"))
                assert site.publish().code == 0
                (log,) = site.root.glob("release/log/*")
                text = text.replace("site/release/log/ORIGIN", str(log))
            ran = anchor(*shlex.split(text)[1:])
            assert ran.code == 0, (command, ran)


@pytest.mark.parametrize("words", re.findall(r"`anchor instance witness ([a-z]+)", PAGE))
def test_every_command_that_is_named_exists(words: str) -> None:
    assert anchor("instance", "witness", words, "--help").code == 0


def test_the_numbers_of_the_page_are_those_of_the_program() -> None:
    assert f"at most {WITNESSES} witnesses" in PAGE
    assert f"One round takes at most {witness_client.SECONDS:.0f} seconds" in PAGE
    assert (f"{witness_client.AFTER_QUORUM:.0f} second more", "one second more" in PAGE) == (
        "1 second more",
        True,
    )
    assert f"asks again for {anchoring.PATIENCE:.0f} seconds" in PAGE
    assert f"waits for {served_witnesses.SECONDS:.0f} seconds at most" in PAGE
    assert (served_witnesses.AGAIN, "every minute" in " ".join(PAGE.split())) == (60, True)
    assert f"`instance/{witnesses.POLICY}`" in PAGE


WORDS = (
    "does not know the log",
    "has another key for the log",
    "finds the request malformed",
    "answers with cosignatures of other keys",
    "of this log, and",
    "it has cosigned another tree of",
    "not the beginning of this log",
    "its store was rolled back",
    "is from the future",
    "before the log existed",
)


@pytest.mark.parametrize("words", WORDS)
def test_the_lines_of_the_page_are_said(words: str) -> None:
    """Each line is looked for, word for word, in the page and in the modules that say it."""
    modules = [ROOT / "anchor" / "tlog" / "witness_answer.py", ROOT / "anchor" / "net" / "witness_client.py"]
    assert any(words in path.read_text(encoding="utf-8") for path in modules)
    place = "entries of this log" if words.startswith("of this log") else words.removeprefix("is ")
    assert place in PAGE
