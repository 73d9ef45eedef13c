# SPDX-License-Identifier: Apache-2.0
"""Where a log is read from: one narrow surface that HTTP, folders and test doubles all have.

A source is never trusted. What it returns is bytes that someone served; `reader` and `checkpoint` decide.
"""

from typing import Protocol

from anchor.errors import Unavailable


class Missing(Unavailable):
    """The source answered that it has no such resource (404); any other failure is plain Unavailable."""


class Damaged(Unavailable):
    """The source answered with bytes that do not hash up to the checkpoint."""


class Source(Protocol):
    """A tiled log (C2SP tlog-tiles). Raises Missing or Unavailable, nothing else."""

    def checkpoint(self) -> bytes:
        """The current signed note; never from a cache."""
        ...

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The hashes of a tile: `width` from 1 to 256, 32 bytes each."""
        ...

    def entries(self, index: int, width: int) -> bytes:
        """The entry bundle beside the level-0 tile of the same index and width."""
        ...


class ProofSource(Protocol):
    """A log that proves online (Rekor v1). Raises Missing or Unavailable, nothing else."""

    def checkpoint(self) -> bytes:
        """The current signed note; never from a cache."""
        ...

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The RFC 9162 consistency proof between two sizes, 0 < old < new."""
        ...


class TileCache(Protocol):
    """Keeps tiles that were verified. What it returns is hashed again before use, so it is not trusted."""

    def get(self, path: str) -> bytes | None:
        """The bytes that were kept under a tile path, or None. Does not raise."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Keep a verified tile. Does not raise: a cache that is full is only slower."""
        ...
