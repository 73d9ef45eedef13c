# SPDX-License-Identifier: Apache-2.0
"""The differences from the release before, shown to the publisher before anything is signed."""

from collections.abc import Iterator
from contextlib import ExitStack

import msgspec

from anchor.compare import columns as column_names
from anchor.compare import sentences
from anchor.compare.differences import Counts, compare
from anchor.compare.stored import StoredFacts, store
from anchor.disk import files
from anchor.disk.ledger_file import LedgerFile, open_ledgers
from anchor.errors import AnchorError, Misuse
from anchor.format import names, table_schema
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.statement import Statement
from anchor.net.release_files import Folder
from anchor.publish.plan import Plan
from anchor.publish.sealing import PublishRequest, Sealing
from anchor.verify import ledger_checks, signed_facts


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The differences of a ledger from the release before."""

    since: str
    """The version of the release before."""
    problem: str = ""
    """The reason why the two could not be compared."""
    counts: Counts | None = None
    append_only: bool = False
    """True if the facts of the release before begin this one, by a consistency proof."""
    lines: tuple[str, ...] = ()
    """A sentence for each of the first facts and columns that differ."""
    number: int = 0
    """The facts and columns that differ, also those without a sentence."""
    without_index: tuple[tuple[str, ...], ...] = ()
    """The columns of each index that the release before has and this one lacks."""


def changes(sealing: Sealing, request: PublishRequest) -> Changes | None:
    """The differences from the newest release in the folder. None for the first one, and for one in place.

    The facts of the release before are those that its statement commits to; `plan` has compared that with the
    link that will be signed.
    """
    planned = sealing.plan
    if planned.existing is not None or planned.current is None or planned.previous is None:
        return None
    version = planned.previous.version
    if sealing.statement.confidential:  # what is said here is often kept, as the log of a job
        return Changes(since=version, problem="the ledger is confidential")
    try:
        with ExitStack() as stack:
            return _compared(sealing, request, planned, planned.current, stack)
    except AnchorError as e:  # it stops no publication: what is signed is another release
        return Changes(since=version, problem=str(e))


def _compared(
    sealing: Sealing, request: PublishRequest, planned: Plan, current: bytes, stack: ExitStack
) -> Changes:
    release, folder = release_file.load(current), Folder(planned.root)
    signed = statements.decode(ledger_checks.read_statement(release, folder))
    ledger_checks.compare(release, signed)
    old = signed_facts.read(release, signed, folder, stack.enter_context(files.temporary()))
    new = _facts(request.ledger, stack)
    if new.root != sealing.sealed.sealed.root:
        raise Misuse("was changed while it was read", where=request.ledger[0].where)
    columns = column_names.compared(old, new)
    sealed = [
        (_key(sealing, request), "sealed"),
        (ledger_checks.sealed_key(release, signed, folder), "sealed"),
    ]
    key = column_names.chosen_key(columns, sealed=sealed)
    found = compare(old, new, key=key, columns=columns)
    return Changes(
        since=release.ledger.version,
        counts=found.counts,
        append_only=found.append_only() is not None,
        lines=tuple(sentences.of_next_release(found)),
        number=sentences.number_of_facts(found),
        without_index=_without_index(signed, sealing.statement),
    )


def _without_index(before: Statement, now: Statement) -> tuple[tuple[str, ...], ...]:
    """Without an index nobody can prove that a fact is absent, or that these are all facts of a key."""
    has = {index.columns for index in now.index}
    return tuple(index.columns for index in before.index if index.columns not in has)


def _facts(ledger: tuple[LedgerFile, ...], stack: ExitStack) -> StoredFacts:
    with open_ledgers(ledger) as opened:
        facts, _ = store(opened.table, stack.enter_context(files.temporary()))
    return facts


def _key(sealing: Sealing, request: PublishRequest) -> tuple[str, ...]:
    """The key columns that are sealed with this release."""
    if sealing.statement.index:
        return sealing.statement.index[0].columns
    if request.schema is None:
        return ()
    return table_schema.parse(request.schema.data, where=names.SCHEMA).primary_key


def as_text(found: Changes | None) -> Iterator[str]:
    """Lines for people. None if there is nothing before."""
    if found is None:
        return
    if found.counts is None:
        yield f"since      {found.since}: not compared: {found.problem}"
        return
    counts = found.counts
    for columns in found.without_index:
        over = ", ".join(repr(column) for column in columns)
        yield f"index      {found.since} has one over {over}, and this release has none over it"
    if not found.number:
        yield f"since      {found.since}: the same facts"
        return
    kinds = ("changed", "added", "removed", "moved", "equal")
    numbers = ", ".join(f"{getattr(counts, kind)} {kind}" for kind in kinds)
    yield f"since      {found.since}: {numbers}; append-only: {'yes' if found.append_only else 'no'}"
    yield from (f"  {line}" for line in found.lines)
    if found.number > len(found.lines):
        yield f"  and {found.number - len(found.lines)} more; 'anchor diff' shows them"
