# SPDX-License-Identifier: Apache-2.0
"""The program `anchor` for lines that a shell runs, forked from a process that has imported everything.

To start Python and to import a command takes half a second each time. `programs` is a folder for PATH with a
small program of this name. It hands its arguments, environment, folder and streams to the server, which forks
a process that runs the command. Signals and the exit code are passed on, limits of resources are not. A test
of the start of the program uses the real one.
"""

import contextlib
import functools
import importlib
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLIENT = """\
#!{python} -IS
import _socket, os, signal, sys

def ask():
    mask = os.umask(0)
    words = [os.fsencode(word) for word in sys.argv[1:]]
    if words[:3] == [b"-P", b"-m", b"anchor"]:
        del words[:3]
    given = [name + b"=" + value for name, value in os.environb.items()]
    data = b"\\0".join([os.getcwdb(), b"%d" % mask, b"%d" % len(words), *words, *given])
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.connect({socket!r})
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    size = len(data).to_bytes(4, "big")
    server.sendmsg([size], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    server.sendall(data)
    return server

def told(server):
    data = server.recv(4)
    if len(data) < 4:
        sys.exit("the server of forks has ended, and nobody knows how this command ended")
    return int.from_bytes(data, "big", signed=True)

def pass_on(number, frame):
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it has ended, and its exit code is on its way
        pass

passed_on = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
before = signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)  # or one that comes before the handlers is lost
server = ask()
pid = told(server)
for number in passed_on:
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, pass_on)
signal.pthread_sigmask(signal.SIG_SETMASK, before)
code = told(server)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""
"""Nothing is imported that Python has not loaded when it starts, or that takes long."""


@functools.cache
def programs() -> Path:
    """A folder with the program. The server ends with this process, or at `stop`."""
    folder = Path(tempfile.mkdtemp(prefix="anchor-program-"))
    address = folder / "socket"
    _running.append((_started(address), folder))
    program = folder / "bin" / "anchor"
    program.parent.mkdir()
    program.write_text(CLIENT.format(python=sys.executable, socket=str(address)))
    program.chmod(0o755)
    (folder / "python").symlink_to(program)
    return program.parent


@contextlib.contextmanager
def forks() -> Iterator[None]:
    """The commands that `anchor demo` starts are forks for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(programs().parent / "python"))
        yield


def until(said: str, *words: object, cwd: Path | None = None) -> None:
    """Run a command until it says these words on stderr, and ask it to end (SIGTERM): it ends with 0."""
    command = [str(programs() / "anchor"), *map(str, words)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=cwd)
    assert running.stderr is not None
    timer = threading.Timer(250, running.kill)
    timer.start()
    try:
        found = next(line for line in running.stderr if said in line)
        os.kill(running.pid, signal.SIGTERM)
        assert running.wait(60) == 0, found
    finally:
        timer.cancel()
        running.kill()
        running.stderr.close()


_running: list[tuple["subprocess.Popen[bytes]", Path]] = []


def stop() -> None:
    """End the server, if there is one."""
    while _running:
        process, folder = _running.pop()
        try:
            process.communicate(timeout=60)  # its standard input ends, and so does the server
        except subprocess.TimeoutExpired:  # a process that a test forked, and left, still holds that input
            process.kill()
            process.communicate()
        shutil.rmtree(folder, ignore_errors=True)
        programs.cache_clear()


def _started(address: Path) -> "subprocess.Popen[bytes]":
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", __name__, str(address)], env=env, stdin=subprocess.PIPE)
    while not address.exists():
        assert process.poll() is None, "the server ended"
        time.sleep(0.01)
    return process


# -- the server --------------------------------------------------------------------------------------------


def serve(address: str) -> None:
    """Fork a process for each client, until standard input ends."""
    import anchor

    for module in pkgutil.walk_packages(anchor.__path__, "anchor."):
        if module.name != "anchor.__main__":
            importlib.import_module(module.name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen()
    ended, wakeup = socket.socketpair()
    for one in (ended, wakeup):
        one.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C of a terminal is for the commands
    Path(f"{address}.new").rename(address)
    clients: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        for source in (listener, ended, sys.stdin):
            selector.register(source, selectors.EVENT_READ)
        while True:
            found = {key.fileobj for key, _ in selector.select()}
            if sys.stdin in found:
                break
            if ended in found:
                ended.recv(4096)
                _report(clients)
            if listener in found:
                client, _ = listener.accept()
                if pid := _begun(client):
                    clients[pid] = client
    for pid in clients:
        os.kill(pid, signal.SIGKILL)


def _report(clients: dict[int, socket.socket]) -> None:
    """Tell each client whose process has ended its exit code; a signal is below zero."""
    for pid in list(clients):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            with clients.pop(pid) as client, contextlib.suppress(OSError):  # it may have been killed
                client.send(code.to_bytes(4, "big", signed=True))


def _begun(client: socket.socket) -> int:
    """Read what a client asks, fork its process, tell it the number of that; 0 if the client has ended."""
    size, streams, _, _ = socket.recv_fds(client, 4, 3)
    data, more = b"", size
    while more and len(data) < int.from_bytes(size, "big"):
        more = client.recv(1 << 16)
        data += more
    pid = 0
    if more:
        # A signal that comes before the process has its own handlers waits for these.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        pid = os.fork()
        if not pid:
            _command(data.split(b"\0"), streams, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for descriptor in streams:
        os.close(descriptor)
    with contextlib.suppress(OSError):
        client.send(pid.to_bytes(4, "big"))
    return pid


def _command(asked: list[bytes], streams: list[int], mask: Iterable[int]) -> NoReturn:
    """Become the process that a client asks for, with this mask of signals."""
    from anchor.__main__ import main
    from anchor.cli.main import STOPPED

    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        os.closerange(3, 256)
        folder, umask, count, *rest = asked
        os.chdir(folder)
        os.umask(int(umask))
        sys.argv = ["anchor", *map(os.fsdecode, rest[: int(count)])]
        os.environ.clear()
        os.environb.update(dict(line.split(b"=", 1) for line in rest[int(count) :]))
        time.tzset()
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout, sys.stderr = (os.fdopen(n, "w", encoding="utf-8", closefd=False) for n in (1, 2))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        main()
        code = 0
    except KeyboardInterrupt:  # it came before `main` could take it
        sys.stderr.write("anchor: stopped\n")
        code = STOPPED
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
