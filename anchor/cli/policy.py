# SPDX-License-Identifier: Apache-2.0
"""`anchor policy`: the policy for a release that somebody was given, once its digest was compared."""

import shlex
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from anchor.app import pinned_roots, proposed_policy
from anchor.app.proposed_policy import Proposal
from anchor.cli import options
from anchor.cli.output import document, print_json, say, say_rows
from anchor.cli.terminal import Row
from anchor.disk import policy_file, user_files
from anchor.errors import AnchorError, Misuse
from anchor.publish.policy_text import groups
from anchor.regex import expression
from anchor.verify.policy import parse_policy
from anchor.words import several

FORM = "policy-proposal"
TRIES = 3
"""Times that the groups of one digest may be typed."""
GIVEN = "Its digest was given on the command line, and is that of the release."
TYPED = "Its digest was compared with the one that the publisher told: groups of it were typed."
NAMED = "Its trusted root comes through TUF; its signer was compared with the one that the publisher told."
UNCOMPARED = "Its trusted root and signers were taken from the release itself, compared with nothing."
_HEX = expression("[0-9a-f]{64}")


@click.command(epilog="Example: anchor policy https://example.org/ledger/ -o policy.toml")
@click.argument("release", type=options.ReleaseName())
@click.option("-o", "--output", type=options.OutputFile(), help="Write the policy to this file.")
@click.option(
    "--trusted-root-sha256",
    "given",
    multiple=True,
    metavar="HEX",
    help="The digest that the publisher told you, in place of the question; once for each instance.",
)
@click.option(
    "--identity",
    "identities",
    multiple=True,
    help="A signer's identity as the publisher told you, where no digest names him; may be repeated.",
)
@click.option("--issuer", "issuers", multiple=True, help="The issuer of that identity; may be repeated.")
@click.option("--yes", is_flag=True, help="Ask nothing; needs what is to be compared as options.")
@click.option(
    "--not-compared",
    is_flag=True,
    help="Take root and signers from the release itself. Each verdict under the policy says so.",
)
@click.option("--force", is_flag=True, help="Replace a policy that was edited.")
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.json_option
def command(
    *,
    release: str,
    output: options.Output | None,
    given: tuple[str, ...],
    identities: tuple[str, ...],
    issuers: tuple[str, ...],
    yes: bool,
    not_compared: bool,
    force: bool,
    offline: bool,
    as_json: bool,
) -> int:
    """Write the policy that accepts RELEASE (path or URL) as its publisher signs it.

    It shows signer, issuer and log, and the digest of the trusted root in groups of four. Compare the digest
    with the publisher by another way than the release, then type its first and last group. A signer whom no
    digest names is to be typed whole. Wrong answers are USAGE (2), another digest or signer than the one
    given is UNAVAILABLE (3), and nothing is written then.
    """
    names = bool(identities or issuers)
    digests = _digests(given, yes=yes and not names, not_compared=not_compared, names=names)
    before = b""
    if output is not None:
        remedy = "name another file, or give --force to replace it"
        before = policy_file.check(output.path, force=force, remedy=remedy)
    found = proposed_policy.propose(release, offline=offline)
    _check_given(found, digests, (identities, issuers), yes=yes)
    ledger = found.release.ledger
    title = f"{ledger.name} {ledger.version} (release {ledger.number}) says of itself:"
    say_rows(title, [*_claims(found), *(() if digests else _how_to_compare(found))])
    how = _compared(found, digests, names=names or yes, not_compared=not_compared)
    compared = how != UNCOMPARED
    text = found.text(compared=compared, how=how)
    if not force:
        _keeps_what_is_stricter(before, output, text)
    _write(text, output, before)
    for digest in found.pins:
        for note in pinned_roots.keep(found.roots[digest]):
            say(f"note: {note}")
    if as_json:
        print_json(_document(found, text, output, compared=compared), FORM)
    elif output is None:
        document(text)
    if output is not None and output.is_file:
        say(f"written to {output.path}; now: {_next(found, output)}")
    return 0


def _digests(given: tuple[str, ...], *, yes: bool, not_compared: bool, names: bool) -> tuple[str, ...]:
    """The digests that were given (hex), as one writes them: in any case, with blanks between groups."""
    if not_compared and (given or yes or names):
        problem = "what was given is compared" if given or names else "nothing is asked then"
        raise Misuse(problem, where="--not-compared", remedy="leave one of them out")
    if yes and not given:
        remedy = "ask the publisher for the digest, and give --trusted-root-sha256 HEX; or --not-compared"
        raise Misuse("nobody compares the digest", where="--yes", remedy=remedy)
    found = tuple(_plain(text) for text in given)
    for text, digest in zip(given, found, strict=True):
        if not _HEX.fullmatch(digest):
            raise Misuse(f"no SHA-256 of 64 hex digits: {text!r}", where="--trusted-root-sha256")
    return found


def _check_given(
    found: Proposal,
    digests: tuple[str, ...],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    yes: bool,
) -> None:
    """Raise for an option that does not fit the release, or that is missing where nothing is asked."""
    if digests or (yes and found.pins):
        found.check_given(digests)
    if digests or yes or any(names):
        found.check_signers(*names)


def _plain(text: str) -> str:
    return "".join(text.split()).lower()


def _claims(found: Proposal) -> Iterator[Row]:
    """The claims of the release about itself, for a person. Nothing of it is verified."""
    for identity, issuer in dict.fromkeys((a.identity, a.issuer) for a in found.release.anchors):
        yield Row("signed by", identity)
        yield Row("issuer", issuer)
    for log in found.logs:
        yield Row("recorded in", f"{log.origin}, {log.operator}")
        others = ", ".join(log.signatures[:5]) + (", ..." if len(log.signatures) > 5 else "")
        yield Row("witnesses", f"claimed and not verified: {others}" if others else "none signed it")
    for name in dict.fromkeys(found.public.values()):
        yield Row("trusted root", f"that of the {name} Sigstore instance: compare the signer")
    for digest in found.pins:
        yield Row("trusted root", "its SHA-256, in groups of four digits:", apart=True)
        for at in range(0, 16, 4):
            yield Row("trusted root", " ".join(groups(digest)[at : at + 4]))


def _how_to_compare(found: Proposal) -> Iterator[Row]:
    way = "by telephone, on paper, or on a page that somebody else runs"
    if found.pins:
        yield Row("compare", "Whoever made the release made this digest too.", apart=True)
        yield Row("compare", f"Compare all 16 groups with the publisher, by another way: {way}.")
        yield Row("compare", "The publisher sees them with:")
    for digest in found.pins:
        yield Row("compare", f"anchor trust show {shlex.quote(found.shown_by[digest])}", command=True)


def _compared(found: Proposal, digests: tuple[str, ...], *, names: bool, not_compared: bool) -> str:
    """The sentence about how digests and signers were compared. `names`: the signers were given."""
    if not_compared:
        return UNCOMPARED
    if not digests:
        for digest in found.pins:
            _ask_groups(digest)
        for identity, issuer in () if names else found.strangers:
            _ask_signer(identity, issuer)
    if not found.pins:
        return NAMED
    return GIVEN if digests else TYPED


def _ask_signer(identity: str, issuer: str) -> None:
    """Return once both names of a signer were typed; raises Misuse after `TRIES` wrong answers."""
    say("No digest names this signer: anybody can have a certificate of that issuer. Type both as")
    say("the publisher told you.")
    _ask_until(
        lambda: (_ask("identity of the signer"), _ask("issuer")) == (identity, issuer),
        again="this is not the signer of this release; type it as the publisher told you",
        wrong=("not the signer that this release has", "the signers"),
        where="signer",
    )


def _ask_groups(digest: str) -> None:
    """Return once the first and the last group were typed; raises Misuse after `TRIES` wrong answers."""
    first, *_, last = groups(digest)

    def are_typed() -> bool:
        typed = _plain(_ask("first group")), _plain(_ask("last group"))
        return typed == (first, last) or _plain("".join(typed)) == digest

    _ask_until(
        are_typed,
        again="these are not the groups of this release; type them as the publisher told you",
        wrong=("not the groups of the digest that this release has", "the digests"),
        where="trusted root",
    )


def _ask_until(right: Callable[[], bool], *, again: str, wrong: tuple[str, str], where: str) -> None:
    """Ask until the answer is right. Raises Misuse after `TRIES` wrong answers.

    `right` asks, and says whether the answer is right. `again`: the line after a wrong answer. `wrong`: the
    problem, and what differs.
    """
    for left in reversed(range(TRIES)):
        if right():
            return
        if left:
            say(again)
    problem, what = wrong
    raise Misuse(
        f"{problem}, {TRIES} times: nothing was written",
        where=where,
        remedy=f"ask the publisher again; if {what} differ, this release is not the publisher's",
    )


def _ask(what: str) -> str:
    """A line as it was typed, without blanks around it. Raises Misuse if nobody is there to answer."""
    try:
        return str(click.prompt(what, err=True, default="", show_default=False)).strip()
    except click.Abort:
        if sys.stdin.isatty():
            raise
        remedy = (
            "give --trusted-root-sha256 HEX, or --identity and --issuer, as the publisher told them to you"
        )
        problem = f"nobody is here to type the {what}"
        raise Misuse(problem, where="trusted root", remedy=f"{remedy}; or --not-compared") from None


def _keeps_what_is_stricter(before: bytes, output: options.Output | None, text: str) -> None:
    """Raise Misuse if a policy would replace one that demanded more, or one of another signer without a
    comparison. Whoever serves the files can show an older release, leave out an anchor, or sign himself, when
    the same command is run again."""
    if not before or output is None:
        return
    try:
        there = parse_policy(before)
    except AnchorError:
        return
    new = parse_policy(text.encode())
    problem = ""
    if there.compared and not new.compared:
        problem = "its digest was compared, and that of the new policy was compared with nothing"
    elif not new.compared and (there.signers, there.trusted_roots) != (new.signers, new.trusted_roots):
        problem = "it accepts another signer, or another trusted root, and the new ones were not compared"
    elif there.ledger != new.ledger:
        problem = "it is about another ledger"
    elif there.min_number > new.min_number:
        problem = f"it demands release {there.min_number} or later, and this is release {new.min_number}"
    elif there.min_anchors > new.min_anchors:
        problem = f"it demands {several(there.min_anchors, 'log')}, and this release is in {new.min_anchors}"
    if problem:
        raise Misuse(problem, where=str(output.path), remedy="name another file, or give --force")


def _write(text: str, output: options.Output | None, before: bytes) -> None:
    data = policy_file.marked(text)
    if output is None or data == before:
        return
    if output.path == user_files.STDOUT:
        document(text)
        return
    output.write(data)


def _next(found: Proposal, output: options.Output) -> str:
    return shlex.join(["anchor", "verify", found.target, "--policy", str(output.path)])


def _document(found: Proposal, text: str, output: options.Output | None, *, compared: bool) -> dict[str, Any]:
    ledger = found.release.ledger
    return {
        "target": found.target,
        "ledger": {"name": ledger.name, "number": ledger.number, "version": ledger.version},
        "signers": [
            {"identity": identity, "issuer": issuer}
            for identity, issuer in dict.fromkeys((a.identity, a.issuer) for a in found.release.anchors)
        ],
        "logs": [
            {"origin": log.origin, "operator": log.operator, "further_signatures": log.signatures}
            for log in found.logs
        ],
        "trusted_roots": [
            {"sha256": digest, "groups": groups(digest), "instance": found.public.get(digest)}
            for digest in found.roots
        ],
        "compared": compared,
        "path": str(output.path) if output is not None and output.is_file else None,
        "policy": text,
    }
