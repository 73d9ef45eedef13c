# SPDX-License-Identifier: Apache-2.0
"""`anchor diff`: which facts differ between two releases, or a release and a draft."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from anchor.cli import options
from anchor.cli.ledger_options import reading_options
from anchor.cli.output import out, print_json_lines, say
from anchor.cli.progress import Counter
from anchor.format.facts import brief
from anchor.format.statement import Tree
from anchor.intake.choice import Choice
from anchor.log_kinds.short_names import ShortNames
from anchor.verdict import ACCEPTING, Class
from anchor.words import several

if TYPE_CHECKING:
    from anchor.app.diff import Compared, Side

FORMAT = "urn:ledger-anchor:diff:v1"
MOST = 20
"""Facts of each kind that are shown."""
_WIDTH = 100
"""Characters of a line where there is no terminal."""
_NARROWEST = 40


@click.command(
    epilog="Example: anchor diff release/1.0.0/release.json release/1.1.0/release.json --policy policy.toml"
)
@click.argument("old", type=options.ReleaseName())
@click.argument("new", type=options.ReleaseName())
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN",
    help="Column that says which fact a fact is; for several, repeat it (default: the sealed key, else "
    "label and period).",
)
@click.option("--all", "show_all", is_flag=True, help="Show every fact that differs, with whole values.")
@click.option("--exit-code", is_flag=True, help="Exit 9 if the facts or the columns differ.")
@options.policy_options
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@reading_options
@options.json_option
def command(
    *,
    old: str,
    new: str,
    key: tuple[str, ...],
    show_all: bool,
    exit_code: bool,
    choice: Choice,
    as_json: bool,
    **trust: Any,
) -> int:
    """Compare OLD and NEW fact by fact: which are changed, added, removed or moved, and which columns.

    Each is a release, named as for 'anchor verify'. One of them may be a ledger file that is not published.
    The facts of a release are those that its own statement commits to; the policy says whose signature
    counts. Without one nobody does, and the signer is only claimed.

    Facts are paired by the key columns. Exit 0 whether they differ or not; with --exit-code, 9 if they do.
    A release that does not verify is not compared: the exit code is that of 'anchor verify'.
    """
    from anchor.app.diff import diff

    counter = Counter("reading")
    with ExitStack() as stack:
        found = diff(old, new, choice=choice, key=key, trust=trust, stack=stack, progress=counter)
        counter.close()
        if as_json:
            _print_json(found)
        else:
            for line in _lines(found, most=None if show_all else MOST):
                out(line)
    if found.verdict is not Class.OK:
        if not as_json:
            say(f"anchor: {found.verdict}: see the notes above")
        return found.verdict.exit_code
    return Class.FINDINGS.exit_code if exit_code and not found.comparison.same else 0


def _lines(found: "Compared", *, most: int | None) -> Iterator[str]:
    from anchor.compare import side_by_side

    comparison, counts = found.comparison, found.comparison.counts
    for name, side in (("old", found.old), ("new", found.new)):
        yield f"{name}  {_described(side)}"
        for line in side.read_as:
            yield f"     {line}"
    notes = [*dict.fromkeys((*found.remarks, *found.old.notes, *found.new.notes))]
    accepted = all(side.ledger is None or side.proven == "policy" for side in (found.old, found.new))
    shorter = ShortNames(notes) if accepted else str
    for note in notes:
        if not note.startswith(ACCEPTING):
            yield f"note: {shorter(note)}"
    if comparison.key.columns:
        yield f"key: {', '.join(map(brief, comparison.key.columns))} ({comparison.key.source})"
    elif counts.changed or (counts.added and counts.removed):
        yield "key: no column; a fact that changed is a removed one and an added one. --key names columns"
    yield f"append-only: {_append_only(found)}"
    width = max(_NARROWEST, shutil.get_terminal_size((_WIDTH, 0)).columns)
    yield from side_by_side.lines(comparison, width=width, most=most)
    yield ""
    yield (
        f"{counts.changed} changed, {counts.added} added, {counts.removed} removed, {counts.moved} moved, "
        f"{counts.equal} equal"
    )
    for side in (found.new, found.old):
        if any(note.startswith(ACCEPTING) for note in side.notes):
            from anchor.cli.refusal_text import making_policy  # most have a policy

            yield f"next: {making_policy(side.target)}"
            return


def _described(side: "Side") -> str:
    size = f"{len(side.facts)} {'fact' if len(side.facts) == 1 else 'facts'}"
    if side.ledger is None:
        return f"{side.target}: {size} of a file that nobody signed"
    named = side.ledger
    proven = {
        "policy": "verified by your policy",
        "statement": "as its statement says; nobody said whose signature counts",
    }[side.proven]
    return f"{named.name} {named.version}, number {named.number}: {size}, {proven}"


def _append_only(found: "Compared") -> str:
    counts, proof = found.comparison.counts, found.comparison.append_only()
    if proof is None:
        return "no"
    if counts.old == counts.new:
        return "yes, the facts are the same"
    proven = "" if found.new.ledger is None or found.old.ledger is None else ", by a consistency proof"
    return f"yes, the new facts begin with {several(counts.old, 'old fact')}{proven}"


def _print_json(found: "Compared") -> None:
    comparison = found.comparison
    columns = comparison.columns
    head = {
        "format": FORMAT,
        "verdict": found.verdict,
        "same": comparison.same,
        "old": _side(found.old),
        "new": _side(found.new),
        "remarks": found.remarks,
        "key": {"columns": comparison.key.columns, "source": comparison.key.source},
        "columns": {
            "added": columns.added,
            "removed": columns.removed,
            "renamed": [{"old": older, "new": newer} for older, newer in columns.renamed],
            "reordered": columns.reordered,
        },
        "counts": comparison.counts,
        "append_only": comparison.append_only(),
    }
    print_json_lines(head, "differences", comparison)


def _side(side: "Side") -> dict[str, Any]:
    return {
        "target": side.target,
        "proven": side.proven,
        "verdict": side.verdict,
        "ledger": side.ledger,
        "statement": side.statement or None,
        "tree": Tree.of(side.facts.root, len(side.facts)),
        "columns": side.facts.columns,
        "readers": side.readers,
        "read_as": side.read_as,
        "notes": side.notes,
    }
