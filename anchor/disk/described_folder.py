# SPDX-License-Identifier: Apache-2.0
"""The JSON file by which a private folder of ours says what it is: an embedded instance, or a witness."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from anchor.disk import files, private_keys
from anchor.encoding import parse_json
from anchor.errors import AnchorError, Misuse

T = TypeVar("T")


def described(path: Path, *, form: str, what: str, make: str, read: Callable[[Any], T]) -> T:
    """The content of the description of a folder, as `read` takes it from the JSON value.

    `form` is its `format`. `what` is in the folder, and `make` is the remedy if it is not there. Raises
    `Misuse` if it is not there, if others can read the folder, or for another or a malformed description:
    for that, `read` raises an error of ours, LookupError, TypeError or ValueError.
    """
    if not path.exists():
        raise Misuse(f"no {what} is here", where=str(path.parent), remedy=make)
    private_keys.check_private(path.parent)
    try:
        found = parse_json(files.read(path, limit=private_keys.MAX_FILE), where=str(path))
        if found["format"] != form:
            raise Misuse(f"format {found['format']!r} is not known", where=str(path))
        return read(found)
    except Misuse:
        raise
    except (AnchorError, LookupError, TypeError, ValueError):
        raise Misuse(
            f"does not describe the {what}", where=str(path), remedy="restore the folder from a backup"
        ) from None
