# SPDX-License-Identifier: Apache-2.0
"""JSON pointers (RFC 6901): the place of a value inside a JSON value."""

from collections.abc import Iterable

from anchor import limits, regex
from anchor.errors import Refused

Steps = tuple[str, ...]
"""The names of members, and the indexes of items as text, that lead from a value to one inside of it."""

_STEP = regex.expression("(?:[^~]|~[01])*")
_INDEX = regex.expression("0|[1-9][0-9]{0,18}")


def steps_of(pointer: str, *, where: str) -> Steps:
    """The steps of a pointer. The empty pointer has none: it points to the whole value."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise Refused("a JSON pointer begins with '/'", where=where, remedy=f"write /{pointer.strip('$.')}")
    if len(pointer) > limits.TEXT:
        raise Refused(f"a JSON pointer of more than {limits.TEXT} characters", where=where)
    parts = pointer[1:].split("/")
    if not all(map(_STEP.fullmatch, parts)):
        raise Refused("'~' before something else than 0 and 1", where=where, remedy="write ~0 for '~'")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def pointer_of(steps: Iterable[str]) -> str:
    """The pointer that has these steps."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def index_of(step: str) -> int | None:
    """The index of an item that a step names, None if it names none."""
    return int(step) if _INDEX.fullmatch(step) else None
