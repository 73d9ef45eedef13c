# SPDX-License-Identifier: Apache-2.0
"""The life of a fact over the releases of a ledger: its values, from which release to which.

A fact is known by its key columns. Several facts of one release may have one key: then they are shown as they
are, and equal ones are paired before they are compared. Nothing is said of a release that was not read.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from anchor.compare.wanted import Match

Event = Literal["appeared", "first seen", "changed", "disappeared", "reappeared", "unchanged", "not known"]
"""`first seen`: an earlier release was not read, so it may be older. `unchanged`: after one that was not."""
Key = tuple[str | None, ...]
Facts = tuple[Match, ...]


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fact that is not in both of two releases, or has other values there."""

    old: Match | None = None
    new: Match | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Releases in a row in which the facts of a key are the same. Releases count from 0, the oldest first."""

    event: Event
    """How it begins."""
    first: int
    last: int
    facts: tuple[Facts, ...] = ()
    """The facts of each of these releases; empty where there is no fact, and where it is not known."""
    changes: tuple[Change, ...] = ()
    """In what it differs from the last release before that was read; for `changed` and `reappeared`."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """The spans of the facts of one key, the oldest first."""

    key: dict[str, str | None]
    spans: tuple[Span, ...]


def lives(
    releases: Sequence[Sequence[Match] | None], key: Sequence[str], *, from_the_first: bool
) -> list[Life]:
    """The life of each key, by its first appearance.

    `releases`: the facts that were found in each release, the oldest first; None for one that could not be
    read. `from_the_first`: the oldest one is number 1.
    """
    grouped = [None if found is None else _by_key(found, key) for found in releases]
    keys = dict.fromkeys(k for one in grouped if one is not None for k in one)
    return [
        Life(
            key=dict(zip(key, k, strict=True)),
            spans=_spans(
                [None if one is None else one.get(k, ()) for one in grouped], from_the_first=from_the_first
            ),
        )
        for k in keys
    ]


def _by_key(found: Sequence[Match], key: Sequence[str]) -> dict[Key, Facts]:
    groups: dict[Key, list[Match]] = {}
    for match in found:
        groups.setdefault(tuple(match.fact.get(name) for name in key), []).append(match)
    return {k: tuple(group) for k, group in groups.items()}


def _spans(seen: Sequence[Facts | None], *, from_the_first: bool) -> tuple[Span, ...]:
    found: list[Span] = []
    known: Facts = ()  # of the last release that was read
    there: Facts = ()  # the last ones that there were
    before: Facts | None = () if from_the_first else None  # of the release just before
    for at, facts in enumerate(seen):
        if found:
            event = _event(facts, known, after_a_gap=before is None)
        elif facts:
            event = "appeared" if before is not None else "first seen"
        else:
            before = facts
            continue
        if event is None or (event == "not known" and found[-1].event == event):
            found[-1] = _longer(found[-1], facts or ())
        else:
            old = known if event == "changed" else there
            changes = changed(old, facts) if facts and event in ("changed", "reappeared") else ()
            found.append(Span(event=event, first=at, last=at, facts=(facts or (),), changes=changes))
        if facts is not None:
            known, there = facts, facts or there
        before = facts
    return tuple(found)


def _event(facts: Facts | None, known: Facts, *, after_a_gap: bool) -> Event | None:
    """How a release begins a new span. None: it continues the last one.

    `known`: the facts of the last release that was read, after which there may be a gap.
    """
    if facts is None:
        return "not known"
    if _same(facts, known):
        return "unchanged" if after_a_gap else None
    if not facts:
        return "disappeared"
    return "changed" if known else "reappeared"


def _same(one: Sequence[Match], two: Sequence[Match]) -> bool:
    return Counter(m.leaf for m in one) == Counter(m.leaf for m in two)


def _longer(span: Span, facts: Facts) -> Span:
    return msgspec.structs.replace(span, last=span.last + 1, facts=(*span.facts, facts))


def changed(old: Sequence[Match], new: Sequence[Match]) -> tuple[Change, ...]:
    """The facts that differ. Equal ones are paired first, and the others in their order."""
    both = Counter(m.leaf for m in old) & Counter(m.leaf for m in new)
    older, newer = _without(old, both), _without(new, both)
    pairs = [Change(old=o, new=n) for o, n in zip(older, newer, strict=False)]
    pairs += [Change(old=one) for one in older[len(newer) :]]
    pairs += [Change(new=one) for one in newer[len(older) :]]
    return tuple(pairs)


def _without(matches: Sequence[Match], leaves: Counter[str]) -> list[Match]:
    """The matches without as many of each leaf as are counted."""
    left, rest = Counter(leaves), []
    for match in matches:
        if left[match.leaf]:
            left[match.leaf] -= 1
        else:
            rest.append(match)
    return rest
