# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-receipt`: check a receipt of one fact, offline, against a trust policy."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click

from anchor.app import verify_receipt as app
from anchor.cli import options
from anchor.cli.output import after_receipt, print_json_line, say, show, tell
from anchor.cli.progress import Counter
from anchor.cli.receipts_text import Receipts, one_line, written
from anchor.cli.terminal import Row, is_terminal
from anchor.verdict import Class, Verdict
from anchor.words import several


@click.command(
    "verify-receipt",
    cls=options.ReadingCommand,
    epilog="Example: anchor verify-receipt receipt.json --policy policy.toml",
)
@click.argument("receipts", nargs=-1, required=True, metavar="RECEIPT...", type=options.InputFile())
@options.policy_options
@click.option(
    "--bundles",
    type=options.InputFile(),
    help="The bundles of many receipts: a RECEIPT is then a file with one receipt a line.",
)
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.verdict_options
def command(
    *,
    receipts: tuple[Path, ...],
    bundles: Path | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Verify each RECEIPT, a file that 'anchor prove' made: it has a fact and all that proves it.

    The policy says whose signature counts. It is yours, never the receipt's: --policy FILE, ANCHOR_POLICY,
    your configuration folder, or the four options that say the same. No connection is made, except for the
    trusted root of the public instances, if the policy names it.

    The fact, its release, its signer, the time and the log are shown if each check passed. Of several
    receipts one verdict is shown; with --verbose a line for each follows, and with --json each line is the
    verdict of one.
    """
    trust, notes = app.open_trust(**given, receipts=receipts)
    if bundles is None and len(receipts) == 1:
        verdict = app.verify_file(receipts[0], trust)
        rows = list(_shown(verdict))
        return tell(verdict, as_json=as_json, verbose=verbose, quiet=quiet, notes=notes, shown=rows)
    if bundles is None:
        verdicts = app.verify_files(receipts, trust)
    else:
        evidence = app.read_evidence(bundles, trust)
        verdicts = chain.from_iterable(app.verify_lines(path, evidence) for path in receipts)
    what = str(receipts[0]) if len(receipts) == 1 else f"{len(receipts)} files"
    return _many(verdicts, what, notes, as_json=as_json, verbose=verbose, quiet=quiet)


def _many(
    verdicts: Iterator[Verdict],
    what: str,
    notes: Sequence[str],
    *,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Print one verdict about many receipts, with `verbose` a line for each. Returns its exit code.

    `quiet`: print nothing if all are OK. With `as_json` each has its own document, those that are OK without
    `quiet` only.
    """
    seen, details, counter = Receipts(what), list[str](), Counter("verifying", "receipts")
    for verdict in verdicts:
        seen.add(verdict)
        counter(seen.number)
        good = verdict.verdict is Class.OK
        if as_json and not (quiet and good):
            print_json_line(verdict)
        if verbose:
            details.append(one_line(verdict))
        if not (as_json or good or is_terminal()):
            say(f"anchor: {one_line(verdict)}")
    counter.close()
    found = seen.verdict
    if verbose:
        details.append(f"{found}: {what}: {several(seen.number, 'receipt')}")
        if seen.is_unasked:
            details.append(after_receipt())
    if not as_json and not (quiet and found is Class.OK):
        show(seen.report(notes, verbose=verbose), details)
    return found.exit_code


def _shown(verdict: Verdict) -> Iterator[Row]:
    """The key and the facts, for a person. Nothing if not each check passed."""
    if not verdict.facts:
        return
    facts = verdict.facts
    if facts["kind"] != "inclusion":
        yield Row("key", written(facts["key"]))
    for shown in facts["facts"]:
        label = f"fact {shown['index']}"
        for column, value in shown["fact"].items():
            yield Row(label, f"{column}: {written(value)}")
        if hidden := shown.get("hidden"):
            yield Row(label, f"hidden: {', '.join(map(written, hidden))}")
