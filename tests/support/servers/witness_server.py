# SPDX-License-Identifier: Apache-2.0
"""A witness (C2SP tlog-witness) on loopback, with real checks and a store in memory; it lies when told to.

The store is a value: a test saves it, rolls it back, or gives one key to two witnesses. What it decides is
written apart from `anchor.tlog.witnessing`, as witnesses of others do it: a log that is tested with it must
also go on with its answers. It answers 409 for another root of the same size, as C2SP tlog-witness said until
July 2026; ours answers 422 (decision 0031). `own_witness.py` serves ours.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.errors import AnchorError, Refused
from anchor.merkle import EMPTY_ROOT, verify_consistency
from anchor.net import witness_client
from anchor.net.http import Patience
from anchor.tlog import add_checkpoint, cosignature, note
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.add_checkpoint import Request
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.keys import Algorithm, VerifierKey, parse_vkey
from tests.support.servers.loopback import Handler, LoopbackServer, running

TEXT = "text/plain"
Reply = tuple[int, bytes, str]
"""Status, body, media type."""


@dataclass
class Witness:
    """One key, the logs that it knows, and the size and root that it cosigned last of each."""

    name: str
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    logs: dict[str, Log] = field(default_factory=dict)
    store: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp()
    requests: list[bytes] = field(default_factory=list)
    lie: Callable[["Witness", bytes], Reply | None] | None = None
    """Asked first with the body of a request; None: the honest answer follows."""
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.name, Algorithm.COSIGNATURE_V1, self.private.public_key().public_bytes_raw())

    @property
    def vkey(self) -> str:
        return self.key.vkey

    def knows(self, vkey: str) -> None:
        """Add a log."""
        key = parse_vkey(vkey)
        self.logs[key.name] = Log(key.name, key)

    def size(self, origin: str) -> int:
        """The size that it cosigned last."""
        return self.store.get(origin, (0, EMPTY_ROOT))[0]

    def reply(self, body: bytes) -> Reply:
        """The answer to an add-checkpoint, in the specification's order."""
        self.requests.append(body)
        if self.lie is not None and (lied := self.lie(self, body)) is not None:
            return lied
        try:
            request = add_checkpoint.parse(body)
            found = checkpoints.parse(request.checkpoint)
        except AnchorError as e:
            return 400, str(e).encode(), TEXT
        if found.origin not in self.logs:
            return 404, b"unknown log\n", TEXT
        try:
            head = checkpoints.check(found, self.logs[found.origin])
        except Refused:
            return 403, b"not signed by the key of the log\n", TEXT
        with self._lock:
            return self._decide(request, head)

    def _decide(self, request: Request, head: Checkpoint) -> Reply:
        size, root = self.store.get(head.origin, (0, EMPTY_ROOT))
        if request.old > head.size:
            return 400, b"old is larger than the checkpoint\n", TEXT
        if request.old != size or (head.size == size and head.root != root):
            return 409, add_checkpoint.encode_size(size), add_checkpoint.SIZE_TYPE
        try:
            if size:
                verify_consistency(size, head.size, request.proof, root, head.root)
            elif request.proof:
                return 422, b"a proof from nothing\n", TEXT
        except Refused as e:
            return 422, str(e).encode(), TEXT
        self.store[head.origin] = (head.size, head.root)
        return 200, self.cosign(head.note.text), TEXT

    def cosign(self, text: bytes, *, time: int | None = None) -> bytes:
        """Its signature line under a note text, whatever that is."""
        at = int(self.clock()) if time is None else time
        key, payload = cosignature.cosign(text, self.name, self.private, at)
        return note.line(self.name, key.key_id, payload)


def text_in(body: bytes) -> bytes:
    """The note text of the checkpoint in a request."""
    return note.parse(add_checkpoint.parse(body).checkpoint).text


class _Handler(Handler):
    def post(self) -> None:
        server = self.server
        assert isinstance(server, WitnessServer)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/w" + add_checkpoint.PATH:
            self.answer(404, b"no such path")
            return
        status, answer, kind = server.witness.reply(body)
        self.answer(status, answer, Content_Type=kind)


class WitnessServer(LoopbackServer):
    """One witness below the prefix `/w`."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(_Handler)
        self.witness = witness
        witness.url = f"{self.url}/w"


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever asks witnesses wait longer for an answer: a busy machine may need seconds to give it."""
    monkeypatch.setattr(witness_client, "SECONDS", 90.0)
    patience = Patience(connect=90, read=90, whole=90, attempts=1)
    monkeypatch.setattr(witness_client, "_PATIENCE", patience)


@contextmanager
def serving(*witnesses: Witness) -> Iterator[tuple[Witness, ...]]:
    """Each witness at its own URL until the end of the block."""
    if not witnesses:
        yield ()
        return
    with running(WitnessServer(witnesses[0])), serving(*witnesses[1:]):
        yield witnesses
