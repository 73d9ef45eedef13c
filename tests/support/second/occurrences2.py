# SPDX-License-Identifier: Apache-2.0
"""Tokens and occurrences a second time, from docs/evidence.md alone: character by character, and slow."""

import unicodedata
from collections.abc import Iterator

HYPHENS = "-\u2010\u2011"
JOINTS = ".,'\u2019:/\u00b7\u066b\u066c"
SPACES = " \u00a0\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
OPENING = "([{<\"'«‹“‘„‚$€£¥=~≈:;"
UNSEEN = {0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065)}
UNSEEN |= {*range(0x2066, 0x206A), *range(0xFE00, 0xFE10), 0xFEFF}
QUOTES = "\u201c\u201d\u201e\u201f\u2033«»"
APOSTROPHES = "\u2018\u2019\u201a\u201b\u2032`\u00b4"
DASHES = HYPHENS + "\u2012\u2013\u2014\u2015\u2212"


def seen(text: str) -> str:
    """The text without characters that have no shape."""
    out = ""
    for at, c in enumerate(text):
        behind = text[at + 1 :].lstrip(" \t")
        at_end = behind.startswith(("\n", "\r\n"))
        if not (ord(c) in UNSEEN or (c == "\u00ad" and not at_end)):
            out += c
    return out


def digit(c: str) -> bool:
    return unicodedata.category(c or " ") == "Nd"


def letter(c: str) -> bool:
    category = unicodedata.category(c or " ")
    return c == "_" or category[0] in "LM" or category in ("Nl", "No")


class Scanner:
    def __init__(self, text: str) -> None:
        self.text = text

    def at(self, place: int) -> str:
        return self.text[place] if 0 <= place < len(self.text) else ""

    def digits(self, place: int) -> int:
        while digit(self.at(place)):
            place += 1
        return place

    def chain(self, place: int) -> int:
        """The end of digits, and joints with digits behind them."""
        place = self.digits(place)
        while self.at(place) in JOINTS and self.at(place) and digit(self.at(place + 1)):
            place = self.digits(place + 1)
        return place

    def listed(self, place: int) -> int:
        """The end of three or more chains with a hyphen between each two; 0 if there are fewer."""
        count, place = 1, self.chain(place)
        while self.at(place) in HYPHENS and self.at(place) and digit(self.at(place + 1)):
            count, place = count + 1, self.chain(place + 1)
        return place if count > 2 else 0

    def grouped(self, place: int) -> int:
        """The end of groups with spaces between them; 0 if there are none."""
        start, end = place, self.digits(place)
        if self.at(start) not in "123456789" or end - start > 3:
            return 0
        space, place, groups = self.at(end), end, 0
        while space and space in SPACES and self.at(place) == space and self.digits(place + 1) - place == 4:
            place, groups = place + 4, groups + 1
        while groups and self.at(place) and self.at(place) in JOINTS and digit(self.at(place + 1)):
            place = self.digits(place + 1)
        return place if groups else 0

    def number(self, place: int) -> tuple[str, int, int] | None:
        """Sign, the place behind it, and the end of a number that begins here."""
        sign, c = "", self.at(place)
        before = self.at(place - 1)
        if c in HYPHENS + "\u2212\u2013" and (not before or before.isspace() or before in OPENING):
            sign = "-" if digit(self.at(place + 2 if self.at(place + 1) == "." else place + 1)) else ""
            place += len(sign)
        start, before = place, self.at(place - 1)
        if self.at(place) == "." and not (before and (letter(before) or digit(before) or before == ".")):
            place += 1
        if not digit(self.at(place)):
            return None
        return sign, start, self.listed(place) or self.grouped(place) or self.chain(place)

    def rest(self, place: int, *, breaks: bool) -> int:
        """The end of the letters and digits of a word."""
        while True:
            c, before, after = self.at(place), self.at(place - 1), self.at(place + 1)
            hyphen = c and c in HYPHENS and after and (letter(after) or digit(after))
            joint = c and c in JOINTS and digit(before) and digit(after)
            if (c and (letter(c) or digit(c))) or hyphen or joint:
                place += 1
            elif breaks and letter(before) and (end := self.broken(place)):
                place = end
            else:
                return place

    def broken(self, place: int) -> int:
        """The place behind a hyphen at the end of a line, if a letter is there; else 0."""
        if self.at(place) not in ("-", "\u2010", "\u00ad"):
            return 0
        place += 1
        while self.at(place) in (" ", "\t"):
            place += 1
        if self.at(place) == "\r" and self.at(place + 1) == "\n":
            place += 1
        if self.at(place) != "\n":
            return 0
        place += 1
        while self.at(place) in (" ", "\t"):
            place += 1
        return place if letter(self.at(place)) else 0


def tokens(text: str) -> Iterator[tuple[int, int, str, str, str]]:
    """Start, end, kind and the two readings of each token."""
    scan, place = Scanner(text), 0
    while place < len(text):
        if text[place].isspace():
            place += 1
        elif found := scan.number(place):
            sign, start, end = found
            one, two = readings(text[start:end])
            last = scan.rest(end, breaks=False) if letter(scan.at(end)) else end
            tail = word(text[end:last])
            yield place, last, "mixed" if tail else "number", sign + one + tail, sign + two + tail
            place = last
        elif letter(text[place]):
            end = scan.rest(place + 1, breaks=True)
            yield (
                place,
                end,
                "word",
                word(unbroken(text[place:end], "")),
                word(unbroken(text[place:end], "-")),
            )
            place = end
        else:
            form = sign_of(text[place])
            yield place, place + 1, "other", form, form
            place += 1


def unbroken(text: str, hyphen: str) -> str:
    out, place, scan = "", 0, Scanner(text)
    while place < len(text):
        if place and (end := scan.broken(place)):
            out, place = out + hyphen, end
        else:
            out, place = out + text[place], place + 1
    return out


def plain(c: str) -> str:
    if c in QUOTES:
        return '"'
    if c in APOSTROPHES:
        return "'"
    return "-" if c in DASHES else "\ufffd" if c == "\0" else c


def sign_of(text: str) -> str:
    form = "".join(map(plain, unicodedata.normalize("NFKC", "".join(map(plain, text)))))
    return "\0".join(form) if len(text) == 1 and len(form) > 1 and not form.isalnum() else form


def word(text: str) -> str:
    out = part = ""
    for at, c in enumerate(text):
        raised = unicodedata.category(c) == "No" and not (at and text[at - 1].isalpha())
        if raised:
            out, part = out + (sign_of(part) if part else "") + c, ""
        else:
            part += c
    return out + (sign_of(part) if part else "")


def readings(written: str) -> tuple[str, str]:
    text = ""
    for c in written:
        text += (
            str(unicodedata.decimal(c)) if digit(c) else "'" if c == "\u2019" else " " if c.isspace() else c
        )
    if text.startswith("."):
        text = "0" + text if text[1:].isdigit() else text
        return text, text
    parts, marks = [""], ""
    for c in text:
        if c.isdigit():
            parts[-1] += c
        else:
            parts.append("")
            marks += c
    group, decimal = as_groups(parts, marks), as_decimal(parts, marks)
    return group or decimal or text, decimal or group or text


def as_groups(parts: list[str], marks: str) -> str:
    if not marks or not (1 <= len(parts[0]) <= 3) or parts[0][0] == "0" or marks[0] in ":/\u00b7\u066b":
        return ""
    count = len(marks) - len(marks.lstrip(marks[0]))
    if any(len(p) != 3 for p in parts[1 : count + 1]):
        return ""
    whole = "".join(parts[: count + 1])
    if count == len(marks):
        return whole
    return f"{whole}.{parts[-1]}" if count + 1 == len(marks) and marks[-1] in ".,\u066b" else ""


def as_decimal(parts: list[str], marks: str) -> str:
    return f"{parts[0]}.{parts[1]}" if len(marks) == 1 and marks in ".,\u066b" else ""


def occurrences(value: str, text: str) -> list[tuple[int, int]]:
    """The places in the text (as it is seen) where a value occurs, the earliest first, without overlaps."""
    wanted, given = list(tokens(seen(value))), list(tokens(seen(text)))
    if not any(kind != "other" for _, _, kind, _, _ in wanted):
        return []
    found: dict[int, int] = {}
    for number in (3, 4):
        for hyphen in (3, 4):
            key = [str(t[hyphen if t[2] == "word" else number]) for t in wanted]
            forms = [str(t[hyphen if t[2] == "word" else number]) for t in given]
            at = 0
            while at < len(forms):
                end = at + 1
                while end <= len(forms) and len("\0".join(forms[at:end])) < len("\0".join(key)):
                    end += 1
                attached = given[at][0] > 1 and seen(text)[given[at][0] - 1] == "+"
                attached = attached and given[at][2] in ("number", "mixed")
                attached = attached and seen(text)[given[at][0] - 2].isalpha()
                if end <= len(forms) and "\0".join(forms[at:end]) == "\0".join(key):
                    if not attached:
                        found.setdefault(at, end)
                    at = end
                else:
                    at += 1
    return [(given[at][0], given[end - 1][1]) for at, end in sorted(found.items())]
