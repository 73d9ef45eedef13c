# SPDX-License-Identifier: Apache-2.0
"""A kind of log that does not exist: its class and two lines are all that verifying and following need."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from anchor import log_kinds
from anchor.app.log_locations import LogLocations, RunBudget
from anchor.encoding import to_base64
from anchor.log_kinds.kind import Body, Signed
from anchor.log_kinds.tiled import TiledLog
from anchor.monitor.entries import prove
from anchor.monitor.interfaces import HeldCheckpoint, Unproven
from anchor.monitor.log import follow_log
from anchor.monitor.log_client import RequestCounter
from anchor.monitor.observed import Entry
from anchor.monitor.run_record import Evidence
from anchor.net import logs
from anchor.net.logs.network import StaticTiles
from anchor.sigstore import trusted_root
from anchor.sigstore.bundle import LogEntry
from anchor.tlog import tiles
from anchor.verify.anchors import Trust
from anchor.verify.policy import LogSource, Policy
from anchor.verify.report import BundleReport
from tests.support.forge import bundles
from tests.support.forge.logs import Log, root_of
from tests.support.forge.whole import WHO, failed, verified

ORIGIN = "one.slate.example"


class Slate(TiledLog):
    """Static tiles, with an entry of its own."""

    name = "slate"
    title = "slate"
    forms = (("slate", "7"),)

    def rebuild(self, entry: LogEntry, signed: Signed, where: str) -> list[Body]:
        return [{"chalk": signed.message.digest("sha256").hex(), "by": to_base64(signed.bundle.signature)}]

    def has_origin(self, origin: str) -> bool:
        return origin.endswith(".slate.example")


class SlateNetwork(StaticTiles):
    kind = Slate()


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_kinds, "KINDS", (SlateNetwork.kind, *log_kinds.KINDS))
    monkeypatch.setattr(logs, "NETWORKS", (SlateNetwork(), *logs.NETWORKS))


def chalk(body: dict[str, Any]) -> None:
    """The body of Rekor v2 as this log writes it."""
    was = body["spec"]["hashedRekordV002"]
    digest = base64.b64decode(was["data"]["digest"]).hex()
    body |= {
        "kind": "slate",
        "apiVersion": "7",
        "spec": {"chalk": digest, "by": was["signature"]["content"]},
    }


def made(log: Log, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A bundle with an entry in the log, and the trusted root that names it."""

    def form(entry: dict[str, Any]) -> None:
        entry["kindVersion"] = {"kind": "slate", "version": "7"}

    recipe = bundles.V2.but(**{"log": lambda: log, "body": chalk, "entry": form, **changes})
    root = bundles.trusted_root(lambda r: r["tlogs"].append(bundles.log_instance(log)))
    return bundles.make(recipe), root


def served(log: Log, index: int, body: bytes, folder: Path) -> None:
    """The log as static tiles of one partial width. All entries except one are those of `Log.fill`."""
    size = len(log.leaves)
    entries = [body if i == index else f"{log.origin} other {i}".encode() for i in range(size)]
    for path, data in {
        "checkpoint": log.note(bundles.V2.head).encode(),
        tiles.Tile(0, 0, size).path: b"".join(log.leaves),
        tiles.entries_path(0, size): b"".join(len(e).to_bytes(2) + e for e in entries),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


class Nothing:
    """Records that hold nothing (`monitor.interfaces.LogMemory`)."""

    def held(self, log_key: str, origin: str, size: int) -> tuple[HeldCheckpoint, ...]:
        return ()

    def stood(self, log_key: str, origin: str, *, after: float, until: float) -> None:
        return None

    def unproven(self, log_key: str, origin: str) -> Unproven:
        return Unproven()

    def knows(self, origin: str, size: int, root: bytes) -> bool:
        return False

    def contradictions(self, origin: str) -> tuple[Evidence, ...]:
        return ()

    def preserve(self, seen: object, evidence: object) -> None:
        raise AssertionError


@pytest.fixture
def log() -> Log:
    return bundles.v2_log("slate", ORIGIN)


@pytest.mark.usefixtures("registered")
def test_a_bundle_in_a_log_of_a_new_kind_verifies(log: Log) -> None:
    bundle, root = made(log)
    report = verified(bundle, root=root)
    assert report.ok, failed(report)
    assert report.logs[0].kind == "slate 7"


@pytest.mark.usefixtures("registered")
def test_its_body_is_rebuilt_and_compared(log: Log) -> None:
    def other(body: dict[str, Any]) -> None:
        chalk(body)
        body["spec"]["chalk"] = "00" * 32

    bundle, root = made(log, body=other)
    assert failed(verified(bundle, root=root)) == ["log-entry"]


def test_without_its_registration_the_form_is_unknown(log: Log) -> None:
    bundle, root = made(log)
    assert failed(verified(bundle, root=root)) == ["log-entry"]


@pytest.mark.usefixtures("registered")
def test_such_a_log_is_followed_from_the_bundle_to_its_head(log: Log, tmp_path: Path) -> None:
    bundle, root = made(log)
    report: BundleReport = verified(bundle, root=root)
    (fact,) = report.logs
    assert fact.checkpoint is not None
    log.fill(9)
    served(log, fact.index, fact.body, tmp_path / "tiles")
    policy = Policy(ledger="l", signers=WHO, logs=(LogSource(origin=ORIGIN, folder="tiles"),))
    trust = Trust(policy=policy, raw=[], root=trusted_root.parse(json.dumps(root).encode()))
    location = LogLocations(tmp_path, tmp_path / "cache", RunBudget(5)).find(ORIGIN, "release", trust, None)
    assert location is not None
    run = follow_log(location, Nothing(), now=0.0, requests=RequestCounter())
    assert run.head is not None
    assert run.head.root == root_of(log.leaves)
    entry = Entry(origin=ORIGIN, index=fact.index, body=fact.body, checkpoint=fact.checkpoint)
    finding = prove(run, Nothing(), entry)
    assert [c.state for c in finding.result.checks] == ["passed", "passed"], finding.result.checks
    assert finding.entry is not None
