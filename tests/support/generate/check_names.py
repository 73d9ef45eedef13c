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
    "facts",
    "ledger-json",
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
    "policy-age",
    "policy",
)

RUN = {
    "clock": "the clock of this machine is behind the last run: ages cannot be judged",
    "release": "what was published is no longer OK, and by which class",
    "number": "an older release than before is served (UNAVAILABLE), or the publisher signed statements that "
    "contradict each other (EQUIVOCATION)",
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
    "trust": "the trust material could not be loaded; changes of it are shown, never judged",
    "canary": "this verifier passes a copy that was corrupted on purpose (ERROR, of this target alone; of "
    "every good one, once a second target of the cycle confirms it)",
    "complete": "nothing was found wrong, and yet no release or not every entry was looked at: the run says "
    "nothing (ERROR)",
    "records": "the records could not be written or believed, so this run proves less to the next one",
    "claim": "another run holds this release, or the records could not be reached",
    "cycle": "no run could be made at all",
}
"""Of a re-verification, beside those of the release. `<tree>` is a checkpoint's origin."""
RECORDS = {
    "schema": "the database is of another version, or its tables were changed",
    "checkpoint-chain": "stored checkpoints were edited, added or taken out",
    "evidence-chain": "stored evidence was edited, added or taken out",
    "prune-chain": "more was taken out than what is recorded as pruned",
    "journal-chain": "what was written down of releases and watched targets was edited, added or taken out",
    "run-chain": "stored runs were edited, added or taken out",
    "checkpoints": "a stored checkpoint is not signed by its log, or by a log that the policy trusts",
    "proofs": "a stored proof does not lead from one stored checkpoint to the next",
    "evidence": "a stored piece of evidence does not show what it says",
    "releases": "a stored release does not fit its statement",
    "journal": "releases, their bundles, or what is watched are not what was written down of them",
    "references": "rows refer to others that were taken out",
    "claims": "the state of a target is not what its runs came to, or somebody was not notified of one",
    "contradictions": "statements that are stored contradict each other (EQUIVOCATION)",
    "unproven-heads": "signed heads are stored that no proof leads from to a later one (UNAVAILABLE)",
    "records": "the records are older than what this machine wrote: they were put back or deleted",
}
"""Of `anchor records check`."""
EVIDENCE = {
    "log-key": "the evidence is about another key than the log's that you named",
    "evidence": "the file does not show what it says (INVALID); if it does, that is EQUIVOCATION",
}
"""Of `anchor verify-evidence`."""

HEAD = """# The checks, by name

Each line of a verdict is a check with a name, a state (`passed`, `refused`, `unknown`, `skipped`) and a line
that says what was compared with what. The names are stable: scripts may read them in `--json`. A check that
is not passed demotes the verdict to one of the classes in the last column; without one it only informs.
Exit codes: OK 0, USAGE 2, UNAVAILABLE 3, STALE 4, PENDING 5, EQUIVOCATION 6, UNSUPPORTED 7, INVALID 8,
ERROR 70.

Any check of a bundle, and `anchor-named`, can be UNAVAILABLE as well: where the anchors of a release cost
more than a verifier spends (docs/decisions/0014-verification-budget.md).

This file is made by `python3 tasks.py checks`; a test compares it.
"""


BETWEEN = """The checks of each anchor's bundle stand between `bundle-file` and `anchor-named`; in `--json`
they carry the log's origin in `about`, or, where your own trust does not bind it, the anchor's place in
release.json and what it claims.
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
        "\n## A re-verification (`reverify`, `watch`), beside those of the release\n",
        *_list(RUN),
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
