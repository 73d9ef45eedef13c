# SPDX-License-Identifier: Apache-2.0
"""A release.json of version 2 as it is written. FORMAT.md section 20."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from anchor import limits
from anchor.format.members import Count, Hex32, LedgerName, Previous, Tree
from anchor.format.release_1 import Blob, Log, Path, Text, Time
from anchor.format.statement_2 import SubjectName

FORMAT: Final = "urn:ledger-anchor:release:v2"


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published file; `name` is its name as a subject of the statement."""

    name: SubjectName
    path: Path
    size: Annotated[int, Meta(ge=1, le=limits.FILE_2)]
    sha256: Hex32


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Sigstore bundle over the statement: log, signer, earliest verified time, and the SHA-256 (hex) of
    the copy of the trusted root under which it was verified."""

    bundle: Blob
    log: Log
    identity: Text
    issuer: Text
    time: Time
    trusted_root: Hex32


class StatusFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest status of the ledger (FORMAT.md section 23): its sequence, its statement, its bundles."""

    sequence: Count
    statement: Blob
    bundles: Annotated[tuple[Blob, ...], Meta(min_length=1, max_length=limits.ANCHORS)]


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A release.json; the members are written in this order."""

    format: Literal["urn:ledger-anchor:release:v2"]
    ledger: LedgerName
    tree: Tree
    previous: Previous | UnsetType = UNSET
    files: Annotated[tuple[File, ...], Meta(min_length=1, max_length=limits.SUBJECTS)]
    statement: Blob
    anchors: Annotated[tuple[Anchor, ...], Meta(min_length=1, max_length=limits.ANCHORS)]
    trusted_roots: Annotated[tuple[Blob, ...], Meta(min_length=1, max_length=limits.ROOTS)]
    status: StatusFiles | UnsetType = UNSET
