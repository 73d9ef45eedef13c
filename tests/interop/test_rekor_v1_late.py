# SPDX-License-Identifier: Apache-2.0
"""A real Rekor v1 whose signer is down: it queues what it was sent, and integrates it much later.

By then the certificate may have expired. The same bytes are one entry there however often they are sent, so
what was sent is kept until it is found; where only the log's promise says when it was signed, a late entry
is worth nothing, and whoever publishes gives it up.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from anchor.app import publish as publishing
from anchor.cli import publish
from anchor.embedded.ca import LIFETIME
from anchor.format.release import load
from anchor.publish import interrupted
from anchor.signing.unlogged_signature import Prepared
from tests.interop.publication import Attempt, entries
from tests.interop.stack import documents
from tests.interop.stack.keys import Pki
from tests.interop.stack.process import Server
from tests.interop.stack.stack import Stack
from tests.interop.stack.trillian import RekorV1
from tests.interop.test_clients_agree import Signed, by_cosign, by_npm, by_sigstore, by_us
from tests.support.process.anchor_cli import anchor
from tests.support.servers import misleading_instance
from tests.support.servers.bad_server import Exchange, forward

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def signer(rekor_v1: RekorV1, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The process that integrates entries; it is killed."""
    monkeypatch.setattr(publishing, "SETTLE", 1.0)
    monkeypatch.setattr(publish, "BUDGET", 8.0)
    (found,) = [s for s in rekor_v1.trillian if "signer" in s.name]
    found.kill()
    yield found
    if found.ended():
        found.start()


def sent(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log takes the request and gives no answer. A busy machine may use up a short budget before the
    request is sent, so it gets a longer one then."""
    for budget in (8.0, 60.0):
        monkeypatch.setattr(publish, "BUDGET", budget)
        assert attempt.publish()[0] == 3
        if [left.step for left in interrupted.interrupted(attempt.folder / "home")] == ["sent"]:
            monkeypatch.setattr(publish, "BUDGET", 8.0)
            return
    pytest.fail("the request was not sent")


def without_stamps(document: Any) -> None:
    document["signingConfig"].pop("tsaUrls")
    document["signingConfig"].pop("tsaConfig")


def expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificates of all journals have expired."""
    monkeypatch.setattr(Prepared, "expires", PAST)


def started(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.start()
    monkeypatch.setattr(publish, "BUDGET", 180.0)
    monkeypatch.setattr(publishing, "SETTLE", 90.0)


@pytest.mark.slow  # it waits for a certificate to expire
def test_what_is_integrated_after_its_certificate_has_expired_is_one_entry_and_a_release(
    stack: Stack, rekor_v1: RekorV1, signer: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(stack, tmp_path / "queued", stack.instance(rekor_v1, name="queued"))
    before = len(entries(rekor_v1))
    sent(attempt, monkeypatch)
    expire(monkeypatch)
    code, _, err = attempt.publish()
    assert code == 3, err
    (left,) = interrupted.interrupted(attempt.folder / "home")
    assert (left.step, left.late) == ("sent", False)
    started(signer, monkeypatch)
    code, err, verified = attempt.again()
    assert (code, verified) == (0, 0), err
    attempt.check(rekor_v1)
    assert len(entries(rekor_v1)) == before + 1


@pytest.mark.slow  # it waits for a certificate to expire
def test_without_a_time_stamp_it_is_kept_and_listed_until_it_is_given_up(
    stack: Stack, rekor_v1: RekorV1, signer: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = stack.instance(rekor_v1, name="unstamped", change=without_stamps)
    attempt = Attempt(stack, tmp_path / "unstamped", instance)
    sent(attempt, monkeypatch)
    expire(monkeypatch)
    monkeypatch.setattr(publish, "BUDGET", 90.0)
    for more in ((), ("--resume",)):
        code, _, err = attempt.publish(*more)
        assert code == 3, err
        remedy = "it may still come into the log; --abandon gives it up and signs anew"
        assert remedy in err.splitlines()[-1]
    shown = anchor("status", "--root", attempt.site, "--home", attempt.folder / "home").err
    ways = "its certificate has expired, so look with --resume, or give it up with --abandon"
    assert ways in " ".join(shown.split())
    before = len(entries(rekor_v1))
    monkeypatch.setattr(publish, "BUDGET", 8.0)
    assert attempt.publish("--abandon")[0] == 3
    assert [i.abandoned for i in interrupted.interrupted(attempt.folder / "home")] == [True, False]
    started(signer, monkeypatch)
    code, err, verified = attempt.again()
    assert (code, verified) == (0, 0), err
    (orphan,) = interrupted.interrupted(attempt.folder / "home")
    assert (orphan.abandoned, orphan.log, orphan.step) == (True, rekor_v1.origin, "sent")
    assert "given up" in str(orphan)
    assert len(entries(rekor_v1)) == before + 2


def test_without_a_time_stamp_an_entry_that_came_in_time_completes_it(
    stack: Stack, rekor_v1: RekorV1, signer: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = stack.instance(rekor_v1, name="in-time", change=without_stamps)
    attempt = Attempt(stack, tmp_path / "in-time", instance)
    sent(attempt, monkeypatch)
    expire(monkeypatch)
    started(signer, monkeypatch)
    code, _, err = attempt.publish("--resume")
    assert (code, attempt.verify()) == (0, 0), err
    attempt.check(rekor_v1)


def in_rekor_v1(file: Path, log: RekorV1, pki: Pki) -> None:
    """The instance of this file, with another log."""
    document = json.loads(file.read_text())
    tlogs = documents.trusted_root(pki, [log.facts])["tlogs"]
    tlogs[0]["publicKey"]["validFor"]["start"] = "2020-01-01T00:00:00Z"  # also when the time stamp was made
    document["trustedRoot"]["tlogs"] = tlogs
    (service,) = document["signingConfig"]["rekorTlogUrls"]
    service["majorApiVersion"] = 1
    documents.write(file, document)


def test_promise_of_a_time_after_the_certificates_end_is_left_out_and_everybody_agrees(
    stack: Stack,
    rekor_v1: RekorV1,
    cosign: Path,
    npm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The certificate ends soon, and the log answers after that."""
    left, ends = timedelta(seconds=6), [0.0]

    def issued(request: bytes) -> bytes:
        ends[:] = [time.time() + left.total_seconds()]
        return past.authority.issue(request, past.mint())

    def slow(x: Exchange) -> None:
        if x.request().method == "POST":
            time.sleep(max(0.0, ends[0] + 1 - time.time()))
        forward(int(urlsplit(rekor_v1.url).port or 0))(x)

    with misleading_instance.world(tmp_path, monkeypatch, made=timedelta(hours=-1)) as world:
        past = world.shifted(left - LIFETIME)
        monkeypatch.setattr(publish, "BUDGET", 60.0)
        world.ca.behaviours[:] = [misleading_instance.answered(issued, status=201)]
        world.tsa.behaviours[:] = [
            misleading_instance.answered(past.timestamps.stamp, "application/timestamp-reply")
        ]
        world.log.behaviours[:] = [slow]
        in_rekor_v1(world.folder / "instance.json", rekor_v1, stack.pki)
        world.succeeds()
    folder = tmp_path / "site" / "release" / "1.0.0"
    release = load((folder / "release.json").read_bytes())
    (anchor_,) = release.anchors
    signed = Signed(
        file=folder / "ledger.md",
        bundle=folder / anchor_.bundle.path,
        root=folder / release.trusted_roots[0].path,
        identity=anchor_.identity,
        issuer=anchor_.issuer,
        config=tmp_path / "instance.json",
    )
    (entry,) = json.loads(signed.bundle.read_bytes())["verificationMaterial"]["tlogEntries"]
    assert "inclusionPromise" not in entry
    assert entry["kindVersion"] == {"kind": "dsse", "version": "0.0.1"}
    for client in (by_us, by_sigstore, by_cosign, by_npm):
        assert client(cosign, signed, signed.identity, signed.file), client.__name__
