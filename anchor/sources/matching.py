# SPDX-License-Identifier: Apache-2.0
"""Occurrences of a value in the text of a document. docs/evidence.md, Occurrences.

An occurrence says that the characters are there, and nothing about what the document means by them. This
module decides where a value occurs, how it is written there, and what stands beside it.
"""

import functools
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from anchor import regex
from anchor.sources.text_tokens import SEPARATOR, Kind, Token, shown, tokens

WINDOW: Final = 12
"""Numbers and words before and behind an occurrence that are nearby."""
LABEL_WORD: Final = 4
"""Letters of the shortest word of a label that is looked for nearby."""
PAGE: Final = "\f"
"""Between two pages of a text."""
SHOWN: Final = 60
"""Characters before and behind an occurrence that are shown."""
_LINE_END = regex.expression(r"\r\n|\r|\n")
_PAGE_END = regex.expression(PAGE)
_BOTH: Final = (0, 1)
UNITS: Final = (
    frozenset({"%", "percent", "per cent", "pct", "pour cent", "pourcent"}),
    frozenset({"€", "eur", "euro", "euros"}),
    frozenset({"$", "usd", "us$", "dollar", "dollars"}),
    frozenset({"£", "gbp", "pound", "pounds"}),
    frozenset({"m€", "€m", "million euros", "millions d'euros", "million eur"}),
    frozenset({"k€", "€k", "thousand euros", "milliers d'euros"}),
)
"""Units that are written in several ways. They count directly beside a value only."""
_BEHIND: Final = UNITS[0]
"""They count behind a value only: in `41% 42`, the sign belongs to 41."""


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a value occurs: from `start` to `end` in the text as it was given.

    `first` and `last` are indexes of tokens. `exact`: it has the very characters of the value. `glued`: the
    unit stands behind the number without a space, and belongs to it here.
    """

    start: int
    end: int
    first: int
    last: int
    exact: bool
    glued: bool = False


class Nearby(msgspec.Struct, frozen=True, kw_only=True):
    """If the unit of a value stands near an occurrence, and a word of its label."""

    unit: bool
    label: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an occurrence is, for people. `page` is 0 if the text has no pages; both count from 1."""

    page: int
    line: int
    """In the page, or in the text if it has no pages."""
    before: str
    text: str
    after: str


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """A value that is looked for, with its unit and its label."""

    value: str
    unit: str = ""
    label: str = ""

    @property
    def is_there(self) -> bool:
        """False if the value has neither a letter nor a digit: then it cannot occur."""
        return any(token.kind != "other" for token in tokens(shown(self.value).text))

    @property
    def ways(self) -> tuple[str, ...]:
        """The value, and a number with its unit behind it without a space: `0.83kg`."""
        if self.unit[:1].isalpha() and self.value[-1:].isdecimal():
            return self.value, self.value + self.unit
        return (self.value,)


class _Reading:
    """The tokens of a text in one reading: as one text, and the places in it where tokens begin."""

    def __init__(self, forms: Sequence[str]) -> None:
        self.text = SEPARATOR + SEPARATOR.join(forms) + SEPARATOR
        self.starts = array("Q")
        at = 1
        for form in forms:
            self.starts.append(at)
            at += len(form) + 1
        self.starts.append(at)

    @functools.cached_property
    def _alone(self) -> dict[str, list[int]]:
        """The indexes of each token, by its form."""
        found: dict[str, list[int]] = {}
        forms = self.text[1:-1].split(SEPARATOR)
        if len(forms) == len(self.starts) - 1:  # no token stands for several characters
            for index, form in enumerate(forms):
                found.setdefault(form, []).append(index)
            return found
        for index in range(len(self.starts) - 1):
            form = self.text[self.starts[index] : self.starts[index + 1] - 1]
            found.setdefault(form, []).append(index)
        return found

    def find(self, forms: Sequence[str]) -> Iterator[tuple[int, int]]:
        """The first and the last index of each place where these tokens follow each other."""
        if len(forms) == 1:
            yield from ((index, index) for index in self._alone.get(forms[0], ()))
            return
        wanted = SEPARATOR + SEPARATOR.join(forms) + SEPARATOR
        at = self.text.find(wanted)
        while at >= 0:
            first, behind = self._index(at + 1), self._index(at + len(wanted))
            if first is not None and behind is not None:
                yield first, behind - 1
            at = self.text.find(wanted, at + 1 if first is None else at + len(wanted) - 1)

    def _index(self, at: int) -> int | None:
        """The token that begins here. Some tokens stand for several characters, and nothing begins inside."""
        found = bisect_left(self.starts, at)
        return found if found < len(self.starts) and self.starts[found] == at else None


class Document:
    """The text of one document, in which values are looked for. Its pages are separated by form feeds."""

    def __init__(self, text: str) -> None:
        self._text = text
        seen = shown(text)
        self._cuts = seen.cuts
        self._starts, self._ends = array("Q"), array("Q")
        self._kinds: list[Kind] = []
        self._forms: list[tuple[str, str]] = []
        self._attached: set[int] = set()
        known: dict[tuple[str, str], tuple[str, str]] = {}
        # Equal forms are kept once: a text of a million words has few different ones.
        for index, token in enumerate(tokens(seen.text)):
            self._starts.append(token.start)
            self._ends.append(token.end)
            self._kinds.append(token.kind)
            self._forms.append(known.setdefault(token.forms, token.forms))
            if token.attached:
                self._attached.add(index)
        kinds = {kind for kind, (one, other) in zip(self._kinds, self._forms, strict=True) if one != other}
        self._doubtful, self._broken = bool(kinds & {"number", "mixed"}), "word" in kinds
        self._readings: dict[tuple[int, int], _Reading] = {}
        self._pages = [0, *(found.end() for found in _PAGE_END.finditer(text))]
        self._lines = array("Q", (found.end() for found in _LINE_END.finditer(text)))

    def find(self, sought: Sought) -> list[Occurrence]:
        """The occurrences of a value, in the order of the text. None inside of a longer number or word."""
        found: dict[int, Occurrence] = {}
        for written in sought.ways:
            value = list(tokens(shown(written).text))
            if all(token.kind == "other" for token in value):
                continue
            for number, hyphen in self._to_read(value):
                forms = [token.forms[_axis(token.kind, number, hyphen)] for token in value]
                for first, last in self._reading(number, hyphen).find(forms):
                    if first not in self._attached and first not in found:
                        glued = written != sought.value
                        found[first] = self._occurrence(first, last, written, glued=glued)
        return sorted(found.values(), key=lambda o: o.first)

    def nearby(self, found: Occurrence, sought: Sought) -> Nearby:
        """If the unit of a value, and a word of its label, are near an occurrence, on the same page."""
        low, high = self._on_page(found)
        first, last = self._window(found, low, high)
        forms = [self._forms[i][0].casefold() for i in range(first, last)]
        at, behind = found.first - first, found.last + 1 - first
        words = {f for f, i in zip(forms, range(first, last), strict=True) if self._kinds[i] == "word"}
        label = not words.isdisjoint(_label_words(sought.label))
        glued = found.glued and bool(sought.unit)
        return Nearby(unit=glued or _has_unit(forms, at, behind, sought.unit), label=label)

    def place(self, found: Occurrence) -> Place:
        """Where an occurrence is, with the words around it."""
        number = bisect_right(self._pages, found.start)
        begin = self._pages[number - 1]
        end = self._pages[number] - 1 if number < len(self._pages) else len(self._text)
        before = self._text[max(begin, found.start - SHOWN) : found.start]
        after = self._text[found.end : min(end, found.end + SHOWN)]
        return Place(
            page=number if len(self._pages) > 1 else 0,
            line=1 + bisect_right(self._lines, found.start) - bisect_left(self._lines, begin),
            before=_whole_words(before, cut=found.start - SHOWN > begin, left=True),
            text=" ".join(self._text[found.start : found.end].split()),
            after=_whole_words(after, cut=found.end + SHOWN < end, left=False),
        )

    def _to_read(self, value: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """The readings of the text in which a value may occur."""
        numbers = [token for token in value if token.kind in ("number", "mixed")]
        doubtful = self._doubtful or any(one != other for one, other in (t.forms for t in numbers))
        for number in _BOTH if numbers and doubtful else (0,):
            for hyphen in _BOTH if self._broken and any(t.kind == "word" for t in value) else (0,):
                yield number, hyphen

    def _reading(self, number: int, hyphen: int) -> _Reading:
        """The text in one reading of its numbers and of its broken words."""
        key = (number if self._doubtful else 0, hyphen)
        if key not in self._readings:
            pairs = zip(self._kinds, self._forms, strict=True)
            self._readings[key] = _Reading([forms[_axis(kind, *key)] for kind, forms in pairs])
        return self._readings[key]

    def _occurrence(self, first: int, last: int, written: str, *, glued: bool) -> Occurrence:
        start, end = self._given(self._starts[first]), self._given(self._ends[last] - 1) + 1
        exact = self._text[start:end] == written
        return Occurrence(start=start, end=end, first=first, last=last, exact=exact, glued=glued)

    def _given(self, at: int) -> int:
        """A place in the text as it was given, from one in the text as it is shown."""
        return at + bisect_right(self._cuts, at) if self._cuts else at

    def _on_page(self, found: Occurrence) -> tuple[int, int]:
        """The tokens of the page on which an occurrence begins: the first, and the one behind the last."""
        number = bisect_right(self._pages, found.start)
        low = bisect_left(self._starts, self._shown(self._pages[number - 1]))
        if number == len(self._pages):
            return low, len(self._starts)
        return low, max(bisect_left(self._starts, self._shown(self._pages[number])), found.last + 1)

    def _shown(self, at: int) -> int:
        """A place in the text as it is shown, from one in the text as it was given."""
        if not self._cuts:
            return at
        return bisect_left(range(at + 1), at, key=self._given)

    def _window(self, found: Occurrence, low: int, high: int) -> tuple[int, int]:
        """The tokens nearby: the first, and the one behind the last."""
        first, last = found.first, found.last + 1
        for _ in range(WINDOW):
            while first > low and self._kinds[first - 1] == "other":
                first -= 1
            first = max(low, first - 1)
            while last < high and self._kinds[last] == "other":
                last += 1
            last = min(high, last + 1)
        return first, last


def _axis(kind: Kind, number: int, hyphen: int) -> int:
    """Which of the two forms of a token stands in a reading."""
    return hyphen if kind == "word" else number


@functools.lru_cache(maxsize=4096)
def _label_words(label: str) -> frozenset[str]:
    """The words of a label that are looked for nearby."""
    words = (t.forms[0].casefold() for t in tokens(shown(label).text) if t.kind == "word")
    return frozenset(word for word in words if len(word) >= LABEL_WORD)


class _Unit(NamedTuple):
    """The spellings of a unit as tokens, and where they count."""

    spellings: tuple[tuple[str, ...], ...]
    before: bool
    anywhere: bool


@functools.lru_cache(maxsize=1024)
def _unit(unit: str) -> _Unit:
    plain = " ".join(unit.casefold().split())
    same = next((spelled for spelled in UNITS if plain in spelled), None)
    forms = [tuple(t.forms[0].casefold() for t in tokens(shown(s).text)) for s in sorted(same or {plain})]
    return _Unit(
        spellings=tuple(f for f in forms if f),
        before=same is not _BEHIND,
        anywhere=same is None and any(c.isalpha() for c in plain),
    )


def _has_unit(forms: Sequence[str], at: int, behind: int, unit: str) -> bool:
    """If a unit stands beside the tokens from `at` to `behind`; one that is a plain word, anywhere here."""
    found = _unit(unit)
    for spelled in found.spellings:
        size = len(spelled)
        places = [behind]
        if found.before:
            places.append(at - size)
        if found.anywhere:
            places += [*range(at - size), *range(behind + 1, len(forms))]
        if any(place >= 0 and tuple(forms[place : place + size]) == spelled for place in places):
            return True
    return False


def _whole_words(text: str, *, cut: bool, left: bool) -> str:
    """The text on one line, without the word that was cut at its outer end."""
    words = text.split()
    if cut and len(words) > 1:
        words = words[1:] if left else words[:-1]
    return " ".join(words)
