# SPDX-License-Identifier: Apache-2.0
"""Witness cosignatures on a bundle's checkpoint, counted by ourselves against the verifier's C2SP policy.

A Rekor v2 log goes on without its witnesses, and no Sigstore client notices: so the quorum is a check here.
"""

from datetime import datetime

from anchor.errors import AnchorError, Pending, Refused
from anchor.tlog import policy
from anchor.tlog.policy import WitnessPolicy
from anchor.verdict import Check
from anchor.verify.effort import Effort
from anchor.verify.release_steps import WITNESSES, broken, held
from anchor.verify.report import BundleReport


def check(report: BundleReport, witnesses: WitnessPolicy, now: datetime, effort: Effort) -> Check:
    """Whether the checkpoint of a verified bundle has its quorum. `Pending` when it has not (yet)."""
    try:
        for _ in witnesses.cosigners:  # each signs once at most
            effort.spend()
        return held(WITNESSES, _count(report, witnesses, now))
    except AnchorError as e:
        return broken(WITNESSES, e)


def _count(report: BundleReport, witnesses: WitnessPolicy, now: datetime) -> str:
    log = report.logs[0]
    if log.checkpoint is None:
        raise Refused("the bundle has no checkpoint that witnesses could have cosigned")
    known = [named for named in witnesses.known_logs if named.owns(log.origin)]
    if not known:
        raise Pending(f"the witness policy does not name the log {log.origin}: its entries count for nothing")
    signed = {(line.name, line.key_id) for line in log.checkpoint.note.signatures}
    if not any((named.key.name, named.key.key_id) in signed for named in known):
        raise Refused(f"the checkpoint is not signed by the key that the witness policy has for {log.origin}")
    quorum = policy.evaluate(witnesses, log.checkpoint.note, now=int(now.timestamp()))
    if not quorum.met:
        raise Pending(quorum.sentence)
    return quorum.sentence
