# SPDX-License-Identifier: Apache-2.0
"""Several tables as one: the facts of each follow those of the one before. FORMAT.md section 17.9."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from anchor.errors import Refused
from anchor.format.facts import ABSENT, Chunk, ChunkedTable, Fact, Objects, Table, brief, fact_from
from anchor.format.leaves import CHUNK

_CELLS = 1 << 20
"""Values that are filled up at once: a fact of one column may have 16,384 of them then."""


def together(columns: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The columns of several tables in order of first appearance (FORMAT.md section 16.1)."""
    return tuple(dict.fromkeys(chain.from_iterable(columns)))


class Concatenated:
    """The facts of several tables in order; a column that a table does not have is absent there.

    The tables are taken one by one: the next one when the last fact of the one before was given.
    """

    def __init__(
        self,
        tables: Iterable[Table],
        *,
        where: str,
        columns: tuple[str, ...] | None = None,
        in_order: bool = True,
    ) -> None:
        """`columns`: those of all tables `together`. None: each table has the columns of the first one, and
        if `in_order` is true also in its order."""
        self._tables = iter(tables)
        self._where = where
        self._same = columns is None
        self._in_order = in_order
        if columns is None:
            first = next(self._tables)
            self._tables = chain((first,), self._tables)
            columns = first.columns
        self.columns = columns

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for positions, facts in self.chunks():
            yield from zip(positions, map(tuple, facts), strict=True)

    def chunks(self) -> Iterator[Chunk]:
        """As `facts.ChunkedTable`; no chunk has facts of two tables."""
        seen: tuple[str, ...] = ()
        for number, table in enumerate(self._tables, 1):
            if self._same and not self._fits(table.columns):
                raise Refused(
                    f"file {number} has the columns {_shown(table.columns)}, the first one "
                    f"{_shown(self.columns)}",
                    where=self._where,
                    remedy="give all files the same columns",
                )
            seen = together((seen, table.columns))
            if seen != self.columns[: len(seen)]:
                raise self._refused(seen)
            if table.columns == self.columns:
                yield from chunks_of(table)
            else:
                yield from self._filled(table)
        if seen != self.columns:
            raise self._refused(seen)

    def _fits(self, columns: tuple[str, ...]) -> bool:
        return columns == self.columns if self._in_order else set(columns) == set(self.columns)

    def _filled(self, table: Table) -> Iterator[Chunk]:
        places = {name: i for i, name in enumerate(table.columns)}
        order = [places.get(name, len(places)) for name in self.columns]
        from_object, most = fact_from(self.columns), max(1, _CELLS // len(order))
        for positions, facts in chunks_of(table):
            if isinstance(facts, Objects) and not facts.whole:
                yield positions, Objects(facts.objects, from_object, whole=False)
                continue
            for start in range(0, len(facts), most):
                part = facts[start : start + most]
                filled = [[(*fact, ABSENT)[i] for i in order] for fact in part]
                yield positions[start : start + most], filled

    def _refused(self, seen: tuple[str, ...]) -> Refused:
        problem = f"the files have the columns {_shown(seen)}, where {_shown(self.columns)} are named"
        return Refused(problem, where=self._where)


def chunks_of(table: Table) -> Iterator[Chunk]:
    """The facts of a table, many at once."""
    if isinstance(table, ChunkedTable):
        yield from table.chunks()
        return
    facts = iter(table)
    while chunk := list(islice(facts, CHUNK)):
        positions, rows = zip(*chunk, strict=True)
        yield positions, rows


def _shown(columns: tuple[str, ...]) -> str:
    names = ", ".join(brief(name) for name in columns[:8])
    return f"{names}, ..." if len(columns) > 8 else names
