# SPDX-License-Identifier: Apache-2.0
"""What lies beside the database as files, so that it survives the records: their mark, and evidence.

Neither is believed: the mark holds signed notes, and evidence counts for what it shows under today's trust.
"""

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from anchor.errors import AnchorError, Refused
from anchor.monitor.run_record import Evidence
from anchor.records import high_water_mark as mark


@dataclass(kw_only=True)
class Beside:
    """Reads and writes these files; how, it is given. Writing one is best effort: it is a second copy."""

    spill: Callable[[Evidence], object] = lambda _: None
    """Writes evidence as a file."""
    spilled: Callable[[Collection[str]], Iterator[bytes]] = lambda _: iter(())
    """The evidence that lies there, but for these digests."""
    load_mark: Callable[[], bytes | None] = lambda: None
    save_mark: Callable[[bytes], object] = lambda _: None
    _shows_nothing: set[str] = field(default_factory=set)

    def mark(self) -> mark.Mark | None:
        """The mark, if there is one that can be read."""
        with contextlib.suppress(AnchorError):
            data = self.load_mark()
            return mark.decode(data) if data else None
        return None

    def evidence(self, shown: Callable[[bytes], Evidence], known: Collection[str] = ()) -> Iterator[Evidence]:
        """What shows something under today's trust (`shown`), but for these digests."""
        for document in self.spilled({*known, *self._shows_nothing}):
            try:
                yield shown(document)
            except Refused:  # somebody else's file, or nobody's evidence
                self._shows_nothing.add(hashlib.sha256(document).hexdigest())
            except AnchorError:
                continue
