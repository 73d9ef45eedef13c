# SPDX-License-Identifier: Apache-2.0
"""The decision that is stored with each run: the next due time, the notification, and the rule for both.

`records check` judges a stored decision by the rule stored with it, never by the constants of this program.
The decision is part of the run's event. The row of the target follows from the last decision (`fold.py`).
"""

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.engine import RowMapping

from anchor.monitor import alarm
from anchor.records.intervals import Intervals
from anchor.verdict import Class


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The rule: the target's own interval in seconds, and the constants of the program that made the run."""

    interval: int | None
    intervals: Intervals = msgspec.field(name="pace")
    """Written as `pace`, the name in events."""
    alarm: alarm.Rule


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the rule."""

    rule: Rule
    furthest_ms: int
    """The latest due time that the rule allows, in milliseconds after the end of the run."""
    due_ms: int
    notified: Class = msgspec.field(name="told")
    """Written as `told`, the name in events."""
    failing_runs: int
    failing_since_ms: int | None
    alarm: str
    """SHA-256 of the target's `alarm`, hex."""
    message: str | None
    """The uid of the message that went to the outbox."""
    policy: str | None = None
    """The target's `policy_path`. None also in decisions that are older than this field."""


def written(decision: Decision) -> dict[str, Any]:
    """The decision as a member of an event."""
    built: dict[str, Any] = msgspec.to_builtins(decision)
    return built


def read(decided: Mapping[str, Any]) -> Decision:
    """The decision in an event. Raises msgspec.ValidationError for one that this program cannot have written.

    Large numbers are texts there.
    """
    return msgspec.convert(decided, type=Decision, strict=False)


@functools.lru_cache(maxsize=64)  # most runs leave it as it was
def digest(text: str | None) -> str:
    """SHA-256 of a target's `alarm`, hex."""
    return hashlib.sha256((text or "").encode()).hexdigest()


def standing(watched: Mapping[str, Any] | RowMapping) -> alarm.Standing:
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
