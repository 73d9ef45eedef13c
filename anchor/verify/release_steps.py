# SPDX-License-Identifier: Apache-2.0
"""The checks of a release: their names, clauses, what a refusal of each would mean, what it can lead to.

The names are stable: scripts read them in `--json`. The steps of each anchor's bundle are in `steps`;
docs/checks.md lists both.
"""

from collections.abc import Callable

from anchor.errors import AnchorError
from anchor.verdict import Check, Class, failed, passed, skipped
from anchor.verify.steps import Step

_TROUBLE = (Class.INVALID, Class.UNAVAILABLE, Class.USAGE)
"""A file that is read: not the one that is named, not to be had, not readable here."""

RELEASE = Step(
    "release-json",
    "FORMAT.md section 8",
    "somebody else than publish wrote or changed this release.json",
    (Class.INVALID, Class.UNSUPPORTED, Class.UNAVAILABLE),
)
STATEMENT = Step(
    "statement",
    "FORMAT.md section 6",
    "what release.json shows is not what was signed",
    (*_TROUBLE, Class.UNSUPPORTED),
)
FACTS = Step(
    "facts",
    "RFC 9162 section 2.1; FORMAT.md section 4",
    "a fact was changed, added, dropped or moved after the release was signed",
    (*_TROUBLE, Class.UNSUPPORTED),
)
LEDGER_JSON = Step(
    "ledger-json",
    "FORMAT.md section 5",
    "the machine-readable copy says something else than the ledger that people read",
    _TROUBLE,
)
BUNDLE = Step(
    "bundle-file",
    "FORMAT.md section 8",
    "the evidence is not the one that release.json names: it was replaced or cut",
    _TROUBLE,
)
TRUSTED = Step(
    "anchor-trusted",
    "trust policy, trusted_root",
    "the anchor is in a log, or by an authority, that your policy does not trust: it counts for nothing",
    (),
)
NAMED = Step(
    "anchor-named",
    "FORMAT.md section 8",
    "release.json tells another story about its evidence than the evidence itself",
    (Class.INVALID, Class.UNSUPPORTED),
)
WITNESSES = Step(
    "witnesses",
    "C2SP tlog-policy and tlog-cosignature",
    "the log may show other people another history, and nobody was asked to notice",
    (Class.INVALID, Class.PENDING),
)
REFERENCE = Step(
    "stock-client",
    "Sigstore client specification 4",
    "another implementation reads the evidence differently: trust neither until it is explained",
    (Class.INVALID, Class.UNAVAILABLE),
)
COPY_DOES = Step(
    "trusted-root-copy",
    "FORMAT.md section 11",
    "the copy beside the release was replaced; your own trusted root was used all the same",
    (Class.INVALID, Class.UNAVAILABLE),
)
COPY = Step(
    "trusted-root",
    "FORMAT.md section 11",
    "the copy of the trust material was replaced: who relies on it trusts keys of somebody else's choice",
    (*_TROUBLE, Class.UNSUPPORTED),
)
FRESH = Step(
    "trust-fresh",
    "TUF specification 5.3 to 5.6; trust policy, max_root_age",
    "a key that this copy trusts may have been revoked since the copy was made",
    (Class.STALE, Class.UNAVAILABLE),
)
LEDGER = Step(
    "policy-ledger",
    "trust policy, ledger",
    "this is another ledger, perhaps of the same signer: what it says is not about yours",
)
NUMBER = Step(
    "policy-number",
    "trust policy, min_number",
    "an old release is shown as the newest, perhaps to hide what was corrected since",
    (Class.STALE,),
)
ANCHORS = Step(
    "policy-anchors",
    "trust policy, min_anchors",
    "too few that you trust vouch for this release: fewer would have to conspire than you wanted",
    (Class.INVALID, Class.PENDING, Class.UNAVAILABLE),
)
AGE = Step(
    "policy-age",
    "trust policy, max_age",
    "no newer release is shown: its publisher stopped, or somebody keeps the newer ones from you",
    (Class.STALE, Class.UNAVAILABLE),
)
POLICY = Step(
    "policy",
    "trust policy",
    "nobody has said whose signature counts: anybody can sign a release",
    (Class.USAGE,),
)

ALL = (
    RELEASE,
    STATEMENT,
    FACTS,
    LEDGER_JSON,
    BUNDLE,
    TRUSTED,
    NAMED,
    WITNESSES,
    REFERENCE,
    COPY_DOES,
    COPY,
    FRESH,
    LEDGER,
    NUMBER,
    ANCHORS,
    AGE,
    POLICY,
)
"""In the order in which they run."""


def held(step: Step, detail: str) -> Check:
    """The step passed; `detail` says what was compared with what."""
    return passed(step.name, detail, clause=step.clause)


def broken(step: Step, error: AnchorError, *, meaning: str = "") -> Check:
    """The step that an error ended; `meaning` where it says more than the step's own."""
    return failed(step.name, error, meaning=meaning or step.meaning, clause=step.clause)


def outcome(step: Step, check: Callable[[], str]) -> Check:
    """The step, run: `check` gives the line of what was compared, or raises."""
    try:
        return held(step, check())
    except AnchorError as e:
        return broken(step, e)


def short_of(step: Step, detail: str, demotes: Class) -> Check:
    """The step holds less than the policy demands."""
    return Check(
        name=step.name,
        state="refused",
        detail=detail,
        meaning=step.meaning,
        clause=step.clause,
        demotes=demotes,
    )


def unrun(step: Step, reason: str, *, demotes: Class | None = None) -> Check:
    """The step did not run."""
    return skipped(step.name, reason, demotes=demotes)
