# SPDX-License-Identifier: Apache-2.0
"""The files of a folder against the list of files that a release publishes. FORMAT.md section 17.7."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from anchor.errors import Incomplete, Misuse, Refused
from anchor.format import file_lists
from anchor.format import statement as statements
from anchor.format.file_lists import Differences, ListedFile
from anchor.format.readers.file_list import FileList
from anchor.verdict import Check, failed, judge, passed, skipped
from anchor.verify import ledger_checks, steps
from anchor.verify.release import ReleaseResult
from anchor.verify.release_files import COPYING, Files
from anchor.words import are, several

_SHOWN = 20
"""Paths that are named of each kind."""


def check_files(
    result: ReleaseResult, files: Files, there: Callable[[dict[str, str]], Iterable[ListedFile]]
) -> ReleaseResult:
    """The result with one more check: the files that `there` gives are those that the release lists.

    `there` gets the digests (hex) that the release lists, by path. It is asked only if the release verified.
    Files that are new are told and refuse nothing.
    """
    checks = result.verdict.checks
    if not result.bound or result.release is None:
        check = skipped(steps.LISTED_FILES, "the list itself did not verify")
        return _with(result, (*checks, check))
    statement = statements.decode(result.statement)
    if {original.reader for original in statement.originals} != {FileList.name}:
        error = Misuse("the release is no list of files", where="--files", remedy="leave --files out")
        return _with(result, (*checks, failed(steps.LISTED_FILES, error)))
    listed = list(ledger_checks.listed_files(result.release, statement, files))
    found = there({file.path: file.sha256 for file in listed})
    differences = file_lists.compare(listed, found)
    notes = [f"new, and not in the list: {path}" for path in _first(differences.new)]
    return _with(result, (*checks, _check(differences)), notes)


def _check(found: Differences) -> Check:
    line = f"{are(found.same, 'file')} as published"
    if found.new:
        line += f", {several(len(found.new), 'new one')}"
    if found.changed:
        wrong = [f"changed: {', '.join(_first(found.changed))}"]
        wrong += [f"missing: {', '.join(_first(found.missing))}"] if found.missing else []
        return failed(steps.LISTED_FILES, Refused(f"{line}; {'; '.join(wrong)}"))
    if found.missing:
        error = Incomplete(f"{line}; missing: {', '.join(_first(found.missing))}", remedy=COPYING)
        return failed(steps.LISTED_FILES, error)
    return passed(steps.LISTED_FILES, line)


def _first(paths: Sequence[str]) -> list[str]:
    more = [f"and {len(paths) - _SHOWN} more"] if len(paths) > _SHOWN else []
    return [*paths[:_SHOWN], *more]


def _with(result: ReleaseResult, checks: tuple[Check, ...], notes: Sequence[str] = ()) -> ReleaseResult:
    verdict = msgspec.structs.replace(
        result.verdict, checks=checks, verdict=judge(checks), notes=(*result.verdict.notes, *notes)
    )
    return msgspec.structs.replace(result, verdict=verdict)
