# SPDX-License-Identifier: Apache-2.0
"""The first entry in a public log: whoever publishes is asked, by the name and the log that it will show."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.net import tuf_roots
from tests.interop.publication import Between
from tests.interop.stack.stack import NewLog, Stack
from tests.interop.stack.tufrepo import TufRepository
from tests.interop.test_tokens import CI, Terminal, nothing_left, words
from tests.support.process.anchor_cli import Ran, forked


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CI, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SIGSTORE_ID_TOKEN", "ANCHOR_IDENTITY_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def public(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A repository on loopback in place of the public one."""
    repository = TufRepository(tmp_path / "tuf")
    repository.targets |= {
        "trusted_root.json": json.dumps(stack.trusted_root()).encode(),
        "signing_config.v0.2.json": json.dumps(stack.signing_config()).encode(),
    }
    repository.publish()
    found = tuf_roots.Repository("public", repository.serve(), repository.root)
    monkeypatch.setitem(tuf_roots.REPOSITORIES, "public", found)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ANCHOR_IDENTITY_TOKEN", stack.oidc.token())
    yield
    repository.stop()


def without_input(*words: object) -> Ran:
    """The command in a process that nobody types at."""

    def end_of_file() -> None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115  the process ends

    return forked(*words, before=end_of_file)


@pytest.mark.usefixtures("public")
def test_first_entry_in_a_public_log_asks_and_names_identity_and_log(stack: Stack, tmp_path: Path) -> None:
    before = stack.log.size()
    for answer in ("n", ""):
        terminal = Terminal(words(stack, tmp_path, "public"), tmp_path / "policy.toml")
        question = terminal.until(r"Record [^?]*\?")[0]
        assert stack.oidc.email in question
        assert stack.oidc.url in question
        assert stack.log.origin in question
        terminal.type(answer)
        terminal.until("the answer was no")
        assert terminal.end() == 2, terminal.screen
    assert stack.log.size() == before
    assert nothing_left(tmp_path)
    terminal = Terminal(words(stack, tmp_path, "public"), tmp_path / "policy.toml")
    terminal.until(r"Record [^?]*\?")
    terminal.type("y")
    assert terminal.end() == 0, terminal.screen
    # what the log says of this signer it says already
    again = Terminal(words(stack, tmp_path, "public", "1.1.0"), tmp_path / "policy.toml")
    again.until("1.1.0 published")
    assert again.end() == 0, again.screen
    assert "Record" not in again.screen
    # but not of another one
    env = {"ANCHOR_IDENTITY_TOKEN": stack.oidc.token(email="other@example.com")}
    asked = words(stack, tmp_path, "public", "1.2.0")
    refused = Terminal(asked, tmp_path / "policy.toml", **env)
    refused.until("--new-signer")
    assert refused.end() == 2
    other = Terminal([*asked, "--new-signer"], tmp_path / "policy.toml", **env)
    assert "other@example.com" in other.until(r"Record [^?]*\?")[0]
    other.type("n")
    assert other.end() == 2


@pytest.mark.usefixtures("public")
def test_public_log_that_a_file_leads_to_asks_all_the_same(
    stack: Stack, new_log: NewLog, tmp_path: Path
) -> None:
    """Behind another URL, too: its key is the public one's. A private log needs no answer."""

    def run(instance: Path | str, *more: str) -> Ran:
        folder = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
        folder.mkdir()
        return without_input(*words(stack, folder, instance), *more)

    assert run("public", "--yes").code == 0
    before = stack.log.size()
    between = Between(stack.log.url)
    for instance in (stack.instance(name="as-file"), stack.instance(name="b", log_url=between.front.url)):
        done = run(instance)
        assert done.code == 2, done.err
        assert f"in the public log {stack.log.origin}, for ever?" in done.err
    assert stack.log.size() == before
    between.front.stop()
    private = new_log("private.stack.internal")
    done = run(stack.instance(private, name="private"))
    assert done.code == 0, done.err


@pytest.mark.usefixtures("public")
def test_question_without_anybody_to_answer_names_identity_and_log(stack: Stack, tmp_path: Path) -> None:
    done = without_input(*words(stack, tmp_path, "public"))
    assert (done.code, done.out) == (2, ""), done.err
    for word in (stack.oidc.email, stack.oidc.url, stack.log.origin, "--yes"):
        assert word in done.err
    assert done.err.count("\n") == 1
    assert nothing_left(tmp_path)
