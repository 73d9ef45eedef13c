# SPDX-License-Identifier: Apache-2.0
"""Facts in memory: as a table, as they are compared, and a difference applied to them."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anchor.compare import columns as column_names
from anchor.compare.differences import Comparison, compare
from anchor.compare.stored import StoredFacts, store
from anchor.format.facts import Fact

Values = dict[str, str | None]


@dataclass(frozen=True)
class Table:
    """A table in memory."""

    columns: tuple[str, ...]
    rows: Sequence[Fact]

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        return enumerate(self.rows, 1)


def stored(columns: Sequence[str], rows: Sequence[Fact]) -> StoredFacts:
    """The facts as they are compared."""
    return store(Table(tuple(columns), rows), io.BytesIO())[0]


def compared(old: StoredFacts, new: StoredFacts, *key: str, by_place: bool = False) -> Comparison:
    """The comparison of two ledgers by a key, or by the usual one."""
    columns = column_names.compared(old, new)
    chosen = column_names.chosen_key(columns, asked=key)
    return compare(old, new, key=chosen, columns=columns, by_place=by_place)


def applied(
    facts: Iterable[Values],
    columns: Mapping[str, Any],
    differences: Sequence[Mapping[str, Any]],
    *,
    size: int,
) -> list[Values]:
    """The newer facts, made of the older ones and of the JSON of a diff alone (docs/diff.md)."""
    names = {pair["old"]: pair["new"] for pair in columns["renamed"]}
    gone = set(columns["removed"])
    left: dict[int, Values] = {
        index: {names.get(name, name): value for name, value in fact.items() if name not in gone}
        for index, fact in enumerate(facts)
    }
    new: dict[int, Values] = {}
    filled = []
    for one in differences:
        if one["kind"] == "filled":
            filled.append(one)
        elif one["kind"] == "removed":
            del left[one["old_index"]]
        elif one["kind"] == "changed":
            new[one["new_index"]] = _with_cells(left.pop(one["old_index"]), one["cells"])
        else:
            if one["kind"] == "moved":
                del left[one["old_index"]]
            new[one["new_index"]] = dict(one["fact"])
    rest = iter(left.values())
    made = [new[index] if index in new else next(rest) for index in range(size)]
    assert next(rest, None) is None
    for one in filled:
        made[one["new_index"]] = _with_cells(made[one["new_index"]], one["cells"])
    return made


def _with_cells(fact: Values, cells: Sequence[Mapping[str, Any]]) -> Values:
    changed = dict(fact)
    for cell in cells:
        if "new" in cell:
            changed[cell["column"]] = cell["new"]
        else:
            del changed[cell["column"]]
    return changed
