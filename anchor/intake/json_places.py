# SPDX-License-Identifier: Apache-2.0
"""The places in a JSON document that hold facts: arrays of objects, and objects of objects.

The document is looked at by tokens, so the beginning of a large one is enough. Nothing is checked here.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from anchor import regex

_PART = regex.expression(r'"(?:[^"\\]++|\\.)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]++')
_DEPTH: Final = 64
_MEMBERS: Final = 1000


class Place(msgspec.Struct, frozen=True):
    """A value whose items are objects."""

    pointer: str
    """RFC 6901; "" is the whole document."""
    items: int
    """Objects in it, as far as the document was looked at."""
    is_object: bool
    """The facts are members of an object, and their names are part of them."""
    members: frozenset[str]
    """The names of the members of its first item."""
    is_rows: bool = False
    """Its items are arrays, so they are no facts. A document of this kind may describe its columns by
    objects."""


class _Open(msgspec.Struct):
    """An array or an object that the parts are inside of."""

    pointer: str
    is_object: bool
    key: str = ""
    count: int = 0
    """Items of an array, the one that is open included."""
    is_next: bool = True
    """The next token begins an item."""
    objects: int = 0
    arrays: int = 0
    members: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


def places(text: str) -> tuple[Place, ...]:
    """All places with facts in these first characters of a document, those with most facts first.

    A place inside a fact of another place is left out.
    """
    found: list[Place] = []
    stack: list[_Open] = []
    for part in _parts(text):
        top = stack[-1] if stack else None
        if top:
            _note(top, part)
        if part in "{[":
            if len(stack) >= _DEPTH:
                break
            stack.append(_Open(_pointer(top), part == "{"))
        elif part in "}]":
            if not stack:
                break
            _close(stack, found)
    while stack:
        _close(stack, found)
    rows = max((p.items for p in found if p.is_rows), default=0)
    found = [p for p in found if not p.is_rows and p.items > rows]
    outer = [p for p in found if not any(_is_inside(p, q) for q in found)]
    return tuple(sorted(outer, key=lambda p: -p.items))


def _note(top: _Open, part: str) -> None:
    """Take note of one token inside of an array or an object."""
    if part == ",":
        top.is_next, top.key = True, ""
        return
    if top.is_next and part not in "]}":
        top.count, top.is_next = top.count + 1, False
    if top.is_object and not top.key and part.startswith('"'):
        top.key = part
        top.members += (_name(part),) if len(top.members) < _MEMBERS else ()


def _parts(text: str) -> Iterator[str]:
    return (m[0] for m in _PART.finditer(text) if m[0] != ":")


def _pointer(top: "_Open | None") -> str:
    if top is None:
        return ""
    last = _name(top.key) if top.is_object else str(top.count - 1)
    return f"{top.pointer}/{last.replace('~', '~0').replace('/', '~1')}"


def _name(part: str) -> str:
    try:
        found: str = msgspec.json.decode(part, type=str)
    except (msgspec.DecodeError, UnicodeError):
        return part.strip('"')
    return found


def _close(stack: list[_Open], found: list[Place]) -> None:
    done = stack.pop()
    if stack and done.is_object:
        stack[-1].objects += 1
        stack[-1].first = stack[-1].first or done.members
    elif stack:
        stack[-1].arrays += 1
    if done.arrays > 1 and done.arrays == done.count and not done.is_object:
        found.append(_rows(done))
    values = len(done.members) if done.is_object else done.count
    enough = done.objects and done.objects * 10 >= values * 9
    if enough and (not done.is_object or done.objects > 1):
        found.append(Place(done.pointer, done.objects, done.is_object, frozenset(done.first)))


def _rows(done: _Open) -> Place:
    return Place(done.pointer, done.arrays, is_object=False, members=frozenset(), is_rows=True)


def _is_inside(place: Place, other: Place) -> bool:
    """True if the place lies in an item of the other one, and the other one has more facts or is an array."""
    inside = place.pointer.startswith(other.pointer + "/")
    return inside and (not other.is_object or other.items > 2)
