# SPDX-License-Identifier: Apache-2.0
"""The opening of a confidential release, read by an auditor, or by its publisher who makes a receipt.

FORMAT.md sections 16.4 and 22 (rule 2).
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from anchor import limits
from anchor.disk import user_files
from anchor.errors import AnchorError, Misuse
from anchor.format.facts import Value, brief
from anchor.format.opened import Opening
from anchor.format.receipt import Cell, Cells, ProvenFact
from anchor.format.salted_cells import SaltedCells, cell, facts_with_leaves
from anchor.format.statement import Statement
from anchor.verify.opened_facts import check_names, check_opened
from anchor.verify.release import ReleaseResult


@contextlib.contextmanager
def open_opening(path: Path) -> Iterator[Opening]:
    """An opening from a file; its facts are read once. Raises `Misuse` and `Refused`."""
    with user_files.opened(path, limit=limits.FILE_2) as stream:
        yield Opening(stream, where=str(path))


def with_opened(result: ReleaseResult, path: Path) -> ReleaseResult:
    """The result with one more check: the facts of an opening are those that the release commits to."""
    try:
        with open_opening(path) as opening:
            return check_opened(result, opening)
    except AnchorError as e:
        return check_opened(result, e)


def facts_of_opening(
    signed: Statement, path: Path
) -> Iterator[tuple[Sequence[Sequence[Value]], list[bytes]]]:
    """The facts of an opening beside their leaf bytes, in order and in lists. The caller compares the root.

    Raises `Misuse` for an opening of another release, and for a file that can be read only once.
    """
    with _opened_again(path) as opening:
        check_names(signed, opening)
        cells = SaltedCells(opening.secret, ledger=signed.ledger, columns=signed.columns)
        for facts, leaves, _ in facts_with_leaves(opening, cells):
            yield facts, leaves


def with_cells(
    signed: Statement, path: Path, facts: Sequence[ProvenFact], shown: Sequence[str] | None
) -> tuple[ProvenFact, ...]:
    """Facts of an opening as a receipt has them: with the salts of the columns that are shown.

    `shown`: these columns; None for all. Raises `Misuse` for a column that the ledger does not have.
    """
    shown = signed.columns if shown is None else shown
    for name in shown:
        if name not in signed.columns:
            listed = ", ".join(map(brief, signed.columns[:20]))
            raise Misuse(f"no column {brief(name)}", where="--columns", remedy=f"the columns are {listed}")
    with _opened_again(path) as opening:
        salts = SaltedCells(opening.secret, ledger=signed.ledger, columns=signed.columns).salts
    return tuple(_with_cells(fact, salts(fact.index), signed.columns, shown) for fact in facts)


def _with_cells(
    proven: ProvenFact, salts: Sequence[bytes], columns: Sequence[str], shown: Sequence[str]
) -> ProvenFact:
    assert not isinstance(proven.fact, Cells)
    cells = []
    for name, salt in zip(columns, salts, strict=True):
        value = proven.fact[name]
        if name in shown:
            cells.append(Cell(salt=salt.hex(), value=value))
        else:
            cells.append(Cell(cell=cell(salt, name, value).hex()))
    return ProvenFact(index=proven.index, fact=Cells(cells=tuple(cells)))


@contextlib.contextmanager
def _opened_again(path: Path) -> Iterator[Opening]:
    if user_files.is_stream(path):
        problem = "it is read more than once, and this can be read once"
        raise Misuse(problem, where=str(path), remedy="name a regular file")
    with open_opening(path) as opening:
        yield opening
