# SPDX-License-Identifier: Apache-2.0
"""Verifies all records again, for `records check`: the history, and everything that was recorded in it.

It finds events that were edited, deleted or damaged, documents that are gone, projections that do not follow
from the events, notes without a valid signature, proofs that prove nothing, missing triggers, decisions that
break the rule stored with them, and stored statements that contradict each other. It cannot find that the end
of the history was cut off, or that the whole of it was written again: the mark (`high_water_mark.py`) and the
anchored heads do. It cannot find that a log key was replaced together with everything that it signed: a
policy with the known keys does.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused, Unavailable
from anchor.records import history_check, new_records, proven_heads
from anchor.records.database import Database
from anchor.records.document_check import Finding
from anchor.records.tables import Checkpoint, EvidenceRow, Release
from anchor.verdict import Check, Verdict, contradiction, failed, judge, passed

_MOST = 5
"""Problems that one check lists."""

_MEANING = "the records were changed after they were written"


def check(database: Database, *, log_keys: Collection[bytes] | None = None) -> Verdict:
    """Verify everything that is stored. `log_keys`: the known log keys, as in vkeys."""
    with database.read() as connection:
        found = {
            "schema": _schema(database, connection),
            **history_check.examine(connection, log_keys),
        }
        checks = [_check(name, *finding) for name, finding in found.items()]
        checks += _contradictions(connection)
        checks.append(_unproven(connection))
    return Verdict(kind="records", target=database.name, verdict=judge(checks), checks=tuple(checks))


def _check(name: str, problems: list[str], good: str) -> Check:
    """The check of a finding."""
    if not problems:
        return passed(name, good)
    more = f"; and {len(problems) - _MOST} more" if len(problems) > _MOST else ""
    return failed(name, Refused("; ".join(problems[:_MOST]) + more, where="records"), meaning=_MEANING)


def _schema(database: Database, connection: Connection) -> Finding:
    """The database's own integrity, and the triggers that make the history append-only."""
    if database.dialect == "sqlite":
        problems = connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars().all()
        if problems != ["ok"]:
            return [str(x) for x in problems], ""
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    else:
        names = connection.exec_driver_sql(
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal AND tgenabled <> 'D' AND pg_table_is_visible(pg_class.oid)"
        )
    wanted = new_records.TRIGGERS[database.dialect]
    missing = sorted(wanted - set(names.scalars()))
    return [f"the trigger {n} is gone" for n in missing], f"{len(wanted)} triggers are in place"


def _unproven(connection: Connection) -> Check:
    """Unproven heads. A log with evidence against it is left out."""
    accused = set(connection.execute(sa.select(EvidenceRow.origin)).scalars())
    doubts: list[str] = []
    for log in proven_heads.logs(connection):
        if log["origin"] in accused:
            continue
        loose = proven_heads.unproven(connection, log)
        sizes = ", ".join(str(row["size"]) for row in loose[:_MOST])
        more = len(loose) - _MOST
        doubts += (
            [f"{log['origin']}: size {sizes}" + (f" and {more} more" if more > 0 else "")] if loose else []
        )
        if beyond := proven_heads.beyond(connection, log):
            doubts.append(f"{log['origin']}: {beyond} more were shown and not kept")
    if not doubts:
        return passed(
            "unproven-heads", "from each signed head a proof leads to a later one, or it is the newest"
        )
    doubt = Unavailable("; ".join(doubts), where="records", remedy="each re-verification tries them again")
    meaning = "a log signed trees that it does not show: they may be of another history"
    return failed("unproven-heads", doubt, meaning=meaning)


def _contradictions(connection: Connection) -> list[Check]:
    """Stored signatures that contradict each other.

    Two statements of one number are a contradiction only if there is evidence of it. Otherwise two publishers
    use the same ledger name, and each was accepted under its own policy.
    """
    sizes = (
        sa.select(Checkpoint.origin, Checkpoint.size)
        .group_by(Checkpoint.origin, Checkpoint.log_key, Checkpoint.size)
        .having(sa.func.count() > 1)
    )
    numbers = sa.select(Release.ledger, Release.number).group_by(Release.ledger, Release.number)
    contradictions = [f"two roots of {o} at size {s}" for o, s in connection.execute(sizes.limit(_MOST))]
    repeated = numbers.having(sa.func.count() > 1).limit(_MOST)
    shared = [f"{name} number {n}" for name, n in connection.execute(repeated)]
    kept = connection.execute(sa.select(EvidenceRow.origin).distinct().limit(_MOST)).scalars()
    contradictions += [f"evidence against {origin}" for origin in kept]
    if not contradictions:
        more = "; by publishers of different policies: two statements of " + ", ".join(shared)
        good = "nothing that is stored contradicts anything else"
        return [passed("contradictions", good + (more if shared else ""))]
    detail = "; ".join([*contradictions, *(f"two statements of {one}" for one in shared)])
    meaning = "export it with: anchor records export --evidence"
    return [contradiction("contradictions", detail, meaning=meaning)]
