# SPDX-License-Identifier: Apache-2.0
"""A log of a public instance is known by its key, in whatever file a verifier has it."""

from pathlib import Path

import pytest

from anchor.app import public_roots
from anchor.app.trust import load
from anchor.net import tuf_roots
from anchor.net.budget import Budget
from anchor.sigstore import trusted_root
from anchor.tlog.keys import key_from_spki
from anchor.verify.independence import PRIVATE, PUBLIC, operator_of, operator_of_key
from tests.support.forge import bundles
from tests.vectors.case import dump

SIGNER = '[[signer]]\nidentity = "a"\nissuer = "https://i"\n'


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(public_roots, "tuf_cache", lambda: tmp_path / "tuf")


@pytest.mark.parametrize("name", ["public", "staging"])
def test_a_copy_of_a_public_root_has_public_logs_and_another_root_has_none(name: str, tmp_path: Path) -> None:
    shipped = tuf_roots._shipped(tuf_roots.REPOSITORIES[name]).trusted_root
    (tmp_path / "pinned.json").write_bytes(shipped)
    (tmp_path / "own.json").write_bytes(dump(bundles.trusted_root()))
    found = {}
    for file in ("pinned", "own"):
        policy = tmp_path / f"{file}.toml"
        policy.write_text(f'ledger = "l"\ntrusted_root = [{{path = "{file}.json"}}]\n{SIGNER}')
        found[file] = load(policy, budget=Budget(1.0), offline=True)
    logs = trusted_root.parse(shipped).tlogs
    assert logs
    assert found["pinned"].public_logs == {log.key.spki for log in logs}
    assert found["own"].public_logs == frozenset()
    for log in logs:
        assert operator_of(log.host, log.key.spki, found["pinned"].public_logs) == PUBLIC
        raw = key_from_spki(log.host, log.key.spki).public_key
        assert operator_of_key(log.host, raw, found["pinned"].public_logs) == PUBLIC
        assert operator_of_key(log.host, raw, found["own"].public_logs) == PRIVATE
    for log in found["own"].root.tlogs:
        assert operator_of(log.host, log.key.spki, found["pinned"].public_logs) == PRIVATE
