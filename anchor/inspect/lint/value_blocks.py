# SPDX-License-Identifier: Apache-2.0
"""Blocks of values of one column: what is known of all of them at once, by functions that run in C."""

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Final

from anchor.inspect.lint import characters

_BEGIN: Final = 32
"""Characters of a text that are looked at before all of them."""
_NUMERIC = b"0123456789.,-\n"
_ORDINARY = bytes(
    {
        *range(0x80, 0x100),
        *b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n.,;:/'\"()!*+-|",
    }
)
_PLAIN = bytes({0x0A, *range(0x20, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)})
"""The characters of ISO 8859-1 that `characters.is_plain` accepts."""
_SIMPLE = bytes({*_PLAIN} - {*range(0xC0, 0xD7), *range(0xD8, 0xE0)}).translate(
    None, "\xa8\xaa\xaf\xb2\xb3\xb4\xb5\xb8\xb9\xba\xbc\xbd\xbe".encode("latin-1")
)
"""Those of them that neither NFKC nor, outside of ASCII, a folding of case changes."""
LONGEST_WORD: Final = 24
"""Characters of a value that may be one of some `Words`, with blanks around it."""
_ASKED_AGAIN = 15


def beginnings(words: Iterable[str]) -> frozenset[str]:
    """The first characters of some words, without case, as `Block.may_begin` compares them."""
    return frozenset(word.casefold()[:1] for word in words)


class Words(frozenset[str]):
    """Folded words that a value may be."""

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """Their first characters."""
        return beginnings(self)

    @cached_property
    def lengths(self) -> frozenset[int]:
        """The numbers of characters that they have."""
        return frozenset(map(len, self))


class Block:
    """Values of one column that follow each other. Raises `TypeError` if one is no string."""

    def __init__(self, values: Sequence[str]) -> None:
        self.values = values
        self.text = "\n".join(values)
        """The values, joined by line feeds."""

    @cached_property
    def utf8(self) -> bytes:
        """The text in UTF-8."""
        return self.text.encode("utf-8", "surrogatepass")

    @cached_property
    def _latin_1(self) -> bytes | None:
        """The text in ISO 8859-1, in which a character is a byte; None if there are other characters."""
        try:
            return self.text.encode("latin-1")
        except UnicodeEncodeError:
            return None

    @cached_property
    def is_numeric(self) -> bool:
        """True if there is nothing but digits, dots, commas and signs."""
        begin = self.text[:_BEGIN].encode("utf-8", "surrogatepass")
        if begin.translate(None, _NUMERIC):
            return False
        return not self.utf8.translate(None, _NUMERIC) and not self.has_line_feed

    @property
    def has_line_feed(self) -> bool:
        """True if a value has a line feed inside."""
        return self.text.count("\n") >= len(self.values)

    @cached_property
    def signs(self) -> bytes:
        """The ASCII characters that are neither letters nor digits nor usual in a sentence."""
        return self.utf8.translate(None, _ORDINARY)

    @cached_property
    def is_plain(self) -> bool:
        """True if no rule about characters has anything to say, except that of the wrong encoding."""
        if self._latin_1 is not None:
            return not self._latin_1.translate(None, _PLAIN)
        return characters.is_plain(self.text)

    @cached_property
    def simple(self) -> bytes | None:
        """The text in ISO 8859-1, if each character is plain and no letter but those of ASCII has a capital.

        None for another text.
        """
        text = self._latin_1
        return None if text is None or text.translate(None, _SIMPLE) else text

    @cached_property
    def distinct(self) -> Collection[str]:
        """The different values, in their order."""
        return dict.fromkeys(self.values)

    @cached_property
    def _lower(self) -> bytes:
        return self.utf8.lower()

    @cached_property
    def lengths(self) -> set[int]:
        """The numbers of characters that the values have."""
        return set(map(len, self.values))

    @cached_property
    def firsts(self) -> set[str]:
        """The first characters of the values."""
        return set(map(itemgetter(0), filter(None, self.values)))

    @cached_property
    def has_outer_blanks(self) -> bool:
        """True if a value has blanks at its ends."""
        lasts = map(itemgetter(-1), filter(None, self.values))
        return any(map(str.isspace, self.firsts)) or any(map(str.isspace, set(lasts)))

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return beginnings(self.firsts)

    def may_begin(self, wanted: frozenset[str]) -> bool:
        """True if a value may begin with one of these characters, whatever its case and the blanks before it.

        They are as `beginnings` gives them.
        """
        if not self._beginnings.isdisjoint(wanted):
            return True
        return any(map(str.isspace, self.firsts))

    def has_any(self, words: Iterable[str]) -> bool:
        """True if one of the words stands in a value. Letters of ASCII are compared without their case."""
        return any(word.encode() in self._lower for word in words)

    @cached_property
    def _short(self) -> tuple[list[str], list[str]]:
        """The values that may be a word, and the same without case and the blanks around them."""
        short = [value for value in self.values if len(value) <= LONGEST_WORD]
        folded = list(map(str.casefold, short))
        return short, list(map(str.strip, folded)) if self.has_outer_blanks else folded

    def _may_be_as_long_as(self, words: Words) -> bool:
        """True if a value may have the length of one of the words, which blanks and folding may change."""
        if self.text.isascii() and not self.has_outer_blanks:
            return not self.lengths.isdisjoint(words.lengths)
        return min(self.lengths) <= LONGEST_WORD

    def among(self, words: Words) -> list[str]:
        """The short values that are one of these words, whatever their case and the blanks around them."""
        if not (self.may_begin(words.beginnings) and self._may_be_as_long_as(words)):
            return []
        short, folded = self._short
        if words.isdisjoint(folded):
            return []
        return [value for value, word in zip(short, folded, strict=True) if word in words]


class Shortened:
    """Blocks of one column, with each value once if most of them stand there more than once."""

    def __init__(self) -> None:
        self._not_asked = 0
        """Blocks for which nobody asks: the values of the last one were different."""

    def __call__(self, block: Block) -> Block:
        """The block, or a block of its different values."""
        if self._not_asked:
            self._not_asked -= 1
        elif len(block.distinct) * 2 <= len(block.values):
            return Block(tuple(block.distinct))
        else:
            self._not_asked = _ASKED_AGAIN
        return block
