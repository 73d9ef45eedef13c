# SPDX-License-Identifier: Apache-2.0
"""The trusted roots that this user's policies pin by their digests: one file each, named by its digest.

Nothing in the store is trusted. A file counts only if its bytes have the digest that is its name.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from anchor import limits
from anchor.disk import files, user_folders
from anchor.errors import AnchorError

FOLDER = "trusted-roots"
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""No link is followed, and nothing is waited for: somebody else could have put a pipe there."""


class Held(NamedTuple):
    """The bytes of a trusted root in the store; empty if it has none. `problem` says why a file does not
    count."""

    data: bytes = b""
    problem: str = ""


def path(digest: bytes) -> Path:
    """The file of the root with this SHA-256."""
    return user_folders.data() / FOLDER / f"{digest.hex()}.json"


def find(digest: bytes) -> Held:
    """The root with this SHA-256. Other bytes, a link, or something that is no file is ignored."""
    place = path(digest)
    try:
        fd = os.open(place, _FLAGS)
    except FileNotFoundError:
        return Held()
    except (OSError, ValueError) as e:
        return Held(problem=f"{place} is ignored: {getattr(e, 'strerror', None) or e}")
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return Held(problem=f"{place} is ignored: it is no file")
        with open(fd, "rb", closefd=False) as f:
            data = f.read(limits.TRUSTED_ROOT + 1)
    except OSError as e:
        return Held(problem=f"{place} is ignored: {e.strerror}")
    finally:
        os.close(fd)
    if len(data) > limits.TRUSTED_ROOT:
        return Held(problem=f"{place} is ignored: it has more than {limits.TRUSTED_ROOT} bytes")
    if hashlib.sha256(data).digest() != digest:
        return Held(problem=f"{place} is ignored: its bytes do not have the SHA-256 that is its name")
    return Held(data)


def keep(data: bytes) -> str:
    """Keep a root, whole or not at all, for this user only. Returns why that could not be done, or ""."""
    digest = hashlib.sha256(data).digest()
    if find(digest).data:
        return ""
    try:
        files.write(path(digest), data, mode=0o600)
    except AnchorError as e:
        return str(e)
    return ""
