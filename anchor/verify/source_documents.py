# SPDX-License-Identifier: Apache-2.0
"""The source documents that a release commits to, and those at hand. FORMAT.md section 25.

A release does not publish them, so a verifier may have all of them, some of them, or none. Whether a document
says what a fact says is not decided here.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from anchor.errors import AnchorError, Misuse, Refused
from anchor.format import statement as statements
from anchor.format.source_evidence import Descriptor, listed
from anchor.verdict import Check, failed, judge, passed, skipped
from anchor.verify import steps
from anchor.verify.release import ReleaseResult


def check_documents(
    result: ReleaseResult, at_hand: Callable[[Sequence[Descriptor]], Mapping[str, str]]
) -> ReleaseResult:
    """The result with the check of the documents: those at hand have the digests that were committed to.

    `at_hand` gives the digests (hex) of the documents that are there, by name. It is asked only if the
    release verified.
    """
    kept = tuple(c for c in result.verdict.checks if c.name != steps.SOURCE_DOCUMENTS.name)
    if not result.bound:
        check = skipped(steps.SOURCE_DOCUMENTS, "the statement that commits to them did not verify")
    else:
        check = _compare(statements.decode(result.statement).evidence, at_hand)
    checks = (*kept, check)
    verdict = msgspec.structs.replace(result.verdict, checks=checks, verdict=judge(checks))
    return msgspec.structs.replace(result, verdict=verdict)


def _compare(
    evidence: Sequence[Descriptor], at_hand: Callable[[Sequence[Descriptor]], Mapping[str, str]]
) -> Check:
    step = steps.SOURCE_DOCUMENTS
    if not evidence:
        problem = "the release commits to no source documents"
        return failed(step, Misuse(problem, where="--evidence", remedy="leave --evidence out"))
    try:
        found = at_hand(evidence)
    except AnchorError as e:
        return failed(step, Misuse(e.problem, where=e.where, remedy=e.remedy))
    missing = [one.name for one in evidence if one.name not in found]
    changed = [one.name for one in evidence if found.get(one.name, one.digest.sha256) != one.digest.sha256]
    line = f"{len(found) - len(changed)} of {len(evidence)} documents are at hand, and are those committed to"
    rest = f"; not at hand: {listed(missing)}" if missing else ""
    if changed:
        return failed(step, Refused(f"{line}; changed: {listed(changed)}{rest}"))
    if not found:
        problem = f"none of the {len(evidence)} documents is there"
        remedy = "name the folder with the documents"
        return failed(step, Misuse(problem, where="--evidence", remedy=remedy))
    return passed(step, line + rest)
