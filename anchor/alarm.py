# SPDX-License-Identifier: Apache-2.0
"""When people are told: only on a change of class, and of weather only when it lasts.

Pure rules over what was told before; sending is `anchor.edge.notify`, remembering is `anchor.records`.
"""

import hashlib
import re
from dataclasses import dataclass, replace

from anchor.errors import Misuse
from anchor.outcome import Outcome
from anchor.verdict import Class

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 3600}
MAX_LINES = 20
"""Failing checks named in one message."""


@dataclass(frozen=True)
class Rule:
    """UNAVAILABLE is told after `runs` runs in a row and `seconds` seconds; both must have passed."""

    runs: int = 3
    seconds: int = 6 * 3600


def parse_rule(text: str) -> Rule:
    """`N/T`: N runs and T hours, or T with a unit: `3/6`, `3/90m`, `5/2d`."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})([smhd]?)", text)
    if not match:
        raise Misuse(f"{text!r} is not N/T", where="--alarm-after", remedy="e.g. 3/6h: 3 runs and 6 hours")
    return Rule(int(match[1]), int(match[2]) * _UNITS[match[3]])


@dataclass(frozen=True)
class Standing:
    """What is remembered of a target between runs. Times in seconds."""

    told: Class = Class.OK
    """The class people were last told of."""
    failing_runs: int = 0
    """UNAVAILABLE runs in a row."""
    failing_since: float | None = None


def after(
    standing: Standing, found: Class, *, now: float, rule: Rule, accused: bool = False
) -> tuple[Standing, bool]:
    """The standing after a run that came to `found`, and whether people are told now.

    `accused`: people were told EQUIVOCATION of this target before. Nothing is a recovery from that.
    """
    if found is Class.OK and (accused or standing.told is Class.EQUIVOCATION):
        return Standing(told=Class.EQUIVOCATION), False
    if found is not Class.UNAVAILABLE:
        return Standing(told=found), found is not standing.told
    since = standing.failing_since
    if since is None or since > now:  # a clock that went back starts the count anew
        since = now
    next_one = replace(standing, failing_runs=standing.failing_runs + 1, failing_since=since)
    if standing.told is Class.UNAVAILABLE or damped(next_one, now=now, rule=rule):
        return next_one, False
    return replace(next_one, told=Class.UNAVAILABLE), True


def damped(standing: Standing, *, now: float, rule: Rule) -> bool:
    """Whether an UNAVAILABLE that stands so is still too young to be told."""
    since = now if standing.failing_since is None else standing.failing_since
    return standing.failing_runs < rule.runs or now - since < rule.seconds


def receiver_id(url: str) -> str:
    """The name of a receiver in the records: a digest that gives away nothing of its URL."""
    return hashlib.sha256(b"anchor receiver\0" + url.encode()).hexdigest()[:16]


def message(target: str, before: Standing, outcome: Outcome, *, when: str, uid: str) -> tuple[str, str]:
    """Title and body of what people read. `when` is RFC 3339; `uid` lets a repeated message be recognised."""
    found = outcome.verdict.verdict
    if found is Class.OK:
        title = f"[anchor] recovered: {target} is OK again"
    else:
        title = f"[anchor] {found}: {target}"
    lines = [f"{target}: {found} (told before: {before.told})", f"run ended {when}"]
    if found is Class.UNAVAILABLE:
        lines.append(f"could not tell in {before.failing_runs + 1} runs in a row")
    if outcome.services:
        lines.append("not reached: " + ", ".join(sorted(outcome.services)))
    bad = [c for c in outcome.verdict.checks if c.demotes]
    lines += [f"- {c.name}: {c.state}: {c.detail}" for c in bad[:MAX_LINES]]
    if len(bad) > MAX_LINES:
        lines.append(f"- and {len(bad) - MAX_LINES} more")
    lines += [f"evidence kept: {e.kind} of {e.origin}, sha256 {e.digest}" for e in outcome.evidence]
    lines.append(f"message {uid}: the same id again is the same message")
    return " ".join(title.split())[:200], "\n".join(" ".join(line.split())[:1000] for line in lines)
