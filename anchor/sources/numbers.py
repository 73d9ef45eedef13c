# SPDX-License-Identifier: Apache-2.0
"""How a number may be read that a person wrote: digit groups and the decimal mark. docs/evidence.md, Numbers.

No number is computed with. A reading is a text of digits, with `.` as decimal mark and without group marks.
"""

import unicodedata
from collections.abc import Sequence

from anchor import regex

SPACES = " \u00a0\u2000-\u200a\u202f\u205f\u3000"
"""The spaces that may stand between groups of digits, as in a class of a regular expression."""
JOINTS = ".,':/\u2019\u00b7\u066b\u066c"
"""Characters that join the digits before and behind them to one token."""
_MARK = regex.expression(r"\D")
_DECIMAL_MARKS = (".", ",", "\u066b")
_NO_GROUP_MARKS = (":", "/", "\u00b7", "\u066b")
"""A middle dot is a decimal mark, or a sign of multiplication: such digits are no number in any reading."""


def readings(written: str) -> tuple[str, str]:
    """The two ways to read digits with marks between them: a mark as a group mark, and as the decimal mark.

    They differ for one mark alone that three digits follow: `1,234` is 1234 and 1.234. A text that is no
    number in any of them, such as `510.748.9001`, is given as it is written.
    """
    text = written if written.isascii() else "".join(map(_plain, written))
    if text.isdecimal():
        return text, text
    if text[0] == ".":
        rest = text[1:]
        found = f"0.{rest}" if rest.isdecimal() else text
        return found, found
    marks = _MARK.findall(text)
    parts = _MARK.split(text)
    same = next((n for n, mark in enumerate(marks) if mark != marks[0]), len(marks))
    grouped = marks[0] not in _NO_GROUP_MARKS and _are_groups(parts[: same + 1])
    if same == len(marks) == 1 and marks[0] in _DECIMAL_MARKS:
        decimal = f"{parts[0]}.{parts[1]}"
        return "".join(parts) if grouped else decimal, decimal
    if grouped:
        whole, behind = "".join(parts[: same + 1]), parts[same + 1 :]
        if not behind:
            return whole, whole
        if len(behind) == 1 and marks[-1] in _DECIMAL_MARKS:
            found = f"{whole}.{behind[0]}"
            return found, found
    return text, text


def _are_groups(parts: Sequence[str]) -> bool:
    """True for groups of three digits after a first one of one to three, which does not begin with 0."""
    first, *rest = parts
    return len(first) <= 3 and first[0] != "0" and all(len(part) == 3 for part in rest)


def _plain(character: str) -> str:
    """An ASCII digit for a digit of any script, an apostrophe for either of the two, a space for any."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return "'" if character == "\u2019" else " " if character.isspace() else character
