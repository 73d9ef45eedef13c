# SPDX-License-Identifier: Apache-2.0
"""`anchor convert`: an accepted form of a file that no reader accepts, and a list of every change."""

import io
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from anchor.cli import options
from anchor.cli.options import Output
from anchor.cli.output import print_json, say
from anchor.disk import user_files
from anchor.disk.ledger_file import as_misuse
from anchor.disk.zstd_file import unzstd
from anchor.errors import Misuse
from anchor.format.compression import gunzip
from anchor.format.names import GZ
from anchor.intake.convert import delimited, json_items, markdown_text, spreadsheet, table, write
from anchor.intake.convert.changes import Change, Changes
from anchor.intake.foreign import packed_with, unpacked
from anchor.limits import CONVERTED
from anchor.words import several

FORMAT = "urn:ledger-anchor:converted:v1"
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_JSON = (".json", ".geojson", ".jsonl", ".ndjson")
_MARKDOWN = (".md", ".markdown")
_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of workbooks, whatever their name says."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a conversion, as it is printed with --json."""

    format: str = FORMAT
    file: str
    output: str
    facts: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options of the user about the file."""

    encoding: str | None
    delimiter: str | None
    quote: str | None
    skip: int | None
    sheet: str | None
    table: int | None
    header_rows: int


@click.command(cls=options.ReadingCommand, epilog="Example: anchor convert figures.xlsx -o figures.csv")
@click.argument("file", type=options.InputFile())
@click.option("--sheet", help="The sheet of a workbook, by name or by number from 1 (default: the only one).")
@click.option(
    "--encoding", help="The encoding of the text, such as windows-1252 (default: as its bytes say)."
)
@click.option("--delimiter", help="What separates the fields (default: as the text shows).")
@click.option("--quote", help="What stands around a field (default: as the text shows).")
@click.option(
    "--skip", type=click.IntRange(0, 1000), help="Lines or rows above the header (default: searched)."
)
@click.option(
    "--header-rows",
    type=click.IntRange(1, 9),
    default=1,
    help="Rows of names, the first ones below --skip, to be joined: 2020 / male (default: 1).",
)
@click.option("--table", type=click.IntRange(1), help="The table of a Markdown document, from 1.")
@click.option(
    "-o", "--output", required=True, type=options.OutputFile(), help="A .csv or .jsonl file; '-' gives CSV."
)
@options.json_option
def command(*, file: Path, output: Output, as_json: bool, **given: object) -> int:
    """Write FILE in a form that can be published, and list every change that was made.

    For workbooks (.xlsx, .ods, ...), for text in other encodings, with lines above the header or notes below
    the table, and for JSON that is not UTF-8. Each may be compressed (.gz, .zst). FILE itself stays as it is.
    Read the list: what was changed here is what people will check against your own file.
    """
    output.check_apart(file)
    data = _unpacked(user_files.read(file, limit=CONVERTED), where=str(file))
    changes, facts = Changes(), 0
    target = output.path.suffix.lower() if output.path != user_files.STDOUT else ".csv"
    if target not in (".csv", ".jsonl"):
        raise Misuse(
            "ends neither in .csv nor in .jsonl", where=str(output.path), remedy="choose one of them"
        )
    lines: list[bytes] = []
    for line in _converted(data, file, target, Given(**given), changes):  # type: ignore[arg-type]  # of click
        lines.append(line)
        facts += 1
    facts -= target == ".csv"
    if not facts:
        raise Misuse("no facts", where=str(file), remedy="name a file with at least one row")
    output.write(b"".join(lines))
    report = Report(file=str(file), output=str(output.path), facts=facts, changes=tuple(changes))
    if as_json and output.path != user_files.STDOUT:
        print_json(report)
    else:
        for text in _shown(report):
            say(text)
    return 0


def _unpacked(data: bytes, *, where: str) -> bytes:
    """The bytes that come out of a compressed file; other bytes as they are."""
    ending = packed_with(data)
    if not ending:
        return data
    packed = io.BytesIO(data)
    with as_misuse():
        unpack = gunzip if ending == GZ else unzstd
        inner = unpack(packed, where=where, limit=CONVERTED).read()
    if packed_with(inner):
        raise Misuse("compressed a second time", where=where, remedy="unpack it once, and convert that file")
    return inner


def _converted(data: bytes, file: Path, target: str, given: Given, changes: Changes) -> Iterator[bytes]:
    """The lines of the file that is written."""
    where, ending = str(file), Path(unpacked(file.name)).suffix.lower()
    if ending in _WORKBOOKS or data.startswith(_STARTS):
        rows = spreadsheet.rows_of(data, given.sheet, changes, where=where)
        found = table.Converted(
            rows, changes, unit="row", skip=given.skip, header_rows=given.header_rows, where=where
        )
        return _written(found, target)
    text = delimited.text_of(data, given.encoding, changes, where=where)
    if given.header_rows > 1 and ending in (*_JSON, *_MARKDOWN):
        problem = "is for delimited text and workbooks"
        raise Misuse(problem, where="--header-rows", remedy="leave it out")
    if ending in _JSON:
        if target != ".jsonl":
            raise Misuse(
                "JSON is written as JSON Lines", where="-o", remedy="name a file that ends in .jsonl"
            )
        return (line.encode() + b"\n" for line in json_items.objects(text, changes, where=where))
    if ending in _MARKDOWN:
        rows = markdown_text.rows_of(text, given.table, changes, where=where)
        return _written(table.Converted(rows, changes, unit="row", skip=0, where=where), target)
    above = given.skip or 0 if given.header_rows > 1 else given.skip
    rows, skip = delimited.rows_of(
        text, changes, delimiter=given.delimiter, quote=given.quote, skip=above, where=where
    )
    found = table.Converted(rows, changes, unit="line", skip=skip, header_rows=given.header_rows, where=where)
    return _written(found, target)


def _written(found: table.Converted, target: str) -> Iterator[bytes]:
    write_as = write.as_csv if target == ".csv" else write.as_json_lines
    return write_as(found.columns, found)


def _shown(report: Report) -> Iterable[str]:
    for change in report.changes:
        times = f" ({change.count} times)" if change.count > 1 else ""
        yield f"changed: {change.what}{times}"
        for example in change.examples:
            yield f"    {example}"
    if not report.changes:
        yield "changed: nothing but the form of the file"
    name = shlex.quote(str(report.output))
    yield f"{report.output}: {several(report.facts, 'fact')}; next: anchor lint {name}"
