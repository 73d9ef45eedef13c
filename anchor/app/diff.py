# SPDX-License-Identifier: Apache-2.0
"""`anchor diff`: two releases, or a release and a ledger file that is not published, compared fact by fact.

The facts of a release are those that its statement commits to: they are read after it was verified, and give
its root once more.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from anchor.app import wrong_kind
from anchor.app.verify import open_release, with_named_facts
from anchor.compare import columns as column_names
from anchor.compare.differences import Comparison, compare
from anchor.compare.stored import StoredFacts, store
from anchor.disk import files, user_files
from anchor.disk.ledger_file import LedgerFile, open_ledgers
from anchor.disk.ledger_input import with_ledger
from anchor.disk.spooled_files import SpooledFiles
from anchor.errors import AnchorError, Misuse, Refused, Unavailable, Unsupported
from anchor.format import statement as statements
from anchor.format.ledger_status import names_two
from anchor.format.names import RELEASE
from anchor.format.readers.reader import NO_DIALECT
from anchor.format.statement import LedgerName, Previous
from anchor.intake.choice import Choice
from anchor.net.release_files import is_url
from anchor.verdict import Class, worst
from anchor.verify import ledger_checks, signed_facts, status_checks, steps
from anchor.verify.release import ReleaseResult, examine_release
from anchor.verify.release_files import Files
from anchor.verify.status_checks import Shown, StatusResult

_FORMAT = b'"urn:ledger-anchor:release:'
_HEAD = 256
_AS_OF = (steps.POLICY_NUMBER.name, steps.POLICY_AGE.name, steps.STATUS_NEWEST.name)
"""Checks of how new a release is. An older one is asked for here, so they are only reported."""
_OF_OLD = (*_AS_OF, steps.POLICY_STATUS_AGE.name, steps.WITHDRAWN.name)
"""The same for the older side: what was withdrawn is compared with what replaces it."""
_SHOWN = (Class.OK, Class.PENDING, Class.STALE, Class.WITHDRAWN)
Proof = Literal["policy", "statement", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two, with its facts."""

    target: str
    facts: StoredFacts
    proven: Proof
    """`policy`: the release is verified under the verifier's policy. `statement`: the facts are those of its
    statement, and nobody said whose signature counts. `nothing`: it is a file that nobody signed."""
    verdict: Class = Class.OK
    """OK, or the class of a release whose facts are shown all the same: PENDING, STALE or WITHDRAWN."""
    ledger: LedgerName | None = None
    """None for a file."""
    statement: str = ""
    """SHA-256 of the statement, hex; empty for a file."""
    previous: Previous | None = None
    read_as: tuple[str, ...] = ()
    """How files are read that are not read by the default of their reader, a line for each way."""
    readers: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    """The key columns that are sealed with it."""
    notes: tuple[str, ...] = ()
    """Remarks of the verification, such as "claimed, not verified"."""
    payload: bytes = b""
    """The bytes of the statement; empty for a file."""
    status: StatusResult | None = None
    """The accepted status beside the release."""


_DOCUMENT = 1 << 20
"""Bytes of a file that may be another document of ours; a larger one is a ledger."""
_DRAFTS = ("", "ledger.json", "opening")
"""The kinds that have facts, and no kind at all."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Both sides and their comparison."""

    old: Side
    new: Side
    comparison: Comparison
    remarks: tuple[str, ...]
    """Sentences that a person has to read before the differences."""
    verdict: Class
    """The worst class of the two sides; EQUIVOCATION if their statements contradict each other."""


def diff(
    old: str,
    new: str,
    *,
    choice: Choice,
    key: Sequence[str],
    trust: dict[str, Any],
    stack: ExitStack,
    progress: Callable[[int], object] | None = None,
) -> Compared:
    """Compare two sides. Each is a path or a URL as `anchor verify` takes it; one may be a ledger file.

    `trust`: the options of `open_release`. `stack` keeps the temporary files of both sides. Raises the error
    of a release that does not verify, with the side that it is about.
    """
    released = []
    for name, target in (("old", old), ("new", new)):
        with _about(name, target):
            released.append(is_release(target))
    if not any(released):
        raise Misuse(
            "neither of them is a release", where=f"{old}, {new}", remedy="name one release.json at least"
        )
    if all(released) and choice != Choice():
        raise Misuse(
            "these options say how a ledger file is read, and both are releases",
            where="--reader and the like",
            remedy="leave them out",
        )
    sides = []
    for name, target, is_one in zip(("old", "new"), (old, new), released, strict=True):
        with _about(name, target):
            side = (
                _release(name, target, trust, stack, progress)
                if is_one
                else _draft(target, choice, stack, progress)
            )
        sides.append(side)
    return _compared(sides[0], sides[1], key)


@contextlib.contextmanager
def _about(name: str, target: str) -> Iterator[None]:
    """Errors inside say which side they are about."""
    try:
        yield
    except AnchorError as e:
        raise e.at(name if e.where.startswith(target) else f"{name}: {target}") from None


def is_release(target: str) -> bool:
    """True for a folder, a URL, a file called release.json and one that says that it is a release."""
    path = Path(target)
    if is_url(target) or path.is_dir() or path.name == RELEASE:
        return True
    if user_files.is_stream(path):
        return False
    with files.open_input(path, limit=1 << 62) as f:
        head: bytes = f.read(_HEAD)
    return head.lstrip().startswith(b"{") and _FORMAT in head


def _compared(old: Side, new: Side, key: Sequence[str]) -> Compared:
    columns = column_names.compared(old.facts, new.facts)
    sealed = [(side.key, f"sealed in the {name} release") for name, side in (("new", new), ("old", old))]
    chosen = column_names.chosen_key(columns, asked=key, sealed=[s for s in sealed if s[0]])
    comparison = compare(old.facts, new.facts, key=chosen, columns=columns)
    remarks, contradict = _remarks(old, new)
    for name, side, other in (("old", old, new), ("new", new, old)):
        line, contradicts = _said_of_the_other(name, side, other)
        remarks += [line] if line else []
        contradict = contradict or contradicts
    classes = [old.verdict, new.verdict]
    if contradict and old.proven == new.proven == "policy":
        classes.append(Class.EQUIVOCATION)
    return Compared(old=old, new=new, comparison=comparison, remarks=tuple(remarks), verdict=worst(classes))


def _remarks(old: Side, new: Side) -> tuple[list[str], bool]:
    """Remarks about the two together, and True if one signer contradicted himself with both statements."""
    found: list[str] = []
    if old.key and new.key and old.key != new.key:
        found.append(
            f"the sealed keys differ: {_names(old.key)} in the old release, {_names(new.key)} in the new"
        )
    if set(old.readers) != set(new.readers):
        found.append(f"read by {', '.join(old.readers)} and by {', '.join(new.readers)}")
    if old.ledger is None or new.ledger is None:
        return found, False
    if old.ledger.name != new.ledger.name:
        return [f"two ledgers: {old.ledger.name!r} and {new.ledger.name!r}", *found], False
    numbers = f"{old.ledger.number} and {new.ledger.number}"
    if old.ledger.number > new.ledger.number:
        found.append(f"the numbers of the releases are {numbers}: the newer one comes first")
    two = _two_statements(old, new)
    return ([two, *found] if two else found), bool(two)


def _said_of_the_other(name: str, side: Side, other: Side) -> tuple[str, bool]:
    """The words of the status beside the other side about this one, whose own release.json names none. True
    if they contradict what was signed (FORMAT.md section 23, rule 3)."""
    if side.status or other.status is None or other.status.status is None or not side.payload:
        return "", False
    shown, said = Shown.of(side.payload), other.status.status
    if said.ledger != shown.ledger:
        return "", False
    if problem := names_two(dict(shown.known), said):
        return f"{name}: {problem}: keep both", True
    check = status_checks.withdrawn(other.status, shown)
    return (f"{name}: withdrawn: {check.detail}" if check.demotes else ""), False


def _two_statements(old: Side, new: Side) -> str:
    """The line about two statements that say different things about one number (FORMAT.md section 14)."""
    says = [
        {side.ledger.number: side.statement, **({p.number: p.statement} if (p := side.previous) else {})}
        for side in (old, new)
        if side.ledger is not None
    ]
    for number in sorted(says[0].keys() & says[1].keys()):
        if says[0][number] != says[1][number]:
            return (
                f"two statements contradict each other about number {number}: one signer who signed both "
                "equivocates; keep both releases"
            )
    return ""


def _names(columns: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in columns)


def _release(
    name: str, target: str, trust: dict[str, Any], stack: ExitStack, progress: Callable[[int], object] | None
) -> Side:
    opened = open_release(target, **trust)
    held = stack.enter_context(contextlib.closing(SpooledFiles(opened.files))) if is_url(target) else None
    result = examine_release(
        target,
        opened.data,
        held or opened.files,
        trust=opened.trust,
        now=datetime.now(UTC),
        progress=progress,
        effort=opened.effort,
    )
    result = with_named_facts(result, opened.data, opened.files, trust=opened.trust, effort=opened.effort)
    reported = _OF_OLD if name == "old" else _AS_OF
    verdict, lines = _judged(result, with_policy=opened.trust is not None, reported=reported)
    if verdict not in _SHOWN or result.release is None:
        raise _error(result, verdict, target)
    signed = statements.decode(result.statement)
    spool = stack.enter_context(files.temporary())
    found: Files = _Reopened(held) if held else opened.files
    facts = signed_facts.read(result.release, signed, found, spool)
    return Side(
        target=target,
        facts=facts,
        proven="statement" if opened.trust is None else "policy",
        verdict=verdict,
        ledger=signed.ledger,
        statement=hashlib.sha256(result.statement).hexdigest(),
        key=ledger_checks.sealed_key(result.release, signed, held or opened.files),
        previous=signed.previous,
        read_as=signed.read_as,
        readers=tuple(dict.fromkeys(original.reader for original in signed.originals)),
        notes=(*(f"{name}: {line}" for line in lines), *result.verdict.notes, *opened.notes),
        payload=result.statement,
        status=result.status,
    )


def _judged(
    result: ReleaseResult, *, with_policy: bool, reported: tuple[str, ...]
) -> tuple[Class, tuple[str, ...]]:
    """The class of a release without the checks that are only reported, and the lines about them."""
    checks = [c for c in result.verdict.checks if c.demotes]
    if not with_policy:
        checks = [c for c in checks if c.name != steps.POLICY.name]
    rest = [c for c in checks if c.name not in reported or c.demotes not in (Class.STALE, Class.WITHDRAWN)]
    lines = [f"{c.name}: {c.detail}" for c in checks if c not in rest]
    if result.status is not None:  # what it says of this release, and who says it
        said = [c for c in result.verdict.checks if c.name == steps.WITHDRAWN.name]
        lines += [f"{c.name}: {c.detail}" for c in said if f"{c.name}: {c.detail}" not in lines]
    if not rest and result.release is None:
        return result.verdict.verdict, tuple(lines)
    return worst(c.demotes for c in rest if c.demotes), tuple(lines)


def _error(result: ReleaseResult, verdict: Class, target: str) -> AnchorError:
    """The error of a release that does not verify."""
    problem = msgspec.structs.replace(result.verdict, verdict=verdict).reason
    kinds = {Class.INVALID: Refused, Class.UNSUPPORTED: Unsupported, Class.USAGE: Misuse}
    kind: type[AnchorError] = kinds.get(verdict, Unavailable)
    return kind(problem, where=target, remedy="'anchor verify' lists all checks")


class _Reopened:
    """Files that were fetched and verified, with the same bytes."""

    def __init__(self, held: SpooledFiles) -> None:
        self._held = held
        self.spool = held.spool
        self.open = held.reopen
        self.read_up_to = held.read_up_to


def _draft(target: str, choice: Choice, stack: ExitStack, progress: Callable[[int], object] | None) -> Side:
    """A ledger file that is not published, read as `publish` reads it."""

    def read(found: tuple[LedgerFile, ...]) -> Side:
        spool = stack.enter_context(files.temporary())
        with open_ledgers(found) as ledger:
            facts, _ = store(ledger.table, spool, progress=progress)
            reader = ledger.reader
        words = (found[0].dialect or NO_DIALECT).described()
        return Side(
            target=target,
            facts=facts,
            proven="nothing",
            read_as=(f"{target} read as: {', '.join(words)} (by {reader})",) if words else (),
            readers=(reader,),
        )

    _check_draft(Path(target), choice)
    return with_ledger([Path(target)], choice, read)


def _check_draft(path: Path, choice: Choice) -> None:
    """Raise `Misuse` for a document of ours in the place of a draft, unless it is said how it is read."""
    if choice != Choice() or user_files.is_stream(path):
        return
    with files.open_input(path, limit=1 << 62) as f:
        data: bytes = f.read(_DOCUMENT + 1)
    if len(data) <= _DOCUMENT and wrong_kind.kind_of(data, str(path)) not in _DRAFTS:
        wrong_kind.check(data, str(path), wrong_kind.RELEASE)
