# SPDX-License-Identifier: Apache-2.0
"""Facts compared with each other: equal facts, labels that look alike, one label with different values.

The first reading of a ledger notes hashes only. The second one looks up the facts of the groups that the
hashes gave, and compares their values. So no finding rests on a hash; the number of equal facts does, and it
is wrong with a probability of n² / 2^65 for n facts.
"""

import math
import unicodedata
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import compress, islice
from operator import itemgetter, ne
from typing import Final, NamedTuple

from anchor import regex
from anchor.format.concatenated import chunks_of
from anchor.format.facts import Table, Value, brief
from anchor.inspect.lint import characters
from anchor.inspect.lint.alphabet import Alphabet
from anchor.inspect.lint.findings import MAX_FINDINGS, MAX_LINES, Finding, Remark, finding
from anchor.inspect.lint.partitions import Group, Most, Partition, Partitions, Piece, Spool, grouped
from anchor.inspect.lint.value_blocks import Block, Shortened
from anchor.words import several

_NOTHING: Final = hash("")
_SPELLED, _ROW, _NAME = 0, 2, 3
_BY_LABEL: Final = ("label-spelling", "conflicting-values", "mixed-units", "duplicate-fact")
_COMPARED: Final = (*_BY_LABEL, "label-look-alike", "repeated-seal")
_HAS_OTHER_CASE: Final = regex.expression(rb"\xc3[\x80-\x9f]|\xc4|\xc5[^\x93]")
"""The UTF-8 of letters of a plain text that a lower case of ASCII does not fold."""
_SMALL: Final = 1 << 16
"""Entries of a partition that are compared in memory."""

Strings = tuple[str, ...]
"""The values of one fact, with the empty string for null and absent values."""

_SHOWN: Final = 8
"""Different values that one finding shows."""
_ABOUT_A_FACT: Final = frozenset(
    {
        *("value", "unit", "seal", "source", "url", "link", "note", "notes", "comment", "comments", "remark"),
        *(
            "remarks",
            "description",
            "footnote",
            "id",
            "uuid",
            "index",
            "row",
            "number",
            "accessed",
            "updated",
        ),
    }
)
"""Columns that do not say what a value is about. Two facts that differ only there contradict each other."""


class Fact(NamedTuple):
    """A fact that was looked up: its line, and its values if they were asked for."""

    line: int
    values: Strings


class Found:
    """The groups of one kind: the first ones, and the number of all groups and of their facts."""

    def __init__(self) -> None:
        self.number = self.facts = 0
        self._first: list[tuple[int, Group]] = []
        """The number of its first fact, and the group."""

    def add(self, read: Callable[[], Iterable[Piece]], *, rising: bool = True) -> int:
        """Add the groups of some entries; those that begin first are kept. Returns the number of keys.

        `rising`: the numbers of the facts rise.
        """
        most = Most(facts=MAX_LINES, values=_SHOWN + 1)
        if rising:
            most = most._replace(groups=MAX_FINDINGS, before=self._before)
        found = grouped(read, most)
        self.number += found.number
        self.facts += found.facts
        if found.first:
            begins = [(min(group.facts), group) for group in found.first]
            self._first = sorted([*self._first, *begins], key=itemgetter(0))[:MAX_FINDINGS]
        return found.keys

    @property
    def groups(self) -> list[Group]:
        """The first groups, in the order of their first facts."""
        return [group for _, group in self._first]

    @property
    def _before(self) -> float:
        """Where the last of the first groups begins, if there are enough of them."""
        return self._first[-1][0] if len(self._first) == MAX_FINDINGS else math.inf


class Repeats:
    """The hashes of all facts, and the groups that they make.

    Equal facts, facts of one subject and spellings of one label have one spelling of their label. So a fact
    has one entry, whose key is that spelling. A fact whose label nobody else has needs nothing more.
    """

    def __init__(self, columns: Strings, spool: Spool) -> None:
        folded = [name.strip().casefold() for name in columns]
        places = {name: i for i, name in reversed(list(enumerate(folded)))}
        self._label, self._value, self._unit = places.get("label"), places.get("value"), places.get("unit")
        self._seal, self._period = places.get("seal"), places.get("period")
        self._subject = [
            i
            for i, name in enumerate(folded)
            if places[name] == i and name not in _ABOUT_A_FACT and not name.endswith(("_url", "_link"))
        ]
        self._spool = spool
        self._entries = Partitions(spool, 3 if self._label is None else 7)
        self._skeletons = Partitions(spool, 3)
        self._seals = Partitions(spool, 3)
        self._shortened = Shortened()
        self._alphabet = Alphabet()
        self._count = 0

    def add(self, blocks: Sequence[Block]) -> None:
        """Note a block of facts, given by column."""
        columns = [block.values for block in blocks]
        size = len(columns[0])
        numbers = range(self._count, self._count + size)
        self._count += size
        rows = list(map(hash, zip(*columns, strict=True)))
        if self._seal is not None:
            seals = list(map(hash, columns[self._seal]))
            self._seals.extend(_without_nothing((seals, numbers, numbers), of=seals))
        if self._label is None:
            self._entries.extend((rows, numbers, numbers))
            return

        def hashes(place: int | None) -> Sequence[int]:
            return array("q", (_NOTHING,)) * size if place is None else list(map(hash, columns[place]))

        spelled, drawn = self._spelled_and_drawn(blocks[self._label])
        subjects = list(map(hash, zip(*(columns[i] for i in self._subject), strict=True)))
        names, values, units = map(hashes, (self._label, self._value, self._unit))
        self._entries.extend((spelled, numbers, rows, names, subjects, values, units))
        if drawn is not spelled:
            others = list(map(ne, drawn, spelled))
            found = [list(compress(column, others)) for column in (drawn, spelled, numbers)]
            self._skeletons.extend(found)

    def _spelled_and_drawn(self, block: Block) -> tuple[Sequence[int], Sequence[int]]:
        """Hashes of the spelling and of the skeleton of each label. One list if they are the same."""
        short = self._shortened(block)
        spellings, skeletons = _spellings_and_skeletons(short, self._alphabet)
        spelled = list(map(hash, spellings))
        drawn = spelled if skeletons is spellings else list(map(hash, skeletons))
        if short is block:
            return spelled, drawn
        places = {label: place for place, label in enumerate(short.values)}
        order = [places[label] for label in block.values]
        of_all = [spelled[place] for place in order]
        return of_all, of_all if drawn is spelled else [drawn[place] for place in order]

    def groups(self) -> "Groups":
        """The groups of each kind. To be asked once, after the last fact."""
        found = {kind: Found() for kind in _COMPARED}
        different = labels = 0
        for partition in self._entries:
            if self._label is None:
                different += found["duplicate-fact"].add(_once(partition))
            elif partition.size <= _SMALL:
                facts, names = _compare(partition.whole(), found)
                different, labels = different + facts, labels + names
            else:
                facts, names = self._compare_many(partition, found)
                different, labels = different + facts, labels + names
        for partition in self._seals:
            found["repeated-seal"].add(_once(partition))
        if not self._skeletons.is_empty:
            for partition in self._entries:
                for piece in partition.pieces():
                    self._skeletons.extend((piece[0], piece[0], piece[1]))
            for partition in self._skeletons:
                found["label-look-alike"].add(_once(partition), rising=False)
        places = {"label": self._label, "value": self._value, "unit": self._unit, "seal": self._seal}
        return Groups(
            found=found,
            places=places | {"period": self._period},
            distinct_labels=None if self._label is None else labels,
            exact_duplicates=self._count - different,
            repeated_seals=found["repeated-seal"].number,
        )

    def _compare_many(self, partition: Partition, found: dict[str, Found]) -> tuple[int, int]:
        """As `_compare`, for a partition that is too large: its entries are divided again, for each kind."""
        numbers: dict[str, int] = {}
        for kind in _BY_LABEL:
            again = Partitions(self._spool, 3)
            for piece in partition.pieces():
                again.extend(_of_kind(kind, piece))
            numbers[kind] = sum(found[kind].add(_once(part)) for part in again)
        labels: set[int] = set()
        for piece in partition.pieces():
            labels.update(piece[_NAME])
        return numbers["duplicate-fact"], len(labels)


def _compare(whole: Piece, found: dict[str, Found]) -> tuple[int, int]:
    """Add the groups of a partition of entries. Returns the numbers of different facts and labels.

    A fact has one label, and a label has one spelling. So there are at least as many different facts as
    labels, and as many labels as spellings. Where two of these numbers are equal, nothing can differ.
    """
    size = len(whole[_SPELLED])
    spellings = len(set(whole[_SPELLED]))
    if spellings == size:
        return size, size
    facts, labels = len(set(whole[_ROW])), len(set(whole[_NAME]))
    kinds = [
        *(["label-spelling"] if labels != spellings else []),
        *(["conflicting-values", "mixed-units"] if facts != labels else []),
        *(["duplicate-fact"] if facts != size else []),
    ]
    for kind in kinds:
        found[kind].add(partial(_one, list(map(list, _of_kind(kind, whole)))))
    return facts, labels


def _one(piece: Piece) -> tuple[Piece]:
    return (piece,)


def _once(partition: Partition) -> Callable[[], Iterable[Piece]]:
    """The pieces of a partition; one piece, which is read once, if it is small."""
    return partial(_one, partition.whole()) if partition.size <= _SMALL else partition.pieces


def _of_kind(kind: str, piece: Piece) -> Piece:
    """Key, value and number of the facts in a piece, as one kind of finding compares them."""
    spelled, numbers, rows, names, subjects, values, units = piece
    if kind == "label-spelling":
        return spelled, names, numbers
    if kind == "conflicting-values":
        return subjects, values, numbers
    if kind == "mixed-units":
        return _without_nothing((names, units, numbers), of=units)
    return rows, numbers, numbers


def _without_nothing(piece: Piece, *, of: Sequence[int]) -> Piece:
    """The entries for which this column has the hash of something."""
    if _NOTHING not in of:
        return piece
    chosen = list(map(_NOTHING.__ne__, of))
    return [array("q", compress(column, chosen)) for column in piece]


class Groups(NamedTuple):
    """All groups of a ledger, before their facts are looked up."""

    found: dict[str, Found]
    places: dict[str, int | None]
    distinct_labels: int | None
    exact_duplicates: int
    repeated_seals: int

    def wanted(self) -> dict[int, bool]:
        """The numbers of the facts to look up; True if the values are needed, not only the line."""
        wanted: dict[int, bool] = {}
        for found in self.found.values():
            for group in found.groups:
                wanted.update((number, True) for number in group.firsts.values())
                for number in group.facts:
                    wanted.setdefault(number, False)
        return wanted

    def findings(self, facts: Mapping[int, Fact]) -> Iterator[Finding]:
        """The findings, from the facts that were looked up."""
        for kind, found in self.found.items():
            for group in found.groups:
                if said := self._said(kind, [facts[n].values for n in group.firsts.values()], group.count):
                    message, column, text = said
                    lines = sorted(facts[number].line for number in group.facts)
                    yield finding(Remark(kind, message), lines, group.count, column=column, text=text)
            if further := found.number - len(found.groups):
                count = found.facts - sum(group.count for group in found.groups)
                yield finding(Remark(kind, f"{several(further, 'further finding')} of this kind"), (), count)

    def _said(self, kind: str, facts: list[Strings], count: int) -> tuple[str, str, str] | None:
        """Message, column and text of the finding about a group; None if its hashes were equal by chance."""
        first = facts[0]

        def of(name: str, fact: Strings) -> str:
            place = self.places[name]
            return "" if place is None else fact[place]

        def different(name: str, same: Callable[[str], str] = str) -> list[str]:
            """The values of a column, if they differ and their keys do not."""
            values = list(dict.fromkeys(of(name, fact) for fact in facts))
            return values if len(values) > 1 and len(set(map(same, values))) == 1 else []

        if kind == "duplicate-fact":
            return (f"{count} facts are the same in every value", "", "") if len(set(facts)) == 1 else None
        if kind == "repeated-seal":
            same = len({of("seal", fact) for fact in facts}) == 1
            return (f"stands on {count} facts", "seal", of("seal", first)) if same else None
        if kind == "label-spelling":
            labels = different("label", characters.spelling)
            return (
                (f"{_listed(labels, 120)} differ only in case or spacing", "label", labels[0])
                if labels
                else None
            )
        if kind == "label-look-alike":
            labels = different("label", characters.skeleton)
            return (f"{_listed(labels, 120)} look alike", "label", labels[0]) if labels else None
        label = of("label", first)
        if any(of("label", fact) != label for fact in facts):
            return None
        if kind == "mixed-units":
            units = different("unit", lambda _: "")
            return (f"has the units {_listed(units)}", "unit", label) if units else None
        values = different("value", lambda _: "")
        period = of("period", first)
        when = f"in period {brief(period)}" if period else "without a period"
        return (f"{when} it has the values {_listed(values)}", "value", label) if values else None


def look_up(table: Table, wanted: Mapping[int, bool]) -> dict[int, Fact]:
    """The facts of these numbers, from 0, in a table that is read again."""
    found: dict[int, Fact] = {}
    rest, begin = deque(sorted(wanted)), 0
    for lines, facts in chunks_of(table):
        while rest and rest[0] < begin + len(facts):
            number = rest.popleft()
            values = strings(facts[number - begin]) if wanted[number] else ()
            found[number] = Fact(lines[number - begin], values)
        if not rest:
            break
        begin += len(facts)
    return found


def columns_of_strings(facts: Sequence[Sequence[Value]]) -> list[Block]:
    """The values of some facts by column, with the empty string for null and absent ones."""
    return [_block(column) for column in zip(*facts, strict=True)]


def _block(column: Sequence[Value]) -> Block:
    try:
        return Block(column)  # type: ignore[arg-type]  # the question is whether all are strings
    except TypeError:
        return Block(strings(column))


def strings(fact: Iterable[Value]) -> Strings:
    """The values of a fact, with the empty string for null and absent ones."""
    return tuple(value if isinstance(value, str) else "" for value in fact)


def _spellings_and_skeletons(block: Block, alphabet: Alphabet) -> tuple[list[str], list[str]]:
    """Both of each label of a block; one list if they are the same. Most labels are done all at once."""
    text = block.text
    found: tuple[list[str], list[str]] | None
    if block.simple is not None:
        found = _without_spaces(block.simple.lower().decode("latin-1"))
    elif block.is_plain and unicodedata.is_normalized("NFKC", text):
        found = _without_spaces(
            text.casefold() if _HAS_OTHER_CASE.search(block.utf8) else block.utf8.lower().decode()
        )
    else:
        found = alphabet.spellings_and_skeletons(text)
    if found is not None and len(found[0]) == len(block.values):
        return found
    return characters.spellings_and_skeletons(block.values)


def _without_spaces(folded: str) -> tuple[list[str], list[str]]:
    found = folded.replace(" ", "").split("\n")
    return found, found


def _listed(values: Collection[str], length: int = 40) -> str:
    shown = [brief(value, length) for value in islice(values, _SHOWN)]
    return ", ".join(shown) + (" and others" if len(values) > _SHOWN else "")
