# SPDX-License-Identifier: Apache-2.0
"""A release.json of version 1 as it is written. FORMAT.md section 8."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from anchor import limits
from anchor.format import names
from anchor.format.members import Hex32, LedgerName, Previous, Tree
from anchor.format.statement_1 import FileName

FORMAT: Final = "urn:ledger-anchor:release:v1"

# Texts are checked by `names`, which gives the reason; the patterns are for the JSON Schema.
Path = Annotated[str, Meta(extra_json_schema={"pattern": names.PATH, "maxLength": names.MAX_PATH})]
Text = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": names.MAX_TEXT})]
Url = Annotated[str, Meta(extra_json_schema={"pattern": names.URL, "maxLength": names.MAX_TEXT})]
Time = Annotated[str, Meta(extra_json_schema={"pattern": names.TIME})]
FileSize = Annotated[int, Meta(ge=1, le=limits.FILE)]
Index = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published ledger file; `name` is its name as a subject of the statement."""

    name: FileName
    path: Path
    size: FileSize
    sha256: Hex32


class Blob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any other published file."""

    path: Path
    size: FileSize
    sha256: Hex32


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an anchor is: the log's origin, its URL in the trusted root, its key id (hex), the index."""

    origin: Text
    url: Url
    id: Hex32
    index: Index


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Sigstore bundle over the statement: log, signer and earliest verified time."""

    bundle: Blob
    log: Log
    identity: Text
    issuer: Text
    time: Time


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release.json; the members are written in this order."""

    format: Literal["urn:ledger-anchor:release:v1"]
    ledger: LedgerName
    tree: Tree
    previous: Previous | None
    files: Annotated[tuple[File, ...], Meta(min_length=2, max_length=2)]
    statement: Blob
    anchors: Annotated[tuple[Anchor, ...], Meta(min_length=1, max_length=limits.ANCHORS)]
    trusted_root: Blob
