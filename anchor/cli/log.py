# SPDX-License-Identifier: Apache-2.0
"""`anchor log`: the life of a fact over the releases of a ledger."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor.cli import chains, options
from anchor.cli.output import out, print_json
from anchor.cli.progress import Counter
from anchor.format.facts import brief

if TYPE_CHECKING:
    from anchor.app.chain import Chain
    from anchor.app.search import Followed, Searched
    from anchor.compare.lives import Change, Life, Span
    from anchor.compare.wanted import Match

FORMAT = "urn:ledger-anchor:log:v1"
MOST = 20
"""Facts, and columns of a fact, that people are shown."""
_WIDTH = 100
_NARROWEST = 40


@click.command(
    cls=options.ReadingCommand,
    epilog="Example: anchor log release.json --where 'label=RNCP Code' --policy policy.toml",
)
@click.argument("release", type=options.ReleaseName())
@chains.where_option
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN",
    help="Column that says which fact a fact is; for several, repeat it (default: the sealed key, else "
    "label and period).",
)
@click.option(
    "--receipts",
    type=options.Folder(),
    help="Folder for a receipt of each value, from the first release that has it (for verify-receipt).",
)
@options.policy_options
@chains.within_option
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.json_option
def command(
    *,
    release: str,
    where: tuple[str, ...],
    key: tuple[str, ...],
    receipts: Path | None,
    within: str,
    offline: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Show the life of each fact with the key values of --where: appeared, changed, disappeared, reappeared.

    Each release is verified, as by 'anchor chain', and its whole ledger is read. Facts of one key are
    followed together: equal ones are paired first, the others in their order. Nothing found is NOT-FOUND
    (10). Of a release that cannot be verified it says "not known", and its class is the exit code.
    """
    from anchor.app import chain, search
    from anchor.compare import wanted

    question = wanted.by_values(where)
    opened = chains.open_trust(release, within, offline=offline, **given)
    read = chain.Chain(release, trust=opened.trust, budget=opened.budget, offline=offline)
    counter = Counter("searching", "releases")
    followed = search.follow(
        read, question, key, keep=receipts is not None, notes=opened.notes, progress=counter
    )
    counter.close()
    written = _receipts(followed, read, receipts) if receipts else {}
    if as_json:
        print_json(_document(followed, written))
        return chains.class_of(followed.answer).exit_code
    for line in _lines(followed, written):
        out(line)
    return chains.conclude_answer(followed.answer)


def _receipts(followed: "Followed", read: "Chain", folder: Path) -> dict[tuple[int, int], str]:
    """Write the receipts. Returns the path of each, by the places of its life and span."""
    from anchor.app import life_receipts

    return {place: str(folder / name) for place, name in life_receipts.write(followed, read, folder).items()}


def _lines(followed: "Followed", receipts: Mapping[tuple[int, int], str]) -> Iterator[str]:
    if followed.lives:
        yield f"key: {', '.join(map(brief, followed.key)) or 'no column'} ({followed.source})"
    for number, life in enumerate(followed.lives[:MOST]):
        yield ""
        yield ", ".join(f"{name} {_text(value)}" for name, value in life.key.items()) or "all that was found"
        for at, span in enumerate(life.spans):
            yield from _span_lines(followed, life, span)
            if (number, at) in receipts:
                yield f"    receipt: {receipts[number, at]}"
    if len(followed.lives) > MOST:
        yield f"and {len(followed.lives) - MOST} more keys; --json lists all"


def _span_lines(followed: "Followed", life: "Life", span: "Span") -> Iterator[str]:
    releases = followed.answer.releases
    first, last = releases[span.first], releases[span.last]
    to = "" if first is last else f" to {last.link.version} ({last.link.number})"
    when = f"  {first.link.time}" if first.link.time else ""
    yield f"  {span.event:12} {first.link.version} ({first.link.number}){to}{when}{_indexes(span)}"
    if span.event == "not known":
        yield f"    {first.problem.detail if first.problem else first.link.check.detail}"
    elif span.event in ("appeared", "first seen"):
        for match in span.facts[0][:MOST]:
            yield from _fact_lines(match, life)
    elif span.event == "reappeared" and not span.changes:
        yield "    with the values that it had before"
    for change in span.changes[:MOST]:
        yield from _change_lines(change, life)
    listed = releases[span.first : span.last + 1]
    places = [(one, {m.index for m in facts}) for one, facts in zip(listed, span.facts, strict=True)]
    yield from chains.withdrawn_lines(places)
    if max(len(span.changes), len(span.facts[0])) > MOST:
        yield "    and more facts; --json lists all"


def _indexes(span: "Span") -> str:
    found = [str(match.index) for match in span.facts[0]]
    if not found:
        return ""
    several = f"{len(found)} facts with this key, " if len(found) > 1 else ""
    return f"  {several}index {', '.join(found[:8])}{', ...' if len(found) > 8 else ''}"


def _text(value: str | None) -> str:
    from anchor.compare import side_by_side

    return side_by_side.text(value)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    from anchor.compare import side_by_side

    width = max(_NARROWEST, shutil.get_terminal_size((_WIDTH, 0)).columns)
    yield from side_by_side.table([head, *rows[:MOST]], width=width, indent=4)
    if len(rows) > MOST:
        yield f"    and {len(rows) - MOST} more columns"


def _fact_lines(match: "Match", life: "Life") -> Iterator[str]:
    rows = [(name, _text(value)) for name, value in match.fact.items() if name not in life.key]
    if rows:
        yield from _table(("column", "value"), rows)


def _change_lines(change: "Change", life: "Life") -> Iterator[str]:
    from msgspec import UNSET

    from anchor.compare import side_by_side

    if change.old is None or change.new is None:
        one = change.new or change.old
        assert one is not None
        yield f"    one {'more' if change.old is None else 'less'} of this key:"
        yield from _fact_lines(one, life)
        return
    old, new = change.old.fact, change.new.fact
    rows = []
    for name in dict.fromkeys((*new, *old)):
        pair = old.get(name, UNSET), new.get(name, UNSET)
        if pair[0] != pair[1]:
            rows.append((name, *side_by_side.pair(*pair)))
    yield from _table(("column", "before", "now"), rows)


def _document(followed: "Followed", receipts: Mapping[tuple[int, int], str]) -> dict[str, Any]:
    releases = followed.answer.releases
    return {
        "format": FORMAT,
        **chains.answer_members(followed.answer),
        "key": {"columns": followed.key, "source": followed.source},
        "facts": [
            {
                "key": life.key,
                "spans": [
                    {**_span(span, releases), "receipt": receipts.get((number, at))}
                    for at, span in enumerate(life.spans)
                ],
            }
            for number, life in enumerate(followed.lives)
        ],
        "similar": followed.answer.hints,
    }


def _span(span: "Span", releases: "tuple[Searched, ...]") -> dict[str, Any]:
    listed = releases[span.first : span.last + 1]
    return {
        "event": span.event,
        "first": listed[0].link.number,
        "last": listed[-1].link.number,
        "facts": span.facts[0],
        "indexes": [
            {
                "number": one.link.number,
                "indexes": [m.index for m in facts],
                "withdrawn": chains.withdrawn(one, {m.index for m in facts}),
            }
            for one, facts in zip(listed, span.facts, strict=True)
            if facts
        ],
        "changes": span.changes,
    }
