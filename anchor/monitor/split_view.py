# SPDX-License-Identifier: Apache-2.0
"""Other views of a log (a witness's, a mirror's, another URL): does everyone see the same history?

Compared by root at equal size, and by consistency at different sizes; a view that cannot be compared is a
doubt, since the policy asked for it.
"""

from anchor.errors import AnchorError, Refused, Unavailable
from anchor.monitor.log import Session, equivocation, kept_line
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import Followed, News
from anchor.tlog.source import Source
from anchor.verdict import Check, failed, passed


def compare(session: Session) -> None:
    """Compare every view of the session's log with the head that was followed."""
    if session.followed is None:
        return
    for name, source in session.place.views:
        session.checks.append(_view(session, f"view {name}", name, source, session.followed.head))


def _view(session: Session, check: str, name: str, source: Source, own: Checkpoint) -> Check:
    try:
        session.count()
        theirs = _head(session, source)
        session.keep(theirs, name)  # signed, so the log must stand by it, proven or not
        found = _against(session, source, theirs, own)
    except AnchorError as e:
        session.services.append(name)
        return failed(check, e, meaning="this view of the log was not compared")
    if found.news is News.EQUIVOCATION:
        shown = session.contradicted(check, found, theirs)
        # The log's own check says it from the next run on. Said now too, it is no news then.
        session.checks.append(equivocation(session.name, kept_line(session.evidence[-1], found.detail)))
        return shown
    if found.news is News.OLD_HEAD and not found.proven:
        return failed(check, Unavailable(found.detail, where=name))
    relation = "the same" if theirs.size == own.size else "older" if theirs.size < own.size else "newer"
    return passed(check, f"size {theirs.size}, {relation}, one history with size {own.size}")


def _head(session: Session, source: Source) -> Checkpoint:
    try:
        return checkpoints.verify(source.checkpoint(), session.place.log)
    except Refused as e:
        raise Unavailable(f"serves no checkpoint of this log: {e}") from e


def _against(session: Session, source: Source, theirs: Checkpoint, own: Checkpoint) -> Followed:
    """An equal or smaller head is proven from the log's own tiles, a larger one from the view's."""
    if theirs.size <= own.size:
        return session.follow([theirs], own)
    try:
        return session.follow_view(source, theirs, [own])
    except Unavailable as e:
        raise Unavailable(f"shows size {theirs.size}, larger than {own.size}, unproven: {e}") from e
