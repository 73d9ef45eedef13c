# SPDX-License-Identifier: Apache-2.0
"""Spellings and skeletons of text with few different characters, as that of most languages is.

Its characters are numbered, so that a text has one byte for each. `codecs` translates such bytes in C, as it
does for the encodings of eight bits. `str.translate` takes ten times as long.
"""

import codecs
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from anchor.inspect.lint import characters

_MOST: Final = 256
_NONE: Final = "\ufffe"
"""The character that `codecs` takes for a number without a character."""
_STANDS_FOR: Final = 0xE000
"""The first of the characters that stand for something else. They have no meaning, and are not numbered."""
_FIRST: Final = ("\0", "\n", " ")
"""`codecs` wants NUL to have the number 0."""
_SPACE: Final = bytes([_FIRST.index(" ")])
_ASKED_AGAIN: Final = 15
_MOST_LONGER: Final = 8


class _Table(NamedTuple):
    """The result of a function for each number."""

    text: str
    """One character for each."""
    longer: list[tuple[str, str]]
    """Those of them that stand for several characters, or for none."""

    def lines(self, numbers: bytes) -> list[str]:
        """The lines of a text."""
        text, _ = codecs.charmap_decode(numbers, "strict", self.text)
        for c, meant in self.longer:
            text = text.replace(c, meant)
        return text.split("\n")


class Alphabet:
    """The characters of a column, as far as they are known. They are learned from its text."""

    def __init__(self) -> None:
        self._known: list[str] = []
        self._not_asked = 0
        """Texts that are not looked at: the last one had characters that cannot be numbered."""
        self._learn(_FIRST)

    def _learn(self, new: Iterable[str]) -> bool:
        """Number some characters; False if that is not possible."""
        known = [*self._known, *new]
        spelled, drawn = _table(known, characters.spelling), _table(known, characters.skeleton)
        if len(known) > _MOST or max(len(spelled.longer), len(drawn.longer)) > _MOST_LONGER:
            return False
        self._known, self._spelled, self._drawn = known, spelled, drawn
        self._numbers = codecs.charmap_build("".join(known).ljust(_MOST, _NONE))
        return True

    def spellings_and_skeletons(self, text: str) -> tuple[list[str], list[str]] | None:
        """Both of each line of a text; None for a text with other characters than can be numbered."""
        numbers = self._encoded(text)
        if numbers is None:
            return None
        numbers = numbers.replace(_SPACE, b"")
        return self._spelled.lines(numbers), self._drawn.lines(numbers)

    def _encoded(self, text: str) -> bytes | None:
        if self._not_asked:
            self._not_asked -= 1
            return None
        try:
            return codecs.charmap_encode(text, "strict", self._numbers)[0]
        except UnicodeEncodeError:
            new = sorted({*text} - {*self._known})
        if len(new) > _MOST or not (all(map(_can_be_numbered, new)) and self._learn(new)):
            self._not_asked = _ASKED_AGAIN
            return None
        return codecs.charmap_encode(text, "strict", self._numbers)[0]


def _table(known: Iterable[str], of: Callable[[str], str]) -> _Table:
    text, longer = "", []
    for number, c in enumerate(known):
        found = c if c in "\n " else of(c)
        if len(found) != 1:
            longer.append((chr(_STANDS_FOR + number), found))
            found = chr(_STANDS_FOR + number)
        text += found
    return _Table(text.ljust(_MOST, _NONE), longer)


def _can_be_numbered(c: str) -> bool:
    return c < _NONE and characters.is_alone(c)
