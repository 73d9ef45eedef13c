# SPDX-License-Identifier: Apache-2.0
"""`anchor lint`: read a ledger as `seal` does, and list what its readers may misread."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import msgspec

from anchor.app.lint import lint_files
from anchor.app.malformed import lint_malformed
from anchor.cli import options
from anchor.cli.ledger_options import ledger_options, schema_option
from anchor.cli.output import out, print_json, say
from anchor.disk.ledger_file import SchemaFile
from anchor.disk.ledger_input import Unread, given_ledger
from anchor.format.facts import brief
from anchor.inspect.lint import KINDS, Finding, Report
from anchor.intake.choice import Choice
from anchor.intake.reading import as_text
from anchor.verdict import Class
from anchor.words import several

_SHOWN_LINES = 8
_SHOWN_FINDINGS = 20
"""Findings of one kind that are printed. The JSON document has more."""
_STRICT = ("error", "warning")


@click.command(cls=options.ReadingCommand)
@ledger_options
@schema_option
@click.option("--strict", is_flag=True, help="Exit 9 if there are warnings.")
@options.json_option
def command(
    *, ledger: tuple[Path, ...], choice: Choice, schema: SchemaFile | None, strict: bool, as_json: bool
) -> int:
    """Read a ledger and list what a reader may misread, with line numbers. Nothing is edited.

    A warning is a value, a label or a name that a reader may take for another one. A note is often meant: a
    word for a missing value, a no-break space, a date that is not ISO 8601. Exit 0 whatever it finds; with
    --strict, 9 if there are warnings, and 0 if there are only notes. Exit 2 for a ledger that cannot be
    sealed: lint then lists all its errors, and goes on with the facts beside them.

    Example: anchor lint ledger.md --strict
    """
    with given_ledger(ledger, choice) as given:
        try:
            report, reading = given.read(partial(lint_files, schema=schema))
        except Unread as e:
            if e.file is None:
                raise
            report, reading = lint_malformed(e.file, e), None
    if as_json:
        print_json({**msgspec.to_builtins(report), "reading": reading})
    elif reading is not None or sum(finding.count for finding in report.findings) > 1:
        for line in (*(as_text(reading) if reading else ()), *_lines(report)):
            out(line)
    if report.refusal:
        if not as_json:
            say(f"anchor: {report.refusal}")
        return Class.USAGE.exit_code
    worse = sum(report.severities[severity] for severity in _STRICT)
    return Class.FINDINGS.exit_code if strict and worse else 0


def _lines(report: Report) -> Iterator[str]:
    for kind, meaning in KINDS.items():
        findings = [f for f in report.findings if f.kind == kind]
        if findings:
            yield f"{kind}: {meaning} ({len(findings)})"
            for finding in findings[:_SHOWN_FINDINGS]:
                yield f"  {_line(finding, report.unit)}"
            if (more := len(findings) - _SHOWN_FINDINGS) > 0:
                yield f"  and {more} more; --json lists them"
    if report.unread:
        yield f"not judged: {report.unread}"
    parts = [several(report.facts, "fact")]
    if report.distinct_labels is not None:
        parts.append(f"{report.distinct_labels} distinct labels")
    parts.append(f"{report.exact_duplicates} exact duplicates")
    parts.append(f"{report.repeated_seals} repeated seal{'' if report.repeated_seals == 1 else 's'}")
    found = ", ".join(
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity, number in report.severities.items()
        if number
    )
    yield f"{report.file}: {', '.join(parts)}; {found or 'no findings'} ({report.reader})"


def _line(finding: Finding, unit: str) -> str:
    mark = "" if finding.severity == "warning" else f"{finding.severity}: "
    subject = f"{finding.column}: " if finding.column else ""
    text = f"{brief(finding.text, 120)} " if finding.text and finding.kind not in _NAMED_IN_MESSAGE else ""
    return f"{mark}{_place(finding, unit)}{subject}{text}{finding.message}"


_NAMED_IN_MESSAGE = ("label-spelling", "label-look-alike", "name-spelling")


def _place(finding: Finding, unit: str) -> str:
    """The lines of a finding, in words."""
    lines, count = finding.lines, finding.count
    if not lines:
        return f"{count} fact{'' if count == 1 else 's'}: " if count else ""
    shown = ", ".join(map(str, lines[:_SHOWN_LINES]))
    more = count - min(len(lines), _SHOWN_LINES)
    return f"{unit}{'s' if len(lines) > 1 else ''} {shown}{f' and {more} more' if more > 0 else ''}: "
