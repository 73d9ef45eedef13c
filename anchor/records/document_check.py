# SPDX-License-Identifier: Apache-2.0
"""Checks the documents that events name, for `records check`: each is there, unchanged, and says what its
event says. A note must be signed by its log, and evidence must show misbehaviour.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError
from anchor.format import history_events as events
from anchor.format import ledger_status as statuses
from anchor.format import statement as statements
from anchor.format.history_events import AnyEvent, number_of
from anchor.monitor.run_record import TWO_HISTORIES
from anchor.records import replay, state
from anchor.records.tables import Blob
from anchor.tlog import evidence as evidences
from anchor.tlog.keys import parse_vkey
from anchor.words import several

BATCH = 32
"""Events whose documents are read at once: one of them may have some megabytes."""

_BLOBS = sa.select(Blob.sha256, Blob.data).where(Blob.sha256.in_(sa.bindparam("digests", expanding=True)))
Finding = tuple[list[str], str]
"""The problems, and the sentence for the case that there are none."""
_KINDS = ("checkpoints", "evidence", "releases", "statuses")
"""The checks of documents that say what their event says."""


def _named(event: AnyEvent) -> list[str]:
    """The SHA-256 of each document that an event names; the one that says what the event says comes first."""
    match event:
        case events.ReleaseSeen():
            return [event.statement]
        case events.StatusSeen() | events.HeadAnchored():
            return [event.statement, *event.bundles]
        case events.BundleSeen():
            return [event.bundle]
        case events.CheckpointSeen():
            return [event.note]
        case events.EvidenceFound() | events.TrustChanged():
            return [event.document]
        case events.EntryFound():
            return [event.body]
    return []


class Documents:
    """Takes all events in order. `log_keys`: the known log keys, as in vkeys; None if none were given."""

    def __init__(self, connection: Connection, log_keys: Collection[bytes] | None) -> None:
        self._connection = connection
        self._log_keys = log_keys
        self._waiting: list[tuple[int, AnyEvent, list[str]]] = []
        self._problems: dict[str, list[str]] = {name: [] for name in ("documents", *_KINDS)}
        self._counts = dict.fromkeys(_KINDS, 0)
        self._judges: Mapping[type, tuple[str, Callable[[int, Any, bytes], str]]] = {
            events.CheckpointSeen: ("checkpoints", self._note),
            events.EvidenceFound: ("evidence", _evidence),
            events.ReleaseSeen: ("releases", _release),
            events.StatusSeen: ("statuses", _status),
        }

    def take(self, one: replay.Replayed) -> None:
        """Take the next event."""
        if one.event is not None and (named := _named(one.event)):
            self._waiting.append((one.leaf_index, one.event, named))
            if len(self._waiting) == BATCH:
                self._check()

    def findings(self) -> dict[str, Finding]:
        """The findings, by the name of the check, once the last event was taken."""
        self._check()
        known = "" if self._log_keys is not None else "; keys as stored, give a policy to compare them"
        good = {
            "documents": "each document that an event names is as it was stored",
            "checkpoints": f"under their log's key: {several(self._counts['checkpoints'], 'note')}{known}",
            "evidence": several(self._counts["evidence"], "document"),
            "releases": f"as stored: {several(self._counts['releases'], 'statement')}",
            "statuses": f"as stored: {several(self._counts['statuses'], 'status')}",
        }
        return {name: (self._problems[name], line) for name, line in good.items()}

    def _check(self) -> None:
        """Check the documents of the events that wait."""
        waiting, self._waiting = self._waiting, []
        digests = list({digest for _, _, named in waiting for digest in named})
        blobs = dict(self._connection.execute(_BLOBS, {"digests": digests}).all())
        changed = {digest for digest, data in blobs.items() if hashlib.sha256(data).hexdigest() != digest}
        for index, event, named in waiting:
            kind = events.kind(event)
            for digest in named:
                if digest not in blobs:
                    self._problems["documents"].append(f"the document {digest} of {kind} {index} is gone")
                elif digest in changed:
                    problem = f"the document {digest} of {kind} {index} is not what its digest says"
                    self._problems["documents"].append(problem)
            if type(event) in self._judges and named[0] in blobs:
                self._judge(index, event, blobs[named[0]])

    def _judge(self, index: int, event: AnyEvent, data: bytes) -> None:
        name, judge = self._judges[type(event)]
        self._counts[name] += 1
        try:
            problem = judge(index, event, data)
        except AnchorError as e:
            problem = e.problem if name == "checkpoints" else f"{events.kind(event)} {index}: {e}"
        if problem:
            self._problems[name].append(problem)

    def _note(self, index: int, event: events.CheckpointSeen, data: bytes) -> str:
        size = number_of(event.size)
        state.verified({**msgspec.structs.asdict(event), "id": index, "size": size, "note": data})
        if self._log_keys is not None and parse_vkey(event.log_key).public_key not in self._log_keys:
            return f"checkpoint {index} of {event.origin} is by a key you do not know"
        return ""


def _evidence(_: int, event: events.EvidenceFound, data: bytes) -> str:
    if event.evidence == TWO_HISTORIES:
        evidences.check(data)
    return ""


def _release(index: int, event: events.ReleaseSeen, data: bytes) -> str:
    stated = statements.decode(data)
    named = (stated.ledger.name, stated.ledger.number, stated.ledger.version)
    signed = (*named, stated.tree.root, stated.tree.size)
    said = (event.ledger, number_of(event.number), event.version, event.root, number_of(event.size))
    return "" if signed == said else f"release {index} is not what its statement says"


def _status(index: int, event: events.StatusSeen, data: bytes) -> str:
    said = statuses.decode(data)
    if (said.ledger, said.sequence) == (event.ledger, number_of(event.sequence)):
        return ""
    return f"status {index} is not what its statement says"
