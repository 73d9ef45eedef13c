# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a process at its N-th operation on the system, or in the middle of it.

The process is forked from this one, so nothing is started or imported anew, and everything through which
Python changes a disk or sends bytes is counted: the kill comes before the N-th such operation, and "torn"
kills after half of what it writes or sends. Product code knows nothing of it.

Only a command that is killed, or whose operations are counted, needs a fork. A fork of a large process costs
as much as a command, so the command after the kill runs in the process of the test.

Half of the operations change no file: a sync, a folder that is there, a write into a buffer. A kill before
and a kill after such an operation leave the same files, so `points` has one of the two. The run whose
operations are counted shows which these are: before each operation all files are read.
"""

import builtins
import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_PLAIN = (
    *("replace", "rename", "mkdir", "rmdir", "unlink", "remove", "fsync", "fdatasync", "ftruncate"),
    *("fchmod", "chmod", "link", "symlink"),
)
WRITES = {"write", "pwrite", "sendall", "sqlite"}
"""Operations that can be cut in the middle."""
NETWORK = {"connect", "sendall", "recv"}
"""Operations that change something elsewhere."""


@dataclass
class Killer:
    """Counts operations; at number `at` (from 1) the process is killed. 0: counts only.

    `watched` are folders with all that the operations change on this machine. The folders of the user are
    watched besides. `news` then says of each operation whether the one before it changed something.
    """

    at: int = 0
    torn: bool = False
    watched: tuple[Path, ...] = ()
    seen: list[str] = field(default_factory=list)
    news: list[bool] = field(default_factory=list)
    _pid: int = field(default_factory=os.getpid)
    _files: "_Files | None" = None
    _lock: Any = field(default_factory=threading.Lock)

    def before(self, name: str) -> bool:
        """Count one; kill here, or say that half of it is wanted."""
        if os.getpid() != self._pid:
            return False
        if self.watched:
            return self._compare(name)
        self.seen.append(name)
        if len(self.seen) != self.at:
            return False
        if self.torn and name in WRITES:
            return True
        self.kill()
        return False

    def _compare(self, name: str) -> bool:
        """Count one, and see what the one before has changed. Several threads may count."""
        with self._lock:
            self._files = self._files or _Files((*self.watched, *_of_user()))
            elsewhere = self.seen[-1:] == [] or self.seen[-1] in NETWORK
            self.news.append(self._files.changed() or elsewhere)
            self.seen.append(name)
        return False

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()

    def install(self) -> None:
        """For good: only for a process that ends after this."""
        for name in _PLAIN:
            setattr(os, name, self._plain(name, getattr(os, name)))
        self._open_calls()
        self._descriptors()
        self._sockets()
        self._database()

    def _statement(self, sql: str) -> None:
        if not sql.lstrip().startswith(("SELECT", "PRAGMA")):
            self.before("sqlite")

    def _plain(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.before(name)
            return call(*args, **kwargs)

        return counted

    def _open_calls(self) -> None:
        real_open, real_os_open, real_fdopen = io.open, os.open, os.fdopen

        def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if not set(mode) & set("wax+"):
                return real_open(file, mode, *args, **kwargs)
            self.before("create")
            return _Counted(real_open(file, mode, *args, **kwargs), self)

        def os_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & os.O_CREAT:
                self.before("create")
            return real_os_open(path, flags, *args, **kwargs)

        def fdopen(fd: int, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            stream = real_fdopen(fd, mode, *args, **kwargs)
            return _Counted(stream, self) if set(mode) & set("wax+") else stream

        setattr(io, "open", opened)  # noqa: B010  mypy knows its type
        setattr(builtins, "open", opened)  # noqa: B010
        setattr(os, "open", os_open)  # noqa: B010
        setattr(os, "fdopen", fdopen)  # noqa: B010

    def _descriptors(self) -> None:
        pwrite, write = os.pwrite, os.write

        def torn_pwrite(fd: int, data: bytes, offset: int) -> int:
            if self.before("pwrite"):
                pwrite(fd, data[: len(data) // 2], offset)
                self.kill()
            return pwrite(fd, data, offset)

        def torn_write(fd: int, data: bytes) -> int:
            if fd > 2 and self.before("write"):
                write(fd, data[: len(data) // 2])
                self.kill()
            return write(fd, data)

        setattr(os, "pwrite", torn_pwrite)  # noqa: B010
        setattr(os, "write", torn_write)  # noqa: B010

    def _sockets(self) -> None:
        sendall, connect, recv_into = socket.socket.sendall, socket.socket.connect, socket.socket.recv_into

        def torn_sendall(self_: socket.socket, data: Any, *args: Any) -> Any:
            if self.before("sendall"):
                sendall(self_, bytes(data)[: len(data) // 2])
                self.kill()
            return sendall(self_, data, *args)

        def counted_connect(self_: socket.socket, address: Any) -> Any:
            self.before("connect")
            return connect(self_, address)

        def counted_recv(self_: socket.socket, *args: Any, **kwargs: Any) -> int:
            if self.seen[-1:] != ["recv"]:  # in how many pieces an answer comes depends on the moment
                self.before("recv")
            return recv_into(self_, *args, **kwargs)

        setattr(socket.socket, "sendall", torn_sendall)  # noqa: B010
        setattr(socket.socket, "connect", counted_connect)  # noqa: B010
        setattr(socket.socket, "recv_into", counted_recv)  # noqa: B010

    def _database(self) -> None:
        """The statements that change a database, and its commits: of the records, and of SQLite itself."""
        sa.event.listen(sa.Engine, "before_cursor_execute", lambda *a: self._statement(a[2]))
        sa.event.listen(sa.Engine, "commit", lambda _: self.before("sqlite"))
        real, killer = sqlite3.connect, self

        class Counted(sqlite3.Connection):
            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                killer._statement(sql)
                return super().execute(sql, *args)

        def connect(path: Any, **kwargs: Any) -> sqlite3.Connection:
            killer.before("create")
            return real(path, factory=Counted, **kwargs)

        setattr(sqlite3, "connect", connect)  # noqa: B010


class _Counted:
    """A stream whose writes are counted, and can be cut."""

    def __init__(self, stream: Any, killer: Killer) -> None:
        self._stream = stream
        self._killer = killer

    def write(self, data: Any) -> Any:
        if self._killer.before("write"):
            self._stream.write(data[: len(data) // 2])
            self._stream.flush()
            self._killer.kill()
        return self._stream.write(data)

    def __enter__(self) -> "_Counted":
        self._stream.__enter__()
        return self

    def __exit__(self, *args: Any) -> Any:
        return self._stream.__exit__(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Files:
    """The content of some folders: each file with its bytes and its mode, each link, each folder.

    A file is read again when its times or its size differ, or were new when it was read: a clock of a file
    system ticks every few milliseconds. What SQLite writes by memory alone (-shm) has no such times. Whoever
    opens the database after a kill makes it anew.
    """

    TICKS = 100_000_000
    """Nanoseconds, many ticks of such a clock."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = [str(folder) for folder in folders]
        self._read: dict[str, tuple[tuple[int, ...], bytes]] = {}
        self._before: list[tuple[str, int, bytes]] = []

    def changed(self) -> bool:
        """True if something is there that was not at the last call, or is gone, or has other bytes."""
        now = [found for folder in self._folders for found in self._below(folder)]
        before, self._before = self._before, now
        return before != now

    def _below(self, folder: str) -> list[tuple[str, int, bytes]]:
        found: list[tuple[str, int, bytes]] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                with contextlib.suppress(FileNotFoundError):
                    found += self._one(entry)
        return found

    def _one(self, entry: os.DirEntry[str]) -> list[tuple[str, int, bytes]]:
        stat = entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            return [(entry.path, stat.st_mode, b""), *self._below(entry.path)]
        if entry.is_symlink():
            return [(entry.path, stat.st_mode, bytes(Path(entry.path).readlink()))]
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        known, digest = self._read.get(entry.path, ((), b""))
        if known != stamp:
            digest = hashlib.sha256(Path(entry.path).read_bytes()).digest()
            if time.time_ns() - stat.st_ctime_ns > self.TICKS:
                self._read[entry.path] = stamp, digest
        return [(entry.path, stat.st_mode, digest)]


def _of_user() -> tuple[Path, ...]:
    """The folders where a command keeps something for its user."""
    return tuple(Path(os.environ[f"XDG_{name}_HOME"]) for name in ("CONFIG", "STATE", "CACHE", "DATA"))


@dataclass
class Forked:
    """A forked process that runs; `result` waits for it."""

    pid: int
    pipe: int
    killer: Killer | None

    def ended(self) -> bool:
        """True if it runs no more. Its result stays to be read."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def result(self) -> Any:
        """The JSON that its work returned; None if it was killed. Raises its error, as text."""
        with os.fdopen(self.pipe, "rb") as pipe:
            data = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, status
            return None
        answer = json.loads(data)
        if "error" in answer:
            raise AssertionError(answer["error"])
        if self.killer is not None:
            self.killer.seen, self.killer.news = answer["seen"], answer["news"]
        return answer["value"]


def start(work: Callable[[], Any], *, killer: Killer | None = None) -> Forked:
    """Run `work` in a forked process, killed as `killer` says. What it prints is lost."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return Forked(pid, read, killer)
    code = 1
    try:
        os.close(read)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for fd in (1, 2):
            os.dup2(nowhere, fd)
        with os.fdopen(write, "wb") as pipe:
            if killer is not None:
                killer._pid = os.getpid()
                killer.install()
            answer: dict[str, Any] = {}
            try:
                answer["value"] = work()
            except BaseException:  # noqa: BLE001  handed to the parent
                answer["error"] = traceback.format_exc()
            if killer is not None:
                killer.at = 0
                killer.watched = ()
                answer |= {"seen": list(killer.seen), "news": list(killer.news)}
            pipe.write(json.dumps(answer).encode())
        code = 0
    finally:
        os._exit(code)


def forked(work: Callable[[], Any], *, killer: Killer | None = None) -> Any:
    """`start`, and wait for it."""
    return start(work, killer=killer).result()


def points(counted: Killer) -> list[tuple[int, bool]]:
    """(number, torn): every way to be killed over these operations, before each and in each write.

    If files were watched: before each that follows a change.
    """
    news = counted.news or [True] * len(counted.seen)
    before = [(number, False) for number, one in enumerate(news, 1) if one]
    torn = WRITES - {"sqlite"}
    return before + [(number, True) for number, name in enumerate(counted.seen, 1) if name in torn]
