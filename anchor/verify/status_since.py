# SPDX-License-Identifier: Apache-2.0
"""Finds the time since when at the latest a publisher says something: the first status that has the entry.

The list only grows, so that the statuses between the first and the newest are searched by halves. Only the
one that is found is verified; the others only lead to it. A status that cannot be read leaves the question
open: then the time of the newest one is all that is known.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime

from anchor import limits
from anchor.errors import AnchorError
from anchor.format import ledger_status as statuses
from anchor.format.ledger_status import Entry, Status
from anchor.format.release import MAX_BUNDLE, StatusFiles
from anchor.verify.anchors import Trust, check_anchored, time_text
from anchor.verify.effort import Effort
from anchor.verify.release_files import Files

Since = Callable[[Entry], str]


class FirstSaid:
    """Looks for the first status with an entry, in the folder of the newest one."""

    def __init__(
        self,
        newest: Status,
        files: Files,
        named: StatusFiles,
        *,
        trust: Trust,
        now: datetime,
        effort: Effort,
    ) -> None:
        self._newest = newest
        self._files = files
        self._folder = named.statement.path.rpartition("/")[0].rpartition("/")[0]
        self._bundles = [blob.path.rpartition("/")[2] for blob in named.bundles]
        self._trust = trust
        self._now = now
        self._effort = effort
        self._read: dict[int, bytes] = {}

    def __call__(self, entry: Entry) -> str:
        """The verified time (RFC 3339) of the first status that has an entry of the newest one.

        Empty if it is the newest one itself, or if the first one cannot be read and verified.
        """
        with contextlib.suppress(AnchorError):
            listed = self._newest.withdrawn
            place = len(listed) - 1 - listed[::-1].index(entry)
            low, high = 1, self._newest.sequence
            while low < high:
                middle = (low + high) // 2
                if len(self._status(middle).withdrawn) > place:
                    high = middle
                else:
                    low = middle + 1
            if high < self._newest.sequence:
                found = self._status(high)
                if found.ledger == self._newest.ledger and found.withdrawn[place] == entry:
                    return self._time(high)
        return ""

    def _status(self, sequence: int) -> Status:
        if sequence not in self._read:
            self._read[sequence] = self._file(sequence, statuses.FILE, limits.STATEMENT)
        return statuses.decode(self._read[sequence])

    def _time(self, sequence: int) -> str:
        """The time of the first bundle of an earlier status that verifies."""
        for name in self._bundles:
            with contextlib.suppress(AnchorError):
                bundle = self._file(sequence, name, MAX_BUNDLE)
                report, _ = self._trust.verify(bundle, now=self._now, effort=self._effort)
                if report.ok:
                    check_anchored(report, self._read[sequence])
                    return time_text(report)
        return ""

    def _file(self, sequence: int, name: str, limit: int) -> bytes:
        path = "/".join(filter(None, (self._folder, str(sequence), name)))
        return self._files.read_up_to(path, limit=limit)
