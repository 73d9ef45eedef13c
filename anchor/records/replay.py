# SPDX-License-Identifier: Apache-2.0
"""What a target's state must be, played again from its chained runs: `claims` has no chain of its own.

Decides by the rules that `store.py` kept it with, `anchor.alarm` for who was told. Where older runs were
pruned, what only they could say is not judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused
from anchor.records import journal, outbox
from anchor.records.pace import Pace
from anchor.records.tables import Claim, Notification, Prune, Run
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
    told: str | None = None
    failing: int | None = None
    since: int | None = None
    accused: bool = False
    age: int | None = None

    def run(self, row: Mapping[str, Any], said: Mapping[str, str]) -> str:
        """Go on by one run; the message that is wanting, or "". `said`: the class of each message by id."""
        found, before = Class(row["verdict"]), self.told
        self.verdict, self.ended = row["verdict"], row["ended_ms"]
        self.release = row["release_id"] or self.release
        age = msgspec.json.decode(row["facts"] or "{}", type=_Facts).max_run_age
        read = age is not None or row["trust_id"] is not None  # else nobody could read what the policy says
        self.age = age if read else self.age
        self.accused = self.accused or found is Class.EQUIVOCATION
        uid = outbox.uid_of(row["seq"], row["claim_id"], row["chain"])
        if found is Class.UNAVAILABLE:
            if self.failing is not None:
                self.failing += 1
                self.since = self.ended if self.since is None else min(self.since, row["ended_ms"])
            self.told = str(found) if said.get(uid) == found else self.told
            return ""
        self.failing, self.since = 0, None
        self.told = str(Class.EQUIVOCATION if found is Class.OK and self.accused else found)
        self.good = self.ended if found is Class.OK else self.good
        silent = before is None or before == self.told or (found is Class.OK and self.accused)
        return "" if silent or said.get(uid) == found else f"nobody was told of run {row['seq']}, {found}"

    def differs(self, claim: Mapping[str, Any], intervals: list[int | None]) -> str:
        """How a claim differs from what its runs came to, or ""."""
        if (self.whole or self.ended) and (claim["last_class"], claim["last_run_ms"]) != (
            self.verdict,
            self.ended,
        ):
            return f"its last run was {self.verdict}, not {claim['last_class']}"
        if (self.whole or self.good) and claim["last_good_ms"] != self.good:
            return "its last good run was another one"
        if (self.whole or self.release) and claim["release_id"] != self.release:
            return f"its runs found release {self.release}, not {claim['release_id']}"
        if self.told is not None and claim["told"] != self.told:
            return f"people were told {self.told}, not {claim['told']}"
        weather = (claim["failing_runs"], claim["failing_since_ms"])
        if self.failing is not None and weather != (self.failing, self.since):
            return f"{self.failing} runs in a row could not tell, not {claim['failing_runs']}"
        if (self.whole or self.age) and claim["max_run_age_s"] != self.age:
            return f"its policy allows {self.age} s without a good run, not {claim['max_run_age_s']}"
        if claim["due_ms"] > _latest(max(claim["last_run_ms"] or 0, claim["added_ms"]), intervals):
            return "it is due later than any run would have said"
        return ""


def _latest(after: int, intervals: list[int | None]) -> int:
    furthest = max(map(Pace().furthest, intervals), default=Pace().furthest(None))
    return after + round(1000 * furthest) + _SLACK_MS


def fits(connection: Connection) -> str:
    """The state of each target is what its runs came to; raises Refused where someone changed it."""
    pruned = connection.execute(sa.select(Prune.seq).limit(1)).first() is not None
    messages = connection.execute(sa.select(Notification.uid, Notification.verdict))
    said = {uid: str(verdict) for uid, verdict in messages}
    claims = connection.execute(sa.select(Claim.__table__).order_by(Claim.id)).mappings().all()
    accused = outbox.all_told(connection, Class.EQUIVOCATION) if pruned else set()
    states = {
        c["id"]: _State(whole=False, accused=c["id"] in accused)
        if pruned
        else _State(whole=True, told=str(Class.OK), failing=0)
        for c in claims
    }
    problems = _play(connection, states, said)
    intervals = journal.intervals(connection)
    for claim in claims:
        if problem := states[claim["id"]].differs(dict(claim), intervals.get(claim["id"], [])):
            problems.append(f"{claim['target']}: {problem}")
    if problems:
        raise Refused("; ".join(problems[:5]), where="records")
    return f"{len(claims)} targets stand as their runs say"


def _play(connection: Connection, states: Mapping[int, _State], said: Mapping[str, str]) -> list[str]:
    columns = (
        Run.seq,
        Run.claim_id,
        Run.verdict,
        Run.ended_ms,
        Run.release_id,
        Run.trust_id,
        Run.facts,
        Run.chain,
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
