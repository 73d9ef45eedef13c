# SPDX-License-Identifier: Apache-2.0
"""The options and lines that `anchor chain`, `anchor find` and `anchor log` share."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from anchor.app import chain
from anchor.app.trust import trust_for
from anchor.cli import options
from anchor.cli.output import out, say
from anchor.log_kinds.short_names import ShortNames
from anchor.net.budget import Budget
from anchor.verdict import ACCEPTING, TRUSTED, UNASKED, Class, Verdict
from anchor.verify.anchors import Trust
from anchor.verify.chain import Link
from anchor.verify.status_checks import SHOWN
from anchor.words import several

if TYPE_CHECKING:
    from anchor.app.search import Answer, Searched

within_option = click.option(
    "--within",
    default=f"{chain.BUDGET / 60:.0f}m",
    show_default=True,
    metavar="DURATION",
    help="Time for the whole chain, such as 30s, 10m or 2h.",
)
where_option = click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="A value that the fact has, as exact bytes; repeat it for further ones, which must all hold.",
)
_DIGEST = 16
"""Hex digits of a digest that people are shown in a table."""


class OpenedTrust(NamedTuple):
    """The verifier's trust, and the time that the command may take."""

    trust: Trust | None
    notes: list[str]
    """About the trust."""
    budget: Budget


def open_trust(
    release: str,
    within: str,
    *,
    offline: bool,
    policy: Path | None,
    ledger: str | None,
    identity: str | None,
    issuer: str | None,
    trusted_root: str | None,
) -> OpenedTrust:
    """The trust that the options name, and the budget of `--within`."""
    budget = Budget(options.seconds(within, "--within") or 0, remedy="give more with --within")
    trust, notes = trust_for(
        release,
        policy=policy,
        ledger=ledger,
        identity=identity,
        issuer=issuer,
        trusted_root=trusted_root,
        budget=budget,
        offline=offline,
    )
    return OpenedTrust(trust, notes, budget)


def with_notes(verdict: Verdict, notes: Sequence[str]) -> Verdict:
    """The verdict with further notes."""
    return msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))


def rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table with aligned columns, for people."""
    lines = [head, *body]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def table(links: Sequence[Link]) -> Iterator[str]:
    """A line for each release. A value that no signature binds is not shown."""
    if links:
        shown = ShortNames(identity for one in links for identity, _ in one.signers)
        yield from rows(
            ("number", "version", "at the latest", "facts", "statement", "verdict", "signer"),
            [_row(one, shown) for one in links],
        )


def _row(one: Link, shown: ShortNames) -> tuple[str, ...]:
    number, version, time, statement = named(one)
    signers = ", ".join(shown(identity) for identity, _ in one.signers)
    size = f"{one.size:,}" if one.size else "-"
    return number, version, time, size, statement, str(one.verdict), signers or "-"


def named(one: Link) -> tuple[str, str, str, str]:
    """Number, version, time and statement of a release, for a table."""
    return str(one.number), one.version, one.time or "-", one.statement[:_DIGEST]


def conclude(verdict: Verdict, shown: Class | None = None) -> int:
    """Print what did not pass, the notes and the class, or `shown` in its place. Returns the exit code."""
    unasked = any(check.detail.endswith(UNASKED) for check in verdict.checks)
    for check in verdict.checks:
        if check.demotes is None or check.detail.endswith(UNASKED):
            continue
        out(f"{check.state} {check.name}: {check.detail}")
        if check.meaning:
            out(f"  {check.meaning}")
    shorter = ShortNames(verdict.notes) if verdict.verdict in TRUSTED else str
    for note in verdict.notes:
        if not note.startswith(ACCEPTING):
            out(f"note: {shorter(note)}")
    passed = next((c for c in verdict.checks if c.name == "chain" and c.state == "passed"), None)
    out(f"{shown or verdict.verdict}: {verdict.target}" + (f": {passed.detail}" if passed else ""))
    if unasked:
        from anchor.cli.refusal_text import making_policy  # most have a policy

        out("nobody has said whose signature counts, so this proves nothing yet")
        out(f"next: {making_policy(verdict.target)}")
    if verdict.verdict not in (Class.OK, Class.STALE) and (worst := verdict.decided):
        say(f"anchor: {worst.name}: {worst.detail}")
    return verdict.exit_code


def class_of(answer: "Answer") -> Class:
    """The class of an answer: that of the chain, unless all is well and nothing was found."""
    found = answer.verdict.verdict
    return Class.NOT_FOUND if found in (Class.OK, Class.STALE) and not answer.found else found


def conclude_answer(answer: "Answer") -> int:
    """Print what did not pass, and whether anything was found. Returns the exit code."""
    for hint in answer.hints:
        out(f"similar: {', '.join(f'{name}={value!r}' for name, value in hint.items())}")
    found = class_of(answer)
    read = sum(one.found is not None for one in answer.releases)
    nothing = f"no such fact in the {several(read, 'release')} that {'was' if read == 1 else 'were'} read"
    if not answer.found and found is not Class.NOT_FOUND:
        out(nothing)
    conclude(answer.verdict, found)
    if found is Class.NOT_FOUND:
        hints = "; similar ones are listed" if answer.hints else ""
        say(f"anchor: {nothing}; values are exact bytes{hints}")
    return found.exit_code


def withdrawn(one: "Searched", indexes: set[int]) -> list[str]:
    """The lines that an accepted status has about these facts of a release."""
    return [line for index, line in one.withdrawn if index in indexes]


def withdrawn_lines(places: "Sequence[tuple[Searched, set[int]]]") -> Iterator[str]:
    """These lines for several releases, for people."""
    found = list(dict.fromkeys(line for one, indexes in places for line in withdrawn(one, indexes)))
    yield from (f"    {line}" for line in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"    and {len(found) - SHOWN} more; --json lists all"


def answer_members(answer: "Answer") -> dict[str, Any]:
    """The members of the document of an answer that are about the releases."""
    verdict = answer.verdict
    return {
        "verdict": class_of(answer),
        "target": verdict.target,
        "releases": verdict.facts.get("releases", []),
        "checks": verdict.checks,
        "notes": verdict.notes,
    }
