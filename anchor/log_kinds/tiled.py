# SPDX-License-Identifier: Apache-2.0
"""Logs that are static tiles (C2SP tlog-tiles): one tree, and an origin that is also the name of the key."""

from typing import ClassVar

from anchor.log_kinds.kind import Body, LogKind, Signed, names_of, note_key, unknown_form
from anchor.sigstore.bundle import LogEntry
from anchor.sigstore.trusted_root import LogKey
from anchor.tlog.checkpoint import Log


class TiledLog(LogKind):
    """Any tiled log. Without entries of its own it can be followed, and has no entry in a bundle."""

    name: ClassVar[str] = "static-tiles"
    title: ClassVar[str] = "tiled"

    def rebuild(self, entry: LogEntry, signed: Signed, where: str) -> list[Body]:
        raise unknown_form(entry, where)

    def log_of(self, key: LogKey, origin: str, where: str) -> Log:
        """The name of a log is its URL without scheme (rekor-tiles CLIENTS.md)."""
        name = origin if origin in names_of(key, where) else key.host
        return Log(name, note_key(name, key))

    def has_origin(self, origin: str) -> bool:
        return True
