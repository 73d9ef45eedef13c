# SPDX-License-Identifier: Apache-2.0
"""Flat JSON objects as facts: the part that the three JSON readers share.

A number literal is carried as the text it is written in, `true` and `false` as those words, `null` as the
empty string. How the objects are laid out in a file is for the readers.
"""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from anchor import regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, MAX_NUMBER, Row, brief, check_columns

_SURROGATE = regex.expression("[\ud800-\udfff]")
_WORDS = {True: "true", False: "false", None: ""}
_STRINGS = {str}
_AS_STRING = "write it as a string"


class Malformed(Exception):
    """No JSON value. The caller adds the place."""

    def __init__(self, problem: str, remedy: str, position: int | None = None, *, cut: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.position = position
        """The character that is wrong, if one is known."""
        self.cut = cut
        """The text ends inside a string."""


def _number(text: str) -> str:
    if len(text) > MAX_NUMBER:
        raise Malformed(f"a number of {len(text)} characters, more than {MAX_NUMBER}", _AS_STRING)
    return text


def _constant(text: str) -> NoReturn:
    raise Malformed(f"{text} is no JSON", _AS_STRING)


# Objects come as tuples of pairs, so that a duplicate key is seen and an object is not taken for an array.
_DECODER = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=_number, parse_float=_number, parse_constant=_constant
)


def value_at(text: str, start: int) -> tuple[Any, int]:
    """The JSON value at `start` of `text` and the position after it; objects are tuples of pairs.

    Raises `Malformed`.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as e:
        cut = e.msg.startswith("Unterminated")
        raise Malformed(
            f"not JSON: {e.msg.removesuffix(' starting at')}",
            "write the value as RFC 8259 says",
            e.pos,
            cut=cut,
        ) from None
    except RecursionError:
        raise Malformed("nested too deeply", "a fact is a flat object") from None


def decode(text: str, start: int, *, where: str) -> tuple[Any, int]:
    """As `value_at`. Raises `Refused`, with the column of the line where the value is wrong."""
    try:
        return value_at(text, start)
    except Malformed as e:
        problem = e.problem
        if e.position is not None:
            problem += f" at column {e.position - text.rfind(chr(10), 0, e.position)}"
        raise Refused(problem, where=where, remedy=e.remedy) from None


def columns_of(pairs: Any, *, where: str) -> tuple[str, ...]:
    """The column names that the first object gives, in its order."""
    if not isinstance(pairs, tuple):
        raise _no_object(pairs, where)
    return check_columns([key for key, _ in pairs], where=where)


def row_of(pairs: Any, columns: tuple[str, ...], *, escapes: bool, long: bool, where: str) -> Row:
    """The values of a decoded object in column order.

    `escapes`: the source has `\\u`, so that there may be a lone surrogate; `long`: a value may be too long.
    """
    if not isinstance(pairs, tuple) or not pairs:
        raise _no_object(pairs, where)
    keys, values = zip(*pairs, strict=True)
    if keys != columns:
        values = _reorder(keys, values, columns, where)
    if set(map(type, values)) != _STRINGS:
        values = tuple(_text(v, c, where) for v, c in zip(values, columns, strict=True))
    if escapes or long:
        _check_values(values, columns, where)
    return values


def duplicate(names: Sequence[str], where: str) -> Refused:
    """The refusal of an object that has one of these names twice."""
    seen: set[str] = set()
    twice = next(n for n in names if n in seen or seen.add(n))  # type: ignore[func-returns-value]
    return Refused(f"duplicate key {brief(twice)}", where=where, remedy="keep one of them")


def _no_object(value: Any, where: str) -> Refused:
    kind = "an object without members" if value == () else "no object"
    return Refused(f"the fact is {kind}", where=where, remedy="a fact is a flat object with named values")


def _reorder(keys: tuple[str, ...], values: Row, columns: tuple[str, ...], where: str) -> Row:
    found = dict(zip(keys, values, strict=True))
    if len(found) != len(keys):
        raise duplicate(keys, where)
    for name in columns:
        if name not in found:
            raise Refused(
                f"no {brief(name)}, which the first fact has",
                where=where,
                remedy="give every fact the same keys",
            )
    if len(found) != len(columns):
        extra = next(k for k in keys if k not in columns)
        raise Refused(
            f"{brief(extra)}, which the first fact does not have",
            where=where,
            remedy="give every fact the same keys",
        )
    return tuple(found[name] for name in columns)


def _text(value: Any, column: str, where: str) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    kind = "array" if isinstance(value, list) else "object"
    raise Refused(
        f"a nested {kind}", where=f"{where}: {brief(column)}", remedy="a fact is flat: write it as a string"
    )


def _check_values(values: Row, columns: tuple[str, ...], where: str) -> None:
    for value, column in zip(values, columns, strict=True):
        if len(value) > MAX_CELL:
            raise Refused(
                f"a value of {len(value)} characters, more than {MAX_CELL}",
                where=f"{where}: {brief(column)}",
                remedy="shorten the value",
            )
        if _SURROGATE.search(value):
            raise Refused(
                "a lone surrogate",
                where=f"{where}: {brief(column)}",
                remedy="write whole characters, or pairs",
            )
