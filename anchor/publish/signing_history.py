# SPDX-License-Identifier: Apache-2.0
"""The list of all statements that a home signed, and copies of those that were published.

The list has one line for each step of each statement: of a release, a status, or a head of a history. It is
in the publisher's home, not in the published folder: after that folder is lost or restored from a backup, no
second statement of a release may be signed. A line is durable before the request that it is about is sent.

    sending    it may be in this log from now on
    unsent     nothing of it was sent to this log, or the log said that it never takes it
    abandoned  given up by the publisher, with --abandon
    published  a release.json names it; of a head: the records have it

The published statement and its bundles are kept beside the list, so that another folder gets the same
release and no second log entry.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from anchor import limits
from anchor.disk import files
from anchor.encoding import rfc3339
from anchor.errors import Missing, Misuse, Refused
from anchor.format import history_head, names
from anchor.format import ledger_status as statuses
from anchor.format import statement as statements
from anchor.format.names import STATEMENT, TRUSTED_ROOT
from anchor.format.statement import LedgerName
from anchor.words import several

FILE = "signed.jsonl"
FOLDER = "signed"
_ROOM = 1 << 20
"""Bytes that are kept free for later steps of a statement, before another statement may be sent."""
"""Fits all bundles, except those that have one of their own."""
ROOT_OF = ".root"
"""After the name of a bundle: the trusted root that fits it alone."""
Step = Literal["sending", "unsent", "abandoned", "published"]


class Subject(NamedTuple):
    """The release that a statement is of; for a status the newest release that it names, and its sequence.

    A head of a history has its origin in the place of the ledger's name, and its size in `events`.
    """

    ledger: LedgerName
    status: int = 0
    events: int = 0

    def __str__(self) -> str:
        ledger = self.ledger
        if self.status:
            return f"status {self.status} of {names.shown(ledger.name)}"
        if self.events:
            return f"the head of {several(self.events, 'event')} of {names.shown(ledger.name)}"
        return f"{names.shown(ledger.name)} {ledger.version} (number {ledger.number})"


def subject_of(data: bytes) -> Subject:
    """The subject of a statement's bytes. Raises as the `decode` of its kind."""
    if history_head.is_head(data):
        head = history_head.decode(data)
        return Subject(LedgerName(name=head.origin, number=0, version=""), events=head.size)
    if not statuses.is_status(data):
        return Subject(statements.decode(data).ledger)
    said = statuses.decode(data)
    newest = said.newest
    named = LedgerName(name=said.ledger, number=newest.number, version=newest.version)
    return Subject(named, said.sequence)


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
    status: int | UnsetType = UNSET
    """The sequence of a status. Absent for a release: earlier programs know no statuses."""
    events: int | UnsetType = UNSET
    """The size of a head of a history, whose origin is `ledger` then. Absent for all others."""

    @property
    def subject(self) -> Subject:
        """The release, status or head that it is about."""
        named = LedgerName(name=self.ledger, number=self.number, version=self.version)
        return Subject(named, self.status or 0, self.events or 0)

    @property
    def of_release(self) -> bool:
        """True if it is about a release."""
        return not self.status and not self.events


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
                remedy="nothing was sent: publish with a home that is new (--home FOLDER --new-signer)",
            )
        if new or not self.exists():
            files.write(self.path, old + new, mode=0o600)

    # What was published

    def keep(self, statement: bytes, bundles: Sequence[tuple[str, bytes, bytes]]) -> None:
        """Keep a published statement, and its bundles by their file names, each with the trusted root that
        fits it.

        The roots first: one that names more logs fits the bundles of before, too.
        """
        folder = self.folder(statement)
        if len({root for _, _, root in bundles}) == 1:
            roots = [(TRUSTED_ROOT, bundles[0][2])]
        else:
            roots = [(name + ROOT_OF, root) for name, _, root in bundles]
        for name, data in ((STATEMENT, statement), *roots, *((name, bundle) for name, bundle, _ in bundles)):
            path = folder / name
            if not (path.exists() and files.read(path, limit=limits.BUNDLE) == data):
                files.write(path, data, mode=0o600)

    def kept(self, statement: bytes) -> list[tuple[str, bytes]]:
        """The bundles that were published of a statement, by their file names."""
        return [
            (path.name, files.read(path, limit=limits.BUNDLE))
            for path in sorted(self.folder(statement).glob("*.json"))
            if path.name not in (STATEMENT, TRUSTED_ROOT)
        ]

    def kept_root(self, statement: bytes, bundle: str) -> bytes:
        """The trusted root that fits a kept bundle (by its name). Homes of early versions lack it."""
        own = self.folder(statement) / (bundle + ROOT_OF)
        path = own if own.exists() else own.with_name(TRUSTED_ROOT)
        try:
            return files.read(path, limit=limits.TRUSTED_ROOT)
        except Missing:
            raise Missing(
                "the trusted root of bundles that were published from this home is missing",
                where=str(path),
                remedy="run the same command in the folder where the release is in place: it is kept again "
                "then; or copy the trusted_root.json of that release to this path",
            ) from None

    def statements(self) -> list[bytes]:
        """Every statement that is kept. A lost list is made again from these."""
        found = sorted(self._folder.glob(f"*/{STATEMENT}"))
        return [files.read(path, limit=limits.STATEMENT) for path in found]

    def folder(self, statement: bytes) -> Path:
        """The folder in which a published statement is kept."""
        return self._folder / hashlib.sha256(statement).hexdigest()[:32]


def line(
    step: Step, subject: Subject, statement: str, *, now: datetime, log: str = "", root: str = ""
) -> Line:
    """One line about a statement (SHA-256, hex)."""
    ledger = subject.ledger
    return Line(
        at=rfc3339(now),
        step=step,
        ledger=ledger.name,
        number=ledger.number,
        version=ledger.version,
        statement=statement,
        log=log,
        root=root,
        status=subject.status or UNSET,
        events=subject.events or UNSET,
    )
