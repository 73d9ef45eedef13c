# SPDX-License-Identifier: Apache-2.0
"""Facts looked for in every release of a chain: `anchor find` and `anchor log`.

Each ledger is read as a stream, after its release was verified, and its bytes are compared once more. A
ledger with the tree of the one before is not read again: the facts and their indexes are the same.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from anchor.app.chain import Chain, Step
from anchor.compare import wanted as questions
from anchor.compare.lives import Life, lives
from anchor.compare.wanted import Match, Wanted
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.format import statement as statements
from anchor.format.facts import brief
from anchor.format.leaves import STRINGS, STRINGS_OR_NULL
from anchor.format.ledger_status import Fact
from anchor.format.release import Release
from anchor.format.statement import Statement
from anchor.monitor import run_checks
from anchor.verdict import Check, Verdict, failed
from anchor.verify import chain as chains
from anchor.verify import ledger_checks, status_checks, steps
from anchor.verify.chain import Link
from anchor.verify.release_files import Files
from anchor.verify.status_checks import Shown

_EVIDENCE = "; anchor chain keeps the evidence"
USUAL_KEY = ("label", "period")
"""The columns that are the key where nobody says otherwise."""


class Searched(NamedTuple):
    """One release, and the facts in it that are wanted. `found` None: it could not be read."""

    link: Link
    found: tuple[Match, ...] | None = None
    columns: tuple[str, ...] = ()
    problem: Check | None = None
    """The reason, where the release itself is good."""
    withdrawn: tuple[tuple[int, str], ...] = ()
    """For each fact that an accepted status withdraws: its index, and the line that says so."""
    source: "Readable | None" = None
    """The release itself, if it was asked to be kept."""


class Answer(NamedTuple):
    """All releases of the chain, the oldest first, and the verdict about the chain."""

    releases: tuple[Searched, ...]
    verdict: Verdict
    hints: tuple[dict[str, str], ...] = ()
    """If nothing was found: values of the newest release that look the same."""

    @property
    def found(self) -> bool:
        return any(one.found for one in self.releases)


class Readable(NamedTuple):
    """A release whose facts are bound to its statement."""

    release: Release
    signed: Statement
    files: Files
    payload: bytes
    """The bytes of the statement."""

    @property
    def same(self) -> object:
        """Equal for two releases that have the same facts in the same order."""
        return self.signed.tree, self.signed.columns, self.signed.encoding

    def find(self, wanted: Wanted) -> tuple[Match, ...]:
        if self.signed.encoding not in (STRINGS, STRINGS_OR_NULL):
            raise Unavailable("its facts are not published", where="ledger")
        with ledger_checks.open_facts(self.release, self.signed, self.files) as table:
            return tuple(questions.find(table, wanted))

    def similar(self, wanted: Wanted) -> tuple[dict[str, str], ...]:
        with ledger_checks.open_facts(self.release, self.signed, self.files) as table:
            return tuple(questions.similar(table, wanted))


def search(
    chain: Chain,
    wanted: Wanted,
    *,
    notes: Sequence[str] = (),
    progress: Callable[[int], object] | None = None,
) -> Answer:
    """Look for facts in every release of a chain.

    Raises `Misuse` if no release has the columns of the question, and the errors of loading the newest
    release.json.
    """
    return _search(chain, chain.steps(), wanted, notes, progress)


def _search(
    chain: Chain,
    found: Iterable[Step],
    wanted: Wanted,
    notes: Sequence[str],
    progress: Callable[[int], object] | None,
    *,
    keep: bool = False,
) -> Answer:
    releases: list[Searched] = []
    conflicts: list[Check] = []
    newest: Readable | None = None
    before: tuple[object, Searched] | None = None
    for step in found:
        readable = _readable(chain, step)
        if readable is None:
            one = Searched(step.link)
        elif before is not None and before[0] == readable.same:
            one = before[1]._replace(link=step.link)
        else:
            one = _found(step.link, readable, wanted)
        if readable is not None and one.found is not None:
            before, newest = (readable.same, one), newest or readable
            one = one._replace(withdrawn=_withdrawn(chain, readable, one.found))
        if step.conflict is not None:
            conflicts.append(run_checks.conflict(*step.conflict, remark=_EVIDENCE))
        releases.append(one._replace(source=readable) if keep else one)
        if progress:
            progress(len(releases))
    known = {one.link.number: one.columns for one in releases if one.columns}
    if wanted.pairs and known and all(wanted.columns(columns) is None for columns in known.values()):
        raise questions.missing_column(wanted, known)
    nothing = wanted.pairs and not any(one.found for one in releases)
    hints = newest.similar(wanted) if nothing and newest is not None else ()
    verdict = _verdict(chain, releases, conflicts, notes)
    return Answer(tuple(reversed(releases)), verdict, hints)


def _found(link: Link, readable: Readable, wanted: Wanted) -> Searched:
    try:
        return Searched(link, readable.find(wanted), readable.signed.columns)
    except Misuse:
        raise
    except AnchorError as e:  # not published, or changed since it was verified
        return Searched(link, problem=failed(f"release {link.number}", e.at(link.location)))


def _readable(chain: Chain, step: Step) -> Readable | None:
    """The release of a step; None if its facts may not be shown, since they are not bound."""
    result = step.result
    if result is None or result.release is None or step.files is None:
        return None
    bad = {c.name for c in result.verdict.checks if c.demotes}
    claimed = chain.trust is None and bad == {steps.POLICY.name}
    if not result.bound and not claimed:
        return None
    return Readable(result.release, statements.decode(result.statement), step.files, result.statement)


def _verdict(
    chain: Chain, releases: Sequence[Searched], conflicts: Sequence[Check], notes: Sequence[str]
) -> Verdict:
    links = [one.link for one in releases]
    said, unknown = chain.about_status(links)
    checks = [*conflicts, *(one.problem for one in releases if one.problem is not None), *said]
    if not releases and chain.head is not None:
        checks += chain.head.checks
    notes = (*(chain.head.notes if chain.head else ()), *unknown, *notes)
    return chains.conclude(chain.target, links, checks=checks, notes=notes)


def _withdrawn(chain: Chain, readable: Readable, found: Sequence[Match]) -> tuple[tuple[int, str], ...]:
    """The facts that an accepted status withdraws, by themselves or with their release."""
    if chain.status is None or chain.status.status is None:
        return ()
    shown = Shown.of(readable.payload)
    checks = (
        (m.index, status_checks.withdrawn(chain.status, shown, Fact(index=m.index, leaf=m.leaf)))
        for m in found
    )
    return tuple((index, check.detail) for index, check in checks if check.demotes)


class Followed(NamedTuple):
    """The lives of facts over a chain."""

    answer: Answer
    key: tuple[str, ...]
    source: str
    """Who says that these columns are the key."""
    lives: tuple[Life, ...]


def follow(
    chain: Chain,
    wanted: Wanted,
    key: Sequence[str],
    *,
    keep: bool = False,
    notes: Sequence[str] = (),
    progress: Callable[[int], object] | None = None,
) -> Followed:
    """The lives of the facts with these values in key columns.

    `key`: the key columns as the user names them. `keep`: keep each release, for receipts. Raises as `search`
    does, and `Misuse` for a value of a column that is no key column: a fact that changes there would seem to
    end.
    """
    walk, read = chain.steps(), list[Step]()
    newest: Readable | None = None
    while newest is None and (step := next(walk, None)) is not None:
        read.append(step)
        newest = _readable(chain, step)
    chosen, source = _key(newest, key, wanted) if newest else (tuple(key), "--key")
    answer = _search(chain, itertools.chain(read, walk), wanted, notes, progress, keep=keep)
    first = bool(answer.releases) and answer.releases[0].link.number == 1
    found = lives([one.found for one in answer.releases], chosen, from_the_first=first)
    return Followed(answer, chosen, source, tuple(found))


def _key(newest: Readable, asked: Sequence[str], wanted: Wanted) -> tuple[tuple[str, ...], str]:
    """The key columns and their source: as asked, as sealed, the usual ones, else those of the question."""
    columns = newest.signed.columns
    for name in asked:
        if name not in columns:
            remedy = f"the columns are {', '.join(map(brief, columns[:8]))}"
            raise Misuse(f"{brief(name)} is no column of the newest release", where="--key", remedy=remedy)
    said = wanted.columns(columns) or {}
    sealed = ledger_checks.sealed_key(newest.release, newest.signed, newest.files)
    usual = tuple(name for name in USUAL_KEY if name in columns)
    if asked:
        chosen, source = tuple(asked), "--key"
    elif sealed:
        chosen, source = tuple(sealed), "sealed in the newest release"
    elif "label" in usual:
        chosen, source = usual, "the usual columns"
    else:
        return tuple(said), "--where"
    other = next((name for name in said if name not in chosen), None)
    if other is not None:
        listed = ", ".join(map(brief, chosen))
        raise Misuse(
            f"{brief(other)} is no key column ({listed}), and a fact that changes there would seem to end",
            where="--where",
            remedy="name the key columns with --key, or look for values with anchor find",
        )
    return chosen, source
