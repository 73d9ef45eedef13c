# SPDX-License-Identifier: Apache-2.0
"""The steps of verifying one Sigstore bundle: their names, clauses and what a refusal of each would mean.

The names are stable: scripts read them in `--json`. `Steps` turns the outcome of each into a `Check`; a step
that needs what an earlier one did not give is skipped, with the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from anchor.errors import AnchorError, printable
from anchor.verdict import Check, Class, failed, passed, skipped
from anchor.verify.effort import Effort

T = TypeVar("T")
MAX_DETAIL = 2000


@dataclass(frozen=True)
class Step:
    """One step. `clause` is where it is written that it must be done; `classes` is what it can lead to."""

    name: str
    clause: str
    meaning: str
    """What a refusal would mean, in plain words."""
    classes: tuple[Class, ...] = (Class.INVALID,)


_READING = (Class.UNAVAILABLE, Class.USAGE)
"""The file is read for this step: it may not be to be had, or only its digest may be known."""

FORMAT = Step(
    "bundle-format",
    "sigstore_bundle.proto; Sigstore client specification 4",
    "this is no bundle, or something was taken out of it or added to it that no check would cover",
    (Class.INVALID, Class.UNSUPPORTED),
)
MATERIAL = Step(
    "signing-material",
    "sigstore_bundle.proto, VerificationMaterial",
    "it is not signed by the kind of key that you asked for, or with a key that nobody can check here",
    (Class.INVALID, Class.UNSUPPORTED),
)
ARTIFACT = Step(
    "artifact-digest",
    "sigstore_common.proto, MessageSignature",
    "the bundle was made for another file: the one you have was changed, or exchanged",
    (Class.INVALID, Class.UNSUPPORTED, *_READING),
)
SIGNATURE = Step(
    "signature",
    "Sigstore client specification 4, signature verification; DSSE protocol",
    "whoever made this bundle does not hold the signing key, or the file is not the one that was signed",
    (Class.INVALID, Class.UNSUPPORTED, *_READING),
)
TIMESTAMP = Step(
    "timestamp",
    "RFC 3161 section 2.2; sigstore_trustroot.proto, CertificateAuthority.valid_for",
    "no authority that was trusted at that time is shown to have seen this signature then",
    (Class.INVALID, Class.UNSUPPORTED),
)
LOG_KEY = Step(
    "log-key",
    "rekor-tiles CLIENTS.md: find the log by its id; C2SP signed-note",
    "the entry is not in a log whose key the trusted root gives: anybody can run such a log",
    (Class.INVALID, Class.UNSUPPORTED, Class.UNAVAILABLE),
)
PROMISE = Step(
    "log-promise",
    "sigstore_rekor.proto, InclusionPromise",
    "nothing shows that the log promised this entry at this time and index",
)
TIME = Step(
    "signing-time",
    "Sigstore client specification 4, establishing a time for the signature",
    "nobody trusted says when this was signed, so the key may have signed after it was stolen",
    (Class.INVALID, Class.UNSUPPORTED, Class.UNAVAILABLE),
)
CHAIN = Step(
    "certificate-chain",
    "RFC 5280 section 6; sigstore_trustroot.proto, CertificateAuthority.valid_for",
    "nothing shows that a trusted authority vouched for the signer when this was signed",
    (Class.INVALID, Class.UNSUPPORTED, Class.UNAVAILABLE),
)
VALIDITY = Step(
    "certificate-time",
    "RFC 5280 section 4.1.2.5; Sigstore client specification 4",
    "it was signed before or after the certificate was valid, perhaps with a stolen key",
)
USAGE = Step(
    "certificate-usage",
    "RFC 5280 sections 4.2.1.3 and 4.2.1.12; Fulcio certificate specification",
    "the certificate was given for something else than signing code",
)
SCT = Step(
    "certificate-log",
    "RFC 6962 section 3.2",
    "nothing shows that the certificate is in a certificate log, where its owner would notice it",
    (Class.INVALID, Class.UNSUPPORTED, Class.UNAVAILABLE),
)
SIGNER = Step(
    "signer",
    "Fulcio OIDs 1.3.6.1.4.1.57264.1.1 and .1.8; RFC 5280 section 4.2.1.6",
    "somebody else signed this than whom you accept",
)
WINDOW = Step(
    "log-window",
    "sigstore_common.proto, PublicKey.valid_for and TimeRange (both ends included)",
    "a log's key that was not yet, or no longer, trusted vouched for this: it may be in a thief's hands",
)
CHECKPOINT = Step(
    "log-checkpoint",
    "C2SP tlog-checkpoint and signed-note; rekor-tiles CLIENTS.md",
    "nothing shows that the log signed this tree, of this size and root, with the entry at this place",
    (Class.INVALID, Class.UNSUPPORTED),
)
INCLUSION = Step(
    "log-inclusion",
    "RFC 9162 section 2.1.3.2",
    "the log signed a tree without this entry: the bundle was altered, or nobody else can find the entry",
)
ENTRY = Step(
    "log-entry",
    "sigstore_rekor.proto, canonicalized_body; CVE-2022-36056, GHSA-whqx",
    "the log recorded another signature, signer or file than the bundle shows",
    (Class.INVALID, Class.UNSUPPORTED, *_READING),
)
STATEMENT = Step(
    "statement",
    "in-toto attestation Statement v1; DSSE protocol, payloadType",
    "the signed statement is about other files, or is of a kind that must not be read as a statement",
    (Class.INVALID, Class.UNSUPPORTED, *_READING),
)

ALL = (
    FORMAT,
    MATERIAL,
    LOG_KEY,
    PROMISE,
    TIMESTAMP,
    TIME,
    VALIDITY,
    CHAIN,
    SCT,
    USAGE,
    SIGNER,
    WINDOW,
    CHECKPOINT,
    INCLUSION,
    ENTRY,
    ARTIFACT,
    SIGNATURE,
    STATEMENT,
)
"""In the order in which they run."""


class Steps:
    """Runs steps and keeps a check of each, in order."""

    def __init__(self, effort: Effort) -> None:
        self.checks: list[Check] = []
        self._effort = effort

    def run(self, step: Step, work: Callable[[], tuple[str, T]], *, signed: bool = False) -> T | None:
        """What `work` found, None when it failed. `work` gives what was compared with what, and a value;
        `signed`: it checks one signature."""
        try:
            self._effort.spend() if signed else self._effort.poll()
            detail, found = work()
        except AnchorError as e:
            check = failed(step.name, e, meaning=step.meaning, clause=step.clause)
            self.checks.append(msgspec.structs.replace(check, detail=_short(check.detail)))
            return None
        self.checks.append(passed(step.name, _short(detail), clause=step.clause))
        return found

    def skip(self, step: Step, reason: str) -> None:
        """A step that did not run. It demotes nothing: what stopped it did."""
        self.checks.append(skipped(step.name, _short(reason)))


def _short(text: str) -> str:
    """What a check says, printable and of bounded length: identities and origins may be an attacker's."""
    return printable(text[:MAX_DETAIL])
