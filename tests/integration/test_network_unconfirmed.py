# SPDX-License-Identifier: Apache-2.0
"""A request that left and was not confirmed: whatever was answered, the log may have it, or get it later.

A gateway may have passed it on and answered for itself. So the log is asked before anything is forgotten or
sent again, and what is known of an earlier request outlives every later one.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor.publish import interrupted
from tests.support.forge.embedded_signer import entry_request
from tests.support.servers import misleading_instance
from tests.support.servers.bad_server import Behaviour, Exchange, Request, answer, forward, head
from tests.support.servers.misleading_instance import LEDGER, LOST, MisleadingInstance, only_post, taken

GATEWAY: dict[str, Behaviour] = {
    "202": answer(202, b"{}"),
    "400": answer(400, b"{}"),
    "403": answer(403, b"{}"),
    "404": answer(404, b"{}"),
    "405": answer(405, b"frozen"),
    "413": answer(413, b"{}"),
    "422": answer(422, b"{}"),
    "429": answer(429, b"slow down", Retry_After="0"),
}
ALL = {**GATEWAY, **LOST}
REFUSALS = ("400", "413", "422")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MisleadingInstance]:
    with misleading_instance.world(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("how", GATEWAY)
def test_status_that_a_gateway_gives_for_what_it_passed_on_is_not_believed(
    world: MisleadingInstance, how: str
) -> None:
    """One run, one entry, no second request."""
    world.log.behaviours[:] = only_post(world, taken(world, GATEWAY[how]))
    world.succeeds()
    assert world.size() == 1
    assert len([r for r in world.log.requests if r.method == "POST"]) == 1


@pytest.mark.parametrize("how", GATEWAY)
def test_what_the_log_does_not_have_is_sent_by_the_next_run(world: MisleadingInstance, how: str) -> None:
    world.log.behaviours[:] = only_post(world, GATEWAY[how])
    world.fails(8 if how in REFUSALS else 3, "transparency log http", "the entry is not in the log")
    assert len([r for r in world.log.requests if r.method == "POST"]) == 1
    assert world.size() == 0
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("how", ["202", "403", "429", "closes"])
def test_what_may_be_in_the_log_is_kept_and_stands_in_the_way_of_other_bytes(
    world: MisleadingInstance, how: str
) -> None:
    """The log works on it for longer than anybody looks."""
    world.log.behaviours[:] = only_post(world, ALL[how])
    world.fails(3, "transparency log http")
    (left,) = interrupted.interrupted(world.folder / "home")
    assert left.step == "sent"
    ledger = world.folder / "ledger.md"
    ledger.write_text(LEDGER + "| c | 3 |\n")
    assert "--abandon gives it up" in world.fails(2)
    assert world.size() == 0
    ledger.write_text(LEDGER)
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("how", REFUSALS)
def test_what_the_log_refuses_and_does_not_have_is_in_nobodys_way(
    world: MisleadingInstance, how: str
) -> None:
    world.log.behaviours[:] = only_post(world, GATEWAY[how])
    world.fails(8, "does not take the entry")
    assert [i.step for i in interrupted.interrupted(world.folder / "home")] == ["signed"]
    (world.folder / "ledger.md").write_text(LEDGER + "| c | 3 |\n")
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("second", ["429", "400", "403"])
def test_refused_repetition_forgets_nothing_of_the_request_before_it(
    world: MisleadingInstance, second: str
) -> None:
    """The log takes the first one late: after the second run has looked for it."""
    late: list[Request] = []
    world.log.behaviours[:] = only_post(world, lambda x: late.append(x.request()))
    world.fails(3, "the entry is not in the log")
    noted = next((world.folder / "home").rglob("sending.json"))
    before = noted.read_bytes()
    world.instance.log.append(entry_request("somebody else's"))
    world.log.behaviours[:] = only_post(world, GATEWAY[second])
    world.fails(8 if second == "400" else 3, "transparency log http")
    assert noted.read_bytes() == before
    world.instance.log.append(late[0].body)
    world.log.behaviours[:] = [forward(world.port)]
    world.succeeds()
    assert world.size() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"inclusionProof": {}},
        {"inclusionPromise": {"signedEntryTimestamp": "AAAA"}, "integratedTime": "soon"},
        {"inclusionPromise": 7, "integratedTime": None},
        {"inclusionPromise": {"signedEntryTimestamp": "AAAA"}, "integratedTime": "99999999999"},
    ],
)
def test_answer_that_does_not_verify_is_looked_for_in_the_log(
    world: MisleadingInstance, change: dict[str, Any]
) -> None:
    def spoil(x: Exchange, raw: bytes) -> None:
        body = raw.partition(b"\r\n\r\n")[2]
        entry = json.loads(body)
        data = json.dumps(entry | change).encode()
        x.send(head(201, len(data)) + data)

    world.log.behaviours[:] = only_post(world, forward(world.port, spoil))
    world.succeeds()
    assert world.size() == 1
    assert len([r for r in world.log.requests if r.method == "POST"]) == 1
