# SPDX-License-Identifier: Apache-2.0
"""What a target's state must be, played again from its chained runs: `claims` has no chain of its own.

What was decided with a run (when to look again, who was told) is stored with it, and so is the rule: it is
judged by that, never by the constants of this program. Runs from before that was stored are not judged in
it. Where older runs were pruned, what only they could say is not judged.
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
"""By which times that were rounded may differ."""


class _Facts(msgspec.Struct):
    max_run_age: int | None = None


@dataclass
class _State:
    """A claim as its runs leave it. `whole`: none of its runs was pruned, so all of it is known."""

    whole: bool
    verdict: str | None = None
    ended: int | None = None
    good: int | None = None
    release: int | None = None
    age: int | None = None
    decided: decision.Decision | None = None
    """With the newest run; None where nothing was stored with it."""

    def run(self, row: Mapping[str, Any], said: Collection[str]) -> str:
        """Go on by one run; what is wrong with it, or "". `said`: the ids of the messages."""
        found = Class(row["verdict"])
        self.verdict, self.ended = row["verdict"], row["ended_ms"]
        self.release = row["release_id"] or self.release
        age = msgspec.json.decode(row["facts"] or "{}", type=_Facts).max_run_age
        read = age is not None or row["trust_id"] is not None  # else nobody could read what the policy says
        self.age = age if read else self.age
        self.good = self.ended if found is Class.OK else self.good
        self.decided = decision.decode(row["decided"]) if row["decided"] is not None else None
        if self.decided is None:
            return ""
        if self.decided.message is not None and self.decided.message not in said:
            return f"the message about run {row['seq']}, {found}, is gone"
        if self.decided.due_ms > row["ended_ms"] + self.decided.furthest_ms + _SLACK_MS:
            return f"run {row['seq']} put the next one off further than its rule"
        return ""

    def differs(self, watched: Mapping[str, Any]) -> str:
        """How a claim differs from what its runs came to, or ""."""
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
        """How a claim differs from what was decided with its last run, or with none."""
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
            return "" if now == never else "people were told something of it before its first run"
        if watched["notified"] != last.notified or decision.digest(watched["alarm"]) != last.alarm:
            return f"people were told {last.notified} or other causes, not {watched['notified']}"
        if (watched["failing_runs"], watched["failing_since_ms"]) != (
            last.failing_runs,
            last.failing_since_ms,
        ):
            return f"{last.failing_runs} runs in a row could not tell, not {watched['failing_runs']}"
        if watched["policy_path"] is not None and watched["policy_path"] != last.policy:
            return f"it was watched with the policy {last.policy}, not {watched['policy_path']}"
        return "it is due later than its last run said" if watched["due_ms"] > last.due_ms else ""


def check(connection: Connection) -> str:
    """The state of each target is what its runs came to; raises Refused where someone changed it."""
    pruned = connection.execute(sa.select(Prune.seq).limit(1)).first() is not None
    said = set(connection.execute(sa.select(Notification.uid)).scalars())
    targets = connection.execute(sa.select(Target.__table__).order_by(Target.id)).mappings().all()
    states = {c["id"]: _State(whole=not pruned) for c in targets}
    problems = _play(connection, states, said)
    for watched in targets:
        if problem := states[watched["id"]].differs(dict(watched)):
            problems.append(f"{watched['target']}: {problem}")
    if problems:
        raise Refused("; ".join(problems[:5]), where="records")
    return f"{len(targets)} targets stand as their runs say"


def _play(connection: Connection, states: Mapping[int, _State], said: Collection[str]) -> list[str]:
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
        state = states.get(row["claim_id"])  # a claim that is gone is found by its journal
        try:
            problem = state.run(dict(row), said) if state is not None else ""
        except (ValueError, TypeError, msgspec.DecodeError):
            problem = f"run {row['seq']} is none that was ever written"
        problems += [problem] if problem else []
    return problems
