# SPDX-License-Identifier: Apache-2.0
"""Ledgers to facts: one strict reader for each format of FORMAT.md section 3.

A new format is one file here and its row in `READERS`.
"""

from anchor.errors import Misuse, Unsupported
from anchor.format.readers.csv_table import CsvTable
from anchor.format.readers.json_array import JsonArray
from anchor.format.readers.jsonl import JsonLines
from anchor.format.readers.ledger_json import LedgerJson
from anchor.format.readers.markdown import MarkdownTable
from anchor.format.readers.reader import FileReader, StreamReader

__all__ = ["READERS", "reader_for", "reader_named"]

READERS: dict[str, type[StreamReader] | type[FileReader]] = {
    reader.name: reader
    for reader in (
        MarkdownTable,
        LedgerJson,
        JsonArray,
        JsonLines,
        CsvTable,
    )
}


def reader_named(name: str, *, where: str) -> type[StreamReader] | type[FileReader]:
    """The reader that a statement or a user names. `where` names the file in messages.

    Raises `Unsupported` for an unknown reader (FORMAT.md section 3).
    """
    if name not in READERS:
        known = ", ".join(READERS)
        raise Unsupported(f"unknown reader {name[:64]!r}", where=where, remedy=f"this program has {known}")
    return READERS[name]


def reader_for(name: str, head: bytes = b"") -> str:
    """The name of the reader for a file of this name. Raises `Misuse` for a name without a reader's suffix.

    `head`, the first bytes of the file, decides between readers that share a suffix.
    """
    dot = name.rfind(".")
    suffix = name[dot:].lower() if dot >= 0 else ""
    for reader in READERS.values():
        if suffix in reader.suffixes and reader.recognises(name, head):
            return reader.name
    suffixes = dict.fromkeys(s for reader in READERS.values() for s in reader.suffixes)
    raise Misuse("no reader for this kind of file", where=name, remedy=f"use {', '.join(suffixes)}")
