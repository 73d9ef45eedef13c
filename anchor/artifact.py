# SPDX-License-Identifier: Apache-2.0
"""What was signed: an artifact known by its bytes or only by its SHA-256.

Decides which digests can be had. It reads no file: a file is a subclass of `edge` or the command line.
"""

import hashlib

from anchor.encoding import unhex
from anchor.errors import Misuse

ALGORITHMS = ("sha256", "sha384", "sha512")


class Artifact:
    """The bytes that were signed, in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._digests: dict[str, bytes] = {}

    def digest(self, algorithm: str) -> bytes:
        """The digest by `sha256`, `sha384` or `sha512`; Misuse when it cannot be had."""
        if algorithm not in self._digests:
            self._digests[algorithm] = self._compute(algorithm)
        return self._digests[algorithm]

    def content(self) -> bytes:
        """The bytes; Misuse when they cannot be had."""
        return self._content

    def _compute(self, algorithm: str) -> bytes:
        return hashlib.new(algorithm, self._content).digest()


class DigestArtifact(Artifact):
    """An artifact of which only the SHA-256 (32 bytes) is known."""

    def __init__(self, sha256: bytes) -> None:
        super().__init__(b"")
        if len(sha256) != 32:
            raise Misuse(f"{len(sha256)} bytes are no SHA-256", where="artifact")
        self._digests["sha256"] = sha256

    def content(self) -> bytes:
        raise Misuse(
            "the signature covers the file, not its digest", where="artifact", remedy="name the file"
        )

    def _compute(self, algorithm: str) -> bytes:
        raise Misuse(f"its {algorithm} is not known", where="artifact", remedy="name the file")


def from_digest(text: str) -> DigestArtifact | None:
    """The artifact of `sha256:<64 hex>`; None for any other text."""
    name, colon, value = text.partition(":")
    if name != "sha256" or not colon or len(value) != 64:
        return None
    try:
        return DigestArtifact(unhex(value.lower(), size=32))
    except Exception:  # noqa: BLE001  any text that is no hex is a file's name
        return None
