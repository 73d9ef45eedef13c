# SPDX-License-Identifier: Apache-2.0
"""`anchor evidence check`: the facts of a ledger or a release against the documents that they cite.

The documents are those of an `evidence.toml`. Of a release it is also compared that they are the documents to
which its statement commits; who signed the statement is not asked here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from anchor.app import named_release
from anchor.app.diff import is_release
from anchor.disk import document_files, user_files
from anchor.disk.document_text import text_of
from anchor.disk.ledger_file import LedgerFile, open_ledgers
from anchor.disk.ledger_input import with_ledger
from anchor.errors import Misuse, Refused
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.facts import Table
from anchor.format.leaves import STRINGS, STRINGS_OR_NULL
from anchor.format.source_evidence import Descriptor
from anchor.intake.choice import Choice
from anchor.net.budget import Budget
from anchor.sources import checking
from anchor.sources.checking import Report, SourceText
from anchor.sources.citations import columns
from anchor.sources.matching import Document
from anchor.verify import ledger_checks

FORMAT: Final = "urn:ledger-anchor:evidence-check:v1"
CLAIM: Final = (
    "found means that the characters stand in the text, and says nothing about what the document means"
)
BUDGET: Final = 120.0
"""Seconds for everything that is fetched."""


class AtHand(msgspec.Struct, frozen=True, kw_only=True):
    """A document of the list. `committed`: the release commits to it; None if no release was checked."""

    file: str
    sha256: str
    characters: int
    committed: bool | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The report, and the documents at hand."""

    documents: tuple[AtHand, ...]
    report: Report


def check(
    ledger: Sequence[str], evidence: Path, *, choice: Choice, names: Mapping[str, str | None], offline: bool
) -> Checked:
    """Check a release (one path or URL), or the files of a ledger. `names`: columns that the user named.

    Raises `Misuse` for a ledger, a list or a document that cannot be read, and `Refused` for a document that
    is not the one to which the release commits.
    """
    texts, found = _texts(evidence)
    if len(ledger) == 1 and is_release(ledger[0]):
        if choice != Choice():
            problem = "these options say how a ledger file is read, and this is a release"
            raise Misuse(problem, where="--reader and the like", remedy="leave them out")
        report, committed = _of_release(
            ledger[0], texts, names, {one.file: one.sha256 for one in found}, offline
        )
        found = [msgspec.structs.replace(one, committed=one.file in committed) for one in found]
    else:
        report = _of_files([Path(path) for path in ledger], choice, texts, names)
    return Checked(documents=tuple(found), report=report)


def _texts(evidence: Path) -> tuple[list[SourceText], list[AtHand]]:
    """The documents of a list, as texts in which values are looked for, and as they are told."""
    texts, found = [], []
    for one in document_files.read_list(evidence):
        text, sha256 = text_of(user_files.base(evidence), one)
        texts.append(SourceText(file=one.file, urls=one.urls, document=Document(text)))
        found.append(AtHand(file=one.file, sha256=sha256, characters=len(text)))
    return texts, found


def _of_files(
    paths: Sequence[Path], choice: Choice, texts: Sequence[SourceText], names: Mapping[str, str | None]
) -> Report:
    def read(found: tuple[LedgerFile, ...]) -> Report:
        with open_ledgers(found) as ledger:
            return _report(ledger.table, texts, names, where=found[0].where)

    return with_ledger(paths, choice, read)


def _of_release(
    target: str,
    texts: Sequence[SourceText],
    names: Mapping[str, str | None],
    digests: Mapping[str, str],
    offline: bool,  # noqa: FBT001  an option of the command
) -> tuple[Report, frozenset[str]]:
    """The report of a release, and the names of the documents to which it commits.

    Its ledger has the digest that its statement names. Whether an accepted signer signed the statement is
    for `anchor verify`.
    """
    data, files = named_release.load(target, Budget(BUDGET), offline=offline)
    release = release_file.load(data)
    signed = statements.decode(ledger_checks.read_statement(release, files))
    ledger_checks.compare(release, signed)
    if signed.encoding not in (STRINGS, STRINGS_OR_NULL):
        raise Misuse("its facts are not published", where=target, remedy="name the ledger file instead")
    committed = _committed(signed.evidence, digests)
    with ledger_checks.open_facts(release, signed, files) as table:
        return _report(table, texts, names, where=target), committed


def _committed(evidence: Sequence[Descriptor], digests: Mapping[str, str]) -> frozenset[str]:
    for one in evidence:
        if digests.get(one.name, one.digest.sha256) != one.digest.sha256:
            problem = f"its SHA-256 is {digests[one.name]}, and the release commits to {one.digest.sha256}"
            raise Refused(problem, where=one.name, remedy="check with the document that was committed to")
    return frozenset(one.name for one in evidence)


def _report(
    table: Table, texts: Sequence[SourceText], names: Mapping[str, str | None], *, where: str
) -> Report:
    return checking.check(table, columns(table.columns, names, where=where), texts)
