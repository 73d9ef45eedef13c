# SPDX-License-Identifier: Apache-2.0
"""A statement of version 1 as it is written: its members, and which of them fit each other.

FORMAT.md section 6.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from anchor import limits
from anchor.errors import Refused, Unsupported
from anchor.format import names
from anchor.format.facts import check_columns
from anchor.format.leaves import STRINGS
from anchor.format.members import Digests, LedgerName, Previous, Tree, check_chain
from anchor.format.readers import VERSION_1
from anchor.format.strict_json import build

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:ledger-anchor:commitment:v1"
OUR_READER: Final = "ledger-json-v1"

# The pattern is for the JSON Schema: `names` checks the text, and gives the reason.
FileName = Annotated[str, Meta(extra_json_schema={"pattern": names.LEDGER_FILE})]
if TYPE_CHECKING:
    Reader = str
else:
    Reader = Literal[VERSION_1]


class SourceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published ledger file, and the reader that finds the facts in it."""

    name: FileName
    reader: Reader


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files become leaves: column names in published order, the encoding of a leaf, files by name."""

    columns: Annotated[tuple[str, ...], Meta(min_length=1, extra_json_schema={"uniqueItems": True})]
    encoding: Literal["rfc8785-strings"]
    files: Annotated[tuple[SourceFile, ...], Meta(min_length=2, max_length=2)]


class Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is committed to. `index`, `blinding` and `evidence` are kept for what is not implemented here."""

    ledger: LedgerName
    tree: Tree
    facts: Facts
    index: None
    blinding: None
    evidence: Annotated[tuple[dict[str, Any], ...], Meta(max_length=0)]
    previous: Previous | None


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


def statement(
    *,
    ledger: LedgerName,
    tree: Tree,
    columns: tuple[str, ...],
    files: Mapping[str, str],
    digests: Mapping[str, str],
    previous: Previous | None,
) -> Statement:
    """The statement as it is written; `files` has the reader of each file, by name."""
    listed = tuple(SourceFile(name=name, reader=reader) for name, reader in sorted(files.items()))
    return Statement(
        type=STATEMENT_TYPE,
        subject=tuple(Subject(name=n, digest=Digests(sha256=d)) for n, d in sorted(digests.items())),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            ledger=ledger,
            tree=tree,
            facts=Facts(columns=columns, encoding=STRINGS, files=listed),
            index=None,
            blinding=None,
            evidence=(),
            previous=previous,
        ),
    )


def read(value: dict[str, Any]) -> Statement:
    """The statement that a JSON object is. Raises `Refused` and `Unsupported` as `statement.decode`."""
    _check_evidence(value.get("predicate"))
    found = build(value, Statement, where="statement")
    _check(found)
    return found


def check_files(files: list[str], *, where: str) -> None:
    """Raise `Refused` unless these are ledger.json and one original, sorted by name."""
    for name in files:
        names.require(names.file_problem(name), name, where=where)
    if len(files) != 2 or names.OUR_FILE not in files or files != sorted(set(files)):
        raise Refused("these are not ledger.json and one original, sorted by name", where=where)


def _check_evidence(predicate: object) -> None:
    """Descriptors of source documents are a kind for a later version of this program."""
    evidence = predicate.get("evidence") if isinstance(predicate, dict) else None
    if isinstance(evidence, list) and evidence:
        raise Unsupported("evidence is a kind that this program does not know", where="statement: evidence")


def _check(statement: Statement) -> None:
    """Check that the members fit each other."""
    where = "statement: predicate"
    said = statement.predicate
    check_chain(said.ledger, said.previous, where=where)
    names.require(names.hex_problem(said.tree.root), said.tree.root, where=f"{where}.tree.root")
    check_columns(said.facts.columns, where=f"{where}.facts.columns", most=limits.COLUMNS)
    files = [f.name for f in said.facts.files]
    check_files(files, where=f"{where}.facts.files")
    ours = said.facts.files[files.index(names.OUR_FILE)]
    if ours.reader != OUR_READER:
        raise Refused(f"{names.OUR_FILE} is read by {ours.reader}", where=f"{where}.facts.files")
    if [s.name for s in statement.subject] != files:
        raise Refused("the subjects are not the files", where="statement: subject")
    for subject in statement.subject:
        digest = subject.digest.sha256
        names.require(names.hex_problem(digest), digest, where=f"statement: subject {subject.name}")
