# SPDX-License-Identifier: Apache-2.0
"""What a verified release gives to a re-verification: its statement, its anchors, its entries in logs.

Only of anchors that count under the verifier's own trust. Nothing is verified here again.
"""

from collections.abc import Mapping, Sequence

from anchor.outcome import SeenAnchor, SeenRelease
from anchor.release import Release
from anchor.reverify import Entry, Examined
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.keys import VerifierKey
from anchor.verdict import Class, Verdict
from anchor.verify.anchors import AnchorReport
from anchor.verify.report import LogFact

_BOUND = (Class.OK, Class.STALE, Class.PENDING)


def examined(
    verdict: Verdict,
    release: Release | None,
    statement: bytes,
    reports: Sequence[AnchorReport],
    files: Mapping[str, bytes],
) -> Examined:
    """From the verdict and what was read on the way to it. `files`: the bundles' bytes by path."""
    entries: list[Entry] = []
    anchors: list[SeenAnchor] = []
    for report in reports:
        data = files.get(report.anchor.bundle.path)
        if not report.counts or report.bundle is None or data is None:
            continue
        for fact in report.bundle.logs:
            anchors.append(
                SeenAnchor(
                    origin=fact.origin,
                    log_key=key.vkey if (key := log_key(fact)) else "",
                    log_index=report.anchor.log.index,
                    bundle=data,
                    time=report.anchor.time,
                )
            )
            entries.append(_entry(fact, report))
    found = None
    if release is not None and anchors and verdict.verdict in _BOUND:
        found = SeenRelease(
            ledger=release.ledger.name,
            number=release.ledger.number,
            version=release.ledger.version,
            root=release.tree.root,
            size=release.tree.size,
            statement=statement,
            anchors=tuple(anchors),
        )
    return Examined(verdict=verdict, release=found, entries=tuple(entries))


def _entry(fact: LogFact, report: AnchorReport) -> Entry:
    return Entry(
        origin=fact.origin,
        index=report.anchor.log.index,
        body=fact.body,
        checkpoint=fact.checkpoint,
        place=fact.index if fact.checkpoint else None,
    )


def log_key(fact: LogFact) -> VerifierKey | None:
    """The key that signed the entry's checkpoint, which the trusted root names."""
    log = log_of(fact.checkpoint) if fact.checkpoint else None
    return log.key if log else None


def log_of(head: Checkpoint) -> Log | None:
    """The log of a verified checkpoint; a Rekor v1 tree is signed under the bare name of its log."""
    for signer in head.signers:
        if signer.key.name == head.origin:
            return Log(head.origin, signer.key)
        if head.origin.startswith(f"{signer.key.name} - "):
            return Log(signer.key.name, signer.key, shards=True)
    return None
