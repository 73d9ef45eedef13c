# SPDX-License-Identifier: Apache-2.0
"""Heads of the records in real logs: recorded once though answers are lost, and verified by cosign."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.app import publish
from anchor.format import history_head
from anchor.publish import interrupted
from anchor.records import anchored_heads
from tests.interop.publication import TYPE, Between, entries
from tests.interop.stack.stack import Log, Stack
from tests.interop.test_clients_agree import call
from tests.support.records import anchored
from tests.support.records.anchored import Kept


@pytest.fixture(autouse=True)
def _settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log here has taken a request before it is looked for, or will never get it: none is on its way."""
    monkeypatch.setattr(publish, "SETTLE", 0.3)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return anchored.kept(tmp_path)


@pytest.fixture(params=["v2", "v1"])
def log(stack: Stack, request: pytest.FixtureRequest) -> Log:
    found: Log = stack.log if request.param == "v2" else request.getfixturevalue("rekor_v1")
    return found


@pytest.fixture
def between(log: Log) -> Iterator[Between]:
    made = Between(log.url)
    yield made
    made.front.stop()


@pytest.fixture
def token(stack: Stack, tmp_path: Path) -> Path:
    found = tmp_path / "token"
    found.write_text(stack.oidc.token())
    return found


def bundles(kept: Kept) -> tuple[bytes, ...]:
    with kept.opened() as database, database.read() as connection:
        held = anchored_heads.last(connection)
    assert held is not None
    return held.bundles


def found(log: Log, statement: bytes) -> int:
    """How many entries of a log are for a statement: its payload (v1), or its PAE (v2)."""
    pae = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE, len(statement), statement)
    digests = {hashlib.sha256(x).hexdigest() for x in (statement, pae)}
    return sum(d in digests for d in entries(log))


def test_cosign_verifies_a_head_against_its_checkpoint(
    stack: Stack, log: Log, kept: Kept, cosign: Path, token: Path, tmp_path: Path
) -> None:
    instance = stack.instance(log, name=f"head-{log.origin}")
    done = kept.anchor("--instance", instance, "--instance", "embedded", "--identity-token-file", token)
    assert done.code == 0, done.err
    (statement,) = kept.heads()
    assert found(log, statement) == 1
    head = history_head.decode(statement)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(history_head.checkpoint(head.origin, head.size, head.root))
    other = tmp_path / "other"
    other.write_bytes(history_head.checkpoint(head.origin, head.size + 1, head.root))
    theirs = tmp_path / "root.json"
    theirs.write_text(json.dumps(json.loads(Path(instance).read_text())["trustedRoot"]))
    own = kept.home / "instance" / "trusted_root.json"
    assert len(bundles(kept)) == 2
    for number, data in enumerate(bundles(kept)):
        bundle = tmp_path / f"bundle-{number}.json"
        bundle.write_bytes(data)
        (root,) = (one for one in (own, theirs) if accepted(cosign, bundle, one, checkpoint))
        assert not accepted(cosign, bundle, root, other)


def accepted(cosign: Path, bundle: Path, root: Path, file: Path) -> bool:
    return not call(
        cosign, "verify-blob-attestation", "--bundle", bundle, "--trusted-root", root,
        "--type", history_head.PREDICATE_TYPE, "--certificate-identity-regexp", ".*",
        "--certificate-oidc-issuer-regexp", ".*", file, env={"HOME": str(root.parent)},
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["swallow", "blind"])
def test_a_log_that_is_down_or_whose_answer_is_lost_gets_one_entry(
    stack: Stack, log: Log, between: Between, kept: Kept, token: Path, mode: str
) -> None:
    """The command fails, and comes again when the log is back; the records grow in between."""
    instance = stack.instance(log, name=f"down-{mode}-{log.origin}", log_url=between.front.url)
    between.mode = mode
    done = kept.anchor("--instance", instance, "--identity-token-file", token)
    assert done.code == 3, done.err
    assert kept.heads() == []
    assert kept.reverify().code == 0
    between.mode = "pass"
    token.write_text(stack.oidc.token())
    done = kept.anchor("--instance", instance, "--identity-token-file", token)
    assert done.code == 0, done.err
    first = kept.heads()[-1]
    assert found(log, first) == 1
    assert interrupted.interrupted(kept.home) == []
    assert kept.reverify().code == 0
    done = kept.anchor("--instance", instance, "--identity-token-file", token)
    assert done.code == 0, done.err
    second = kept.heads()[0]
    assert history_head.contradiction(first, second) == ""
    assert found(log, second) == 1


def test_a_log_that_nobody_reaches_signs_nothing_and_the_embedded_one_waits(
    stack: Stack, log: Log, kept: Kept, token: Path
) -> None:
    instance = stack.instance(log, name=f"gone-{log.origin}", log_url="http://127.0.0.1:9")
    words = ("--instance", "embedded", "--instance", instance, "--identity-token-file", token)
    assert kept.anchor(*words).code == 3
    assert kept.heads() == []
    assert kept.reverify().code == 0
    done = kept.anchor()  # without that log the head is completed with its bytes
    assert done.code == 0, done.err
    assert len(kept.bodies()) == len(kept.heads()) == 1


def test_a_log_that_may_have_it_is_named_again_or_given_up(
    stack: Stack, log: Log, between: Between, kept: Kept, token: Path, tmp_path: Path
) -> None:
    instance = stack.instance(log, name=f"left-{log.origin}", log_url=between.front.url)
    between.mode = "swallow"
    words = ("--instance", instance, "--identity-token-file", token)
    assert kept.anchor(*words).code == 3
    other = kept.copy(tmp_path / "other")
    done = kept.anchor()
    assert done.code == 2, done.err
    assert "--instance" in done.err
    assert "--abandon" in done.err
    given_up = other.anchor("--abandon")
    assert given_up.code == 0, given_up.err
    assert len(other.bodies()) == len(other.heads()) == 1
    between.mode = "pass"
    token.write_text(stack.oidc.token())
    done = kept.anchor(*words, "--instance", "embedded")
    assert done.code == 0, done.err
    assert kept.heads() == other.heads()  # the same bytes, and so no contradiction
    assert found(log, kept.heads()[0]) == len(kept.bodies()) == 1
