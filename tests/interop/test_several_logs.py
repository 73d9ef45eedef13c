# SPDX-License-Identifier: Apache-2.0
"""One release in several logs, real ones: what is in place while one is down, and how it is completed."""

import re
import shutil
import threading
from pathlib import Path

import pytest

from anchor.app import publish
from anchor.format.release import load
from anchor.publish import anchoring, interrupted
from tests.interop.publication import Attempt, Between, entries
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.stack import NewLog, Stack
from tests.interop.stack.trillian import RekorV1
from tests.support.process import crash
from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import Site, snapshot
from tests.support.releases.witnessed import bundle_head, introduce, signers
from tests.support.servers.witness_server import Witness, serving


@pytest.fixture(autouse=True)
def _settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log here has taken a request before it is looked for, or will never get it: none is on its way."""
    monkeypatch.setattr(publish, "SETTLE", 0.3)


@pytest.fixture
def second(new_log: NewLog) -> RekorV2:
    return new_log("second-of-two.stack.internal")


def demanding(attempt: Attempt, count: int) -> Path:
    """The policy that publishing printed, with another `min_anchors`."""
    text = (attempt.folder / "policy.toml").read_text()
    path = attempt.folder / f"policy-{count}.toml"
    path.write_text(re.sub(r"min_anchors = \d+", f"min_anchors = {count}", text))
    return path


def verify(attempt: Attempt, count: int) -> int:
    return anchor("verify", attempt.site, "--policy", demanding(attempt, count)).code


def origins(attempt: Attempt) -> list[str]:
    return [a.log.origin for a in load((attempt.site / "release.json").read_bytes()).anchors]


def test_v1_and_v2_and_embedded_in_one_release(stack: Stack, rekor_v1: RekorV1, tmp_path: Path) -> None:
    also = (stack.instance(rekor_v1, name="also-v1"), "embedded")
    attempt = Attempt(stack, tmp_path / "three", stack.instance(), also)
    code, _, err = attempt.publish()
    assert code == 0, err
    assert len(origins(attempt)) == 3
    assert [verify(attempt, count) for count in (1, 2, 3, 4)] == [0, 0, 0, 5]
    for log in (stack.log, rekor_v1):
        assert sum(d in attempt.digests() for d in entries(log)) == 1
    before = snapshot(attempt.site)
    assert attempt.publish()[0] == 0
    assert snapshot(attempt.site) == before
    (attempt.folder / "policy-4.toml").unlink()


def test_an_embedded_log_without_its_witnesses_is_pending_beside_a_log_that_has_the_release(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchoring, "PATIENCE", 0.3)
    attempt = Attempt(stack, tmp_path / "witnessed", stack.instance(), ("embedded",))
    site = Site(attempt.site, attempt.folder / "home", attempt.folder / "policy.toml")
    with serving(Witness("one.example")) as (witness,):
        introduce(site, (witness,), "all")
        witness.lie = lambda _w, _b: (503, b"", "text/plain")
        code, _, err = attempt.publish()
        assert code == 5
        assert "witness one.example: HTTP 503" in err
        assert origins(attempt) == [stack.log.origin]
        assert verify(attempt, 1) == 0
        witness.lie = None
        code, _, err = attempt.publish("--resume")
        assert code == 0, err
    assert len(origins(attempt)) == 2
    assert verify(attempt, 2) == 0
    assert site.entries() == 1
    (bundle,) = attempt.site.glob("release/1.0.0/*.anchor-embedded.invalid.sigstore.json")
    assert signers(bundle_head(bundle), (witness,)) == ["one.example"]


def test_one_log_down_is_pending_and_resume_completes_it_under_a_readers_eyes(
    stack: Stack, second: RekorV2, tmp_path: Path
) -> None:
    also = stack.instance(second, name="also-second")
    attempt = Attempt(stack, tmp_path / "pending", stack.instance(), (also,))
    second.server.kill()
    code, _, err = attempt.publish()
    assert code == 5, err
    line = next(x for x in err.splitlines() if x.startswith("PENDING"))
    assert second.url in line or second.origin in line
    assert origins(attempt) == [stack.log.origin]
    assert (verify(attempt, 1), verify(attempt, 2)) == (0, 5)
    still = attempt.publish("--resume")
    assert still[0] == 5, still
    second.server.start()
    stop, seen = threading.Event(), []
    policy = demanding(attempt, 1)
    copy = tmp_path / "root.json"  # as a stranger has it: a copy, pinned
    shutil.copy(attempt.site / "release/1.0.0/trusted_root.json", copy)
    policy.write_text(policy.read_text().replace("{ sha256", f'{{ path = "{copy}", sha256'))

    def read() -> None:
        while not stop.is_set():
            seen.append(anchor("verify", "-v", attempt.site, "--policy", policy))

    running = crash.start(lambda: attempt.publish("--resume"))
    thread = threading.Thread(target=read)
    thread.start()
    code, _, err = running.result()
    stop.set()
    thread.join()
    assert code == 0, err
    assert [r for r in seen if r.code != 0] == []
    assert origins(attempt) == sorted([stack.log.origin, second.origin])
    assert verify(attempt, 1) == 0  # the policy printed before still names what is there
    assert sum(d in attempt.digests() for d in entries(stack.log)) == 1
    assert sum(d in attempt.digests() for d in entries(second)) == 1
    assert interrupted.interrupted(attempt.folder / "home") == []


def test_both_logs_down_is_unavailable_and_nothing_is_in_place(
    stack: Stack, new_log: NewLog, second: RekorV2, tmp_path: Path
) -> None:
    third = new_log("third-of-two.stack.internal")
    attempt = Attempt(
        stack, tmp_path / "both", stack.instance(second, name="b2"), (stack.instance(third, name="b3"),)
    )
    for log in (second, third):
        log.server.kill()
        log.front.stop()
    code, _, err = attempt.publish()
    assert code == 3, err
    assert "transparency log" in err
    assert not (attempt.site / "release.json").exists()
    assert not list(attempt.site.rglob("*"))


def test_instance_that_cannot_be_asked_who_it_is_is_a_missing_log(
    stack: Stack, second: RekorV2, tmp_path: Path
) -> None:
    """With two logs of its kind in the trusted root, the second instance says only by its checkpoint which
    one it is."""
    also = stack.instance(second, stack.log, name="also-ambiguous")
    attempt = Attempt(stack, tmp_path / "ambiguous", "embedded", (also,))
    second.front.stop()
    code, _, err = attempt.publish()
    assert code == 5, err
    assert "PENDING: log http://127.0.0.1" in err
    assert attempt.verify() == 0


def test_request_that_the_second_log_may_have_taken_is_not_forgotten_with_the_release_in_place(
    stack: Stack, second: RekorV2, tmp_path: Path
) -> None:
    """The first log answers, so the release is in place. The second took it, and its answer was lost with it:
    a second signature there would be a second entry."""
    between = Between(second.url)
    also = stack.instance(second, name="also-lost", log_url=between.front.url)
    attempt = Attempt(stack, tmp_path / "lost", stack.instance(), (also,))
    between.mode = "blind"
    code, _, err = attempt.publish()
    assert (code, between.taken) == (5, 1), err
    (left,) = interrupted.interrupted(attempt.folder / "home")
    assert (left.step, left.log) == ("sent", second.origin)
    assert "1.0.0" in str(left)
    second.server.restart()
    between.mode = "pass"
    code, _, err = attempt.publish("--resume")
    assert (code, between.taken, attempt.verify()) == (0, 1, 0), err
    attempt.check(second)
    between.front.stop()


@pytest.mark.parametrize("status", [400, 403])
def test_refusal_of_the_second_log_does_not_hold_up_what_the_first_one_has(
    stack: Stack, second: RekorV2, tmp_path: Path, status: int
) -> None:
    between = Between(second.url)
    also = stack.instance(second, name="also-refuses", log_url=between.front.url)
    attempt = Attempt(stack, tmp_path / "refused", stack.instance(), (also,))
    between.status = status
    for more in ((), ("--resume",)):
        code, _, err = attempt.publish(*more)
        assert (code, between.taken, attempt.verify()) == (5, 0, 0), err
        assert f"PENDING: transparency log {between.front.url}" in err
        assert f"HTTP {status}" in err
        assert origins(attempt) == [stack.log.origin]
    between.status = 0
    code, _, err = attempt.publish("--resume")
    assert (code, between.taken, attempt.verify()) == (0, 1, 0), err
    attempt.check(second)
    between.front.stop()


def other_machine(stack: Stack, folder: Path) -> Path:
    """A release that somebody else published in the meantime, in a copy of the same folder."""
    other = Attempt(stack, folder / "elsewhere", "embedded")
    assert other.publish()[0] == 0
    return other.site


@pytest.mark.parametrize("when", ["before the log is written", "after the log took it"])
def test_somebody_else_published_meanwhile_and_nothing_of_ours_is_in_place(
    stack: Stack, second: RekorV2, tmp_path: Path, when: str
) -> None:
    theirs = other_machine(stack, tmp_path)
    early = Between(stack.tsa_url.removesuffix("/api/v1/timestamp"))
    late = Between(second.url)
    instance = stack.instance(
        second, name="meanwhile", log_url=late.front.url, tsa=early.front.url + "/api/v1/timestamp"
    )
    attempt = Attempt(stack, tmp_path / "meanwhile", instance)

    def appear() -> None:
        shutil.copytree(theirs, attempt.site, dirs_exist_ok=True)

    (early if when.startswith("before") else late).before = appear
    before = len(entries(second))
    code, _, err = attempt.publish()
    assert code == 8, err
    assert "another release was published here meanwhile" in err
    assert snapshot(attempt.site) == snapshot(theirs)
    left = interrupted.interrupted(attempt.folder / "home")
    if when.startswith("before"):
        assert len(entries(second)) == before
        assert [i.step for i in left] == ["signed"]
    else:
        assert len(entries(second)) == before + 1
        assert [i.step for i in left] == ["recorded"]
    early.front.stop()
    late.front.stop()
