# SPDX-License-Identifier: Apache-2.0
"""One head of a history of verification: sign it, record it in each log, and hand it to the records.

It uses the stages of a release, and no other: the same locks, list and journals. A head that was sent is
completed with the bytes that it had. Its place is the event in the records: a head counts as anchored when
every log that was asked for has it, and the records say so.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from anchor.errors import Unavailable
from anchor.format import history_head
from anchor.format.history_head import Head
from anchor.publish import clock, head_guard, interrupted, release_json, statement_guard
from anchor.publish.anchoring import Document
from anchor.publish.checks import Checks
from anchor.publish.instance import Instances, SigningInstance
from anchor.publish.recording import Recording
from anchor.publish.release_json import Anchored
from anchor.publish.signing_history import SignedStatements, subject_of
from anchor.sigstore import bundle as bundles
from anchor.verdict import class_of, worst
from anchor.words import several


class HeldHistory(Protocol):
    """The history as its records have it, with their lock held."""

    @property
    def origin(self) -> str: ...

    @property
    def heads(self) -> Sequence[bytes]:
        """The statements of the anchored heads, the last one first."""
        ...

    @property
    def last_bundles(self) -> Sequence[bytes]:
        """The bundles (JSON) of the last anchored head."""
        ...

    def following(self) -> bytes | None:
        """The statement of the head of now; None if nothing is new since the last one."""
        ...

    def check(self, statement: bytes) -> None:
        """Raise `Refused` unless a head is of this history and follows the last anchored one."""
        ...

    def keep(self, statement: bytes, bundles: Sequence[bytes]) -> None:
        """Write down once that a head was anchored."""
        ...


@dataclass(frozen=True)
class _PlannedHead:
    """A head that is to be signed (`anchoring.Planned`)."""

    history: HeldHistory
    statement: bytes

    def check_unchanged(self) -> None:
        self.history.check(self.statement)


@dataclass(frozen=True, kw_only=True)
class AnchoredHead:
    """A head that was anchored just now."""

    head: Head
    statement: bytes
    bundles: tuple[Anchored, ...]
    resumed: bool
    """True if it was interrupted before, so that more events may be new."""


def anchor_head(
    history: HeldHistory,
    *,
    home: Path,
    instances: Instances,
    checks: Checks,
    abandon: bool,
    say: Callable[[str], None],
) -> AnchoredHead | None:
    """Anchor the head of now; None if nothing is new since the last one, so that nothing was signed.

    Raises our errors. Whatever a log may have then, the same call completes it.
    """
    with interrupted.locked(home):
        if (newest := statement_guard.newest(home)) is not None:
            clock.check(datetime.now(UTC), {f"the list {SignedStatements(home).path}": newest})
        statement_guard.restore_heads(home, history.heads)
        head_guard.drop_unsent(home)
        if history.heads:
            head_guard.published(home, history.heads[0])
        data, resumed = head_guard.unfinished(home, history.origin, history.heads), True
        if data is None:
            data, resumed = history.following(), False
        if data is None:
            return None
        head_guard.check(home, data, history.heads)
        history.check(data)
        head = history_head.decode(data)
        if resumed:
            say(f"the head of {several(head.size, 'event')} was interrupted, and is completed")
        with contextlib.ExitStack() as opened:
            reached = _opened(history, instances, opened)
            recording = Recording(
                document=Document(
                    data=data,
                    subject=subject_of(data),
                    plan=_PlannedHead(history, data),
                    before=history.heads,
                ),
                home=home,
                checks=checks,
                say=say,
                abandon=abandon,
            )
            found = _recorded(recording, reached)
        history.keep(data, [one.bundle for one in found])
        head_guard.published(home, data)
        return AnchoredHead(head=head, statement=data, bundles=tuple(found), resumed=resumed)


def _opened(
    history: HeldHistory, instances: Instances, opened: contextlib.ExitStack
) -> list[SigningInstance]:
    """All instances. Raises if one cannot be reached: nothing is signed then."""
    reached, down = [], []
    for instance in instances.open(None):
        if isinstance(instance, Unavailable):
            down.append(instance)
            continue
        opened.callback(instance.close)
        reached.append(instance)
        for note in _checkpoints(history.last_bundles):
            instance.check_checkpoint(note)
    if down:
        raise down[0]
    return reached


def _checkpoints(found: Sequence[bytes]) -> list[bytes]:
    """The checkpoints in the bundles of the head before; they were verified before they were kept."""
    entries = [entry for data in found for entry in bundles.parse(data).entries]
    return [e.proof.checkpoint for e in entries if e.proof is not None and e.proof.checkpoint is not None]


def _recorded(recording: Recording, instances: Sequence[SigningInstance]) -> list[Anchored]:
    """The verified bundles of all logs that were asked for, kept in the home."""
    asked = {release_json.bundle_path(instance.name): instance for instance in instances}
    old = recording.kept(frozenset())
    there = {one.path for one in old}
    data, home = recording.document.data, recording.home
    head_guard.elsewhere(home, data, [*asked, *there], abandon=recording.abandon)
    wanted = {path: instance for path, instance in asked.items() if path not in there}
    recording.ask([*wanted.values()])
    anchored, errors = recording.anchor(wanted, (), others=bool(old))
    if errors:
        raise next(e for e in errors if class_of(e) is worst(map(class_of, errors)))
    found = sorted([*old, *anchored], key=lambda one: one.path)
    recording.keep(found)
    return found
