# SPDX-License-Identifier: Apache-2.0
"""`anchor instance serve` asks witnesses: each entry comes with a checkpoint that was sent to them."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anchor.embedded import served_witnesses, witnesses
from anchor.embedded.instance import Instance
from anchor.embedded.server import Server
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from tests.support.forge.embedded_signer import check_entry, entry_request
from tests.support.releases.witnessed import Witnesses, signers
from tests.support.servers.witness_server import Reply, Witness, patient, serving

NAMES = ["one.example", "two.example"]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A witness that answers is waited for, however busy the machine is."""
    monkeypatch.setattr(served_witnesses, "SECONDS", 90.0)
    patient(monkeypatch)


@pytest.fixture
def two() -> Iterator[Witnesses]:
    with serving(*map(Witness, NAMES)) as found:
        yield found


@pytest.fixture
def instance(two: Witnesses, tmp_path: Path) -> Iterator[Instance]:
    made = Instance.create(tmp_path / "instance")
    for witness in two:
        witness.knows(made.vkey)
        add(made, witness)
    yield made
    made.close()


def add(instance: Instance, witness: Witness) -> None:
    witnesses.edit(instance, lambda listed: listed.added(witness.url, witness.vkey, ""))


@contextmanager
def served(instance: Instance) -> Iterator[tuple[Server, list[str]]]:
    said: list[str] = []
    with Server(instance, host="127.0.0.1", port=0, secret="s", say=said.append) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server, said
        server.shutdown()
        thread.join()


def call(server: Server, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=90)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def write(server: Server, text: str) -> bytes:
    status, entry = call(server, "POST", "/api/v2/log/entries", entry_request(text))
    assert status == 201
    return entry


def head_of(entry: bytes) -> Checkpoint:
    return checkpoints.parse(json.loads(entry)["inclusionProof"]["checkpoint"]["envelope"].encode())


def test_an_entry_comes_with_cosignatures_and_so_does_the_checkpoint(
    instance: Instance, two: Witnesses
) -> None:
    with served(instance) as (server, said):
        entry = write(server, "one")
        check_entry(entry, origin=instance.origin, key=instance.log.key)
        assert signers(head_of(entry), two) == NAMES
        assert call(server, "GET", "/checkpoint")[1] == head_of(entry).raw
        assert said == [f"witness {name}: cosigns" for name in NAMES]
        assert call(server, "POST", "/api/v2/log/entries", entry_request("one"))[0] == 409


def test_entries_that_come_at_once_share_the_questions(instance: Instance, two: Witnesses) -> None:
    count = 12
    with served(instance) as (server, _):
        entries: list[bytes] = []
        waiting = threading.Barrier(count)

        def one(number: int) -> None:
            waiting.wait()
            entries.append(write(server, f"at once {number}"))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    indexes = {check_entry(e, origin=instance.origin, key=instance.log.key) for e in entries}
    assert indexes == set(range(count))
    for entry in entries:
        assert signers(head_of(entry), two) == NAMES
    assert len(two[0].requests) <= count + 1
    assert instance.log.size() == count


def test_a_witness_that_is_down_delays_nothing_for_ever_and_is_asked_again(
    instance: Instance, two: Witnesses
) -> None:
    two[0].lie = lambda _w, _b: (503, b"", "text/plain")
    with served(instance) as (server, said):
        for text in ("one", "two"):
            assert signers(head_of(write(server, text)), two) == NAMES[1:]
        two[0].lie = None
        server.services.witnesses.ask_again()
        assert signers(instance.log.head(), two) == NAMES
        requests = len(two[0].requests)
        server.services.witnesses.ask_again()
        assert len(two[0].requests) == requests, "nobody is asked for what is there"
    assert said.count("witness one.example: HTTP 503") == 1, "told when it changes"
    assert said[-1] == "witness one.example: cosigns"


def test_the_policy_of_now_counts(instance: Instance, two: Witnesses) -> None:
    with served(instance) as (server, said):
        witnesses.edit(instance, lambda listed: listed.removed(NAMES[0]))
        assert signers(head_of(write(server, "one")), two) == NAMES[1:]
        (instance.folder / witnesses.POLICY).write_bytes(b"damaged\n")
        entry = write(server, "two")
        assert signers(head_of(entry), two) == []
        assert "witnesses.policy" in said[-1]
        (instance.folder / witnesses.POLICY).unlink()
        write(server, "three")
        add(instance, two[0])
        assert signers(head_of(write(server, "four")), two) == NAMES[:1]


def test_a_cosignature_that_comes_after_the_next_entry_is_of_its_own_checkpoint(
    instance: Instance, two: Witnesses
) -> None:
    """While a witness thinks, another process may not write, but another client of this server can."""
    thinking, go_on = threading.Event(), threading.Event()

    def slow(_witness: Witness, _body: bytes) -> Reply | None:
        thinking.set()
        go_on.wait(60)
        return None

    two[0].lie = slow
    with served(instance) as (server, _):
        first: list[bytes] = []
        thread = threading.Thread(target=lambda: first.append(write(server, "one")))
        thread.start()
        assert thinking.wait(60)
        instance.log.append(entry_request("two"))
        go_on.set()
        thread.join()
        check_entry(first[0], origin=instance.origin, key=instance.log.key)
        assert head_of(first[0]).size == 1
        assert signers(head_of(first[0]), two) == NAMES
        assert signers(instance.log.head(), two) == []
        server.services.witnesses.ask_again()
        assert signers(instance.log.head(), two) == NAMES


def test_it_asks_again_until_it_is_stopped(
    instance: Instance, two: Witnesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_witnesses, "AGAIN", 0.01)
    instance.log.append(entry_request("one"))
    failures = [503, 500, 429]
    two[0].lie = lambda _w, _b: (failures.pop(), b"", "text/plain") if failures else None
    said, done, stop = [], threading.Event(), threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if line == "witness one.example: cosigns":
            done.set()

    asking = served_witnesses.ServedWitnesses(instance, say)
    thread = threading.Thread(target=asking.keep_asking, args=(stop,))
    thread.start()
    assert done.wait(60)
    stop.set()
    thread.join()
    assert len([line for line in said if line.startswith("witness one.example: HTTP")]) == 3
    assert signers(instance.log.head(), two) == NAMES
