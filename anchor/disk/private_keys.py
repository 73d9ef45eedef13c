# SPDX-License-Identifier: Apache-2.0
"""Private keys in files: PKCS#8 in PEM with mode 0600. A key that others can read is refused, as ssh does."""

import shlex
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from anchor.disk import files
from anchor.errors import Misuse

MAX_FILE = 1 << 16


def write(path: Path, key: PrivateKeyTypes) -> None:
    """Write a key that is not encrypted, whole and durably."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.write(path, pem, mode=0o600)


def read(path: Path) -> PrivateKeyTypes:
    """A private key; `Misuse` if others can read it or it cannot be parsed."""
    check_private(path)
    try:
        return load_pem_private_key(files.read(path, limit=MAX_FILE), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Misuse("not a private key in PEM", where=str(path), remedy="restore it from a backup") from None


def check_private(path: Path) -> None:
    """Refuse a file or folder that other users of the machine can read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as e:
        raise files.os_error(e, path, "read") from None
    if mode & 0o077:
        raise Misuse(
            f"others can read it (mode {mode:04o})",
            where=str(path),
            remedy=f"chmod -R go= {shlex.quote(str(path.parent))}",
        )
