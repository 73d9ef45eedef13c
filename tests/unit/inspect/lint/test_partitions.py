# SPDX-License-Identifier: Apache-2.0
"""Partitions find what a dictionary finds, however many entries there are, in memory and on the disk."""

import io
import struct
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.inspect.lint.partitions import Most, Partitions, grouped

KEYS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
ENTRIES = st.lists(st.tuples(KEYS, st.integers(-2, 2)), max_size=200)
Entries = list[tuple[int, int]]


def filled(entries: Entries, *, step: int = 3, in_memory: int = 20) -> Partitions:
    """The entries and their numbers."""
    partitions = Partitions(io.BytesIO(b"something else"), 3, in_memory=in_memory)
    numbers = range(len(entries))
    for at in range(0, len(entries), step):
        keys, values = zip(*entries[at : at + step], strict=True)
        partitions.extend((keys, values, numbers[at : at + step]))
    return partitions


def expected(entries: Entries) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """The facts of each key that has several values, and its values with their first facts."""
    firsts: dict[int, dict[int, int]] = defaultdict(dict)
    facts = defaultdict(list)
    for number, (key, value) in enumerate(entries):
        firsts[key].setdefault(value, number)
        facts[key].append(number)
    several = (key for key, found in firsts.items() if len(found) > 1)
    return sorted((facts[key], sorted(firsts[key].items())) for key in several)


@given(ENTRIES, st.integers(1, 7), st.sampled_from([5, 1000]))
def test_groups_are_those_of_a_dictionary(entries: Entries, step: int, in_memory: int) -> None:
    partitions = filled(entries, step=step, in_memory=in_memory)
    assert partitions.is_empty == (not entries)
    found = [grouped(part.pieces, Most(facts=1000, values=10)) for part in partitions]
    groups = [group for part in found for group in part.first]
    wanted = expected(entries)
    assert sum(part.keys for part in found) == len({key for key, _ in entries})
    assert sum(part.number for part in found) == len(wanted)
    assert sum(part.facts for part in found) == sum(len(facts) for facts, _ in wanted)
    assert sorted((g.facts, sorted(g.firsts.items())) for g in groups) == wanted
    assert all(group.count == len(group.facts) for group in groups)


@given(ENTRIES, st.integers(0, 5), st.integers(0, 200))
def test_the_first_groups_are_kept_and_all_are_counted(entries: Entries, groups: int, before: int) -> None:
    wanted = expected(entries)
    for part in filled(entries, in_memory=1000):
        found = grouped(part.pieces, Most(facts=2, values=1, groups=groups, before=before))
        assert (found.number, found.facts) == (len(wanted), sum(len(facts) for facts, _ in wanted))
        kept = [(facts, firsts) for facts, firsts in wanted if facts[0] < before][:groups]
        assert sorted((g.facts, g.count) for g in found.first) == [(f[:2], len(f)) for f, _ in kept]


@pytest.mark.parametrize("in_memory", [1 << 12, 1 << 17])
def test_entries_come_back_in_their_order_from_many_pieces(in_memory: int) -> None:
    partitions = Partitions(io.BytesIO(), 2, in_memory=in_memory)
    for begin in range(0, 100_000, 1000):
        added = range(begin, begin + 1000)
        partitions.extend(([i * 7919 for i in added], added))
    seen: list[int] = []
    for partition in partitions:
        keys, numbers = partition.whole()
        assert partition.size == len(keys)
        assert list(numbers) == sorted(numbers)
        assert all(key == number * 7919 for key, number in zip(keys, numbers, strict=True))
        assert in_memory > 100_000 or len({struct.pack("=q", key)[0] for key in keys}) == 1
        seen += numbers
    assert sorted(seen) == list(range(100_000))
