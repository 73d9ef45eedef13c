# SPDX-License-Identifier: Apache-2.0
"""`anchor withdraw`: say of a published release or fact that it is withdrawn, corrected or replaced."""

from pathlib import Path
from typing import Any

import click

from anchor.cli import options, status_publication
from anchor.errors import Misuse

EXAMPLE = "anchor withdraw site --release 1.0.0 --fact 12 --kind corrected --reason 'row 12 was 44,010'"


@click.command(epilog=f"Example: {EXAMPLE}")
@click.argument("folder", type=options.Folder())
@click.option("--release", "version", help="The version that it is about.")
@click.option("--fact", type=click.IntRange(min=0), help="One fact of that version, by its index from 0.")
@click.option(
    "--kind",
    required=True,
    type=click.Choice(["withdrawn", "corrected", "replaced", "reinstated"]),
    help="What happened to it; reinstated takes an earlier entry back.",
)
@click.option("--reason", required=True, help="Why, in one line that everybody will read.")
@click.option("--replaced-by", help="The version, or VERSION#INDEX of the fact, that stands in its place.")
@status_publication.status_options
def command(*, folder: Path, version: str | None, fact: int | None, **given: Any) -> int:
    """Say of a release in FOLDER, or of one fact of it, that it is withdrawn, corrected or replaced.

    It is signed and recorded like a release, by its signer. Nothing that was published changes or goes away:
    whoever verifies it from then on is told. FOLDER has the root release.json.
    """
    if version is None:
        raise Misuse("which version?", where="--release", remedy="name it, with --fact for one fact of it")
    about = {name: given.pop(name) for name in ("kind", "reason", "replaced_by")}
    return status_publication.publish(folder, {"version": version, "fact": fact, **about}, given)
