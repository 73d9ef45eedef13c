# SPDX-License-Identifier: Apache-2.0
"""The tokens of a text: numbers, words, and every other character alone. docs/evidence.md, Tokens.

A value occurs in a document only as whole tokens, so this module decides what is inside of a longer number or
word. It knows nothing of documents, facts and places.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from anchor import regex
from anchor.sources.numbers import JOINTS, SPACES, readings

SEPARATOR: Final = "\0"
"""Between tokens in a text of tokens. In a token it is replaced."""
HYPHENS: Final = "-\u2010\u2011"
"""Hyphens join letters to one word; a dash does not."""
_DASHES: Final = "\u2012\u2013\u2014\u2015\u2212"
_OPENING: Final = r"""\s(\[{<"'«‹“‘„‚$€£¥=~≈:;"""
"""Before a sign of a number, as in a class of a regular expression. After anything else, `-` is no sign."""
_FOLDED: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033«»", '"'),
        **dict.fromkeys(HYPHENS + _DASHES, "-"),
        SEPARATOR: "\ufffd",
    }
)
"""Typographic variants of one character."""
_BREAK = regex.expression(r"[-\u2010\u00ad]\s+")
_IGNORED = regex.expression(
    "[\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]"
    "|\u00ad(?![ \\t]*\\r?\\n)"
)
"""Characters without a shape, and hyphens that are seen at the end of a line only, elsewhere."""

Kind = Literal["number", "word", "mixed", "other"]
"""`mixed`: a number with letters behind it, such as `32kg`."""


class Token(NamedTuple):
    """A token: its place in the text, and its two readings, which are mostly equal.

    Of a number, the first reading takes a doubtful mark as a group mark, the second one as the decimal mark.
    Of a word that a hyphen breaks at the end of a line, the first is without the hyphen, the second with it.
    """

    start: int
    end: int
    kind: Kind
    forms: tuple[str, str]
    attached: bool = False
    """True if it belongs to the word before it, as the 3 of `Bac+3`. No value begins with it."""


class Shown(NamedTuple):
    """A text without the characters that are not shown. `cuts` has, for each of them, its place in `text`."""

    text: str
    cuts: tuple[int, ...]


def shown(text: str) -> Shown:
    """The text as its reader sees it."""
    if text.isascii():
        return Shown(text, ())
    pieces, cuts, last, size = [], [], 0, 0
    for found in _IGNORED.finditer(text):
        size += found.start() - last
        pieces.append(text[last : found.start()])
        cuts.append(size)
        last = found.end()
    return Shown("".join((*pieces, text[last:])), tuple(cuts))


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text that `shown` gave, in order."""
    for found in _pattern().finditer(text):
        kind, start, end = found.lastgroup, found.start(), found.end()
        if kind == "word":
            yield Token(start, end, "word", _forms_of_word(found[0]))
        elif kind == "other":
            form = _folded(found[0])
            yield Token(start, end, "other", (form, form))
        else:
            sign = "-" if found["sign"] else ""
            numbers = readings(found["number"])
            rest = _word(found["rest"] or "")
            forms = (f"{sign}{numbers[0]}{rest}", f"{sign}{numbers[1]}{rest}")
            yield Token(start, end, "mixed" if rest else "number", forms, _is_attached(text, start))


def _is_attached(text: str, start: int) -> bool:
    return start >= 2 and text[start - 1] == "+" and text[start - 2].isalpha()


def _forms_of_word(written: str) -> tuple[str, str]:
    if not _BREAK.search(written):
        form = _word(written)
        return form, form
    return _word(_BREAK.sub("", written)), _word(_BREAK.sub("-", written))


def _word(written: str) -> str:
    """A word, or the end of one, in one form (NFKC).

    A raised number stays, except behind a letter: CO₂ is CO2, but ² alone is not 2, and 10² is not 102.
    """
    if written.isascii():
        return written
    found, last = [], 0
    for at, c in enumerate(written):
        if unicodedata.category(c) == "No" and not (at and written[at - 1].isalpha()):
            found += [_folded(written[last:at]), c]
            last = at + 1
    return "".join((*found, _folded(written[last:])))


def _folded(written: str) -> str:
    """A text in one form: NFKC, and one character for all variants of a quote or a dash.

    One character may stand for several, each of which is a token: an ellipsis is three full stops.
    """
    if written.isascii():
        return written.translate(_FOLDED)
    form = unicodedata.normalize("NFKC", written.translate(_FOLDED)).translate(_FOLDED).strip()
    if len(written) == 1 and len(form) > 1 and not form.isalnum():
        return SEPARATOR.join(form)
    return form if form or not written else "\ufffd"


@functools.cache
def _pattern() -> "re.Pattern[str]":
    """The expression of a token. It is linear in the text: each repetition keeps what it took."""
    mark = _marks()
    any_ = rf"[\w{mark}]"
    letter = rf"(?!\d){any_}"
    hyphen, joint = f"[{HYPHENS}]", f"[{JOINTS}]"
    broken = r"[-\u2010\u00ad][ \t]*+\r?\n[ \t]*+"
    rest = rf"{any_}|{hyphen}(?={any_})|(?<=\d){joint}(?=\d)"
    word = rf"{letter}(?:{rest}|(?<=[^\W\d]|[{mark}]){broken}(?={letter}))*+"
    chain = rf"\d++(?:{joint}\d++)*+"
    spaced = rf"[1-9]\d{{0,2}}+(?P<gap>[{SPACES}])\d{{3}}(?!\d)(?:(?P=gap)\d{{3}}(?!\d))*+(?:{joint}\d++)*+"
    sign = rf"(?P<sign>(?<![^{_OPENING}])[{HYPHENS}\u2212\u2013](?=\.?\d))?+"
    number = rf"(?P<number>(?:(?<![\w.{mark}])\.)?+(?:{chain}(?:{hyphen}{chain}){{2,}}+|{spaced}|{chain}))"
    return re.compile(rf"{sign}{number}(?P<rest>{letter}(?:{rest})*+)?+|(?P<word>{word})|(?P<other>\S)")


def _marks() -> str:
    """The combining marks of Unicode, as in a class of a regular expression."""
    found: list[tuple[int, int]] = []
    for code in range(0x300, 0x1F000):
        if unicodedata.category(chr(code))[0] == "M":
            if found and found[-1][1] == code - 1:
                found[-1] = (found[-1][0], code)
            else:
                found.append((code, code))
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in found)
