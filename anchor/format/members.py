# SPDX-License-Identifier: Apache-2.0
"""Members that statements and release.json files of every version have, and which of them fit each other.

FORMAT.md section 6.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from anchor.errors import Refused
from anchor.format import names
from anchor.merkle.hashing import ALGORITHM

# Texts are checked by `names`, which gives the reason; the patterns are for the JSON Schemas.
Hex32 = Annotated[str, Meta(extra_json_schema={"pattern": names.HEX64})]
Name = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": names.MAX_NAME})]
Version = Annotated[str, Meta(extra_json_schema={"pattern": names.VERSION})]
Count = Annotated[int, Meta(ge=1, le=names.MAX_NUMBER)]


class LedgerName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which release of which ledger: `number` counts from 1 without gaps, `version` is its name."""

    name: Name
    number: Count
    version: Version


class Tree(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Merkle tree over the facts: its root in hex and its number of leaves."""

    algorithm: Literal["rfc9162-sha256"]
    root: Hex32
    size: Count

    @classmethod
    def of(cls, root: bytes, size: int) -> "Tree":
        """The tree with this root (32 bytes) and number of leaves."""
        return cls(algorithm=ALGORITHM, root=root.hex(), size=size)


class Previous(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The release before this one; `statement` is the SHA-256 of its statement bytes, in hex."""

    number: Count
    version: Version
    statement: Hex32


class KnownStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest status when a release was made; `statement` is the SHA-256 of its bytes, in hex."""

    sequence: Count
    statement: Hex32


class Digests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The digest of a subject, lower-case hex."""

    sha256: Hex32


def check_chain(ledger: LedgerName, previous: Previous | None, *, where: str) -> None:
    """Raise `Refused` unless name, number and version are well-formed and the release before fits them."""
    names.require(names.name_problem(ledger.name), ledger.name, where=f"{where}: ledger.name")
    names.require(names.version_problem(ledger.version), ledger.version, where=f"{where}: ledger.version")
    place = f"{where}: previous"
    if previous is None:
        if ledger.number != 1:
            raise Refused(f"release number {ledger.number} names no release before it", where=place)
        return
    names.require(names.version_problem(previous.version), previous.version, where=f"{place}.version")
    names.require(names.hex_problem(previous.statement), previous.statement, where=f"{place}.statement")
    if previous.number != ledger.number - 1:
        raise Refused(
            f"number {previous.number} does not come before {ledger.number}", where=f"{place}.number"
        )
    if previous.version.lower() == ledger.version.lower():
        raise Refused(f"the version of the release itself, {ledger.version}", where=f"{place}.version")
