# SPDX-License-Identifier: Apache-2.0
"""The statement that is signed: an in-toto Statement v1 that commits to a tree, files and the release before.

Decides whether bytes are a statement of ours in its one canonical form whose members fit each other. One view
serves both versions; how each is written is in `statement_1` and `statement_2`. Whether it is signed, and
whether files and facts are the ones it commits to, is decided elsewhere.
FORMAT.md sections 6, 15 and 19; https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from anchor import limits
from anchor.encoding import is_jcs, jcs, parse_json
from anchor.errors import Refused, Unsupported
from anchor.format import names, statement_1, statement_2
from anchor.format.index import Index
from anchor.format.leaves import SALTED_CELLS, STRINGS
from anchor.format.members import KnownStatus, LedgerName, Previous, Tree
from anchor.format.readers import VERSION_1
from anchor.format.source_evidence import Descriptor
from anchor.format.statement_2 import SourceFile

__all__ = [
    "KnownStatus",
    "LedgerName",
    "Previous",
    "SourceFile",
    "Statement",
    "Tree",
    "commit",
    "decode",
    "encode",
    "link",
    "says",
]

PREDICATE_TYPES: Final = {statement_1.PREDICATE_TYPE: 1, statement_2.PREDICATE_TYPE: 2}
"""The version of the format that each one names."""
OUR_FILE: Final = names.OUR_FILE
MAX_STATEMENT = limits.STATEMENT
"""Bytes of a statement: as many columns as version 1 allows, with names as long as they may be, fit."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a statement, of whatever version."""

    version: Literal[1, 2]
    """The version of the format in which it is written."""
    ledger: LedgerName
    tree: Tree
    columns: tuple[str, ...]
    encoding: str
    """The name of the encoding of a leaf."""
    originals: tuple[SourceFile, ...]
    """The ledger as its publisher wrote it, in order; none if it is confidential."""
    ours: SourceFile | None
    """Our ledger.json; None if the release goes without it."""
    digests: Mapping[str, str]
    """SHA-256 in hex of each subject, by name."""
    previous: Previous | None
    """The release before, None for the first."""
    index: tuple[Index, ...] = ()
    """The indexes over the facts."""
    status: KnownStatus | None = None
    """The newest status when it was made, if one was known."""
    evidence: tuple[Descriptor, ...] = ()
    """The source documents that the publisher had at hand, sorted by name."""

    @property
    def confidential(self) -> bool:
        """True if the facts are not published: the one ledger file is `ledger.leaves`."""
        return self.encoding == SALTED_CELLS

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """The ledger files, in the order of the statement."""
        if self.confidential:
            return (statement_2.leaves(),)
        return (*self.originals, *([self.ours] if self.ours else []))

    @property
    def read_as(self) -> tuple[str, ...]:
        """A line for each way in which originals are read that is not the default of their reader."""
        found: dict[tuple[str, ...], list[str]] = {}
        for original in self.originals:
            words = original.read_with(where=original.name).described()
            words = (*words, "out of a gzip file") if original.compressed else words
            if words:
                found.setdefault((original.reader, *words), []).append(original.name)
        return tuple(
            f"{_listed(files)} read as: {', '.join(words)} (by {reader})"
            for (reader, *words), files in found.items()
        )

    def needs_version_2(self, sizes: Mapping[str, int]) -> bool:
        """True if version 1 cannot say this (FORMAT.md section 15). `sizes` has the bytes of each file."""
        return (
            self.encoding != STRINGS
            or len(self.columns) > limits.COLUMNS
            or self.tree.size > limits.FACTS
            or len(self.originals) != 1
            or any(not f.plain or f.reader not in VERSION_1 for f in self.originals)
            or any(name in self.digests for name in statement_2.BESIDE)
            or bool(self.evidence)
            or max(sizes.values(), default=0) > limits.FILE
            or bool(self.index)
            or self.status is not None
        )


def _listed(files: Sequence[str]) -> str:
    """Names of files, for people."""
    if len(files) <= 3:
        return ", ".join(files)
    return f"{files[0]}, {files[1]} and {len(files) - 2} more"


def commit(  # noqa: PLR0913  one for each member of the statement
    *,
    ledger: LedgerName,
    tree: Tree,
    columns: Sequence[str],
    originals: Sequence[SourceFile],
    digests: Mapping[str, str],
    previous: Previous | None,
    encoding: str = STRINGS,
    sizes: Mapping[str, int] | None = None,
    index: Sequence[Index] = (),
    status: KnownStatus | None = None,
    evidence: Sequence[Descriptor] = (),
) -> Statement:
    """The statement over a sealed ledger, of version 2 only if version 1 cannot say it.

    `digests` and `sizes` have the SHA-256 (hex) and the bytes of each file by name, with ledger.json and what
    stands beside it. A ledger.json that is too large for version 2 is left out there. Raises `Refused` when
    the parts do not fit each other.
    """
    sizes = sizes or {}
    view = Statement(
        version=1,
        ledger=ledger,
        tree=tree,
        columns=tuple(columns),
        encoding=encoding,
        originals=tuple(originals),
        ours=SourceFile(name=OUR_FILE, reader=statement_1.OUR_READER),
        digests=digests,
        previous=previous,
        index=tuple(index),
        status=status,
        evidence=tuple(evidence),
    )
    if view.needs_version_2(sizes):
        ours = None if view.confidential else statement_2.ours(tree, view.columns, encoding)
        view = msgspec.structs.replace(view, version=2, ours=ours)
        if sizes.get(OUR_FILE, 0) > limits.LEDGER_JSON:
            kept = {name: digest for name, digest in digests.items() if name != OUR_FILE}
            view = msgspec.structs.replace(view, ours=None, digests=kept)
    return decode(_encode(view))


def encode(statement: Statement) -> bytes:
    """The one form of a statement: its RFC 8785 (JCS) bytes. These are what is signed."""
    data = _encode(statement)
    decode(data)
    return data


def decode(data: bytes) -> Statement:
    """The statement that these bytes are.

    Raises `Refused` for what is malformed, contradicts itself or is not its own canonical form, `Unsupported`
    for a type, member, algorithm, encoding or reader that this program does not know.
    """
    if type(data) is not bytes or len(data) > MAX_STATEMENT:
        raise Refused(f"no bytes, or more than {MAX_STATEMENT}", where="statement")
    value = parse_json(data, where="statement")
    if not is_jcs(value, data, where="statement"):
        raise Refused("the bytes are not their own canonical form (RFC 8785)", where="statement")
    if not isinstance(value, dict):
        raise Refused("no JSON object", where="statement")
    for member, known in (("_type", (statement_1.STATEMENT_TYPE,)), ("predicateType", (*PREDICATE_TYPES,))):
        if isinstance(value.get(member), str) and value[member] not in known:
            raise Unsupported(f"{names.shown(value[member])} is not known", where=f"statement: {member}")
    if value.get("predicateType") == statement_2.PREDICATE_TYPE:
        return _view_2(statement_2.read(value))
    return _view_1(statement_1.read(value))


def _view_1(written: statement_1.Statement) -> Statement:
    said = written.predicate
    files = [SourceFile(name=f.name, reader=f.reader) for f in said.facts.files]
    return Statement(
        version=1,
        ledger=said.ledger,
        tree=said.tree,
        columns=said.facts.columns,
        encoding=said.facts.encoding,
        originals=tuple(f for f in files if f.name != OUR_FILE),
        ours=next(f for f in files if f.name == OUR_FILE),
        digests={s.name: s.digest.sha256 for s in written.subject},
        previous=said.previous,
    )


def _view_2(written: statement_2.Statement) -> Statement:
    said = written.predicate
    files = () if said.facts.encoding == SALTED_CELLS else said.facts.files
    return Statement(
        version=2,
        ledger=said.ledger,
        tree=said.tree,
        columns=said.facts.columns,
        encoding=said.facts.encoding,
        originals=tuple(f for f in files if f.name != OUR_FILE),
        ours=next((f for f in files if f.name == OUR_FILE), None),
        digests={s.name: s.digest.sha256 for s in written.subject},
        previous=said.previous or None,
        index=said.index or (),
        status=said.status or None,
        evidence=said.evidence or (),
    )


def _encode(view: Statement) -> bytes:
    written: statement_1.Statement | statement_2.Statement
    if view.version == 1:
        written = statement_1.statement(
            ledger=view.ledger,
            tree=view.tree,
            columns=view.columns,
            files={f.name: f.reader for f in view.files},
            digests=view.digests,
            previous=view.previous,
        )
    else:
        written = statement_2.statement(
            ledger=view.ledger,
            tree=view.tree,
            facts=statement_2.facts(view.columns, view.encoding, view.files),
            digests=view.digests,
            previous=view.previous,
            index=view.index,
            status=view.status,
            evidence=view.evidence,
        )
    return jcs(msgspec.to_builtins(written), where="statement")


def link(data: bytes) -> Previous:
    """The `previous` of the release that follows the one with these statement bytes."""
    return _link(decode(data).ledger, data)


def says(data: bytes) -> dict[int, Previous]:
    """The releases that a statement names, by number: its own, and the one before."""
    found = decode(data)
    own, before = _link(found.ledger, data), found.previous
    return {own.number: own} if before is None else {own.number: own, before.number: before}


def _link(ledger: LedgerName, data: bytes) -> Previous:
    digest = hashlib.sha256(data).hexdigest()
    return Previous(number=ledger.number, version=ledger.version, statement=digest)
