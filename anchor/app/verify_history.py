# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-history`: proofs of runs from files, under the verifier's trust. No database is opened.

Each file is read once, a line at a time.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from anchor import limits
from anchor.app import wrong_kind
from anchor.disk import user_files
from anchor.errors import Misuse, Refused
from anchor.format import history_proof
from anchor.verdict import Check, Class, Verdict, judge
from anchor.verify import history_checks
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.history_checks import HistoryResult, Read
from anchor.verify.steps import Checks

_FORMAT = history_proof.FORMAT.rpartition(":")[0].encode()
_REST = 1 << 20
"""Bytes behind the first line by which a file of another kind is known."""


class _Opened(NamedTuple):
    """A file whose first line was read."""

    path: Path
    stream: BinaryIO
    first: bytes


def verify_files(paths: Sequence[Path], trust: Trust | None) -> Verdict:
    """The verdict of one proof, or of several together. Raises `Misuse` for a file that is no proof."""
    now, effort = datetime.now(UTC), Effort(stopwatch=time.thread_time)
    with ExitStack() as stack:
        opened = [_open(path, stack) for path in paths]
        read = list[tuple[_Opened, Read | None, Checks]]()
        for one in opened:
            checks = Checks()
            read.append((one, history_checks.read(one.first, checks, where=str(one.path)), checks))
        wanted = history_checks.sizes([found for _, found, _ in read if found is not None])
        results = list[HistoryResult]()
        for number, (one, found, checks) in enumerate(read):
            result = HistoryResult(checks=())
            if found is not None:
                share = effort.share(len(read) - number)
                lines = _lines(one.stream)
                result = history_checks.examine(
                    found, lines, trust=trust, now=now, effort=share, wanted=wanted
                )
            own = (*checks.checks, *result.checks)
            results.append(msgspec.structs.replace(result, checks=own))
    return _verdict(paths, history_checks.conclude(results, trust), trust)


def _open(path: Path, stack: ExitStack) -> _Opened:
    """A file with its first line, without the line's end. Raises `Misuse` for another kind of file."""
    stream = stack.enter_context(user_files.opened(path, limit=limits.FILE_2))
    first = stream.readline(history_proof.MAX_LINE + 1)
    if _FORMAT not in first:
        data = first + stream.read(_REST)
        wrong_kind.check(data, str(path), wrong_kind.PROOF)
        raise Misuse("no proof of runs", where=str(path), remedy=wrong_kind.PROOF.give)
    return _Opened(path, stream, first.removesuffix(b"\n"))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines after the first one, without their ends. Raises `Refused` for a line that does not end: it is
    too long, or the file is cut off."""
    number = 1
    while line := stream.readline(history_proof.MAX_LINE + 1):
        number += 1
        if not line.endswith(b"\n"):
            problem = "is too long" if len(line) > history_proof.MAX_LINE else "is cut off"
            raise Refused(f"{problem}: it has no line end", where=f"proof: line {number}")
        yield line[:-1]


def _verdict(paths: Sequence[Path], results: Sequence[HistoryResult], trust: Trust | None) -> Verdict:
    """The verdict of all proofs. Of several, each check says in which file."""
    alone = len(results) == 1
    checks, proofs, notes = list[Check](), list[dict[str, Any]](), dict[str, None]()
    for path, result in zip(paths, results, strict=True):
        for check in result.checks:
            about = check.about if alone else f"proof {path}{f', {check.about}' if check.about else ''}"
            checks.append(msgspec.structs.replace(check, about=about))
        if result.facts and judge(result.checks) is not Class.INVALID:
            proofs.append({"file": str(path), **result.facts})
        notes |= dict.fromkeys(result.notes)
    checks += history_checks.compare(results)
    found = judge(checks)
    if trust is None and proofs:
        from anchor.verify.history_words import sentence  # only for what is claimed

        notes |= dict.fromkeys(f"claimed and not verified: {sentence(one)}" for one in proofs)
        proofs = []
    return Verdict(
        kind="history",
        target=str(paths[0]) if alone else f"{len(results)} proofs",
        verdict=found,
        checks=tuple(checks),
        facts={"proofs": proofs} if proofs else {},
        notes=(*(trust.remarks if trust is not None else ()), *notes),
    )
