# SPDX-License-Identifier: Apache-2.0
"""The releases that were verified at each target, and the numbers that a person accepted.

They are kept for ever, even when runs are pruned. A release is compared only with those of its epoch; each
accepted number begins a new epoch.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Misuse
from anchor.monitor.run_record import Best
from anchor.records import audit_log
from anchor.records.database import Database
from anchor.records.queue import ms
from anchor.records.tables import Accepted, Release, Run, Shown, Target

MAX_REASON = 1000
"""Characters of a reason."""
BY_THE_MARK = "the mark"
"""The author of a number that was restored from the high-water mark."""

_OF_TARGET = Accepted.claim_id == sa.bindparam("target_id")
_EPOCH = sa.select(sa.func.count()).select_from(Accepted).where(_OF_TARGET)
_KNOWN = sa.select(Shown.id).where(
    Shown.claim_id == sa.bindparam("target_id"),
    Shown.epoch == sa.bindparam("epoch"),
    Shown.release_id == sa.bindparam("release"),
)
_SHOW = sa.insert(Shown).returning(Shown.id)
_ACCEPT = sa.insert(Accepted).returning(Accepted.id)
_TARGET = sa.select(Target.__table__).where(Target.target == sa.bindparam("target"))
_FOUND = (
    sa.select(Release.ledger, Release.number)
    .join(Run, Run.release_id == Release.id)
    .where(Run.claim_id == sa.bindparam("target_id"), Run.state == "finished")
    .order_by(Run.seq.desc())
    .limit(1)
)
_LAST = (
    sa.select(Target.target, Run.facts)
    .join(Run, Run.claim_id == Target.id)
    .where(
        Target.active == 1,
        Run.seq
        == sa.select(sa.func.max(Run.seq))
        .where(Run.claim_id == Target.id, Run.state == "finished")
        .correlate(Target)
        .scalar_subquery(),
    )
)
_HIGHEST = (
    sa.select(sa.func.max(Release.number))
    .join(Shown, Shown.release_id == Release.id)
    .where(
        Shown.claim_id == sa.bindparam("target_id"),
        Shown.epoch == sa.bindparam("epoch"),
        Release.ledger == sa.bindparam("ledger"),
    )
)
_SAID = sa.select(Accepted.ledger, Accepted.number).where(_OF_TARGET).order_by(Accepted.epoch.desc()).limit(1)
_DUE = sa.update(Target).where(Target.id == sa.bindparam("target_id"), Target.due_ms > sa.bindparam("at"))


class _Best(msgspec.Struct):
    ledger: str
    number: int


class _Facts(msgspec.Struct):
    best: _Best | None = None


def write(connection: Connection, target_id: int, release_id: int, at: int) -> None:
    """Record that a release was verified at a target, once in each epoch. The caller holds `serialise`."""
    key = {"target_id": target_id, "epoch": _epoch(connection, target_id), "release": release_id}
    if connection.execute(_KNOWN, key).first() is not None:
        return
    row = {"claim_id": target_id, "epoch": key["epoch"], "release_id": release_id, "seen_ms": at}
    added = connection.execute(_SHOW, row).scalar_one()
    audit_log.write(connection, Shown, {**row, "id": added}, at)


def accept(
    database: Database, target: str, *, number: int, who: str, reason: str, now: float
) -> tuple[str, int | None]:
    """Accept a release with this number, on a person's word: later releases are compared with it from now on.

    Returns its ledger, and the highest number that it was compared with before. The target is due at once.
    Raises Misuse if the target is not known, or the last run found another number there.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise Misuse(f"1 to {MAX_REASON} characters are wanted", where="--reason")
    with database.write() as connection:
        database.serialise(connection)
        watched = connection.execute(_TARGET, {"target": target}).mappings().first()
        if watched is None:
            raise Misuse("is not watched", where=target, remedy="anchor status names what is")
        shown = connection.execute(_FOUND, {"target_id": watched["id"]}).first()
        if shown is None or shown.number != number:
            last = "no release" if shown is None else f"release {shown.number}"
            problem = f"the last run that could verify it found {last} there, not {number}"
            raise Misuse(problem, where=target, remedy="accept what is served; anchor reverify looks again")
        before = _highest(connection, watched["id"], shown.ledger)
        _say(connection, watched["id"], Best(ledger=shown.ledger, number=number), who, reason, ms(now))
        connection.execute(_DUE, {"target_id": watched["id"], "at": ms(now), "due_ms": ms(now)})
        return shown.ledger, before


def recall(database: Database, wanted: Mapping[str, Best], *, now: float) -> None:
    """Restore the highest numbers (`wanted`, by target) that the records have lost."""
    with database.write() as connection:
        database.serialise(connection)
        for target, best in wanted.items():
            watched = connection.execute(_TARGET, {"target": target}).mappings().first()
            if watched is not None and best.number > (_highest(connection, watched["id"], best.ledger) or 0):
                _say(connection, watched["id"], best, BY_THE_MARK, "the records had lost it", ms(now))


def bests(database: Database) -> dict[str, Best]:
    """The highest number of each watched target, as its last run found it under the policy of that run."""
    highest = {}
    with database.read() as connection:
        for target, facts in connection.execute(_LAST):
            best = msgspec.json.decode(facts or "{}", type=_Facts).best
            if best is not None:
                highest[target] = Best(ledger=best.ledger, number=best.number)
    return highest


def _epoch(connection: Connection, target_id: int) -> int:
    return int(connection.execute(_EPOCH, {"target_id": target_id}).scalar_one())


def _highest(connection: Connection, target_id: int, ledger: str) -> int | None:
    """The highest number of a ledger at a target in this epoch, by any signer."""
    key: dict[str, Any] = {"target_id": target_id, "epoch": _epoch(connection, target_id), "ledger": ledger}
    numbers = [connection.execute(_HIGHEST, key).scalar()]
    said = connection.execute(_SAID, {"target_id": target_id}).first()
    numbers += [said.number] if said is not None and said.ledger == ledger else []
    return max((n for n in numbers if n is not None), default=None)


def _say(connection: Connection, target_id: int, best: Best, who: str, reason: str, at: int) -> None:
    row = {
        "claim_id": target_id,
        "epoch": _epoch(connection, target_id) + 1,
        "ledger": best.ledger,
        "number": best.number,
        "who": who,
        "reason": reason,
        "at_ms": at,
    }
    added = connection.execute(_ACCEPT, row).scalar_one()
    audit_log.write(connection, Accepted, {**row, "id": added}, at)
