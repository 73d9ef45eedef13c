# SPDX-License-Identifier: Apache-2.0
"""Real runs, anchored by the records' own instance, proven, and verified by somebody without the database."""

import json
import re
import shutil
from pathlib import Path

from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import NAME, published


def test_runs_are_proven_to_whoever_trusts_the_instance_of_the_records(tmp_path: Path) -> None:
    site, home = published(tmp_path), tmp_path / "records"

    def ran(*words: object, records: Path = home) -> Ran:
        found = anchor(*words, "--home", records)
        assert found.code == 0, found
        return found

    def verified(records: Path = home) -> None:
        ran("reverify", site.release, "--policy", site.policy, records=records)

    verified()
    first = json.loads(ran("records", "anchor", "--json").out)
    verified()
    ran("records", "anchor")
    ran("instance", "export", "-o", tmp_path / "public")
    proof, one = tmp_path / "runs.jsonl", tmp_path / "one.jsonl"
    ran("records", "prove", "--since", "1d", "-o", proof)
    runs = [json.loads(line)["run"] for line in ran("history", "--json").out.splitlines()]
    ran("records", "prove", runs[-1], "-o", one)
    (signer,) = {entry["identity"] for entry in first["logs"]}
    claimed = " ".join(anchor("verify-history", proof).out.split())
    (issuer,) = set(re.findall(rf"{re.escape(signer)} \(issuer (\S+)\): this is claimed", claimed))
    named = ("--ledger", NAME, "--identity", signer, "--issuer", issuer)
    trust = (*named, "--trusted-root", tmp_path / "public" / "trusted_root.json")
    told = " ".join(anchor("verify-history", proof, *trust).out.split())
    assert f"of 2 runs of release 1 of {NAME} in " in told
    assert "the list is complete from the first event up to this head" in told
    assert "It is no independent evidence." in told
    found = anchor("verify-history", proof, one, *trust, "--json").document
    assert found["verdict"] == "OK"
    fork = tmp_path / "fork"
    shutil.copytree(home, fork)
    proofs = []
    for records in (home, fork):
        verified(records)
        ran("records", "anchor", records=records)
        proofs.append(tmp_path / f"{records.name}.jsonl")
        ran("records", "prove", "--since", "1d", "-o", proofs[-1], records=records)
        assert anchor("verify-history", proofs[-1], *trust).code == 0
    assert anchor("verify-history", *proofs, *trust).code == 6
