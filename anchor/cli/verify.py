# SPDX-License-Identifier: Apache-2.0
"""`anchor verify`: check a published release against a trust policy."""

from typing import Any

import click
import msgspec

from anchor.cli import options, plain
from anchor.cli.output import out, print_json_line, say, tell
from anchor.cli.release_verdict import prepared
from anchor.errors import AnchorError, Misuse
from anchor.verdict import Class, class_of, worst
from anchor.words import several


@click.command(cls=options.ReadingCommand, epilog="Example: anchor verify release.json --policy policy.toml")
@click.argument("release", nargs=-1, required=True, metavar="RELEASE...", type=options.ReleaseName())
@options.policy_options
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@click.option(
    "--files", "listed", metavar="FOLDER", help="Compare the files of this folder with the published list."
)
@click.option(
    "--evidence",
    metavar="FOLDER",
    help="Compare the source documents in this folder with those that the release commits to.",
)
@click.option(
    "--opened",
    type=options.InputFile(),
    help="The opening of a confidential ledger, which you were given: compute each fact again.",
)
@click.option("--second-opinion", is_flag=True, help="Have the sigstore client verify each bundle too.")
@options.verdict_options
def command(*, release: tuple[str, ...], **given: Any) -> int:
    """Verify RELEASE: the path or https URL of a release.json, or a folder with one (its URL ends in /).

    The policy says whose signature counts. It is yours, never the release's: --policy FILE, ANCHOR_POLICY,
    your configuration folder, or the four options that say the same. Without one the signer is only
    claimed, and the exit code is 2.

    The checks here are stricter than those of the sigstore client, which is asked with --second-opinion.

    Several releases are verified one after the other, each to its end. The exit code is that of the worst
    verdict, and with --json each line is the verdict of one.
    """
    if len(release) == 1:
        return plain.verify(release=release[0], **given)
    for option, name in (("--files", "listed"), ("--evidence", "evidence"), ("--opened", "opened")):
        if given.pop(name) is not None:
            raise Misuse("is about one release", where=option, remedy="verify the releases one by one")
    classes = [_one(target, **given) for target in release]
    found = worst(classes)
    if not given["as_json"] and not (given["quiet"] and found is Class.OK):
        out()
        counted = ", ".join(f"{classes.count(c)} {c}" for c in dict.fromkeys(classes))
        out(f"{found}: {several(len(release), 'release')}: {counted}")
    return found.exit_code


def _one(target: str, *, as_json: bool, verbose: bool, quiet: bool, **given: Any) -> Class:
    """Print the verdict of one of several releases, and return its class. An error ends no other one."""
    from anchor.verify.release import examine_release

    try:
        examination = prepared(target, **given)
        result = examination.named(examine_release(**examination.arguments))
    except AnchorError as e:
        kind = class_of(e)
        if as_json:
            shown = {"verdict": str(kind), "exit_code": kind.exit_code, "error": str(e), "target": target}
            print_json_line(shown, "error")
        say(f"anchor: {e}")
        return kind
    verdict, notes = result.verdict, examination.found.notes
    if quiet and verdict.verdict is Class.OK:
        return verdict.verdict
    if as_json:
        print_json_line(msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes)))
        return verdict.verdict
    out()
    out(target)
    tell(verdict, as_json=False, verbose=verbose, quiet=quiet, notes=notes)
    return verdict.verdict
