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
from anchor.format.history_events import NumberAccepted, ReleaseShown
from anchor.monitor.run_record import Best
from anchor.records.database import Database
from anchor.records.last_facts import last_facts
from anchor.records.queue import make_due, ms
from anchor.records.tables import Accepted, Release, Shown, Target
from anchor.records.writer import Writer, writing

MAX_REASON = 1000
"""Characters of a reason."""
BY_THE_MARK = "the mark"
"""The author of a number that was restored from the high-water mark."""

_OF_TARGET = Accepted.claim_id == sa.bindparam("target_id")
_EPOCH = sa.select(sa.func.count()).select_from(Accepted).where(_OF_TARGET)
_KNOWN = sa.select(Shown.id).where(
    Shown.claim_id == sa.bindparam("target_id"),
    Shown.epoch == _EPOCH.scalar_subquery(),
    Shown.release_id == sa.bindparam("release"),
)
_TARGET = sa.select(Target.id).where(Target.target == sa.bindparam("target"))
_FOUND = (
    sa.select(Release.ledger, Release.number)
    .join(Target, Target.release_id == Release.id)
    .where(Target.id == sa.bindparam("target_id"))
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


class _Best(msgspec.Struct):
    ledger: str
    number: int


class _Facts(msgspec.Struct):
    best: _Best | None = None


def write(writer: Writer, target: str, statement: str) -> None:
    """Record that a release was verified at a target, once in each epoch. `statement`: its SHA-256, hex."""
    key = {"target_id": writer.known.target(target), "release": writer.known.release(statement)}
    if writer.connection.execute(_KNOWN, key).first() is None:
        writer.add(ReleaseShown, target=target, statement=statement)


def accept(
    database: Database, target: str, *, number: int, who: str, reason: str, now: float
) -> tuple[str, int | None]:
    """Accept a release with this number, on a person's word: later releases are compared with it from now on.

    Returns its ledger, and the highest number that it was compared with before. The target is due at once.
    Raises Misuse if the target is not known, or the last run found another number there.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise Misuse(f"1 to {MAX_REASON} characters are wanted", where="--reason")
    with writing(database, ms(now)) as writer:
        target_id = writer.known.target(target)
        if target_id is None:
            raise Misuse("is not watched", where=target, remedy="anchor status names what is")
        shown = writer.connection.execute(_FOUND, {"target_id": target_id}).first()
        if shown is None or shown.number != number:
            last = "no release" if shown is None else f"release {shown.number}"
            problem = f"the last run that could verify it found {last} there, not {number}"
            raise Misuse(problem, where=target, remedy="accept what is served; anchor reverify looks again")
        before = _highest(writer.connection, target_id, shown.ledger)
        _say(writer, target, Best(ledger=shown.ledger, number=number), who, reason)
        make_due(writer.connection, target_id, ms(now))
        return shown.ledger, before


def recall(database: Database, wanted: Mapping[str, Best], *, now: float) -> None:
    """Restore the highest numbers (`wanted`, by target) that the records have lost."""
    with writing(database, ms(now)) as writer:
        for target, best in wanted.items():
            target_id = writer.known.target(target)
            if target_id is not None and best.number > (
                _highest(writer.connection, target_id, best.ledger) or 0
            ):
                _say(writer, target, best, BY_THE_MARK, "the records had lost it")


def bests(database: Database) -> dict[str, Best]:
    """The highest number of each watched target, as its last run found it under the policy of that run."""
    highest = {}
    for target, facts in last_facts(database, _Facts):
        if facts.best is not None:
            highest[target] = Best(ledger=facts.best.ledger, number=facts.best.number)
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


def _say(writer: Writer, target: str, best: Best, who: str, reason: str) -> None:
    writer.add(
        NumberAccepted,
        target=target,
        ledger=best.ledger,
        number=best.number,
        who=who,
        reason=reason,
    )
