# SPDX-License-Identifier: Apache-2.0
"""The arrays and objects inside a JSON document that may be its facts, for the message that names them."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from anchor.errors import Refused
from anchor.format.facts import brief
from anchor.format.readers.json_dialect import JsonDialect
from anchor.format.readers.json_document import JsonDocument
from anchor.format.readers.json_facts import kind_of
from anchor.format.readers.pointer import Steps, pointer_of

_DEEP: Final = 6
"""Steps of a pointer that is looked for."""
_FEW: Final = 16
"""Members and items of one value that are looked into."""
_NAMED: Final = 3
"""Places that a message names."""


_OBJECT: Final = kind_of("{")
_ARRAY: Final = kind_of("[")


class Place(NamedTuple):
    """A value that holds others: `named` is an object, `kind` is what it holds."""

    steps: Steps
    named: bool
    kind: str
    size: int


def places(document: JsonDocument, steps: Steps = ()) -> Iterator[Place]:
    """The arrays, and the objects of objects, that the value has which the document gives next."""
    first = document.first()
    if first not in ("{", "["):
        document.skip(len(steps))
        return
    kinds, count = set[str](), 0
    for step in document.members() if first == "{" else document.items():
        inner = document.first()
        kinds.add(kind_of(inner))
        look = count < _FEW and len(steps) < _DEEP and (first == "{" or inner == "[")
        if look:
            yield from places(document, (*steps, str(step)))
        else:
            document.skip(len(steps) + 1)
        count += 1
    kind = kinds.pop() if len(kinds) == 1 else ""
    if first == "[" and count:
        yield Place(steps, named=False, kind=kind, size=count)
    elif kind == _OBJECT and count > 1:
        yield Place(steps, named=True, kind=kind, size=count)


def remedy_for(first: str, document: JsonDocument, dialect: JsonDialect) -> str:
    """The remedy if the facts are not where `dialect` says: a value begins there with `first`."""
    if first and kind_of(first) == "no JSON value":
        return "a file has one JSON document alone: take out the script or the comments around it"
    if dialect.key_column is not None and first == "[":
        return "leave --key-column out"
    try:
        found = sorted(places(document), key=lambda p: (p.kind != _OBJECT, len(p.steps), -p.size))
        if document.first() == "{":
            return "give --reader jsonl-v2, if the file has one object a line"
    except Refused:
        return "name the array of facts with --at"
    found = [p for p in found if pointer_of(p.steps) != dialect.at or p.named]
    if arrays := [p for p in found if p.kind == _OBJECT and not p.named]:
        return _add(arrays)
    if first in ("", "{") and (named := [p for p in found if p.named]):
        return _key_column(named[0])
    return _written_anew(first, found)


def _written_anew(first: str, found: list[Place]) -> str:
    """The way out for a document without an array of objects."""
    lists = [p for p in found if p.kind == _ARRAY]
    if first == "[" or lists:
        return f"{_subject(lists)}write each inner array as an object with named values, or write a CSV file"
    values = [p for p in found if p.kind and not p.named]
    if first == "{" and values:
        return f"{_subject(values)}write an array with an object for each row"
    if first == "{":
        return "write it as an array, [{...}]"
    if not first:
        return "write [{...}, ...]"
    return 'write each value as an object, {"value": ...}, or one value a line for --reader lines-v1'


def _add(arrays: list[Place]) -> str:
    if not arrays[0].steps:
        return "leave --at out"
    shown = [_quoted(pointer_of(p.steps)) for p in arrays[:_NAMED]]
    counts = [f"{p.size} objects" if p.size > 1 else "1 object" for p in arrays[:_NAMED]]
    if len(arrays) == 1:
        return f"add --at {shown[0]} ({counts[0]})"
    more = f", and {len(arrays) - _NAMED} more" if len(arrays) > _NAMED else ""
    return f"add --at with one of {', '.join(f'{p} ({n})' for p, n in zip(shown, counts, strict=True))}{more}"


def _key_column(place: Place) -> str:
    at = f"--at {_quoted(pointer_of(place.steps))} " if place.steps else ""
    return f"add {at}--key-column key, and the names of its {place.size} members become this column"


def _quoted(pointer: str) -> str:
    """The pointer as a word of a command."""
    plain = pointer.isascii() and all(c.isalnum() or c in "/_-.~" for c in pointer)
    return (pointer if plain else brief(pointer, 120)) or "''"


def _subject(found: list[Place]) -> str:
    if not found or not found[0].steps:
        return ""
    kind = "arrays" if found[0].kind == _ARRAY else "single values"
    return f"{_quoted(pointer_of(found[0].steps))} has {kind}: "
