# SPDX-License-Identifier: Apache-2.0
"""One line for each fact that differs: in a copy that was tampered with, or a ledger before it is signed."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Final

from msgspec import UNSET

from anchor.compare.differences import Cell, Comparison, Difference
from anchor.compare.stored import Values
from anchor.format.facts import Value, brief
from anchor.words import several

MOST: Final = 10
"""Facts that are named."""
_CELLS: Final = 3
"""Values that are named of one fact."""
_NAME: Final = 40
_LABEL: Final = 80
Place = Callable[[int], str]
"""The words for where a fact of the newer sequence stands, by its index: "line 12"."""


def of_altered_copy(comparison: Comparison, place: Place) -> Iterator[str]:
    """The lines about a copy (the newer sequence) of signed facts (the older one). None if all are equal."""
    yield from islice(chain(_columns(comparison), _facts(comparison, place)), MOST)


def number_of_facts(comparison: Comparison) -> int:
    """The number of lines that there would be without a limit."""
    counts, columns = comparison.counts, comparison.columns
    said = len(columns.renamed) + len(columns.added) + len(columns.removed)
    return said + counts.changed + counts.added + counts.removed + counts.moved


def _columns(comparison: Comparison) -> Iterator[str]:
    for signed, there in comparison.columns.renamed:
        yield f"the column {_name(signed)} is called {_name(there)}"
    yield from (f"the column {_name(name)} was not signed" for name in comparison.columns.added)
    yield from (f"the signed column {_name(name)} is missing" for name in comparison.columns.removed)


def _facts(comparison: Comparison, place: Place) -> Iterator[str]:
    for one in comparison.of("changed"):
        assert one.old_index is not UNSET
        assert one.cells is not UNSET
        said = _listed((_altered(cell) for cell in one.cells), len(one.cells))
        moved = f", signed at index {one.old_index}" if one.moved else ""
        yield f"{place(_at(one))}: {said}{moved}{_label(comparison, comparison.old.fact(one.old_index))}"
    for one in comparison.of("added"):
        fact = one.fact or {}
        said = f"{_values(comparison, fact)}{_label(comparison, fact)}"
        yield f"{place(_at(one))}: this fact was not signed: {said}"
    for one in comparison.of("removed"):
        fact = one.fact or {}
        said = f"{_values(comparison, fact)}{_label(comparison, fact)}"
        yield f"the signed fact at index {one.old_index} is missing: {said}"
    for one in comparison.of("moved"):
        yield f"{place(_at(one))}: signed at index {one.old_index}{_label(comparison, one.fact or {})}"


def of_next_release(comparison: Comparison) -> Iterator[str]:
    """The lines about a ledger that follows another one."""
    columns = comparison.columns
    yield from islice(
        chain(
            (f"column {_name(older)} is now {_name(newer)}" for older, newer in columns.renamed),
            (f"column added: {_name(name)}" for name in columns.added),
            (f"column removed: {_name(name)}" for name in columns.removed),
            _next_facts(comparison),
        ),
        MOST,
    )


def _next_facts(comparison: Comparison) -> Iterator[str]:
    for one in comparison.of("changed"):
        cells = one.cells or ()
        said = _listed((_changed(cell) for cell in cells), len(cells))
        yield f"changed: {said}{_label(comparison, comparison.new.fact(_at(one)))}"
    for kind in ("added", "removed", "moved"):
        for one in comparison.of(kind):
            fact = one.fact or {}
            yield f"{kind}: {_values(comparison, fact)}{_label(comparison, fact)}"


def _at(difference: Difference) -> int:
    assert difference.new_index is not UNSET
    return difference.new_index


def _altered(cell: Cell) -> str:
    return f"{_name(cell.column)} is {_value(cell.new)}, signed was {_value(cell.old)}"


def _changed(cell: Cell) -> str:
    return f"{_name(cell.column)} {_value(cell.old)} is now {_value(cell.new)}"


def _values(comparison: Comparison, fact: Values) -> str:
    """The first values of a fact that are not its key."""
    shown = [name for name, value in fact.items() if value and name not in comparison.key.columns]
    return _listed((f"{_name(name)} {_value(fact[name])}" for name in shown), len(shown)) or "no values"


def _listed(parts: Iterable[str], number: int) -> str:
    text = ", ".join(islice(parts, _CELLS))
    return f"{text} and {several(number - _CELLS, 'more column')}" if number > _CELLS else text


def _label(comparison: Comparison, fact: Values) -> str:
    """The words in brackets that say which fact it is: the values of its key, else its first value."""
    names = [name for name in comparison.key.columns if fact.get(name)]
    names = names or [name for name, value in fact.items() if value][:1]
    words = ", ".join(_plain(fact[name] or "", _LABEL) for name in names)
    return f" ({words})" if words else ""


def _value(value: Value) -> str:
    if value is UNSET:
        return "absent"
    return "null" if value is None else brief(value)


def _name(name: str) -> str:
    return _plain(name, _NAME)


def _plain(text: str, limit: int) -> str:
    """The text of a stranger without quotes if it is short and harmless."""
    return text if text.isprintable() and len(text) <= limit else brief(text, limit)
