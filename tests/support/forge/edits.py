# SPDX-License-Identifier: Apache-2.0
"""Edits of JSON documents, by which vectors are forged."""

from typing import Any

from tests.support.forge.bundles import Edit, Json


def put(path: str, value: Any) -> Edit:
    """An edit that sets the member at a dotted path; numbers index lists."""

    def edit(document: Json) -> None:
        holder, last = _member(document, path)
        holder[last] = value

    return edit


def drop(path: str) -> Edit:
    """An edit that removes the member at a dotted path."""

    def edit(document: Json) -> None:
        holder, last = _member(document, path)
        del holder[last]

    return edit


def _member(document: Json, path: str) -> tuple[Any, str | int]:
    """The object or list that has the member at a dotted path, and the member's name or index."""
    *steps, last = [int(s) if s.isdigit() else s for s in path.split(".")]
    holder: Any = document
    for step in steps:
        holder = holder[step]
    return holder, last
