# SPDX-License-Identifier: Apache-2.0
"""The subtrees of a root or a proof: arithmetic on sizes, and the folding of their hashes.

A tree of `size` leaves (RFC 9162 section 2.1.1) is cut at the largest power of two below its size, so every
node covers a range of leaves. A perfect node covers 2**level leaves from position * 2**level on, and its name
`(level, position)` is also its place in C2SP tiles. A ragged range at the right edge is made of several
perfect nodes, left to right. Provers over a list of hashes and over tiles both work from this.
"""

from collections.abc import Callable
from typing import NamedTuple

from anchor.errors import Refused
from anchor.merkle.hashing import check_number, node_hash


class Node(NamedTuple):
    """A perfect subtree: leaves `position * 2**level` up to, not including, `(position + 1) * 2**level`."""

    level: int
    position: int


class Range(NamedTuple):
    """Leaves `start` up to, not including, `end`: one node of a tree, perfect or at its right edge."""

    start: int
    end: int


def power_below(n: int) -> int:
    """The largest power of two smaller than `n`, for n >= 2: where RFC 9162 cuts a tree of n leaves."""
    check_number(n, "n", least=2, most=2**63)
    return 1 << ((n - 1).bit_length() - 1)


def perfect_nodes(start: int, end: int) -> list[Node]:
    """The fewest perfect nodes that cover leaves `start` up to `end`, left to right; none for no leaves."""
    check_number(end, "end", least=0)
    check_number(start, "start", least=0, most=end)
    nodes: list[Node] = []
    while start < end:
        aligned = (start & -start).bit_length() - 1 if start else 63
        level = min(aligned, (end - start).bit_length() - 1)
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes are the inclusion proof of leaf `index` in a tree of `size`, leaf to root.

    RFC 9162 section 2.1.3.1.
    """
    check_number(size, "size", least=1)
    check_number(index, "index", least=0, most=size - 1)
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + power_below(end - start)
        if index < middle:
            ranges.append(Range(middle, end))
            end = middle
        else:
            ranges.append(Range(start, middle))
            start = middle
    ranges.reverse()
    return ranges


def consistency_ranges(size1: int, size2: int) -> list[Range]:
    """The ranges whose hashes prove a tree of `size1` to be the beginning of one of `size2`.

    Empty for equal sizes. RFC 9162 section 2.1.4.1.
    """
    check_number(size2, "size2", least=1)
    check_number(size1, "size1", least=1, most=size2)
    ranges: list[Range] = []
    start, end = 0, size2
    while size1 != end:
        middle = start + power_below(end - start)
        if size1 <= middle:
            ranges.append(Range(middle, end))
            end = middle
        else:
            ranges.append(Range(start, middle))
            start = middle
    if start:
        ranges.append(Range(start, end))  # the old tree's right edge; at 0 it is the old root, which is known
    ranges.reverse()
    return ranges


def range_hash(part: Range, node: Callable[[Node], bytes]) -> bytes:
    """The hash of a range of at least one leaf, from the perfect nodes that `node` gives by name."""
    if part.start >= part.end:
        raise Refused("an empty range has no node", where=f"{part.start}..{part.end}")
    return fold([node(n) for n in perfect_nodes(part.start, part.end)])


def fold(hashes: list[bytes]) -> bytes:
    """The hash over the perfect nodes of one range, left to right: the last two are joined first."""
    if not hashes:
        raise Refused("no hashes to fold", where="range")
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result
