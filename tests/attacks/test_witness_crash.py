# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a witness at every operation while it answers over HTTP: it never cosigns two histories.

After each kill the log shows another history, and then the honest one. No cosignature that left before or
after contradicts another one, and a tree whose cosignature left, even in part, is held by the store.
"""

import contextlib
import itertools
import shutil
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from anchor.merkle.proof import verify_consistency
from anchor.tlog import checkpoint, note
from anchor.tlog.checkpoint import Checkpoint
from anchor.witness import known_logs, witness_home
from anchor.witness.cosigning import Witness
from anchor.witness.witness_home import ED25519, Home
from anchor.witness.witness_server import Server
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body, proof
from tests.support.process import crash
from tests.support.process.anchor_cli import anchor
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.servers.own_witness import NAME, made

LOG = SimLog().grow(40)
FORKED = LOG.fork(3)
DASH = "— ".encode()


@dataclass(frozen=True)
class Scenario:
    """The size that is held before, and the request that is killed."""

    name: str
    held: int
    sent: Callable[[], bytes]
    size: int
    """The size of the tree in the request."""


SCENARIOS = [
    Scenario("first tree", 0, lambda: body(LOG, 0, 7), 7),
    Scenario("growth", 7, lambda: body(LOG, 7, 13), 13),
    Scenario("the same tree again", 13, lambda: body(LOG, 13, 13), 13),
    Scenario("another history", 13, lambda: body(FORKED, 13, 13), 13),
]


def serve_one(folder: Path, started: socket.socket) -> None:
    """The witness as a process: it says its port, answers one connection and ends."""
    home = witness_home.load(folder)
    with contextlib.closing(home.store()) as store:
        witness = Witness(home, store, known_logs.load(folder))
        with Server(witness, host="127.0.0.1", port=0, say=lambda _: None) as server:
            started.send(server.server_address[1].to_bytes(2))  # no operation at which it is killed
            server.timeout = 30
            server.handle_request()
            for thread in threading.enumerate():
                if thread is not threading.current_thread():
                    thread.join()


def exchange(folder: Path, sent: bytes, killer: Killer | None = None) -> tuple[bytes, bool]:
    """All bytes that the witness answered to a request, and True if it lived to the end."""
    ours, its = socket.socketpair()
    with ours, its:
        running = crash.start(partial(serve_one, folder, its), killer=killer)
        its.close()
        port = int.from_bytes(ours.recv(2))  # 0: it was killed before
    got = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=200) as s:
        head = "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\n"
        s.sendall(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
        while part := s.recv(1 << 16):
            got += part
    alive = killer is None or killer.at == 0
    with contextlib.suppress(AssertionError):  # a request that was cut off is an error of nobody
        alive = running.result() is not None or alive
    return got.partition(b"\r\n\r\n")[2], alive


def ask(folder: Path, log: SimLog, size: int) -> bytes:
    """The cosignature lines of a tree, from the size that the witness has; nothing if it refuses."""
    home = witness_home.load(folder)
    with contextlib.closing(home.store()) as store:
        witness = Witness(home, store, known_logs.load(folder))
        first = witness.add_checkpoint(body(log, 0, size))
        if first.status == 409 and int(first.body) <= size:
            first = witness.add_checkpoint(body(log, int(first.body), size))
        return first.body if first.status == 200 else b""


def checked(home: Home, raw: bytes) -> Checkpoint:
    found = checkpoint.parse(raw)
    note.verify(found.note, home.keys)
    return found


def agree(log: SimLog, trees: list[Checkpoint]) -> None:
    """The trees are all of one history, each the beginning of the next."""
    trees = sorted(trees, key=lambda tree: tree.size)
    for older, newer in itertools.pairwise(trees):
        verify_consistency(older.size, newer.size, proof(log, older.size, newer.size), older.root, newer.root)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("base") / "w1", LOG.key, algorithm=ED25519).folder


def before(base: Path, folder: Path, scenario: Scenario) -> Path:
    shutil.copytree(base, folder)
    if scenario.held:
        assert ask(folder, LOG, scenario.held)
    return folder


def check_after(scenario: Scenario, folder: Path, answer: bytes, what: str) -> None:
    """All that left before the kill, and all that leaves after it, is of one history."""
    home = witness_home.load(folder)
    with contextlib.closing(home.store()) as store:
        held = store.get(LOG.origin)
    trees = []
    if answer.startswith(DASH):
        assert held is not None, what
        assert (held.size, held.root) == (scenario.size, LOG.tree.root(scenario.size)), what
        if answer.endswith(b"\n"):
            trees.append(checked(home, LOG.sign(scenario.size) + answer))
    forked = [FORKED.sign(size) + lines for size in (7, 13, 40) if (lines := ask(folder, FORKED, size))]
    honest = [LOG.sign(size) + lines for size in (13, 40) if (lines := ask(folder, LOG, size))]
    if held is not None:
        assert not forked, what
        assert honest, what
        agree(LOG, trees + [checked(home, raw) for raw in honest])
    else:  # nothing was cosigned before the kill: the other history is as good as this one, but alone
        assert not honest, what
        assert len(forked) == 3, what
        agree(FORKED, [checked(home, raw) for raw in forked])


@sampled(3)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_killed_anywhere_it_never_cosigns_two_histories(
    scenario: Scenario, every: int, base: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    start = before(base, tmp_path / "start", scenario)
    counting = Killer()
    shutil.copytree(start, tmp_path / "counted")
    answer, alive = exchange(tmp_path / "counted", scenario.sent(), counting)
    assert alive
    assert answer.startswith(DASH) is (scenario.name != "another history")
    points = crash.points(counting)
    assert {"sqlite", "sendall"} <= set(counting.seen)
    killed = left = 0
    for number, torn in [*points[::every], points[-1]]:
        folder = tmp_path / f"{number}{'t' if torn else ''}"
        shutil.copytree(start, folder)
        answer, alive = exchange(folder, scenario.sent(), Killer(at=number, torn=torn))
        killed += not alive
        what = f"killed {'in' if torn else 'before'} operation {number}: {counting.seen[number - 1]}"
        left += bool(answer)
        check_after(scenario, folder, answer, what)
        shutil.rmtree(folder)
    assert killed >= len(points[::every]) * 0.9
    record_property("crash_points", killed)
    print(f"{scenario.name}: {killed} kills of {len(points)} points, {left} answers left")


def test_killed_in_the_making_of_a_witness_it_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def init(folder: Path) -> int:
        return anchor("witness", "init", "--name", NAME, "--home", folder / "w1").code

    counting = Killer()
    (tmp_path / "counted").mkdir()
    assert crash.forked(partial(init, tmp_path / "counted"), killer=counting) == 0
    for number, torn in crash.points(counting)[::12]:
        folder = tmp_path / f"{number}{'t' if torn else ''}"
        folder.mkdir()
        assert crash.forked(partial(init, folder), killer=Killer(at=number, torn=torn)) is None
        whole = (folder / "w1").exists()
        assert init(folder) == (2 if whole else 0)
        assert anchor("witness", "show", "--home", folder / "w1").code == 0
        assert [p.name for p in folder.iterdir()] == ["w1"], "no keys are left elsewhere"
