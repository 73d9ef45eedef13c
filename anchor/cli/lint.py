# SPDX-License-Identifier: Apache-2.0
"""`anchor lint`: read a ledger as `seal` does, and list what its readers may misread."""

from pathlib import Path

import click

from anchor.cli import options
from anchor.cli.output import out, print_json
from anchor.disk.ledger_file import open_ledger
from anchor.format.facts import brief
from anchor.format.readers import READERS
from anchor.inspect.lint import KINDS, Finding, Report, lint
from anchor.verdict import Class

_SHOWN_LINES = 8


@click.command()
@click.argument("ledger", type=options.InputFile())
@click.option("--strict", is_flag=True, help="Exit 9 if there are findings.")
@click.option("--reader", type=click.Choice(list(READERS)), help="Format of the ledger (default: by name).")
@options.json_option
def command(*, ledger: Path, strict: bool, reader: str | None, as_json: bool) -> int:
    """Read a ledger and list what a reader may misread, with line numbers. Nothing is edited.

    Placeholders, labels that differ only in case or spacing, one label and period with different values, text
    that is not NFC, invisible and look-alike characters, seals and facts that repeat. Exit 0 whatever it
    finds, 9 with --strict, 2 for a ledger that cannot be read.

    Example: anchor lint ledger.md --strict
    """
    with open_ledger(ledger, reader=reader) as found:
        report = lint(found.table, file=str(ledger), reader=found.reader)
    if as_json:
        print_json(report)
    else:
        _print(report)
    return Class.FINDINGS.exit_code if strict and report.findings else 0


def _print(report: Report) -> None:
    for kind, meaning in KINDS.items():
        findings = [f for f in report.findings if f.kind == kind]
        if findings:
            out(f"{kind}: {meaning} ({len(findings)})")
            for finding in findings:
                out(f"  {_line(finding, READERS[report.reader].unit)}")
    parts = [f"{report.facts} facts"]
    if report.distinct_labels is not None:
        parts.append(f"{report.distinct_labels} distinct labels")
    parts.append(f"{report.exact_duplicates} exact duplicates")
    parts.append(f"{report.repeated_seals} repeated seal{'' if report.repeated_seals == 1 else 's'}")
    out(f"{report.file}: {', '.join(parts)}, {len(report.findings)} findings ({report.reader})")


def _line(finding: Finding, unit: str) -> str:
    lines = finding.lines
    shown = ", ".join(map(str, lines[:_SHOWN_LINES]))
    more = f" and {len(lines) - _SHOWN_LINES} more" if len(lines) > _SHOWN_LINES else ""
    subject = f"{finding.column}: " if finding.column else ""
    text = f"{brief(finding.text, 120)} " if finding.text and finding.kind != "label-spelling" else ""
    return f"{unit}{'s' if len(lines) > 1 else ''} {shown}{more}: {subject}{text}{finding.message}"
