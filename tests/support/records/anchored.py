# SPDX-License-Identifier: Apache-2.0
"""Records of one release in a home, whose head is anchored by the command, and what their log has."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anchor.app import records
from anchor.format.history_events import HeadAnchored
from anchor.records import anchored_heads, event_log
from anchor.records.database import Database
from anchor.tlog import tiles
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases import published
from tests.support.releases.published import Site


@dataclass(frozen=True)
class Kept:
    """A home with records, and the site that they are about."""

    site: Site
    home: Path

    def anchor(self, *more: object) -> Ran:
        """Anchor the head of now."""
        return anchor("records", "anchor", "--home", self.home, *more)

    def reverify(self) -> Ran:
        """One more run: at least one more event."""
        return anchor("reverify", self.site.release, "--policy", self.site.policy, "--home", self.home)

    def check(self) -> int:
        """The exit code of `records check`."""
        return anchor("records", "check", "--home", self.home).code

    @contextlib.contextmanager
    def opened(self) -> Iterator[Database]:
        """The database."""
        with records.opened(self.home, None, create=True) as database:
            yield database

    def heads(self) -> list[bytes]:
        """The statements of the anchored heads, the last one first, as the events have them."""
        with self.opened() as database, database.read() as connection:
            events = event_log.events(connection, event_log.of_kind(connection, "head-anchored"))
            digests = [event.statement for _, event in events if isinstance(event, HeadAnchored)]
            found = [event_log.blob(connection, digest) for digest in digests]
            listed = anchored_heads.now(database).heads
        assert [*reversed(found)] == [*listed]
        return [*listed]

    def bodies(self) -> list[bytes]:
        """The entries of the embedded log of this home."""
        log = self.home / "instance" / "log"
        if not (log / "checkpoint").exists():
            return []
        size = int((log / "checkpoint").read_text().split("\n")[1])
        return list(tiles.parse_bundle((log / "tile" / "entries" / "000").read_bytes(), size, rest=True))

    def database(self) -> bytes:
        """The bytes of the database file, to be put back later."""
        return (self.home / "records.db").read_bytes()

    def put_back(self, data: bytes) -> None:
        """The database as it was."""
        for rest in self.home.glob("records.db-*"):
            rest.unlink()
        (self.home / "records.db").write_bytes(data)

    def copy(self, home: Path) -> "Kept":
        """The same records in another home."""
        shutil.copytree(self.home, home)
        return Kept(self.site, home)


def kept(folder: Path) -> Kept:
    """Records with one run of a small release; nothing is anchored."""
    made = Kept(published.published(folder), folder / "records")
    ran = made.reverify()
    assert ran.code == 0, ran.err
    return made


def sizes(kept: Kept) -> list[int]:
    """The sizes of the anchored heads, the last one first."""
    return [json.loads(data)["predicate"]["size"] for data in kept.heads()]
