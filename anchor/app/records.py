# SPDX-License-Identifier: Apache-2.0
"""The records of a home, and a worker over them: database, mark, evidence files, notifier."""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from anchor.disk import files, worker_id
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.monitor import conflicting_statements
from anchor.monitor.alarm import Message, Rule
from anchor.monitor.cycle import Parts
from anchor.monitor.run_record import Best, Evidence
from anchor.net.notify import Notifier
from anchor.records import followed_logs, high_water_mark, observed_releases, queue
from anchor.records.database import Database, open_database
from anchor.records.intervals import Intervals
from anchor.records.side_files import Beside
from anchor.records.store import RunRules
from anchor.watch.worker import Setting, Worker

T = TypeVar("T")


def url_for(home: Path, database: str | None) -> str:
    """The records' URL: as given (ANCHOR_DATABASE_URL), else SQLite in the home."""
    return database or f"sqlite:///{home}/records.db"


@contextmanager
def opened(home: Path, database: str | None, *, create: bool, patient: bool = False) -> Iterator[Database]:
    """The records, closed afterwards. `create` False: reading only, nothing is made or migrated. `patient`:
    records that cannot be opened now fail when they are used."""
    if create:
        make_home(home)
    found = open_database(url_for(home, database), create=create, patient=patient)
    try:
        yield found
    finally:
        found.close()


def make_home(home: Path) -> None:
    """The home, for its owner alone."""
    try:
        files.make_folder(home, mode=files.PRIVATE)
    except OSError as e:
        raise files.os_error(e, home, "make") from None


def mark_path(home: Path, database: Database) -> Path:
    """The mark of these records; another database has another one."""
    return home / f"records-{hashlib.sha256(database.name.encode()).hexdigest()[:8]}.mark"


def read_mark(home: Path, database: Database) -> high_water_mark.Mark | None:
    """The mark of these records; None for none, and for one that cannot be read: it is only a mark less."""
    data = _mark_bytes(mark_path(home, database))
    return high_water_mark.decode(data) if data is not None else None


def _mark_bytes(path: Path) -> bytes | None:
    if not path.exists():
        return None
    try:
        return files.read(path, limit=high_water_mark.MAX_MARK)
    except Misuse:
        return None


def watched(home: Path, database: Database) -> list[str]:
    """What is watched, by the records, or by their mark where they cannot be read or know of nothing, as when
    they were deleted. Raises why they cannot be read where there is no mark."""
    trouble: Unavailable | None = None
    try:
        if known := queue.targets(database):
            return known
    except Unavailable as e:
        trouble = e
    found = read_mark(home, database)
    if found is None and trouble is not None:
        raise trouble
    return [one.target for one in high_water_mark.watched(found)] if found is not None else []


def forget(home: Path, database: Database, target: str, *, now: float) -> bool:
    """Watch a target no more, and have the mark not bring it back; False when it was not watched."""
    dropped = queue.unwatch(database, target, now=now)
    found = read_mark(home, database)
    if dropped and found is not None:
        files.write(mark_path(home, database), high_water_mark.without(found, target), mode=0o600)
    return dropped


def forget_log(
    home: Path, database: Database, target: str, origin: str, *, who: str, reason: str, now: float
) -> None:
    """Follow a log no more for a target, and have the mark not bring it back."""
    followed_logs.forget(database, target, origin, who=who, reason=reason, now=now)
    found = read_mark(home, database)
    if found is not None:
        kept = high_water_mark.without_log(found, target, origin)
        files.write(mark_path(home, database), kept, mode=0o600)


def accept(
    home: Path, database: Database, target: str, *, number: int, who: str, reason: str, now: float
) -> tuple[str, int | None]:
    """Have the releases of a target compared with a lower number, and have the mark not bring the higher one
    back. Returns the ledger, and the number that was compared with before."""
    ledger, before = observed_releases.accept(
        database, target, number=number, who=who, reason=reason, now=now
    )
    found = read_mark(home, database)
    if found is not None:
        kept = high_water_mark.with_best(found, target, Best(ledger=ledger, number=number))
        files.write(mark_path(home, database), kept, mode=0o600)
    return ledger, before


def worker(
    database: Database,
    home: Path,
    parts: Callable[[], Parts],
    *,
    rule: Rule,
    intervals: Intervals,
    notifier: Notifier,
    tell: Callable[[Message], object] | None = None,
    policy: Callable[[], queue.Policy | None] = lambda: None,
) -> Worker:
    """A worker of this process. `tell` instead of the notifier's own takes what goes past the outbox."""
    path = mark_path(home, database)

    def load() -> bytes | None:
        return _mark_bytes(path)

    def save(data: bytes) -> None:
        files.write(path, data, mode=0o600)

    def spill(evidence: Evidence) -> None:
        target = home / "evidence" / f"{evidence.digest}.json"
        if not target.exists():
            files.write(target, evidence.document, mode=0o600)

    def spilled(known: Collection[str]) -> Iterator[bytes]:
        for path in sorted((home / "evidence").glob("*.json")):
            if path.stem not in known:
                with suppress(AnchorError):  # nobody's evidence, or not to be read
                    yield files.read(path, limit=conflicting_statements.MAX_SIZE)

    return Worker(
        Setting(
            database=database,
            name=worker_id.name(),
            parts=parts,
            clock=time.time,
            rules=RunRules(intervals=intervals, alarm_rule=rule, receivers=notifier.receivers),
            alive=worker_id.alive,
            beside=Beside(
                spill=_best_effort(spill),
                spilled=spilled,
                load_mark=load,
                save_mark=_best_effort(save),
            ),
            policy=policy,
            tell=tell or notifier.tell,
        )
    )


def _best_effort(write: Callable[[T], object]) -> Callable[[T], None]:
    """A write that may fail: what it keeps is a second copy."""

    def attempt(value: T) -> None:
        try:
            write(value)
        except (AnchorError, OSError):
            return

    return attempt


def absolute(targets: Sequence[str]) -> list[str]:
    """Targets as the records know them: URLs as they are, paths absolute, folders by their release.json."""
    found = []
    for target in targets:
        if "://" in target:
            found.append(target)
            continue
        path = Path(os.path.abspath(target))  # noqa: PTH100 - links stay as named
        if "\0" in target:
            raise Misuse("a path with a NUL", where=repr(target))
        path = files.check_utf8(path, str(path))
        found.append(str(path / "release.json" if path.is_dir() else path))
    return list(dict.fromkeys(found))
