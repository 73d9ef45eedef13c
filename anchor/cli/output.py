# SPDX-License-Identifier: Apache-2.0
"""Everything that a command prints: lines for people, documents for programs, verdicts, progress.

No other module prints. A column name, an identity or a path comes from a stranger. It may contain characters
that steer a terminal, hide text or change the direction of text. In a line for people they are escaped, even
if the output is a file. A document is printed byte for byte, so a pipe or a file gets exactly the document;
only on a terminal are such characters escaped.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from anchor.errors import printable
from anchor.verdict import Class, Verdict

_MARKS = {"passed": "ok", "refused": "REFUSED", "unknown": "unknown", "skipped": "skipped"}


def out(line: str = "") -> None:
    """Print one line for a person on stdout. A line end inside it is escaped: it could fake a second line."""
    click.echo(printable(line))


def say(line: str) -> None:
    """Print one line for a person on stderr."""
    click.echo(printable(line), err=True)


def document(text: str) -> None:
    """Print text for a program on stdout, with its own line ends only."""
    if sys.stdout.isatty():
        text = "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))
    click.echo(text, nl=False)


def print_json(value: Any) -> None:
    """Print one JSON document on stdout. Characters that could steer a terminal are escaped."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:  # a name of the file system that is not UTF-8
        data = msgspec.json.encode(_encodable(msgspec.to_builtins(value)))
    text = msgspec.json.format(data, indent=2).decode()
    if not text.replace("\n", "").isprintable():
        text = "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)
    document(f"{text}\n")


def _encodable(value: Any) -> Any:
    """The same value, each surrogate escaped as in lines for people."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    return [_encodable(v) for v in value] if isinstance(value, (list, tuple)) else value


def _escaped(character: str) -> str:
    """A character as a JSON escape (RFC 8259 section 7); above U+FFFF as a surrogate pair."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def emit(verdict: Verdict, *, as_json: bool, notes: Sequence[str] = ()) -> int:
    """Print a verdict and further notes. Returns its exit code."""
    verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))
    if as_json:
        print_json(verdict)
        return verdict.exit_code
    for line in _lines(verdict):
        out(line)
    if verdict.verdict not in (Class.OK, Class.STALE):
        worst = next((c for c in verdict.checks if c.demotes == verdict.verdict), None)
        if worst:
            say(f"anchor: {worst.name}: {worst.detail}")
    return verdict.exit_code


def _heading(about: str) -> str:
    """The line above the checks of one anchor, or of the release."""
    if not about:
        return "release"
    return about if about.startswith("anchor ") else f"anchor in {about}"


def _lines(verdict: Verdict) -> Iterator[str]:
    about = ""
    for number, check in enumerate(verdict.checks, 1):
        if check.about != about:
            about = check.about
            yield f"     {_heading(about)}"
        yield f"{number:3}. {_MARKS[check.state]:8} {check.name}: {check.detail}"
        if check.meaning and check.state != "passed":
            yield f"     {'':8} {check.meaning}"
    for note in verdict.notes:
        yield f"note: {note}"
    yield f"{verdict.verdict}: {verdict.target}"


class Stages:
    """Lines about the stages of a command: at once on a terminal, else after success.

    A command that fails in a script then prints only one line, the reason.
    """

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._held_back: list[str] = []

    def __call__(self, line: str) -> None:
        if self._on:
            say(line)
        else:
            self._held_back.append(line)

    def close(self) -> None:
        """Print the lines that were held back."""
        for line in self._held_back:
            say(line)
        self._held_back.clear()


class Counter:
    """A counter on stderr: at most four times a second, only on a terminal, only after one second."""

    def __init__(self, what: str = "facts") -> None:
        self._what = what
        self._next = time.monotonic() + 1.0
        self._shown = False
        self._on = sys.stderr.isatty()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if self._on and now >= self._next:
            click.echo(f"\r{done:,} {self._what}", nl=False, err=True)
            self._next = now + 0.25
            self._shown = True

    def close(self) -> None:
        """End the line of the counter."""
        if self._shown:
            click.echo("", err=True)
