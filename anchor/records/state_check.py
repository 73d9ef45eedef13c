# SPDX-License-Identifier: Apache-2.0
"""Checks the state of each target against its chained runs: the table `targets` has no chain of its own.

Each run has its decision (the next due time, the notification) and the rule for it. The decision is judged by
that rule, never by the constants of this program. Older runs have no decision, so theirs is not judged. If
older runs were pruned, the state that only they could confirm is not judged.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused
from anchor.records import decision
from anchor.records.tables import Notification, Prune, Run, Target
from anchor.verdict import Class

BATCH = 1000
_SLACK_MS = 1000
"""The difference that rounding of times may cause."""


class _Facts(msgspec.Struct):
    max_run_age: int | None = None


@dataclass
class _State:
    """The state of a target after its runs. `whole`: no runs were pruned, so all of it is known."""

    whole: bool
    verdict: str | None = None
    ended: int | None = None
    good: int | None = None
    release: int | None = None
    age: int | None = None
    decided: decision.Decision | None = None
    """The decision of the newest run; None if that run has none."""

    def run(self, row: Mapping[str, Any], said: Collection[str]) -> str:
        """Add one run. Returns the problem with it, or "". `said`: the ids of the messages."""
        verdict = Class(row["verdict"])
        self.verdict, self.ended = row["verdict"], row["ended_ms"]
        self.release = row["release_id"] or self.release
        age = msgspec.json.decode(row["facts"] or "{}", type=_Facts).max_run_age
        read = age is not None or row["trust_id"] is not None  # otherwise nobody could read the policy
        self.age = age if read else self.age
        self.good = self.ended if verdict is Class.OK else self.good
        self.decided = decision.decode(row["decided"]) if row["decided"] is not None else None
        if self.decided is None:
            return ""
        if self.decided.message is not None and self.decided.message not in said:
            return f"the message about run {row['seq']}, {verdict}, is gone"
        if self.decided.due_ms > row["ended_ms"] + self.decided.furthest_ms + _SLACK_MS:
            return f"run {row['seq']} put off the next one further than its rule allows"
        return ""

    def differs(self, watched: Mapping[str, Any]) -> str:
        """The difference between the row of the target and its runs, or ""."""
        if (self.whole or self.ended) and (watched["last_class"], watched["last_run_ms"]) != (
            self.verdict,
            self.ended,
        ):
            return f"its last run was {self.verdict}, not {watched['last_class']}"
        if (self.whole or self.good) and watched["last_good_ms"] != self.good:
            return "its last good run was another one"
        if (self.whole or self.release) and watched["release_id"] != self.release:
            return f"its runs found release {self.release}, not {watched['release_id']}"
        if (self.whole or self.age) and watched["max_run_age_s"] != self.age:
            return f"its policy allows {self.age} s without a good run, not {watched['max_run_age_s']}"
        return self._undecided(watched)

    def _undecided(self, watched: Mapping[str, Any]) -> str:
        """The difference between the row of the target and the decision of its last run, or ""."""
        last = self.decided
        if last is None:
            if not self.whole or self.verdict is not None:
                return ""  # nothing was stored
            if watched["due_ms"] > watched["added_ms"]:
                return "it is due later than when it was added, and no run put it off"
            never = (str(Class.OK), 0, None, None)
            now = (
                watched["notified"],
                watched["failing_runs"],
                watched["failing_since_ms"],
                watched["alarm"],
            )
            if watched["policy_path"] is not None:
                return "it has a policy, and no run used one"
            return "" if now == never else "people were notified of it before its first run"
        if watched["notified"] != last.notified or decision.digest(watched["alarm"]) != last.alarm:
            return f"people were notified of {last.notified} or other causes, not {watched['notified']}"
        if (watched["failing_runs"], watched["failing_since_ms"]) != (
            last.failing_runs,
            last.failing_since_ms,
        ):
            return f"{last.failing_runs} runs in a row were UNAVAILABLE, not {watched['failing_runs']}"
        if watched["policy_path"] is not None and watched["policy_path"] != last.policy:
            return f"it was watched with the policy {last.policy}, not {watched['policy_path']}"
        return "it is due later than its last run said" if watched["due_ms"] > last.due_ms else ""


def check(connection: Connection) -> str:
    """Check that the state of each target follows from its runs. Raises Refused if somebody changed it."""
    pruned = connection.execute(sa.select(Prune.seq).limit(1)).first() is not None
    said = set(connection.execute(sa.select(Notification.uid)).scalars())
    targets = connection.execute(sa.select(Target.__table__).order_by(Target.id)).mappings().all()
    states = {c["id"]: _State(whole=not pruned) for c in targets}
    problems = _add_runs(connection, states, said)
    for watched in targets:
        if problem := states[watched["id"]].differs(dict(watched)):
            problems.append(f"{watched['target']}: {problem}")
    if problems:
        raise Refused("; ".join(problems[:5]), where="records")
    return f"{len(targets)} targets stand as their runs say"


def _add_runs(connection: Connection, states: Mapping[int, _State], said: Collection[str]) -> list[str]:
    columns = (
        Run.seq,
        Run.claim_id,
        Run.verdict,
        Run.ended_ms,
        Run.release_id,
        Run.trust_id,
        Run.facts,
        Run.decided,
    )
    query = sa.select(*columns).where(Run.state == "finished").order_by(Run.seq)
    problems = []
    for row in connection.execute(query.execution_options(yield_per=BATCH)).mappings():
        state = states.get(row["claim_id"])  # the journal shows that a target is gone
        try:
            problem = state.run(dict(row), said) if state is not None else ""
        except (ValueError, TypeError, msgspec.DecodeError):
            problem = f"run {row['seq']} cannot have been written like this"
        problems += [problem] if problem else []
    return problems
