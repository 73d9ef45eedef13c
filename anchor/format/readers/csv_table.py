# SPDX-License-Identifier: Apache-2.0
"""`csv-v1`: RFC 4180 with a header. FORMAT.md section 3.3. Names and values are taken as they stand.

Lines end in CRLF or LF. Blanks belong to the value; a quote stands only around a whole field, doubled inside.
A line end inside quotes is carried as it is written. An empty line is refused: with one column it could be
read as a value or as nothing.
"""

from collections.abc import Iterator
from typing import cast

from anchor.format.facts import Chunk, Row
from anchor.format.readers.delimited_dialect import DelimitedDialect
from anchor.format.readers.delimited_records import Records
from anchor.format.readers.reader import NO_DIALECT, ChunkReader, Dialect, Stream


class CsvTable(ChunkReader):
    """The facts of a CSV file; the header is read at once."""

    name = "csv-v1"
    published = "ledger.csv"
    suffixes = (".csv",)
    has_header = True

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._records = Records(stream, where, DelimitedDialect())
        self.columns = self._records.columns

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        # Without a token for null, each value is a string.
        return cast("Iterator[tuple[int, Row]]", super().__iter__())

    def chunks(self) -> Iterator[Chunk]:
        return self._records.chunks()
