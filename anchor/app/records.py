# SPDX-License-Identifier: Apache-2.0
"""The records of a home and a worker over them: database, side files, notifier."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from anchor.app import evidence_files
from anchor.disk import files
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.format.names import RELEASE
from anchor.monitor import conflicting_statements
from anchor.monitor.run_record import Best, Evidence
from anchor.records import followed_logs, high_water_mark, observed_releases, queue
from anchor.records.database import Database, open_database


def url_for(home: Path, database: str | None) -> str:
    """The URL of the records: ANCHOR_DATABASE_URL, or SQLite in the home."""
    return database or f"sqlite:///{_own(home)}"


def _own(home: Path) -> Path:
    return home / "records.db"


def exist(home: Path, database: str | None) -> bool:
    """False if the records would be a new file in the home."""
    return database is not None or _own(home).exists()


@contextmanager
def opened(home: Path, database: str | None, *, create: bool, patient: bool = False) -> Iterator[Database]:
    """Open the records, and close them afterwards.

    With `create` False they are only read; nothing is created or migrated. With `patient`, records that
    cannot be opened now raise when they are used.
    """
    if create:
        make_home(home)
    opened_database = open_database(url_for(home, database), create=create, patient=patient)
    try:
        yield opened_database
    finally:
        opened_database.close()


def make_home(home: Path) -> None:
    """Create the home, readable by its owner only."""
    try:
        files.make_folder(home, mode=files.PRIVATE)
    except OSError as e:
        raise files.os_error(e, home, "make") from None


def mark_path(home: Path, name: str) -> Path:
    """The mark of the records with this name. Each database has its own."""
    return home / f"records-{hashlib.sha256(name.encode()).hexdigest()[:8]}.mark"


class HomeFiles:
    """The side files of records in their home. Implements `anchor.records.side_files.SideFiles`."""

    def __init__(self, home: Path, name: str) -> None:
        self._mark = mark_path(home, name)
        self._evidence = home / "evidence"

    def save_evidence(self, evidence: Evidence) -> None:
        """Write evidence as a file, unless the file exists."""
        with suppress(AnchorError, OSError):
            evidence_files.put(evidence, self._evidence)

    def evidence(self, known: Collection[str]) -> Iterator[bytes]:
        """The documents that are stored as files, except those with these digests."""
        for path in sorted(self._evidence.glob("*.json")):
            if path.stem not in known:
                with suppress(AnchorError):  # another program's file, or one that cannot be read
                    yield files.read(path, limit=conflicting_statements.MAX_SIZE)

    def load_mark(self) -> bytes | None:
        """The bytes of the mark; None if there is no mark that can be read."""
        if not self._mark.exists():
            return None
        try:
            return files.read(self._mark, limit=high_water_mark.MAX_MARK)
        except Misuse:
            return None

    def save_mark(self, data: bytes) -> None:
        """Replace the mark, if it can be written."""
        with suppress(AnchorError, OSError):
            files.write(self._mark, data, mode=0o600)

    def read_mark(self) -> high_water_mark.Mark | None:
        """The mark; None if there is no mark that can be read."""
        data = self.load_mark()
        return high_water_mark.decode(data) if data is not None else None

    def change_mark(self, change: Callable[[high_water_mark.Mark], bytes]) -> None:
        """Rewrite the mark, if there is one. Raises if it cannot be written."""
        mark = self.read_mark()
        if mark is not None:
            files.write(self._mark, change(mark), mode=0o600)


def watched(home: Path, database: Database) -> list[str]:
    """The watched targets, by the records. If those cannot be read or are empty, by their mark.

    If there is no mark either, this raises the reason why the records cannot be read.
    """
    failure: Unavailable | None = None
    try:
        if known := queue.targets(database):
            return known
    except Unavailable as e:
        failure = e
    mark = HomeFiles(home, database.name).read_mark()
    if mark is None and failure is not None:
        raise failure
    return [one.target for one in high_water_mark.watched(mark)] if mark is not None else []


def forget(home: Path, database: Database, target: str, *, now: float) -> bool:
    """Stop watching a target, in the mark too. False when it was not watched."""
    dropped = queue.unwatch(database, target, now=now)
    if dropped:
        HomeFiles(home, database.name).change_mark(lambda mark: high_water_mark.without(mark, target))
    return dropped


def forget_log(
    home: Path, database: Database, target: str, origin: str, *, who: str, reason: str, now: float
) -> None:
    """Stop following a log for a target, in the mark too."""
    followed_logs.forget(database, target, origin, who=who, reason=reason, now=now)
    HomeFiles(home, database.name).change_mark(lambda mark: high_water_mark.without_log(mark, target, origin))


def accept(
    home: Path, database: Database, target: str, *, number: int, who: str, reason: str, now: float
) -> tuple[str, int | None]:
    """Compare the releases of a target with a lower number from now on, in the mark too.

    Returns the ledger, and the number that releases were compared with before.
    """
    ledger, before = observed_releases.accept(
        database, target, number=number, who=who, reason=reason, now=now
    )
    best = Best(ledger=ledger, number=number)
    HomeFiles(home, database.name).change_mark(lambda mark: high_water_mark.with_best(mark, target, best))
    return ledger, before


def absolute(targets: Sequence[str]) -> list[str]:
    """Targets as the records name them: a URL as given, an absolute path, for a folder its release.json."""
    names = []
    for target in targets:
        if "://" in target:
            names.append(target)
            continue
        path = Path(os.path.abspath(target))  # noqa: PTH100 - links stay as named
        if "\0" in target:
            raise Misuse("a path with a NUL", where=repr(target))
        path = files.check_utf8(path, str(path))
        names.append(str(path / RELEASE if path.is_dir() else path))
    return list(dict.fromkeys(names))
