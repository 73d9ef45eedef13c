# SPDX-License-Identifier: Apache-2.0
"""`files-v1`: a list of files as facts, as our own CSV or as the output of sha256sum. FORMAT.md section 17.7.

The list says names, sizes and digests. Whether files on a disk are these is decided elsewhere.
"""

from collections.abc import Iterator
from typing import Literal

from anchor import limits, regex
from anchor.errors import Refused
from anchor.format import names
from anchor.format.facts import Row, brief
from anchor.format.readers.csv_table import CsvTable
from anchor.format.readers.lines import TextLines
from anchor.format.readers.reader import NO_DIALECT, Dialect, Stream, StreamReader

PATH, SIZE, SHA256, MEDIA_TYPE = "path", "size", "sha256", "media_type"
COLUMNS = (PATH, SIZE, SHA256)
MAX_SIZE = 2**63 - 1

_SUM = regex.expression("([0-9a-f]{64}) [ *](.+)")
_SIZE = regex.expression("0|[1-9][0-9]{0,18}")
_MEDIA_TYPE = regex.expression(names.MEDIA_TYPE)


class FilesDialect(Dialect, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which of its two forms the list has."""

    form: Literal["list", "sha256sum"] = "list"

    def described(self) -> tuple[str, ...]:
        return ("output of sha256sum",) if self.form == "sha256sum" else ()


class FileList(StreamReader):
    """The facts of a list of files. Sorted lists take no memory; those of sha256sum take their paths."""

    name = "files-v1"
    published = "ledger.csv"
    has_header = True
    suffixes = ()
    dialect_type = FilesDialect

    @classmethod
    def published_as(cls, dialect: Dialect) -> str:
        """The name under which a list of this form is published."""
        return "ledger.sha256" if dialect == FilesDialect(form="sha256sum") else cls.published

    @property
    def needs_version_2(self) -> bool:
        return True

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._where = where
        self._sums = dialect == FilesDialect(form="sha256sum")
        self._table: CsvTable | _Sums
        if self._sums:
            self._table = _Sums(stream, where=where)
            self.columns: tuple[str, ...] = (PATH, SHA256)
            return
        self._table = CsvTable(stream, where=where)
        self.columns = self._table.columns
        if self.columns not in (COLUMNS, (*COLUMNS, MEDIA_TYPE)):
            raise Refused(
                f"the columns are {', '.join(map(brief, self.columns[:8]))}",
                where=f"{where}: line 1",
                remedy=f"a list of files has {', '.join(COLUMNS)}, and {MEDIA_TYPE} if you like; "
                "'anchor files' writes one",
            )

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        before = b""
        for line, row in self._table:
            self._check(line, row)
            if not self._sums:
                path = row[0].encode()
                if path <= before:
                    problem = "a path for the second time" if path == before else "not in the order of bytes"
                    raise self._refused(line, PATH, problem, "sort the list; 'anchor files' does")
                before = path
            yield line, row

    def _check(self, line: int, row: Row) -> None:
        fact = dict(zip(self.columns, row, strict=True))
        if problem := names.listed_path_problem(fact[PATH]):
            raise self._refused(line, PATH, f"{brief(fact[PATH])} {problem}", "name a file below the folder")
        if problem := names.hex_problem(fact[SHA256]):
            raise self._refused(line, SHA256, f"{brief(fact[SHA256])} {problem}", "write it in lower case")
        size, kind = fact.get(SIZE, "0"), fact.get(MEDIA_TYPE, "")
        if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
            raise self._refused(line, SIZE, f"{brief(size)} is no size in bytes", "write a decimal number")
        if kind and not _MEDIA_TYPE.fullmatch(kind):
            raise self._refused(line, MEDIA_TYPE, f"{brief(kind)} is no media type", "write type/subtype")

    def _refused(self, line: int, column: str, problem: str, remedy: str) -> Refused:
        return Refused(problem, where=f"{self._where}: line {line}: {column}", remedy=remedy)


class _Sums:
    """Path and digest of each line that sha256sum wrote."""

    def __init__(self, stream: Stream, *, where: str) -> None:
        self._lines = TextLines(stream, where)

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        lines, seen = self._lines, set[str]()
        while (line := lines.text()) is not None:
            if line.startswith("\\"):
                raise lines.refused("a name with a line end or a back-slash", "rename the file")
            if not lines.ended:
                raise lines.refused(
                    "the last line has no line end", "run sha256sum again: its output was cut off"
                )
            found = _SUM.fullmatch(lines.check_control(line))
            if not found:
                raise lines.refused(
                    "is no line of sha256sum", "each line is 64 lower-case hex digits, two spaces and a name"
                )
            path = found[2].removeprefix("./")
            if len(seen) >= limits.LISTED_FILES:
                raise lines.refused(
                    f"more than {limits.LISTED_FILES} files", "write the list with 'anchor files'"
                )
            if path in seen:
                raise lines.refused(f"{brief(path)} stands in the list for the second time", "keep one")
            seen.add(path)
            yield lines.number, (path, found[1])
        if not seen:
            raise Refused("no files", where=lines.where, remedy="a list names at least one file")
