# SPDX-License-Identifier: Apache-2.0
"""A ledger file that its reader refuses: lint lists all its faults, and looks at the facts beside them."""

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from anchor import regex
from anchor.disk import files
from anchor.disk.ledger_file import LedgerFile
from anchor.errors import Malformed, Refused
from anchor.format.compression import gunzip
from anchor.format.facts import Fact, Table
from anchor.format.readers import READERS, written
from anchor.format.readers.reader import NO_DIALECT, Stream
from anchor.inspect.lint import Report, lint
from anchor.inspect.lint.findings import Finding, Remark, finding
from anchor.inspect.lint.recovery import Recovered, RecoveredTable, kept, recover

_LINE = regex.expression(r".*?: (?:line|record|fact) ([0-9]+)", re.DOTALL)
_NOT_READ = "the whole file: its bytes cannot be read to their end"


@contextlib.contextmanager
def plain(file: LedgerFile) -> Iterator[Stream]:
    """The bytes of a ledger file; those that come out of it if it is compressed."""
    with file.opened() as source:
        yield gunzip(source, where=file.where) if file.gzip else source


def lint_malformed(file: LedgerFile, error: Malformed) -> Report:
    """The report about a file that its reader refuses with this error.

    The file is read several times.
    """
    reader = file.reader or ""
    found = _recovered(file, reader)
    null = written(file.dialect or NO_DIALECT).get("null")

    def report(read: Callable[[], AbstractContextManager[Table]]) -> Report:
        with files.temporary() as spool:
            return lint(
                read,
                file=file.where,
                reader=reader,
                unit=READERS[reader].unit,
                spool=spool,
                null=null,
                refusal=str(error),
                refused=list(found.findings()) or [_finding(error)],
                unread=found.unread,
            )

    with files.temporary() as rest:
        try:
            return report(_facts_beside(file, reader, rest, found))
        except Refused:  # what is left is no ledger either: it has no facts, for example
            return report(_no_facts)


def _recovered(file: LedgerFile, reader: str) -> Recovered:
    try:
        with plain(file) as stream:
            return recover(READERS[reader], file.dialect or NO_DIALECT, stream)
    except Refused:  # of the compression
        return Recovered((), _NOT_READ, 1)


def _facts_beside(
    file: LedgerFile, reader: str, rest: BinaryIO, found: Recovered
) -> Callable[[], AbstractContextManager[Table]]:
    """The table of the facts that are not refused. `rest` gets the bytes in which they stand."""
    kind, dialect = READERS[reader], file.dialect or NO_DIALECT
    with plain(file) as stream:
        for data in kept(kind, dialect, stream, found):
            rest.write(data)

    @contextlib.contextmanager
    def read() -> Iterator[Table]:
        rest.seek(0)
        yield RecoveredTable(kind(rest, where=file.where, dialect=dialect), found)

    return read


class _NoFacts:
    """A table without facts and columns."""

    columns: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        return iter(())


@contextlib.contextmanager
def _no_facts() -> Iterator[Table]:
    yield _NoFacts()


def _finding(error: Malformed) -> Finding:
    """The finding about the refusal of a file as a whole."""
    line = _LINE.match(error.where)
    message = f"{error.problem}; {error.remedy}" if error.remedy else error.problem
    return finding(Remark("refused", message), (int(line[1]),) if line else (), 1)
