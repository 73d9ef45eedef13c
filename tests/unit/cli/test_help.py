# SPDX-License-Identifier: Apache-2.0
"""Help for who does not know the words yet: what was meant, `anchor help`, examples that can be copied."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from anchor.cli import commands, examples
from tests.support.process.anchor_cli import anchor


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("verfy", "x"),
            "anchor: no such command: verfy (did you mean verify or reverify?); see 'anchor --help'",
        ),
        (("hlep",), "anchor: no such command: hlep (did you mean help?); see 'anchor --help'"),
        (("nothing-like-it",), "anchor: no such command: nothing-like-it; see 'anchor --help'"),
        (("witness", "log"), "no such command: log (did you mean logs?); see 'anchor witness --help'"),
        (
            ("verify", "--polcy", "x"),
            "no such option: --polcy (did you mean --policy?); see 'anchor verify --help'",
        ),
        (
            ("verify-bundle", "--identity", "x"),
            "no such option: --identity (did you mean --certificate-identity?)",
        ),
        (
            ("verify-bundle", "--issuer", "x"),
            "no such option: --issuer (did you mean --certificate-oidc-issuer?)",
        ),
        (("help", "verfy"), "no such command: verfy (did you mean verify or reverify?); see 'anchor --help'"),
    ],
)
def test_what_was_meant_is_said(words: tuple[str, ...], said: str) -> None:
    ran = anchor(*words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.line
    assert ran.line.endswith("--help'")


def test_help_is_a_command_too() -> None:
    assert anchor("help").out == anchor("--help").out
    assert anchor("help", "verify").out == anchor("verify", "--help").out
    assert anchor("help", "witness", "logs", "add").out == anchor("witness", "logs", "add", "--help").out


def test_v_is_the_version() -> None:
    assert anchor("-V").out == anchor("--version").out != ""


def _commands(group: click.Group, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*names, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*names, name))


@pytest.mark.parametrize("names", [*_commands(commands.cli)], ids=" ".join)
@pytest.mark.parametrize("columns", [40, 80])
def test_each_example_is_one_command_line_of_a_shell(
    names: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = anchor(*names, "--help").out
    _, mark, text = shown.partition(examples.MARK)
    if not mark:
        return
    lines = text.split("\n\n")[0].rstrip("\n").split("\n")
    assert all(line.endswith("\\") for line in lines[:-1]), shown
    words = shlex.split("\n".join(lines).replace("\\\n", ""))
    assert words[0] == "anchor", shown
    assert tuple(words[1 : 1 + len(names)]) == names, shown
    assert not any(re.search(r"-$", word) for word in words), shown


@pytest.mark.parametrize("names", [*_commands(commands.cli)], ids=" ".join)
def test_the_text_is_indented_by_two_columns(names: tuple[str, ...]) -> None:
    text = anchor(*names, "--help").out.partition("\n\n")[2].partition("Options:\n")[0]
    paragraphs = [p for p in text.split("\n\n") if examples.MARK not in p]
    for line in "\n".join(paragraphs).splitlines():
        assert re.fullmatch(r"|  \S+(?: \S+)*", line), (names, line)


@pytest.mark.parametrize("names", [*_commands(commands.cli)], ids=" ".join)
def test_no_line_about_a_command_is_cut_off(names: tuple[str, ...]) -> None:
    listed = anchor(*names, "--help").out.partition("Commands:\n")[2]
    assert "..." not in listed


def test_a_long_example_breaks_where_an_option_begins() -> None:
    line = (
        "anchor reverify release.json --policy policy.toml --quiet --alarm-after 3/6h --heartbeat https://x"
    )
    laid = examples.example(line)
    assert laid.startswith("\b\nExample: anchor reverify")
    assert all(len(part) <= examples.WIDTH for part in laid.split("\n"))
    assert shlex.split(laid.removeprefix("\b\nExample: ").replace("\\\n", "")) == line.split()
