# SPDX-License-Identifier: Apache-2.0
"""Where the identity token may come from, each way up to a published release on the real servers."""

import functools
import json
import os
import pty
import re
import select
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from anchor.cli.main import run
from anchor.format.release import load
from tests.interop.stack.front import Front, Handler
from tests.interop.stack.stack import Stack
from tests.support.process import crash
from tests.support.process.anchor_cli import Ran, anchor

CI = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "ACTIONS_ID_TOKEN_REQUEST_URL")


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CI, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SIGSTORE_ID_TOKEN", "ANCHOR_IDENTITY_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def words(stack: Stack, folder: Path, instance: Path | str, version: str = "1.0.0") -> list[str]:
    (folder / "ledger.md").write_text(f"| A |\n|---|\n| {version} |\n")
    (folder / "site").mkdir(exist_ok=True)
    return [
        "publish", str(folder / "ledger.md"), "--name", "l", "--version", version,
        "--root", str(folder / "site"), "--home", str(folder / "home"), "--instance", str(instance),
    ]  # fmt: skip


def publish(stack: Stack, folder: Path, *more: object) -> Ran:
    return anchor(*words(stack, folder, stack.instance(name="tokens")), *more)


def signer(folder: Path) -> str:
    return load((folder / "site" / "release.json").read_bytes()).anchors[0].identity


def nothing_left(folder: Path) -> bool:
    return not (folder / "site" / "release.json").exists()


def test_token_from_a_file(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(stack.oidc.token() + "\n")
    assert publish(stack, tmp_path, "--identity-token-file", tmp_path / "token").code == 0
    assert signer(tmp_path) == stack.oidc.email


@pytest.mark.parametrize("content", [b"", b"not a token", b"\xff\xfe", b"a.b.c", None])
def test_file_that_holds_no_token_is_usage(stack: Stack, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    ran = publish(stack, tmp_path, "--identity-token-file", tmp_path / "token")
    assert ran.code == 2, ran
    assert ran.line
    assert nothing_left(tmp_path)


def test_token_from_the_environment(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANCHOR_IDENTITY_TOKEN", stack.oidc.token(email="env@example.com"))
    assert publish(stack, tmp_path).code == 0
    assert signer(tmp_path) == "env@example.com"


def test_file_goes_before_the_environment_and_that_before_the_ci(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", stack.oidc.token(email="ci@example.com"))
    monkeypatch.setenv("ANCHOR_IDENTITY_TOKEN", stack.oidc.token(email="env@example.com"))
    (tmp_path / "token").write_text(stack.oidc.token(email="file@example.com"))
    assert publish(stack, tmp_path, "--identity-token-file", tmp_path / "token").code == 0
    assert signer(tmp_path) == "file@example.com"


def test_token_on_the_command_line_is_no_option(stack: Stack, tmp_path: Path) -> None:
    assert publish(stack, tmp_path, "--identity-token", stack.oidc.token()).code == 2
    assert nothing_left(tmp_path)


@dataclass
class Runner:
    """GitHub's token end point, as a job's runner has it."""

    stack: Stack
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        runner = self

        class Routes(Handler):
            def do_GET(self) -> None:  # noqa: N802  the base's name
                query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
                runner.asked.append({**query, "bearer": self.headers["Authorization"]})
                token = runner.stack.oidc.token(email="ci@example.com", aud=query["audience"])
                self.out(runner.status, {"value": token} if runner.status == 200 else {})

        self.front = Front(Routes)


@pytest.fixture
def runner(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    made = Runner(stack)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{made.front.url}/token?api-version=2.0")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-secret")
    yield made
    made.front.stop()


def test_token_of_github_actions(stack: Stack, runner: Runner, tmp_path: Path) -> None:
    assert publish(stack, tmp_path).code == 0
    assert signer(tmp_path) == "ci@example.com"
    (asked,) = runner.asked
    assert (asked["audience"], asked["bearer"].lower()) == ("sigstore", "bearer runner-secret")


def test_workflow_without_the_permission_is_told_which(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    ran = publish(stack, tmp_path)
    assert ran.code == 2
    assert "id-token: write" in ran.line


def test_runner_that_gives_no_token_is_unavailable(stack: Stack, runner: Runner, tmp_path: Path) -> None:
    runner.status = 500
    ran = publish(stack, tmp_path)
    assert ran.code == 3, ran
    assert "the CI system gave no identity token" in ran.line
    assert "runner-secret" not in ran.err
    runner.front.stop()
    assert publish(stack, tmp_path).code == 3
    assert nothing_left(tmp_path)


def test_token_of_gitlab(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    ran = publish(stack, tmp_path)
    assert ran.code in (2, 3), ran
    assert nothing_left(tmp_path)
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", stack.oidc.token(email="gitlab@example.com"))
    assert publish(stack, tmp_path).code == 0
    assert signer(tmp_path) == "gitlab@example.com"


def test_no_token_and_nobody_to_ask_names_the_ways(stack: Stack, tmp_path: Path) -> None:
    ran = publish(stack, tmp_path, "--no-browser")
    assert ran.code == 2
    assert "--identity-token-file" in ran.line
    assert "ANCHOR_IDENTITY_TOKEN" in ran.line


def test_token_is_in_no_file_that_is_kept(stack: Stack, tmp_path: Path) -> None:
    """Not in the journal of what was interrupted, not in the release, and no key either."""
    token = stack.oidc.token()
    (tmp_path / "token").write_text(token)
    config = json.loads(stack.instance(name="tokens").read_text())
    config["signingConfig"]["rekorTlogUrls"][0]["url"] = "http://127.0.0.1:1"
    (tmp_path / "down.json").write_text(json.dumps(config))
    ran = anchor(*words(stack, tmp_path, tmp_path / "down.json"), "--identity-token-file", tmp_path / "token")
    assert ran.code == 3
    journals = [p for p in (tmp_path / "home").rglob("*") if p.is_file()]
    assert [p.name for p in journals if "journal" in p.parts]
    for path in journals:
        data = path.read_bytes()
        assert token.encode() not in data
        assert token.split(".")[1].encode() not in data
        assert b"PRIVATE" not in data


class Terminal:
    """`anchor` on a terminal of its own, in a fork of this process; its stdout is a file."""

    def __init__(self, argv: list[str], out: Path, **env: str) -> None:
        self._seen = b""
        self._main, other = pty.openpty()
        with os.fdopen(other, "wb") as terminal, out.open("wb") as file:
            streams = (terminal.fileno(), file.fileno(), terminal.fileno())
            self._running = crash.start(functools.partial(_on_terminal, argv, streams, env))

    @property
    def screen(self) -> str:
        """All that was read so far, of which the last character may be there in part."""
        return self._seen.decode(errors="replace").replace("\r\n", "\n")

    def until(self, pattern: str, seconds: float = 90) -> re.Match[str]:
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.screen)):
            ready, _, _ = select.select([self._main], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, self.screen
            try:
                more = os.read(self._main, 4096)
            except OSError:  # Linux may report the end once while there is still something to read
                more = os.read(self._main, 4096)
            self._seen += more
        return found

    def type(self, text: str) -> None:
        os.write(self._main, text.encode() + b"\n")

    def end(self) -> int:
        code: int = self._running.result()
        os.close(self._main)
        return code


def _on_terminal(argv: list[str], streams: tuple[int, int, int], env: dict[str, str]) -> int:
    """Become a process that a shell would have started, and run the command."""
    os.setsid()  # it has no other terminal to ask at
    for number, given in enumerate(streams):
        os.dup2(given, number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)
    os.environ.update(env)
    warnings.simplefilter("ignore")  # those of this process are errors
    code = run(argv)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def log_in(url: str) -> str:
    """Open the URL as a person does; returns the code that the issuer shows."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    try:
        opener.open(url, timeout=90)
    except urllib.error.HTTPError as e:
        with e:
            return parse_qs(urlsplit(e.headers["Location"]).query)["code"][0]
    raise AssertionError("no redirect")


def test_no_browser_prints_the_url_and_takes_the_code_and_stdout_is_the_policy_alone(
    stack: Stack, tmp_path: Path
) -> None:
    argv = [*words(stack, tmp_path, stack.instance(name="tokens")), "--no-browser"]
    terminal = Terminal(argv, tmp_path / "policy.toml")
    url = terminal.until(r"http://127\.0\.0\.1:\d+/auth\?\S+")[0]
    terminal.until("verification code")
    terminal.type(log_in(url))
    assert terminal.end() == 0, terminal.screen
    assert signer(tmp_path) == stack.oidc.email
    assert anchor("verify", tmp_path / "site", "--policy", tmp_path / "policy.toml").code == 0


def test_wrong_code_is_no_token(stack: Stack, tmp_path: Path) -> None:
    argv = [*words(stack, tmp_path, stack.instance(name="tokens")), "--no-browser"]
    terminal = Terminal(argv, tmp_path / "policy.toml")
    terminal.until("verification code")
    terminal.type("wrong")
    terminal.until("no identity token from")
    assert terminal.end() == 3
    assert nothing_left(tmp_path)


def test_browser_is_opened_and_its_redirect_taken(stack: Stack, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(
        f"#!{sys.executable}\nimport sys, urllib.request as u\n"
        "u.build_opener(u.ProxyHandler({})).open(sys.argv[1], timeout=90).read()\n"
    )
    browser.chmod(0o755)
    argv = words(stack, tmp_path, stack.instance(name="tokens"))
    terminal = Terminal(argv, tmp_path / "policy.toml", BROWSER=f"{browser} %s")
    terminal.until("1.0.0 published")
    assert terminal.end() == 0, terminal.screen
    assert signer(tmp_path) == stack.oidc.email
