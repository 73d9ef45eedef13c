# SPDX-License-Identifier: Apache-2.0
"""The list of all statements that a home signed, and copies of those that were published.

The list has one line for each step of each statement. It is in the publisher's home, not in the published
folder: after that folder is lost or restored from a backup, no second statement of a release may be signed. A
line is durable before the request that it is about is sent.

    sending    it may be in this log from now on
    unsent     nothing of it was sent to this log, or the log said that it never takes it
    abandoned  given up by the publisher, with --abandon
    published  a release.json names it

The published statement and its bundles are kept beside the list, so that another folder gets the same
release and no second log entry.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from anchor import limits
from anchor.disk import files
from anchor.encoding import rfc3339
from anchor.errors import Misuse, Refused
from anchor.format import names
from anchor.format.statement import LedgerName

FILE = "signed.jsonl"
FOLDER = "signed"
_ROOM = 1 << 20
"""Bytes that are kept free for later steps of a statement, before another statement may be sent."""
STATEMENT = "statement.json"
TRUSTED_ROOT = "trusted_root.json"
Step = Literal["sending", "unsent", "abandoned", "published"]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of one statement. `log`: the host name of the log; empty where all logs are meant."""

    at: str
    """RFC 3339, UTC."""
    step: Step
    ledger: str
    number: int
    version: str
    statement: str
    """SHA-256 of the statement's bytes, hex."""
    log: str = ""
    root: str = ""
    """The folder in which it was published."""


class SignedStatements:
    """The list of a home. Its writer holds the lock of the home (`interrupted.locked`)."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE
        self._folder = home / FOLDER

    def exists(self) -> bool:
        """False in a home that has never signed, or that has lost its list."""
        return os.path.lexists(self.path)  # a link to nothing is a list that is lost

    def lines(self) -> list[Line]:
        """All lines, oldest first. Raises `Refused` for a list that something else has changed."""
        if not self.exists():
            return []
        found = []
        for number, line in enumerate(files.read(self.path, limit=limits.SIGNED).splitlines(), 1):
            try:
                one = msgspec.json.decode(line, type=Line)
                problem = names.time_problem(one.at) or names.hex_problem(one.statement)
            except (msgspec.DecodeError, ValueError) as e:
                problem = str(e)
            if problem:
                raise Refused(
                    f"line {number} is damaged: {problem}",
                    where=str(self.path),
                    remedy="restore the file from a backup: without it a release could be signed twice",
                )
            found.append(one)
        return found

    def add(self, lines: Iterable[Line]) -> None:
        """Append, durably: the whole list is written anew and renamed, so it is never half a line."""
        old = files.read(self.path, limit=limits.SIGNED) if self.exists() else b""
        lines = list(lines)
        new = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        keep = _ROOM if any(line.step == "sending" for line in lines) else 0
        if new and len(old) + len(new) + keep > limits.SIGNED:
            raise Misuse(
                f"the list is full: {limits.SIGNED} bytes are read",
                where=str(self.path),
                remedy="nothing was sent: go on with a home that is new (--home FOLDER --new-signer)",
            )
        if new or not self.exists():
            files.write(self.path, old + new, mode=0o600)

    # What was published

    def keep(self, statement: bytes, root: bytes, bundles: Sequence[tuple[str, bytes]]) -> None:
        """Keep a published statement, its bundles by their file names, and the trusted root that fits them.

        The root first: one that names more logs fits the bundles of before, too.
        """
        folder = self.folder(statement)
        for name, data in ((STATEMENT, statement), (TRUSTED_ROOT, root), *bundles):
            path = folder / name
            if not (path.exists() and files.read(path, limit=limits.BUNDLE) == data):
                files.write(path, data, mode=0o600)

    def kept(self, statement: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
        """The trusted root and the bundles that were published of a statement; empty if none are kept."""
        folder = self.folder(statement)
        bundles = [
            (path.name, files.read(path, limit=limits.BUNDLE))
            for path in sorted(folder.glob("*.json"))
            if path.name not in (STATEMENT, TRUSTED_ROOT)
        ]
        root = files.read(folder / TRUSTED_ROOT, limit=limits.TRUSTED_ROOT) if bundles else b""
        return root, bundles

    def statements(self) -> list[bytes]:
        """Every statement that is kept. A lost list is made again from these."""
        found = sorted(self._folder.glob(f"*/{STATEMENT}"))
        return [files.read(path, limit=limits.STATEMENT) for path in found]

    def folder(self, statement: bytes) -> Path:
        """The folder in which a published statement is kept."""
        return self._folder / hashlib.sha256(statement).hexdigest()[:32]


def line(
    step: Step, ledger: LedgerName, statement: str, *, now: datetime, log: str = "", root: str = ""
) -> Line:
    """One line about a statement (SHA-256, hex)."""
    return Line(
        at=rfc3339(now),
        step=step,
        ledger=ledger.name,
        number=ledger.number,
        version=ledger.version,
        statement=statement,
        log=log,
        root=root,
    )
