# SPDX-License-Identifier: Apache-2.0
"""`anchor publish --reader`: the ledger is read as `seal` reads it, whatever its name says."""

from pathlib import Path

from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import LEDGER, Site


def test_a_reader_that_is_named_is_the_one_of_seal(tmp_path: Path) -> None:
    """A ledger whose name says nothing; the statement names the reader, so verify needs no such word."""
    ledger = tmp_path / "facts.txt"
    ledger.write_text(LEDGER)
    named = (ledger, "--name", "n", "--version", "1", "--reader", "markdown-table-v1")
    site = Site(tmp_path / "site", tmp_path / "home", tmp_path / "policy.toml")
    assert anchor("publish", *named[:-2], "--root", site.root, "--home", site.home).code == 2
    ran = anchor("publish", *named, "--root", site.root, "--home", site.home)
    assert ran.code == 0, ran.err
    site.policy.write_text(ran.out)
    assert site.verify().code == 0
    assert anchor("seal", *named, "-o", tmp_path / "sealed").code == 0
    assert (tmp_path / "sealed/statement.json").read_bytes() == site.path("statement").read_bytes()
    assert site.path("ledger.md").read_text() == LEDGER
