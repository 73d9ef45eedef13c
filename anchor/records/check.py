# SPDX-License-Identifier: Apache-2.0
"""Verifies all records again, for `records check`: signatures, proofs, documents and chains.

It finds rows that were edited, removed or added in the middle, notes without a valid signature, proofs that
prove nothing, missing triggers, working state that differs from its runs, and stored statements that
contradict each other. It cannot find that the end of a chain was cut off (`high_water_mark.py` does), or that
a log key was replaced together with everything that it signed (a policy with the known keys does).
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError, Refused, Unavailable
from anchor.format import statement as statements
from anchor.merkle.hashing import EMPTY_ROOT
from anchor.merkle.proof import roots_from_consistency
from anchor.monitor.run_record import TWO_HISTORIES
from anchor.records import audit_log, hash_chain, proven_heads, state, state_check
from anchor.records.database import Database
from anchor.records.tables import (
    Anchor,
    Base,
    Checkpoint,
    CheckRow,
    EvidenceRow,
    Journal,
    Proof,
    Prune,
    Release,
    Run,
    Trust,
)
from anchor.tlog import evidence as evidences
from anchor.tlog.keys import parse_vkey
from anchor.verdict import Check, Verdict, contradiction, failed, judge, passed

BATCH = 1000
_MOST = 5
"""Problems that one check lists."""
_MEANING = "the records were changed after they were written"


def check(database: Database, *, log_keys: Collection[bytes] | None = None) -> Verdict:
    """Verify everything that is stored. `log_keys`: the known log keys, as in vkeys."""
    steps: tuple[tuple[str, Callable[[Connection], str]], ...] = (
        ("schema", lambda c: _schema(database, c)),
        ("checkpoint-chain", lambda c: _chain(c, Checkpoint)),
        ("evidence-chain", lambda c: _chain(c, EvidenceRow)),
        ("prune-chain", lambda c: _chain(c, Prune)),
        ("journal-chain", lambda c: _chain(c, Journal)),
        ("run-chain", _runs),
        ("checkpoints", lambda c: _checkpoints(c, log_keys)),
        ("proofs", _proofs),
        ("evidence", _evidence),
        ("releases", _releases),
        ("journal", _journal),
        ("references", lambda c: _result(audit_log.dangling(c), "no row refers to one that is gone")),
        ("claims", state_check.check),
    )
    checks: list[Check] = []
    with database.read() as connection:
        for name, step in steps:
            try:
                checks.append(passed(name, step(connection)))
            except AnchorError as e:
                checks.append(failed(name, e, meaning=_MEANING if isinstance(e, Refused) else ""))
        checks += _contradictions(connection)
        checks.append(_unproven(connection))
    return Verdict(kind="records", target=database.name, verdict=judge(checks), checks=tuple(checks))


def _rows(connection: Connection, table: Any, order: Any) -> Iterator[Mapping[str, Any]]:
    query = sa.select(table.__table__).order_by(order).execution_options(yield_per=BATCH)
    for row in connection.execute(query).mappings():
        yield dict(row)


def _result(problems: list[str], good: str) -> str:
    if problems:
        more = f"; and {len(problems) - _MOST} more" if len(problems) > _MOST else ""
        raise Refused("; ".join(problems[:_MOST]) + more, where="records")
    return good


def _schema(database: Database, connection: Connection) -> str:
    """The database's own integrity, and the triggers that make it append-only."""
    if database.dialect == "sqlite":
        problems = connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars().all()
        if problems != ["ok"]:
            raise Refused("; ".join(str(x) for x in problems), where="records")
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        wanted = hash_chain.TRIGGERS_SQLITE
    else:
        names = connection.exec_driver_sql(
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal AND tgenabled <> 'D' AND pg_table_is_visible(pg_class.oid)"
        )
        wanted = hash_chain.TRIGGERS_POSTGRESQL
    missing = sorted(wanted - set(names.scalars()))
    return _result([f"the trigger {n} is gone" for n in missing], f"{len(wanted)} triggers are in place")


def _chain(connection: Connection, table: type[Base]) -> str:
    previous, number, problems = hash_chain.START, 0, []
    for row in _rows(connection, table, table.__table__.c.seq):
        number += 1
        if row["seq"] != number:
            problems.append(f"{table.__tablename__} {number} is missing")
            number = row["seq"]
        elif hash_chain.link(previous, table, row) != row["chain"]:
            problems.append(f"{table.__tablename__} {number} does not fit its chain")
        previous = hash_chain.value(row["chain"])
    return _result(problems, f"{number} rows, each fits the one before")


def _runs(connection: Connection) -> str:
    """Runs with their checks, from the last prune on."""
    query = sa.select(Prune.through, Prune.resume).order_by(Prune.seq.desc()).limit(1)
    start = connection.execute(query).first()
    number, previous = (start[0], start[1]) if start else (0, hash_chain.START)
    first, problems = number, []
    columns = [CheckRow.run_id, *(getattr(CheckRow, c) for c in hash_chain.CHECK_COLUMNS)]
    for rows in _batches(connection, number):
        ids = [r["id"] for r in rows]
        checks: dict[int, list[tuple[Any, ...]]] = {}
        query_checks = sa.select(*columns).where(CheckRow.run_id.in_(ids))
        for run_id, *values in connection.execute(query_checks.order_by(CheckRow.run_id, CheckRow.position)):
            checks.setdefault(run_id, []).append(tuple(values))
        for row in rows:
            number += 1
            if row["seq"] != number:
                problems.append(f"run {number} is missing")
                number = row["seq"]
            elif hash_chain.link(previous, Run, row, checks.get(row["id"], [])) != row["chain"]:
                problems.append(f"run {number} or its checks do not fit the chain")
            previous = hash_chain.value(row["chain"])
    return _result(problems, f"{number - first} runs, each fits the one before; {first} were pruned")


def _batches(connection: Connection, after: int) -> Iterator[list[Mapping[str, Any]]]:
    while True:
        query = sa.select(Run.__table__).where(Run.seq > after).order_by(Run.seq).limit(BATCH)
        rows: list[Mapping[str, Any]] = [dict(r) for r in connection.execute(query).mappings()]
        if not rows:
            return
        yield rows
        after = rows[-1]["seq"]


def _checkpoints(connection: Connection, log_keys: Collection[bytes] | None) -> str:
    """Each note fits its row and is signed by the stored log key, which must be one of the known keys."""
    problems, count = [], 0
    for row in _rows(connection, Checkpoint, Checkpoint.seq):
        count += 1
        try:
            state.verified(dict(row))
            if log_keys is not None and parse_vkey(row["log_key"]).public_key not in log_keys:
                problems.append(f"checkpoint {row['seq']} of {row['origin']} is by a key you do not know")
        except Refused as e:
            problems.append(e.problem)
    known = "" if log_keys is not None else "; keys as stored, give a policy to compare them"
    return _result(problems, f"{count} notes verify under their log's key{known}")


def _proofs(connection: Connection) -> str:
    """Each stored path leads from one stored checkpoint, or from the empty tree, to another."""
    table = Checkpoint.__table__.c
    heads_of = connection.execute(sa.select(table.origin, table.size, table.root)).all()
    stored = {tuple(head) for head in heads_of}
    problems, count = [], 0
    for row in _rows(connection, Proof, Proof.id):
        count += 1
        old = (row["origin"], row["old_size"], row["old_root"])
        new = (row["origin"], row["new_size"], row["new_root"])
        if problem := _wrong(row):
            problems.append(f"proof {row['id']}: {problem}")
        elif (row["old_size"] and old not in stored) or new not in stored:
            problems.append(f"proof {row['id']} is of a checkpoint that is not stored")
    return _result(problems, f"{count} consistency proofs hold")


def _wrong(row: Mapping[str, Any]) -> str:
    hashes = row["hashes"]
    if row["old_size"] == 0:  # any tree begins with the empty one
        return "" if (row["old_root"], hashes) == (EMPTY_ROOT.hex(), b"") else "is not of the empty tree"
    path = [hashes[i : i + 32] for i in range(0, len(hashes), 32)]
    try:
        then, now = roots_from_consistency(row["old_size"], row["new_size"], path)
    except Refused as e:
        return e.problem
    same = (then.hex(), now.hex()) == (row["old_root"], row["new_root"])
    return "" if same else "does not lead to its roots"


def _evidence(connection: Connection) -> str:
    problems, count = [], 0
    for row in _rows(connection, EvidenceRow, EvidenceRow.seq):
        count += 1
        if hashlib.sha256(row["document"]).hexdigest() != row["digest"]:
            problems.append(f"evidence {row['seq']} is not what its digest says")
        elif row["kind"] == TWO_HISTORIES:
            try:
                evidences.check(row["document"])
            except AnchorError as e:
                problems.append(f"evidence {row['seq']}: {e}")
    return _result(problems, f"{count} documents")


def _releases(connection: Connection) -> str:
    """Each stored statement fits its row, and each bundle its digest."""
    problems, count = [], 0
    for row in _rows(connection, Release, Release.id):
        count += 1
        if problem := _release(row):
            problems.append(f"release {row['id']}: {problem}")
    for row in _rows(connection, Anchor, Anchor.id):
        if hashlib.sha256(row["bundle"]).hexdigest() != row["bundle_sha256"]:
            problems.append(f"the bundle of anchor {row['id']} is not what its digest says")
    for row in _rows(connection, Trust, Trust.id):
        if hashlib.sha256(row["document"].encode()).hexdigest() != row["digest"]:
            problems.append(f"trust {row['id']} is not what its digest says")
    return _result(problems, f"{count} statements and their bundles are as stored")


def _journal(connection: Connection) -> str:
    """The rows without a chain fit their chained copies."""
    problems, count = audit_log.problems(connection)
    return _result(problems, f"{count} rows are as they were written down")


def _release(row: Mapping[str, Any]) -> str:
    if hashlib.sha256(row["statement"]).hexdigest() != row["statement_sha256"]:
        return "the statement is not what its digest says"
    try:
        stated = statements.decode(row["statement"])
    except AnchorError as e:
        return str(e)
    signed = (
        stated.ledger.name,
        stated.ledger.number,
        stated.ledger.version,
        stated.tree.root,
        stated.tree.size,
    )
    columns = (row["ledger"], row["number"], row["version"], row["root"], row["size"])
    return "" if signed == columns else "its columns are not what the statement says"


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
