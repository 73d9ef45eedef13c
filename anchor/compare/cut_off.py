# SPDX-License-Identifier: Apache-2.0
"""Differences from the signed facts, and missing ends of ledger files that may explain them all.

A file in the middle of a copy has the first bytes of the whole one. So its facts are the first ones of that
file, and the last of them may be cut.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from anchor import limits
from anchor.compare.stored import StoredFacts, Values
from anchor.merkle import HASH_SIZE

_ESCAPES: Final = ("&", "\\")
"""A cut escape reads as itself: `&am` of `&amp;`."""
_ESCAPE: Final = 40
"""Characters of the longest escape, at least."""
_TRIES: Final = 100
"""Places where the facts of a file are looked for. If there are more, nobody is accused."""


class Part(msgspec.Struct, frozen=True):
    """One ledger file, as it is now."""

    facts: int
    """The number of its facts."""
    shorter: bool
    """True if it has fewer bytes than the whole file: its end may be missing."""
    whole_lines: bool
    """True if its last line ends in a line end, so that its last fact is not cut."""


def explains(signed: StoredFacts, there: StoredFacts, parts: Sequence[Part]) -> bool:
    """True if the facts `there`, of these files in order, are the signed ones without the ends of some files.

    The facts of a file that is not shorter are followed by those of the next one. Behind a shorter one any
    number may be missing. Each run of facts is looked for where it can stand first: that leaves most facts
    for the runs after it.
    """
    least = begin = end = 0
    free = False  # a file before was shorter
    for part in parts:
        end += part.facts
        most = len(signed) - (end - begin)
        if part.shorter:
            places = range(least, (most if free else min(most, least)) + 1)
            found = _place(signed, there, range(begin, end), places, cut=not part.whole_lines)
            if found is None:
                return False
            least, begin, free = found + end - begin, end, True
    if free and parts[-1].shorter:
        return True
    last = len(signed) - (end - begin)  # behind the last file nothing is missing
    return (last >= least if free else last == 0) and _hashes(signed, last) == _hashes(there, begin)


def _hashes(facts: StoredFacts, begin: int, end: int | None = None) -> bytes:
    return facts.hashes[begin * HASH_SIZE : None if end is None else end * HASH_SIZE]


def _place(signed: StoredFacts, there: StoredFacts, run: range, places: range, *, cut: bool) -> int | None:
    """The first of these indexes at which the signed facts are those of a run.

    `cut`: the last fact of the run may be cut.
    """
    whole = len(run) - 1 if run and cut else len(run)
    wanted = _hashes(there, run.start, run.start + whole)
    for _ in range(_TRIES):
        end = (places.stop - 1 + whole) * HASH_SIZE
        at = signed.hashes.find(wanted, places.start * HASH_SIZE, end) if places else -1
        while at >= 0 and at % HASH_SIZE:
            at = signed.hashes.find(wanted, at + 1, end)
        if at < 0:
            return None
        index = at // HASH_SIZE
        if whole == len(run) or _may_be_cut(signed, there.fact(run[-1]), signed.fact(index + whole)):
            return index
        places = range(index + 1, places.stop)
    return places.start


def _may_be_cut(signed: StoredFacts, there: Values, was: Values) -> bool:
    """True if a fact is the beginning of a signed one: whole values, one that is cut, and no further ones."""
    cut = False
    for name in signed.columns:
        mine, whole = there.get(name), was.get(name)
        if cut and mine:
            return False
        if mine == whole:
            continue
        cut = True
        if mine and not _is_beginning(mine, whole):
            return False
    return there.keys() <= set(signed.columns)


def _is_beginning(mine: str, whole: str | None) -> bool:
    """True if a value may be the cut form of another one."""
    if whole is None:  # a token for null, as it seems
        return len(mine) < limits.NULL_TOKEN
    if whole.startswith(mine):
        return True
    tail = range(max(0, len(mine) - _ESCAPE), len(mine))
    return any(mine[at] in _ESCAPES and whole.startswith(mine[:at]) for at in tail)
