# SPDX-License-Identifier: Apache-2.0
"""JSON of any encoding, as one array or one object a line, to one object a line.

The text of every value stays as it is written: numbers keep their digits, strings their escapes.
"""

import json
import re
from collections.abc import Iterator

from anchor import regex
from anchor.errors import Misuse
from anchor.intake.convert.changes import Changes

_TOKEN = regex.expression(r'"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b')
_BLANK = regex.expression(r"[ \t\r\n]*")
_BREAKS = str.maketrans("", "", "\r\n")


def objects(text: str, changes: Changes, *, where: str) -> Iterator[str]:
    """The text of each object, on one line. Raises `Misuse` for what is no JSON of objects."""
    plain = _without_nan(text, changes)
    at = _skip(plain, 0)
    if plain.startswith("[", at):
        changes.add("one array is written as one object a line")
        yield from _items(plain, at + 1, where)
        return
    while at < len(plain):
        end = _end(plain, at, where)
        yield plain[at:end].translate(_BREAKS)
        at = _skip(plain, end)


def _items(text: str, at: int, where: str) -> Iterator[str]:
    at = _skip(text, at)
    while not text.startswith("]", at):
        end = _end(text, at, where)
        yield text[at:end].translate(_BREAKS)
        at = _skip(text, end)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        elif not text.startswith("]", at):
            raise _misuse(text, at, where, "no ',' or ']' after an item")
    if _skip(text, at + 1) != len(text):
        raise _misuse(text, at + 1, where, "text after the array")


def _end(text: str, at: int, where: str) -> int:
    """The position after the object that begins here."""
    if not text.startswith("{", at):
        raise _misuse(text, at, where, "no object")
    try:
        return json.JSONDecoder(parse_int=str, parse_float=str).raw_decode(text, at)[1]
    except json.JSONDecodeError as e:
        raise _misuse(text, e.pos, where, f"not JSON: {e.msg.removesuffix(' starting at')}") from None
    except RecursionError:
        raise _misuse(text, at, where, "nested too deeply") from None


def _misuse(text: str, at: int, where: str, problem: str) -> Misuse:
    line = text.count("\n", 0, at) + 1
    remedy = "the facts are objects in one array, or one object a line; --at names a place inside for publish"
    return Misuse(problem, where=f"{where}: line {line}", remedy=remedy)


def _skip(text: str, at: int) -> int:
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches the empty string too


def _without_nan(text: str, changes: Changes) -> str:
    """The text with null in place of NaN and Infinity, which are no JSON."""
    if "NaN" not in text and "Infinity" not in text:
        return text

    def replaced(found: "re.Match[str]") -> str:
        if found[0].startswith('"'):
            return found[0]
        changes.add(f"{found[0]}, which is no JSON, is written as null")
        return "null"

    return _TOKEN.sub(replaced, text)
