# SPDX-License-Identifier: Apache-2.0
"""What was decided with a run, stored with it: when to look again, who was told, and by which rule.

A stored decision is judged by the rule that is stored with it, never by the constants of today. It is part of
its run's row and so of the chain; `claims` must agree with the last one (`replay.py`).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from anchor.monitor import alarm
from anchor.records.intervals import Intervals
from anchor.verdict import Class


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The rule: the target's own interval in seconds, and the constants of the program of then."""

    interval: int | None
    intervals: Intervals = msgspec.field(name="pace")
    """Written as `pace`: stored decisions are part of the chain."""
    alarm: alarm.Rule


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the rule."""

    rule: Rule
    furthest_ms: int
    """What the rule never goes beyond, in milliseconds after the end of the run."""
    due_ms: int
    notified: Class = msgspec.field(name="told")
    """Written as `told`, see `Rule.intervals`."""
    failing_runs: int
    failing_since_ms: int | None
    alarm: str
    """SHA-256 of the claim's `alarm`, hex."""
    message: str | None
    """The uid of the message that went to the outbox."""
    policy: str | None = None
    """The claim's `policy_path`; None also in what was stored before it was kept."""


def encode(decision: Decision) -> str:
    return msgspec.json.encode(decision).decode()


def decode(text: str) -> Decision:
    """Raises msgspec.DecodeError for what this program never wrote."""
    return msgspec.json.decode(text, type=Decision)


def digest(text: str | None) -> str:
    """SHA-256 of a claim's `alarm`, hex."""
    return hashlib.sha256((text or "").encode()).hexdigest()


def standing(watched: Mapping[str, Any]) -> alarm.Standing:
    """The standing that a claim's columns say. Records from before causes were kept, and an `alarm` that
    somebody edited, leave what people were told as one cause of its own."""
    try:
        if watched["alarm"] is not None:
            return msgspec.json.decode(watched["alarm"], type=alarm.Standing)
    except msgspec.DecodeError:
        pass  # `records check` says so
    notified, since = Class(watched["notified"]), watched["failing_since_ms"]
    known = {"before": alarm.Known("", notified, "told before", 0.0)} if notified is not Class.OK else {}
    return alarm.Standing(
        told=notified,
        said=notified,
        failing_runs=watched["failing_runs"],
        failing_since=None if since is None else since / 1000,
        known=known,
    )
