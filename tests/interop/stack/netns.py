# SPDX-License-Identifier: Apache-2.0
"""A network namespace that has only `lo`: nothing inside can need, or reach, anything else.

Some servers bind ports on all interfaces, and one a fixed port; in a namespace of their own they meet nobody.
A namespace belongs to a thread: what it starts (threads, processes, sockets) is inside as well.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x41
_HERE = "/proc/thread-self/ns/net"


def _libc(name: str, *args: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _raise_lo() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))


def enter_for_good() -> None:
    """Move this process into a new namespace (a plain user: by a user namespace). OSError if refused."""
    uid, gid = os.getuid(), os.getgid()
    _libc("unshare", CLONE_NEWNET if uid == 0 else CLONE_NEWNET | CLONE_NEWUSER)
    if uid:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            Path("/proc/self", name).write_text(text)
    _raise_lo()


class Namespace:
    """A namespace that a thread can enter and leave; needs root."""

    def __init__(self) -> None:
        self._outside = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _libc("unshare", CLONE_NEWNET)
        except OSError:
            os.close(self._outside)
            raise
        _raise_lo()
        self._inside = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        _libc("setns", self._outside, CLONE_NEWNET)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is inside for the time being."""
        before = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        _libc("setns", self._inside, CLONE_NEWNET)
        try:
            yield
        finally:
            _libc("setns", before, CLONE_NEWNET)
            os.close(before)

    def close(self) -> None:
        os.close(self._inside)
        os.close(self._outside)


def namespace() -> Namespace | None:
    """A new namespace, or None where that is not allowed."""
    try:
        return Namespace()
    except OSError:
        return None
