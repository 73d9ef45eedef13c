# SPDX-License-Identifier: Apache-2.0
"""Rules for the column `unit`: units that are missing, and units that are written in several ways."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from anchor.format.facts import brief
from anchor.inspect.lint import characters
from anchor.inspect.lint.findings import MAX_LINES, Finding, Places, Remark, finding
from anchor.inspect.lint.value_blocks import Block

_MOST: Final = 4096
"""Different units that are compared. A column with more has no units."""
_WORDS: Final = {
    **dict.fromkeys(
        ("%", "percent", "per cent", "pct", "pourcent", "pour cent", "prozent", "por ciento"), "%"
    ),
    **dict.fromkeys(("€", "eur", "euro", "euros"), "€"),
    **dict.fromkeys(("$", "usd", "us$", "dollar", "dollars"), "$"),
    **dict.fromkeys(("°c", "celsius", "degree celsius", "degrees celsius"), "°c"),
}
"""Units that are written as a sign and as a word."""


class Units:
    """The units of a ledger, and the numbers that have no unit."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        places = {name.strip().casefold(): i for i, name in reversed(list(enumerate(columns)))}
        self._unit, self._value = places.get("unit"), places.get("value")
        self._units: dict[str, Places] = {}
        self._without = Places()

    def add(self, lines: Sequence[int], blocks: Sequence[Block]) -> None:
        """Note the units of a block of facts."""
        if self._unit is None:
            return
        units = blocks[self._unit].values
        values = blocks[self._value].values if self._value is not None else ()
        if "" in units:
            for line, unit, value in zip(lines, units, values, strict=False):
                if not unit and value[:1].isdecimal() and value.replace(".", "").replace(",", "").isdecimal():
                    self._without.add(line)
        for unit, count in Counter(units).items():
            if unit not in self._units and len(self._units) < _MOST:
                self._units[unit] = Places()
            if places := self._units.get(unit):
                if len(places.lines) < MAX_LINES:
                    places.lines += [n for n, u in zip(lines, units, strict=True) if u == unit]
                    del places.lines[MAX_LINES:]
                places.count += count

    def findings(self) -> Iterator[Finding]:
        """The findings about the column."""
        units = {unit: places for unit, places in self._units.items() if unit}
        if not units or len(self._units) >= _MOST:
            return
        numbers = self._without.count
        if 0 < numbers <= sum(places.count for places in units.values()):
            remark = Remark("missing-unit", f"{numbers} numbers have no unit")
            yield finding(remark, self._without.lines, numbers, column="unit")
        groups: dict[str, list[str]] = defaultdict(list)
        for unit in units:
            groups[_key(unit)].append(unit)
        for group in groups.values():
            if len(group) > 1:
                group.sort(key=lambda unit: -units[unit].count)
                shown = ", ".join(brief(unit) for unit in group[:8])
                lines = sorted(line for unit in group[1:] for line in units[unit].lines)
                count = sum(units[unit].count for unit in group[1:])
                remark = Remark("unit-spelling", f"{shown} are written differently and look the same unit")
                yield finding(remark, lines, count, column="unit", text=group[0])


def _key(unit: str) -> str:
    text = unicodedata.normalize("NFKC", unit).casefold().strip().rstrip(".")
    return _WORDS.get(text, characters.spelling(text))
