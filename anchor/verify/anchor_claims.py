# SPDX-License-Identifier: Apache-2.0
"""What release.json says of an anchor, compared with what verifying its bundle bound."""

from anchor.encoding import rfc3339
from anchor.errors import Refused
from anchor.format.release import Anchor
from anchor.format.statement import PAYLOAD_TYPE
from anchor.verify.report import BundleReport, LogFact


def compare(anchor: Anchor, found: BundleReport, payload: bytes) -> str:
    """The bundle signs this statement, and release.json repeats what the bundle binds."""
    if found.payload_type != PAYLOAD_TYPE or found.payload != payload:
        raise Refused(
            "the bundle signs another statement than the one beside release.json", where="statement"
        )
    if len(found.logs) != 1:
        raise Refused(f"{len(found.logs)} log entries where an anchor has one")
    log = found.logs[0]
    if log.checkpoint is None:
        problem = "no inclusion proof with a checkpoint: the log's promise alone is no anchor (FORMAT.md 7)"
        raise Refused(problem, where="log entry")
    pairs = (
        ("log.origin", anchor.log.origin, log.origin),
        ("log.url", anchor.log.url, log.base_url),
        ("log.id", anchor.log.id, log.log_id.hex()),
        ("log.index", anchor.log.index, entry_index(log)),
        ("identity", anchor.identity, found.identity),
        ("issuer", anchor.issuer, found.issuer),
        ("time", anchor.time, time_text(found)),
    )
    for name, said, bound in pairs:
        if said != bound:
            raise Refused(f"says {said!r} where the bundle binds {bound!r}", where=name)
    return "what release.json says of statement, log, index, signer and time is what the bundle binds"


def entry_index(log: LogFact) -> int:
    """The index that the log goes by: its own promise where there is one (v1), else the one in the tree."""
    return log.index if log.promised_index is None else log.promised_index


def time_text(found: BundleReport) -> str:
    """The earliest verified time, RFC 3339 UTC in whole seconds."""
    return rfc3339(found.earliest) if found.earliest else ""
