# SPDX-License-Identifier: Apache-2.0
"""`anchor renew`: say again, as of now, what was withdrawn and which release is the newest."""

from pathlib import Path
from typing import Any

import click

from anchor.cli import options, status_publication


@click.command(epilog="Example: anchor renew site --older-than 7d")
@click.argument("folder", type=options.Folder())
@click.option("--older-than", help="Do nothing if the status is younger, such as 7d, and says the same.")
@status_publication.status_options
def command(*, folder: Path, older_than: str | None, **given: Any) -> int:
    """Sign the status of the ledger in FOLDER again as of now, for those whose policy has max_status_age.

    It completes a status that was interrupted. The first one makes the later releases of this ledger of
    version 2, which programs before 0.2 call UNSUPPORTED. Run it from cron.
    """
    age = options.seconds(older_than, "--older-than")
    return status_publication.publish(folder, None, given, older_than=age)
