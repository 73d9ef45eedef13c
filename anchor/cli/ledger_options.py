# SPDX-License-Identifier: Apache-2.0
"""The ledger files of a command, the options that say how they are read, and the reading that it shows."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click

from anchor.cli import options
from anchor.disk import user_files
from anchor.disk.ledger_file import SchemaFile
from anchor.errors import Misuse
from anchor.format.readers import READERS
from anchor.format.source_evidence import Descriptor
from anchor.intake.choice import NAMED_DELIMITERS, Choice, names_of_line

F = TypeVar("F", bound=Callable[..., Any])
ENCODINGS: Final = ("utf-8", "utf-16", "windows-1252", "iso-8859-1", "iso-8859-15", "macintosh")


class _Character(click.ParamType[Any]):
    """One character; TAB may be written as a word."""

    name = "character"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = NAMED_DELIMITERS.get(value.lower(), value)
        if len(found) != 1:
            self.fail(f"{value!r} is not one character (TAB is written TAB)", param, ctx)
        return found


class _Quote(_Character):
    """One character, or `none`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "none" else super().convert(value, param, ctx)


_READER = click.option(
    "--reader", type=click.Choice(list(READERS)), help="Format of the ledger (default: by name)."
)
_AS_READ = click.option(
    "--as-read", is_flag=True, help="The ledger is meant as it is read, although it looks like a mistake."
)
_MEMBERS: Final = (
    click.option("--delimiter", type=_Character(), help="Character between fields; TAB is written TAB."),
    click.option("--quote", type=_Quote(), help="Character around fields, or `none`."),
    click.option("--encoding", type=click.Choice(ENCODINGS), help="Encoding of the text (default: utf-8)."),
    click.option("--skip", type=click.IntRange(0), help="Lines above the header that are not read."),
    click.option(
        "--header/--no-header", default=None, help="The first line has names, or is a fact (see --columns)."
    ),
    click.option("--columns", help="Names of the columns of a file without header, separated by ','."),
    click.option("--empty-lines", type=click.Choice(["end", "all"]), help="Empty lines that are not read."),
    click.option("--null", help="An unquoted field of this text is null."),
    click.option(
        "--rename", is_flag=True, default=None, help="Name columns that have no name, or a taken one."
    ),
    click.option("--at", help="JSON pointer to the facts inside a document, such as /items."),
    click.option("--key-column", help="The facts are members of an object: column for their names."),
    click.option("--table", help="Which table of a document: its number, or the heading above it."),
)
_NAMES: Final = (
    "delimiter",
    "quote",
    "encoding",
    "skip",
    "header",
    "columns",
    "empty_lines",
    "null",
    "rename",
    "at",
    "key_column",
    "table",
)


def ledger_options(function: F) -> F:
    """LEDGER..., and the options that say how it is read. The command gets `ledger` and `choice`."""
    argument = click.argument("ledger", nargs=-1, required=True, type=options.InputFile())
    return argument(reading_options(function))


def reading_options(function: F) -> F:
    """The options that say how a ledger file is read. The command gets `choice`."""

    @functools.wraps(function)
    def called(*args: Any, reader: str | None, as_read: bool, **given: Any) -> Any:
        members = {name: given.pop(name) for name in _NAMES}
        found = {name: _member(name, value) for name, value in members.items() if value is not None}
        return function(*args, choice=Choice(reader, found, as_read), **given)

    command: Any = called
    for option in reversed((_READER, *_MEMBERS, _AS_READ)):
        command = option(command)
    return command  # type: ignore[no-any-return]  # click keeps the type


def _member(name: str, value: Any) -> Any:
    """The value of an option as a dialect has it."""
    if name == "columns":
        return names_of_line(value)
    if name == "quote" and value == "none":
        return None
    if name == "table" and value.isdecimal():
        return int(value)
    return value


_SCHEMA = click.option(
    "--schema", type=options.InputFile(), help="A Frictionless Table Schema (JSON) of the ledger."
)
_UNCHECKED = click.option(
    "--schema-unchecked", is_flag=True, help="Take the schema without checking types and constraints."
)


def schema_option(function: F) -> F:
    """The option --schema; the command gets a `SchemaFile` or None."""

    @functools.wraps(function)
    def called(*args: Any, schema: Path | None, **given: Any) -> Any:
        return function(*args, schema=SchemaFile.read(schema) if schema else None, **given)

    return cast("F", _SCHEMA(called))


def schema_options(function: F) -> F:
    """The options of a command that publishes a schema; it gets `schema` and `schema_unchecked`."""
    return schema_option(_UNCHECKED(function))


_EVIDENCE = click.option(
    "--evidence",
    type=options.InputFile(),
    help="A list of source documents (evidence.toml) to commit to by name and digest.",
)


def evidence_option(function: F) -> F:
    """The option --evidence; the command gets the descriptors of the documents, perhaps none."""

    @functools.wraps(function)
    def called(*args: Any, evidence: Path | None, **given: Any) -> Any:
        return function(*args, evidence=_descriptors(evidence) if evidence else (), **given)

    return cast("F", _EVIDENCE(called))


def opened_option(function: F) -> F:
    """The option --opened-out of a command with --blind; see `check_blind`."""
    help_ = "With --blind: write secret and facts for an auditor, who then knows every fact."
    return click.option("--opened-out", type=options.OutputFile(), help=help_)(function)


def check_blind(given: dict[str, Any], ledger: Sequence[Path]) -> None:
    """Raise `Misuse` for options that do not go with `blind`, or need it. `ledger`: its files."""
    if given["opened_out"] is not None and not given["blind"]:
        problem = "only a confidential ledger has an opening"
        raise Misuse(problem, where="--opened-out", remedy="give --blind, or leave it out")
    if given["opened_out"] is not None:
        given["opened_out"].check_apart(*ledger)
        path = user_files.regular(given["opened_out"].path)
        if not path.parent.is_dir():
            raise Misuse(
                "there is no such folder", where=f"--opened-out {path.parent}", remedy="make it first"
            )
    if given["blind"] and given["index"]:
        problem = "nothing is found in leaf hashes"
        raise Misuse(problem, where="--index", remedy="leave --index or --blind out")


def _descriptors(path: Path) -> tuple[Descriptor, ...]:
    from anchor.disk import document_files  # most ledgers are published without any

    return document_files.descriptors(path)
