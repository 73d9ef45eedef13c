# SPDX-License-Identifier: Apache-2.0
"""Never two heads of one history that contradict each other: the list of what this home signed decides.

A head names the one before it. So each head that a log may have from this home must be one of those that the
next head follows. If the records were put back, or are those of a copy, they do not have it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from anchor.errors import Misuse
from anchor.format import history_head
from anchor.publish import interrupted, statement_guard
from anchor.publish.journal import Journal
from anchor.publish.release_json import BUNDLE
from anchor.publish.signing_history import Line, SignedStatements, line, subject_of

_REMEDY = (
    "nothing was signed: put the newest state of the database back; records that are lost for good begin "
    "again as another history, in another home (--home)"
)


def bound(home: Path, origin: str) -> list[Line]:
    """The newest line of each head of a history that a log may have from this home."""
    lines = statement_guard.binding(SignedStatements(home).lines())
    return [one for one in lines if one.events and one.ledger == origin]


def check(home: Path, data: bytes, before: Sequence[bytes]) -> None:
    """Raise `Misuse` if this home signed a head of this history that a new one does not follow.

    `before`: the statements of the heads before it, the last one first.
    """
    followed = {_digest(data), *_followed(data, before)}
    for one in bound(home, history_head.decode(data).origin):
        if one.statement not in followed:
            raise _unknown(home, one)


def _unknown(home: Path, one: Line) -> Misuse:
    done = f"sent to {one.log}" if one.step == "sending" else "anchored"
    return Misuse(
        f"{one.subject} was {done} at {one.at} from this home, and the records do not have it: a head that "
        "does not follow it contradicts it for ever",
        where=str(SignedStatements(home).path),
        remedy=_REMEDY,
    )


def _followed(data: bytes, before: Sequence[bytes]) -> Iterator[str]:
    """The digests of the heads before it, as long as each is named by the one after it."""
    named = history_head.decode(data).previous
    for one in before:
        if named is None or _digest(one) != named.statement:
            return
        yield named.statement
        named = history_head.decode(one).previous


def unfinished(home: Path, origin: str, known: Sequence[bytes]) -> bytes | None:
    """The statement of a head that a log may have from this home, and that the records do not have.

    `known`: the statements of the anchored heads. Raises `Misuse` if several are missing, so that the records
    were put back, or if the home has not kept its bytes.
    """
    there = {_digest(data) for data in known}
    missing = [one for one in bound(home, origin) if one.statement not in there]
    if not missing:
        return None
    first, *more = missing
    if more:
        raise _unknown(home, max(missing, key=lambda one: one.events or 0))
    kept = {_digest(data): data for data in SignedStatements(home).statements()}
    for one in interrupted.interrupted(home):
        prepared = Journal(one.folder).signed() if one.events else None
        if prepared is not None:
            kept.setdefault(_digest(prepared.payload), prepared.payload)
    if first.statement not in kept:
        raise Misuse(
            f"{first.subject} was sent from this home at {first.at}, and its journal is gone",
            where=str(home / interrupted.FOLDER),
            remedy="nothing was signed: restore the home from a copy",
        )
    return kept[first.statement]


def drop_unsent(home: Path) -> None:
    """Remove the journals of heads of which nothing was sent, and those without a step: another head is
    signed instead."""
    statement_guard.drop_unsent(home)
    for folder in (home / interrupted.FOLDER).glob(f"*/*{BUNDLE}"):
        if not any(folder.glob("[!.]*")):
            Journal(folder).discard()
    for one in interrupted.interrupted(home):
        if one.events and one.step == "signed":
            Journal(one.folder).discard()


def elsewhere(home: Path, data: bytes, paths: Sequence[str], *, abandon: bool) -> None:
    """Raise `Misuse` if another log than those of these bundles (by file name) may have the statement: it is
    completed there too, or given up."""
    for one in interrupted.interrupted(home):
        if one.folder.parent != interrupted.journal_folder(home, data) or one.abandoned:
            continue
        if one.step == "signed" or one.folder.name in paths:
            continue
        if not abandon:
            raise Misuse(
                str(one),
                where=str(one.folder),
                remedy="name its instance too, with --instance; --abandon gives it up there",
            )
        Journal(one.folder).abandon()


def published(home: Path, data: bytes) -> None:
    """Note that the records have a head, if this home signed it, and remove its journals."""
    signed, digest = SignedStatements(home), _digest(data)
    lines = [one for one in signed.lines() if one.statement == digest]
    if not lines:
        return
    if not any(one.step == "published" for one in lines):
        signed.add([line("published", subject_of(data), digest, now=datetime.now(UTC))])
    for one in interrupted.interrupted(home):
        if one.folder.parent == interrupted.journal_folder(home, data) and not one.abandoned:
            Journal(one.folder).discard()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
