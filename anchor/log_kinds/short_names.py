# SPDX-License-Identifier: Apache-2.0
"""The short form of an embedded log's origin, `0123...invalid`, in lines for people.

Four hex digits of sixteen stand in it, and whoever makes some ten thousand logs has one with the same four.
So it is used only for a log that the reader's own trust accepts, or that is his own, and never for what is
only claimed. It is in no document, file or command that somebody copies.
"""

from collections.abc import Iterable, Sequence

from anchor.log_kinds.embedded import EMBEDDED_SUFFIX
from anchor.regex import expression

_DIGITS = 4
_ORIGIN = expression(rf"(?<![\w.+/-])([0-9a-f]{{16}}){EMBEDDED_SUFFIX.replace('.', '[.]')}(?![.]?[\w+/@-])")
"""An origin by itself, or behind the `@` of an identity; not in a path, URL, verifier key or file name."""


class ShortNames:
    """Writes the origins in the lines of one output in their short form.

    `lines`: all of the output, as far as they are known before. An origin is written whole if another one
    that is shown has the same short form.
    """

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._shown: dict[str, set[str]] = {}
        for line in lines:
            self._add(line)

    def __call__(self, line: str) -> str:
        self._add(line)
        return _ORIGIN.sub(lambda found: self._one(found[0], found[1]), line)

    def _add(self, line: str) -> None:
        for digits in _ORIGIN.findall(line):
            self._shown.setdefault(digits[:_DIGITS], set()).add(digits)

    def _one(self, whole: str, digits: str) -> str:
        first = digits[:_DIGITS]
        return whole if len(self._shown[first]) > 1 else f"{first}...invalid"


def short(text: str, others: Sequence[str] = ()) -> str:
    """An origin of an embedded log, or an identity that ends in one, in its short form. `others`: the texts
    beside it."""
    return ShortNames(others)(text)
