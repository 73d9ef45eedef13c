# SPDX-License-Identifier: Apache-2.0
"""The files of a ledger and the rules of lint. They are read once, or twice if facts are compared."""

import contextlib
from collections.abc import Iterator, Sequence

from anchor.app import schema as schemas
from anchor.app.malformed import plain
from anchor.disk import files
from anchor.disk.ledger_file import LedgerFile, SchemaFile, open_ledgers, reading_of
from anchor.format.concatenated import chunks_of
from anchor.format.facts import Chunk, Fact, Table
from anchor.format.readers import READERS, written
from anchor.format.readers.reader import NO_DIALECT
from anchor.inspect.lint import Report, lint
from anchor.inspect.lint.markdown_tables import RenderedTables
from anchor.intake.reading import Noted, Reading

_MARKDOWN = "markdown-table-v1"
_BUFFER = 1 << 20


def lint_files(
    given: Sequence[LedgerFile], *, schema: SchemaFile | None = None
) -> tuple[Report, Reading | None]:
    """Everything that lint finds in a ledger, and how it was read. Raises `Misuse` for an unreadable one, and
    for a schema that does not fit it."""
    breaches, refusal = schemas.findings(given, schema) if schema else ([], "")
    with open_ledgers(given) as found:
        reader = found.reader
    page = _page(given[0]) if reader == _MARKDOWN and len(given) == 1 else None
    ledger = _Ledger(given)
    where = ", ".join(file.where for file in given)
    null = written(given[0].dialect or NO_DIALECT).get("null")
    with files.temporary() as spool:
        unit = READERS[reader].unit if len(given) == 1 else "fact"
        report = lint(
            ledger.read,
            file=where,
            reader=reader,
            unit=unit,
            spool=spool,
            page=page,
            null=null,
            refused=breaches,
            refusal=refusal,
        )
    assert ledger.noted is not None
    return report, reading_of(given, reader, ledger.noted)


def _page(file: LedgerFile) -> RenderedTables:
    """The tables that a rendered page shows of a Markdown document."""
    page = RenderedTables()
    with plain(file) as stream:
        while data := stream.read(_BUFFER):
            page.write(data)
    return page


class _Ledger:
    """A ledger that is read twice. Its facts are noted at the first time."""

    def __init__(self, given: Sequence[LedgerFile]) -> None:
        self._given = given
        self.noted: Noted | None = None

    @contextlib.contextmanager
    def read(self) -> Iterator[Table]:
        """The table of the ledger, each time from its beginning."""
        with open_ledgers(self._given) as found:
            table: Table = found.table
            if self.noted is None:
                table = self.noted = Noted(table)
            yield table if len(self._given) == 1 else _Numbered(table)


class _Numbered:
    """The facts of several files, by their number. A line of one file would say nothing."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.columns = table.columns

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for number, (_, fact) in enumerate(self._table, 1):
            yield number, fact

    def chunks(self) -> Iterator[Chunk]:
        """As `facts.ChunkedTable`."""
        begin = 1
        for _, facts in chunks_of(self._table):
            yield range(begin, begin + len(facts)), facts
            begin += len(facts)
