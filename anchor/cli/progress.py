# SPDX-License-Identifier: Apache-2.0
"""Progress on stderr: a line a stage, and a counter for long work on a terminal."""

import sys
import time

import click

from anchor.cli.output import say


class Stages:
    """Lines about stages of a command: at once on a terminal, else when it has ended well.

    So that a command that fails in a script leaves one line, which says why.
    """

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._kept: list[str] = []

    def __call__(self, line: str) -> None:
        if self._on:
            say(line)
        else:
            self._kept.append(line)

    def close(self) -> None:
        """Say what was kept."""
        for line in self._kept:
            say(line)
        self._kept.clear()


class Counter:
    """Facts done, at most four times a second, only on a terminal and only when it takes long."""

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
        """End the line, if there is one."""
        if self._shown:
            click.echo("", err=True)
