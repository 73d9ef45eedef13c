# SPDX-License-Identifier: Apache-2.0
"""A policy that wants witnesses, on a real log that goes on without them: publishing waits, and tells."""

import contextlib
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.format.release import load
from anchor.publish import anchoring
from tests.interop.publication import Attempt, entries
from tests.interop.stack import documents, netns
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.stack import Stack
from tests.interop.test_stack_starts import post, request
from tests.support.process import crash
from tests.support.process.anchor_cli import anchor


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shorter wait than a person's; everything else is as it is."""
    patient(monkeypatch, 3.0)


def patient(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(anchoring, "PATIENCE", seconds)


@pytest.fixture(scope="module")
def log(stack: Stack, namespace: netns.Namespace | None) -> Iterator[RekorV2]:
    with namespace.entered() if namespace else contextlib.nullcontext():
        made = stack.new_log("witnessed.stack.internal", witnesses=2)
    with made:
        yield made


@pytest.fixture(autouse=True)
def _all_up(log: RekorV2) -> Iterator[None]:
    yield
    for witness in log.witnesses:
        if witness.server.ended():
            witness.server.start()


def policy(stack: Stack, log: RekorV2, folder: Path, text: str = "") -> Path:
    """The policy of somebody who wants both witnesses."""
    root = documents.write(folder / "root.json", stack.trusted_root(log, stack.log))
    digest = hashlib.sha256(root.read_bytes()).hexdigest()
    (folder / "witnesses").write_text(text or log.tlog_policy())
    path = folder / "demands.toml"
    lines = [
        'ledger = "l"', 'tlog_policy = "witnesses"',
        f'trusted_root = [{{ path = "{root}", sha256 = "{digest}" }}]',
        "[[signer]]", f'identity = "{stack.oidc.email}"', f'issuer = "{stack.oidc.url}"', "",
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    return path


def cosigners(attempt: Attempt) -> int:
    """Signature lines of the checkpoint in the published bundle, without the log's own."""
    (one,) = load((attempt.site / "release.json").read_bytes()).anchors
    bundle = json.loads((attempt.site / one.bundle.path).read_text())
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    note: str = entry["inclusionProof"]["checkpoint"]["envelope"]
    return note.split("\n\n")[1].count("\N{EM DASH} ") - 1


def new_attempt(stack: Stack, log: RekorV2, folder: Path) -> Attempt:
    return Attempt(stack, folder / "attempt", stack.instance(log, name="witnessed"))


def cosigned(stack: Stack, log: RekorV2, folder: Path, count: int) -> Attempt:
    """A release whose checkpoint has so many cosignatures. The log goes on without a witness that needs more
    than five seconds, as on a busy machine: then the next release is tried."""
    for number in range(9):
        attempt = Attempt(stack, folder / f"attempt-{number}", stack.instance(log, name="witnessed"))
        code, _, err = attempt.publish()
        assert code == 0, err
        if cosigners(attempt) == count:
            return attempt
    pytest.fail(f"no checkpoint has {count} cosignatures")


def publish_while_it_grows(attempt: Attempt, log: RekorV2, *words: str) -> tuple[int, str, int]:
    """The exit code and the words of a publication that waits for a quorum, and how many entries of others
    came meanwhile: a checkpoint that a slow witness did not cosign is followed by another one."""
    running, others = crash.start(lambda: attempt.publish(*words)), 0
    began = time.monotonic()
    while not running.ended():
        time.sleep(0.05)
        if time.monotonic() - began > 5 * (others + 1):
            assert post(log.url, request(b"another entry %d" % others))[0] == 201
            others += 1
    code, _, err = running.result()
    return code, err, others


def check(attempt: Attempt, demands: Path) -> int:
    return anchor("verify", attempt.site, "--policy", demands).code


def test_quorum_that_is_there_is_published_and_verifies(
    stack: Stack, log: RekorV2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch, 100.0)
    demands, attempt = policy(stack, log, tmp_path), new_attempt(stack, log, tmp_path)
    code, err, _ = publish_while_it_grows(attempt, log, "--policy", str(demands))
    assert code == 0, err
    assert cosigners(attempt) == 2
    assert check(attempt, demands) == 0


def test_witness_down_is_pending_and_resume_completes_it_with_the_same_entry(
    stack: Stack, log: RekorV2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demands, attempt = policy(stack, log, tmp_path), new_attempt(stack, log, tmp_path)
    log.witnesses[1].server.kill()
    code, _, err = attempt.publish("--policy", str(demands))
    assert code == 5, err
    assert "recorded, but" in err
    assert "--resume" in err
    assert not (attempt.site / "release.json").exists()
    code, _, again = attempt.publish("--policy", str(demands), "--resume")
    assert code == 5, again
    log.witnesses[1].server.start()
    assert post(log.url, request(b"somebody else's entry, so that there is a next checkpoint"))[0] == 201
    before = len(entries(log))
    patient(monkeypatch, 100.0)
    code, err, others = publish_while_it_grows(attempt, log, "--policy", str(demands), "--resume")
    assert code == 0, err
    assert len(entries(log)) == before + others
    assert cosigners(attempt) == 2
    assert check(attempt, demands) == 0
    attempt_entries = sum(d in attempt.digests() for d in entries(log))
    assert attempt_entries == 1


def test_witness_that_comes_back_while_we_wait_is_enough(
    stack: Stack, log: RekorV2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch, 100.0)
    demands, attempt = policy(stack, log, tmp_path), new_attempt(stack, log, tmp_path)
    log.witnesses[0].server.kill()
    running = crash.start(lambda: attempt.publish("--policy", str(demands)))
    journal = attempt.folder / "home" / "journal"
    deadline = time.monotonic() + 60
    while not list(journal.glob("*/*/entry.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    log.witnesses[0].server.start()
    for number in itertools.count():
        if running.ended():
            break
        assert post(log.url, request(b"the next entry %d" % number))[0] == 201
    code, _, err = running.result()
    assert code == 0, err
    assert check(attempt, demands) == 0


def test_bundle_without_its_quorum_is_pending_for_who_demands_it_and_fine_for_who_does_not(
    stack: Stack, log: RekorV2, tmp_path: Path
) -> None:
    demands = policy(stack, log, tmp_path)
    log.witnesses[0].server.kill()
    attempt = cosigned(stack, log, tmp_path, 1)
    assert attempt.verify() == 0
    assert check(attempt, demands) == 5


def test_cosignature_of_a_key_that_the_policy_does_not_name_counts_for_nothing(
    stack: Stack, log: RekorV2, tmp_path: Path
) -> None:
    attempt = cosigned(stack, log, tmp_path, 2)
    with stack.new_log("stranger.stack.internal", witnesses=1) as stranger:
        pass  # only its witness' key is wanted
    swapped = log.tlog_policy().replace(log.witnesses[1].vkey, stranger.witnesses[0].vkey)
    assert check(attempt, policy(stack, log, tmp_path, swapped)) == 5
    one_is_enough = swapped.replace("group g all", "group g any")
    assert check(attempt, policy(stack, log, tmp_path, one_is_enough)) == 0
