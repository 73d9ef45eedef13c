# SPDX-License-Identifier: Apache-2.0
"""Rules for all values of one column together: formats of numbers and dates, cut values, lost zeros.

A column has finite statistics, whatever the number of its values.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from anchor import regex
from anchor.format.facts import brief
from anchor.inspect.lint.findings import MAX_LINES, Finding, Places, Remark, finding
from anchor.inspect.lint.value_blocks import Block

_BLANKS = " \u00a0\u2009\u202f"
_NUMBER = regex.expression(
    r"[+\-\u2212]?(?:"
    rf"(?P<blank>[0-9]{{1,3}}(?:[{_BLANKS}][0-9]{{3}})+(?:[.,][0-9]+)?)"
    r"|(?P<apostrophe>[0-9]{1,3}(?:['\u2019][0-9]{3})+(?:[.,][0-9]+)?)"
    r"|(?P<commas>[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)|[0-9]{1,3}(?:,[0-9]{3}){2,})"
    r"|(?P<dots>[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[0-9]{1,3}(?:\.[0-9]{3}){2,})"
    r"|(?P<either>[1-9][0-9]{0,2}[.,][0-9]{3})"
    r"|(?P<comma>[0-9]+,[0-9]+)"
    r"|(?P<dot>[0-9]+\.[0-9]+)"
    r"|(?P<long>[0-9]{5,})"
    r"|(?P<short>[0-9]{1,4})"
    r")[ \u00a0\u202f]?[%\u20ac$\u00a3]?"
)
_STYLES: Final = {
    "blank": "thousands separated by blanks",
    "apostrophe": "thousands separated by apostrophes",
    "commas": "thousands separated by commas",
    "dots": "thousands separated by dots",
    "comma": "a decimal comma",
    "dot": "a decimal dot",
    "long": "thousands not separated",
}
_TOGETHER: Final = {
    frozenset(pair) for pair in (("comma", "dots"), ("dot", "commas"), ("comma", "blank"), ("dot", "blank"))
} | {
    frozenset(pair)
    for pair in (("dot", "apostrophe"), ("comma", "apostrophe"), ("dot", "long"), ("comma", "long"))
}
"""The pairs of styles that one format has."""

_DATE = regex.expression(
    r"(?P<first>[0-9]{1,2})(?P<sign>[./-])(?P<second>[0-9]{1,2})(?P=sign)(?P<year>[0-9]{4}|[0-9]{2})"
    r"(?:[ T,].*)?"
    r"|(?P<big>[0-9]{4})(?P<sign_2>[./-])(?P<month>[0-9]{1,2})(?P=sign_2)(?P<day>[0-9]{1,2})(?:[ T].*)?"
)
_UNGROUPED = regex.expression(r"\.[0-9]{1,2}(?:\n|\Z)|\.[0-9]{4}|(?:\n|\A)-?0\.")
_LIMITS: Final = {
    255: "255 characters",
    32_767: "32,767 characters, the most that a cell of a spreadsheet holds",
}
_ISO_DATES = regex.expression("(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.Z+-]*)?(?:\n|\\Z))*")
_LEADING_ZERO = regex.expression(r"(?:\A|\n)0[0-9]")
_MOST_DIGITS = 32
"""Digits of a code; a longer value has no code."""
_LONGEST = 40
"""Characters of a number or a date."""
_OF_NUMBERS = "0123456789+-\u2212.,/:'\u2019TZ%\u20ac$\u00a3" + _BLANKS
_SIGNS = frozenset("0123456789+-\u2212")
_BEGINNINGS = _SIGNS | {".", "\n"}
_FORMATTED = regex.expression(f"\n[0-9+\u2212-][{re.escape(_OF_NUMBERS)}]{{0,{_LONGEST - 1}}}\n")
"""Looked for in a text with line feeds around it: a value may be a number or a date."""
_LONG_NUMBER = regex.expression("\n-?[0-9]{5}")
"""The same, for a number with more than four digits before its dot."""


class ColumnFormats:
    """The statistics of one column."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._styles: dict[str, Places] = {}
        self._examples: dict[str, str] = {}
        self._dates: dict[str, Places] = {}
        self._longest = 0
        self._at_limit: dict[int, Places] = {}
        self._zeros: dict[int, int] = {}
        """How many values of digits begin with 0, for each length."""
        self._digits: dict[int, Places] = {}
        """The values of digits without 0 at the beginning, for each length."""

    def add(self, lines: Sequence[int], block: Block) -> None:
        """Note a block of values and their lines."""
        values, text = block.values, block.text
        longest = max(block.lengths)
        if longest >= 255:
            self._note_lengths(lines, values)
        self._longest = max(self._longest, longest)
        if _BEGINNINGS.isdisjoint(block.firsts) or not (
            block.is_numeric or any(map(text.__contains__, "123456789"))
        ):
            return
        marks = block.utf8.translate(None, b"0123456789\n")
        if not marks:
            self._note_digits(lines, block, longest)
        elif _has_decimals(block.utf8, marks):
            self._note_decimals(lines, block)
        elif _ISO_DATES.fullmatch(text) or _SIGNS.isdisjoint(block.firsts):
            return
        elif _may_be_formatted(block):
            for line, value in zip(lines, values, strict=True):
                if value[:1] in _SIGNS and len(value) <= _LONGEST and not value.strip(_OF_NUMBERS):
                    self._note(line, value)

    def _note_lengths(self, lines: Sequence[int], values: Sequence[str]) -> None:
        for line, value in zip(lines, values, strict=True):
            if len(value) in _LIMITS:
                self._at_limit.setdefault(len(value), Places()).add(line)

    def _note_digits(self, lines: Sequence[int], block: Block, longest: int) -> None:
        """Note values of digits alone. Once enough lines of a length are known, it is only counted."""
        values, text = block.values, block.text
        if (text[0] == "0" or "\n0" in text) and _LEADING_ZERO.search(text):
            for line, value in zip(lines, values, strict=True):
                if value:
                    self._note_code(line, value)
        else:
            for size, count in Counter(map(len, values)).items():
                if 0 < size <= _MOST_DIGITS:
                    places = self._digits.setdefault(size, Places())
                    if len(places.lines) < MAX_LINES:
                        places.lines += [n for n, v in zip(lines, values, strict=True) if len(v) == size]
                        del places.lines[MAX_LINES:]
                    places.count += count
        if longest > 4:
            long = next(i for i, value in enumerate(values) if len(value) > 4)
            self._style("long", lines[long], values[long])

    def _note_code(self, line: int, value: str) -> None:
        size = len(value)
        if size > _MOST_DIGITS:
            return
        if value[0] == "0" and size > 1:
            self._zeros[size] = self._zeros.get(size, 0) + 1
        else:
            self._digits.setdefault(size, Places()).add(line)

    def _note_decimals(self, lines: Sequence[int], block: Block) -> None:
        """Note numbers without any mark but a dot. A dot before three digits says nothing."""
        values, text = block.values, block.text
        if "." in text and _UNGROUPED.search(text):
            at = next(i for i, value in enumerate(values) if _UNGROUPED.search(value))
            with_dot = sum("." in value for value in values) if block.has_line_feed else text.count(".")
            self._style("dot", lines[at], values[at], count=with_dot)
        if not _LONG_NUMBER.search(f"\n{text}"):
            return
        long = next((i for i, v in enumerate(values) if len(v.lstrip("-").partition(".")[0]) > 4), None)
        if long is not None:
            self._style("long", lines[long], values[long])

    def _note(self, line: int, value: str) -> None:
        number = _NUMBER.fullmatch(value)
        if number is None:
            if date := _DATE.fullmatch(value):
                self._note_date(line, date)
            return
        style = str(number.lastgroup)
        if value.isdecimal():
            self._note_code(line, value)
        if style in _STYLES:
            self._style(style, line, value)
        if style in ("blank", "apostrophe") and ("." in value or "," in value):
            self._style("dot" if "." in value else "comma", line, value)
        elif style in ("commas", "dots") and "." in value and "," in value:
            self._style("dot" if style == "commas" else "comma", line, value)

    def _style(self, style: str, line: int, value: str, *, count: int = 1) -> None:
        places = self._styles.get(style)
        if places is None:
            places = self._styles[style] = Places()
            self._examples[style] = value
        places.add(line, count)

    def _note_date(self, line: int, date: re.Match[str]) -> None:
        if date["big"]:
            month, day = int(date["month"]), int(date["day"])
            if not (1 <= month <= 12 and 1 <= day <= 31):
                return
            whole = date["sign_2"] == "-" and len(date["month"]) == len(date["day"]) == 2
            kind = "" if whole else "year first"
        else:
            first, second = int(date["first"]), int(date["second"])
            if not (1 <= first <= 31 and 1 <= second <= 31 and min(first, second) <= 12):
                return
            if date["sign"] == "." and len(date["year"]) == 2:
                return  # a version or a section, as likely as a date
            kind = "day first" if first > 12 else "month first" if second > 12 else "either"
            kind = "either" if first == second else kind
        if kind:
            self._dates.setdefault(kind, Places()).add(line)

    def findings(self) -> Iterator[Finding]:
        yield from self._of_numbers()
        yield from self._of_dates()
        yield from self._of_lengths()
        yield from self._of_zeros()

    def _of_numbers(self) -> Iterator[Finding]:
        styles = list(self._styles)
        marked = [style for style in styles if style != "long"]
        if len(marked) < 1 or not _contradict(styles):
            return
        rare = min(marked, key=lambda style: self._styles[style].count)
        shown = ", ".join(f"{_STYLES[s]} ({brief(self._examples[s])})" for s in styles)
        places = self._styles[rare]
        count = sum(found.count for found in self._styles.values())
        remark = Remark("mixed-numbers", f"has {shown}; the lines are those with {_STYLES[rare]}")
        yield finding(remark, places.lines, count, column=self._column)

    def _of_dates(self) -> Iterator[Finding]:
        dates = self._dates
        if "year first" in dates:
            places = dates["year first"]
            remark = Remark("date-format", "has dates such as 2024/1/31; ISO 8601 is 2024-01-31", "note")
            yield finding(remark, places.lines, places.count, column=self._column)
        if "day first" in dates and "month first" in dates:
            rare = min(("day first", "month first"), key=lambda kind: dates[kind].count)
            places, text = dates[rare], "has dates with the day first and with the month first"
            yield finding(Remark("date-format", text), places.lines, places.count, column=self._column)
        elif "either" in dates and not ("day first" in dates or "month first" in dates):
            places, text = dates["either"], "has dates that do not say which number is the month"
            yield finding(Remark("date-format", text), places.lines, places.count, column=self._column)
        elif kind := next((k for k in ("day first", "month first") if k in dates), None):
            places = dates[kind]
            count = places.count + (dates["either"].count if "either" in dates else 0)
            remark = Remark("date-format", f"has dates with the {kind}; ISO 8601 is 2024-01-31", "note")
            yield finding(remark, places.lines, count, column=self._column)

    def _of_lengths(self) -> Iterator[Finding]:
        for limit, words in _LIMITS.items():
            places = self._at_limit.get(limit)
            if places and self._longest == limit and (places.count > 1 or limit > 255):
                text = f"{places.count} values have exactly {words}, and none is longer"
                yield finding(Remark("truncated", text), places.lines, places.count, column=self._column)

    def _of_zeros(self) -> Iterator[Finding]:
        """Codes of one width of which some begin with 0, beside shorter ones."""
        if len(self._zeros) != 1 or not self._digits:
            return
        (width,) = self._zeros
        short = [places for size, places in self._digits.items() if size < width]
        if not short or max(self._digits) > width or width not in self._digits:
            return
        count = sum(places.count for places in short)
        lines = sorted(line for places in short for line in places.lines)
        text = f"some codes of {width} digits begin with 0, and others are shorter"
        yield finding(Remark("lost-zeros", text), lines, count, column=self._column)


def _contradict(styles: Sequence[str]) -> bool:
    pairs = (frozenset((a, b)) for i, a in enumerate(styles) for b in styles[i + 1 :])
    return any(pair not in _TOGETHER for pair in pairs)


def _may_be_formatted(block: Block) -> bool:
    """True if a value may be a number or a date: it has no other characters. Nothing is left of it then."""
    left = block.utf8.translate(None, _OF_NUMBERS.encode())
    return b"\n\n" in b"\n%b\n" % left and _FORMATTED.search(f"\n{block.text}\n") is not None


def _has_decimals(text: bytes, marks: bytes) -> bool:
    """True if each line of a text is a number with no other marks than one dot, and one `-` before it.

    `marks` is the text without its digits and line feeds.
    """
    if marks.translate(None, b".-"):
        return False
    if b"-" in marks and marks.count(b"-") != text.count(b"\n-") + text.startswith(b"-"):
        return False
    return b".." not in text.translate(None, b"0123456789-")
