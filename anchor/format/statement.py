# SPDX-License-Identifier: Apache-2.0
"""The statement that is signed: an in-toto Statement v1 that commits to a tree, files and the release before.

Decides whether bytes are a statement of ours in its one canonical form whose members fit each other.
Whether it is signed, and whether files and facts are the ones it commits to, is decided elsewhere.
FORMAT.md section 6; https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md.
"""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from anchor import limits
from anchor.encoding import is_jcs, jcs, parse_json
from anchor.errors import Refused, Unsupported
from anchor.format import names
from anchor.format.facts import check_columns
from anchor.format.leaves import ENCODING
from anchor.format.readers import READERS
from anchor.format.strict_json import build
from anchor.merkle.hashing import ALGORITHM

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:ledger-anchor:commitment:v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
"""The DSSE payload type of a statement."""
OUR_FILE: Final = names.OUR_FILE
OUR_READER: Final = "ledger-json-v1"
MAX_STATEMENT = limits.STATEMENT
"""Bytes of a statement: as many columns as a ledger may have, with names as long as they may be, fit."""

# Texts are checked by `names`, which gives the reason; the patterns are for the JSON Schemas.
Hex32 = Annotated[str, Meta(extra_json_schema={"pattern": names.HEX64})]
Name = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": names.MAX_NAME})]
Version = Annotated[str, Meta(extra_json_schema={"pattern": names.VERSION})]
Count = Annotated[int, Meta(ge=1, le=names.MAX_NUMBER)]
FileName = Annotated[str, Meta(extra_json_schema={"pattern": names.LEDGER_FILE})]
if TYPE_CHECKING:
    Reader = str
else:
    Reader = Literal[tuple(READERS)]
    """A reader that this program has: the schema and the decoder follow from the readers."""


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


class SourceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published ledger file, and the reader that finds the facts in it."""

    name: FileName
    reader: Reader


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files become leaves: column names in published order, the encoding of a leaf, files by name."""

    columns: Annotated[tuple[str, ...], Meta(min_length=1, extra_json_schema={"uniqueItems": True})]
    encoding: Literal["rfc8785-strings"]
    files: Annotated[tuple[SourceFile, ...], Meta(min_length=2, max_length=2)]


class Previous(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The release before this one; `statement` is the SHA-256 of its statement bytes, in hex."""

    number: Count
    version: Version
    statement: Hex32


class Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is committed to. `index`, `blinding` and `evidence` are kept for what is not implemented here."""

    ledger: LedgerName
    tree: Tree
    facts: Facts
    index: None
    blinding: None
    evidence: Annotated[tuple[dict[str, Any], ...], Meta(max_length=0)]
    previous: Previous | None


class Digests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The digest of a subject, lower-case hex."""

    sha256: Hex32


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published ledger file by name and digest, so that ordinary Sigstore tools can verify it alone."""

    name: FileName
    digest: Digests


class Statement(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"type": "_type", "predicate_type": "predicateType"},
):
    """An in-toto Statement v1 with our predicate."""

    type: Literal["https://in-toto.io/Statement/v1"]
    subject: Annotated[tuple[Subject, ...], Meta(min_length=2, max_length=2)]
    predicate_type: Literal["urn:ledger-anchor:commitment:v1"]
    predicate: Predicate

    @property
    def ledger(self) -> LedgerName:
        """Which release of which ledger."""
        return self.predicate.ledger

    @property
    def tree(self) -> Tree:
        """The tree over its facts."""
        return self.predicate.tree

    @property
    def facts(self) -> Facts:
        """How its files become leaves."""
        return self.predicate.facts

    @property
    def previous(self) -> Previous | None:
        """The release before, None for the first."""
        return self.predicate.previous

    @property
    def original(self) -> SourceFile:
        """The ledger as its publisher wrote it; the other file is our ledger.json."""
        return next(f for f in self.facts.files if f.name != OUR_FILE)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 in hex of each subject, by name."""
        return {s.name: s.digest.sha256 for s in self.subject}


def commit(
    *,
    ledger: LedgerName,
    tree: Tree,
    columns: Iterable[str],
    original: SourceFile,
    digests: dict[str, str],
    previous: Previous | None,
) -> Statement:
    """The statement over a sealed ledger; `digests` has the SHA-256 (hex) of the original and of ledger.json.

    Raises `Refused` when the parts do not fit each other.
    """
    files = sorted((original, SourceFile(name=OUR_FILE, reader=OUR_READER)), key=lambda f: f.name)
    statement = Statement(
        type=STATEMENT_TYPE,
        subject=tuple(Subject(name=n, digest=Digests(sha256=d)) for n, d in sorted(digests.items())),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            ledger=ledger,
            tree=tree,
            facts=Facts(columns=tuple(columns), encoding=ENCODING, files=tuple(files)),
            index=None,
            blinding=None,
            evidence=(),
            previous=previous,
        ),
    )
    return decode(_encode(statement))


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
    for member, known in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if isinstance(value.get(member), str) and value[member] != known:
            raise Unsupported(f"{names.shown(value[member])} is not known", where=f"statement: {member}")
    _check_evidence(value.get("predicate"))
    statement = build(value, Statement, where="statement")
    _check(statement)
    return statement


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


def check_files(files: list[str], *, where: str) -> None:
    """Raise `Refused` unless these are ledger.json and one original, sorted by name."""
    for name in files:
        names.require(names.file_problem(name), name, where=where)
    if len(files) != 2 or OUR_FILE not in files or files != sorted(set(files)):
        raise Refused("these are not ledger.json and one original, sorted by name", where=where)


def _encode(statement: Statement) -> bytes:
    return jcs(msgspec.to_builtins(statement), where="statement")


def _check_evidence(predicate: object) -> None:
    """Descriptors of source documents are a kind for a later version of this program."""
    evidence = predicate.get("evidence") if isinstance(predicate, dict) else None
    if isinstance(evidence, list) and evidence:
        raise Unsupported("evidence is a kind that this program does not know", where="statement: evidence")


def _check(statement: Statement) -> None:
    """Check that the members fit each other."""
    where = "statement: predicate"
    check_chain(statement.ledger, statement.previous, where=where)
    names.require(names.hex_problem(statement.tree.root), statement.tree.root, where=f"{where}.tree.root")
    check_columns(statement.facts.columns, where=f"{where}.facts.columns")
    files = [f.name for f in statement.facts.files]
    check_files(files, where=f"{where}.facts.files")
    ours = statement.facts.files[files.index(OUR_FILE)]
    if ours.reader != OUR_READER:
        raise Refused(f"{OUR_FILE} is read by {ours.reader}", where=f"{where}.facts.files")
    if [s.name for s in statement.subject] != files:
        raise Refused("the subjects are not the files", where="statement: subject")
    for subject in statement.subject:
        digest = subject.digest.sha256
        names.require(names.hex_problem(digest), digest, where=f"statement: subject {subject.name}")
