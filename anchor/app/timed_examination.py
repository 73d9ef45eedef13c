# SPDX-License-Identifier: Apache-2.0
"""The verification of one of many releases within the time that a command has left."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from anchor.net.budget import Budget
from anchor.verify.anchors import Trust
from anchor.verify.effort import SECONDS, Effort
from anchor.verify.release import ReleaseResult, examine_release
from anchor.verify.release_files import Files


def examine(
    target: str,
    data: bytes,
    files: Files,
    *,
    trust: Trust | None,
    budget: Budget,
    check_time: Callable[[], None],
) -> ReleaseResult:
    """The result of verifying a release. `check_time` raises once the time of the command is over."""
    effort = Effort(seconds=min(SECONDS, budget.left()), stopwatch=time.thread_time)
    return examine_release(
        target,
        data,
        files,
        trust=trust,
        now=datetime.now(UTC),
        progress=lambda _: check_time(),
        effort=effort,
    )
