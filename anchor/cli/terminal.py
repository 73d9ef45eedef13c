# SPDX-License-Identifier: Apache-2.0
"""Lines for a person, laid out for a terminal: its width, its colours, and text in columns.

`textwrap` and `shutil` are not used: they cost more time than all the lines of a verdict. Colour only repeats
what a word says already.
"""

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from anchor.errors import printable

NARROW, WIDE, UNKNOWN = 40, 200, 80
"""Columns: the least and the most that are used, and those of a terminal that does not say its number."""
READABLE = 72
"""Columns of a verdict: longer lines are hard to read, and are cut in a mail."""
_DIGITS = 6
"""Digits of a number of columns: more are no number that anybody means."""
_LABEL = 13
"""Columns of a label, with the space behind it."""
_SENTENCE = 22
"""With fewer columns behind its word a sentence stands below the word."""
_STACKED = 56
"""With fewer columns a label stands above its text."""
_DIGEST = 16
"""Hex digits in a row of a word that is never broken: a digest, or the origin of an embedded log."""
_KEY_ID = 8
"""Hex digits of a key's id in a verifier key."""
_LONGEST = 160
"""Characters of such a word: a longer one is no digest with a path."""
_LONG = 48
"""Characters of a path: a longer one is cut in a sentence."""
_COLOURS = {"good": "1;32", "bad": "1;31", "doubt": "1;33", "strong": "1"}


class Row(NamedTuple):
    """A label with its text. `command`: the text is a command, whose lines the shell reads as one.
    `apart`: an empty line stands above it."""

    label: str
    text: str
    command: bool = False
    apart: bool = False


def width(stream: TextIO) -> int:
    """The columns of a terminal, between `NARROW` and `WIDE`; `UNKNOWN` if it does not say."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # no terminal, or no file at all
        given = os.environ.get("COLUMNS", "")
        columns = int(given) if given.isascii() and given.isdigit() and len(given) < _DIGITS else 0
    return min(max(columns, NARROW), WIDE) if columns else UNKNOWN


def colours(stream: TextIO) -> bool:
    """True if escape sequences are wanted: on a terminal, or with FORCE_COLOR. NO_COLOR outweighs both."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR", "")
    if forced:
        return forced != "0"
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_terminal() -> bool:
    """True if one person sees both output and errors."""
    return sys.stdout.isatty() and sys.stderr.isatty()


class Page:
    """The lines of one report for a stream. All texts are made printable."""

    def __init__(self, stream: TextIO, *, most: int = READABLE) -> None:
        self._columns = min(width(stream), most)
        self._coloured = colours(stream)

    def headline(self, word: str, text: str, colour: str) -> Iterator[str]:
        """A word that says it all, and the sentence behind it."""
        indent = len(word) + 2
        if self._columns - indent < _SENTENCE:
            yield self._in(colour, word)
            yield from (f"    {line}" for line in wrapped(text, self._columns - 4))
            return
        first, *rest = wrapped(text, self._columns - indent)
        yield f"{self._in(colour, word)}  {first}"
        yield from (f"{' ' * indent}{line}" for line in rest)

    def rows(self, rows: list[Row]) -> Iterator[str]:
        """Each row under the one before, the texts in one column. Rows of one label show it once."""
        before = ""
        for row in rows:
            if row.apart:
                yield ""
            label = "" if row.label == before and not row.apart else row.label
            before = row.label
            stacked = self._columns < _STACKED
            room = self._columns - (4 if stacked else 2 + _LABEL)
            lines = list(_continued(row.text, room) if row.command else wrapped(row.text, room))
            if stacked:
                if label:
                    yield f"  {self._in('strong', label)}"
                yield from (f"    {line}" for line in lines)
                continue
            padded = f"{label}{' ' * (_LABEL - len(label))}"
            yield f"  {self._in('strong', padded) if label else padded}{lines[0]}"
            yield from (f"{' ' * (2 + _LABEL)}{line}" for line in lines[1:])

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._coloured else text


def short_path(target: str) -> str:
    """A target; of a long path the last two parts, which `--verbose` and `--json` show whole."""
    if "://" in target or len(target) <= _LONG:
        return target
    return f".../{'/'.join(target.rstrip('/').rsplit('/', 2)[-2:])}"


def wrapped(text: str, room: int) -> list[str]:
    """The text in lines of at most `room` characters, one line at least.

    A longer word is broken, unless it is a URL or a digest: these are copied from the screen.
    """
    lines, line = list[str](), ""
    for word in _words(printable(text), room):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _words(text: str, room: int) -> Iterator[str]:
    for word in text.split(" "):
        if len(word) <= room or is_kept(word):
            yield word
        else:
            yield from (word[at : at + room] for at in range(0, len(word), room))


def is_kept(word: str) -> bool:
    """True for a word that is never broken: a URL, a verifier key, or one with a digest in it."""
    if "://" in word:
        return True
    if len(word) > _LONGEST:
        return False
    if _is_vkey(word):
        return True
    run = 0
    for character in word:
        run = run + 1 if character in "0123456789abcdef" else 0
        if run >= _DIGEST:
            return True
    return False


def _is_vkey(word: str) -> bool:
    """True for a verifier key: a name, 8 hex digits and base64, with + between them (C2SP signed-note)."""
    parts = word.split("+", 2)
    return len(parts) == 3 and len(parts[1]) == _KEY_ID and all(c in "0123456789abcdef" for c in parts[1])


def _continued(command: str, room: int) -> Iterator[str]:
    """A command in lines that a shell reads as one. Each breaks before an option, or before a long word."""
    line = ""
    for word in with_values(printable(command)):
        if line and len(line) + 1 + len(word) > room - 2:
            yield f"{line} \\"
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    yield line


def with_values(command: str) -> Iterator[str]:
    """The words of a command, each option with its value. A quoted word may have spaces."""
    held, quote = "", ""
    for word in command.split(" "):
        if held and not quote and not (held.startswith("--") and " " not in held and word[:1] != "-"):
            yield held
            held = ""
        held = f"{held} {word}" if held else word
        quote = _open_quote(word, quote)
    if held:
        yield held


def _open_quote(word: str, quote: str) -> str:
    """The quotation mark that is open behind a word; `quote`: the one before it. Empty for none."""
    for character in word:
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
    return quote
