# SPDX-License-Identifier: Apache-2.0
"""The steps of verifying a bundle and a release, and `Checks`, which runs them.

Every step has a name, a clause and the meaning of a refusal; docs/checks.md lists them. The names are stable:
scripts read them in `--json`.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, ParamSpec, TypeVar, overload

from anchor.errors import AnchorError
from anchor.verdict import Check, Class, Step, failed, passed, skipped
from anchor.verify.effort import Effort

P = ParamSpec("P")
T = TypeVar("T")

_ARTIFACT = (Class.UNAVAILABLE, Class.USAGE)
"""The step reads the file: it may be missing, or only its digest may be known."""

FORMAT = Step(
    "bundle-format",
    "sigstore_bundle.proto; Sigstore client specification 4",
    "this is not a bundle, or something was removed from it or added to it that no check would cover",
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
    (Class.INVALID, Class.UNSUPPORTED, *_ARTIFACT),
)
SIGNATURE = Step(
    "signature",
    "Sigstore client specification 4, signature verification; DSSE protocol",
    "the maker of this bundle does not hold the signing key, or the file is not the signed one",
    (Class.INVALID, Class.UNSUPPORTED, *_ARTIFACT),
    signed=True,
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
    signed=True,
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
    "the signer is not one of those whom you accept",
)
WINDOW = Step(
    "log-window",
    "sigstore_common.proto, PublicKey.valid_for and TimeRange (both ends included)",
    "a log's key vouched for this outside of its period of trust: the key may be stolen",
)
CHECKPOINT = Step(
    "log-checkpoint",
    "C2SP tlog-checkpoint and signed-note; rekor-tiles CLIENTS.md",
    "nothing shows that the log signed a tree of this size and root, with the entry at this index",
    (Class.INVALID, Class.UNSUPPORTED),
    signed=True,
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
    (Class.INVALID, Class.UNSUPPORTED, *_ARTIFACT),
)
STATEMENT = Step(
    "statement",
    "in-toto attestation Statement v1; DSSE protocol, payloadType",
    "the signed statement is about other files, or is of a kind that must not be read as a statement",
    (Class.INVALID, Class.UNSUPPORTED, *_ARTIFACT),
)

BUNDLE_STEPS = (
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
"""The steps of a bundle, in the order in which they run."""

_NAMED_FILE = (Class.INVALID, Class.UNAVAILABLE, Class.USAGE)
"""release.json names the file: it may be another file, be missing, or not be readable here."""

RELEASE_JSON = Step(
    "release-json",
    "FORMAT.md section 8",
    "release.json was not written by publish, or was changed afterwards",
    (Class.INVALID, Class.UNSUPPORTED, Class.UNAVAILABLE),
)
RELEASE_STATEMENT = Step(
    "statement",
    "FORMAT.md section 6",
    "what release.json shows is not what was signed",
    (*_NAMED_FILE, Class.UNSUPPORTED),
)
READ_AS = Step(
    "read-as",
    "FORMAT.md section 15",
    "the publisher chose how the file is read: whoever reads it otherwise finds other facts in it",
    (),
)
FACTS = Step(
    "facts",
    "RFC 9162 section 2.1; FORMAT.md section 4",
    "a fact was changed, added, dropped or moved after the release was signed",
    (*_NAMED_FILE, Class.UNSUPPORTED),
)
LEAF_HASHES = Step(
    "leaf-hashes",
    "FORMAT.md sections 4 and 16.3",
    "the leaf hashes of the confidential ledger are not those that were signed",
    (*_NAMED_FILE, Class.UNSUPPORTED),
)
OPENED = Step(
    "opened-facts",
    "FORMAT.md section 16.4",
    "the facts that you were given are not those that were signed",
    (Class.INVALID, Class.UNSUPPORTED, Class.USAGE),
)
LEDGER_JSON = Step(
    "ledger-json",
    "FORMAT.md section 5",
    "the machine-readable copy says something else than the ledger that people read",
    _NAMED_FILE,
)
TABLE_SCHEMA = Step(
    "table-schema",
    "FORMAT.md section 24",
    "the schema beside the ledger describes other columns than it has",
    (*_NAMED_FILE,),
)
INDEX = Step(
    "index",
    "FORMAT.md section 21",
    "the index says something else than the ledger: it would prove that a key is absent, or that its facts "
    "are all, and be wrong",
)
SOURCE_DOCUMENTS = Step(
    "source-documents",
    "FORMAT.md section 25",
    "a document that you have is not the one that the publisher committed to",
    (Class.INVALID, Class.USAGE),
)
LISTED_FILES = Step(
    "listed-files",
    "FORMAT.md section 17.7",
    "these are not the files that were published: some were changed, replaced or taken away",
    (Class.INVALID, Class.UNAVAILABLE, Class.USAGE),
)
BUNDLE_FILE = Step(
    "bundle-file",
    "FORMAT.md section 8",
    "the evidence is not the one that release.json names: it was replaced or cut",
    _NAMED_FILE,
)
ANCHOR_TRUSTED = Step(
    "anchor-trusted",
    "trust policy, trusted_root",
    "the anchor is in a log, or by an authority, that your policy does not trust: it counts for nothing",
    (),
)
ANCHOR_NAMED = Step(
    "anchor-named",
    "FORMAT.md section 8",
    "what release.json says about its evidence is not what the evidence says",
    (Class.INVALID, Class.UNSUPPORTED),
)
WITNESSES = Step(
    "witnesses",
    "C2SP tlog-policy and tlog-cosignature",
    "the log may show other people another history, and no witness would notice",
    (Class.INVALID, Class.PENDING),
)
REFERENCE_CLIENT = Step(
    "stock-client",
    "Sigstore client specification 4",
    "another implementation reads the evidence differently: trust neither until it is explained",
    (Class.INVALID, Class.UNAVAILABLE),
)
TRUSTED_ROOT_COPY = Step(
    "trusted-root-copy",
    "FORMAT.md section 11",
    "the copy beside the release was replaced; your own trusted root was used all the same",
    (Class.INVALID, Class.UNAVAILABLE),
)
TRUSTED_ROOT = Step(
    "trusted-root",
    "FORMAT.md section 11",
    "the copy of the trusted root was replaced: whoever relies on it trusts keys that somebody else chose",
    (*_NAMED_FILE, Class.UNSUPPORTED),
)
TRUST_FRESH = Step(
    "trust-fresh",
    "TUF specification 5.3 to 5.6; trust policy, max_root_age",
    "a key that this copy trusts may have been revoked since the copy was made",
    (Class.STALE, Class.UNAVAILABLE),
)
POLICY_LEDGER = Step(
    "policy-ledger",
    "trust policy, ledger",
    "this is another ledger, perhaps of the same signer: what it says is not about yours",
)
POLICY_NUMBER = Step(
    "policy-number",
    "trust policy, min_number",
    "an old release is shown as the newest, perhaps to hide what was corrected since",
    (Class.STALE,),
)
POLICY_ANCHORS = Step(
    "policy-anchors",
    "trust policy, min_anchors",
    "too few that you trust vouch for this release: fewer would have to conspire than you wanted",
    (Class.INVALID, Class.PENDING, Class.UNAVAILABLE),
)
POLICY_SIGNERS = Step(
    "policy-signers",
    "FORMAT.md section 10; trust policy, min_signers",
    "fewer people than you want signed this release: one of them alone could have made it",
    (Class.INVALID, Class.PENDING, Class.UNAVAILABLE),
)
POLICY_AGE = Step(
    "policy-age",
    "trust policy, max_age",
    "no newer release is shown: the publisher stopped, or somebody withholds the newer ones from you",
    (Class.STALE, Class.UNAVAILABLE),
)
STATUS_FILES = Step(
    "status-files",
    "FORMAT.md section 20",
    "the list of what was withdrawn is not the one that release.json names: it was replaced or cut",
    _NAMED_FILE,
)
STATUS = Step(
    "status",
    "FORMAT.md section 23",
    "what is shown as the list of what was withdrawn is not such a list, or is about another ledger",
    (Class.INVALID, Class.UNSUPPORTED),
)
STATUS_SIGNED = Step(
    "status-signed",
    "FORMAT.md section 23; trust policy, min_anchors",
    "somebody else than the publisher says what was withdrawn, or too few that you trust vouch for it",
    (Class.INVALID, Class.PENDING),
)
STATUS_FOLLOWS = Step(
    "status-follows",
    "FORMAT.md section 23",
    "an old list of what was withdrawn is shown, or one from which something was taken out",
    (Class.INVALID, Class.EQUIVOCATION, Class.UNAVAILABLE, Class.STALE, Class.USAGE),
)
STATUS_NEWEST = Step(
    "status-newest",
    "FORMAT.md section 23",
    "an old release is shown as the newest, perhaps to hide what was corrected since",
    (Class.STALE,),
)
WITHDRAWN = Step(
    "withdrawn",
    "FORMAT.md section 23",
    "it was published like this, and its publisher does not stand by it any more",
    (Class.WITHDRAWN,),
)
POLICY_STATUS_AGE = Step(
    "policy-status-age",
    "trust policy, max_status_age",
    "nothing shows what was withdrawn since then: the publisher stopped, or somebody withholds it from you",
    (Class.STALE, Class.UNAVAILABLE),
)
POLICY = Step(
    "policy",
    "trust policy",
    "nobody has said whose signature counts: anybody can sign a release",
    (Class.USAGE,),
)

RELEASE_STEPS = (
    RELEASE_JSON,
    RELEASE_STATEMENT,
    READ_AS,
    FACTS,
    LEAF_HASHES,
    OPENED,
    LEDGER_JSON,
    INDEX,
    TABLE_SCHEMA,
    SOURCE_DOCUMENTS,
    LISTED_FILES,
    BUNDLE_FILE,
    ANCHOR_TRUSTED,
    ANCHOR_NAMED,
    WITNESSES,
    REFERENCE_CLIENT,
    TRUSTED_ROOT_COPY,
    TRUSTED_ROOT,
    TRUST_FRESH,
    POLICY_LEDGER,
    POLICY_NUMBER,
    POLICY_ANCHORS,
    POLICY_SIGNERS,
    POLICY_AGE,
    STATUS_FILES,
    STATUS,
    STATUS_SIGNED,
    STATUS_FOLLOWS,
    STATUS_NEWEST,
    WITHDRAWN,
    POLICY_STATUS_AGE,
    POLICY,
)
"""The steps of a release, in the order in which they run."""

RECEIPT = Step(
    "receipt",
    "FORMAT.md section 22",
    "this is no receipt as a publisher writes it, or it was changed afterwards",
    (Class.INVALID, Class.UNSUPPORTED),
)
ONE_STATEMENT = Step(
    "one-statement",
    "FORMAT.md section 22",
    "the evidence of one release was put together with a proof or with evidence of another one",
)
RECEIPT_STATEMENT = Step(
    "statement",
    "FORMAT.md sections 6 and 19",
    "what was signed is no statement about a ledger",
    (Class.INVALID, Class.UNSUPPORTED),
)
RECEIPT_FACTS = Step(
    "receipt-facts",
    "FORMAT.md sections 4, 16 and 22; RFC 9162 section 2.1",
    "no such fact stands at this place in the ledger that was signed: the fact or its proof was changed",
    (Class.INVALID, Class.UNSUPPORTED),
)
RECEIPT_KEY = Step(
    "receipt-key",
    "FORMAT.md sections 21 and 22",
    "the signed index does not say what the receipt says about this key",
    (Class.INVALID, Class.UNSUPPORTED),
)
RECEIPT_STATUS = Step(
    "receipt-status",
    "FORMAT.md sections 22 and 23",
    "the list of what was withdrawn, beside the fact, is cut or put together of several",
    (Class.INVALID, Class.UNSUPPORTED),
)
RECEIPT_ANCHOR = Step(
    "receipt-anchor",
    "FORMAT.md section 7",
    "the evidence is about another statement, or no log is shown to hold it",
)
RECEIPT_STEPS = (
    RECEIPT,
    ONE_STATEMENT,
    RECEIPT_STATEMENT,
    READ_AS,
    RECEIPT_FACTS,
    RECEIPT_KEY,
    ANCHOR_TRUSTED,
    RECEIPT_ANCHOR,
    WITNESSES,
    RECEIPT_STATUS,
    STATUS,
    STATUS_SIGNED,
    STATUS_FOLLOWS,
    WITHDRAWN,
    POLICY_STATUS_AGE,
    TRUST_FRESH,
    POLICY_LEDGER,
    POLICY_NUMBER,
    POLICY_ANCHORS,
    POLICY_SIGNERS,
    POLICY_AGE,
    POLICY,
)
"""The steps of a receipt, in the order in which they run."""

HISTORY_PROOF = Step(
    "history-proof",
    "FORMAT.md section 29.4",
    "this is no proof of runs as the records write it, or it was put together of two",
    (Class.INVALID, Class.UNSUPPORTED),
)
HISTORY_SIGNED = Step(
    "history-signed",
    "FORMAT.md section 29.3",
    "the evidence is about another head, or no log is shown to hold it",
)
HISTORY_EVENTS = Step(
    "history-events",
    "FORMAT.md sections 29.1, 29.2 and 29.4; RFC 9162 section 2.1",
    "an event was changed, added, left out or moved after the head was signed",
    (Class.INVALID, Class.UNSUPPORTED),
)
HISTORY_PRUNED = Step(
    "history-pruned",
    "FORMAT.md section 29.2",
    "what these events say is withheld: one of them may be a run that whoever gave you this does not want to "
    "show",
    (Class.UNAVAILABLE,),
)
HISTORY_ONE = Step(
    "history-one",
    "FORMAT.md section 29.3",
    "whoever signed these heads keeps two histories, and shows you the one that suits",
    (Class.EQUIVOCATION, Class.FINDINGS),
)
HISTORY_STEPS = (
    HISTORY_PROOF,
    ANCHOR_TRUSTED,
    HISTORY_SIGNED,
    WITNESSES,
    POLICY_ANCHORS,
    POLICY_SIGNERS,
    HISTORY_EVENTS,
    HISTORY_PRUNED,
    HISTORY_ONE,
    POLICY_LEDGER,
    TRUST_FRESH,
    POLICY,
)
"""The steps of a proof of runs, in the order in which they run."""


class Checks:
    """Runs steps, and keeps the check of each in order."""

    def __init__(self, effort: Effort | None = None) -> None:
        """`effort`: the limit of all steps together."""
        self.checks: list[Check] = []
        self._effort = effort or Effort.unlimited()

    @overload
    def run(
        self, step: Step, function: Callable[P, str], /, *args: P.args, **kwargs: P.kwargs
    ) -> Literal[True] | None: ...

    @overload
    def run(
        self, step: Step, function: Callable[P, tuple[str, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T | None: ...

    def run(self, step: Step, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call `function`; its value (True if it has none), or None if the check failed.

        `function` raises an error of ours, or returns one line that says what was compared with what, alone
        or with a value.
        """
        try:
            if step.signed:
                self._effort.spend()
            else:
                self._effort.poll()
            result = function(*args, **kwargs)
        except AnchorError as e:
            self.checks.append(failed(step, e))
            return None
        line, value = result if isinstance(result, tuple) else (result, True)
        self.checks.append(passed(step, line))
        return value

    def extend(self, checks: Iterable[Check]) -> None:
        """Keep checks that were made elsewhere."""
        self.checks.extend(checks)

    def skip(self, step: Step, reason: str, *, demotes: Class | None = None) -> None:
        """Keep a check that did not run. A step that an earlier one stopped demotes nothing by itself."""
        self.checks.append(skipped(step, reason, demotes=demotes))
