# SPDX-License-Identifier: Apache-2.0
"""Every message of the package that names a way out, found in the source, and the reader of these ways.

A way is a command of ours, an option, a variable of the environment, a table of a policy, or a word in
back-quotes. The same reader reads the messages of the source and what a command printed.
"""

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from anchor.cli import commands

ROOT = Path(__file__).resolve().parents[3]
HOLE = "{}"
"""Stands in a message for a value that the program puts in."""
OPTION = re.compile(r"(?<![\w-])(?:--[a-z][a-z0-9-]*[a-z0-9]|--\{\}|-[a-zA-Z](?![\w-]))")
_WORD = r"[a-z]+(?:-[a-z]+)*"
_COMMAND = re.compile(rf"\banchor ({_WORD}(?: {_WORD})*)")
_SETTING = re.compile(r"\bANCHOR_[A-Z_]+\b|\[\[[a-z_]+\]\]|`[^`\s]+`")
_NOT_PRINTED = {"help", "epilog", "short_help", "metavar"}
"""Arguments of click whose text is of the help pages."""
_ABOUT_DATA = ("anchor/limits.py",)
"""The table of limits has descriptions for a page, and no message."""


@dataclass(frozen=True)
class Message:
    """A string of the source with a way in it: `text` has a hole for each value that is put in."""

    file: str
    line: int
    text: str


def ways(text: str) -> set[str]:
    """The ways that a text names, such as `anchor records check`, `--home`, `ANCHOR_POLICY`, `[[watch]]`."""
    found = {" ".join(("anchor", *path)) for path, _ in commands_in(text)}
    return found | set(OPTION.findall(text)) | set(_SETTING.findall(text))


def commands_in(text: str) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Each command that a text names, as its words, and the options that stand behind it."""
    found = [m for m in _COMMAND.finditer(text) if m[1].split()[0] in commands.COMMANDS]
    for number, match in enumerate(found):
        path, rest = _resolve(match[1].split())
        stop = re.search(r"['`;,:)]|\. |$", text[match.end() - len(rest) :])
        end = match.end() - len(rest) + (stop.start() if stop else 0)
        if number + 1 < len(found):
            end = min(end, found[number + 1].start())
        yield path, set(OPTION.findall(text[match.start() : end]))


def _resolve(words: list[str]) -> tuple[tuple[str, ...], str]:
    """The words that are a command, as far as they go, and the text of the others."""
    for used in range(len(words), 0, -1):
        if command(tuple(words[:used])) is not None:
            return tuple(words[:used]), " ".join(words[used:])
    raise AssertionError(words)


@functools.cache
def command(path: tuple[str, ...]) -> click.Command | None:
    """The command with these words, such as `("records", "check")`."""
    found: click.Command = commands.cli
    for word in path:
        if not isinstance(found, click.Group):
            return None
        below = found.get_command(click.Context(found), word)
        if below is None:
            return None
        found = below
    return found


def options(path: tuple[str, ...]) -> set[str]:
    """The options of a command; of a group, those of everything in it."""
    found = command(path)
    assert found is not None, path
    own = {o for p in found.params if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)}
    if isinstance(found, click.Group):
        for name in found.list_commands(click.Context(found)):
            own |= options((*path, name))
    return own | {"--help"}


def all_options() -> set[str]:
    return {option for name in commands.COMMANDS for option in options((name,))} | {"--version"}


@functools.cache
def messages() -> tuple[Message, ...]:
    """All messages with a way, in the order of files and lines."""
    found = []
    for path in sorted((ROOT / "anchor").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name not in _ABOUT_DATA:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [Message(name, line, text) for line, text in _texts(tree) if " " in text and ways(text)]
    return tuple(found)


def _texts(tree: ast.AST) -> list[tuple[int, str]]:
    """The strings of a module that may be printed: no docstring, no type, no help of click."""
    found: list[tuple[int, str]] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.JoinedStr):
            found.append((node.lineno, "".join(_part(v) for v in node.values)))
            waiting += [v.value for v in node.values if isinstance(v, ast.FormattedValue)]
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                found.append((node.lineno, node.value))
        elif (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or (
            isinstance(node, ast.keyword) and node.arg in _NOT_PRINTED
        ):
            continue
        else:
            waiting += [c for c in ast.iter_child_nodes(node) if not _is_type(node, c)]
    return sorted(found)


def _part(value: ast.expr) -> str:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else HOLE


def _is_type(node: ast.AST, child: ast.AST) -> bool:
    """True if a child is an annotation, or the first argument of `cast`."""
    if child in (getattr(node, "annotation", None), getattr(node, "returns", None)):
        return True
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "cast"
        and child is node.args[0]
    )


def pattern(text: str) -> "re.Pattern[str]":
    """Finds a message of the source in what a command printed, however its lines are wrapped."""
    parts = [r"(?:\s|\\\n)+".join(re.escape(word) for word in _split(part)) for part in text.split(HOLE)]
    found = "(?s:.{0,400}?)".join(parts)
    if text.startswith(HOLE):
        found = r"\S*" + found.removeprefix("(?s:.{0,400}?)")
    if text.endswith(HOLE):
        found = found.removesuffix("(?s:.{0,400}?)") + r"(?:[^\n\\]|\\\n)*"
    return re.compile(found)


def _split(part: str) -> list[str]:
    """The words of a part; a space at an end stays as an empty word."""
    return re.split(r"\s+", part)
