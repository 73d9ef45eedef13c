# SPDX-License-Identifier: Apache-2.0
"""`delimited-v2`: records of fields with a delimiter, in the dialect that is named. FORMAT.md section 17.2.

With the default dialect it is `csv-v1`, and is published under that name.
"""

from collections.abc import Iterator

from anchor.format.facts import Chunk
from anchor.format.readers.delimited_dialect import DelimitedDialect
from anchor.format.readers.delimited_records import Records
from anchor.format.readers.reader import NO_DIALECT, ChunkReader, Dialect, Stream


class DelimitedTable(ChunkReader):
    """The facts of a delimited file; the header is read at once."""

    name = "delimited-v2"
    published = "ledger.csv"
    suffixes = ()
    dialect_type = DelimitedDialect
    has_header = True
    like_version_1 = "csv-v1"

    @classmethod
    def published_as(cls, dialect: Dialect) -> str:
        return (
            "ledger.tsv"
            if isinstance(dialect, DelimitedDialect) and dialect.delimiter == "\t"
            else cls.published
        )

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        found = dialect if isinstance(dialect, DelimitedDialect) else DelimitedDialect()
        self._records = Records(stream, where, found)
        self._is_csv = found == DelimitedDialect()
        self.columns = self._records.columns

    @property
    def needs_version_2(self) -> bool:
        return not self._is_csv

    @property
    def idle(self) -> frozenset[str]:
        return self._records.idle

    def chunks(self) -> Iterator[Chunk]:
        return self._records.chunks()
