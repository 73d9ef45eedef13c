# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-receipt`: receipts from files, under the verifier's trust."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from anchor import limits
from anchor.app.trust import trust_for
from anchor.disk import user_files
from anchor.errors import Incomplete, Misuse, Refused
from anchor.format import receipt as receipts
from anchor.net.budget import Budget
from anchor.verdict import Verdict, class_of, failed
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.receipt import Evidence, examine_line, examine_receipt, verify_evidence
from anchor.verify.steps import RECEIPT

BUDGET = 20.0
"""Seconds for refreshing the public trusted root."""
_FORMAT = b"urn:ledger-anchor:receipt:"
_FIRST = 200
"""Bytes in which a receipt names its format."""


class OpenedTrust(NamedTuple):
    """The verifier's trust, if there is any, and notes about it."""

    trust: Trust | None
    notes: list[str]


def open_trust(
    *,
    policy: Path | None = None,
    ledger: str | None = None,
    identity: str | None = None,
    issuer: str | None = None,
    trusted_root: str | None = None,
    offline: bool = False,
    receipts: Sequence[Path] = (),
) -> OpenedTrust:
    """The trust of a policy file, or of the four options that say the same. `receipts`: the files that are
    verified; a root that is pinned by its digest alone may lie beside them."""
    found = trust_for(
        None,
        policy=policy,
        ledger=ledger,
        identity=identity,
        issuer=issuer,
        trusted_root=trusted_root,
        budget=Budget(BUDGET),
        offline=offline,
        beside=receipts,
    )
    return OpenedTrust(*found)


def verify_file(path: Path, trust: Trust | None) -> Verdict:
    """The verdict of a receipt that has its bundles."""
    data = _read(path)
    _check_kind(data, path)
    return examine_receipt(str(path), data, trust=trust, now=datetime.now(UTC), effort=_effort()).verdict


def verify_files(paths: Sequence[Path], trust: Trust | None) -> Iterator[Verdict]:
    """The verdict of each of several receipts. The bundles of one release are verified once, while its
    receipts follow each other."""
    evidence = None
    for path in paths:
        data = _read(path)
        try:
            _check_kind(data, path)
        except (Misuse, Incomplete) as e:  # the others are verified all the same
            check = failed(RECEIPT, e)
            yield Verdict(kind="receipt", target=str(path), verdict=class_of(e), checks=(check,))
            continue
        found = examine_receipt(
            str(path), data, trust=trust, now=datetime.now(UTC), effort=_effort(), evidence=evidence
        )
        evidence = found.evidence or evidence
        yield found.verdict


def read_evidence(path: Path, trust: Trust | None) -> Evidence:
    """The bundles that the receipts of another file share, verified. Raises `Refused` and `Unsupported`."""
    bundles = receipts.load_bundles(_read(path), where=str(path))
    return verify_evidence(bundles, trust=trust, now=datetime.now(UTC), effort=_effort())


def verify_lines(path: Path, evidence: Evidence) -> Iterator[Verdict]:
    """The verdict of each line of a file of receipts. Raises `Refused` for a file without a line."""
    number = 0
    with user_files.opened(path, limit=limits.FILE_2) as stream:
        while line := stream.readline(receipts.MAX_RECEIPT + 2):
            number += 1
            target = f"{path}: line {number}"
            data = line.removesuffix(b"\n").removesuffix(b"\r")
            result = examine_line(target, data, evidence=evidence, now=datetime.now(UTC), effort=_effort())
            evidence = result.evidence or evidence
            yield result.verdict
            if not line.endswith(b"\n"):
                break  # the last line, or the beginning of one that is too long, which was refused
    if not number:
        raise Refused(
            "no receipt in it", where=str(path), remedy="name a file that 'anchor prove --all' wrote"
        )


def _check_kind(data: bytes, path: Path) -> None:
    """Raise `Misuse` or `Incomplete` for a file that is no receipt."""
    if len(data) <= receipts.MAX_RECEIPT and (
        _FORMAT not in data[:_FIRST] or data.count(b"{") != data.count(b"}")
    ):
        from anchor.app import wrong_kind  # only for another file than a receipt

        wrong_kind.check(data, str(path), wrong_kind.RECEIPT)


def _read(path: Path) -> bytes:
    """The bytes of a file, at most one more than are parsed: a file that is too large is refused."""
    with user_files.opened(path, limit=limits.FILE_2) as stream:
        return stream.read(receipts.MAX_RECEIPT + 1)


def _effort() -> Effort:
    return Effort(stopwatch=time.thread_time)
