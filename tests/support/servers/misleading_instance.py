# SPDX-License-Identifier: Apache-2.0
"""An instance that misleads whoever publishes: the embedded one on loopback, a bad server before each of its
services. What a test wants of a service, it puts into the `behaviours` of its server."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anchor.app import publish as publishing
from anchor.cli import publish
from anchor.embedded import server
from anchor.embedded.instance import Instance
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.servers.bad_server import (
    BadServer,
    Behaviour,
    Exchange,
    answer,
    bad_server,
    drip,
    flood,
    forward,
    head,
    redirect,
    relay,
)

LEDGER = "| Label | Value |\n|---|---|\n| a | 1 |\n| b | 2 |\n"
SHORT = 5.0
"""The budget of a publication that somebody would hang for ever."""
PLENTY = 60.0


@dataclass
class MisleadingInstance:
    """An instance file whose CA, TSA and log are bad servers before the embedded instance."""

    folder: Path
    instance: Instance
    port: int
    ca: BadServer
    tsa: BadServer
    log: BadServer
    budget: float = PLENTY

    def shifted(self, by: timedelta) -> Instance:
        """The same instance with a clock that is wrong by so much."""
        return Instance.open(self.instance.folder, create=False, clock=lambda: datetime.now(UTC) + by)

    def size(self) -> int:
        return self.instance.log.size()

    def words(self) -> list[object]:
        """The command, with a new token."""
        token = self.folder / "token"
        token.write_text(self.instance.mint())
        return [
            "publish", self.folder / "ledger.md", "--name", "l", "--version", "1.0.0",
            "--root", self.folder / "site", "--home", self.folder / "home",
            "--instance", self.folder / "instance.json",
            "--identity-token-file", token, "--yes",
        ]  # fmt: skip

    def publish(self) -> Ran:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(publish, "BUDGET", self.budget)
            return anchor(*self.words())

    def published(self) -> bool:
        return (self.folder / "site" / "release.json").exists()

    def fails(self, code: int, *words: str) -> str:
        """Publishing fails in one line and within its budget; nothing is in place."""
        ran = self.publish()
        assert ran.code == code, ran
        last = ran.err.splitlines()[-1]
        for word in words:
            assert re.search(word, last), ran
        assert not self.published()
        assert not (self.folder / "site" / "release" / "1.0.0").exists()
        return last

    def succeeds(self) -> None:
        self.budget = PLENTY
        ran = self.publish()
        assert ran.code == 0, ran
        assert self.published()


@contextlib.contextmanager
def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, made: timedelta = timedelta()
) -> Iterator[MisleadingInstance]:
    """`made`: when its keys were made, from now."""
    monkeypatch.setattr(publishing, "SETTLE", 0.3)
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "ledger.md").write_text(LEDGER)
    (tmp_path / "site").mkdir()
    Instance.open(tmp_path / "instance", create=True, clock=lambda: datetime.now(UTC) + made).close()
    instance = Instance.open(tmp_path / "instance", create=False)
    served = server.Server(instance, host="127.0.0.1", port=0, secret="s")
    thread = threading.Thread(target=served.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    port = int(served.server_address[1])
    good = forward(port)
    with bad_server(good) as ca, bad_server(good) as tsa, bad_server(good) as log:
        document = json.loads(instance.client_trust_config(served.url))
        config = document["signingConfig"]
        config["caUrls"][0]["url"] = ca.url
        config["tsaUrls"][0]["url"] = config["tsaUrls"][0]["url"].replace(served.url, tsa.url)
        config["rekorTlogUrls"][0]["url"] = log.url
        (tmp_path / "instance.json").write_text(json.dumps(document))
        yield MisleadingInstance(tmp_path, instance, port, ca, tsa, log)
    served.shutdown()
    served.server_close()
    instance.close()


def only_post(world: MisleadingInstance, behave: Behaviour) -> list[Behaviour]:
    """Misbehave at the first write; everything else works."""
    done: list[bool] = []

    def choose(x: Exchange) -> None:
        if x.request().method == "POST" and not done:
            done.append(True)
            behave(x)
        else:
            forward(world.port)(x)

    return [choose]


def taken(world: MisleadingInstance, then: Behaviour) -> Behaviour:
    """The log takes the request, and the client is told something else."""

    def behave(x: Exchange) -> None:
        relay(world.port, x.request())
        then(x)

    return behave


def answered(make: Callable[[bytes], bytes], ctype: str = "application/json", status: int = 200) -> Behaviour:
    """Answer what `make` gives for the request's body."""

    def behave(x: Exchange) -> None:
        body = make(x.request().body)
        x.send(head(status, len(body), ctype) + body)

    return behave


LOST: dict[str, Behaviour] = {
    "closes": lambda x: None,
    "hangs": lambda x: x.hold(),
    "drips": drip(),
    "500": answer(500),
    "502": answer(502),
    "503": answer(503, Retry_After="1"),
    "cuts": lambda x: x.send(head(201, 5000) + b'{"logIndex":'),
    "100 MB": flood(),
    "redirects": redirect("https://elsewhere.example/"),
    "another type": answer(200, b"<html>", "text/html"),
    "no entry": answer(201, b"{}"),
}
"""Ways in which an answer is lost or useless."""
