# SPDX-License-Identifier: Apache-2.0
"""The bytes that come out of a Zstandard file (RFC 8878). They are published plain.

FORMAT.md section 17.8.
"""

import io
import sys
from typing import Any, BinaryIO, cast

from anchor.errors import Refused

_WINDOW_LOG = 27
"""A frame may ask for 128 MiB of memory, as with `zstd --long`. The command itself refuses more."""
_CHUNK = 1 << 18


def unzstd(source: BinaryIO, *, where: str, limit: int) -> BinaryIO:
    """A stream of what comes out of all frames of the file.

    Its `read` raises `Refused` for what is no Zstandard file, for one that ends in the middle, and if more
    than `limit` bytes come out.
    """
    return cast("BinaryIO", io.BufferedReader(_Frames(source, where, limit), _CHUNK))


class _Frames(io.RawIOBase):
    """The frames of a Zstandard file, one after another."""

    def __init__(self, source: BinaryIO, where: str, limit: int) -> None:
        if sys.version_info >= (3, 14):  # only for such a file
            from compression import zstd
        else:
            from backports import zstd
        self._error = zstd.ZstdError
        self._options = {int(zstd.DecompressionParameter.window_log_max): _WINDOW_LOG}
        self._decompressor: Any = zstd.ZstdDecompressor
        self._frame = self._decompressor(options=self._options)
        self._source = source
        self._where = where
        self._limit = self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffer of a reader
        try:
            data = self._some(len(buffer))
        except self._error as e:
            raise self._refused(f"no Zstandard data, or damaged: {e}") from None
        self._left -= len(data)
        if self._left < 0:
            raise Refused(
                f"more than {self._limit} bytes come out of it", where=self._where, remedy="split the ledger"
            )
        buffer[: len(data)] = data
        return len(data)

    def _some(self, size: int) -> bytes:
        """At most `size` bytes; none at the end of the file."""
        while True:
            given = b""
            if self._frame.eof:
                given = self._frame.unused_data or self._source.read(_CHUNK)
                if not given:
                    return b""
                self._frame = self._decompressor(options=self._options)
            elif self._frame.needs_input:
                given = self._source.read(_CHUNK)
                if not given:
                    raise self._refused("the Zstandard data ends in the middle")
            data: bytes = self._frame.decompress(given, size)
            if data:
                return data

    def _refused(self, problem: str) -> Refused:
        return Refused(problem, where=self._where, remedy="compress the file again")
