# SPDX-License-Identifier: Apache-2.0
"""`--instance public`, with a TUF repository on loopback in place of the public one."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from anchor.net import tuf_roots
from anchor.net.tuf_roots import Repository
from tests.interop.stack.stack import Stack
from tests.interop.stack.trillian import RekorV1
from tests.interop.stack.tufrepo import TufRepository
from tests.support.process.anchor_cli import Ran, anchor

LEDGER = "| Label | Value |\n|---|---|\n| a | 1 |\n"


@pytest.fixture
def tuf(stack: Stack, rekor_v1: RekorV1, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TufRepository:
    """As in public: the default signing config names Rekor v1, the second one Rekor v2."""
    repository = TufRepository(tmp_path / "tuf")
    documents = {
        "trusted_root.json": stack.trusted_root(stack.log, rekor_v1),
        "signing_config.v0.2.json": stack.signing_config(rekor_v1),
        "signing_config_rekor_v2.v0.2.json": stack.signing_config(stack.log),
    }
    repository.targets |= {name: json.dumps(d).encode() for name, d in documents.items()}
    repository.publish()
    monkeypatch.setitem(
        tuf_roots.REPOSITORIES, "public", Repository("public", repository.serve(), repository.root)
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return repository


def publish(stack: Stack, folder: Path, *more: str) -> Ran:
    (folder / "ledger.md").write_text(LEDGER)
    (folder / "token").write_text(stack.oidc.token())
    (folder / "site").mkdir(exist_ok=True)
    return anchor(
        "publish", folder / "ledger.md", "--name", "l", "--version", "1.0.0", "--root", folder / "site",
        "--home", folder / "home", "--instance", "public", "--identity-token-file", folder / "token", *more,
    )  # fmt: skip


def origin(folder: Path) -> str:
    found: str = json.loads((folder / "site" / "release.json").read_text())["anchors"][0]["log"]["origin"]
    return found


@pytest.mark.parametrize(
    ("rekor", "log"), [((), "rekor1.stack.internal"), (("--rekor", "2"), "log.stack.internal")]
)
def test_each_signing_config_leads_to_its_log(
    stack: Stack, tuf: TufRepository, tmp_path: Path, rekor: tuple[str, ...], log: str
) -> None:
    ran = publish(stack, tmp_path, "--yes", *rekor)
    assert ran.code == 0, ran
    assert origin(tmp_path).startswith(log)
    flags = (
        "--ledger",
        "l",
        "--identity",
        stack.oidc.email,
        "--issuer",
        stack.oidc.url,
        "--trusted-root",
        "public",
    )
    release = tmp_path / "site" / "release.json"
    assert anchor("verify", release, *flags).code == 0
    assert anchor("verify", release, *flags, "--offline").code == 0, "the cached root serves"


def test_first_entry_in_a_public_log_is_not_made_without_yes(
    stack: Stack, tuf: TufRepository, rekor_v1: RekorV1, tmp_path: Path
) -> None:
    before = rekor_v1.size()
    ran = publish(stack, tmp_path)
    assert (ran.code, rekor_v1.size()) == (2, before), ran
    assert "--yes" in ran.err


def test_expired_repository_is_stale_and_nothing_is_logged(
    stack: Stack, tuf: TufRepository, rekor_v1: RekorV1, tmp_path: Path
) -> None:
    before = rekor_v1.size()
    tuf.publish(expires=-timedelta(days=1))
    ran = publish(stack, tmp_path, "--yes")
    assert (ran.code, rekor_v1.size()) == (4, before), ran
    assert "has expired" in ran.line


def test_repository_that_is_gone_is_unavailable_and_nothing_is_logged(
    stack: Stack, tuf: TufRepository, rekor_v1: RekorV1, tmp_path: Path
) -> None:
    before = rekor_v1.size()
    tuf.stop()
    ran = publish(stack, tmp_path, "--yes")
    assert (ran.code, rekor_v1.size()) == (3, before), ran
    assert "TUF repository http://127.0.0.1" in ran.line
