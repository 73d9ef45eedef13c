# SPDX-License-Identifier: Apache-2.0
"""Progress on stderr: a line a stage, and a counter for long work on a terminal."""

import sys
import time

import click


def say(line: str) -> None:
    """One line for a person, on stderr."""
    click.echo(line, err=True)


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
