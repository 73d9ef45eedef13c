# SPDX-License-Identifier: Apache-2.0
"""Which tiles a proof needs, worked out from sizes alone: what a reader asks for is compared with it."""

from collections.abc import Iterable

from anchor.merkle.ranges import Range, consistency_ranges, inclusion_ranges, perfect_nodes
from anchor.tlog.tiles import FULL, Tile, parent, place, right_edge


def needed(ranges: Iterable[Range], size: int) -> list[Tile]:
    """The tiles from which the hashes of `ranges` can be read and hashed up to the root of a tree of `size`.

    The right edge first, then each tile after the one above it.
    """
    order = dict.fromkeys(right_edge(size))
    for part in ranges:
        for node in perfect_nodes(part.start, part.end):
            chain = [place(node, size).tile]
            while chain[-1].width == FULL:
                chain.append(parent(chain[-1], size).tile)
            order.update(dict.fromkeys(reversed(chain)))
    return list(order)


def for_inclusion(index: int, size: int) -> list[Tile]:
    """The tiles that an inclusion proof of one leaf needs, its leaf hash included."""
    return needed([Range(index, index + 1), *inclusion_ranges(index, size)], size)


def for_consistency(old: int, size: int) -> list[Tile]:
    """The tiles that a consistency proof needs, the nodes of the older root included."""
    return needed([Range(0, old), *consistency_ranges(old, size)], size)
