# SPDX-License-Identifier: Apache-2.0
"""The journal of one anchoring: each step is durable before the next one has an effect.

Each step is one small file in the publisher's home, written whole or not at all. No file has the private key
or the identity token: nobody can sign with a stolen journal. Steps in order:

    signed.json    certificate, statement, signature, request           nothing is in the log
    stamped.json   the same with its time stamps                        nothing is in the log
    sending.json   the log's size before the request was sent           it may be in the log
    entry.json     the log's answer                                     it is in the log
    abandoned.json given up by the publisher                            as above
"""

import os
import shutil
from pathlib import Path
from typing import TypeVar

import msgspec

from anchor import limits
from anchor.disk import files
from anchor.errors import Misuse, Refused
from anchor.signing.unlogged_signature import Prepared

MAX_STEP = limits.JOURNAL_STEP
"""A step holds at most a statement, a certificate, a token and a log entry."""
ASIDE = "~"
"""Between number and log in the name of a journal that was set aside for another one."""


class Sending(msgspec.Struct, frozen=True):
    """Written right before a request is sent: where to look for the entry if the answer is lost."""

    size: int
    """Entries in the log at that moment; ours can only be at this index or later."""


S = TypeVar("S", Prepared, Sending)


class Journal:
    """The steps of anchoring one statement in one log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def signed(self) -> Prepared | None:
        """The furthest of signed and stamped."""
        return self._load("stamped", Prepared) or self._load("signed", Prepared)

    def sending(self) -> Sending | None:
        """Set when the request may have reached the log."""
        return self._load("sending", Sending)

    def entry(self) -> bytes | None:
        """The log's answer (TransparencyLogEntry, protobuf JSON)."""
        return self._read("entry")

    def note_signed(self, prepared: Prepared) -> None:
        self._store("stamped" if prepared.tokens else "signed", msgspec.json.encode(prepared))

    def note_sending(self, size: int) -> None:
        self._store("sending", msgspec.json.encode(Sending(size)))

    def note_entry(self, entry: bytes) -> None:
        self._store("entry", entry)

    def forget_sending(self) -> None:
        """The only request is not in the log, and never will be."""
        (self.folder / "sending.json").unlink(missing_ok=True)
        files.sync_folder(self.folder)

    def discard(self) -> None:
        """Remove everything. Only for a journal of which nothing is in a log, or all of it is published.

        It is removed by one rename: half of a journal would look like a journal of an earlier step.
        """
        if not self.folder.exists():
            return
        gone = self.folder.with_name(f".{self.folder.name}")
        try:
            shutil.rmtree(gone, ignore_errors=True)
            os.replace(self.folder, gone)
            files.sync_folder(gone.parent)
            shutil.rmtree(gone)
            if not any(gone.parent.iterdir()):
                gone.parent.rmdir()
        except OSError as e:
            raise files.os_error(e, self.folder, "remove the journal") from None

    def abandon(self) -> None:
        """Mark it as given up, and keep it: its signature may be in the log for ever."""
        self._store("abandoned", b"{}")

    def resume(self) -> None:
        """Complete it after all: remove the mark of `abandon`."""
        if self.abandoned():
            (self.folder / "abandoned.json").unlink()
            files.sync_folder(self.folder)

    def set_aside(self) -> None:
        """Give it up, and rename it, so that another one of the same statement and log can begin."""
        self.abandon()
        number = 1
        while (aside := self.folder.with_name(f"{number}{ASIDE}{self.folder.name}")).exists():
            number += 1
        try:
            os.replace(self.folder, aside)
            files.sync_folder(aside.parent)
        except OSError as e:
            raise files.os_error(e, self.folder, "set the journal aside") from None

    def abandoned(self) -> bool:
        return (self.folder / "abandoned.json").exists()

    def _store(self, step: str, data: bytes) -> None:
        files.write(self.folder / f"{step}.json", data, mode=0o600)

    def _read(self, step: str) -> bytes | None:
        path = self.folder / f"{step}.json"
        return files.read(path, limit=MAX_STEP) if path.exists() else None

    def _load(self, step: str, kind: type[S]) -> S | None:
        data = self._read(step)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.DecodeError as e:
            raise Refused(
                f"the journal is damaged: {e}",
                where=str(self.folder / f"{step}.json"),
                remedy="it was changed by something else than this program; look at it before you remove it",
            ) from None


def check_home(home: Path) -> None:
    """Make the home, private to its user."""
    try:
        files.make_folder(home, mode=files.PRIVATE)
        if home.stat().st_mode & 0o077:
            home.chmod(0o700)
    except FileExistsError:
        raise Misuse("not a folder", where=str(home), remedy="name another one with --home") from None
    except OSError as e:
        raise files.os_error(e, home, "make the home folder") from None
