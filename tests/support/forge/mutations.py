# SPDX-License-Identifier: Apache-2.0
"""Mutations of bundles: every place of the JSON, changed in every way that a liar or a fault might."""

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

from tests.support.forge.logs import Json

Path = tuple[str | int, ...]


class _Gone:
    def __repr__(self) -> str:  # the same in every process, as names of tests must be
        return "GONE"


GONE = _Gone()


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every place below a JSON value, with what stands there."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def at(document: Any, path: Path) -> Any:
    """The value at a path, GONE if there is no value."""
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return GONE
    return document


def changed(document: Json, path: Path, value: Any) -> Json:
    """A copy with another value at a place; GONE takes the place away."""
    found = copy.deepcopy(document)
    target = at(found, path[:-1])
    if value is GONE:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return found


def others(value: Any) -> Iterator[tuple[str, Any]]:
    """Other values for a place, each with the name of the change."""
    yield "gone", GONE
    yield "null", None
    for name, wrong in (
        ("list", []),
        ("object", {}),
        ("true", True),
        ("number", 7),
        ("empty", ""),
        ("nul", "\0"),
    ):
        if value != wrong:
            yield name, wrong
    if isinstance(value, list):
        yield "twice", [*value, *value]
        yield "reversed", value[::-1]
        yield "and-null", [*value, None]
    if isinstance(value, dict):
        yield "in-list", [value]
        yield "more", value | {"more": 1}
    if isinstance(value, str):
        yield "doubled", value * 2
        yield "space", f" {value}"
        yield "newline", f"{value}\n"
        yield "capitals", value.upper()
        yield "cut", value[:-1]
        if value.isdigit():
            yield from (
                (f"plus-{n}", str(int(value) + n)) for n in (1, -1, 256, 2**32, 2**63) if int(value) + n >= 0
            )
            yield "as-number", int(value)
        elif raw := decoded(value):
            yield from flips(raw)


def decoded(text: str) -> bytes | None:
    """The bytes of a base64 text, None for another text."""
    try:
        return base64.b64decode(text, validate=True) or None
    except ValueError:
        return None


def flips(raw: bytes) -> Iterator[tuple[str, str]]:
    """A bit flipped at both ends and in the middle; a byte more, a byte less."""
    for place in sorted({0, 1, 3, 4, len(raw) // 2, len(raw) - 1}):
        if place < len(raw):
            yield f"flip-{place}", flipped(raw, place)
    yield "byte-more", base64.b64encode(raw + b"\0").decode()
    yield "byte-less", base64.b64encode(raw[:-1]).decode()


def flipped(raw: bytes, place: int, bit: int = 0) -> str:
    """Base64 of bytes with one bit flipped."""
    spoiled = bytearray(raw)
    spoiled[place] ^= 1 << bit
    return base64.b64encode(bytes(spoiled)).decode()


def mutations(bundle: Json, donor: Json) -> Iterator[tuple[str, bytes]]:
    """Every mutation of a bundle, labelled by place and change. `donor`: another bundle to swap from."""
    for path, value in places(bundle):
        label = ".".join(map(str, path))
        for name, other in others(value):
            yield f"{label}:{name}", json.dumps(changed(bundle, path, other)).encode()
        swap = at(donor, path)
        if swap is not GONE and swap != value:
            yield f"{label}:swapped", json.dumps(changed(bundle, path, swap)).encode()
