# SPDX-License-Identifier: Apache-2.0
"""All names of checks; docs/checks.md is made of them: python -m tests.support.generate.check_names"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from anchor.verdict import Step
from anchor.verify import steps

PACKAGE = Path(__file__).resolve().parents[3] / "anchor"
MAKERS = {"passed", "failed", "skipped", "refused", "below_policy", "contradiction", "concluded", "Check"}

BUNDLE = (
    "bundle-format",
    "signing-material",
    "log-key",
    "log-promise",
    "timestamp",
    "signing-time",
    "certificate-time",
    "certificate-chain",
    "certificate-log",
    "certificate-usage",
    "signer",
    "log-window",
    "log-checkpoint",
    "log-inclusion",
    "log-entry",
    "artifact-digest",
    "signature",
    "statement",
)
"""Scripts read these: a name that was released is never changed, only added to."""
RELEASE = (
    "release-json",
    "statement",
    "read-as",
    "facts",
    "leaf-hashes",
    "opened-facts",
    "ledger-json",
    "index",
    "table-schema",
    "source-documents",
    "listed-files",
    "bundle-file",
    "anchor-trusted",
    "anchor-named",
    "witnesses",
    "stock-client",
    "trusted-root-copy",
    "trusted-root",
    "trust-fresh",
    "policy-ledger",
    "policy-number",
    "policy-anchors",
    "policy-signers",
    "policy-age",
    "status-files",
    "status",
    "status-signed",
    "status-follows",
    "status-newest",
    "withdrawn",
    "policy-status-age",
    "policy",
)
RECEIPT = (
    "receipt",
    "one-statement",
    "statement",
    "read-as",
    "receipt-facts",
    "receipt-key",
    "anchor-trusted",
    "receipt-anchor",
    "witnesses",
    "receipt-status",
    "status",
    "status-signed",
    "status-follows",
    "withdrawn",
    "policy-status-age",
    "trust-fresh",
    "policy-ledger",
    "policy-number",
    "policy-anchors",
    "policy-signers",
    "policy-age",
    "policy",
)
HISTORY = (
    "history-proof",
    "anchor-trusted",
    "history-signed",
    "witnesses",
    "policy-anchors",
    "policy-signers",
    "history-events",
    "history-pruned",
    "history-one",
    "policy-ledger",
    "trust-fresh",
    "policy",
)

RUN = {
    "clock": "the clock of this machine is behind the last run: ages cannot be judged",
    "release": "what was published is no longer OK, and by which class",
    "number": "an older release than before is served (UNAVAILABLE), or the publisher signed statements that "
    "contradict each other (EQUIVOCATION)",
    "status-history": "an older status than before is served, or none (UNAVAILABLE); or the publisher signed "
    "a status that contradicts another one, or a release (EQUIVOCATION)",
    "status-chain": "the chain of the status could not be read back to what is held of its ledger (PENDING), "
    "or a status is named that is not the one before, or whose entries were lost (INVALID); where the "
    "publisher signed both sides, `status-history` says so",
    "version": "the version of the release is that of another number of its ledger, which is held (INVALID)",
    "chain": "the chain of the release could not be read back to what is held of its ledger (PENDING), "
    "or two numbers in it have one version (INVALID); where another release is named than is held, "
    "`number` says so",
    "log <tree>": "the log was not followed from what is held to its head; or whoever holds its key signed "
    "two histories (EQUIVOCATION), or used the key after the log had ended",
    "unproven heads of <tree>": "the log signed trees that it did not show (UNAVAILABLE): they are held, "
    "and tried again in each run",
    "logs": "no log could be looked for",
    "witnesses of <tree>": "today's head lacks the cosignatures that the policy wants, or one is false",
    "view <name>": "another copy of the log could not be compared, or shows another history (EQUIVOCATION)",
    "entry <index> of <tree>": "the log holds another entry where the bundle says that the release's is",
    "history since entry <index> of <tree>": "today's head does not grow from the tree that the bundle was "
    "made in: whoever holds the log's key signed two histories (EQUIVOCATION)",
    "names": "no log is followed whole: the policy has no `[[watch]]`; it only informs",
    "names in <tree>": "somebody signed in a name that you watch, and no known release or status explains it "
    "(FINDINGS); or that cannot be told yet, since earlier releases cannot be read (UNAVAILABLE)",
    "coverage of <tree>": "entries of a log that you watch could not be read, or the log grows faster than "
    "it is read (UNAVAILABLE); the line says which entries were read",
    "own entry in <tree>": "the watch does not find the release's own entry, so what it does not find says "
    "nothing (ERROR)",
    "names elsewhere": "logs that you trust and do not watch; it only informs",
    "trust": "the trust material could not be loaded; changes of it are shown, never judged",
    "canary": "this verifier passes a copy that was corrupted on purpose (ERROR, of this target alone; of "
    "every good one, once a second target of the cycle confirms it)",
    "complete": "nothing was found wrong, and yet no release or not every entry was looked at: the run says "
    "nothing (ERROR)",
    "records": "the records could not be written or believed, so this run proves less to the next one",
    "claim": "another run holds this release, or the records could not be reached",
    "cycle": "no run could be made at all",
    "head": "of a watch with --anchor-history: the head of the records could not be anchored",
}
"""Of a re-verification, beside those of the release. `<tree>` is a checkpoint's origin."""
RECORDS = {
    "schema": "the database is damaged, or its triggers do not keep the history from being changed",
    "history": "events were edited, deleted, added or damaged, or the tree over them was",
    "projections": "a table is not what the events say; one of another version is not compared",
    "proofs": "a stored proof does not lead from one stored checkpoint to the next",
    "decisions": "a run put off the next one, or notified people, against the rule that is stored with it",
    "anchored-heads": "a head that was anchored is not one of this history, or its statement is another one",
    "signed-heads": "a head that this home signed is not one of this history: the records were put back or "
    "changed",
    "documents": "a document that an event names is gone, or was changed",
    "checkpoints": "a stored checkpoint is not signed by its log, or by a log that the policy trusts",
    "evidence": "a stored piece of evidence does not show what it says",
    "releases": "a stored release does not fit its statement",
    "statuses": "a stored status does not fit its statement, or its bundles",
    "contradictions": "statements that are stored contradict each other (EQUIVOCATION)",
    "unproven-heads": "signed heads are stored that no proof leads from to a later one (UNAVAILABLE)",
    "records": "the records are older than what this machine wrote: they were put back or deleted",
}
"""Of `anchor records check`."""
CHAIN = {
    "release <number>": "the release of this number does not verify, is missing, or is not the one that the "
    "release after it names; the line begins with the check of `verify` that says so",
    "chain": "not every release back to number 1 was found (the class of the one that is missing)",
    "number": "two verified statements disagree about a number (EQUIVOCATION); a newer release lies beside "
    "the chain or in another copy (UNAVAILABLE); another release has a number of the chain, and that cannot "
    "be shown (PENDING)",
    "copy <target>": "the copy of `--against` does not verify",
}
"""Of `anchor chain`."""
MIRROR = {
    "release <number>": "the release of this number does not verify, and is not kept",
    "number": "an older release or status is served, or an anchor is left out (UNAVAILABLE); the publisher "
    "signed another history than is kept (EQUIVOCATION, or PENDING where that cannot be shown); files would "
    "be kept where others are, or out of the folder (INVALID)",
    "chain": "an earlier release could not be read, or is not the one that is named",
    "status-history": "the publisher signed a status that contradicts the one that is kept (EQUIVOCATION)",
    "log <tree>": "the log has no newer head in the mirror (UNAVAILABLE), or signed two histories "
    "(EQUIVOCATION)",
    "documents": "a source document could not be had with its signed digest",
    "mirror": "never: it says how much is new",
}
"""Of `anchor mirror`, beside those of a release."""
COMPARE = {
    "checkpoint <name>": "no log that you know signed it (INVALID); whoever holds the log's key signed two "
    "histories (EQUIVOCATION); the log withholds the proof that its own tree grew from it (FINDINGS); "
    "or it cannot be compared (UNAVAILABLE)",
    "log <tree>": "the log as it is now is not of one history with what is held (EQUIVOCATION, UNAVAILABLE)",
}
"""Of `anchor compare`."""
EVIDENCE = {
    "log-key": "the evidence is about another key than the log's that you named",
    "evidence": "the file does not show what it says (INVALID); if it does, that is EQUIVOCATION",
}
"""Of `anchor verify-evidence`."""

HEAD = """# The checks, by name

`--verbose` and `--json` show the checks of a verdict, each with its name, a state (`passed`, `refused`,
`unknown`, `skipped`) and a line that says what was compared with what. The names are stable: scripts may read
them in `--json`. A check that is not passed demotes the verdict to one of the classes in the last column;
without one it only informs.
Exit codes: OK 0, USAGE 2, UNAVAILABLE 3, STALE 4, PENDING 5, EQUIVOCATION 6, UNSUPPORTED 7, INVALID 8,
FINDINGS 9, WITHDRAWN 11, ERROR 70.

Any check of a bundle, and `anchor-named`, can be UNAVAILABLE as well: where the anchors of a release cost
more than a verifier spends (docs/decisions/0014-verification-budget.md).

This file is made by `python3 tasks.py checks`; a test compares it.
"""


BETWEEN = """The checks of each anchor's bundle stand between `bundle-file` and `anchor-named`; in `--json`
they carry the log's origin in `about`, or, where your own trust does not bind it, the anchor's place in
release.json and what it claims. `verify-bundle --tlog-policy` makes the check `witnesses` too.

In `facts.anchors`, each anchor that counts says how independent its log is, and so does each log of
`verify-bundle` in `facts.logs`. `independence.operator` is `publisher` (an embedded log), `public` (a
log of the public or staging instance) or `private` (any other). `witnesses` are the cosignatures that
were counted, each with the `name` in your policy, the name of the `key` and the `time`. `named` is the
number of witnesses that your policy names for the log, and `quorum` the one that it demands; both are
null if it names none. `witnessed` is true if that quorum has cosigned. `own_authority` is true if the
publisher runs the authority that vouches for the signer or the time. `words` says it for people.
`independent` is false if all is the publisher's own word: then the notes have the words "no independent
evidence".
"""

OF_BUNDLES = """The checks of each bundle stand before `receipt-anchor`, with the log's origin in `about`, or,
where your own trust does not bind it, the bundle's place in the receipt.
"""

OF_HEADS = """The checks of each bundle of a head stand before `history-signed`. `about` says which head it
is and, of several files, in which file. In `facts.proofs`, each file has its `head` and the one `before`, as
the policy verified them, and its `runs` by target and release. `recorded_before` is the verified time of a
head; `first` and `last` of runs are the operator's word. `pruned` counts the events without a body, and
`withheld` those of them that no event under the head names as pruned.
"""


def document() -> str:
    """docs/checks.md."""
    parts = [
        HEAD,
        "## A Sigstore bundle (`verify-bundle`, and each anchor of `verify`)\n",
        *_table(steps.BUNDLE_STEPS),
        "\n## A release (`verify`)\n",
        BETWEEN,
        *_table(steps.RELEASE_STEPS),
        "\n## A receipt (`verify-receipt`)\n",
        OF_BUNDLES,
        *_table(steps.RECEIPT_STEPS),
        "\n## A proof of runs (`verify-history`)\n",
        OF_HEADS,
        *_table(steps.HISTORY_STEPS),
        "\n## A re-verification (`reverify`, `watch`), beside those of the release\n",
        *_list(RUN),
        "\n## The releases of a ledger (`chain`)\n",
        *_list(CHAIN),
        "\n## A mirror (`mirror`)\n",
        *_list(MIRROR),
        "\n## Checkpoints of strangers (`compare`)\n",
        *_list(COMPARE),
        "\n## The records (`records check`)\n",
        *_list(RECORDS),
        "\n## A file of evidence (`verify-evidence`)\n",
        *_list(EVIDENCE),
    ]
    return "\n".join(parts) + "\n"


def _table(listed: tuple[Step, ...]) -> Iterator[str]:
    yield "| check | where it is written | what a refusal would mean | class |"
    yield "| --- | --- | --- | --- |"
    for step in listed:
        classes = ", ".join(step.classes) or "none"
        yield f"| `{step.name}` | {step.clause} | {step.meaning} | {classes} |"


def _list(named: dict[str, str]) -> Iterator[str]:
    yield "| check | not passed means |"
    yield "| --- | --- |"
    for name, meaning in named.items():
        yield f"| `{name}` | {meaning} |"


def literals() -> Iterator[tuple[str, str]]:
    """Every name that some line of the package gives to a check as a literal, and where."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
                first = node.args[:1] + [k.value for k in node.keywords if k.arg == "name"]
                for value in first:
                    if (name := _text(value)) is not None:
                        yield name, f"{path.relative_to(PACKAGE)}:{node.lineno}"


def _text(node: ast.expr) -> str | None:
    """The text of a string; of an f-string what stands before its first value."""
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


if __name__ == "__main__":
    sys.stdout.write(document())
