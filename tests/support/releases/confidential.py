# SPDX-License-Identifier: Apache-2.0
"""A confidential ledger: salaries, which are few and easy to guess."""

from pathlib import Path

from tests.support.releases import published
from tests.support.releases.published import Site

SALARIES = "name,salary,note\nAda,100,\nBob,200,at the quay\nEve,300,é\n"
NAME = "pay.csv"


def publish(site: Site, text: str = SALARIES, version: str = "1.0.0", *more: object) -> int:
    """Publish these facts as leaf hashes, and return the exit code. The first one prints the policy."""
    file = site.home.parent / NAME
    file.write_text(text, encoding="utf-8")
    ran = site.publish_file(file, version, "--blind", *more)
    if not site.policy.exists():
        site.policy.write_text(ran.out)
    return ran.code


def confidential(folder: Path) -> Site:
    """A new site with one confidential release, and its opening in `opening.jsonl` beside the site."""
    site = published.empty(folder)
    assert publish(site, SALARIES, "1.0.0", "--opened-out", folder / "opening.jsonl") == 0
    return site


def secrets(site: Site) -> dict[str, bytes]:
    """The files of secrets in the home, by name."""
    return {path.name: path.read_bytes() for path in sorted((site.home / "secrets").glob("*"))}
