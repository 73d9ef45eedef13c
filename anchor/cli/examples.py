# SPDX-License-Identifier: Apache-2.0
"""The examples of `--help`: commands that can be copied, whatever the width of the terminal.

Click joins and breaks the lines of a text. An example that is broken in the middle of an option is no command
any more. So each example stands on lines of its own, and a long one is broken where a shell goes on.
"""

import inspect

import click

from anchor.cli.terminal import with_values

MARK = "Example: "
"""The beginning of an example, in an epilog or as the last paragraph of a docstring."""
WIDTH = 78
"""Columns of a line of an example."""
_AS_IT_IS = "\b\n"
"""Click leaves the lines of a paragraph as they are if it begins so."""


def lay_out(command: click.Command) -> None:
    """Lay out the examples of a command and of the commands below it. A second call changes nothing."""
    command.epilog = _laid_out(command.epilog)
    command.help = _laid_out(command.help)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            lay_out(below)
            below.short_help = below.short_help or _first_sentence(below.help or "")


def _first_sentence(text: str) -> str:
    """The first sentence of a help, whole: click would cut it off where its line ends."""
    paragraph = " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].removesuffix(".")


def _laid_out(text: str | None) -> str | None:
    """The text, its last paragraph laid out if it is an example."""
    if text is None:
        return None
    text = inspect.cleandoc(text)  # of a docstring: click measures the indent of all lines together
    head, between, last = text.rstrip().rpartition("\n\n")
    words = " ".join(last.split())
    return f"{head}{between}{example(words.removeprefix(MARK))}" if words.startswith(MARK) else text


def example(line: str) -> str:
    """An example for click: each line of a command line of a shell begins where an option does."""
    lines, now = list[str](), MARK.strip()
    for word in with_values(line):
        if len(now) + 1 + len(word) + len(" \\") + 2 > WIDTH:
            lines.append(f"{now} \\")
            now = f"    {word}"
        else:
            now = f"{now} {word}"
    return _AS_IT_IS + "\n".join((*lines, now))
