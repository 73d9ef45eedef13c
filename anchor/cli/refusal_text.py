# SPDX-License-Identifier: Apache-2.0
"""A verdict that is not OK in words for a person: what is wrong, what it would mean, and what to do.

Decides by the check that decided the class. Nothing that a refused release says is repeated here: only what a
check found.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from anchor.cli.terminal import Row, short_path
from anchor.cli.verdict_text import (
    OTHERS,
    Report,
    bound,
    count,
    is_proof,
    named,
    receipt_sentence,
    remarks,
    who_when_where,
)
from anchor.verdict import ACCEPTING, DIFFERS, Check, Class, Verdict
from anchor.words import several

if TYPE_CHECKING:
    from anchor.cli.audit_words import Words

_SHOWN = 5
"""Releases of a cycle that are shown one by one."""
_DIFFERING = 11
"""Lines about facts that differ, or are withdrawn: ten facts, and the number of the rest."""

_CLAIMED = ": claimed, not verified"
"""The end of a note about a signer whom nobody named."""

_COLOURS = {
    Class.INVALID: "bad",
    Class.EQUIVOCATION: "bad",
    Class.FINDINGS: "bad",
    Class.ERROR: "bad",
}

_BROKEN = {
    "bundle-format": "this is no whole bundle, or a changed one",
    "signing-material": "it is signed with another kind of key than you asked for",
    "log-key": "the entry is in a log that the trusted root does not name",
    "log-promise": "the promise of the log does not hold",
    "timestamp": "the time-stamp does not hold",
    "signing-time": "no trusted time says when it was signed",
    "certificate-time": "it was signed while the certificate was not valid",
    "certificate-chain": "no trusted authority vouches for the signer",
    "certificate-log": "the certificate is in no trusted certificate log",
    "certificate-usage": "the certificate is not for signing code",
    "signer": "somebody else signed it",
    "log-window": "the key of the log was not trusted at that time",
    "log-checkpoint": "the log did not sign this tree",
    "log-inclusion": "the log has no such entry",
    "log-entry": "the log recorded something else",
    "artifact-digest": "the file is not the one that was signed",
    "signature": "the signature does not hold",
    "statement": "what was signed is not what is shown",
    "release-json": "release.json is not as it was written",
    "facts": "a fact is not the one that was signed",
    "leaf-hashes": "the hashes of the facts are not those that were signed",
    "opened-facts": "the facts that you were given are not those that were signed",
    "ledger-json": "ledger.json says something else than the signed ledger",
    "index": "an index says something else than the ledger",
    "table-schema": "the schema describes other columns than the ledger has",
    "source-documents": "a source document is not the one that was named",
    "listed-files": "your files are not those that were listed",
    "bundle-file": "the evidence is not the file that release.json names",
    "anchor-named": "release.json says something else than its evidence",
    "witnesses": "a cosignature of a witness does not hold",
    "stock-client": "the sigstore client refuses the evidence",
    "trusted-root-copy": "the copy of the trusted root was replaced",
    "trusted-root": "the copy of the trusted root was replaced",
    "policy-ledger": "this is another ledger than your policy names",
    "policy-anchors": "nobody whom your policy names vouches for it",
    "policy-signers": "nobody whom your policy names signed it",
    "status-files": "the status is not the file that release.json names",
    "status": "the status is not one of this ledger",
    "status-signed": "nobody whom your policy names signed the status",
    "status-follows": "the status does not follow the one before it",
    "receipt": "this is no receipt, or a changed one",
    "one-statement": "the parts of the receipt are of different releases",
    "receipt-facts": "the fact is not the one that was signed",
    "receipt-key": "the signed index does not say this of the key",
    "receipt-status": "the status in the receipt was changed",
    "receipt-anchor": "the evidence is about something else",
    "version": "two releases of this ledger have one version",
    "chain": "two releases of this ledger have one version",
    "number": "the publisher signed two statements about one release",
    "status-history": "the publisher signed two statuses that contradict each other",
    "status-chain": "the status does not follow those that were shown before",
    "records": "the records of this machine were changed or put back",
}
"""The fault if this check is INVALID or EQUIVOCATION, by its name."""
_FILES = (
    "release-json",
    "statement",
    "facts",
    "leaf-hashes",
    "ledger-json",
    "table-schema",
    "listed-files",
    "bundle-file",
    "trusted-root",
    "status-files",
)
"""Checks that read a file of the release."""
_OF_A_LOG = {
    "log": "whoever holds the key of the log signed two histories",
    "history": "whoever holds the key of the log signed two histories",
    "view": "the log shows two histories",
    "entry": "the log holds another entry than the release shows",
    "witnesses": "a witness signed another tree, or a cosignature is false",
}
"""As `_BROKEN`, by the first word of a check that names its log."""
_BELOW = {
    "trust-fresh": "your copy of the trusted root is too old",
    "policy-number": "it is an older release than your policy knows of",
    "policy-age": "it is older than your policy allows",
    "policy-status-age": "its status is older than your policy allows, or missing",
    "status-newest": "a newer release exists",
    "status-follows": "the status is older than one that the release knew",
    "policy-anchors": "fewer logs than your policy demands have recorded it",
    "policy-signers": "fewer people than your policy demands have signed it",
    "witnesses": "fewer witnesses than your policy demands have cosigned it",
    "status-signed": "fewer than your policy demands vouch for the status",
    "chain": "the releases before it could not be read",
    "number": "an older release is served than was seen before",
    "status-history": "an older status is served than was seen before",
    "status-chain": "the statuses before it could not be read",
    "names": "somebody signed in a name that you watch",
    "coverage": "entries of a log that you watch could not be read",
    "policy": "nobody has said whose signature counts",
    "canary": "this program passes a copy that was corrupted on purpose",
    "complete": "the run left checks out",
    "clock": "the clock of this machine is behind the last run",
    "trust": "your policy, or a trusted root, could not be read",
    "claim": "another run holds this release",
}
"""The fault if this check has another class, by its name or its first word."""
_SENTENCES = {
    Class.USAGE: "something that you gave cannot be used",
    Class.UNAVAILABLE: "no answer could be found",
    Class.STALE: "it holds, and is older than it may be",
    Class.PENDING: "it holds so far, and fewer vouch for it than your policy demands",
    Class.EQUIVOCATION: "two signed statements contradict each other",
    Class.UNSUPPORTED: "this program does not know its format",
    Class.INVALID: "it does not verify",
    Class.FINDINGS: "something was found that a person should look at",
    Class.NOT_FOUND: "nothing is the one that you ask for",
    Class.WITHDRAWN: "its publisher does not stand by it any more",
    Class.ERROR: "a defect of this program",
}
"""The fault, by the class."""
_MEANS = {
    Class.USAGE: "nothing was decided: it speaks neither for nor against what you verify",
    Class.UNAVAILABLE: "nothing was decided: it speaks neither for nor against what you verify",
    Class.UNSUPPORTED: "nothing was decided: a newer version of this program may know it",
    Class.FINDINGS: "somebody has to look: this program cannot tell whether it is meant",
    Class.ERROR: "the answer of this program does not count",
    Class.STALE: "what is shown is good evidence of an older state",
    Class.PENDING: "what is there is good evidence, and not enough of it",
    Class.INVALID: "it was changed, or is not what it says it is",
}
"""The meaning, where the check does not say it."""
_DO = {
    Class.USAGE: "Correct what is named above, and run the command again.",
    Class.UNAVAILABLE: "Run the command again later. If it stays so, ask whoever serves it.",
    Class.STALE: "Get the newest release. If there is none, ask the publisher why.",
    Class.PENDING: "Run the command again later. If it stays so, ask the publisher.",
    Class.EQUIVOCATION: "Rely on neither. Keep both as evidence, and tell others who rely on it.",
    Class.UNSUPPORTED: "Install the newest version of Anchor, and run the command again.",
    Class.INVALID: "Do not rely on it. Keep this copy, get another one from its publisher, and verify that.",
    Class.FINDINGS: "Ask the owner of the name, or the operator of the log, whether it is meant.",
    Class.NOT_FOUND: "Say more exactly which one you want.",
    Class.WITHDRAWN: "Do not rely on it. Ask for what replaces it.",
    Class.ERROR: "Report it with the output of --verbose, and do not rely on this run.",
}
"""The remedy, by the class."""
_DO_BY_NAME = {
    "policy-ledger": "Compare the name in your policy with the release that you mean to verify.",
    "policy-age": "Get the newest release, or ask the publisher why there is none. max_age in your policy "
    "says how old it may be.",
    "policy-number": "Get the newest release: your policy has seen a later one (min_number).",
    "policy-anchors": "Run the command again later. min_anchors in your policy says how many logs you want.",
    "policy-signers": "Ask who has to sign yet. min_signers in your policy says how many people you want.",
    "policy-status-age": "Ask the publisher to run 'anchor renew', which signs the status again as of now.",
    "status-newest": "Verify the newest release, which the status names.",
    "witnesses": "Run the command again later. Your witness policy says how many have to cosign.",
    "trust-fresh": "Run it with a connection, which brings the newest trusted root.",
    "signer": "Do not rely on it, unless you know from elsewhere that this signer is right: then your policy "
    "has to name him.",
    "listed-files": "Compare the files that are named above with a copy from the publisher.",
    "opened-facts": "Ask whoever gave you the opening for that of this release.",
    "source-documents": "Ask whoever gave you the document for the one that the publisher named.",
    "artifact-digest": "Do not use the file. Get it again, with its own bundle, and verify that.",
    "stock-client": "Do not rely on it, and report the difference with the bundle.",
    "trusted-root-copy": "Use your own trusted root, as this command did. Tell the publisher.",
    "trusted-root": "Use your own trusted root, never this copy. Get another copy of the release.",
}
_BY_NAME_FOR = {
    "policy-anchors": Class.PENDING,
    "policy-signers": Class.PENDING,
    "witnesses": Class.PENDING,
}
"""Where a remedy fits one class only."""


def report(verdict: Verdict, shown: Sequence[Row] = (), *, verbose: bool = False, export: str = "") -> Report:
    """The report of a verdict of any class but OK. The arguments are those of `verdict_text.report`."""
    kind = verdict.verdict
    decided = deciding(verdict)
    other = _other(verdict)
    about = other.about(verdict, decided) if other else _about(verdict)
    head = f"{about}: " if about else ""
    if verdict.kind == "cycle":
        rows = [Row("release", f"{c.name}: {c.detail}") for c in verdict.checks if c.demotes][:_SHOWN]
        bad = sum(bool(c.demotes) for c in verdict.checks)
        sentence = f"{bad} of {several(len(verdict.checks), 'release')} not OK"
    else:
        rows = _found(verdict, decided, verbose=verbose)
        sentence = head + sentence_of(verdict, decided)
    rows.append(Row("means", _meaning(verdict, decided)))
    rows += _remedy(verdict, decided)
    if export and _has_evidence(verdict):
        rows.append(Row("do", export, command=True))
    if verdict.facts and kind is Class.WITHDRAWN and not other:
        first, *rest = [*shown, *who_when_where(verdict)]
        rows += [first._replace(apart=True), *rest]
    if other:
        rows += [*other.rows(verdict), *(shown if kind is not Class.EQUIVOCATION else ())]
    rows.append(count(verdict, verbose=verbose))
    if other and is_proof(verdict):
        rows += bound(verdict)
    left = [r for r in remarks(verdict) if not r.text.startswith(ACCEPTING) and not r.text.endswith(_CLAIMED)]
    return Report(str(kind), colour(kind), sentence, [*rows, *left])


def colour(kind: Class) -> str:
    """The colour of a class that is not OK."""
    return _COLOURS.get(kind, "doubt")


def _other(verdict: Verdict) -> "Words | None":
    """The words of a verdict about more than one release."""
    if verdict.kind not in OTHERS:
        return None
    from anchor.cli import audit_text

    return audit_text.WORDS[verdict.kind]


def deciding(verdict: Verdict) -> Check | None:
    """The check that gave the class: the first one. For a bundle of another file it is the one that
    says so. That file makes others fail too, which come first."""
    of_the_file = (c for c in verdict.checks if c.name == "artifact-digest" and c.demotes is verdict.verdict)
    return next(of_the_file, verdict.decided)


def _has_evidence(verdict: Verdict) -> bool:
    """True if a run, or one of several, found two signed statements that contradict each other."""
    return any(c.demotes is Class.EQUIVOCATION for c in verdict.checks)


def _about(verdict: Verdict) -> str:
    """The ledger or receipt, if the checks bound it, else the target."""
    if verdict.facts and "ledger" in verdict.facts:
        return receipt_sentence(verdict.facts) if verdict.kind == "receipt" else named(verdict.facts)
    return short_path(verdict.target)


def sentence_of(verdict: Verdict, decided: Check | None) -> str:
    """The fault, in a few words."""
    kind, other = verdict.verdict, _other(verdict)
    if other and (fault := other.fault(verdict, decided)):
        return fault
    if kind is Class.WITHDRAWN:
        return _withdrawn(verdict)
    name = decided.name if decided is not None else ""
    if kind in (Class.INVALID, Class.EQUIVOCATION):
        found = _BROKEN.get(name) or _OF_A_LOG.get(name.partition(" ")[0])
    elif kind in (Class.UNAVAILABLE, Class.UNSUPPORTED) and name not in ("number", "status-history", "clock"):
        missing = kind is Class.UNAVAILABLE and name in _FILES
        found = "a file of it is missing, or cannot be read" if missing else None
    else:
        found = _BELOW.get(name) or _BELOW.get(name.partition(" ")[0])
    if kind is Class.USAGE and name != "policy":
        found = None
    return found or _SENTENCES[kind]


def _withdrawn(verdict: Verdict) -> str:
    """The sentence about a release, or about single facts of it."""
    gone = verdict.facts.get("status", {}).get("withdrawn", ())
    facts = sum("fact" in entry for entry in gone)
    if verdict.kind == "receipt" or not facts or facts < len(gone):
        return _SENTENCES[Class.WITHDRAWN]
    return f"its publisher does not stand by {several(facts, 'fact')} of it any more"


def _found(verdict: Verdict, decided: Check | None, *, verbose: bool) -> list[Row]:
    """The line of the check that decided, or the facts that differ."""
    if decided is None:
        return []
    if _is_unasked(verdict, decided):
        number = sum(c.state == "passed" for c in verdict.checks)
        return [Row("found", f"{several(number, 'check')} that need no policy passed"), *claims(verdict)]
    differing = [n.removeprefix(DIFFERS) for n in verdict.notes if n.startswith(DIFFERS)]
    if differing:
        more = len(differing) > _DIFFERING  # lines, of which one may be about many facts
        rows = [Row("found", line) for line in differing[:_DIFFERING]]
        return rows + (
            [Row("found", f"and more{'' if verbose else ' (--verbose shows them)'}")] if more else []
        )
    where = f"{decided.about}: " if decided.about and decided.name != "withdrawn" else ""
    every = [c.detail for c in verdict.checks if c.demotes is verdict.verdict and c.name == decided.name]
    if decided.name == "withdrawn":
        return [Row("found", detail.removeprefix("WITHDRAWN: ")) for detail in every[:_DIFFERING]]
    return [Row("found", f"{where}{decided.detail}")]


def claims(verdict: Verdict) -> list[Row]:
    """The rows of what a release or receipt says about itself, if no policy says whose signature counts."""
    said = (n.removesuffix(_CLAIMED) for n in verdict.notes if n.endswith(_CLAIMED))
    labelled = (("release", one[3:]) if one.startswith("of ") else ("signed by", one[10:]) for one in said)
    return [Row(label, f"{text}: this is claimed, and not verified") for label, text in labelled]


def _is_unasked(verdict: Verdict, decided: Check) -> bool:
    """True if nobody has said whose signature counts. A mirror repeats this of each release."""
    return decided.name == "policy" or (verdict.kind == "mirror" and verdict.verdict is Class.USAGE)


def _meaning(verdict: Verdict, decided: Check | None) -> str:
    kind = verdict.verdict
    said = decided.meaning if decided is not None and decided.meaning else _MEANS.get(kind, "")
    other = _other(verdict)
    said = other.meanings.get(kind, said) if other else said
    if decided is not None and _is_unasked(verdict, decided):
        what = "history" if verdict.kind == "history" else "release"
        said = f"anybody can sign a {what}, so this proves nothing yet"
    if decided is not None and decided.name == "withdrawn":
        said = "this is what was published then, and by its publisher's own word it does not count any more"
    return f"{said[:1].upper()}{said[1:]}." if said else f"{_SENTENCES[kind]}."


def making_policy(target: str) -> str:
    """The command that makes a policy for a release, and has its digest compared."""
    import shlex  # only a run without a policy needs it

    return shlex.join(["anchor", "policy", target, "-o", "policy.toml"])


def _is_about_the_clock(decided: Check) -> bool:
    """True if nobody can tell an age, because the clock of this machine is behind."""
    return decided.name == "clock" or decided.detail.startswith("clock: ")


def _first_policy() -> list[Row]:
    """The way to a policy for who has a receipt alone. A receipt has no trusted root, and no address."""
    return [
        Row("do", "This command writes one. RELEASE is the path or URL that the publisher tells you:"),
        Row("do", making_policy("RELEASE"), command=True),
    ]


def _remedy(verdict: Verdict, decided: Check | None) -> list[Row]:
    """The remedy: one sentence, or a command."""
    kind, name = verdict.verdict, decided.name if decided is not None else ""
    for note in verdict.notes:
        if note.startswith(ACCEPTING):
            return [
                Row(
                    "do",
                    "Write a policy for it, and compare the digest of its trusted root with the publisher:",
                ),
                Row("do", making_policy(verdict.target), command=True),
            ]
    if kind is Class.UNAVAILABLE and decided is not None and _is_about_the_clock(decided):
        return [Row("do", "Set the clock of this machine, and run the command again.")]
    other = _other(verdict)
    if other and kind in other.remedies:
        return [Row("do", other.remedies[kind])]
    if name == "policy":
        rows = [Row("do", "Say whose signature counts: give your policy with --policy FILE.")]
        return rows + (_first_policy() if verdict.kind == "receipt" else [])
    fits = _BY_NAME_FOR.get(name, kind) is kind
    found = (
        _DO_BY_NAME.get(name)
        if fits and kind not in (Class.UNAVAILABLE, Class.USAGE, Class.UNSUPPORTED)
        else None
    )
    return [Row("do", found or _DO[kind])]
