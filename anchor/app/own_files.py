# SPDX-License-Identifier: Apache-2.0
"""Files of ours that no command verifies: databases, files of a home, and documents of `--json`.

The kind is decided from the first bytes alone. `anchor inspect` knows the files that a command verifies.
"""

from typing import Any

from anchor.encoding import parse_json
from anchor.errors import AnchorError
from anchor.inspect.our_documents import READ_BY_FORMAT
from anchor.regex import expression

RECORDS = "database of records"
WITNESS_STORE = "store of a witness"
_DATABASE = "SQLite database"
_LIST = "list of signed statements"
_PRINTED = "document that a command printed"
_SQLITE = b"SQLite format 3\0"
_DATABASES = {b"CREATE TABLE anchored_heads": RECORDS, b"CREATE TABLE held ": WITNESS_STORE}
"""A table that only this database has."""
_FORMAT = expression(r"urn:ledger-anchor:([a-z-]+):v[0-9]+")
_KINDS = {
    "alarm": "message of an alarm",
    "backup": "list of a backup",
    "embedded": "settings file of an embedded instance",
    "mark": "high-water mark of records",
    "record": "export of records",
    "secret": "secret of a confidential release",
    "witness": "settings file of a witness",
}
"""The kind by the name in `format`. Any other name is that of a document of `--json`."""
KINDS = {RECORDS, WITNESS_STORE, _DATABASE, _LIST, _PRINTED, *_KINDS.values()}
_VERIFIED = {"commitment", "history-proof", "ledger", "opened"} | {f.split(":")[2] for f in READ_BY_FORMAT}
"""Names of formats that a command verifies. Another version of one is judged there."""


def kind_of(data: bytes) -> str:
    """The kind; empty for any other file. `data`: the file, or its beginning."""
    if data.startswith(_SQLITE):
        return next((kind for table, kind in _DATABASES.items() if table in data), _DATABASE)
    value = _object(data)
    if value is None:
        return ""
    if {"step", "ledger", "statement"} <= value.keys():
        return _LIST
    found = value.get("format")
    named = _FORMAT.fullmatch(found) if isinstance(found, str) else None
    if named is None or named[1] in _VERIFIED:
        return ""
    return _KINDS.get(named[1], _PRINTED)


def _object(data: bytes) -> dict[str, Any] | None:
    """The JSON object that this is, or that is on its first line."""
    for text in (data, data.partition(b"\n")[0]):
        if text[:1] == b"{":
            try:
                value = parse_json(text)
            except AnchorError:
                continue
            return value if isinstance(value, dict) else None
    return None
