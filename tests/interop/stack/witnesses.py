# SPDX-License-Identifier: Apache-2.0
"""Witnesses of other projects, ours as a process of its own, and a log of tessera that asks witnesses."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.interop.stack import keys
from tests.interop.stack.logs import Witness
from tests.interop.stack.process import Server, answers, fetch
from tests.support.process.anchor_cli import anchor
from tests.support.servers.ports import held_port

SSH = ("ssh-agent", "ssh-add", "ssh-keygen")
"""Programs of the Debian package openssh-client: litewitness takes its key from an agent only."""
ANCHOR = Path(sys.executable).parent / "anchor"
EMPTY_ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@contextlib.contextmanager
def litewitness(name: str, folder: Path, binary: Path, logs: Mapping[str, str]) -> Iterator[Witness]:
    """A litewitness of torchwood that cosigns `logs`: origin to vkey."""
    folder.mkdir(parents=True)
    key = _ed25519(folder / "key.pem")
    private = folder / "ssh-key"
    private.touch(0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    agent = folder / "agent"
    holder = Server(
        f"agent-{name}", ["ssh-agent", "-D", "-a", agent], lambda: _listens(agent), folder / "agent.log"
    ).start()
    try:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
        subprocess.run(["ssh-add", "-q", str(private)], env=environment, check=True, timeout=120)
        listed = subprocess.run(
            ["ssh-keygen", "-lf", str(private)], capture_output=True, text=True, check=True, timeout=120
        )
        port = held_port()
        url = f"http://127.0.0.1:{port}"
        database = folder / "litewitness.db"
        argv: list[str | Path] = [
            binary, f"-name={name}", f"-db={database}", f"-ssh-agent={agent}", f"-listen=127.0.0.1:{port}",
            f"-key={listed.stdout.split()[1]}",
        ]  # fmt: skip
        server = Server(name, argv, url, folder / "litewitness.log", ok=answers).start()
        try:
            _accept(database, logs)
            yield Witness(name, keys.vkey(name, key.public_key(), keys.WITNESS), url, server)
        finally:
            server.stop()
    finally:
        holder.stop()


def _listens(path: Path) -> bool:
    """True if somebody accepts connections at this socket, which is there before."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def _accept(database: Path, logs: Mapping[str, str]) -> None:
    """Add logs, as `witnessctl add-log` does. That program needs a module that no proxy has."""
    with contextlib.closing(sqlite3.connect(database, timeout=90)) as connection, connection:
        for origin, vkey in logs.items():
            connection.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, EMPTY_ROOT))
            connection.execute("INSERT INTO key VALUES (?, ?)", (origin, vkey))


@dataclass(frozen=True)
class OwnWitness(Witness):
    """`anchor witness serve` as a process, and its home."""

    home: Path

    def accept(self, vkey: str) -> None:
        """Add a log to the list, and have the server read it again."""
        own(self.home, "logs", "add", vkey)
        listed = self.server.log.stat().st_size
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 90
        while b"the list of logs was read again" not in self.server.log.read_bytes()[listed:]:
            assert time.monotonic() < deadline, self.server.tail()
            time.sleep(0.02)

    def latest(self, origin: str) -> bytes:
        """The latest cosigned checkpoint of a log, as a monitor gets it."""
        status, body = fetch(f"{self.url}/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint")
        assert status == 200, body
        return body

    def shown(self) -> dict[str, Any]:
        """`anchor witness show --json`."""
        found: dict[str, Any] = json.loads(own(self.home, "show"))
        return found


@contextlib.contextmanager
def own_witness(name: str, folder: Path) -> Iterator[OwnWitness]:
    """Our witness, which knows no log yet. It has both kinds of keys, and `vkey` is the Ed25519 one."""
    folder.mkdir(parents=True)
    home = folder / "home"
    keys_of = json.loads(own(home, "init", "--name", name))["keys"]
    port = held_port()
    url = f"http://127.0.0.1:{port}"
    argv: list[str | Path] = [ANCHOR, "witness", "serve", "--home", home, "--listen", f"127.0.0.1:{port}"]
    server = Server(name, argv, url, folder / "witness.log", ok=answers).start()
    try:
        yield OwnWitness(name, keys_of[0], url, server, home)
    finally:
        server.stop()


def own(home: Path, *words: str) -> str:
    """Run `anchor witness` in this process; the JSON that it prints."""
    ran = anchor("witness", *words, "--home", home, "--json")
    assert ran.code == 0, ran.err
    return ran.out


@dataclass
class TesseraLog:
    """A log of tessera in a folder. Each run of its program adds entries and asks the witnesses."""

    origin: str
    folder: Path
    binary: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._key = _ed25519(self.folder / "key.pem")
        (self.folder / "key.note").write_text(keys.note_key(self.origin, self._key))

    @property
    def vkey(self) -> str:
        return keys.vkey(self.origin, self._key.public_key())

    @property
    def checkpoint(self) -> bytes:
        """The published checkpoint, a note."""
        return (self.folder / "log" / "checkpoint").read_bytes()

    def add(self, entries: Sequence[bytes], witnesses: Sequence[Witness]) -> None:
        """Add entries in one batch. All witnesses must cosign the new checkpoint within two minutes."""
        new = self.folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        for number, entry in enumerate(entries):
            (new / f"{number:03d}").write_bytes(entry)
        policy = self.folder / "policy"
        lines = [f"witness w{n} {w.vkey} {w.url}" for n, w in enumerate(witnesses)]
        names = " ".join(f"w{n}" for n in range(len(witnesses)))
        policy.write_text("\n".join([*lines, f"group g all {names}", "quorum g", ""]))
        argv: list[str | Path] = [
            self.binary, f"--storage_dir={self.folder / 'log'}", f"--entries={new}/*",
            f"--private_key={self.folder / 'key.note'}", f"--witness_policy_file={policy}",
            "--witness_timeout=120s", "--logtostderr",
        ]  # fmt: skip
        done = subprocess.run(
            [str(a) for a in argv], capture_output=True, text=True, check=False, timeout=250
        )
        if done.returncode:
            raise RuntimeError(f"tessera ended with {done.returncode}:\n{done.stderr[-2000:]}")


def _ed25519(path: Path) -> ed25519.Ed25519PrivateKey:
    key = keys.private(path, ed=True)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key
