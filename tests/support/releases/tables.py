# SPDX-License-Identifier: Apache-2.0
"""The facts of a ledger in a stream, by the name of its reader."""

from typing import BinaryIO

from anchor.format.readers import READERS
from anchor.format.readers.reader import FileReader, StreamReader


def open_table(stream: BinaryIO, reader: str, *, where: str) -> StreamReader | FileReader:
    """A table over a stream that can be sought, so that every reader can read it."""
    return READERS[reader](stream, where=where)
