# SPDX-License-Identifier: Apache-2.0
"""Where every command writes: lines for people, and documents for programs.

No other module prints. What a stranger wrote (a column name, an identity, a path) may hold characters that
steer a terminal, hide text or turn its direction: a line for people has them written out wherever it goes. A
document goes out byte for byte, so that what is piped or redirected is what was made, except onto a terminal.
"""

import sys

import click

from anchor.errors import printable


def out(line: str = "") -> None:
    """One line for a person, on stdout; a line end inside it is written out, or it would forge a second."""
    click.echo(printable(line))


def say(line: str) -> None:
    """One line for a person, on stderr."""
    click.echo(printable(line), err=True)


def document(text: str) -> None:
    """Text for a program, on stdout, with the line ends that it has itself."""
    if sys.stdout.isatty():
        text = "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))
    click.echo(text, nl=False)
