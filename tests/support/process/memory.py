# SPDX-License-Identifier: Apache-2.0
"""A process that can take little more memory than it has."""

import os
import resource
from pathlib import Path

ROOM = 96 << 20
"""Bytes of address space, beside what a process has when it is held to it."""
LARGER = ROOM + (32 << 20)
"""Bytes that do not fit into this room."""


def hold() -> None:
    """Allow this process so much more address space, for good: only for one that ends after this."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
