# SPDX-License-Identifier: Apache-2.0
"""The identity of this process, by which another worker finds out whether it still runs."""

import functools
import getpass
import os
import socket
from pathlib import Path


@functools.cache
def _machine() -> str:
    """This boot of this machine and its process numbers: containers may share host names and kernels."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
        space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return ""
    return f"{boot}.{space}"


def _started(pid: int) -> str:
    """The start of a process in ticks since boot; empty if there is none. Process numbers are reused."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    fields = stat[stat.rindex(b")") + 2 :].split()
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def name() -> str:
    """The name of this process as a worker: host, machine, process number and start."""
    pid = os.getpid()
    return f"{socket.gethostname()[:64]}/{_machine()}/{pid}/{_started(pid)}"


def person() -> str:
    """The name of whoever runs this process: user and host, for decisions that are recorded."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid {os.getuid()}"
    return f"{user[:64]}@{socket.gethostname()[:64]}"


def alive(worker: str) -> bool | None:
    """False if a worker of this machine has certainly ended, True if it runs, None for other machines."""
    parts = worker.split("/")
    if len(parts) != 4 or not _machine() or parts[1] != _machine() or not parts[2].isdigit():
        return None
    return _started(int(parts[2])) == parts[3] != ""
