# SPDX-License-Identifier: Apache-2.0
"""The bytes that come out of a gzip file (RFC 1952), as a stream. FORMAT.md section 17.8.

A file is one or more members with nothing after the last. No more than a limit comes out: a kilobyte of input
can give a megabyte.
"""

import zlib
from io import BufferedReader, RawIOBase
from typing import Final

from anchor import limits
from anchor.errors import AnchorError, Refused
from anchor.format.readers.reader import Stream

GZIP: Final = "gzip"
_CHUNK = 1 << 18
_FORMAT = 31
"""zlib's number for: a gzip member, whose check sum and length are compared."""


def gunzip(
    stream: Stream, *, where: str, limit: int = limits.FILE_2, beyond: AnchorError | None = None
) -> BufferedReader:
    """A stream of what the gzip file holds.

    Its `read` and `readline` raise `Refused` for what is no gzip file, and `beyond` (by default a `Refused`)
    if more than `limit` bytes come out.
    """
    too_much = Refused(f"more than {limit} bytes come out of it", where=where, remedy="split the ledger")
    return BufferedReader(_Members(stream, where, limit, beyond or too_much), _CHUNK)


class _Members(RawIOBase):
    """The members of a gzip file, one after another."""

    def __init__(self, stream: Stream, where: str, limit: int, beyond: AnchorError) -> None:
        self._stream = stream
        self._where = where
        self._left = limit
        self._beyond = beyond
        self._given = b""
        """Bytes of the file that were read and not yet taken."""
        self._member = zlib.decompressobj(_FORMAT)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffer of a reader
        data = self._some(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise self._beyond
        buffer[: len(data)] = data
        return len(data)

    def _some(self, size: int) -> bytes:
        """At most `size` bytes; none at the end of the file."""
        while True:
            if self._member.eof:
                self._given = self._member.unused_data or self._stream.read(_CHUNK)
                if not self._given:
                    return b""
                self._member = zlib.decompressobj(_FORMAT)
            elif not self._given:
                self._given = self._stream.read(_CHUNK)
                if not self._given:
                    raise self._refused("the gzip data ends in the middle")
            try:
                data = self._member.decompress(self._given, size)
            except zlib.error as e:
                raise self._refused(f"no gzip data, or damaged: {e}") from None
            self._given = self._member.unconsumed_tail
            if data:
                return data

    def _refused(self, problem: str) -> Refused:
        return Refused(problem, where=self._where, remedy="compress the file again")
