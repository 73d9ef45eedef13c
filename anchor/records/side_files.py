# SPDX-License-Identifier: Apache-2.0
"""Files beside the database that survive its loss: the high-water mark, and copies of evidence.

Neither is trusted. The notes in the mark are verified, and evidence counts only under the trust of today.
"""

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from anchor.errors import AnchorError, Refused
from anchor.monitor.run_record import Evidence
from anchor.records import high_water_mark


class SideFiles(Protocol):
    """Reads and writes these files. Each is a second copy, so a write that fails raises nothing."""

    def save_evidence(self, evidence: Evidence) -> None:
        """Write evidence as a file, unless the file exists."""
        ...

    def evidence(self, known: Collection[str]) -> Iterator[bytes]:
        """The documents that are stored as files, except those with these digests."""
        ...

    def load_mark(self) -> bytes | None:
        """The bytes of the mark; None if there is no mark."""
        ...

    def save_mark(self, data: bytes) -> None:
        """Replace the mark."""
        ...


class NoSideFiles:
    """No files: for records in a process that keeps none."""

    def save_evidence(self, evidence: Evidence) -> None:
        """Write nothing."""

    def evidence(self, known: Collection[str]) -> Iterator[bytes]:
        """No documents."""
        del known
        return iter(())

    def load_mark(self) -> bytes | None:
        """No mark."""
        return None

    def save_mark(self, data: bytes) -> None:
        """Write nothing."""


def read_mark(files: SideFiles) -> high_water_mark.Mark | None:
    """The mark; None if there is no mark that can be read."""
    with contextlib.suppress(AnchorError):
        data = files.load_mark()
        return high_water_mark.decode(data) if data else None
    return None


class EvidenceFiles:
    """Reads evidence from the side files, and remembers which files show nothing."""

    def __init__(self, files: SideFiles) -> None:
        self._files = files
        self._refused: set[str] = set()

    def read(self, check: Callable[[bytes], Evidence], known: Collection[str] = ()) -> Iterator[Evidence]:
        """The evidence that `check` accepts under the trust of today, except that with these digests."""
        for document in self._files.evidence({*known, *self._refused}):
            try:
                yield check(document)
            except Refused:  # another program's file, or a document that proves nothing
                self._refused.add(hashlib.sha256(document).hexdigest())
            except AnchorError:
                continue
