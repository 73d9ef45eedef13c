# SPDX-License-Identifier: Apache-2.0
"""Rules for the names of columns."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from anchor.format.facts import brief
from anchor.inspect.lint import characters
from anchor.inspect.lint.findings import Finding, Remark, finding
from anchor.inspect.lint.values import ValueRules

_LINES = (1,)
_OF_VALUES = frozenset({"placeholder", "missing-value", "outer-blanks"})
"""Kinds that have another meaning in a name, or none."""


def findings(columns: tuple[str, ...]) -> Iterator[Finding]:
    """The findings about the names of a ledger."""
    rules = ValueRules("")
    for name in columns:
        for remark in rules.of_one(name):
            if remark.kind not in _OF_VALUES:
                yield finding(remark, _LINES, 1, text=name)
        if name != name.strip():
            yield finding(Remark("outer-blanks", "is a name with blanks around it"), _LINES, 1, text=name)
    alike = list(_groups(columns, characters.spelling, "differ only in case or blanks"))
    yield from alike
    seen = {
        name
        for found in alike
        for name in columns
        if characters.spelling(name) == characters.spelling(found.text)
    }
    yield from _groups(tuple(n for n in columns if n not in seen), characters.skeleton, "look alike")


def _groups(columns: tuple[str, ...], key: Callable[[str], str], how: str) -> Iterator[Finding]:
    groups = defaultdict(list)
    for name in columns:
        groups[key(name)].append(name)
    for group in groups.values():
        if len(group) > 1:
            shown = ", ".join(brief(name) for name in group[:8]) + (" and others" if len(group) > 8 else "")
            yield finding(Remark("name-spelling", f"{shown} {how}"), _LINES, len(group), text=group[0])
