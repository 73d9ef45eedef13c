# SPDX-License-Identifier: Apache-2.0
"""The way from `anchor verify` to the check of a log's inclusion proof is short enough to read."""

import inspect
from pathlib import Path

import pytest

from anchor import merkle
from anchor.merkle import proof as proofs
from tests.support.process.anchor_cli import ROOT, anchor

MOST = 10
WAY = [
    "cli/plain.py verify",
    "verify/release.py examine_release",
    "verify/anchors.py verify_all",
    "verify/anchors.py _verify_anchor",
    "verify/anchors.py verify",
    "verify/bundle.py verify_bundle",
    "verify/bundle.py _check_entries",
    "verify/steps.py run",
    "verify/log_entry.py check_inclusion",
    "merkle/proof.py verify_inclusion",
]
"""Each adds something: arguments and output; the order of a release's steps; the loop over anchors; one
anchor's demands; one root alone; the order of a bundle's steps; the steps of each entry; the named check; the
sentence; the arithmetic."""


def test_at_most_ten_frames_lead_to_an_inclusion_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[list[str]] = []
    compute = proofs.root_from_inclusion

    def recorded(leaf_hash: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
        frames = [
            f"{Path(f.filename).parent.name}/{Path(f.filename).name} {f.function}" for f in inspect.stack()
        ]
        ways.append(frames[1 : frames.index(WAY[0]) + 1][::-1])
        return compute(leaf_hash, index, size, proof)

    monkeypatch.setattr(proofs, "root_from_inclusion", recorded)
    assert proofs.verify_inclusion is merkle.verify_inclusion
    ran = anchor("verify", "-v", "release/1.0.0", "--policy", "release/policy.toml", "--offline", cwd=ROOT)
    assert ran.code == 0, ran
    assert ways
    for way in ways:
        assert way == WAY
        assert len(way) <= MOST
