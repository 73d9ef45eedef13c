# SPDX-License-Identifier: Apache-2.0
"""The facts of a confidential release that an auditor was given, against the signed root.

FORMAT.md section 16.4. Every salt, cell and leaf is computed again.
"""

import msgspec

from anchor.errors import AnchorError, Misuse, Refused
from anchor.format import salted_cells
from anchor.format import statement as statements
from anchor.format.opened import Opening
from anchor.format.statement import Statement
from anchor.verdict import Check, failed, judge, passed, skipped
from anchor.verify import steps
from anchor.verify.release import ReleaseResult
from anchor.words import several


def check_opened(result: ReleaseResult, opened: Opening | AnchorError) -> ReleaseResult:
    """The result with one more check: the facts of the opening give the root of the signed statement.

    `opened` may be the error of an opening that cannot be read. It is compared only if the release verified.
    """
    if not result.bound:
        check = skipped(steps.OPENED, "the release itself did not verify")
    elif isinstance(opened, AnchorError):
        check = failed(steps.OPENED, opened)
    else:
        signed = statements.decode(result.statement)
        try:
            check = passed(steps.OPENED, compare(signed, opened))
        except AnchorError as e:
            check = failed(steps.OPENED, e)
    checks: tuple[Check, ...] = (*result.verdict.checks, check)
    facts = {} if check.demotes else result.verdict.facts
    verdict = msgspec.structs.replace(result.verdict, checks=checks, verdict=judge(checks), facts=facts)
    return msgspec.structs.replace(result, verdict=verdict)


def compare(signed: Statement, opening: Opening) -> str:
    """Return if an opening is that of a statement. Raises `Refused`; `Misuse` if it is about another release
    or another kind of ledger."""
    if not signed.confidential:
        problem = "the facts of this release are published"
        raise Misuse(problem, where="--opened", remedy="leave --opened out")
    check_names(signed, opening)
    found = salted_cells.seal(opening, ledger=signed.ledger, secret=opening.secret)
    if (found.size, found.root.hex()) != (signed.tree.size, signed.tree.root):
        problem = f"its {several(found.size, 'fact')} and its secret give root {found.root.hex()}, where the "
        raise Refused(f"{problem}statement has {signed.tree.size} with {signed.tree.root}", where="opening")
    facts = several(found.size, "fact")
    return f"{facts} and their salts, computed again, give root {found.root.hex()}, as signed"


def check_names(signed: Statement, opening: Opening) -> None:
    """Return if an opening names the ledger and the columns of a statement. Raises `Misuse`, `Refused`."""
    if opening.ledger != signed.ledger:
        one = opening.ledger
        problem = f"it opens {one.name} {one.version}, number {one.number}, and this is another release"
        raise Misuse(problem, where="--opened", remedy="name the opening of this release")
    if opening.columns != signed.columns:
        raise Refused("its columns are not those of the statement", where="opening")
