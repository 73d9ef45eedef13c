# SPDX-License-Identifier: Apache-2.0
"""`anchor policy` once more, killed, on a full disk, and over what changed meanwhile."""

from pathlib import Path

import pytest

from anchor.disk import policy_file
from anchor.verify.policy import parse_policy
from tests.support.process import crash
from tests.support.process.anchor_cli import anchor
from tests.support.process.crash import Killer
from tests.support.releases.published import LEDGER, NAME, Site, published


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found = published(tmp_path)
    found.policy.unlink()
    return found


def impostor(site: Site, folder: Path) -> Site:
    """Another signer has made the same release, and serves it."""
    file = folder / "ledger.md"
    file.write_text(LEDGER)
    root = folder / "impostor"
    words = ("--name", NAME, "--version", "1.0.0", "--root", root, "--home", folder / "impostor-home")
    assert anchor("publish", file, *words).code == 0
    return Site(root, folder / "impostor-home", site.policy)


def test_a_signer_whom_nobody_compared_does_not_replace_the_one_before(site: Site, tmp_path: Path) -> None:
    words = ("-o", site.policy, "--not-compared")
    assert anchor("policy", site.root, *words).code == 0
    before = site.policy.read_bytes()
    assert anchor("policy", site.root, *words).code == 0
    other = impostor(site, tmp_path)
    ran = anchor("policy", other.root, *words)
    assert ran.code == 2, ran
    assert "it accepts another signer" in ran.err
    assert site.policy.read_bytes() == before
    assert anchor("policy", other.root, *words, "--force").code == 0


def test_killed_at_any_operation_a_policy_is_whole_or_not_there(site: Site) -> None:
    words = ("policy", site.root, "-o", site.policy, "--not-compared")

    def run() -> int:
        return anchor(*words).code

    counting = Killer(watched=(site.root.parent,))
    assert crash.forked(run, killer=counting) == 0
    whole = site.policy.read_bytes()
    for number, torn in crash.points(counting):
        site.policy.unlink(missing_ok=True)
        crash.forked(run, killer=Killer(at=number, torn=torn))
        assert not site.policy.exists() or site.policy.read_bytes() == whole
        assert run() == 0
        assert site.policy.read_bytes() == whole
        assert policy_file.is_untouched(whole)
        assert not parse_policy(whole).compared
