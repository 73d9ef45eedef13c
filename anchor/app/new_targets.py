# SPDX-License-Identifier: Apache-2.0
"""URLs that a person gives to be re-verified for the first time: another document of ours there is a slip.

Only a URL at which nothing was ever found, good or bad. Whoever controls the server of another one could put
a statement there and turn INVALID into USAGE.
"""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from anchor.app import named_release, records
from anchor.errors import AnchorError, Misuse
from anchor.monitor.run_record import RunRecord
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.records import high_water_mark
from anchor.records.database import Database
from anchor.records.tables import Run, Target
from anchor.verdict import Class, Verdict, failed
from anchor.watch.worker import RunResult

BUDGET = 60.0
"""Seconds for one URL."""


def slips(database: Database, home: Path, targets: Sequence[str], *, offline: bool) -> dict[str, Misuse]:
    """The URLs among these targets at which nothing was ever found, and another document is now."""
    found = {}
    for target in targets:
        if offline or not release_files.is_url(target) or named_release.is_named_so(target):
            continue
        if _was_seen(database, home, target):
            continue
        try:
            named_release.load(target, Budget(BUDGET))
        except Misuse as e:
            found[target] = e
        except AnchorError:  # its run says so
            continue
    return found


def result(target: str, slip: Misuse) -> RunResult:
    """The result of a target that was not re-verified, beside those of others."""
    check = failed("release", slip)
    return RunResult(
        RunRecord(verdict=Verdict(kind="run", target=target, verdict=Class.USAGE, checks=(check,))), None
    )


def _was_seen(database: Database, home: Path, target: str) -> bool:
    """True if a run of a target ever found something, good or bad, by the records or their mark. True too if
    either cannot be read, or has lost the target: then it is judged."""
    target_row = sa.select(Target.id, Target.last_good_ms, Target.release_id, Target.notified)
    found = sa.select(Run.id).join(Target, Target.id == Run.claim_id).where(Run.verdict != Class.UNAVAILABLE)
    try:
        with database.read() as connection:
            row = connection.execute(target_row.where(Target.target == target)).first()
            run = connection.execute(found.where(Target.target == target).limit(1)).first()
        data = records.HomeFiles(home, database.name).load_mark()
        mark = high_water_mark.decode(data) if data is not None else None
    except AnchorError:
        return True
    if data is not None and mark is None:
        return True
    if mark is not None and target in {one for one, *_ in (*mark.best, *(() if row else mark.watched))}:
        return True
    if row is None:
        return False
    alarm = row.notified not in (Class.OK, Class.UNAVAILABLE)
    return run is not None or alarm or row.last_good_ms is not None or row.release_id is not None
