# SPDX-License-Identifier: Apache-2.0
"""Flat JSON objects as facts: the part that the three JSON readers share.

A number literal is carried as the text it is written in, `true` and `false` as those words, `null` as the
empty string. How the objects are laid out in a file is for the readers.
"""

import json
import re
from typing import Any, NoReturn

import msgspec

from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, MAX_NUMBER, Row, brief, check_columns

_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {True: "true", False: "false", None: ""}
_STRINGS = {str}


class _Bad(Exception):
    """The problem that a hook of the JSON decoder found. The caller adds the place."""


def _number(text: str) -> str:
    if len(text) > MAX_NUMBER:
        raise _Bad(f"a number of {len(text)} characters, more than {MAX_NUMBER}")
    return text


def _constant(text: str) -> NoReturn:
    raise _Bad(f"{text} is no JSON")


# Objects come as tuples of pairs, so that a duplicate key is seen and an object is not taken for an array.
_DECODER = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=_number, parse_float=_number, parse_constant=_constant
)


_STRINGS_ONLY = msgspec.json.Decoder(dict[str, str]).decode


def decode(text: str, start: int, *, where: str) -> tuple[Any, int]:
    """The JSON value at `start` of `text` and the position after it; objects are tuples of pairs."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as e:
        raise Refused(
            f"not JSON: {e.msg} at column {e.colno}", where=where, remedy="write the value as RFC 8259 says"
        ) from None
    except _Bad as e:
        raise Refused(str(e), where=where, remedy="write it as a string") from None
    except RecursionError:
        raise Refused("nested too deeply", where=where, remedy="a fact is a flat object") from None


def plain_row(text: str, columns: tuple[str, ...]) -> Row | None:
    """The values of an object without anything unusual, twice as fast as by `decode`; else None.

    Without a back-slash, n members whose keys and values are all strings take 4n quotes. A duplicate key
    would take more, so what this accepts is what `decode` and `row_of` give.
    """
    if "\\" in text or text.count('"') != 4 * len(columns):
        return None
    try:
        found = _STRINGS_ONLY(text)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return tuple(found.values()) if tuple(found) == columns else None


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


def _no_object(value: Any, where: str) -> Refused:
    kind = "an object without members" if value == () else "no object"
    return Refused(f"the fact is {kind}", where=where, remedy="a fact is a flat object with named values")


def _reorder(keys: tuple[str, ...], values: Row, columns: tuple[str, ...], where: str) -> Row:
    found = dict(zip(keys, values, strict=True))
    if len(found) != len(keys):
        twice = next(k for i, k in enumerate(keys) if k in keys[:i])
        raise Refused(f"duplicate key {brief(twice)}", where=where, remedy="keep one of them")
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
