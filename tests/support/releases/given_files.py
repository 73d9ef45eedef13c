# SPDX-License-Identifier: Apache-2.0
"""One file of each kind that a user may give to a command: of a published site, its records, and others."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import Site, published
from tests.support.servers.own_witness import made as made_witness


class Given(NamedTuple):
    """A published site, and a file of each kind by its name."""

    site: Site
    files: dict[str, Path]
    folder: Path


def made(folder: Path, work: Path) -> Given:
    """The site and the files, below `folder`. A test may write into `work`, which is apart."""
    site = published(folder)
    kinds = folder / "kinds"
    kinds.mkdir()
    version = site.root / "release" / "1.0.0"

    def written(name: str, data: bytes) -> Path:
        (kinds / name).write_bytes(data)
        return kinds / name

    receipt = kinds / "receipt.json"
    assert anchor("prove", site.release, "--fact", "1", "-o", receipt, "--policy", site.policy).code == 0
    verdict = site.verify("--json").out.encode()
    (checkpoint,) = site.root.glob("release/log/*/checkpoint")
    records = _records(folder, site)
    witness = made_witness(folder / "witness")
    other = sqlite3.connect(kinds / "other.sqlite")
    other.execute("CREATE TABLE a (b)")
    other.close()
    return Given(
        site,
        {
            "a ledger": written("ledger.md", b"# Facts\n\n| Label | Value |\n|---|---|\n| A | 1 |\n"),
            "ledger.json": version / "ledger.json",
            "a statement": version / "statement.json",
            "a bundle": site.path("bundle"),
            "a release": site.release,
            "a policy": site.policy,
            "a trusted root": version / "trusted_root.json",
            "a receipt": receipt,
            "a verdict": written("verdict.json", verdict),
            "a checkpoint": checkpoint,
            "a web page": written(
                "page.html", b"<!DOCTYPE html><html><body><form>log in</form></body></html>"
            ),
            "an empty file": written("empty", b""),
            "half a release": written("half.json", site.release.read_bytes()[:400]),
            "half a checkpoint": written("half", checkpoint.read_bytes()[:60]),
            "no text": written("image.png", bytes(range(256)) * 4),
            "a folder without a release": kinds,
            "a proof of runs": records / "runs.jsonl",
            "a database of records": records / "records.db",
            "a store of a witness": witness.folder / "store.sqlite",
            "a SQLite database": kinds / "other.sqlite",
            "an export of records": records / "export.jsonl",
            "a high-water mark of records": next(records.glob("*.mark")),
            "a list of signed statements": records / "signed.jsonl",
            "a settings file of an embedded instance": records / "instance" / "instance.json",
            "a settings file of a witness": witness.folder / "witness.json",
            "a list of a backup": folder / "backup" / "backup.json",
            "a document that a command printed": written(
                "status.json", anchor("status", "--home", records, "--json").out.encode()
            ),
        },
        work,
    )


def _records(folder: Path, site: Site) -> Path:
    """A home of records with one run, its anchored head, a proof of it and an export."""
    home = folder / "records"
    for words in (
        ("reverify", site.release, "--policy", site.policy),
        ("records", "anchor"),
        ("records", "prove", "--since", "1d", "-o", home / "runs.jsonl"),
        ("records", "export", "-o", home / "export.jsonl"),
    ):
        ran = anchor(*words, "--home", home)
        assert ran.code == 0, ran
    assert anchor("instance", "backup", folder / "backup", "--home", site.home).code == 0
    return home
