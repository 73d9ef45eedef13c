# SPDX-License-Identifier: Apache-2.0
"""`anchor evidence`: the documents that facts cite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from anchor.app import source_evidence
from anchor.cli import options
from anchor.cli.ledger_options import ledger_options
from anchor.cli.output import out, print_json
from anchor.format.facts import brief
from anchor.intake.choice import Choice
from anchor.sources.checking import FOUND, STATES, CheckedFact, Group
from anchor.verdict import Class

_SHOWN: Final = 20
"""Facts of one state that are listed. The JSON document has all."""
_HEADS: Final = ("facts", *STATES, "weak")
EXAMPLE: Final = "anchor evidence check ledger.md --evidence evidence/evidence.toml"


@click.group()
def command() -> None:
    """Look for the values of facts in the documents that they cite.

    These documents are no evidence of misbehaviour: 'anchor verify-evidence' checks that.
    """


@command.command(cls=options.ReadingCommand, epilog=f"Example: {EXAMPLE}")
@ledger_options
@click.option(
    "--evidence", type=options.InputFile(), required=True, help="The list of documents: evidence.toml."
)
@click.option("--source-column", "source", help="Column that cites a document (default: source_url, source).")
@click.option("--value-column", "value", help="Column of the value (default: value).")
@click.option("--label-column", "label", help="Column of the label (default: label).")
@click.option("--unit-column", "unit", help="Column of the unit (default: unit).")
@click.option("--all", "everything", is_flag=True, help="List every fact that cites a document at hand.")
@click.option("--offline", is_flag=True, help="Make no connection, also not for a release with a URL.")
@click.option("--strict", is_flag=True, help="Exit 9 if a value is absent from its document, or is weak.")
@options.json_option
def check(
    *,
    ledger: tuple[Path, ...],
    choice: Choice,
    evidence: Path,
    everything: bool,
    offline: bool,
    strict: bool,
    as_json: bool,
    **named: str | None,
) -> int:
    """Report for each fact of LEDGER, a ledger or a release, if its value occurs in the document it cites.

    A value occurs as it stands, after reading digit groups and typographic variants, or is absent. It is weak
    if it occurs more than once, and nowhere with its unit or a word of its label nearby. This is about text
    and nothing more. The signature of a release is not checked: 'anchor verify' does that. Exit 0 whatever it
    finds; with --strict, 9 if a value is absent or weak; 8 if a document is not the one that the release
    commits to.
    """
    found = source_evidence.check(
        [str(path) for path in ledger], evidence, choice=choice, names=named, offline=offline
    )
    report = found.report
    if as_json:
        head = {"format": source_evidence.FORMAT, "claim": source_evidence.CLAIM}
        print_json({**head, **msgspec.to_builtins(found)})
    else:
        for line in _lines(found, everything=everything):
            out(line)
    return Class.FINDINGS.exit_code if strict and report.doubtful else 0


def _lines(found: source_evidence.Checked, *, everything: bool) -> Iterator[str]:
    for document in found.documents:
        said = {None: "", True: ", committed to", False: ", not committed to by the release"}
        yield f"document {document.file}: {document.characters} characters{said[document.committed]}"
    yield source_evidence.CLAIM
    yield ""
    yield from _table(found.report.groups, found.report.total)
    facts = found.report.facts
    if everything:
        yield from _listed("facts with a document", [f for f in facts if f.files], most=len(facts))
        return
    yield from _listed("absent", [f for f in facts if f.state == "absent"], most=_SHOWN)
    yield from _listed("weak", [f for f in facts if f.weak], most=_SHOWN)


def _table(groups: tuple[Group, ...], total: Group) -> Iterator[str]:
    yield " ".join(f"{head:>13}" for head in _HEADS) + "  source"
    for group in (*(g for g in groups if g.files), _rest([g for g in groups if not g.files]), total):
        if group.facts:
            counts = (group.facts, *(group.states[state] for state in STATES), group.weak)
            yield " ".join(f"{count:>13}" for count in counts) + f"  {group.source or 'all'}"


def _rest(groups: list[Group]) -> Group:
    """The groups whose document is not at hand, in one row."""
    sums = {state: sum(group.states[state] for group in groups) for state in STATES}
    facts = sum(group.facts for group in groups)
    return Group(source=f"({len(groups)} other sources)", files=(), facts=facts, states=sums, weak=0)


def _listed(what: str, facts: list[CheckedFact], *, most: int) -> Iterator[str]:
    if not facts:
        return
    yield ""
    yield f"{what}: {len(facts)}"
    for fact in facts[:most]:
        yield f"  line {fact.line}: {brief(fact.label)}: {brief(fact.value)} {fact.unit}".rstrip()
        if fact.state in FOUND:
            first = fact.places[0]
            page = f"page {first.place.page}, " if first.place.page else ""
            where = f"{first.file}, {page}line {first.place.line}"
            near = " and ".join(w for w, there in (("unit", first.unit), ("label", first.label)) if there)
            times = f", {fact.count} times" if fact.count > 1 else ""
            nearby = f" ({near} nearby)" if near else " (neither unit nor label nearby)"
            yield f"    {fact.state}{times}; {where}{nearby}:"
            yield f"    {first.place.before} [{first.place.text}] {first.place.after}"
    if len(facts) > most:
        yield f"  and {len(facts) - most} more"
