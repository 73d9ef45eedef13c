# SPDX-License-Identifier: Apache-2.0
"""`anchor verify`: check a published release against a trust policy."""

import time
from datetime import UTC, datetime
from typing import Any

import click

from anchor.app.trust import trust_for
from anchor.cli import options
from anchor.cli.output import Counter, emit
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.verify.effort import Effort
from anchor.verify.release import ReferenceClient, examine_release

BUDGET = 120.0
"""Seconds for everything that is fetched."""


@click.command(epilog="Example: anchor verify release.json --policy policy.toml")
@click.argument("release", type=options.ReleaseName())
@options.policy_options
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@click.option("--second-opinion", is_flag=True, help="Have the sigstore client verify each bundle too.")
@options.json_option
def command(*, release: str, as_json: bool, offline: bool, second_opinion: bool, **given: Any) -> int:
    """Verify RELEASE: the path or https URL of a release.json, or a folder with one (its URL ends in /).

    The policy says whose signature counts. It is yours, never the release's: --policy FILE, ANCHOR_POLICY,
    your configuration folder, or the four options that say the same. Without one the signer is only
    claimed, and the exit code is 2.

    The checks here are stricter than those of the sigstore client, which is asked with --second-opinion.
    """
    budget = Budget(BUDGET)
    trust, notes = trust_for(release, budget=budget, offline=offline, **given)
    data, files = release_files.load(release, budget, offline=offline)
    asked = second_opinion and trust is not None
    counter = Counter()
    result = examine_release(
        release,
        data,
        files,
        trust=trust,
        now=datetime.now(UTC),
        reference_client=_reference_client() if asked else None,
        progress=counter,
        effort=Effort(stopwatch=time.thread_time),
    )
    counter.close()
    return emit(result.verdict, as_json=as_json, notes=notes)


def _reference_client() -> ReferenceClient:
    """The sigstore client. Its import takes longer than the whole verification."""
    from anchor.signing.reference_client import second_opinion

    return second_opinion
