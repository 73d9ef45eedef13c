# SPDX-License-Identifier: Apache-2.0
"""The secrets of confidential releases, in the publisher's home (FORMAT.md section 16.3).

One file for each statement, named by its digest: `secrets/<SHA-256>.json`, which only its user can read. It
is durable before anything is signed, so that the same draft gives the same statement after a crash. A secret
is used for the one statement that its file names, and for no other draft: two drafts under one secret would
show which cells differ. Another draft gets another secret. The secret of a draft that nobody signed is
removed before the other one is signed.
"""

from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from anchor import limits
from anchor.disk import files
from anchor.encoding import parse_json
from anchor.errors import Misuse, Refused
from anchor.format import names
from anchor.format.members import Hex32, LedgerName
from anchor.format.strict_json import build

FOLDER: Final = "secrets"
FORMAT: Final = "urn:ledger-anchor:secret:v1"


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement that was sealed, and its secret: both 32 bytes in hex."""

    format: Literal["urn:ledger-anchor:secret:v1"] = FORMAT
    ledger: LedgerName
    statement: Hex32
    """The SHA-256 of the statement's bytes."""
    secret: Hex32

    @property
    def key(self) -> bytes:
        """The secret as 32 bytes."""
        return bytes.fromhex(self.secret)


def path(home: Path, statement: str) -> Path:
    """The file of the secret of a statement, by its SHA-256 (hex)."""
    return home / FOLDER / f"{statement}.json"


def of_statement(home: Path, statement: str) -> Draft | None:
    """The secret of a statement, by its SHA-256 (hex); None if this home does not have it.

    Raises `Misuse` for a file that is damaged.
    """
    place = path(home, statement)
    return _read(place) if place.exists() else None


def drafts(home: Path, ledger: LedgerName) -> list[Draft]:
    """The drafts of this name and number whose secrets are here. Raises `Misuse` for a damaged file."""
    found = (_read(place) for place in _files(home))
    return [d for d in found if (d.ledger.name, d.ledger.number) == (ledger.name, ledger.number)]


def keep(home: Path, draft: Draft) -> Path:
    """Write a secret, whole and durably, and return its file. One that is there stays as it is.

    Raises `Misuse` if the secret is that of another statement.
    """
    for other in drafts(home, draft.ledger):
        if other.secret == draft.secret and other.statement != draft.statement:
            raise Misuse(
                "its secret is that of another draft of this number: both together would show what differs",
                where=str(path(home, other.statement)),
                remedy="publish again: another draft gets another secret",
            )
    place = path(home, draft.statement)
    for half in place.parent.glob(".*.tmp"):  # of a process that was killed; the caller holds the home
        half.unlink(missing_ok=True)
    if not place.exists():
        files.write(place, msgspec.json.encode(draft) + b"\n", mode=0o600)
    return place


def drop_others(home: Path, kept: Draft, *, bound: Container[str]) -> None:
    """Remove the secrets of other drafts of this number, so that nobody can sign them any more.

    `bound`: the statements (SHA-256, hex) that were signed, sent or published. Their secrets stay.
    """
    for other in drafts(home, kept.ledger):
        if other.statement != kept.statement and other.statement not in bound:
            place = path(home, other.statement)
            try:
                place.unlink(missing_ok=True)
                files.sync_folder(place.parent)
            except OSError as e:
                raise files.os_error(e, place, "remove") from None


def _files(home: Path) -> Iterator[Path]:
    yield from sorted((home / FOLDER).glob("[!.]*.json"))


def _read(place: Path) -> Draft:
    try:
        found = build(
            parse_json(files.read(place, limit=limits.SECRET), where=str(place)), Draft, where="secret"
        )
        for digest in (found.statement, found.secret):
            if names.hex_problem(digest):  # the text is a secret, and stands in no message
                raise Refused("not 32 bytes in lower-case hex", where="secret")
        if place.stem != found.statement:
            raise Refused("the file of one statement has the secret of another", where="secret")
    except Refused as e:
        raise Misuse(
            f"the secret of a release is damaged: {e.problem}",
            where=str(place),
            remedy="restore this file from a backup",
        ) from None
    return found
