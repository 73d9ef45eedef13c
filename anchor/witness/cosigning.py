# SPDX-License-Identifier: Apache-2.0
"""A witness at work: requests decided on what the store holds, stored, and only then answered.

It knows nothing of HTTP. Several threads may call it. The list of logs is replaced as a whole.
"""

import hashlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from anchor.disk import files
from anchor.encoding import rfc3339_of
from anchor.errors import AnchorError, Refused, printable
from anchor.tlog import checkpoint, witnessing
from anchor.tlog.add_checkpoint import OK, UNPROCESSABLE
from anchor.tlog.keys import VerifierKey
from anchor.tlog.log_list import ListedLog
from anchor.tlog.witnessing import Decision, Held, Submission
from anchor.witness import rate_limits
from anchor.witness.held_store import Store
from anchor.witness.known_logs import KnownLogs
from anchor.witness.rate_limits import Buckets
from anchor.witness.witness_home import EVIDENCE, Home

TOO_MANY, BUSY = 429, 503
NOT_INDEPENDENT = "run by the operator of this witness: no independent evidence"
_TRIES = 8
"""Times that a decision is made again because another request was stored in between."""
EVIDENCE_EACH = 16
"""Files of evidence about one log: each of them says the same of its key."""
EVIDENCE_FILES = 1024
"""Files about all logs, beyond the first about each."""
_SHOWN = 1000
"""Logs on the page for people."""
_PAGE_SECONDS = 2.0
"""Seconds for which this page is served again: it costs as much as a thousand other answers."""


@dataclass(frozen=True)
class Answered:
    """The answer to a request, and what happened, in words for the operator.

    `origin` is "" if it is not a known log's. `wait` is in seconds, 0 if the same request would fail again.
    `alarming` is True if a person should look.
    """

    status: int
    body: bytes
    kind: str
    origin: str = ""
    what: str = ""
    wait: int = 0
    alarming: bool = False


class Witness:
    """The service of one home, with its store open."""

    def __init__(
        self, home: Home, store: Store, logs: KnownLogs, *, own: frozenset[str] = frozenset()
    ) -> None:
        """`own`: the origins of the logs that the operator of this witness runs."""
        self.home = home
        self._own = own
        self._store = store
        self._logs = logs
        self._ids = _ids(logs)
        self._buckets = Buckets(most=1 << 17)
        self._kept = Evidence(home.folder / EVIDENCE)
        self._page = (0.0, b"")

    @property
    def logs(self) -> KnownLogs:
        """The logs that it accepts now."""
        return self._logs

    def replace_logs(self, logs: KnownLogs) -> None:
        """Accept these logs from now on. The trees of logs that are gone stay held."""
        self._ids, self._logs = _ids(logs), logs

    def add_checkpoint(self, body: bytes) -> Answered:
        """The answer to a request. Its tree is on the disk. Raises `Unavailable` if nothing can be stored."""
        try:
            submission = witnessing.parse(body)
        except Refused as e:
            return _answered(witnessing.malformed(e), "cannot be read")
        log = self._logs.get(submission.origin)
        if log is None:
            return _answered(self._decided(submission, (), None), "unknown origin")
        paid = False
        for _ in range(_TRIES):
            held = self._store.get(log.origin)
            decision = self._decided(submission, log.keys, held)
            if decision.status == OK and not paid:
                if wait := rate_limits.of_log(self._buckets, log, grows=decision.grows, now=time.monotonic()):
                    return _later(TOO_MANY, log, "more requests a day than its list allows", wait)
                paid = True
            if decision.held is None or self._store.replace(log.origin, held, decision.held):
                return self._follow_up(submission, log, held, decision)
        return _later(BUSY, log, "other requests about this log were faster", 1)

    def _decided(self, submission: Submission, keys: tuple[VerifierKey, ...], held: Held | None) -> Decision:
        return witnessing.decide(submission, keys, held, signers=self.home.signers, now=int(time.time()))

    def latest(self, origin_hash: str) -> bytes | None:
        """The latest cosigned checkpoint of a log by the SHA-256 of its origin in lower-case hex, or None."""
        origin = self._ids.get(origin_hash)
        held = self._store.get(origin) if origin is not None else None
        return held.cosigned if held else None

    def page(self) -> bytes:
        """The witness and its logs, for people; up to two seconds old."""
        until, page = self._page
        if time.monotonic() < until:
            return page
        page = self._new_page()
        self._page = (time.monotonic() + _PAGE_SECONDS, page)
        return page

    def _new_page(self) -> bytes:
        lines = [f"witness {self.home.name}", *(f"key {key.vkey}" for key in self.home.keys)]
        lines.append(f"logs {len(self._logs)}")
        for log in list(self._logs)[:_SHOWN]:
            held = self._store.get(log.origin)
            lines.append(f"log {printable(log.origin)}: {described(held, own=log.origin in self._own)}")
        if len(self._logs) > _SHOWN:
            lines.append(f"and {len(self._logs) - _SHOWN} more")
        return "".join(f"{line}\n" for line in lines).encode()

    def _follow_up(
        self, submission: Submission, log: ListedLog, held: Held | None, decision: Decision
    ) -> Answered:
        """The answer, after what the decision shows was kept."""
        found = submission.checkpoint
        said = [f"{held.size if held else 0} -> {found.size}"]
        if decision.returned is not None:
            self._store.keep_returned(log.origin, decision.returned)
            said.append(
                "THE STORE OF THIS WITNESS WAS ROLLED BACK, or its keys are used elsewhere: "
                f"the checkpoint of size {found.size} bears its cosignature"
            )
        evidence = decision.evidence or self._pair(log, found, decision)
        if decision.refused is not None:
            self._store.keep_refused(log.origin, decision.refused)
        if evidence is not None:
            said.append(f"THIS LOG SIGNED TWO HISTORIES: {self._kept.keep(log.origin, evidence)}")
        return Answered(
            decision.status, decision.body, decision.kind, log.origin, "; ".join(said), alarming=len(said) > 1
        )

    def _pair(self, log: ListedLog, found: checkpoint.Checkpoint, decision: Decision) -> bytes | None:
        """Evidence that the checkpoint contradicts one that did not fit earlier, of the same size."""
        if decision.status not in (OK, UNPROCESSABLE):
            return None
        own = witnessing.only(found, log.keys)
        for other in self._store.refused(log.origin):
            if (shown := witnessing.contradiction(log.keys, own, other)) is not None:
                return shown
        return None


class Evidence:
    """The files of evidence in a home: a bounded number, each of another contradiction."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, origin: str, data: bytes) -> str:
        """Keep it, unless there is enough about this log. Gives words that say where it is.

        The first file about each log is always kept: other logs cannot fill the room for it. Raises no error
        of the disk, since the answer to the log must not depend on it.
        """
        log = hashlib.sha256(origin.encode()).hexdigest()[:16]
        path = self._folder / f"{log}-{hashlib.sha256(data).hexdigest()[:16]}.json"
        with self._lock:
            names = self.names()
            own = sum(name.startswith(log) for name in names)
            if path.name not in names and own and (len(names) >= EVIDENCE_FILES or own >= EVIDENCE_EACH):
                return "as the evidence that is kept says"
            try:
                if path.name not in names:
                    files.write(path, data, mode=0o600)
            except AnchorError as e:
                return f"the evidence cannot be kept: {e}"
        return str(path)

    def names(self) -> list[str]:
        """The names of the files."""
        try:
            return sorted(p.name for p in self._folder.iterdir() if p.suffix == ".json")
        except OSError:
            return []


def described(held: Held | None, *, own: bool) -> str:
    """The tree that is held of a log, in words. `own`: the operator of the witness runs the log."""
    if held is None:
        said = "nothing cosigned yet"
    else:
        said = f"size {held.size}, cosigned at {rfc3339_of(held.time)}"
    return f"{said}, {NOT_INDEPENDENT}" if own else said


def _ids(logs: KnownLogs) -> dict[str, str]:
    """Origins by the hex of their SHA-256."""
    return {hashlib.sha256(log.origin.encode()).hexdigest(): log.origin for log in logs}


def _answered(decision: Decision, what: str) -> Answered:
    """The answer to a request that is about no known log."""
    return Answered(decision.status, decision.body, decision.kind, what=what)


def _later(status: int, log: ListedLog, why: str, wait: float) -> Answered:
    return Answered(status, f"{why}\n".encode(), witnessing.TEXT, log.origin, why, int(wait) + 1)
