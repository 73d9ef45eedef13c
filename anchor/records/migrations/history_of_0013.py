# SPDX-License-Identifier: Apache-2.0
"""Writes the history of records of schema 0013: an event for each of their rows. Used by migration 0014.

Each event keeps the time at which its row was written. Working state is copied as it is.
"""

import hashlib
import secrets
from typing import Any

import msgspec
import sqlalchemy as sa

from anchor.encoding import unbase64
from anchor.format import history_events as events
from anchor.format.history_events import time
from anchor.records.migrations.chains_0013 import Old
from anchor.records.tables import Delivery, ScanBudget, Sighting, Surplus, Target, Work
from anchor.records.writer import Writer


class Import:
    """Writes the events of old records. `ids`: by old table, the new id of each old row."""

    def __init__(self, old: Old, writer: Writer) -> None:
        self._old = old
        self._writer = writer
        self._targets = {row["id"]: row for row in old.rows("targets")}
        self._releases: dict[int, str] = {}
        self._statuses: dict[int, str] = {}
        self._trust: dict[int, str] = {}
        self._checkpoints: dict[int, int] = {}
        self._messages: dict[int, int] = {}

    def run(self) -> None:
        """Write everything, in an order in which each event names only what is there."""
        self._verified()
        self._watched()
        self._logs()
        self._shown()
        self._names()
        self._sent()
        for row in self._old.rows("prunes", "seq"):
            counts = msgspec.json.decode(row["counts"])
            self._writer.add(events.RecordsPruned, at_ms=row["pruned_ms"], runs=[], counts=counts)
        self._runs()
        self._ended_watches()
        self._working()

    def _target(self, row: dict[str, Any]) -> str:
        name: str = self._targets[row["claim_id"]]["target"]
        return name

    def _verified(self) -> None:
        add, blob = self._writer.add, self._writer.blob
        for row in self._old.rows("releases"):
            digest = self._releases[row["id"]] = blob(row["statement"])
            about = {n: row[n] for n in ("ledger", "number", "version", "root", "size")}
            add(events.ReleaseSeen, at_ms=row["seen_ms"], statement=digest, **about)
        for row in self._old.rows("anchors"):
            about = {n: row[n] for n in ("origin", "log_key", "log_index", "time")}
            statement = self._releases[row["release_id"]]
            bundle = blob(row["bundle"])
            add(events.BundleSeen, at_ms=row["seen_ms"], statement=statement, bundle=bundle, **about)
        for row in self._old.rows("statuses"):
            digest = self._statuses[row["id"]] = blob(row["statement"])
            bundles = [blob(unbase64(text)) for text in msgspec.json.decode(row["bundles"])]
            about = {n: row[n] for n in ("ledger", "sequence", "time")}
            add(events.StatusSeen, at_ms=row["seen_ms"], statement=digest, bundles=bundles, **about)
        for row in self._old.rows("trust"):
            digest = self._trust[row["id"]] = blob(row["document"].encode())
            add(events.TrustChanged, at_ms=row["seen_ms"], document=digest)

    def _watched(self) -> None:
        for row in self._targets.values():
            before = self._before(row)
            self._writer.add(
                events.TargetWatched,
                at_ms=row["added_ms"],
                target=row["target"],
                interval=row["interval_s"],
                before=before,
            )

    def _before(self, row: dict[str, Any]) -> events.TargetBefore:
        """The state of a target. The runs that are stored come later and say it again, where they can."""
        trust = None
        for run in self._old.rows("runs", claim_id=row["id"]):
            trust = run["trust_id"] if run["seq"] is not None and run["trust_id"] is not None else trust
        return events.TargetBefore(
            last_class=row["last_class"],
            last_run=_time(row["last_run_ms"]),
            last_good=_time(row["last_good_ms"]),
            statement=None if row["release_id"] is None else self._releases[row["release_id"]],
            trust=None if trust is None else self._trust[trust],
            max_run_age=row["max_run_age_s"],
            failing_runs=row["failing_runs"],
            failing_since=_time(row["failing_since_ms"]),
            notified=row["notified"],
            alarm=row["alarm"],
            policy=row["policy_path"],
            policy_sha256=row["policy_sha256"],
        )

    def _logs(self) -> None:
        add, blob = self._writer.add, self._writer.blob
        for row in self._old.rows("checkpoints", "seq"):
            about = {n: row[n] for n in ("origin", "log_key", "size", "root", "source")}
            index = add(events.CheckpointSeen, at_ms=row["seen_ms"], note=blob(row["note"]), **about)
            self._checkpoints[row["seq"]] = index
        for row in self._old.rows("proofs"):
            about = {n: row[n] for n in ("origin", "old_size", "old_root", "new_size", "new_root")}
            hashes = [row["hashes"][i : i + 32].hex() for i in range(0, len(row["hashes"]), 32)]
            add(events.ConsistencyProven, at_ms=row["seen_ms"], hashes=hashes, **about)
        for row in self._old.rows("evidence", "seq"):
            document = blob(row["document"])
            about = {"evidence": row["kind"], "origin": row["origin"]}
            add(events.EvidenceFound, at_ms=row["found_ms"], document=document, **about)

    def _shown(self) -> None:
        add = self._writer.add
        rows = [(row["epoch"], 1, row["id"], row) for row in self._old.rows("shown")]
        rows += [(row["epoch"], 0, row["id"], row) for row in self._old.rows("accepted")]
        for _, shown, _, row in sorted(rows, key=lambda one: one[:3]):
            target = self._target(row)
            if shown:
                statement = self._releases[row["release_id"]]
                add(events.ReleaseShown, at_ms=row["seen_ms"], target=target, statement=statement)
            else:
                about = {n: row[n] for n in ("ledger", "number", "who", "reason")}
                add(events.NumberAccepted, at_ms=row["at_ms"], target=target, **about)
        for row in self._old.rows("shown_statuses"):
            status = None if row["status_id"] is None else self._statuses[row["status_id"]]
            about = {n: row[n] for n in ("ledger", "sequence")}
            target = self._target(row)
            add(events.StatusShown, at_ms=row["seen_ms"], target=target, statement=status, **about)
        for row in self._old.rows("followed"):
            kind = events.LogFollowed if row["active"] else events.LogDropped
            about = {n: row[n] for n in ("origin", "log_key", "who", "reason")}
            add(kind, at_ms=row["at_ms"], target=self._target(row), **about)

    def _names(self) -> None:
        add = self._writer.add
        for row in self._old.rows("name_scans"):
            names = ("origin", "log_key", "watch", "size", "claimed", "surplus", "unreadable")
            read = {"start": row["start_index"], "end": row["end_index"], **{n: row[n] for n in names}}
            add(events.LogRead, at_ms=row["seen_ms"], **read)
        for row in self._old.rows("named_entries"):
            names = ("origin", "log_key", "watch", "log_index", "digest", "identity", "issuer")
            found = {n: row[n] for n in names}
            body, certified = self._writer.blob(row["body"]), bool(row["certified"])
            add(events.EntryFound, at_ms=row["seen_ms"], body=body, certified=certified, **found)

    def _sent(self) -> None:
        add = self._writer.add
        deliveries: dict[int, list[dict[str, Any]]] = {}
        for one in self._old.rows("deliveries"):
            deliveries.setdefault(one["notification_id"], []).append(one)
        for row in self._old.rows("notifications"):
            sent = deliveries.get(row["id"], [])
            details = None if row["details"] is None else msgspec.json.decode(row["details"])
            about = {n: row[n] for n in ("uid", "verdict", "title", "body")}
            target = None if row["claim_id"] is None else self._target(row)
            at = row["created_ms"]
            add(events.MessageOwed, at_ms=at, target=target, details=details, **about)
            for one in sent:
                whom = {"uid": row["uid"], "receiver": one["receiver"]}
                index = add(events.MessageAddressed, at_ms=at, **whom)
                if one["state"] == "sent":
                    add(events.MessageTold, at_ms=at if one["sent_ms"] is None else one["sent_ms"], **whom)
                    continue
                if one["state"] == "gone":
                    add(events.MessageGivenUp, at_ms=at, **whom)
                attempts = {n: one[n] for n in ("attempts", "next_ms", "error")}
                self._writer.connection.execute(sa.insert(Delivery), {**attempts, "id": index})

    def _runs(self) -> None:
        for run, checks in self._old.ended():
            target = self._targets[run["claim_id"]]
            decided = None if run["decided"] is None else msgspec.json.decode(run["decided"])
            last = decided is not None and decided["alarm"] == _digest(target["alarm"])
            self._writer.add(
                events.RunEnded,
                at_ms=run["ended_ms"],
                target=target["target"],
                worker=run["worker"],
                state=run["state"],
                slot=time(run["slot_ms"]),
                started=time(run["started_ms"]),
                verdict=run["verdict"],
                statement=None if run["release_id"] is None else self._releases[run["release_id"]],
                trust=None if run["trust_id"] is None else self._trust[run["trust_id"]],
                duration_ms=run["duration_ms"] or 0,
                requests=run["requests"] or 0,
                facts=msgspec.json.decode(run["facts"] or "{}"),
                notes=msgspec.json.decode(run["notes"] or "[]"),
                checks=[_check(one) for one in checks],
                max_run_age=msgspec.json.decode(run["facts"] or "{}").get("max_run_age"),
                decided=decided,
                alarm=target["alarm"] if last else None,
                policy=None if decided is None else decided.get("policy"),
                policy_sha256=target["policy_sha256"] if last else None,
            )

    def _ended_watches(self) -> None:
        """A target that was forgotten has no policy any more, whatever its runs say."""
        connection, add = self._writer.connection, self._writer.add
        for row in self._targets.values():
            bound = sa.select(Target.policy_path).where(Target.target == row["target"])
            if not row["active"] or (row["policy_path"] is None and connection.execute(bound).scalar()):
                add(events.TargetDropped, target=row["target"])
                if row["active"]:
                    add(events.TargetWatched, target=row["target"], interval=row["interval_s"])

    def _working(self) -> None:
        connection = self._writer.connection
        ids = dict(connection.execute(sa.select(Target.target, Target.id)).all())
        running = {row["id"]: row for row in self._old.rows("runs", state="running")}
        for row in self._targets.values():
            run = running.get(row["run_id"])
            open_run = (
                {
                    "run": secrets.token_hex(8),
                    "worker": row["worker"],
                    "slot_ms": run["slot_ms"],
                    "started_ms": run["started_ms"],
                    "lease_ms": row["lease_ms"],
                }
                if run is not None
                else {}
            )
            connection.execute(
                sa.insert(Work), {"claim_id": ids[row["target"]], "due_ms": row["due_ms"], **open_run}
            )
        for row in self._old.rows("sightings", "seq"):
            if (index := self._checkpoints.get(row["seq"])) is not None:
                connection.execute(sa.insert(Sighting), {"id": index, "last_ms": row["last_ms"]})
        for table in (Surplus, ScanBudget):
            for row in self._old.rows(table.__tablename__, "origin"):
                connection.execute(sa.insert(table), row)


def _check(row: dict[str, Any]) -> events.CheckResult:
    names = ("name", "state", "detail", "meaning", "clause", "demotes")
    return events.CheckResult(**{n: row[n] for n in names})


def _time(ms: int | None) -> str | None:
    return None if ms is None else time(ms)


def _digest(text: str | None) -> str:
    return hashlib.sha256((text or "").encode()).hexdigest()
