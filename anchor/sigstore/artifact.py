# SPDX-License-Identifier: Apache-2.0
"""Artifacts: the signed bytes, known in full or only by one digest.

Decides which digests are available. It reads no file: the command line has a subclass for files.
"""

import hashlib
import re
from typing import Final

from anchor import regex
from anchor.errors import Misuse
from anchor.format.names import shown

DIGEST_SIZES: Final = {"sha256": 32, "sha384": 48, "sha512": 64}
"""The algorithms by which an artifact can be named, and the size of their digests in bytes."""
_DIGEST = regex.expression(r"(sha\d{1,3}):([0-9a-fA-F]+)", re.ASCII)
_LIKE = regex.expression(
    r"(sha[\d_-]{1,9}|md5|git(?:commit|blob|tree|tag)|blake\w{1,5}):.*", re.ASCII | re.I | re.S
)
_INTEGRITY = regex.expression(r"sha(?:1|256|384|512)-[0-9a-zA-Z+/]{20,}={0,2}", re.ASCII | re.I)
"""The form in which npm and browsers write a digest, in Base64."""


class Artifact:
    """The bytes that were signed, in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._digests: dict[str, bytes] = {}

    def digest(self, algorithm: str) -> bytes:
        """The digest by `sha256`, `sha384` or `sha512`; Misuse if it is not available."""
        if algorithm not in self._digests:
            self._digests[algorithm] = self._compute(algorithm)
        return self._digests[algorithm]

    def content(self) -> bytes:
        """The bytes; Misuse if they are not available."""
        return self._content

    def _compute(self, algorithm: str) -> bytes:
        return hashlib.new(algorithm, self._content).digest()


class DigestArtifact(Artifact):
    """An artifact of which only one digest is known, by one of `DIGEST_SIZES`."""

    def __init__(self, algorithm: str, digest: bytes) -> None:
        super().__init__(b"")
        size = DIGEST_SIZES.get(algorithm)
        if len(digest) != size:
            raise Misuse(f"{len(digest)} bytes are not a digest by {algorithm}", where="artifact")
        self.algorithm = algorithm
        self._digests[algorithm] = digest

    def content(self) -> bytes:
        raise Misuse(
            "the signature covers the file, not its digest", where="artifact", remedy="name the file"
        )

    def _compute(self, algorithm: str) -> bytes:
        raise Misuse(f"its {algorithm} is not known", where="artifact", remedy="name the file")


def from_digest(text: str) -> DigestArtifact | None:
    """The artifact of `sha256:<64 hex>`, `sha384:<96 hex>` or `sha512:<128 hex>`; None for any other text.

    Raises Misuse for text that looks like another digest: another algorithm, another number of digits, other
    letters, Base64. Such text is never read as the name of a file. Else anybody who can leave a file in the
    working folder could decide the meaning of a mistyped digest.
    """
    if ":" not in text and text[:3].lower() != "sha":
        return None
    match = _DIGEST.fullmatch(text)
    if match is None and not (_LIKE.fullmatch(text) or _INTEGRITY.fullmatch(text)):
        return None
    algorithm, digits = (match[1], match[2]) if match else ("", "")
    if len(digits) == 2 * DIGEST_SIZES.get(algorithm, -1):
        return DigestArtifact(algorithm, bytes.fromhex(digits))
    problem = f"a digest by {algorithm} with {len(digits)} digits is not taken"
    if not match:
        problem = f"{shown(text, 20)} is not a digest that is taken"
    known = ", ".join(f"{name}:<{2 * n} hex>" for name, n in DIGEST_SIZES.items())
    remedy = f"give one of {known}; name a file ./{text[:20]}... if it is one"
    raise Misuse(problem, where="FILE_OR_DIGEST", remedy=remedy)
