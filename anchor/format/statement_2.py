# SPDX-License-Identifier: Apache-2.0
"""A statement of version 2 as it is written: its members, and which of them fit each other.

FORMAT.md sections 15 to 19. Whether it uses anything that version 1 does not have is decided elsewhere: the
sizes of files count too (`statement.Statement.newness`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from anchor import limits
from anchor.errors import Refused, Unsupported
from anchor.format import index as indexes
from anchor.format import names, source_evidence
from anchor.format.compression import GZIP
from anchor.format.facts import check_columns
from anchor.format.index import Index, Indexes
from anchor.format.leaves import SALTED_CELLS, STRINGS
from anchor.format.members import Digests, KnownStatus, LedgerName, Previous, Tree, check_chain
from anchor.format.readers import READERS, dialect_of, reader_named, written
from anchor.format.readers.reader import Dialect
from anchor.format.source_evidence import Descriptor
from anchor.format.strict_json import build

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:ledger-anchor:commitment:v2"
OUR_READERS: Final = ("ledger-json-v1", "ledger-json-v2")
BESIDE: Final = (names.SCHEMA,)
"""Subjects that are no ledger files: this program verifies them, each by its own section."""
LEAVES_READER: Final = "leaves-v1"
"""The reader of `ledger.leaves`, a file that has leaf hashes and no facts (FORMAT.md section 16.3)."""
PARTS: Final = "ledger.parts.json"
UNKNOWN_FILES: Final = (PARTS,)
"""Subjects that this program does not verify yet."""
_UPDATE: Final = "update anchor"

# The patterns are for the JSON Schema: `names` checks the texts, and gives the reason.
FileName = Annotated[str, Meta(extra_json_schema={"pattern": names.LEDGER_FILE_2})]
SubjectName = Annotated[str, Meta(extra_json_schema={"pattern": names.SUBJECT_2})]
if TYPE_CHECKING:
    Reader = str
else:
    Reader = Literal[(*READERS, LEAVES_READER)]
    """A reader that this program has: the schema and the decoder follow from the readers."""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A published ledger file, the reader that finds the facts in it, its dialect and its compression."""

    name: FileName
    reader: Reader
    dialect: dict[str, Any] | UnsetType = UNSET
    compression: Literal["gzip"] | UnsetType = UNSET

    @classmethod
    def of(cls, name: str, *, reader: str, dialect: Dialect, compressed: bool) -> "SourceFile":
        """The file with these settings; one that is the default is not written."""
        return cls(
            name=name,
            reader=reader,
            dialect=written(dialect) or UNSET,
            compression="gzip" if compressed else UNSET,
        )

    @property
    def compressed(self) -> bool:
        """True if the file is a gzip file, out of which the ledger comes."""
        return self.compression == GZIP

    @property
    def plain(self) -> bool:
        """True if a statement of version 1 can name it."""
        return self.dialect is UNSET and self.compression is UNSET

    def read_with(self, *, where: str) -> Dialect:
        """The dialect of the reader. Raises as `readers.dialect_of`."""
        reader = reader_named(self.reader, where=where)
        return dialect_of(reader, None if self.dialect is UNSET else self.dialect, where=f"{where}: dialect")


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way from files to leaves: column names in order, the encoding of a leaf, the files."""

    columns: Annotated[tuple[str, ...], Meta(min_length=1, extra_json_schema={"uniqueItems": True})]
    encoding: Literal["rfc8785-strings", "rfc8785-strings-or-null", "salted-cells-v1"]
    files: Annotated[tuple[SourceFile, ...], Meta(min_length=1, max_length=limits.SUBJECTS)]


class Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content that is committed to."""

    ledger: LedgerName
    tree: Tree
    facts: Facts
    previous: Previous | UnsetType = UNSET
    index: Indexes | UnsetType = UNSET
    status: KnownStatus | UnsetType = UNSET
    evidence: (
        Annotated[tuple[Descriptor, ...], Meta(min_length=1, max_length=limits.EVIDENCE_ITEMS)] | UnsetType
    ) = UNSET


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published file by name and digest, so that ordinary Sigstore tools can verify it alone."""

    name: SubjectName
    digest: Digests


class Statement(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"type": "_type", "predicate_type": "predicateType"},
):
    """An in-toto Statement v1 with our predicate of version 2."""

    type: Literal["https://in-toto.io/Statement/v1"]
    subject: Annotated[tuple[Subject, ...], Meta(min_length=1, max_length=limits.SUBJECTS)]
    predicate_type: Literal["urn:ledger-anchor:commitment:v2"]
    predicate: Predicate


def statement(
    *,
    ledger: LedgerName,
    tree: Tree,
    facts: Facts,
    digests: Mapping[str, str],
    previous: Previous | None,
    index: tuple[Index, ...] = (),
    status: KnownStatus | None = None,
    evidence: tuple[Descriptor, ...] = (),
) -> Statement:
    """The statement as it is written."""
    return Statement(
        type=STATEMENT_TYPE,
        subject=tuple(Subject(name=n, digest=Digests(sha256=d)) for n, d in sorted(digests.items())),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            ledger=ledger,
            tree=tree,
            facts=facts,
            previous=previous or UNSET,
            index=index or UNSET,
            status=status or UNSET,
            evidence=evidence or UNSET,
        ),
    )


def facts(columns: tuple[str, ...], encoding: str, files: tuple[SourceFile, ...]) -> Facts:
    """The facts as they are written."""
    value = {"columns": columns, "encoding": encoding, "files": msgspec.to_builtins(files)}
    return build(value, Facts, where="statement: predicate.facts")


def ours(tree: Tree, columns: tuple[str, ...], encoding: str) -> SourceFile:
    """Our ledger.json, whose reader follows from the facts (FORMAT.md section 18.1)."""
    simple = encoding == STRINGS and len(columns) <= limits.COLUMNS and tree.size <= limits.FACTS
    return SourceFile(name=names.OUR_FILE, reader=OUR_READERS[0 if simple else 1])


def leaves() -> SourceFile:
    """The one ledger file of a confidential ledger (FORMAT.md section 16.3)."""
    return SourceFile(name=names.LEAVES, reader=LEAVES_READER)


def read(value: dict[str, Any]) -> Statement:
    """The statement that a JSON object is. Raises `Refused` and `Unsupported` as `statement.decode`."""
    _check_known(value)
    found = build(value, Statement, where="statement")
    _check(found)
    return found


def _check_known(value: dict[str, Any]) -> None:
    """Raise `Unsupported` for a member or a subject that the format has and this program does not verify."""
    predicate, subjects = value.get("predicate"), value.get("subject")
    if isinstance(predicate, dict) and "status" in predicate:
        _check_used(predicate["status"], "statement: predicate.status")
    check_subjects(subjects, where="statement: subject")


def check_subjects(value: Any, *, where: str) -> None:
    """Raise `Unsupported` if a list of published files names one that this program does not verify."""
    items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    found = [item.get("name") for item in items]
    if names.LEAVES in found and PARTS in found:
        raise Refused(f"it has both {names.LEAVES} and {PARTS}", where=where)
    for name in found:
        if isinstance(name, str) and (name in UNKNOWN_FILES or names.subject_2_problem(name)):
            problem = f"it has the file {names.shown(name)}, which this program does not verify"
            raise Unsupported(problem, where=where, remedy=_UPDATE)


def _check_used(value: Any, where: str) -> None:
    if value is None or value in ([], {}):
        raise Refused("null or empty, where a member that is not used is absent", where=where)


def _check(statement: Statement) -> None:
    """Check that the members fit each other."""
    where = "statement: predicate"
    said = statement.predicate
    check_chain(said.ledger, said.previous or None, where=where)
    if said.status:
        digest = said.status.statement
        names.require(names.hex_problem(digest), digest, where=f"{where}.status.statement")
    names.require(names.hex_problem(said.tree.root), said.tree.root, where=f"{where}.tree.root")
    check_columns(said.facts.columns, where=f"{where}.facts.columns")
    files = [f.name for f in said.facts.files]
    if said.facts.encoding == SALTED_CELLS:
        _check_confidential(said, where=where)
    else:
        check_files(said.facts.files, where=f"{where}.facts.files")
    subjects = [s.name for s in statement.subject]
    if subjects != sorted([*files, *(name for name in BESIDE if name in subjects)]):
        raise Refused("the subjects are not the files, sorted by name", where="statement: subject")
    for subject in statement.subject:
        digest = subject.digest.sha256
        names.require(names.hex_problem(digest), digest, where=f"statement: subject {subject.name}")
    _check_ours(said, where=f"{where}.facts")
    indexes.check(said.index or (), said.facts.columns, said.tree.size, where=f"{where}.index")
    source_evidence.check(said.evidence or (), where=f"{where}.evidence")


def _check_confidential(said: Predicate, *, where: str) -> None:
    """Raise `Refused` if anything but the leaf hashes of a confidential ledger is there."""
    if said.facts.files != (leaves(),):
        problem = f"not {names.LEAVES} alone, read by {LEAVES_READER}, as {SALTED_CELLS} has it"
        raise Refused(problem, where=f"{where}.facts.files")
    if said.index is not UNSET:
        raise Refused(f"an index, which no ledger with {SALTED_CELLS} has", where=f"{where}.index")


def check_files(files: tuple[SourceFile, ...], *, where: str) -> None:
    """Raise `Refused` unless these are the originals in their order, and then perhaps ledger.json, and each
    has the name that its place, reader and compression call for."""
    originals = [f for f in files if f.name != names.OUR_FILE]
    if any(f.name == names.LEAVES or f.reader == LEAVES_READER for f in files):
        raise Refused(f"leaf hashes, and the encoding is not {SALTED_CELLS}", where=where)
    if not originals or (files[-1].name != names.OUR_FILE and len(originals) != len(files)):
        raise Refused("these are not the originals, and then ledger.json", where=where)
    for number, file in enumerate(originals, 1):
        place = f"{where}: {names.shown(file.name)}"
        file.read_with(where=place)
        kind = reader_named(file.reader, where=place)
        problem = names.original_problem(
            file.name,
            json=kind.published == names.SOURCE,
            number=number,
            of=len(originals),
            compressed=file.compressed,
        )
        names.require(problem, file.name, where=where)
    if any((f.reader, f.dialect) != (originals[0].reader, originals[0].dialect) for f in originals):
        raise Refused("the originals have different readers or dialects", where=where)
    if len(originals) > 1 and originals[0].reader in OUR_READERS:
        raise Refused(f"several originals are read by {originals[0].reader}", where=where)


def _check_ours(said: Predicate, *, where: str) -> None:
    file, wanted = said.facts.files[-1], ours(said.tree, said.facts.columns, said.facts.encoding)
    if file.name == names.OUR_FILE and file != wanted:
        raise Refused(f"{names.OUR_FILE} is not read by {wanted.reader} as it is", where=f"{where}.files")
