# SPDX-License-Identifier: Apache-2.0
"""Makes tables append-only by triggers: a defect or an SQL prompt cannot change recorded rows.

The owner of the database can drop a trigger. The chains and `anchor records check` reveal that.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEYS = {
    "releases": ("id", "ledger,number,statement_sha256"),
    "anchors": ("id", "release_id,origin,bundle_sha256"),
    "checkpoints": ("seq", "origin,size,root"),
    "proofs": ("id", "origin,old_size,old_root,new_size,new_root"),
    "evidence": ("seq", "digest"),
    "trust": ("id", "digest"),
    "notifications": ("id", "uid"),
    "prunes": ("seq",),
}
"""Append-only tables with their keys: INSERT OR REPLACE of SQLite deletes without firing a delete trigger."""

_KEPT = ("id", "claim_id", "slot_ms", "worker", "started_ms")
"""The columns of a run that do not change when it ends."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    for table, keys in _KEYS.items():
        for verb in ("UPDATE", "DELETE"):
            _sqlite_refuse(f"{table}_no_{verb.lower()}", f"{verb} ON {table}", "1", table)
        for number, key in enumerate(keys):
            same = " AND ".join(f"{c} = NEW.{c}" for c in key.split(","))
            _sqlite_refuse(
                f"{table}_no_replace_{number}",
                f"INSERT ON {table}",
                f"EXISTS (SELECT 1 FROM {table} WHERE {same})",  # noqa: S608 - names of ours
                table,
            )
    changed = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in _KEPT)
    ended = f"OLD.state <> 'running' OR NEW.state NOT IN ('finished', 'interrupted') OR {changed}"
    _sqlite_refuse("runs_end_once", "UPDATE ON runs", ended, "runs")
    pruned = "COALESCE({0} <= (SELECT MAX(through) FROM prunes), 0)"
    _sqlite_refuse("runs_no_delete", "DELETE ON runs", f"NOT {pruned.format('OLD.seq')}", "runs")
    _sqlite_refuse(
        "runs_no_replace", "INSERT ON runs", "EXISTS (SELECT 1 FROM runs WHERE id = NEW.id)", "runs"
    )
    _sqlite_refuse("checks_no_update", "UPDATE ON checks", "1", "checks")
    run_of = "(SELECT seq FROM runs WHERE id = OLD.run_id)"
    _sqlite_refuse("checks_no_delete", "DELETE ON checks", f"NOT {pruned.format(run_of)}", "checks")
    running = "NOT EXISTS (SELECT 1 FROM runs WHERE id = NEW.run_id AND state = 'running')"
    _sqlite_refuse("checks_of_running", "INSERT ON checks", running, "checks")


def _sqlite_refuse(name: str, event: str, when: str, table: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _postgresql() -> None:
    _function("anchor_refuse", "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;")
    for table in _KEYS:
        _trigger(f"{table}_append_only", "UPDATE OR DELETE", table, "anchor_refuse")
    for table in (*_KEYS, "runs", "checks", "claims"):
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION anchor_refuse()"
        )
    changed = " OR ".join(f"NEW.{c} IS DISTINCT FROM OLD.{c}" for c in _KEPT)
    _function(
        "anchor_run_ends",
        f"IF OLD.state <> 'running' OR NEW.state NOT IN ('finished', 'interrupted') OR {changed} "
        "THEN RAISE EXCEPTION 'runs is append-only'; END IF; RETURN NEW;",
    )
    _trigger("runs_end_once", "UPDATE", "runs", "anchor_run_ends")
    pruned = "COALESCE({0} <= (SELECT MAX(through) FROM prunes), FALSE)"
    _function(
        "anchor_run_pruned",
        f"IF NOT {pruned.format('OLD.seq')} THEN RAISE EXCEPTION 'runs is append-only'; END IF; RETURN OLD;",
    )
    _trigger("runs_no_delete", "DELETE", "runs", "anchor_run_pruned")
    run_of = "(SELECT seq FROM runs WHERE id = OLD.run_id)"
    _function(
        "anchor_check_pruned",
        f"IF NOT {pruned.format(run_of)} THEN RAISE EXCEPTION 'checks is append-only'; END IF; RETURN OLD;",
    )
    _trigger("checks_no_delete", "DELETE", "checks", "anchor_check_pruned")
    _trigger("checks_no_update", "UPDATE", "checks", "anchor_refuse")
    _function(
        "anchor_check_open",
        "IF NOT EXISTS (SELECT 1 FROM runs WHERE id = NEW.run_id AND state = 'running') "
        "THEN RAISE EXCEPTION 'checks is append-only'; END IF; RETURN NEW;",
    )
    _trigger("checks_of_running", "INSERT", "checks", "anchor_check_open")


def _function(name: str, body: str) -> None:
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")


def _trigger(name: str, event: str, table: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()")
