# SPDX-License-Identifier: Apache-2.0
"""The decision that is stored with each run: the next due time, the notification, and the rule for both.

`records check` judges a stored decision by the rule stored with it, never by the constants of this program.
The decision is part of the run's row and so of the hash chain. The row of the target must agree with the last
decision (`state_check.py`).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from anchor.monitor import alarm
from anchor.records.intervals import Intervals
from anchor.verdict import Class


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The rule: the target's own interval in seconds, and the constants of the program that made the run."""

    interval: int | None
    intervals: Intervals = msgspec.field(name="pace")
    """Written as `pace`, the name in chained rows."""
    alarm: alarm.Rule


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the rule."""

    rule: Rule
    furthest_ms: int
    """The latest due time that the rule allows, in milliseconds after the end of the run."""
    due_ms: int
    notified: Class = msgspec.field(name="told")
    """Written as `told`, the name in chained rows."""
    failing_runs: int
    failing_since_ms: int | None
    alarm: str
    """SHA-256 of the target's `alarm`, hex."""
    message: str | None
    """The uid of the message that went to the outbox."""
    policy: str | None = None
    """The target's `policy_path`. None also in decisions that are older than this field."""


def encode(decision: Decision) -> str:
    return msgspec.json.encode(decision).decode()


def decode(text: str) -> Decision:
    """Raises msgspec.DecodeError for text that this program cannot have written."""
    return msgspec.json.decode(text, type=Decision)


def digest(text: str | None) -> str:
    """SHA-256 of a target's `alarm`, hex."""
    return hashlib.sha256((text or "").encode()).hexdigest()


def standing(watched: Mapping[str, Any]) -> alarm.Standing:
    """The alarm state in the columns of a target.

    Older records have no `alarm`, and an edited one may not decode. Then the class that people were notified
    of counts as one cause.
    """
    try:
        if watched["alarm"] is not None:
            return msgspec.json.decode(watched["alarm"], type=alarm.Standing)
    except msgspec.DecodeError:
        pass  # `records check` says so
    notified, since = Class(watched["notified"]), watched["failing_since_ms"]
    known = {"before": alarm.Known("", notified, "told before", 0.0)} if notified is not Class.OK else {}
    return alarm.Standing(
        notified=notified,
        said=notified,
        failing_runs=watched["failing_runs"],
        failing_since=None if since is None else since / 1000,
        known=known,
    )
