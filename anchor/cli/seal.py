# SPDX-License-Identifier: Apache-2.0
"""`anchor seal`: facts, root and statement of a ledger. Signs nothing, sends nothing."""

import hashlib
from contextlib import ExitStack
from pathlib import Path

import click

from anchor.cli import options
from anchor.cli.output import Counter, out, print_json
from anchor.disk import files, user_files
from anchor.disk.ledger_file import SealedFile, guard_input, seal_file
from anchor.disk.staged_folder import staged
from anchor.errors import Misuse, Refused
from anchor.format import names
from anchor.format.readers import READERS
from anchor.format.statement import (
    MAX_STATEMENT,
    LedgerName,
    Previous,
    SourceFile,
    Tree,
    commit,
    decode,
    encode,
    link,
)

FORMAT = "urn:ledger-anchor:sealed:v1"
STATEMENT = "statement.json"


@click.command()
@click.argument("ledger", type=options.InputFile())
@click.option("--name", required=True, help="Name of the ledger, the same for all its releases.")
@click.option("--version", required=True, help="The publisher's name for this release, such as 1.0.0.")
@click.option("--number", type=click.IntRange(1), help="Number of the release, from 1 (default: the next).")
@click.option(
    "--previous",
    type=options.InputFile(),
    help="statement.json of the previous release; needed from number 2 on.",
)
@click.option("--reader", type=click.Choice(list(READERS)), help="Format of the ledger (default: by name).")
@click.option(
    "-o",
    "--output",
    type=options.Folder(),
    help="Folder for ledger, ledger.json and statement.json.",
)
@options.json_option
def command(
    *,
    ledger: Path,
    name: str,
    version: str,
    number: int | None,
    previous: Path | None,
    reader: str | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Print the root, the count and the digests of a ledger. With -o, write the unsigned statement.

    Nothing is signed and nothing is sent. Either all three files are written or none.

    Example: anchor seal ledger.md --name my-ledger --version 1.0.0 -o sealed/
    """
    names.check_arguments(name, version)
    before = _previous(previous, name)
    named = LedgerName(name=name, number=_number(number, before), version=version)
    with ExitStack() as stack:
        folder = stack.enter_context(staged(output)) if output else None
        sealed = seal_file(ledger, ledger=named, folder=folder, reader=reader, progress=Counter())
        statement = _statement(sealed, named, before)
        if folder is not None and output is not None:
            guard_input(ledger, output, sealed.files)
            files.write(folder / STATEMENT, statement)
    _print(sealed, named, statement, as_json=as_json)
    if output is not None and not as_json:
        out(f"written    {output}")
    return 0


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


def _statement(sealed: SealedFile, named: LedgerName, before: Previous | None) -> bytes:
    try:
        statement = commit(
            ledger=named,
            tree=Tree.of(sealed.sealed.root, sealed.sealed.size),
            columns=sealed.sealed.columns,
            original=SourceFile(name=sealed.source.name, reader=sealed.reader),
            digests={f.name: f.sha256 for f in sealed.files},
            previous=before,
        )
        return encode(statement)
    except Refused as e:  # what was given does not go together
        raise Misuse(e.problem, where=e.where, remedy=e.remedy) from None


def _print(sealed: SealedFile, named: LedgerName, statement: bytes, *, as_json: bool) -> None:
    found = sealed.sealed
    digest = hashlib.sha256(statement).hexdigest()
    if as_json:
        print_json(
            {
                "format": FORMAT,
                "ledger": named,
                "tree": Tree.of(found.root, found.size),
                "columns": found.columns,
                "reader": sealed.reader,
                "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in sealed.files],
                "statement": {"size": len(statement), "sha256": digest},
            }
        )
        return
    out(f"ledger     {named.name}, release {named.number}, version {named.version}")
    out(f"root       {found.root.hex()}")
    out(f"size       {found.size} facts")
    out(f"columns    {', '.join(found.columns)}")
    for file in sealed.files:
        out(f"sha256     {file.sha256}  {file.name} ({file.size} bytes)")
    out(f"sha256     {digest}  {STATEMENT} ({len(statement)} bytes)")
