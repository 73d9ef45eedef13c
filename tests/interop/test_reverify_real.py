# SPDX-License-Identifier: Apache-2.0
"""Re-verification against real Rekor servers: grown, wiped and restarted with the same key, and retired."""

import shutil
from pathlib import Path
from typing import Any

from tests.interop.stack.logs import RekorV2
from tests.interop.stack.stack import Log, NewLog, Stack
from tests.interop.test_stack_starts import post, post_all, request
from tests.support.process.anchor_cli import Ran, anchor


def published(stack: Stack, log: Log, folder: Path) -> None:
    """A release of a small ledger in a real log, with the policy that accepts it."""
    (folder / "ledger.md").write_text("| Label | Value |\n|---|---|\n| A | 1 |\n")
    (folder / "token").write_text(stack.oidc.token())
    ran = anchor(
        *("publish", folder / "ledger.md", "--name", "l", "--version", "1.0.0", "--root", folder / "site"),
        *("--home", folder / "home", "--instance", stack.instance(log, name=f"reverify-{log.origin}")),
        *("--identity-token-file", folder / "token", "--yes"),
    )
    assert ran.code == 0, ran.err
    (folder / "policy.toml").write_text(
        f'{ran.out}\n[[log]]\norigin = "{origin(log, folder)}"\nurl = "{read(log)}"\n'
    )


def origin(log: Log, folder: Path) -> str:
    """The origin of the bundle's checkpoint: a Rekor v1 tree has its number in it."""
    import json

    release = json.loads((folder / "site" / "release.json").read_bytes())
    return str(release["anchors"][0]["log"]["origin"])


def read(log: Log) -> str:
    return f"{log.url}/api/v2" if isinstance(log, RekorV2) else log.url


def run(folder: Path) -> Ran:
    return anchor(
        *("reverify", folder / "site" / "release.json", "--policy", folder / "policy.toml"),
        *("--home", folder / "watcher", "--json"),
    )


def detail(ran: Ran, name: str) -> str:
    document: Any = ran.document
    return "; ".join(c["detail"] for c in document["checks"] if c["name"].startswith(name))


def test_a_real_rekor_v2_that_grows_and_is_wiped(stack: Stack, new_log: NewLog, tmp_path: Path) -> None:
    log = new_log("reverified.stack.internal")
    assert post(log.url, request(b"before"))[0] == 201
    published(stack, log, tmp_path)
    assert run(tmp_path).code == 0
    post_all(log.url, [request(b"more %d" % n) for n in range(5)])
    grown = run(tmp_path)
    assert grown.code == 0, grown.out
    assert "grown from 2 to 7" in detail(grown, "log")
    log.server.stop()
    shutil.rmtree(log.storage)
    log.server.start()
    wiped = run(tmp_path)
    assert (wiped.code, wiped.document["verdict"]) == (3, "UNAVAILABLE")
    # A rewind that is written over is more: verified tiles were kept, and they show two histories at once.
    assert post(log.url, request(b"after"))[0] == 201
    forked = run(tmp_path)
    assert (forked.code, forked.document["verdict"]) == (6, "EQUIVOCATION")
    out = tmp_path / "evidence"
    exported = anchor("records", "export", "--evidence", "-o", out, "--home", tmp_path / "watcher")
    (file,) = exported.out.split()
    assert anchor("verify-evidence", file, "--log-key", log.vkey).code == 6


def test_a_real_rekor_v1_is_followed_by_its_proofs(stack: Stack, tmp_path: Path) -> None:
    log = stack.rekor_v1()
    published(stack, log, tmp_path)
    first = run(tmp_path)
    assert first.code == 0, first.out
    folder = tmp_path / "another"
    folder.mkdir()
    published(stack, log, folder)
    grown = run(tmp_path)
    assert grown.code == 0, grown.out
    assert "grown from" in detail(grown, "log")
    assert anchor("records", "check", "--home", tmp_path / "watcher").code == 0
