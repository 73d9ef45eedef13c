# SPDX-License-Identifier: Apache-2.0
"""The token of a CI system: fetched as all else is, within the budget, its bearer token in no error."""

import base64
import json
import os
from pathlib import Path

import pytest

from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.net.budget import Budget
from anchor.signing import ambient
from tests.support.servers.bad_server import answer, bad_server, closed_port, drip, flood, redirect

BEARER = "eyJ.runner.secret"
GIVEN = answer(200, b'{"value": "a.b.c"}', "application/json; charset=utf-8")
SYSTEMS = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "GOOGLE_SERVICE_ACCOUNT_NAME")


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name in SYSTEMS or name.startswith("ACTIONS_ID_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER)
    return monkeypatch


def ask(github: pytest.MonkeyPatch, url: str, seconds: float = 60) -> str | None:
    github.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
    return ambient.token(Budget(seconds))


def fails(github: pytest.MonkeyPatch, url: str, seconds: float = 60) -> AnchorError:
    with pytest.raises(AnchorError) as e:
        ask(github, url, seconds)
    assert BEARER not in str(e.value)
    assert BEARER[:9] not in str(e.value)
    return e.value


def test_runner_is_asked_for_the_audience_with_its_bearer_token(github: pytest.MonkeyPatch) -> None:
    with bad_server(GIVEN) as runner:
        assert ask(github, f"{runner.url}/token?api-version=2.0") == "a.b.c"
        assert ask(github, f"{runner.url}/token") == "a.b.c"
    first, second = runner.requests
    assert (first.path, second.path) == (
        "/token?api-version=2.0&audience=sigstore",
        "/token?audience=sigstore",
    )
    assert first.headers["authorization"] == f"Bearer {BEARER}"


def test_proxies_are_honoured(github: pytest.MonkeyPatch) -> None:
    with bad_server(answer(403)) as proxy:
        github.setenv("HTTPS_PROXY", proxy.url)
        error = fails(github, "https://runner.example/token?x=1")
        assert {r.method for r in proxy.requests} == {"CONNECT"}
    assert isinstance(error, Unavailable)
    assert str(error).startswith(
        "GitHub Actions https://runner.example/token: the CI system gave no identity"
    )
    assert "the proxy did not connect" in str(error)


def test_an_answer_that_drips_ends_with_the_budget(github: pytest.MonkeyPatch) -> None:
    with bad_server(drip()) as runner:
        assert isinstance(fails(github, runner.url, 0.5), Unavailable)


def test_a_passing_fault_is_tried_again_and_told(github: pytest.MonkeyPatch) -> None:
    with bad_server(answer(503), GIVEN) as runner:
        assert ask(github, runner.url) == "a.b.c"
    error = fails(github, f"http://127.0.0.1:{closed_port()}")
    assert "Connection refused" in str(error)
    assert "(tried " in str(error)


@pytest.mark.parametrize(
    "answered",
    [
        answer(401, f"no such token: {BEARER}".encode()),
        answer(400, b"x" * 190 + BEARER.encode()),
        answer(500, b"(tried " + BEARER.encode()),
        redirect(f"https://elsewhere.example/{BEARER}"),
        answer(200, b'{"value": "' + BEARER.encode()),
        answer(200, json.dumps({"value": [BEARER]}).encode()),
        answer(200, b'{"value": ""}'),
        answer(200, b"[]"),
        answer(200, b"{}"),
        answer(200, BEARER.encode(), "text/html"),
        flood(1 << 20),
    ],
)
def test_what_gives_no_token_is_unavailable(github: pytest.MonkeyPatch, answered: object) -> None:
    with bad_server(answered) as runner:  # type: ignore[arg-type]
        error = fails(github, runner.url)
    assert isinstance(error, Unavailable)
    assert "the CI system gave no identity token: " in str(error)
    assert len(runner.requests) == 1 or "HTTP 500 (tried " in str(error)


@pytest.mark.parametrize("url", ["http://runner.example/t", "ftp://127.0.0.1/t", "file:///etc/passwd", "//x"])
def test_only_https_is_asked_and_http_on_this_machine(github: pytest.MonkeyPatch, url: str) -> None:
    assert isinstance(fails(github, url), Misuse)


@pytest.mark.parametrize("bearer", [f"{BEARER}\r\nX: y", f" {BEARER}", f"{BEARER}\u2026"])
def test_bearer_token_that_is_no_header_is_sent_to_nobody(github: pytest.MonkeyPatch, bearer: str) -> None:
    github.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", bearer)
    with bad_server(GIVEN) as runner:
        assert isinstance(fails(github, runner.url), Misuse)
        assert not runner.requests


def test_job_without_the_permission_is_told_which(github: pytest.MonkeyPatch) -> None:
    for missing in ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        github.delenv(missing, raising=False)
        with pytest.raises(Misuse, match="id-token: write"):
            ambient.token(Budget(1))


def test_gitlab_gives_it_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    with pytest.raises(Unavailable, match="SIGSTORE_ID_TOKEN not found"):
        ambient.token(Budget(30))
    claims = base64.urlsafe_b64encode(b'{"aud":"sigstore"}').decode().rstrip("=")
    given = f"a.{claims}.c"
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", given)
    assert ambient.token(Budget(30)) == given


def test_agent_that_hangs_is_given_up_with_the_budget(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent = tmp_path / "buildkite-agent"
    agent.write_text('#!/bin/sh\necho begun > "$0.begun"\nexec sleep 600\n')
    agent.chmod(0o755)
    monkeypatch.setenv("BUILDKITE", "true")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Unavailable, match=r"gave no identity token: no answer within [0-9.]+ s"):
        ambient.token(Budget(0.5))
