# SPDX-License-Identifier: Apache-2.0
"""Each message that names a way out is in the table of those that are followed, and names what there is."""

import ast
import functools
from pathlib import Path

import pytest

from anchor.cli import commands
from tests.integration.remedies import table
from tests.support.remedies import messages
from tests.support.remedies.walk import ROWS

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def texts() -> dict[str, messages.Message]:
    """Each message by its text. Every process collects this file, but only one needs the messages."""
    return {message.text: message for message in messages.messages()}


def test_the_inventory_finds_what_people_are_told() -> None:
    assert len(texts()) > 200
    assert messages.ways(
        "run 'anchor records check'; or give --home, or set `bom`, ANCHOR_HOME, [[watch]]"
    ) == {
        "anchor records check",
        "--home",
        "`bom`",
        "ANCHOR_HOME",
        "[[watch]]",
    }
    assert list(messages.commands_in("anchor trust pin FILE -o -; see anchor log --where")) == [
        (("trust", "pin"), {"-o"}),
        (("log",), {"--where"}),
    ]


def test_each_message_is_followed_or_says_why_it_need_not_be() -> None:
    known = [*ROWS, *table.ELSEWHERE, *table.NO_WAY]
    assert sorted(known) == sorted(set(known)), "a message is in the table twice"
    missing = {text: f"{m.file}:{m.line}" for text, m in texts().items() if text not in known}
    assert not missing, "give each a row in tests/integration/remedies"
    assert not set(known) - set(texts()), "no message is like this any more"


def test_there_is_no_list_of_messages_that_wait_for_a_row() -> None:
    """A new message gets its row with the change that prints it."""
    beside = [p for p in Path(table.__file__).parent.iterdir() if p.is_file()]
    assert {p.suffix for p in beside} == {".py"}
    assert {name for name in vars(table) if name.isupper() and not name.startswith("_")} == {
        "MODULES",
        "ELSEWHERE",
        "OTHER_PROGRAMS",
        "NO_WAY",
        "OF_OTHER_COMMANDS",
    }


@pytest.mark.parametrize("test", sorted(set(table.ELSEWHERE.values())))
def test_a_test_that_the_table_names_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}


def ours() -> list[messages.Message]:
    """The messages whose ways are all of this program."""
    return [m for m in messages.messages() if m.text not in table.OTHER_PROGRAMS]


def of(text: str) -> set[str]:
    """The long options that a text names; a short one is the same as a long one."""
    return {o for o in messages.OPTION.findall(text) if o[:2] == "--" and o != f"--{messages.HOLE}"}


def test_a_message_names_only_options_that_there_are() -> None:
    known = messages.all_options()
    for message in ours():
        assert of(message.text) <= known, message
        for path, named in messages.commands_in(message.text):
            assert named & of(message.text) <= messages.options(path), message


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_a_message_of_a_command_names_its_own_options(name: str) -> None:
    file = f"{commands.module_of(name).replace('.', '/')}.py"
    for message in ours():
        if message.file == file:
            command = table.OF_OTHER_COMMANDS.get(message.text, (name,))
            of_others = {o for _, named in messages.commands_in(message.text) for o in named}
            assert of(message.text) - of_others <= messages.options(command), message
