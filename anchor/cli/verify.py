# SPDX-License-Identifier: Apache-2.0
"""`anchor verify`: check a published release against a trust policy."""

import time
from datetime import UTC, datetime
from typing import Any

import click

from anchor.app.trust import trust_for
from anchor.cli import common
from anchor.cli.progress import Counter
from anchor.net import budget as service
from anchor.net import release_files
from anchor.verify.effort import Effort
from anchor.verify.release import verify_release

BUDGET = 120.0
"""Seconds for everything that is fetched."""


@click.command(epilog="Example: anchor verify release.json --policy policy.toml")
@click.argument("release", type=common.ReleaseName())
@common.policy_options
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@common.json_option
def command(release: str, as_json: bool, offline: bool, **given: Any) -> int:  # noqa: FBT001  by keyword
    """Verify RELEASE: the path or https URL of a release.json, or a folder with one (its URL ends in /).

    The policy says whose signature counts. It is yours, never the release's: --policy FILE, ANCHOR_POLICY,
    your configuration folder, or the four options that say the same. Without one the signer is only
    claimed, and the exit code is 2.
    """
    budget = service.Budget(BUDGET)
    trust, notes = trust_for(release, budget=budget, offline=offline, **given)
    data, files = release_files.load(release, budget, offline=offline)
    # The reference client costs a third of a second to import: only where it is asked.
    reference_client = None
    if trust is not None:
        from anchor.signing.reference_client import second_opinion

        reference_client = second_opinion
    counter = Counter()
    verdict = verify_release(
        release,
        data,
        files,
        trust=trust,
        now=datetime.now(UTC),
        reference_client=reference_client,
        progress=counter,
        effort=Effort(stopwatch=time.thread_time),
    )
    counter.close()
    return common.emit(verdict, as_json=as_json, notes=notes)
