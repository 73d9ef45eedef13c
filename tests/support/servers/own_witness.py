# SPDX-License-Identifier: Apache-2.0
"""Our own witness: a home made for a test, and the server of it on loopback, in a thread of this process."""

import contextlib
import hashlib
import http.client
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from anchor.tlog.keys import VerifierKey
from anchor.tlog.log_list import ListedLog
from anchor.witness import known_logs, witness_home
from anchor.witness.cosigning import Witness
from anchor.witness.known_logs import Listing
from anchor.witness.witness_home import BOTH, Home
from anchor.witness.witness_server import CLIENT_RATE, Server

NAME = "witness.example/w1"
QPD = 86400


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str]


@dataclass
class ServedWitness:
    """A witness that is being served, and the lines that it wrote for its operator."""

    home: Home
    server: Server
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url + self.server.prefix

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        return self.home.keys

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=90)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.getheaders()))

    def add(self, body: bytes) -> Answer:
        """POST add-checkpoint."""
        return self.ask("POST", self.server.prefix + "/add-checkpoint", body)

    def latest(self, origin: str) -> Answer:
        """The latest cosigned checkpoint of a log."""
        name = hashlib.sha256(origin.encode()).hexdigest()
        return self.ask("GET", f"{self.server.prefix}/{name}/checkpoint")


def listed(keys: Iterable[VerifierKey], qpd: int = QPD) -> Listing:
    """A list with a log for each key, whose origin is the key's name."""
    return Listing({key.name: ListedLog(key.name, (key,), qpd) for key in keys})


def made(folder: Path, *keys: VerifierKey, algorithm: str = BOTH, qpd: int = QPD) -> Home:
    """A new home whose list has these logs."""
    home = witness_home.create(folder, NAME, algorithm=algorithm, now=datetime.now(UTC))
    known_logs.write(folder, listed(keys, qpd))
    return home


@contextlib.contextmanager
def serving(home: Home, *, prefix: str = "", client_rate: float = CLIENT_RATE) -> Iterator[ServedWitness]:
    """The witness of this home, served until the end of the block."""
    lines: list[str] = []
    with contextlib.closing(home.store()) as store:
        witness = Witness(home, store, known_logs.load(home.folder))
        with Server(
            witness, host="127.0.0.1", port=0, prefix=prefix, client_rate=client_rate, say=lines.append
        ) as server:
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
            )
            thread.start()
            try:
                yield ServedWitness(home, server, lines)
            finally:
                server.shutdown()
                thread.join()
