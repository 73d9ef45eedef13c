# SPDX-License-Identifier: Apache-2.0
"""Publications that were interrupted, by the journals of a home.

If this program crashes after sending an entry, the log may have the entry although no release.json names it.
Such a publication must be completed. Another statement in its place is refused, since two signed statements
of one ledger and number contradict each other for ever.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from anchor.disk import files, lock
from anchor.errors import AnchorError, Misuse, Unsupported
from anchor.format import statement as statements
from anchor.format.statement import LedgerName
from anchor.publish import signing_history
from anchor.publish.journal import ASIDE, Journal
from anchor.publish.release_json import BUNDLE

FOLDER = "journal"
Step = Literal["signed", "sent", "recorded", "damaged"]
_STEPS: dict[Step, str] = {
    "signed": "signed, in no log",
    "sent": "sent, and not confirmed: it may be in the log",
    "recorded": "in the log",
    "damaged": "its journal cannot be read, so it may be in the log",
}


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """One statement on its way into one log, and how far it came."""

    folder: Path
    """Its journal."""
    statement: str
    """First half of the SHA-256 of the statement, hex."""
    log: str
    """The log's host name, as it names the bundle's file."""
    step: Step
    ledger: LedgerName | None
    abandoned: bool
    """The publisher gave it up: it is not completed any more, and it may be in the log."""
    late: bool = False
    """An entry that the log makes from now on would not verify."""

    @property
    def name(self) -> str:
        if self.ledger is None:
            return f"statement {self.statement}"
        return f"{self.ledger.name} {self.ledger.version} (number {self.ledger.number})"

    def __str__(self) -> str:
        what = "given up" if self.abandoned else "interrupted"
        line = f"{self.name}, {what}, in {self.log}: {_STEPS[self.step]}"
        if self.late and self.step == "sent" and not self.abandoned:
            line += "; its certificate has expired, so look with --resume, or give it up with --abandon"
        return line


def journal_folder(home: Path, statement: bytes) -> Path:
    """The journal of a statement: every log has a folder below it."""
    return home / FOLDER / hashlib.sha256(statement).hexdigest()[:32]


def interrupted(home: Path) -> list[Interrupted]:
    """Each publication that was begun in this home and is not finished, by ledger and number."""
    found = [
        _read(log)
        for statement in sorted((home / FOLDER).glob("[!.]*"))
        for log in sorted(statement.glob(f"*{BUNDLE}"))
        if log.is_dir() and any(log.glob("[!.]*"))
    ]
    return sorted(found, key=lambda i: (i.ledger.name, i.ledger.number) if i.ledger else ("", 0))


def _read(folder: Path) -> Interrupted:
    journal = Journal(folder)
    step: Step = "recorded"
    ledger, late = None, False
    try:
        if journal.entry() is None:
            step = "sent" if journal.sending() else "signed"
        made = journal.signed()
        if made:
            late = made.late(datetime.now(UTC))
            ledger = statements.decode(made.payload).ledger
    except Unsupported:  # a statement of a newer program
        pass
    except AnchorError:
        step = "damaged"
    return Interrupted(
        folder=folder,
        statement=folder.parent.name,
        log=folder.name.removesuffix(BUNDLE).rpartition(ASIDE)[2],
        step=step,
        ledger=ledger,
        abandoned=journal.abandoned(),
        late=late,
    )


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Lock the journals of a home, and remove the remains of journals that a killed process was removing."""
    folder = home / FOLDER
    try:
        files.make_folder(folder, mode=files.PRIVATE)
    except OSError as e:
        raise files.os_error(e, folder, "make the folder") from None
    with lock.exclusive(folder, doing="publishing with this home"):
        for left in (*folder.glob(".*"), *folder.glob("*/.*")):
            shutil.rmtree(left, ignore_errors=True)
        for half in (
            *home.glob(f".{signing_history.FILE}.*.tmp"),
            *(home / signing_history.FOLDER).rglob(".*.tmp"),
        ):
            half.unlink(missing_ok=True)
        for statement in folder.iterdir():
            with contextlib.suppress(OSError):
                statement.rmdir()  # only when it is empty
        yield


def clear_the_way(
    home: Path, statement: bytes, *, released: bool, abandon: bool, say: Callable[[str], None]
) -> None:
    """Report each other interrupted publication, and refuse a second statement of one ledger and number.

    `released`: this very statement is in place, so the others are too late. With `abandon`, a publication in
    the way is given up: it stays in its log, and in the list. Raises `Misuse`. Needs `locked`.
    """
    ours = statements.decode(statement).ledger
    mine = journal_folder(home, statement)
    for other in interrupted(home):
        if other.folder.parent == mine or other.abandoned:
            continue
        contradicts = other.ledger and (other.ledger.name, other.ledger.number) == (ours.name, ours.number)
        if contradicts and other.step == "signed":
            Journal(other.folder).discard()  # in no log, and never to be
        elif contradicts and abandon:
            Journal(other.folder).abandon()
            say(f"given up: {other}")
        elif contradicts and not released:
            raise Misuse(
                f"{other}; another statement with its number would contradict it for ever",
                where=str(other.folder),
                remedy="publish that version with the bytes that it had; --abandon gives it up",
            )
        else:
            say(f"note: {other}")
