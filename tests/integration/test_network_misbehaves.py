# SPDX-License-Identifier: Apache-2.0
"""Each service misbehaves in each way: the call ends within its budget, in the right class, with one line.

The services are bad servers on loopback; what they are asked is what publishing asks of real ones.
"""

import functools
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anchor.errors import AnchorError, Unavailable
from anchor.net import tuf_roots
from anchor.net.budget import Budget
from anchor.net.logs.rekor_v1 import RekorV1Writer
from anchor.net.logs.rekor_v2 import RekorV2Writer
from anchor.net.service_errors import HttpError, LostAnswer, NotSent, ServiceError
from anchor.net.tuf_roots import Repository
from anchor.signing.remote_instance import RemoteAuthority, RemoteTimestamps
from anchor.tlog.checkpoint import Log
from anchor.tlog.keys import Algorithm, VerifierKey
from tests.support.forge.embedded_signer import csr_request, entry_request
from tests.support.servers import bad_server as bad
from tests.support.servers.bad_server import BadServer, Behaviour, answer, bad_server

SECONDS = 0.7
"""The budget of a call that would hang for ever."""
PLENTY = 60.0
"""That of one which ends by itself, however slow the machine."""
KEY = VerifierKey("log.example", Algorithm.ED25519, bytes(range(32)))
KNOWN = Log("log.example", KEY)
ENVELOPE = '{"payload":"eA==","payloadType":"t","signatures":[{"sig":"eQ=="}]}'
PROPOSED = {"envelope": ENVELOPE, "verifiers": ["eg=="]}
DSSE = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": PROPOSED}}).encode()


@dataclass(frozen=True)
class Subject:
    """A service: its name in errors, how it is called, and whether its calls may be repeated."""

    name: str
    call: Callable[[str, Budget, Path], object]
    safe: bool


@functools.cache
def _tuf_root() -> bytes:
    """The root of trust of a repository that is not asked; to import and sign takes longer than a budget."""
    import anchor.net.tuf_client  # noqa: F401  its first import is no part of a call
    from tests.interop.stack.tufrepo import TufRepository

    with tempfile.TemporaryDirectory() as folder:
        return TufRepository(Path(folder)).publish().root


def _tuf(url: str, budget: Budget, folder: Path) -> object:
    repository = Repository("public", url, _tuf_root())
    return tuf_roots.load(repository, cache=folder, budget=budget, now=datetime.now(UTC))


SUBJECTS = {
    "ca": Subject(
        "certificate authority", lambda u, b, _: RemoteAuthority(u, b).issue(csr_request(), "t"), safe=True
    ),
    "tsa": Subject("time-stamp authority", lambda u, b, _: RemoteTimestamps(u, b).stamp(b"0"), safe=True),
    "log-v1": Subject(
        "transparency log", lambda u, b, _: RekorV1Writer(u, KNOWN, b"k", budget=b).append(DSSE), safe=False
    ),
    "log-v2": Subject(
        "transparency log",
        lambda u, b, _: RekorV2Writer(u, KNOWN, b"k", budget=b).append(entry_request("x")),
        safe=False,
    ),
    "log-v2-read": Subject(
        "transparency log", lambda u, b, _: RekorV2Writer(u, KNOWN, b"k", budget=b).size(), safe=True
    ),
    "log-v1-read": Subject(
        "transparency log", lambda u, b, _: RekorV1Writer(u, KNOWN, b"k", budget=b).size(), safe=True
    ),
    "tuf": Subject("TUF repository", _tuf, safe=True),
}
TRIED = re.compile(r" \(tried (once|[0-9]+ times) in [0-9.]+ s\)")


@pytest.fixture(params=sorted(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "tuf":
        _tuf_root()
    return SUBJECTS[request.param]


@pytest.fixture(autouse=True)
def _no_proxies_and_no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call is tried again at once, as often as it may be, or when its server asks for it."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("anchor.net.http._Call._pause", lambda _call, _tried, asked: asked or 0.0)


def fails(subject: Subject, url: str, folder: Path) -> ServiceError:
    """The error of a call that must fail by itself."""
    with pytest.raises(ServiceError) as e:
        subject.call(url, Budget(PLENTY), folder)
    check_line(subject, url, e.value)
    return e.value


def check_line(subject: Subject, url: str, error: ServiceError) -> None:
    """An error is one line that says who, what, how often, what now."""
    line = str(error)
    assert "\n" not in line
    assert line.startswith(f"{subject.name} {url}")
    assert TRIED.search(line), line
    assert error.remedy, line
    assert line.endswith(error.remedy)


def hangs(subject: Subject, behaviour: Behaviour, folder: Path) -> None:
    """The call ends with its budget, and its request may have been taken."""
    for more in bad.MORE:
        with bad_server(behaviour) as server, pytest.raises(ServiceError) as e:
            subject.call(server.url, Budget(SECONDS * more), folder)
        if e.value.maybe_taken:
            break
    check_line(subject, server.url, e.value)
    once(subject, server)
    assert isinstance(e.value, LostAnswer)


def once(subject: Subject, server: BadServer) -> None:
    """A request that must not be repeated was sent once."""
    if not subject.safe:
        assert len(server.requests) <= 1


def test_refuses(subject: Subject, tmp_path: Path) -> None:
    error = fails(subject, f"http://127.0.0.1:{bad.closed_port()}", tmp_path)
    assert isinstance(error, NotSent)
    assert "Connection refused" in str(error)


@pytest.mark.parametrize("hang", [bad.hang_before, bad.hang_after])
def test_hangs_before_and_after_the_request_was_taken(
    subject: Subject, hang: Behaviour, tmp_path: Path
) -> None:
    hangs(subject, hang, tmp_path)


@pytest.mark.parametrize("headers_too", [False, True])
def test_drips_one_byte_a_second(subject: Subject, headers_too: bool, tmp_path: Path) -> None:
    hangs(subject, bad.drip(headers_too=headers_too), tmp_path)


def test_429_with_retry_after_is_waited_for_within_the_budget(subject: Subject, tmp_path: Path) -> None:
    with bad_server(answer(429, b"slow down", Retry_After="1"), answer(418, b"teapot")) as server:
        error = fails(subject, server.url, tmp_path)
        once(subject, server)
        assert not subject.safe or server.times[1] - server.times[0] >= 1.0
    assert isinstance(error, HttpError)
    assert error.status == (418 if subject.safe else 429)


def test_429_that_asks_for_more_time_than_there_is(subject: Subject, tmp_path: Path) -> None:
    with bad_server(answer(429, Retry_After="3600")) as server:
        error = fails(subject, server.url, tmp_path)
        assert len(server.requests) == 1
    assert isinstance(error, HttpError)
    assert error.maybe_taken
    assert "asks to wait 3600 s" in str(error)


@pytest.mark.parametrize("status", [502, *(pytest.param(s, marks=pytest.mark.slow) for s in (500, 503))])
def test_server_errors(subject: Subject, status: int, tmp_path: Path) -> None:
    with bad_server(answer(status, b"oops\n\x1b[2Jat line 3")) as server:
        error = fails(subject, server.url, tmp_path)
        once(subject, server)
        assert len(server.requests) > 1 or not subject.safe
    assert isinstance(error, HttpError)
    assert error.maybe_taken, "a gateway's status says nothing about the server behind it"
    assert f"HTTP {status}: oops [2Jat line 3" in str(error)


def test_cuts_the_body(subject: Subject, tmp_path: Path) -> None:
    with bad_server(bad.cut(b"x" * 20)) as server:
        error = fails(subject, server.url, tmp_path)
        once(subject, server)
    assert isinstance(error, LostAnswer)
    assert "cut off" in str(error)


def test_closes_without_an_answer(subject: Subject, tmp_path: Path) -> None:
    with bad_server(bad.drop_after) as server:
        error = fails(subject, server.url, tmp_path)
        once(subject, server)
    assert isinstance(error, LostAnswer)


@pytest.mark.parametrize("announced", [True, False])
def test_answers_with_100_mb(subject: Subject, announced: bool, tmp_path: Path) -> None:
    with bad_server(bad.flood(announced=announced)) as server:
        error = fails(subject, server.url, tmp_path)
        assert len(server.requests) == 1
    assert "more than" in str(error)


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "http://127.0.0.1:9/", "file:///etc/passwd"]
)
def test_redirects_elsewhere(subject: Subject, target: str, tmp_path: Path) -> None:
    with bad_server(bad.redirect(target)) as server:
        error = fails(subject, server.url, tmp_path)
        assert len(server.requests) == 1
    assert isinstance(error, HttpError)
    assert f"redirects to {target}" in str(error)


@pytest.mark.parametrize(
    "body",
    [b"<html>log in to the guest network</html>", b"", b"[]", b"\x00" * 100],
    ids=["guest-network", "empty", "other-json", "zeros"],
)
def test_answers_of_another_type(subject: Subject, body: bytes, tmp_path: Path) -> None:
    """A guest network answers everything with its page. The request may have had its effect all the same."""
    with bad_server(answer(200, body, "text/html; charset=utf-8")) as server:
        with pytest.raises(Unavailable) as e:
            subject.call(server.url, Budget(PLENTY), tmp_path)
        assert len(server.requests) == 1
    assert isinstance(e.value, ServiceError)
    assert str(e.value).startswith(subject.name)
    if not subject.safe:
        assert e.value.maybe_taken


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 5000, b'{"canonicalizedBody":1}']
)
@pytest.mark.parametrize("name", ["log-v1", "log-v2"])
def test_log_answers_with_something_that_is_no_entry(name: str, body: bytes, tmp_path: Path) -> None:
    with bad_server(answer(201, body)) as server:
        with pytest.raises(LostAnswer, match="look in the log before it is sent again"):
            SUBJECTS[name].call(server.url, Budget(PLENTY), tmp_path)
        assert len(server.requests) == 1


def test_the_token_is_never_in_an_error(tmp_path: Path) -> None:
    secret = "header.payload.signature"
    for behaviour in (answer(500, secret.encode()), answer(401), bad.drop_after, bad.redirect("/x")):
        with bad_server(behaviour) as server, pytest.raises(AnchorError) as e:
            RemoteAuthority(server.url, Budget(PLENTY)).issue(b"{}", secret)
        text = str(e.value).replace(f"HTTP 500: {secret}", "")
        assert secret not in text
