# SPDX-License-Identifier: Apache-2.0
"""The first entry in a public log: whoever publishes is asked, by the name and the log that it will show."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.publication import Between
from tests.interop.stack.stack import Stack
from tests.interop.stack.tufrepo import TufRepository
from tests.interop.test_tokens import CI, MAIN, Terminal, nothing_left, words
from tests.support.process.anchor_cli import ROOT


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CI, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SIGSTORE_ID_TOKEN", "ANCHOR_IDENTITY_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def public(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """A program that is `anchor`, with a repository on loopback in place of the public one."""
    repository = TufRepository(tmp_path / "tuf")
    repository.targets |= {
        "trusted_root.json": json.dumps(stack.trusted_root()).encode(),
        "signing_config.v0.2.json": json.dumps(stack.signing_config()).encode(),
    }
    repository.publish()
    (tmp_path / "root.json").write_bytes(repository.root)
    root = f"Path({str(tmp_path / 'root.json')!r}).read_bytes()"
    yield (
        "from pathlib import Path; from anchor.net import tuf_roots\n"
        f"tuf_roots.REPOSITORIES['public'] = "
        f"tuf_roots.Repository('public', {repository.serve()!r}, {root})\n" + MAIN
    )
    repository.stop()


def test_first_entry_in_a_public_log_asks_and_names_identity_and_log(
    stack: Stack, public: str, tmp_path: Path
) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "ANCHOR_IDENTITY_TOKEN": stack.oidc.token()}
    before = stack.log.size()
    for answer in ("n", ""):
        terminal = Terminal(words(stack, tmp_path, "public"), tmp_path / "policy.toml", public, **env)
        question = terminal.until(r"Record [^?]*\?")[0]
        assert stack.oidc.email in question
        assert stack.oidc.url in question
        assert stack.log.origin in question
        terminal.type(answer)
        terminal.until("the answer was no")
        assert terminal.end() == 2, terminal.screen
    assert stack.log.size() == before
    assert nothing_left(tmp_path)
    terminal = Terminal(words(stack, tmp_path, "public"), tmp_path / "policy.toml", public, **env)
    terminal.until(r"Record [^?]*\?")
    terminal.type("y")
    assert terminal.end() == 0, terminal.screen
    # what the log says of this signer it says already
    again = Terminal(words(stack, tmp_path, "public", "1.1.0"), tmp_path / "policy.toml", public, **env)
    again.until("1.1.0 published")
    assert again.end() == 0, again.screen
    assert "Record" not in again.screen
    # but not of another one
    env["ANCHOR_IDENTITY_TOKEN"] = stack.oidc.token(email="other@example.com")
    asked = words(stack, tmp_path, "public", "1.2.0")
    refused = Terminal(asked, tmp_path / "policy.toml", public, **env)
    refused.until("--new-signer")
    assert refused.end() == 2
    other = Terminal([*asked, "--new-signer"], tmp_path / "policy.toml", public, **env)
    assert "other@example.com" in other.until(r"Record [^?]*\?")[0]
    other.type("n")
    assert other.end() == 2


def test_public_log_that_a_file_leads_to_asks_all_the_same(stack: Stack, public: str, tmp_path: Path) -> None:
    """Behind another URL, too: its key is the public one's. A private log needs no answer."""
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "ANCHOR_IDENTITY_TOKEN": stack.oidc.token()}

    def run(instance: Path | str, *more: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
        folder.mkdir()
        return subprocess.run(
            [sys.executable, "-c", public, *words(stack, folder, instance), *more],
            env={**os.environ, "NO_PROXY": "127.0.0.1", **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=ROOT,
        )

    assert run("public", "--yes").returncode == 0
    before = stack.log.size()
    between = Between(stack.log.url)
    for instance in (stack.instance(name="as-file"), stack.instance(name="b", log_url=between.front.url)):
        done = run(instance)
        assert done.returncode == 2, done.stderr
        assert f"in the public log {stack.log.origin}, for ever?" in done.stderr
    assert stack.log.size() == before
    between.front.stop()
    private = stack.new_log("private.stack.internal")
    done = run(stack.instance(private, name="private"))
    assert done.returncode == 0, done.stderr
    private.stop()


def test_question_without_anybody_to_answer_names_identity_and_log(
    stack: Stack, public: str, tmp_path: Path
) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "ANCHOR_IDENTITY_TOKEN": stack.oidc.token()}
    done = subprocess.run(
        [sys.executable, "-c", public, *words(stack, tmp_path, "public")],
        env={**os.environ, "NO_PROXY": "127.0.0.1", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    for word in (stack.oidc.email, stack.oidc.url, stack.log.origin, "--yes"):
        assert word in done.stderr
    assert done.stderr.count("\n") == 1
    assert nothing_left(tmp_path)
