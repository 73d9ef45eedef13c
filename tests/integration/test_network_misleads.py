# SPDX-License-Identifier: Apache-2.0
"""`anchor publish` on an instance whose services answer wrongly, for somebody else, or at the wrong time.

The instance is the embedded one on loopback, with a bad server before each of its three services. Whatever
happens, the log has no entry that no release names, and never two.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anchor.cli import publish
from anchor.embedded import server
from anchor.embedded.instance import Instance
from anchor.wiring import publishing
from tests.support.anchor_cli import Ran, anchor
from tests.support.badserver import (
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
from tests.support.embedded import csr_request, entry_request

LEDGER = "| Label | Value |\n|---|---|\n| a | 1 |\n| b | 2 |\n"
BUDGET = 4.0


@dataclass
class World:
    """An instance file whose CA, TSA and log are bad servers before the embedded instance."""

    folder: Path
    instance: Instance
    port: int
    ca: BadServer
    tsa: BadServer
    log: BadServer

    def shifted(self, by: timedelta) -> Instance:
        """The same instance with a clock that is wrong by so much."""
        return Instance.open(self.instance.folder, create=False, clock=lambda: datetime.now(UTC) + by)

    def size(self) -> int:
        return self.instance.log.size()

    def publish(self) -> Ran:
        token = self.folder / "token"
        token.write_text(self.instance.mint())
        return anchor(
            "publish", self.folder / "ledger.md", "--name", "l", "--version", "1.0.0",
            "--root", self.folder / "site", "--home", self.folder / "home",
            "--instance", self.folder / "instance.json",
            "--identity-token-file", token, "--yes",
        )  # fmt: skip

    def published(self) -> bool:
        return (self.folder / "site" / "release.json").exists()

    def fails(self, code: int, *words: str) -> str:
        """Publishing fails in one line and within its budget; nothing is in place."""
        began = time.monotonic()
        ran = self.publish()
        assert time.monotonic() - began < BUDGET + 2
        assert ran.code == code, ran
        last = ran.err.splitlines()[-1]
        for word in words:
            assert re.search(word, last), ran
        assert not self.published()
        assert not (self.folder / "site" / "release" / "1.0.0").exists()
        return last

    def succeeds(self) -> None:
        ran = self.publish()
        assert ran.code == 0, ran
        assert self.published()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(publish, "BUDGET", BUDGET)
    monkeypatch.setattr(publishing, "SETTLE", 0.3)
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "ledger.md").write_text(LEDGER)
    (tmp_path / "site").mkdir()
    instance = Instance.open(tmp_path / "instance", create=True)
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
        yield World(tmp_path, instance, port, ca, tsa, log)
    served.shutdown()
    served.server_close()
    instance.close()


def only_post(world: World, behave: Behaviour) -> list[Behaviour]:
    """Misbehave at the first write; everything else works."""
    done: list[bool] = []

    def choose(x: Exchange) -> None:
        if x.request().method == "POST" and not done:
            done.append(True)
            behave(x)
        else:
            forward(world.port)(x)

    return [choose]


def taken(world: World, then: Behaviour) -> Behaviour:
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


def test_the_instance_works_when_nobody_misbehaves(world: World) -> None:
    world.succeeds()
    assert world.size() == 1


LOST = {
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


@pytest.mark.parametrize("how", [h for h in LOST if h not in ("hangs", "drips", "redirects")])
def test_answer_lost_after_the_log_took_it_is_found_there(world: World, how: str) -> None:
    """One run, one entry, no second request."""
    world.log.behaviours[:] = only_post(world, taken(world, LOST[how]))
    world.succeeds()
    assert world.size() == 1
    assert len([r for r in world.log.requests if r.method == "POST"]) == 1


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_answer_that_used_up_the_budget_is_found_by_the_next_run(world: World, how: str) -> None:
    world.log.behaviours[:] = only_post(world, taken(world, LOST[how]))
    world.fails(
        3, "transparency log http", r"tried once in \d", "could not be asked whether it has the entry"
    )
    assert world.size() == 1
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("how", [h for h in LOST if h not in ("hangs", "drips")])
def test_request_that_the_log_never_took_is_sent_by_the_next_run(world: World, how: str) -> None:
    world.log.behaviours[:] = only_post(world, LOST[how])
    world.fails(3, "transparency log http")
    assert world.size() == 0
    world.succeeds()
    assert world.size() == 1


def test_somebody_elses_entry_is_not_taken_for_ours(world: World) -> None:
    """A valid answer of the same log, about another request; ours was taken all the same."""
    other = world.instance.log.append(entry_request("somebody else's"))
    world.log.behaviours[:] = only_post(world, taken(world, answered(lambda _: other, status=201)))
    world.succeeds()
    assert world.size() == 2
    bundle = next((world.folder / "site" / "release" / "1.0.0").glob("*.sigstore.json"))
    tle = json.loads(bundle.read_text())["verificationMaterial"]["tlogEntries"][0]
    assert tle["logIndex"] == "1"


def test_409_that_names_somebody_elses_entry_is_not_believed(world: World) -> None:
    world.instance.log.append(entry_request("somebody else's"))
    body = b'{"code":6,"message":"an equivalent entry already exists","details":[]}'
    world.log.behaviours[:] = only_post(world, answer(409, body, X_Log_Index="0"))
    world.fails(3, "names entry 0, which is another one")
    world.succeeds()
    assert world.size() == 2


def test_somebody_elses_certificate_is_refused_before_anything_is_logged(world: World) -> None:
    def other(_: bytes) -> bytes:
        return world.instance.authority.issue(csr_request(), world.instance.mint("someone@else.example"))

    world.ca.behaviours[:] = [answered(other, status=201)]
    ran = world.publish()
    assert ran.code in (3, 8), ran
    assert not world.published()
    assert world.size() == 0


def test_somebody_elses_time_stamp_is_refused_before_anything_is_logged(world: World) -> None:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    asked = TimestampRequestBuilder().data(b"other").hash_algorithm(HashAlgorithm.SHA256).build()
    token = world.instance.timestamps.stamp(asked.as_bytes())
    world.tsa.behaviours[:] = [answered(lambda _: token, "application/timestamp-reply")]
    world.fails(8, "time-stamp authority")
    assert world.size() == 0


@pytest.mark.parametrize("hours", [-1, 1])
def test_time_stamp_of_a_clock_an_hour_off_is_refused_before_anything_is_logged(
    world: World, hours: int
) -> None:
    wrong = world.shifted(timedelta(hours=hours)).timestamps
    world.tsa.behaviours[:] = [answered(wrong.stamp, "application/timestamp-reply")]
    ran = world.publish()
    assert ran.code in (3, 8), ran
    assert world.size() == 0
    assert not world.published()
    if hours > 0:  # an hour ago the authority's own certificate did not exist
        assert "a service's clock is wrong" in ran.err.splitlines()[-1], ran
    world.tsa.behaviours[:] = [forward(world.port)]
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_certificate_of_a_clock_an_hour_off_is_refused_before_anything_is_logged(
    world: World, hours: int
) -> None:
    """-1: it has expired when it is logged, as a certificate does between a slow signing and the log."""
    wrong = world.shifted(timedelta(hours=hours))

    def issue(body: bytes) -> bytes:
        return wrong.authority.issue(body, wrong.mint())

    world.ca.behaviours[:] = [answered(issue, status=201)]
    ran = world.publish()
    assert ran.code in (3, 8), ran
    assert world.size() == 0
    assert not world.published()
    world.ca.behaviours[:] = [forward(world.port)]
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("name", ["ca", "tsa"])
@pytest.mark.parametrize("how", sorted(LOST))
def test_certificate_or_time_stamp_that_does_not_come_leaves_the_log_alone(
    world: World, name: str, how: str
) -> None:
    front: BadServer = getattr(world, name)

    def behave(x: Exchange) -> None:
        x.request()
        LOST[how](x)

    front.behaviours[:] = [behave]
    began = time.monotonic()
    ran = world.publish()
    assert time.monotonic() - began < BUDGET + 1
    assert ran.code in (3, 8), ran
    assert not world.published()
    assert world.size() == 0
    front.behaviours[:] = [forward(world.port)]
    world.succeeds()
    assert world.size() == 1
