# SPDX-License-Identifier: Apache-2.0
"""`anchor find`: the releases of a ledger that contain a fact."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from anchor.cli import chains, options
from anchor.cli.output import out, print_json
from anchor.cli.progress import Counter
from anchor.errors import Misuse

if TYPE_CHECKING:
    from anchor.app.search import Answer, Searched
    from anchor.compare.wanted import Match, Wanted

FORMAT = "urn:ledger-anchor:find:v1"
MOST = 20
"""Different facts that people are shown."""


@click.command(
    cls=options.ReadingCommand,
    epilog="Example: anchor find release.json --where 'label=RNCP Code' --policy policy.toml",
)
@click.argument("release", type=options.ReleaseName())
@chains.where_option
@click.option("--fact", metavar="JSON", help="The fact as JSON, such as a line of ledger.json.")
@click.option("--leaf", metavar="HEX", help="The leaf hash of the fact.")
@options.policy_options
@chains.within_option
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.json_option
def command(
    *,
    release: str,
    where: tuple[str, ...],
    fact: str | None,
    leaf: str | None,
    within: str,
    offline: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """List the releases of RELEASE and before it that contain a fact, and where it was first and last seen.

    Each release is verified, as by 'anchor chain', and its whole ledger is read. Values are compared as exact
    bytes. Nothing found is NOT-FOUND (10). If a release cannot be verified, its class is the exit code: the
    answer is then about the others.
    """
    from anchor.app import chain, search

    question = _question(where, fact, leaf)
    opened = chains.open_trust(release, within, offline=offline, **given)
    read = chain.Chain(release, trust=opened.trust, budget=opened.budget, offline=offline)
    counter = Counter("searching", "releases")
    answer = search.search(read, question, notes=opened.notes, progress=counter)
    counter.close()
    if as_json:
        print_json(_document(answer))
        return chains.class_of(answer).exit_code
    for line in _lines(answer):
        out(line)
    return chains.conclude_answer(answer)


def _question(where: tuple[str, ...], fact: str | None, leaf: str | None) -> "Wanted":
    from anchor.compare import wanted

    if sum((bool(where), fact is not None, leaf is not None)) != 1:
        raise Misuse("which fact?", where="--where, --fact, --leaf", remedy="give one of the three")
    if fact is not None:
        return wanted.by_fact(fact)
    return wanted.by_leaf(leaf) if leaf is not None else wanted.by_values(where)


def _lines(answer: "Answer") -> Iterator[str]:
    if answer.releases:
        yield from chains.rows(
            ("number", "version", "time", "statement", "verdict", "indexes"),
            [_row(one) for one in reversed(answer.releases)],
        )
    facts = _facts(answer)
    for leaf, places in list(facts.items())[:MOST]:
        yield from _fact_lines(answer, leaf, places)
    if len(facts) > MOST:
        yield f"and {len(facts) - MOST} more facts; --json lists all"


def _row(one: "Searched") -> tuple[str, ...]:
    if one.found is None:
        indexes = "not known"
    else:
        shown = [str(match.index) for match in one.found[:8]]
        more = f" and {len(one.found) - 8} more" if len(one.found) > 8 else ""
        indexes = ", ".join(shown) + more or "-"
    return *chains.named(one.link), str(one.link.verdict), indexes


Places = list[tuple["Searched", list["Match"]]]


def _facts(answer: "Answer") -> dict[str, Places]:
    """The releases of each different fact, by its leaf hash, the oldest first."""
    found: dict[str, Places] = {}
    for one in answer.releases:
        here: dict[str, list[Match]] = {}
        for match in one.found or ():
            here.setdefault(match.leaf, []).append(match)
        for leaf, matches in here.items():
            found.setdefault(leaf, []).append((one, matches))
    return found


def _fact_lines(answer: "Answer", leaf: str, places: Places) -> Iterator[str]:
    from anchor.compare import side_by_side

    (first, _), (last, _) = places[0], places[-1]
    shown = ", ".join(f"{name}: {side_by_side.text(v)}" for name, v in places[0][1][0].fact.items())
    yield ""
    yield f"fact {leaf}"
    yield f"  {shown[:400]}{'...' if len(shown) > 400 else ''}"
    yield f"  first seen in {_place(first)}, last in {_place(last)}"
    yield from chains.withdrawn_lines([(one, {m.index for m in matches}) for one, matches in places])
    numbers = {one.link.number for one, _ in places}
    between = [o for o in answer.releases if first.link.number < o.link.number < last.link.number]
    gaps = [o for o in between if o.link.number not in numbers]
    if gaps:
        yield f"  not found between them in: {', '.join(_short(o) for o in gaps[:8])}" + (
            f" and {len(gaps) - 8} more" if len(gaps) > 8 else ""
        )


def _place(one: "Searched") -> str:
    return f"{one.link.version} (number {one.link.number}{', ' + one.link.time if one.link.time else ''})"


def _short(one: "Searched") -> str:
    return f"{one.link.version}{' (not known)' if one.found is None else ''}"


def _document(answer: "Answer") -> dict[str, Any]:
    facts = [
        {
            "leaf": leaf,
            "fact": places[0][1][0].fact,
            "first": places[0][0].link.number,
            "last": places[-1][0].link.number,
            "releases": [
                {
                    "number": one.link.number,
                    "indexes": _indexes(matches),
                    "withdrawn": chains.withdrawn(one, set(_indexes(matches))),
                }
                for one, matches in places
            ],
        }
        for leaf, places in _facts(answer).items()
    ]
    return {"format": FORMAT, **chains.answer_members(answer), "facts": facts, "similar": answer.hints}


def _indexes(matches: "Sequence[Match]") -> list[int]:
    return [match.index for match in matches]
