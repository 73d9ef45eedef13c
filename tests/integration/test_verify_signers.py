# SPDX-License-Identifier: Apache-2.0
"""A release that two people signed, in two logs: what it says without a policy, and what accepts both."""

import os
import subprocess
from pathlib import Path

import pytest

from anchor.publish import release_json
from tests.support.forge.attacker import own, with_anchors
from tests.support.process import fork_server
from tests.support.process.anchor_cli import anchor, says
from tests.support.releases.in_memory import hold
from tests.support.releases.published import NAME, published


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same ledger published by two instances, put together as `--also` does."""
    one, two = (hold(published(tmp_path_factory.mktemp(name)).root) for name in ("one", "two"))
    both = with_anchors(one, own(one), own(two))
    both = both.with_file(
        both.path("trusted_root"), release_json.union([*one.trust.raw, *two.trust.raw]), repaired=True
    )
    root = tmp_path_factory.mktemp("both")
    for path, data in both.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    (root / "release.json").write_bytes(both.release)
    return root


def test_the_shell_command_that_accepts_both_signers_works(folder: Path, tmp_path: Path) -> None:
    ran = anchor("verify", "-v", folder)
    says(ran, 2, "policy")
    assert ran.out.count("claimed, not verified") >= 2
    (line,) = [x for x in ran.out.splitlines() if "to accept this signer: " in x]
    command = line.partition("signer: ")[2].partition(", once you know")[0]
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{fork_server.programs()}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done
    assert done.stdout.startswith("OK  small-ledger 1.0.0 (release 1): all 3 facts are as published\n")
    assert done.stdout.count("accepted by your policy") == 2


def test_a_policy_that_accepts_one_of_two_signers_of_its_own_roots_refuses_the_other(folder: Path) -> None:
    """Both authorities are trusted, so the second signature is a wrong one and not a foreign one."""
    value = hold(folder).value
    signer = value["anchors"][0]
    flags = ("--ledger", NAME, "--identity", signer["identity"], "--issuer", signer["issuer"])
    says(
        anchor("verify", "-v", folder, *flags, "--trusted-root", folder / value["trusted_root"]["path"]),
        8,
        "signer",
    )
