# SPDX-License-Identifier: Apache-2.0
"""A JSON object as a fact of version 2, and the rules for all JSON values. FORMAT.md section 17.3.

An array or an object as a value is its text as it is written, without the white space outside of its strings.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from anchor import limits, regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, Value, brief
from anchor.format.readers.objects import duplicate, value_at
from anchor.format.readers.pointer import Steps, index_of

_BLANK = regex.expression(r"[ \t\r\n]*")
_STRING_OR_BLANK = regex.expression(r'("(?:[^"\\]++|\\.)*+")|[ \t\r\n]++', re.DOTALL)
_BRACKETS = regex.expression(r'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = regex.expression("[\ud800-\udfff]")
_KINDS: Final = {"[": "an array", "{": "an object", '"': "a string", "n": "null", "t": "true", "f": "false"}
_WORDS: Final = {True: "true", False: "false"}
_STRINGS: Final[set[type]] = {str}
_NESTED: Final[set[type]] = {list, tuple}


def fact_of(
    value: tuple[tuple[str, Any], ...],
    text: str,
    start: int,
    end: int,
    *,
    where: str,
    key: tuple[str, str] | None = None,
) -> dict[str, Value]:
    """The members of an object, `value`, that `objects.value_at` gave for this part of the text.

    `key`, the name and the value of the key column, comes first.
    """
    if not value:
        raise Refused("the fact is an object without members", where=where, remedy="take it out")
    found: dict[str, Any] = dict(value)
    kinds = set(map(type, found.values()))
    if len(found) != len(value) or kinds & _NESTED or "\\u" in text[start:end]:
        check_value(value, text, start, end, levels=limits.DEPTH, where=where)
    if kinds & _NESTED:
        for name, first, last in _parts(text, start):
            if text[first] in "[{":
                found[str(name)] = _compact(text[first:last])
    if bool in kinds:
        found = {n: _WORDS[v] if isinstance(v, bool) else v for n, v in found.items()}
    if key is not None:
        found = _with_key(found, key, where)
    if end - start > MAX_CELL:
        _check_lengths(found, where)
    return found


def _with_key(found: dict[str, Value], key: tuple[str, str], where: str) -> dict[str, Value]:
    column, name = key
    if column in found:
        problem = f"the fact has a member {brief(column)} itself"
        raise Refused(problem, where=where, remedy="name another key column")
    _check_lengths({column: name}, where)
    return {column: name, **found}


def check_value(value: Any, text: str, start: int, end: int, *, levels: int, where: str) -> None:
    """Raise `Refused` for equal names in an object, lone surrogates, and more than so many levels."""
    check_depth(text, start, end, levels=levels, where=where)
    check_strings(value, escapes="\\u" in text[start:end], where=where)


def check_strings(value: Any, *, escapes: bool, where: str) -> None:
    """Raise `Refused` for equal names in an object and lone surrogates. `escapes`: the text has `\\u`."""
    inside = [value]
    while inside:
        part = inside.pop()
        if type(part) is tuple:
            names = [name for name, _ in part]
            if len(set(names)) != len(names):
                raise duplicate(names, where)
            part = [v for _, v in part]
        if type(part) is list:
            inside.extend(v for v in part if type(v) in _NESTED)
    if escapes and (bad := _with_surrogate(value)) is not None:
        place = f"{where}: {brief(bad)}" if bad else where
        raise Refused("a lone surrogate", where=place, remedy="write whole characters, or pairs")


def is_nested(value: Any) -> bool:
    """A decoded value is an array or an object."""
    return type(value) in _NESTED


def _with_surrogate(value: Any) -> str | None:
    """The member of an object whose name or value has a lone surrogate, "" if it is in another value."""
    if not _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        return None
    if type(value) is not tuple:
        return ""
    return next(str(n) for n, v in value if _SURROGATE.search(json.dumps([n, v], ensure_ascii=False)))


def check_depth(text: str, start: int, end: int, *, levels: int, where: str) -> None:
    """Raise `Refused` if a value is nested more than so many levels deep."""
    if text.count("[", start, end) + text.count("{", start, end) <= levels:
        return
    depth = 0
    for token in _BRACKETS.finditer(text, start, end):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > levels:
                raise Refused(
                    f"nested more than {limits.DEPTH} levels deep", where=where, remedy="write it as a string"
                )
        elif first in "]}":
            depth -= 1


def inner(text: str, start: int, steps: Steps) -> tuple[int, int] | None:
    """The begin and the end of the value to which steps lead from that at `start`; None if there is none."""
    end = start
    for step in steps:
        if text[start] not in "[{":
            return None
        wanted = step if text[start] == "{" else index_of(step)
        part = next((p for p in _parts(text, start) if p[0] == wanted), None)
        if part is None:
            return None
        _, start, end = part
    return start, end


def _parts(text: str, at: int) -> Iterator[tuple[str | int, int, int]]:
    """The values in the array or the object at `at`, which was decoded before.

    Each has its name or its index, where it begins and where it ends.
    """
    named, count = text[at] == "{", 0
    at = _blank(text, at + 1)
    while text[at] not in "]}":
        key: str | int = count
        if named:
            key, at = value_at(text, at)
            at = _blank(text, _blank(text, at) + 1)
        _, end = value_at(text, at)
        yield key, at, end
        count += 1
        at = _blank(text, end)
        if text[at] == ",":
            at = _blank(text, at + 1)


def _blank(text: str, at: int) -> int:
    """The position after white space."""
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches the empty string too


def _compact(text: str) -> str:
    if any(c in text for c in " \t\r\n"):
        return _STRING_OR_BLANK.sub(r"\1", text)
    return text


def _check_lengths(fact: dict[str, Value], where: str) -> None:
    for name, value in fact.items():
        if isinstance(value, str) and len(value) > MAX_CELL:
            raise Refused(
                f"a value of {len(value)} characters, more than {MAX_CELL}",
                where=f"{where}: {brief(name)}",
                remedy="shorten the value",
            )


def kind_of(first: str) -> str:
    """The kind of a JSON value, by its first character."""
    number = first == "-" or (first.isascii() and first.isdigit())
    return "a number" if number else _KINDS.get(first, "no JSON value")
