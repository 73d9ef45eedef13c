# SPDX-License-Identifier: Apache-2.0
"""Rekor v2 logs (rekor-tiles on a folder) and the witnesses that cosign them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.interop.stack import keys
from tests.interop.stack.documents import LogFacts
from tests.interop.stack.front import Front, log_front
from tests.interop.stack.process import Server, answers
from tests.support.servers.ports import held_port


@dataclass(frozen=True)
class Witness:
    """One omniwitness: its name, its cosigning key as a vkey, and its process."""

    name: str
    vkey: str
    url: str
    server: Server


@dataclass
class RekorV2:
    """One log: its own key, storage folder, server, and front that serves reads and passes writes on."""

    origin: str
    folder: Path
    bin: Path
    logs: Path
    persistent_antispam: bool = False
    interval: str = "200ms"
    batch: str = "50ms"
    witnesses: Sequence[Witness] = ()
    quorum: int | None = None
    server: Server = field(init=False)
    front: Front = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        key = keys.private(self.folder / "key.pem", ed=True)
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        self.key = key

    @property
    def storage(self) -> Path:
        """The folder that the server keeps: `checkpoint`, `tile/...`, and its private `.state`."""
        return self.folder / "storage"

    @property
    def vkey(self) -> str:
        return keys.vkey(self.origin, self.key.public_key())

    @property
    def url(self) -> str:
        return self.front.url

    @property
    def facts(self) -> LogFacts:
        return LogFacts(self.origin, self.key.public_key(), self.url, 2)

    def size(self) -> int:
        """Entries that the published checkpoint covers."""
        return int((self.storage / "checkpoint").read_text().split("\n")[1])

    def cosigned(self, at_least: int) -> bool:
        """True if so many of its witnesses have cosigned the published checkpoint.

        The log goes on without a witness that needs more than five seconds, as on a busy machine. The next
        checkpoint then asks it again.
        """
        note = (self.storage / "checkpoint").read_text().split("\n\n")[1]
        return sum(f" {witness.name} " in note for witness in self.witnesses) >= at_least

    def entries(self) -> list[bytes]:
        """All entries, read from the storage folder and not through any code of ours."""
        size, found = self.size(), []
        for tile in range((size + 255) // 256):
            width = min(256, size - 256 * tile)
            name = f"{tile:03d}" + ("" if width == 256 else f".p/{width}")
            data, at = (self.storage / "tile" / "entries" / name).read_bytes(), 0
            while at < len(data):
                length = int.from_bytes(data[at : at + 2], "big")
                found.append(data[at + 2 : at + 2 + length])
                at += 2 + length
        return found

    def start(self) -> "RekorV2":
        http, grpc, metrics = (held_port() for _ in range(3))
        argv: list[str | Path] = [
            self.bin / "rekor-tiles-posix", "serve", f"--hostname={self.origin}",
            f"--storage-dir={self.storage}", f"--signer-filepath={self.folder / 'key.pem'}",
            f"--checkpoint-interval={self.interval}",
            f"--batch-max-age={self.batch}", f"--http-port={http}", f"--grpc-port={grpc}",
            f"--http-metrics-port={metrics}", "--server-timeout=120s",
        ]  # fmt: skip
        if self.persistent_antispam:
            argv.append("--persistent-antispam")
        if self.witnesses:
            argv.append(f"--witness-policy-path={self._witness_policy()}")
        name = f"rekor-{self.origin}"
        self.server = Server(
            name, argv, f"http://127.0.0.1:{http}/healthz", self.logs / f"{name}.log"
        ).start()
        self.front = log_front(self.storage, http)
        return self

    def tlog_policy(self) -> str:
        """The C2SP policy of a client that wants this log and its witnesses."""
        return f"log {self.vkey}\n" + self._policy_lines()

    def _policy_lines(self) -> str:
        lines = [f"witness w{i} {w.vkey} {w.url}" for i, w in enumerate(self.witnesses)]
        count = "all" if self.quorum is None else str(self.quorum)
        names = " ".join(f"w{i}" for i in range(len(self.witnesses)))
        return "\n".join([*lines, f"group g {count} {names}", "quorum g", ""])

    def _witness_policy(self) -> Path:
        path = self.folder / "witness-policy"
        path.write_text(self._policy_lines())
        return path

    def stop(self) -> None:
        """End it with its witnesses; once more does nothing."""
        self.server.stop()
        for witness in self.witnesses:
            witness.server.stop()
        self.front.stop()

    def __enter__(self) -> "RekorV2":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_witness(name: str, folder: Path, *, binary: Path, logs: Path, of: dict[str, str]) -> Witness:
    """An omniwitness that cosigns the logs `of`: origin to vkey."""
    folder.mkdir(parents=True, exist_ok=True)
    key = keys.private(folder / "key.pem", ed=True)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    note = folder / "key.note"
    note.touch(0o600)
    note.write_text(keys.note_key(name, key))
    lines = ["Logs:"]
    for origin, vkey in of.items():
        lines += [f"  - Origin: {origin}", "    URL: http://unused", f"    PublicKey: {vkey}"]
    (folder / "logs.yaml").write_text("\n".join([*lines, ""]))
    port = held_port()
    url = f"http://127.0.0.1:{port}"
    argv: list[str | Path] = [
        binary, f"--listen=127.0.0.1:{port}", "--metrics_listen=", f"--private_key_path={note}",
        f"--additional_logs={folder / 'logs.yaml'}", f"--db_file={folder / 'state.sqlite'}", "--logtostderr",
    ]  # fmt: skip
    server = Server(f"witness-{name}", argv, url, logs / f"witness-{name}.log", ok=answers).start()
    return Witness(name, keys.vkey(name, key.public_key(), keys.WITNESS), url, server)
