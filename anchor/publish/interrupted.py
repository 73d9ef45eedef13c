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
from anchor.publish.release_json import BUNDLE, bundle_path
from anchor.publish.signing_history import Subject

FOLDER = "journal"
_WHY = (
    "another statement with its number would contradict it for ever",
    "a release commits to the newest status",
)
_WAYS = ("publish that version with the bytes that it had", "complete it with 'anchor renew'")
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
    subject: Subject | None
    """None if its statement cannot be read."""
    abandoned: bool
    """The publisher gave it up: it is not completed any more, and it may be in the log."""
    late: bool = False
    """An entry that the log makes from now on would not verify."""

    @property
    def ledger(self) -> LedgerName | None:
        """The release; of a status the newest one that it names."""
        return self.subject.ledger if self.subject else None

    @property
    def status(self) -> int:
        """The sequence of a status; 0 for a release."""
        return self.subject.status if self.subject else 0

    @property
    def events(self) -> int:
        """The size of a head of a history; 0 for any other statement."""
        return self.subject.events if self.subject else 0

    @property
    def name(self) -> str:
        if self.ledger is None or self.subject is None:
            return f"statement {self.statement}"
        if self.events:
            return str(self.subject)
        if self.status:
            return f"status {self.status} of {self.ledger.name}"
        return f"{self.ledger.name} {self.ledger.version} (number {self.ledger.number})"

    def __str__(self) -> str:
        what = "given up" if self.abandoned else "interrupted"
        line = f"{self.name}, {what}, in {self.log}: {_STEPS[self.step]}"
        if self.late and self.step == "sent" and not self.abandoned:
            line += "; its certificate has expired, so look with --resume, or give it up with --abandon"
        return line


def journal_folder(home: Path, statement: bytes) -> Path:
    """The journal of a statement: every log has a folder below it."""
    return _journals(home, hashlib.sha256(statement).hexdigest())


def is_begun(home: Path, digest: str, log: str) -> bool:
    """True if this home has begun to record the statement with this SHA-256 (hex) in the log of this name."""
    return (_journals(home, digest) / bundle_path(log)).is_dir()


def _journals(home: Path, digest: str) -> Path:
    return home / FOLDER / digest[:32]


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
    subject, late = None, False
    try:
        if journal.entry() is None:
            step = "sent" if journal.sending() else "signed"
        made = journal.signed()
        if made:
            late = made.late(datetime.now(UTC))
            subject = signing_history.subject_of(made.payload)
    except Unsupported:  # a statement of a newer program
        pass
    except AnchorError:
        step = "damaged"
    return Interrupted(
        folder=folder,
        statement=folder.parent.name,
        log=folder.name.removesuffix(BUNDLE).rpartition(ASIDE)[2],
        step=step,
        subject=subject,
        abandoned=journal.abandoned(),
        late=late,
    )


@contextlib.contextmanager
def resumed_by_itself(home: Path) -> Iterator[None]:
    """Have an interrupt, a defect or an error of this block say that the same command goes on.

    Only if an entry was sent: whoever does not know that it is not made twice may try another way.
    """
    try:
        yield
    except KeyboardInterrupt:
        line = _goes_on(home)
        raise KeyboardInterrupt(f"stopped; {line}" if line else "stopped") from None
    except AnchorError as e:
        e.remedy = e.remedy or _goes_on(home)
        raise
    except Exception as e:
        if line := _goes_on(home):
            e.add_note(line)
        raise


def _goes_on(home: Path) -> str:
    """The line about what was sent and is not in place; empty if nothing was."""
    sent = [i.name for i in interrupted(home) if i.step in ("sent", "recorded") and not i.abandoned]
    if not sent:
        return ""
    names = " and ".join(dict.fromkeys(sent))
    return f"{names} was sent to a log: the same command goes on, and makes no second entry"


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
    home: Path,
    statement: bytes,
    *,
    released: bool,
    status: bytes | None,
    abandon: bool,
    say: Callable[[str], None],
) -> None:
    """Report each other interrupted publication, and refuse a second statement of one ledger and number.

    `released`: this very statement is in place, so the others are too late. `status`: the one in place. With
    `abandon`, a publication in the way is given up: it stays in its log, and in the list. Raises `Misuse`.
    Needs `locked`.
    """
    ours = statements.decode(statement).ledger
    mine = [journal_folder(home, data) for data in (statement, status) if data is not None]
    for other in interrupted(home):
        if other.folder.parent in mine or other.abandoned:
            continue
        contradicts = bool(other.ledger) and _in_the_way(other, ours)
        if contradicts and other.step == "signed":
            Journal(other.folder).discard()  # in no log, and never to be
        elif contradicts and abandon:
            Journal(other.folder).abandon()
            say(f"given up: {other}")
        elif contradicts and not released:
            raise Misuse(
                f"{other}; {_WHY[bool(other.status)]}",
                where=str(other.folder),
                remedy=f"{_WAYS[bool(other.status)]}; --abandon gives it up",
            )
        else:
            say(f"note: {other}")


def _in_the_way(other: Interrupted, ours: LedgerName) -> bool:
    """True if another publication must be completed before a release: one of its number, or a status of its
    ledger, which the release would have to commit to."""
    assert other.ledger is not None
    if other.events or other.ledger.name != ours.name:
        return False
    return bool(other.status or other.ledger.number == ours.number)


def status_in_the_way(
    home: Path, ledger: str, in_place: bytes | None, *, remove: bool = True
) -> bytes | None:
    """The status of a ledger that was sent and is not in place: its bytes must be completed.

    `in_place`: the status that the folder names. `remove`: statuses that are in no log are removed, which
    needs `locked`. Raises `Misuse` if a release of the ledger was interrupted: it commits to the status of
    its time.
    """
    found = None
    for other in interrupted(home):
        if other.abandoned or other.events or other.ledger is None or other.ledger.name != ledger:
            continue
        if in_place is not None and other.folder.parent == journal_folder(home, in_place):
            continue  # a log that is still missing
        if other.step == "signed":
            if other.status and remove:
                Journal(other.folder).discard()
        elif other.status:
            prepared = Journal(other.folder).signed()
            found = prepared.payload if prepared else found
        else:
            raise Misuse(
                f"{other}",
                where=str(other.folder),
                remedy="complete it first: publish that version again, with --resume",
            )
    return found
