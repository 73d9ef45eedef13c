# SPDX-License-Identifier: Apache-2.0
"""A log over HTTP: an entry is sent once, and the log is asked afterwards whether it took it.

Decides what an answer means for a request: taken, there before, refused, not sent, or not known. Only "not
sent" is certain. Anything else may be the answer of a gateway that passed the request on. The form of an
answer is in the file of each kind.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from anchor.errors import AnchorError, Refused
from anchor.log_kinds.kind import LogKind
from anchor.merkle.hashing import leaf_hash
from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.http import Patience
from anchor.net.service_errors import HttpError, LostAnswer, ServiceError
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint, Log

LOG = "transparency log"
JSON = ("application/json",)
INTEGRATION = 60.0
"""Seconds within which a log gives, and a checkpoint covers, an entry that the log has taken."""
POLL = 0.5
_PATIENCE = Patience(read=60.0, whole=90.0)  # a write waits for the next checkpoint
_NEVER = frozenset({400, 413, 422})
_LOOK = "look in the log before it is sent again"


@dataclass
class RemoteLog(ABC):
    """One log. `known`: its origin and key from the trusted root; `key_id`: the 32 bytes of its log id."""

    url: str
    known: Log
    key_id: bytes
    budget: Budget = field(kw_only=True)
    patience: Patience = field(default=_PATIENCE, kw_only=True)

    kind: ClassVar[LogKind]
    ENTRIES: ClassVar[str]
    """The path that takes entries."""
    MAX_ANSWER: ClassVar[int]
    """Bytes of an answer."""

    def size(self) -> int:
        """Entries that the log's current checkpoint covers. Raises `Unavailable`."""
        return self.head().size

    def head(self) -> Checkpoint:
        """The log's current checkpoint, verified with the pinned key. Raises `Unavailable`."""
        raw = self._checkpoint()
        try:
            return checkpoints.verify(raw, self.known)
        except Refused as e:
            problem = f"serves a checkpoint that is not {self.known.origin}'s: {e}"
            remedy = "check the URL and the trusted root"
            raise ServiceError(problem, where=f"{LOG} {self.url}", remedy=remedy) from None

    def append(self, request: bytes) -> bytes:
        """Send a request once; its TransparencyLogEntry (protobuf JSON), also when it was there (409).

        Raises `NotSent` when the request never left. After any other error it may be in the log: `Refused`
        when the answer is that it never will be, `LostAnswer` or another `ServiceError` for the rest.
        """
        body = self.kind.requested_body(request)
        try:
            answer = http.post(
                LOG, self.url + self.ENTRIES, request, content_type="application/json",
                budget=self.budget, limit=self.MAX_ANSWER, expect=JSON, accept=(200, 201),
                patience=self.patience, retry_unsent=True,
            )  # fmt: skip
        except HttpError as e:
            if e.status == 409:
                try:
                    return self._recover(e, body)
                except AnchorError as f:  # it has the entry, whatever hides it: never "not sent"
                    raise _there(f, e.where) from None
            if e.status in _NEVER:
                raise Refused(f"the log does not take the entry: {e.problem}", where=e.where) from None
            raise
        return self._taken(answer.body, body)

    def find(self, request: bytes, since: int) -> bytes | None:
        """The TransparencyLogEntry of this very request at index `since` or later; None when the log does not
        have it. Raises `Unavailable`."""
        return self.find_after(since, leaf_hash(self.kind.requested_body(request)))

    @abstractmethod
    def find_after(self, since: int, leaf: bytes) -> bytes | None:
        """The same by the leaf hash (32 bytes) of the entry."""

    @abstractmethod
    def _checkpoint(self) -> bytes:
        """The signed note that the log serves now, not verified."""

    @abstractmethod
    def _taken(self, answer: bytes, body: bytes) -> bytes:
        """The TransparencyLogEntry of an answer. One about another entry leaves open what became of ours."""

    @abstractmethod
    def _recover(self, error: HttpError, body: bytes) -> bytes:
        """The TransparencyLogEntry of what a 409 names, if it is ours. A log knows an entry before it gives
        it, so that is waited for."""

    def _foreign(self, problem: str, where: str = "") -> LostAnswer:
        return LostAnswer(problem, where=where or f"{LOG} {self.url}", remedy=_LOOK)


def _there(error: AnchorError, where: str) -> LostAnswer:
    if isinstance(error, LostAnswer):
        return error
    return LostAnswer(f"the log has the entry, and it could not be read: {error}", where=where, remedy=_LOOK)
