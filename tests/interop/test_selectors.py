# SPDX-License-Identifier: Apache-2.0
"""A signing config that asks for several services gets several, never fewer: ALL and EXACT are not ANY."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor.cli import publish
from anchor.format.release import load
from anchor.publish import interrupted
from tests.interop.publication import Attempt, entries
from tests.interop.stack import documents
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.stack import NewLog, Stack
from tests.interop.test_clients_agree import Signed, by_cosign, by_npm, by_sigstore, by_us
from tests.support.servers import misleading_instance


@pytest.fixture
def second(new_log: NewLog) -> RekorV2:
    return new_log("selected.stack.internal")


def asking(second: RekorV2 | None = None, stamps: int = 1, tsa: str = "") -> Callable[[Any], None]:
    """Another log, and so many time stamps, also of the operator at this URL (by default the first one's)."""

    def change(document: Any) -> None:
        config = document["signingConfig"]
        if second is not None:
            (listed,) = config["rekorTlogUrls"]
            config["rekorTlogUrls"].append({**listed, "url": second.url, "operator": "other"})
            config["rekorTlogConfig"] = {"selector": "ALL"}
        (first,) = config["tsaUrls"]
        config["tsaUrls"].append({**first, "operator": "other", "url": tsa or first["url"]})
        config["tsaConfig"] = {"selector": "EXACT", "count": stamps}

    return change


@pytest.fixture
def other_tsa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """Another time-stamp authority: its URL, and how a trusted root names it."""
    (tmp_path / "other").mkdir()
    with misleading_instance.world(tmp_path / "other", monkeypatch) as world:
        monkeypatch.setattr(publish, "BUDGET", 60.0)
        document = json.loads((world.folder / "instance.json").read_bytes())
        yield document["signingConfig"]["tsaUrls"][0]["url"], document["trustedRoot"]["timestampAuthorities"]


def test_all_logs_have_a_bundle_each_with_all_stamps_and_everybody_agrees(
    stack: Stack,
    second: RekorV2,
    other_tsa: tuple[str, Any],
    cosign: Path,
    npm: Path,
    tmp_path: Path,
) -> None:
    def change(document: Any) -> None:
        asking(second, 2, other_tsa[0])(document)
        document["trustedRoot"]["timestampAuthorities"] += other_tsa[1]

    instance = stack.instance(stack.log, second, name="selectors", change=change)
    attempt = Attempt(stack, tmp_path / "selectors", instance)
    code, _, err = attempt.publish()
    assert (code, attempt.verify()) == (0, 0), err
    release = load((attempt.site / "release.json").read_bytes())
    assert [a.log.origin for a in release.anchors] == sorted([stack.log.origin, second.origin])
    for log in (stack.log, second):
        assert sum(d in attempt.digests() for d in entries(log)) == 1
    root = attempt.site / release.trusted_roots[0].path
    config = documents.client_trust_config(json.loads(root.read_text()), stack.signing_config())
    for one in release.anchors:
        path = attempt.site / one.bundle.path
        material = json.loads(path.read_bytes())["verificationMaterial"]
        assert len(material["timestampVerificationData"]["rfc3161Timestamps"]) == 2
        signed = Signed(
            file=attempt.site / "release/1.0.0/ledger.md",
            bundle=path,
            root=root,
            identity=one.identity,
            issuer=one.issuer,
            config=documents.write(tmp_path / "config.json", config),
        )
        for client in (by_us, by_sigstore, by_cosign, by_npm):
            assert client(cosign, signed, signed.identity, signed.file), client.__name__


def test_one_of_all_logs_down_is_pending_and_the_same_command_completes_it(
    stack: Stack, second: RekorV2, tmp_path: Path
) -> None:
    instance = stack.instance(stack.log, second, name="all-down", change=asking(second))
    attempt = Attempt(stack, tmp_path / "all-down", instance)
    second.front.stop()
    code, _, err = attempt.publish()
    assert code == 5, err
    assert f"PENDING: log {second.url}" in err
    assert attempt.verify() == 0


def test_fewer_than_exactly_asked_for_is_usage_and_nothing_is_sent(stack: Stack, tmp_path: Path) -> None:
    instance = stack.instance(name="too-few", change=asking(stamps=3))
    attempt = Attempt(stack, tmp_path / "too-few", instance)
    code, out, err = attempt.publish()
    assert (code, out) == (2, "")
    assert "2 usable time-stamp authority, 3 wanted (EXACT)" in err
    assert not (attempt.site / "release").exists()


def test_one_of_two_stamps_that_does_not_come_leaves_the_log_alone(stack: Stack, tmp_path: Path) -> None:
    before = stack.log.size()
    nowhere = stack.instance(name="half", change=asking(stamps=2, tsa="http://127.0.0.1:1/stamp"))
    attempt = Attempt(stack, tmp_path / "half", nowhere)
    code, _, err = attempt.publish()
    assert code == 3, err
    assert "time-stamp authority http://127.0.0.1:1/stamp" in err
    assert stack.log.size() == before


def test_two_operators_with_one_authority_are_one(stack: Stack, tmp_path: Path) -> None:
    """Its second stamp makes nothing surer, and the npm client takes it for a copy."""
    before = stack.log.size()
    attempt = Attempt(stack, tmp_path / "one", stack.instance(name="one", change=asking(stamps=2)))
    code, _, err = attempt.publish()
    assert code == 2, err
    assert "2 time-stamp authorities are asked for, and 1 answered" in err
    assert stack.log.size() == before
    assert interrupted.interrupted(attempt.folder / "home") == []
