# SPDX-License-Identifier: Apache-2.0
"""Rules for the characters of a value: hidden ones, look-alikes, text in the wrong encoding; spellings.

They are heuristics and hints for the author, and depend on the Unicode version of this Python. Nothing that
is sealed or verified depends on them.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from anchor import regex

UNICODE = unicodedata.unidata_version

_HIDDEN_MARKS = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and symbols without ink; format characters and blanks are known by their category."""

_SELECTOR = regex.expression("[\ufe00-\ufe0f\u180b-\u180f\U000e0100-\U000e01ef]")
_SOFT = frozenset("\t\u00a0\u202f\u2009\u00ad\u3000")
"""TAB, no-break and thin spaces, soft hyphen, wide space: usual in text, and seldom meant to mislead."""
_DIRECTION_MARKS = frozenset("\u200e\u200f\u061c")
_REGION_FLAG = regex.expression("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")
_CONNECTED = {
    *("ARABIC", "SYRIAC", "MANDAIC", "NKO", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI"),
    *("ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN"),
}
"""Scripts in which a joiner changes the form of a letter."""
_TELLING = regex.expression(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\u180b-\u180f\U000e0100-\U000e01ef\ufffd]"
)
"""Characters that `str.isprintable` lets pass, and `hidden` or `meaningless` finds."""

_PLAIN = regex.expression(
    "[\n -~\u00a1-\u00ac\u00ae-\u0131\u0134-\u017e\u2010-\u2015\u2018-\u2026\u2030-\u205e\u20a0-\u20bf]*"
)
"""Characters that no rule about look-alikes, hidden marks or missing meaning is about."""

_LATIN = {
    # Cyrillic, Greek, Armenian and Cherokee letters with the ink of a Latin one
    **dict(zip("аеорсухіјѕһԁԛԝӏ", "aeopcyxijshdqwl", strict=True)),
    **dict(zip("АВЕКМНОРСТУХІЈЅԌԚԜӀ", "ABEKMHOPCTYXIJSGQWI", strict=True)),
    **dict(zip("αινορυγϲϳ", "aivopuycj", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ", "ABEZHIKMNOPTYXCJ", strict=True)),
    **dict(zip("օսհոցԼՏՍՕ", "ouhngLSUO", strict=True)),
    **dict(zip("ᎠᎡᎢᎪᎬᎳᎷᎻᏀᏃᏆᏎᏒᏔᏙᏚᏟᏢᏦᏴ", "DRTAEWMHGZISRWVSCPKB", strict=True)),
    **dict(zip("ɑɡɩօ", "agio", strict=True)),
}
_TO_LATIN = str.maketrans(_LATIN)
_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}
_DRAWN_ALIKE = ("<wide>", "<narrow>", "<font>", "<circle>", "<compat>")
_WORD = regex.expression(r"\w+")


def invisible(c: str) -> bool:
    """True for a character without ink, a blank other than the space, or one that changes the direction."""
    kind = unicodedata.category(c)
    blank = kind in ("Zs", "Zl", "Zp") and c != " "
    return kind in ("Cc", "Cf") or blank or c in _HIDDEN_MARKS or bool(_SELECTOR.match(c))


def hidden(value: str) -> Iterator[str]:
    """The invisible characters of a value, without those that its text needs.

    Text needs a line feed, the selectors and joiners of an emoji, the joiners of scripts whose letters
    connect, and direction marks beside letters that are written from right to left.
    """
    suspects = [c for c in dict.fromkeys(value) if c != "\n" and invisible(c)]
    if not suspects:
        return
    if not _DIRECTION_MARKS.isdisjoint(suspects) and any(
        unicodedata.bidirectional(c) in ("R", "AL") for c in {*value} - _DIRECTION_MARKS
    ):
        suspects = [c for c in suspects if c not in _DIRECTION_MARKS]
    value = _REGION_FLAG.sub("", value)
    for c in suspects:
        if not all(_is_needed(value, found.start()) for found in re.finditer(re.escape(c), value)):
            yield c


def is_plain(text: str) -> bool:
    """True if no rule here is about the text, except that of the wrong encoding.

    Its characters are such as Western European text has, or belong to scripts without look-alikes, such as
    Chinese, Arabic or Thai, whose words are too many to be looked at one by one.
    """
    if _PLAIN.fullmatch(text) is not None:
        return True
    return _HARMLESS.are_all(text) and unicodedata.is_normalized("NFC", text)


class _Harmless:
    """The characters so far about which no rule says anything, whatever stands beside them.

    An expression of them looks at a text faster than a set does. To make one takes as long as to look at
    some blocks of text, so it is made anew more and more seldom.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._text = re.compile("[\n -~]*")
        self._made = self._missed = 0

    def are_all(self, text: str) -> bool:
        """True if the text has no other characters."""
        found = self._text.match(text)
        assert found is not None  # it matches the empty text too
        end = found.end()
        if end == len(text):
            return True
        if not _is_harmless(text[end]):
            return False
        characters = {*text[end:]}
        harmless = set(filter(_is_harmless, characters - self._known))
        self._known |= harmless
        self._missed += 1
        if self._missed > self._made:
            self._made, self._missed = self._made + 1, 0
            self._text = re.compile(f"[\n -~{re.escape(''.join(sorted(self._known)))}]*")
        return characters <= self._known


_HARMLESS = _Harmless()


@functools.lru_cache(maxsize=1 << 16)
def _is_harmless(c: str) -> bool:
    """True for a character about which no rule says anything, whatever stands beside it."""
    if c == "\n" or (c.isascii() and c.isprintable()):
        return True
    if c in _LATIN or c.isdecimal() or invisible(c) or _TELLING.match(c) or _drawn_alike(c):
        return False
    return unicodedata.category(c) not in ("Cn", "Co", "Cs")


def is_suspect(word: str) -> bool:
    """True if a rule of this module may find something in a text with this word."""
    return (
        not word.isprintable()
        or _TELLING.search(word) is not None
        or not unicodedata.is_normalized("NFC", word)
        or _MOJIBAKE.search(word) is not None
        or any(misleads(part, "") for part in _WORD.findall(word))
    )


def soft_and_hard(found: Iterable[str]) -> tuple[list[str], list[str]]:
    """Hidden characters, divided into those that are usual in print and the others."""
    kinds: tuple[list[str], list[str]] = ([], [])
    for c in found:
        kinds[c not in _SOFT].append(c)
    return kinds


def _is_needed(value: str, at: int) -> bool:
    c, before, after = value[at], value[max(0, at - 1) : at], value[at + 1 : at + 2]
    if c == "\r":
        return after == "\n"
    if not before:
        return False
    if c in "\ufe0e\ufe0f":
        return _is_pictorial(before) or (before in "0123456789#*" and after == "\u20e3")
    if c == "\u200d" and (_is_pictorial(before) or before == "\ufe0f"):
        return _is_pictorial(after)
    if c in "\u200c\u200d":
        return _script(before) in _CONNECTED
    if "\U000e0100" <= c <= "\U000e01ef":
        return _script(before) == "CJK"
    return "\u180b" <= c <= "\u180f" and _script(before) == "MONGOLIAN"


def _is_pictorial(c: str) -> bool:
    return bool(c) and (unicodedata.category(c) in ("So", "Sm", "Sk") or c in "\u203c\u2049\u3030")


def _script(c: str) -> str:
    """The first word of a character's name, which is its script for a letter or a mark."""
    return unicodedata.name(c, "").partition(" ")[0]


def meaningless(value: str) -> Iterator[str]:
    """The characters of a value without an assigned meaning: unassigned, private, replacement."""
    for c in dict.fromkeys(value):
        if unicodedata.category(c) in ("Cn", "Co", "Cs") or c == "\ufffd":
            yield c


def look_alikes(value: str) -> Iterator[str]:
    """The words of a value that a reader takes for others: letters of two alphabets, or drawn like ASCII."""
    if value.isascii():
        return
    for word in dict.fromkeys(_WORD.findall(value)):
        if not word.isascii() and misleads(word, value):
            yield word


def misleads(word: str, value: str) -> bool:
    """True if a reader takes the word for another one. `value` is the text in which it stands.

    A word of look-alike letters alone is honest beside other letters of its alphabet.
    """
    if not unicodedata.is_normalized("NFKC", word) and any(_drawn_alike(c) for c in word):
        return True
    letters = [c for c in word if c.isalpha()]
    alike = [c for c in letters if c in _LATIN]
    if alike:
        alphabets = {_script(c) for c in letters} & _ALPHABETS
        if len(alphabets) > 1:
            return True
        return len(letters) > 1 and len(alike) == len(letters) and not _has_other(alphabets, value)
    digits = [c for c in word if c.isdecimal()]
    return any(c.isascii() for c in word) and any(not c.isascii() for c in digits)


def _has_other(alphabets: set[str], value: str) -> bool:
    """True if the value has a letter of the alphabets that looks like no Latin one."""
    others = (c for c in dict.fromkeys(value) if c.isalpha() and c not in _LATIN)
    return any(_script(c) in alphabets for c in others)


def _drawn_alike(c: str) -> bool:
    """A letter or digit that is drawn like ASCII: full width, mathematical, Roman numeral, ligature."""
    if c.isascii() or not unicodedata.category(c).startswith(("L", "N")):
        return False
    if not unicodedata.decomposition(c).startswith(_DRAWN_ALIKE):
        return False
    plain = unicodedata.normalize("NFKC", c)
    return plain.isascii() and plain.isalnum()


def is_alone(c: str) -> bool:
    """True if a character has its spelling and its skeleton whatever stands beside it.

    What normalisation joins to the character before is a mark, or a letter of Hangul. A character without an
    assigned meaning is not alone either.
    """
    return not any(
        unicodedata.category(part) in ("Mn", "Mc", "Me", "Cn", "Co", "Cs") or _script(part) == "HANGUL"
        for part in unicodedata.normalize("NFKC", c)
    )


def spelling(value: str) -> str:
    """The value without differences of case and spacing."""
    return "".join(unicodedata.normalize("NFC", value).casefold().split())


def skeleton(value: str) -> str:
    """The same, also without differences between letters that look alike."""
    if value.isascii() and value.isprintable():
        return spelling(value)
    seen = unicodedata.normalize("NFKC", value).translate(_TO_LATIN)
    if not seen.isprintable() or _TELLING.search(seen):
        unseen = {c for c in set(seen) if invisible(c) and not c.isspace()}
        seen = "".join(c for c in seen if c not in unseen)
    return spelling(seen)


@functools.lru_cache(maxsize=1 << 14)
def _both_of_word(word: str) -> tuple[str, str]:
    return spelling(word), skeleton(word)


def spellings_and_skeletons(values: Iterable[str]) -> tuple[list[str], list[str]]:
    """`spelling` and `skeleton` of each value. Words are remembered, because a word takes microseconds."""
    spelled, drawn = [], []
    for value in values:
        words, looks = [], []
        for word in value.split(" "):
            if word.isascii() and word.isprintable():
                found = look = word.lower()
            else:
                found, look = _both_of_word(word)
            words.append(found)
            looks.append(look)
        spelled.append("".join(words))
        drawn.append("".join(looks))
    return spelled, drawn


_LEAD_2, _LEAD_3, _LEAD_4 = "[\xc2-\xdf]", "[\xe0-\xef]", "[\xf0-\xf4]"
_NEXT = (
    "[\x80-\xbf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d"
    "\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]"
)
"""The characters that ISO 8859-1 and windows-1252 have for the bytes 80 to BF."""
_MOJIBAKE = regex.expression(
    f"{_LEAD_4}{_NEXT}{{3}}|{_LEAD_3}{_NEXT}{{2}}|(?:{_LEAD_2}{_NEXT}){{2,}}|[\xc2\xc3]{_NEXT}"
)
"""Bytes of UTF-8 that were read as windows-1252 or ISO 8859-1."""
_SECONDS = (b"\xc2", b"\xc5", b"\xc6", b"\xcb", b"\xe2")
_PAIR = regex.expression(rb"\xc3[\x82-\xb4][" + b"".join(_SECONDS) + b"]")
"""The UTF-8 of a character for a first byte, and of the beginning of one for a second byte."""
_CLOSING = frozenset("\xbb\u203a\u2018\u2019\u201c\u201d\u2026\u2013\u2014\xb7\xb2\xb3\xb9")


def may_be_mojibake(text: bytes) -> bool:
    """True if `mojibake` may find something in a text that is given in UTF-8."""
    return any(second in text for second in _SECONDS) and _PAIR.search(text) is not None


def mojibake(value: str) -> tuple[str, str] | None:
    """The first piece of a value that is UTF-8 read as another encoding, and the text that it was."""
    for found in _MOJIBAKE.finditer(value):
        piece = found.group()
        if len(piece) == 2 and piece[1] in _CLOSING and value[: found.start()][-1:].isupper():
            continue  # a capital letter and a closing mark, as in "IRMÃ»"
        try:
            data = b"".join(c.encode("latin-1" if c <= "\xff" else "cp1252") for c in piece)
            meant = data.decode("utf-8")
        except UnicodeError:
            continue
        if not any(unicodedata.category(c) in ("Cn", "Cs") for c in meant):
            return piece, meant
    return None


def named(c: str) -> str:
    """A character as a person can look it up."""
    return f"U+{ord(c):04X} {unicodedata.name(c, 'without a name')}"
