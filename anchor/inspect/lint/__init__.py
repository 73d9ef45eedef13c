# SPDX-License-Identifier: Apache-2.0
"""Findings about a ledger that its readers may misread, with line numbers.

Lint warns; it never edits and never refuses. It reads a ledger once, and a second time if facts have to be
compared with each other. Its memory does not grow with the ledger.

- `findings`: the result, grouped and capped, and the kinds and severities of findings.
- `values`: rules for one value, after a screening of `value_blocks`; `characters`: rules for its characters.
- `formats`: rules for all values of a column; `units`: those for the column `unit`.
- `repeats`: facts compared with each other, by `partitions` of hashes; `alphabet`: those of other scripts.
- `column_names`: rules for the names of columns; `markdown_tables`: tables that only a rendered page shows.
- `recovery`: all faults of a ledger that its reader refuses, by `splitting` it into pieces.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from anchor.format.concatenated import chunks_of
from anchor.format.facts import Table, Value
from anchor.inspect.lint import column_names
from anchor.inspect.lint.findings import FORMAT, KINDS, Finding, Remarks, Report, arranged
from anchor.inspect.lint.formats import ColumnFormats
from anchor.inspect.lint.markdown_tables import RenderedTables
from anchor.inspect.lint.partitions import Spool
from anchor.inspect.lint.repeats import Repeats, columns_of_strings, look_up
from anchor.inspect.lint.units import Units
from anchor.inspect.lint.values import ValueRules

__all__ = ["KINDS", "Finding", "Report", "lint"]

_BLOCK = 1024
"""Facts that are looked at together."""


def lint(
    read: Callable[[], AbstractContextManager[Table]],
    *,
    file: str,
    reader: str,
    unit: str = "line",
    spool: Spool,
    null: str | None = None,
    page: RenderedTables | None = None,
    refusal: str = "",
    refused: Iterable[Finding] = (),
    unread: str = "",
) -> Report:
    """Everything that lint finds in a table; raises what reading the table raises.

    `read` opens the table, once or twice. `spool` is an empty temporary file. `null` is the token that the
    dialect has for null. `page` has the tables that a rendered page shows. `refusal`, `refused` and `unread`
    are about the parts that the reader refuses, if the table is a ledger without them.
    """
    with read() as table:
        columns = table.columns
        scan = _Scan(columns, spool, null=null, rendered=page is not None)
        for lines, facts in _blocks(table):
            scan.add(lines, facts)
    groups = scan.repeats.groups()
    compared: Iterable[Finding] = ()
    if wanted := groups.wanted():
        with read() as table:
            compared = groups.findings(look_up(table, wanted))
    found = [*refused, *column_names.findings(columns), *scan.findings(), *compared]
    findings = arranged([*found, *page.findings()] if page else found)
    severities = Counter(f.severity for f in findings)
    kinds = Counter(f.kind for f in findings)
    return Report(
        format=FORMAT,
        file=file,
        reader=reader,
        unit=unit,
        can_be_sealed=not severities["error"],
        columns=columns,
        facts=scan.facts,
        distinct_labels=groups.distinct_labels,
        exact_duplicates=groups.exact_duplicates,
        repeated_seals=groups.repeated_seals,
        counts={kind: kinds[kind] for kind in KINDS},
        severities={severity: severities[severity] for severity in ("error", "warning", "note")},
        findings=findings,
        refusal=refusal,
        unread=unread,
    )


def _blocks(table: Table) -> Iterator[tuple[Sequence[int], Sequence[Sequence[Value]]]]:
    """The positions and the facts of a table, some at a time."""
    for positions, facts in chunks_of(table):
        for at in range(0, len(facts), _BLOCK):
            yield positions[at : at + _BLOCK], facts[at : at + _BLOCK]


class _Scan:
    """The first reading of a ledger, block by block."""

    def __init__(self, columns: tuple[str, ...], spool: Spool, *, null: str | None, rendered: bool) -> None:
        self.facts = 0
        self.repeats = Repeats(columns, spool)
        self._rules = [ValueRules(name, null=null, rendered=rendered) for name in columns]
        self._remarks = [Remarks(name) for name in columns]
        self._formats = [ColumnFormats(name) for name in columns]
        self._units = Units(columns)

    def add(self, lines: Sequence[int], facts: Sequence[Sequence[Value]]) -> None:
        """Note a block of facts and their lines."""
        self.facts += len(facts)
        blocks = columns_of_strings(facts)
        self.repeats.add(blocks)
        self._units.add(lines, blocks)
        for rules, remarks, formats, block in zip(
            self._rules, self._remarks, self._formats, blocks, strict=True
        ):
            if said := rules.remarks(block):
                remarks.add(said, block.values, lines)
            formats.add(lines, block)

    def findings(self) -> Iterator[Finding]:
        """The findings about single values, columns and units."""
        for remarks, formats in zip(self._remarks, self._formats, strict=True):
            yield from remarks.findings()
            yield from formats.findings()
        yield from self._units.findings()
