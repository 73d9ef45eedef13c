# SPDX-License-Identifier: Apache-2.0
"""`anchor seal`: facts, root and statement of a ledger. Signs nothing, sends nothing."""

import hashlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from anchor.app.schema import check as check_schema
from anchor.cli import options
from anchor.cli.key_options import index_option
from anchor.cli.ledger_options import (
    check_blind,
    evidence_option,
    ledger_options,
    opened_option,
    schema_options,
)
from anchor.cli.output import out, print_json, say
from anchor.cli.progress import Counter
from anchor.disk import files, user_files
from anchor.disk.ledger_file import LedgerFile, SchemaFile, SealedFile, drop_left_out, guard_input, seal_file
from anchor.disk.ledger_input import with_ledger
from anchor.disk.staged_folder import staged
from anchor.errors import Misuse, Refused
from anchor.format import names
from anchor.format.names import STATEMENT
from anchor.format.source_evidence import Descriptor
from anchor.format.statement import (
    MAX_STATEMENT,
    LedgerName,
    Previous,
    Tree,
    decode,
    encode,
    link,
)
from anchor.format.statement_2 import LEAVES_READER
from anchor.intake.choice import Choice
from anchor.intake.reading import as_text
from anchor.words import several

FORMAT = "urn:ledger-anchor:sealed:v1"


@click.command()
@ledger_options
@schema_options
@evidence_option
@click.option("--name", required=True, help="Name of the ledger, the same for all its releases.")
@click.option("--version", required=True, help="The publisher's name for this release, such as 1.0.0.")
@index_option
@click.option("--blind", is_flag=True, help="Seal leaf hashes with a new secret, and publish no facts.")
@opened_option
@click.option("--number", type=click.IntRange(1), help="Number of the release, from 1 (default: the next).")
@click.option(
    "--previous",
    type=options.InputFile(),
    help="statement.json of the previous release; needed from number 2 on.",
)
@click.option(
    "-o",
    "--output",
    type=options.Folder(),
    help="Folder for ledger, ledger.json and statement.json.",
)
@options.json_option
def command(
    *,
    ledger: tuple[Path, ...],
    choice: Choice,
    name: str,
    version: str,
    number: int | None,
    previous: Path | None,
    output: Path | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Print the root, the count and the digests of a ledger. With -o, write the unsigned statement.

    Nothing is signed and nothing is sent. Either all three files are written or none.

    Example: anchor seal ledger.md --name my-ledger --version 1.0.0 -o sealed/
    """
    names.check_arguments(name, version)
    check_blind(given, ledger)
    before = _previous(previous, name)
    named = LedgerName(name=name, number=_number(number, before), version=version)

    schema: SchemaFile | None = given["schema"]

    def done(found: tuple[LedgerFile, ...]) -> tuple[SealedFile, bytes]:
        if line := check_schema(found, schema, unchecked=given["schema_unchecked"]):
            say(line)
        with ExitStack() as stack:
            folder = stack.enter_context(staged(output)) if output else None
            if given["blind"]:
                sealed = _confidential(found, named, schema, folder, given)
            else:
                sealed = seal_file(
                    found,
                    ledger=named,
                    schema=schema,
                    folder=folder,
                    progress=Counter("reading"),
                    keys=given["index"],
                )
            statement = _statement(sealed, named, before, given["evidence"])
            if folder is not None and output is not None:
                drop_left_out(folder, decode(statement))
                for path in ledger:
                    guard_input(path, output, sealed.files)
                files.write(folder / STATEMENT, statement)
        return sealed, statement

    sealed, statement = with_ledger(ledger, choice, done)
    _print(sealed, named, statement, given["evidence"], as_json=as_json)
    if output is not None and not as_json:
        out(f"written    {output}")
    return 0


def _confidential(
    found: tuple[LedgerFile, ...],
    named: LedgerName,
    schema: SchemaFile | None,
    folder: Path | None,
    given: dict[str, Any],
) -> SealedFile:
    """Seal with a new secret. It is in the opening, if one is asked for, and nowhere else."""
    from anchor.disk import confidential_ledger  # few ledgers are confidential

    path: options.Output | None = given["opened_out"]
    with ExitStack() as stack:
        return confidential_ledger.seal_confidential(
            found,
            ledger=named,
            secret=confidential_ledger.new_secret(),
            schema=schema,
            folder=folder,
            opening=stack.enter_context(confidential_ledger.opening_file(path.path)) if path else None,
            progress=Counter("reading"),
        )


def _previous(path: Path | None, name: str) -> Previous | None:
    if path is None:
        return None
    try:
        data = user_files.read(path, limit=MAX_STATEMENT)
        theirs = decode(data).ledger.name
        if theirs != name:
            problem = f"of the ledger {names.shown(theirs)}, not of {names.shown(name)}"
            raise Misuse(problem, where=str(path), remedy="a release follows one of its own ledger")
        return link(data)
    except Refused as e:
        raise Misuse(
            e.problem, where=f"{path}: {e.where}", remedy="name the statement.json of a release"
        ) from None


def _number(number: int | None, before: Previous | None) -> int:
    follows = before.number + 1 if before else 1
    if number is not None and number != follows:
        remedy = (
            "leave --number out" if before else "name the statement of the release before with --previous"
        )
        raise Misuse(f"{number} is not {follows}, which follows", where="--number", remedy=remedy)
    return follows


def _statement(
    sealed: SealedFile, named: LedgerName, before: Previous | None, evidence: tuple[Descriptor, ...]
) -> bytes:
    try:
        return encode(sealed.commit(named, before, evidence=evidence))
    except Refused as e:  # what was given does not go together
        raise Misuse(e.problem, where=e.where, remedy=e.remedy) from None


def _print(
    sealed: SealedFile,
    named: LedgerName,
    statement: bytes,
    evidence: tuple[Descriptor, ...],
    *,
    as_json: bool,
) -> None:
    found = sealed.sealed
    digest = hashlib.sha256(statement).hexdigest()
    if as_json:
        print_json(
            {
                "format": FORMAT,
                "ledger": named,
                "tree": Tree.of(found.root, found.size),
                "columns": found.columns,
                "reader": sealed.originals[0].reader if sealed.originals else LEAVES_READER,
                "reading": sealed.reading,
                "indexes": found.indexes,
                "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in sealed.files],
                **({"evidence": evidence} if evidence else {}),
                "statement": {"size": len(statement), "sha256": digest},
            }
        )
        return
    out(f"ledger     {named.name}, release {named.number}, version {named.version}")
    out(f"root       {found.root.hex()}")
    out(f"size       {several(found.size, 'fact')}")
    for line in as_text(sealed.reading):
        out(line)
    for index in found.indexes:
        out(f"{index.line}, root {index.root}")
    for file in sealed.files:
        out(f"sha256     {file.sha256}  {file.name} ({file.size} bytes)")
    for one in evidence:
        out(f"evidence   {one.digest.sha256}  {one}")
    out(f"sha256     {digest}  {STATEMENT} ({len(statement)} bytes)")
