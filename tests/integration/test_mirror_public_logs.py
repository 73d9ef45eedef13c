# SPDX-License-Identifier: Apache-2.0
"""The tiles of a log that somebody else runs are kept with `--public-logs`, as far as they hash up."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchor.app import mirror_logs
from anchor.app.mirror_files import Traffic
from anchor.app.mirror_logs import MirroredLog, Wanted
from anchor.disk import mirror_folder
from anchor.encoding import to_base64
from anchor.net.budget import Budget
from anchor.net.log_sources import FolderSource
from anchor.sigstore import trusted_root as roots
from anchor.sigstore.trusted_root import LogKey
from anchor.tlog.follow import News, follow
from anchor.verify.policy import LogSource
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import ROOT
from tests.support.servers.log_server import LogServer, serve_logs

ORIGIN = "log2025-1.rekor.example.org"


def rekor(seed: int = 1) -> SimLog:
    return SimLog(origin=ORIGIN, seed=seed).grow(600)


def key_of(log: SimLog) -> LogKey:
    """The log as a trusted root names it."""
    root = json.loads((ROOT / "release/1.1.0/trusted_root.json").read_bytes())
    (entry,) = root["tlogs"]
    spki = log.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    entry["baseUrl"] = f"https://{ORIGIN}"
    entry["publicKey"]["rawBytes"] = to_base64(spki)
    entry["logId"]["keyId"] = entry["checkpointKeyId"]["keyId"] = to_base64(log.key.full_id)
    (found,) = roots.parse(json.dumps(root).encode()).tlogs
    return found


def run(
    server: LogServer, folder: Path, log: SimLog, *, public: bool = True, most: int = 1 << 30
) -> MirroredLog:
    place = LogSource(origin=ORIGIN, url=server.log_url("log"))
    wanted = Wanted(
        target="https://example.org/",
        tlogs=[key_of(log)],
        places=[place],
        base=Path(),
        heads={},
        public=public,
    )
    with mirror_folder.held(folder) as held:
        (found,) = mirror_logs.mirror(
            [ORIGIN], wanted, held, budget=Budget(60), offline=False, traffic=Traffic(most)
        )
        mirror_logs.put(found, held)
        held.forget_waiting()
    return found


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def test_it_is_kept_only_where_that_is_wanted(tmp_path: Path) -> None:
    log = rekor()
    with serve_logs(log=log) as server:
        found = run(server, tmp_path / "m", log, public=False)
        assert [c.state for c in found.checks] == ["skipped"]
        assert server.requests == 0
        found = run(server, tmp_path / "m", log)
        assert [c.state for c in found.checks] == ["passed"], found.checks
        assert found.size == 600
    kept = FolderSource(tmp_path / "m" / "release" / "log" / ORIGIN)
    again = follow(kept, log.log, held=[])
    assert again.news is News.FIRST
    assert again.reader is not None
    assert [again.reader.entry(n) for n in (0, 255, 256, 599)] == [log.stored[n] for n in (0, 255, 256, 599)]


def test_it_grows_by_what_is_new(tmp_path: Path) -> None:
    log = rekor()
    with serve_logs(log=log) as server:
        run(server, tmp_path / "m", log)
        server.since()
        log.grow(300)
        found = run(server, tmp_path / "m", log)
        assert found.size == 900
        # two partial tiles, and the full one of the proof; the bundle that became full, and a partial one
        assert server.since() == {"checkpoint": 1, "tile": 3, "entries": 2}


def test_another_history_and_a_log_that_does_not_fit_are_not_kept(tmp_path: Path) -> None:
    log = rekor()
    with serve_logs(log=log) as server:
        run(server, tmp_path / "m", log)
        server.logs["log"] = log.fork(300, 700)
        found = run(server, tmp_path / "m", log)
        assert len(found.evidence) == 1
        assert found.paths == []
        server.logs["log"] = rekor(seed=2)
        found = run(server, tmp_path / "m", log)
        assert "no checkpoint of this log" in found.checks[0].detail
        server.logs["log"] = log.grow(300)
        found = run(server, tmp_path / "m", log, most=5000)
        assert "more than 5000 bytes" in found.checks[0].detail
        assert found.paths == []
    head = (tmp_path / "m" / "release" / "log" / ORIGIN / "checkpoint").read_bytes()
    assert head == rekor().sign()
