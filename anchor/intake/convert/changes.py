# SPDX-License-Identifier: Apache-2.0
"""The changes that a conversion made: each kind once, with its count and the first examples."""

from collections.abc import Iterator

import msgspec

from anchor.format.facts import brief

_EXAMPLES = 3


class Change(msgspec.Struct, frozen=True):
    """One kind of change."""

    what: str
    """A sentence about what was done."""
    count: int
    examples: tuple[str, ...] = ()
    """The first few places, with what stood there."""


class Changes:
    """Collects what was changed."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def add(self, what: str, *, place: str = "", text: str | None = None, count: int = 1) -> None:
        """Count a change of the kind `what`. `place` is such as `line 3`, `text` what stood there."""
        self._counts[what] = self._counts.get(what, 0) + count
        examples = self._examples.setdefault(what, [])
        if len(examples) < _EXAMPLES and (place or text is not None):
            shown = "" if text is None else brief(text, 60)
            examples.append(": ".join(part for part in (place, shown) if part))

    def __iter__(self) -> Iterator[Change]:
        for what, count in self._counts.items():
            yield Change(what, count, tuple(self._examples[what]))
