# SPDX-License-Identifier: Apache-2.0
"""A policy that this program writes into a file of the user, and never over one that somebody edited.

The last line of such a file has the digest of the lines above. A file that does not fit its last line was
edited since, or was written by somebody else.
"""

import hashlib
from pathlib import Path

from anchor.disk import files, user_files
from anchor.errors import AnchorError, Misuse
from anchor.limits import POLICY

MARK = "# Written by anchor, and not edited while the SHA-256 of the lines above is "


def marked(text: str) -> bytes:
    """The text with its last line."""
    return f"{text}{MARK}{_digest(text)}\n".encode()


def is_untouched(data: bytes) -> bool:
    """True if these bytes are as this program wrote them."""
    text, mark, digest = data.decode("utf-8", "replace").rpartition(MARK)
    return bool(mark) and digest == f"{_digest(text)}\n"


def check(path: Path, *, force: bool, remedy: str) -> bytes:
    """The bytes of the policy that is there, empty without one. Raises `Misuse` if it was edited, with this
    remedy, unless `force`."""
    if not path.is_file() or path in (user_files.STDOUT, user_files.STDIN):
        return b""
    try:
        data = files.read(path, limit=POLICY)
    except AnchorError:  # it is too large to be a policy, or cannot be read
        data = b"another file"
    if data and not force and not is_untouched(data):
        problem = "is there already, and was edited since this program wrote it, or written by somebody else"
        raise Misuse(problem, where=str(path), remedy=remedy)
    return data


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
