# SPDX-License-Identifier: Apache-2.0
"""The figures of our witness: memory of a process that holds ten thousand logs, and CPU time of a request."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from anchor.net import http_server
from anchor.tlog import note
from anchor.tlog.keys import VerifierKey
from anchor.witness import known_logs
from anchor.witness.cosigning import Witness
from tests.bench.turns import of_process
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body
from tests.support.process.anchor_cli import ROOT
from tests.support.servers.own_witness import made

pytestmark = [pytest.mark.bench, pytest.mark.slow]

LOGS = 10_000
MOST = 100 << 20
ENTRIES = SimLog().grow(300)


def log(number: int) -> SimLog:
    """A log of 300 entries with an origin and a key of its own. All of them share their tree."""
    found = SimLog(origin=f"log-{number}.example/of-a-company", seed=number + 1)
    found.tree = ENTRIES.tree
    return found


def keys(count: int) -> list[VerifierKey]:
    return [log(number).key for number in range(count)]


def memory(pid: int, line: str) -> int:
    found = re.search(rf"^{line}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) << 10


def largest_at_once(port: int, turn: int) -> None:
    """As many requests of the largest size as there are connections."""
    lines = b"".join(note.line("stranger.example", bytes([n] * 4), b"\5" * 7800) for n in range(98))
    with contextlib.ExitStack() as stack:
        opened = []
        for number in range(http_server.CONNECTIONS):
            one = log(number)
            sent = (
                body(one, 0, 100, signed=note.add(one.sign(100), lines)),
                b"old 0\n\n" + b"a\n" * (1 << 19),
            )
            data = sent[(number + turn) % 2]
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            head = f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {len(data)}\r\n\r\n"
            opened.append((connection, head.encode() + data))
        with ThreadPoolExecutor(len(opened)) as pool:
            answers = list(pool.map(lambda one: answered(*one), opened))
    assert set(answers) <= {b"400", b"409", b"503", b"ended"}
    assert b"400" in answers


def answered(connection: socket.socket, data: bytes) -> bytes:
    """The status of the answer. A connection that is silent for long ends, to make room."""
    try:
        connection.sendall(data)
        return connection.recv(1 << 12).split()[1]
    except (OSError, IndexError):
        return b"ended"


def test_ten_thousand_logs_in_a_hundred_mebibytes(tmp_path: Path) -> None:
    """The process as it is served, after each log was cosigned; its highest memory counts."""
    home = made(tmp_path / "w1", *keys(LOGS)).folder
    words = [
        "witness",
        "serve",
        "--home",
        str(home),
        "--listen",
        "127.0.0.1:0",
        "--quiet",
        "--client-rate",
        "1e6",
    ]
    running = subprocess.Popen(
        [sys.executable, "-m", "anchor", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")},
    )
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        found = re.search(r" at (\S+), 10000 logs", line)
        assert found is not None, line
        start = memory(running.pid, "VmRSS")
        with requests.Session() as session:
            for old, size, step in ((0, 100, 1), (100, 300, 20)):
                for number in range(0, LOGS, step):
                    sent = body(log(number), old, size)
                    answer = session.post(f"{found[1]}/add-checkpoint", data=sent, timeout=60)
                    assert answer.status_code == 200
            assert session.get(f"{found[1]}/", timeout=60).status_code == 200
        usual = memory(running.pid, "VmHWM")
        for n in range(3):
            largest_at_once(int(found[1].rpartition(":")[2]), n)
        most = memory(running.pid, "VmHWM")
        each = 1000 * of_process(running.pid) / (LOGS + LOGS // 20)
        print(f"{LOGS} logs: {start >> 20} MiB at the start, {usual >> 20} MiB over HTTP")
        print(f"{most >> 20} MiB with {http_server.CONNECTIONS} requests of the largest size at once")
        print(f"{each:.2f} ms CPU a request with both keys, {1000 / each:.0f} a second of one core")
        assert most <= MOST
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("algorithm", ["ed25519", "ml-dsa-44", "both"])
def test_cpu_of_a_request(tmp_path: Path, algorithm: str) -> None:
    """From the body to the cosignature, the store on the disk of the test; without HTTP."""
    count = 1000
    home = made(tmp_path / "w1", *keys(count), algorithm=algorithm)
    store = home.store()
    witness = Witness(home, store, known_logs.load(home.folder))
    sent = [body(log(number), 0, 100) for number in range(count)]
    sent += [body(log(number), 100, 300) for number in range(count)]
    began, clock = time.process_time(), time.perf_counter()
    for one in sent:
        assert witness.add_checkpoint(one).status == 200
    cpu, wall = time.process_time() - began, time.perf_counter() - clock
    store.close()
    each = 1000 * cpu / len(sent)
    print(
        f"{algorithm}: {each:.2f} ms CPU a request, {1000 / each:.0f} a second of one core; {wall:.1f} s wall"
    )
    assert each < 20
