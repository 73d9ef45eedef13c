# SPDX-License-Identifier: Apache-2.0
"""The watch of whole logs over years: what explains entries, other logs, killed runs, and a blind watch."""

import hashlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchor.app.reverify import ReleaseVerifier
from anchor.encoding import to_base64
from anchor.verdict import Class
from anchor.verify.name_matcher import Found, NameMatcher
from tests.attacks.test_names import check, fact, watch
from tests.attacks.test_status_history import follow, renew, withdraw
from tests.support.attacks.attacked import Attacked, dump, log_of
from tests.support.forge.named import thief
from tests.support.logs.simlog import SimLog
from tests.support.process import forked
from tests.support.process.anchor_cli import anchor
from tests.support.servers.log_server import serve_logs

FINDINGS = Class.FINDINGS
SHARD = "log2027-1.rekor.example"


def test_a_late_watcher_explains_releases_and_statuses_by_the_chain(fresh: Attacked) -> None:
    for _ in range(2):
        renew(fresh.site)
    withdraw(fresh.site, "2")
    assert fresh.site.publish("| Label | Value |\n|---|---|\n| E | 5 |\n", "4").code == 0
    follow(fresh)
    watch(fresh)
    ran = fresh.run()
    assert ran.code == 0, ran.out
    assert fact(ran)["unexplained"] == 0
    assert fact(ran)["read"] == log_of(fresh.site).size > 6
    with sqlite3.connect(fresh.home / "records.db") as db:
        assert db.execute("SELECT COUNT(*) FROM named_entries").fetchone() == (0,)


def test_an_earlier_release_that_cannot_be_read_leaves_it_open(fresh: Attacked) -> None:
    watch(fresh)
    file = fresh.site.root / "release" / "1" / "release.json"
    shutil.move(file, fresh.folder / "away")
    ran = fresh.run()
    said = check(ran, "names in")
    assert (ran.code, said["state"]) == (3, "unknown")
    assert "entry 0 by" in said["detail"]
    assert "earlier releases may explain that" in said["detail"]
    shutil.move(fresh.folder / "away", file)
    assert fresh.found() is Class.OK


def test_a_chain_is_read_back_once_for_a_finding_that_stands(
    fresh: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        renew(fresh.site)
    log = log_of(fresh.site).append(thief(fresh.site.home).entry())
    watch(fresh)
    fresh.serve(log)
    asked: list[int] = []
    whole = ReleaseVerifier.earlier_status

    def counted(self: ReleaseVerifier, target: str, sequence: int, digest: str) -> bytes:
        asked.append(sequence)
        return whole(self, target, sequence, digest)

    monkeypatch.setattr(ReleaseVerifier, "earlier_status", counted)
    for _ in range(3):
        assert fresh.found() is FINDINGS
    assert asked == [2, 1]
    fresh.serve(log.append(thief(fresh.site.home).entry(b"another one")))
    assert fresh.found() is FINDINGS
    assert asked == [2, 1] * 2


def test_another_ledger_in_the_same_log_is_explained_once_it_is_watched(fresh: Attacked) -> None:
    other = fresh.folder / "other"
    file = fresh.folder / "b.md"
    file.write_text("| Label | Value |\n|---|---|\n| X | 1 |\n")
    words = ("--name", "b", "--version", "1", "--root", other, "--home", fresh.site.home)
    ran = anchor("publish", file, *words)
    assert ran.code == 0, ran.err
    policy = fresh.folder / "b.toml"
    policy.write_text(ran.out)
    fresh.serve(log_of(replace(fresh.site, root=other)))
    watch(fresh)
    assert fresh.found() is FINDINGS
    assert fresh.told() == ["FINDINGS"]
    ran = anchor("reverify", other, "--policy", policy, "--home", fresh.home, "--json")
    assert ran.code == 0, ran.out
    assert fresh.found() is Class.OK
    assert fresh.told() == ["recovered"]


def test_nothing_is_judged_before_each_target_had_a_run(fresh: Attacked) -> None:
    (fresh.folder / "second").mkdir()
    second = fresh.site.copy(fresh.folder / "second")
    log = fresh.log.append(thief(fresh.site.home).entry())
    watch(fresh)
    fresh.serve(log)
    fresh.more = [str(second.release)]
    assert fresh.run().code == 9
    exported = anchor("records", "export", "--home", fresh.home).out
    events = [json.loads(line).get("event") or {} for line in exported.splitlines()]
    checks = [c for e in events for c in e.get("checks", []) if c["name"].startswith("names in ")]
    first, then = checks
    assert (first["state"], then["state"]) == ("skipped", "refused")
    assert "not judged before the first run of" in first["detail"]
    fresh.more = []
    assert fresh.found() is FINDINGS


def listed(attacked: Attacked, *logs: tuple[SimLog, str], start: str = "2026-01-01T00:00:00Z") -> None:
    """The verifier's trusted root has these logs too."""
    pinned = attacked.site.policy.read_text()
    own = attacked.folder / "root.json"
    root = json.loads((own if own.exists() else attacked.site.path("trusted_root")).read_bytes())
    for log, host in logs:
        spki = log.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key_id = to_base64(log.key.full_id)
        root["tlogs"].append(
            {
                "baseUrl": f"https://{host}",
                "hashAlgorithm": "SHA2_256",
                "logId": {"keyId": key_id},
                "checkpointKeyId": {"keyId": key_id},
                "publicKey": {
                    "rawBytes": to_base64(spki),
                    "keyDetails": "PKIX_ED25519",
                    "validFor": {"start": start},
                },
            }
        )
    own.write_text(json.dumps(root))
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    line = f'trusted_root = [{{ path = "{own}", sha256 = "{digest}" }}]'
    text = "\n".join(line if t.startswith("trusted_root") else t for t in pinned.splitlines())
    attacked.site.policy.write_text(text + "\n")
    attacked.write_policy()


def test_a_log_without_a_release_of_ours_is_watched_if_the_policy_names_it(attacked: Attacked) -> None:
    forged = thief(attacked.site.home)
    shard = SimLog(origin=SHARD, seed=5).grow(300).append(forged.entry()).grow(20)
    folder = attacked.folder / "shard"
    dump(shard, folder)
    place = f'\n[[log]]\norigin = "{SHARD}"\nfolder = "{folder}"\n'
    watch(attacked, place)
    assert attacked.found() is Class.OK  # no trusted root lists it: no verifier would accept its entries
    listed(attacked, (shard, SHARD))
    ran = attacked.run()
    assert ran.code == 0
    assert check(ran, "names elsewhere")["detail"] == f"trusted, and not followed whole: {SHARD}"
    watch(attacked, f'log = "{SHARD}"\nfrom = 100\n{place}')
    ran = attacked.run()
    assert ran.code == 9
    assert "entry 300 by" in check(ran, f"names in {SHARD}")["detail"]
    assert "entries 100 to 320 of 321 read, without a gap" in check(ran, f"coverage of {SHARD}")["detail"]
    assert "no [[watch]] for it" in check(ran, f"names in {attacked.log.origin}")["detail"]


def test_a_shard_that_begins_later_is_read_without_a_table(attacked: Attacked) -> None:
    forged = thief(attacked.site.home)
    first = SimLog(origin="log2026-1.rekor.example", seed=4).grow(10)
    later = SimLog(origin=SHARD, seed=5).append(forged.entry())
    places = ""
    for log, name in ((first, "first"), (later, "later")):
        dump(log, attacked.folder / name)
        places += f'\n[[log]]\norigin = "{log.origin}"\nfolder = "{attacked.folder / name}"\n'
    listed(attacked, (first, first.origin), start="2025-01-01T00:00:00Z")
    watch(attacked, f'log = "{first.origin}"\n{places}')
    assert attacked.found() is Class.OK
    listed(attacked, (later, SHARD))
    watch(attacked, f'log = "{first.origin}"\n{places}')
    ran = attacked.run()
    assert ran.code == 9
    assert "entry 0 by" in check(ran, f"names in {SHARD}")["detail"]


def test_a_log_that_is_not_there_is_told(attacked: Attacked) -> None:
    watch(attacked, f'log = "{SHARD}"\n')
    ran = attacked.run()
    assert ran.code == 3
    assert "today's trust names no such log" in check(ran, f"log {SHARD}")["detail"]


@pytest.mark.parametrize("kills", [1, 3])
def test_a_run_that_ends_in_the_middle_loses_nothing(
    fresh: Attacked, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    watch(fresh)
    fresh.serve(fresh.log.grow(700).append(thief(fresh.site.home).entry()).grow(700))
    whole = NameMatcher.find
    for n in range(kills):

        def killed(self: NameMatcher, bodies: Sequence[bytes], first: int, *, at: int = n) -> Found:
            if first >= 300 * (at + 1):
                raise KeyboardInterrupt
            return whole(self, bodies, first)

        monkeypatch.setattr(NameMatcher, "find", killed)
        assert fresh.run().code not in (0, 9)
    monkeypatch.setattr(NameMatcher, "find", whole)
    ran = fresh.run()
    assert ran.code == 9
    assert "entries 0 to 1403 of 1404 read, without a gap" in check(ran, "coverage")["detail"]
    assert "entry 703 by" in check(ran, "names in")["detail"]


def test_the_requests_of_a_run_that_is_killed_count(fresh: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that restarts again and again keeps within its requests, too."""
    watch(fresh, "requests = 120\n")
    fresh.serve(fresh.log.grow(256 * 200))
    whole = NameMatcher.find

    def killed(self: NameMatcher, bodies: Sequence[bytes], first: int) -> Found:
        if first >= 256 * 105:
            raise KeyboardInterrupt
        return whole(self, bodies, first)

    monkeypatch.setattr(NameMatcher, "find", killed)
    assert fresh.run().code not in (0, 9)
    monkeypatch.setattr(NameMatcher, "find", whole)
    ran = fresh.run()
    assert 0 < fact(ran)["read"] <= 256 * 22
    assert fact(fresh.run())["read"] == fact(ran)["read"]


class Halting(SimLog):
    """A log that does not answer for its third bundle of entries until it is free."""

    reached = threading.Event()
    free = threading.Event()

    def entries(self, index: int, width: int) -> bytes:
        if index == 2:
            self.reached.set()
            assert self.free.wait(60)
        return super().entries(index, width)


def test_a_run_that_is_killed_loses_nothing(fresh: Attacked) -> None:
    honest = fresh.log
    log = Halting(honest.stored, origin=honest.origin)
    log.private = honest.private
    log.grow(700).append(thief(fresh.site.home).entry()).grow(700)
    with serve_logs(log=log) as server:
        watch(fresh)
        policy = fresh.folder / "watched.toml"
        place = f'\n[[log]]\norigin = "{log.origin}"\nurl = "{server.log_url("log")}"\n'
        policy.write_text(fresh.site.policy.read_text() + place)
        words = ("reverify", fresh.target, "--policy", policy, "--home", fresh.home, "--json")
        for _ in range(2):
            log.reached.clear()
            child = forked.start(*words)
            assert log.reached.wait(60)
            child.kill()
            child.wait(60)
            child.stdout.close()
        log.free.set()
        ran = anchor(*words)
    assert ran.code == 9
    assert "entries 0 to 1403 of 1404 read, without a gap" in check(ran, "coverage")["detail"]
    assert "entry 703 by" in check(ran, "names in")["detail"]
    assert fresh.check() is Class.OK


def test_a_watch_that_finds_nothing_is_broken(fresh: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(fresh)
    monkeypatch.setattr(NameMatcher, "find", lambda _self, _bodies, _first: Found())
    ran = fresh.run()
    assert (ran.code, ran.document["verdict"]) == (70, "ERROR")
    assert "our own entry 2 is not found" in check(ran, "own entry")["detail"]


def test_a_forged_ledger_stays_invalid_beside_the_watch(fresh: Attacked) -> None:
    watch(fresh)
    fresh.serve(fresh.log.append(thief(fresh.site.home).entry()))
    path = fresh.site.path("ledger.md")
    path.write_bytes(path.read_bytes().replace(b"| B | 2 |", b"| B | 9 |"))
    ran = fresh.run()
    assert (ran.code, ran.document["verdict"]) == (8, "INVALID")
    assert check(ran, "names in")["state"] == "unknown"  # nothing was verified that could explain it
    assert not [c for c in ran.document["checks"] if c["name"].startswith("own entry")]
    path.write_bytes(path.read_bytes().replace(b"| B | 9 |", b"| B | 2 |"))
    assert fresh.found() is FINDINGS


def test_a_theft_is_told_although_no_records_can_be_reached(fresh: Attacked) -> None:
    watch(fresh)
    fresh.serve(fresh.log.grow(256 * 70).append(thief(fresh.site.home).entry()))
    ran = fresh.run("--database", "postgresql://u:hunter2@127.0.0.1:1/x")
    assert ran.code == 9
    assert "entry 17923 by" in check(ran, "names in")["detail"]
    assert fresh.told() == ["FINDINGS"]


def test_metrics_and_status_have_the_coverage(fresh: Attacked) -> None:
    watch(fresh)
    fresh.serve(fresh.log.grow(5).append(thief(fresh.site.home).entry()))
    textfile = fresh.folder / "metrics.prom"
    assert fresh.found("--metrics-file", textfile) is FINDINGS
    text = textfile.read_text()
    for name, value in (("read", 9), ("unread", 0), ("gaps", 0), ("unexplained", 1), ("claimed", 0)):
        assert f'anchor_names_{name}{{origin="{fresh.log.origin}"}} {value}.0' in text
    shown = anchor("status", "--home", fresh.home).out
    assert "entries 0 to 8 of 9 read, without a gap; 1 that nothing explains" in shown
    assert log_of(fresh.site).size == 3
