# SPDX-License-Identifier: Apache-2.0
"""Compares other copies of a log (of a witness, a mirror, another URL): does everyone see the same history?

Two heads of equal size must have one root. Heads of different sizes must be consistent. A copy that cannot be
compared is a failed check, because the policy asked for the comparison.
"""

from anchor.errors import AnchorError, Unavailable
from anchor.monitor.interfaces import LogMemory
from anchor.monitor.log import LogRun
from anchor.monitor.log_result import LogResult, heads_of, only_checks, preserve_contradiction
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import Followed, News
from anchor.tlog.source import Source
from anchor.verdict import Check, failed, passed


def compare(log: LogRun, memory: LogMemory) -> LogRun:
    """Compare every other copy of a log with the head that was followed."""
    if log.followed is None:
        return log
    for name, view in log.location.views:
        log = log.with_result(_compare(log, memory, name, view, log.followed.head))
    return log


def _compare(log: LogRun, memory: LogMemory, name: str, view: Source, own: Checkpoint) -> LogResult:
    check = f"view {name}"
    try:
        theirs = log.client.head_of(view)
    except AnchorError as e:
        return _not_compared(check, name, e)
    result = heads_of(log.location, theirs, source=name)  # the log signed it, proven or not
    try:
        found = _prove(log, view, theirs, own)
    except AnchorError as e:
        return result + _not_compared(check, name, e)
    result += log.proofs_worth_keeping(found)
    if found.news is News.EQUIVOCATION:
        shown = preserve_contradiction(memory, log.location, check, found, log.result + result)
        return result + log.repeated(shown, found) + shown
    return result + only_checks(_check(check, name, found, theirs, own))


def _check(check: str, name: str, found: Followed, theirs: Checkpoint, own: Checkpoint) -> Check:
    if found.news is News.OLD_HEAD and not found.proven:
        return failed(check, Unavailable(found.detail, where=name))
    relation = "the same" if theirs.size == own.size else "older" if theirs.size < own.size else "newer"
    return passed(check, f"size {theirs.size}, {relation}, one history with size {own.size}")


def _not_compared(check: str, name: str, error: AnchorError) -> LogResult:
    meaning = "this view of the log was not compared"
    return only_checks(failed(check, error, meaning=meaning), service=name)


def _prove(log: LogRun, view: Source, theirs: Checkpoint, own: Checkpoint) -> Followed:
    """An equal or smaller head is proven from the log's own tiles, a larger one from those of the view."""
    if theirs.size <= own.size:
        return log.prove([theirs], own)
    try:
        return log.client.follow_view(view, theirs, [own])
    except Unavailable as e:
        raise Unavailable(f"shows size {theirs.size}, larger than {own.size}, unproven: {e}") from e
