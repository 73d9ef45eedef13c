# SPDX-License-Identifier: Apache-2.0
"""Ledgers to facts: one strict reader for each format of FORMAT.md section 3.

A new format is one file here and its row in `_CLASSES`.
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from anchor.errors import Misuse, Refused, Unsupported
from anchor.format import strict_json
from anchor.format.readers.reader import NO_DIALECT, Dialect, FileReader, StreamReader

__all__ = ["READERS", "VERSION_1", "check_effects", "dialect_of", "reader_for", "reader_named", "written"]

VERSION_1: Final = ("markdown-table-v1", "ledger-json-v1", "json-v1", "jsonl-v1", "csv-v1")
"""The readers that a statement of version 1 may name (FORMAT.md section 3). There will be no more of them."""

_CLASSES: Final = {
    "markdown-table-v1": "markdown.MarkdownTable",
    "ledger-json-v1": "ledger_json.LedgerJson",
    "ledger-json-v2": "ledger_json.LedgerJson2",
    "json-v1": "json_array.JsonArray",
    "jsonl-v1": "jsonl.JsonLines",
    "csv-v1": "csv_table.CsvTable",
    "delimited-v2": "delimited_v2.DelimitedTable",
    "json-v2": "json_v2.JsonFacts",
    "jsonl-v2": "jsonl_v2.JsonLinesFacts",
    "lines-v1": "lines_v1.Lines",
    "files-v1": "file_list.FileList",
    "markdown-table-v2": "markdown_v2.MarkdownTable2",
}
"""The module and the class of each reader, by the name of the reader."""


class _Readers(Mapping[str, type[StreamReader] | type[FileReader]]):
    """The readers by name. Each is imported when it is first used: a verifier needs one or two of them."""

    def __getitem__(self, name: str) -> type[StreamReader] | type[FileReader]:
        module, _, kind = _CLASSES[name].partition(".")
        found: type[StreamReader] | type[FileReader]
        found = getattr(importlib.import_module(f"{__name__}.{module}"), kind)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


READERS: Final = _Readers()


def reader_named(name: str, *, where: str) -> type[StreamReader] | type[FileReader]:
    """The reader that a statement or a user names. `where` names the file in messages.

    Raises `Unsupported` for an unknown reader (FORMAT.md section 3).
    """
    if name not in READERS:
        known = ", ".join(READERS)
        raise Unsupported(f"unknown reader {name[:64]!r}", where=where, remedy=f"this program has {known}")
    return READERS[name]


def dialect_of(reader: type[StreamReader] | type[FileReader], value: Any, *, where: str) -> Dialect:
    """The dialect that a statement gives for a reader, or the default if it gives none (None).

    Raises `Unsupported` for a member that the reader does not have, `Refused` for a value that it may not
    have, for a default that is written out, and for an empty dialect (FORMAT.md section 17).
    """
    if value is None:
        return NO_DIALECT if reader.dialect_type is Dialect else reader.dialect_type()
    dialect: Dialect = strict_json.build(value, reader.dialect_type, where=where)
    dialect.check(where=where)
    if written(dialect) != value or not value:
        raise Refused("a member has its default value, or there is no member", where=where)
    return dialect


def check_effects(idle: Iterable[frozenset[str]], *, where: str) -> None:
    """Raise `Refused` if a member of the dialect had no effect on any file of the ledger (section 17.2).

    `idle` has the members that had none, for each file.
    """
    for member in sorted(frozenset.intersection(*idle)):
        raise Refused(
            f"the file is read the same without `{member}`",
            where=f"{where}: dialect",
            remedy=f"leave --{member.replace('_', '-')} out",
        )


def written(dialect: Dialect) -> dict[str, Any]:
    """The members of a dialect that are not the default, as a statement has them."""
    # msgspec leaves out a member that is the very object of its default. Another one may equal it.
    default = type(dialect)()
    members = {name: getattr(dialect, name) for name in dialect.__struct_fields__}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in members.items()
        if value != getattr(default, name)
    }


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
