# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments: every entry that was acknowledged is there, proven, once."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anchor import merkle
from anchor.embedded.instance import Instance
from anchor.sigstore.services import Duplicate
from anchor.tlog import checkpoint as checkpoints
from tests.support.forge.embedded_signer import check_entry
from tests.support.logs.embedded_log import leaves_of

ROUNDS = 6
WRITER = """
import sys
from pathlib import Path
from anchor.embedded.instance import Instance
from tests.support.forge.embedded_signer import entry_request
log = Instance.open(Path(sys.argv[1]), create=False).log
log.lock()
print("ready", flush=True)
number = 0
while True:
    request = entry_request(f"{sys.argv[2]} {number}")
    sys.stdout.buffer.write(b"%d " % number + request + b"\\n" + log.append(request) + b"\\n")
    sys.stdout.buffer.flush()
    number += 1
"""


def run_and_kill(folder: Path, name: str, seconds: float, *, after: int) -> list[tuple[bytes, bytes]]:
    """(request, answer) of every entry that a writer acknowledged before it was killed.

    It is killed so many seconds after it acknowledged `after` entries.
    """
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, folder, name], stdout=subprocess.PIPE, cwd=root
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        data = b"".join(process.stdout.readline() for _ in range(2 * after))
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        lines = (data + process.stdout.read()).split(b"\n")
    whole = lines[: (len(lines) - 1) // 2 * 2]
    return [(a.partition(b" ")[2], b) for a, b in zip(whole[::2], whole[1::2], strict=True)]


def test_kill_9_loses_no_acknowledged_entry_and_tears_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    Instance.create(folder).close()
    acknowledged: list[tuple[bytes, bytes]] = []
    notes: list[bytes] = []
    pace = random.Random(20261122)
    for number in range(2 * ROUNDS + 1):
        more = number >= ROUNDS  # a busy machine acknowledges little
        if more and len(acknowledged) > ROUNDS:
            break
        acknowledged += run_and_kill(folder, f"round {number}", pace.uniform(0.02, 0.4), after=more)
        instance = Instance.open(folder, create=False)
        log = instance.log
        notes.append(log.checkpoint())
        assert log.size() >= len(acknowledged)
        for request, answer in acknowledged[-3:]:
            with pytest.raises(Duplicate):
                log.append(request)
            check_entry(answer, origin=instance.origin, key=log.key)
        instance.close()
    assert len(acknowledged) > ROUNDS
    check_all(Instance.open(folder, create=False), acknowledged, notes)


def check_all(instance: Instance, acknowledged: list[tuple[bytes, bytes]], notes: list[bytes]) -> None:
    """One log: all checkpoints ever seen lie on it, all acknowledged entries are in it, none twice."""
    log = instance.log
    leaves = leaves_of(log, log.size())
    assert merkle.root(leaves) == log.head().root
    for note in notes:
        head = checkpoints.verify(note, checkpoints.Log(instance.origin, log.key))
        assert merkle.root(leaves[: head.size]) == head.root
    for _, answer in acknowledged:
        index = check_entry(answer, origin=instance.origin, key=log.key)
        assert check_entry(log.entry(index), origin=instance.origin, key=log.key) == index
