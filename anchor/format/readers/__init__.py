# SPDX-License-Identifier: Apache-2.0
"""Ledgers to facts: one strict reader for each format of FORMAT.md section 3, and lint."""

from typing import BinaryIO

from anchor.errors import Misuse, Unsupported
from anchor.format.facts import Table
from anchor.format.readers.csv_table import CsvTable
from anchor.format.readers.json_array import JsonArray
from anchor.format.readers.jsonl import JsonLines
from anchor.format.readers.ledger_json import LedgerJson
from anchor.format.readers.markdown import MarkdownTable

__all__ = ["PUBLISHED", "READERS", "open_table", "reader_for"]

READERS: dict[str, type[MarkdownTable | LedgerJson | JsonArray | JsonLines | CsvTable]] = {
    "markdown-table-v1": MarkdownTable,
    "ledger-json-v1": LedgerJson,
    "json-v1": JsonArray,
    "jsonl-v1": JsonLines,
    "csv-v1": CsvTable,
}
PUBLISHED = {
    "markdown-table-v1": "ledger.md",
    "ledger-json-v1": "source.json",
    "json-v1": "source.json",
    "jsonl-v1": "ledger.jsonl",
    "csv-v1": "ledger.csv",
}
"""Reader to the name under which a ledger that it reads is published (FORMAT.md section 6)."""

_SUFFIXES = {
    ".md": "markdown-table-v1",
    ".markdown": "markdown-table-v1",
    ".json": "json-v1",
    ".jsonl": "jsonl-v1",
    ".ndjson": "jsonl-v1",
    ".csv": "csv-v1",
}


def open_table(stream: BinaryIO, reader: str, *, where: str) -> Table:
    """The facts of a ledger; what its columns follow from is read at once, the rest while iterating.

    `where` names the file in messages. Raises `Refused` with line and remedy, here and while iterating; facts
    that were given before count for nothing then. Raises `Unsupported` for an unknown reader (FORMAT.md
    section 3).
    """
    if reader not in READERS:
        known = ", ".join(READERS)
        raise Unsupported(f"unknown reader {reader[:64]!r}", where=where, remedy=f"this program has {known}")
    return READERS[reader](stream, where=where)


def reader_for(name: str, head: bytes = b"") -> str:
    """The reader for a file of this name; `head`, the first bytes, tells a ledger.json from a JSON array.

    Raises `Misuse` when the ending of the name is none that a reader is for.
    """
    dot = name.rfind(".")
    reader = _SUFFIXES.get(name[dot:].lower()) if dot >= 0 else None
    if reader is None:
        raise Misuse("no reader for this kind of file", where=name, remedy=f"use {', '.join(_SUFFIXES)}")
    if reader == "json-v1" and (
        head.lstrip(b" \t\r\n").startswith(b"{") or (not head and name == "ledger.json")
    ):
        return "ledger-json-v1"
    return reader
