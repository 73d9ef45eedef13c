# SPDX-License-Identifier: Apache-2.0
"""A message that a command prints, and its way out, walked as a user would: as printed, word for word.

A row of the table is a function of a `Walk`. It provokes its message, and follows every way that it names.
What is run is read from the printed text, never from the row.
"""

import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from anchor.publish.journal import Journal
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import NAME, Site, published_file
from tests.support.remedies import messages

NAMED = ("--name", NAME, "--version", "1.0.0")
Row = Callable[["Walk"], object]
ROWS: dict[str, Row] = {}
"""Each message, as `messages` finds it in the source, and how it is provoked and followed."""


def row(*texts: str) -> Callable[[Row], Row]:
    """Enter a function into the table, for a message, or for several that print the same ways."""

    def enter(made: Row) -> Row:
        for text in texts:
            assert text not in ROWS, text
            ROWS[text] = made
        return made

    return enter


class Walk:
    """One row on its way. `folder` is the current folder of every command; `original` stays as it is."""

    def __init__(self, text: str, folder: Path, original: Site) -> None:
        self.text = text
        self.folder = folder
        self.words: list[object] = []
        self.printed = ""
        self.line = ""
        """All that the command printed."""
        self.last = Ran(0, "", "")
        self.rest: set[str] = set()
        """The ways that are not followed yet."""
        self._original = original
        self._site: Site | None = None

    @property
    def site(self) -> Site:
        """A published site of this walk, with its home and policy."""
        if self._site is None:
            self._site = self._original.copy(self.folder)
        return self._site

    def new_site(self, ledger: str, *options: object) -> Site:
        """Another site, with a ledger of this text."""
        self._site = Site(self.folder / "site", self.folder / "home", self.folder / "policy.toml")
        self.ok(*self.publish(ledger, "1.0.0", *options, "--policy-out", self._site.policy))
        return self._site

    def new_file_site(self, name: str, data: str | bytes, *options: object) -> Site:
        """Another site, with a ledger file of this name."""
        self._site = published_file(
            self.folder, name, data if isinstance(data, bytes) else data.encode(), *options
        )
        return self._site

    def untouched(self) -> Site:
        """The site that this walk has a copy of."""
        return self._original

    def publish(self, ledger: str, version: str, *options: object) -> tuple[object, ...]:
        """The words of a publication of this text into the site."""
        file = self.write("ledger.md", ledger)
        named = ("--name", NAME, "--version", version)
        place = ("--root", self.folder / "site", "--home", self.folder / "home")
        return ("publish", file, *named, *place, *options)

    def write(self, name: str, data: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def ok(self, *words: object, code: int = 0) -> Ran:
        """Run a command that must end with this code."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO())  # nobody is there to answer
            ran = anchor(*words, cwd=self.folder)
        assert ran.code == code, (words, ran)
        return ran

    def provoke(self, *words: object, code: int = 2) -> Ran:
        """Run a command that prints the message of this row."""
        ran = self.ok(*words, code=code)
        self.words = list(words)
        self.last = ran
        self.take(self.text, ran)
        return ran

    def take(self, text: str, ran: Ran) -> None:
        """Go on with a message that a command printed."""
        self.line = f"{ran.err}\n{ran.out}"
        found = messages.pattern(text).search(self.line)
        assert found, (text, ran)
        self.printed = re.sub(r"\\\n\s*|\s+", " ", found[0])
        self.rest = messages.ways(self.printed)
        assert self.rest, ran

    def follow(self, way: str) -> None:
        """Note that the caller follows this way, which must be printed."""
        assert way in messages.ways(self.printed), (way, self.printed)
        self.rest.discard(way)

    def stopped_after(self, step: str, *words: object) -> None:
        """Run a command that Ctrl-C ends right after a step of its journal is durable."""
        real = Journal._store

        def store(journal: Journal, name: str, data: bytes) -> None:
            real(journal, name, data)
            if name == step:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Journal, "_store", store)
            self.ok(*words, code=130)

    def give(self, option: str, *values: object, code: int = 0) -> Ran:
        """The same command with a printed option; its value is printed too, or is what a user fills in."""
        self.follow(option)
        return self.ok(*self.words, option, *values, code=code)

    def give_printed(self, option: str, code: int = 0) -> Ran:
        """The same command with a printed option and its printed value."""
        self.follow(option)
        words = shlex.split(self.printed.replace(",", " ").replace(";", " "))
        return self.ok(*self.words, option, words[words.index(option) + 1], code=code)

    def instead(self, option: str, *values: object, code: int = 0) -> Ran:
        """The same command with another value for an option that it has."""
        self.follow(option)
        at = self.words.index(option)
        return self.ok(*self.words[:at], option, *values, *self.words[at + 1 + len(values) :], code=code)

    def instead_of(self, mistyped: str, meant: str) -> Ran:
        """The same command with the option that the message takes a mistyped one for."""
        assert meant in self.line
        return self.ok(*[meant if word == mistyped else word for word in self.words])

    def leave_out(self, option: str, values: int = 1, code: int = 0) -> Ran:
        """The same command without an option and its values."""
        self.follow(option)
        at = self.words.index(option)
        return self.ok(*self.words[:at], *self.words[at + 1 + values :], code=code)

    def run(self, command: str, *more: object, code: int = 0, **filled: object) -> Ran:
        """Run the printed command line that begins so; `filled` replaces words that stand for a value."""
        text = self.printed[self.printed.index(command) :]
        quoted = self.printed[: self.printed.index(command)].endswith("'")
        text = text.split("'")[0] if quoted else text.split("; ")[0]
        for option in messages.OPTION.findall(text):
            self.follow(option)
        return self.use(command, *[filled.get(w, w) for w in self._after(command, text)], *more, code=code)

    def use(self, command: str, *more: object, code: int = 0) -> Ran:
        """Run the command that stands in a printed sentence, on what the sentence says or the user has."""
        self.follow(command)
        wanted = tuple(command.split()[1:])
        for path, options in messages.commands_in(self.printed):
            for option in options & set(map(str, more)) if path == wanted else ():
                self.follow(option)
        return self.ok(*wanted, *more, code=code)

    @staticmethod
    def _after(command: str, text: str) -> list[str]:
        return shlex.split(text)[len(command.split()) :]
