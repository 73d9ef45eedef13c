# SPDX-License-Identifier: Apache-2.0
"""A theft in a part of a log that the watch has not read yet: the log ends, goes back, or damages what lies
before it. The coverage says what was never read, and whatever can still be read is read."""

import hashlib
import json
import shutil
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest

from anchor.tlog import tiles
from anchor.verdict import Class
from tests.attacks.test_names import bundles_gone, check, fact, watch
from tests.attacks.test_names_over_time import SHARD, listed
from tests.support.attacks.attacked import Attacked, dump, retire
from tests.support.forge.named import thief
from tests.support.logs.simlog import SimLog


def end_shard(attacked: Attacked) -> None:
    """The verifier's trusted root now says that the last log in it ended an hour ago."""
    own = attacked.folder / "root.json"
    root = json.loads(own.read_bytes())
    end = datetime.now(UTC) - timedelta(hours=1)
    root["tlogs"][-1]["publicKey"]["validFor"]["end"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    before = hashlib.sha256(own.read_bytes()).hexdigest()
    own.write_text(json.dumps(root))
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    attacked.site.policy.write_text(attacked.site.policy.read_text().replace(before, digest))
    attacked.write_policy()


def test_a_shard_that_is_gone_before_it_was_read_is_never_good(attacked: Attacked) -> None:
    """The thief signs at the end of a shard. It is rotated, and taken down, before the watch comes to him."""
    shard = SimLog(origin=SHARD, seed=5).grow(1200).append(thief(attacked.site.home).entry()).grow(700)
    folder = attacked.folder / "shard"
    dump(shard, folder)
    listed(attacked, (shard, SHARD))
    place = f'\n[[log]]\norigin = "{SHARD}"\nfolder = "{folder}"\n'
    watch(attacked, f'log = "{SHARD}"\nrequests = 2\n{place}')
    assert attacked.found() is Class.OK
    end_shard(attacked)
    assert attacked.found() is Class.OK  # its last head is seen after its end
    shutil.move(folder, attacked.folder / "archive")
    for _ in range(2):
        ran = attacked.run()
        said = check(ran, f"coverage of {SHARD}")
        assert (ran.code, said["state"], said["demotes"]) == (3, "unknown", "UNAVAILABLE")
        assert "entries 0 to 511 of 1901 read" in said["detail"]
        assert "the log has ended and is no longer served" in said["detail"]
        assert check(ran, f"log {SHARD}")["state"] == "skipped"
    shutil.move(attacked.folder / "archive", folder)
    watch(attacked, f'log = "{SHARD}"\n{place}')
    assert "entry 1200 by" in check(attacked.run(), f"names in {SHARD}")["detail"]
    shutil.rmtree(folder)
    watch(attacked, f'log = "{SHARD}"\n{place}')
    assert check(attacked.run(), f"coverage of {SHARD}")["state"] == "skipped"  # everything was read


def test_a_shard_that_was_never_read_is_counted_by_the_head_that_is_held(attacked: Attacked) -> None:
    """Another identity is watched after the log was taken down: nothing was read for it."""
    shard = SimLog(origin=SHARD, seed=5).grow(20)
    folder = attacked.folder / "shard"
    dump(shard, folder)
    listed(attacked, (shard, SHARD))
    end_shard(attacked)
    place = f'\n[[log]]\norigin = "{SHARD}"\nfolder = "{folder}"\n'
    watch(attacked, f'log = "{SHARD}"\n{place}')
    assert attacked.found() is Class.OK
    shutil.rmtree(folder)
    other = '\n[[watched_identity]]\nidentity = "b@example.org"\nissuer = "https://b.example"\n'
    watch(attacked, f'log = "{SHARD}"\n{place}{other}')
    ran = attacked.run()
    assert ran.code == 3
    assert "no entry of 20 read; the log has ended" in check(ran, f"coverage of {SHARD}")["detail"]


def test_an_old_head_makes_no_smaller_log(fresh: Attacked) -> None:
    """The log goes back while the watch reads: what it had shown before is still not read."""
    log = fresh.log.grow(1200).append(thief(fresh.site.home).entry()).grow(700)
    watch(fresh, "requests = 2\n")
    fresh.serve(log)
    assert fresh.found() is Class.OK
    (fresh.served / "checkpoint").write_bytes(log.sign(1000))
    older = log.rewind(1000)
    for tile in tiles.right_edge(1000):
        path = fresh.served / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(older.tile(tile.level, tile.index, tile.width))
    partial = fresh.served / tiles.entries_path(3, 1000 % 256)
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.write_bytes(older.entries(3, 1000 % 256))
    watch(fresh)
    for _ in range(2):
        ran = fresh.run()
        assert ran.code == 3
        assert "old head served: size 1000, but 1904 is held; consistent" in check(ran, "log ")["detail"]
        assert "entries 0 to 999 of 1904 read" in check(ran, "coverage")["detail"]
        assert (fact(ran)["size"], fact(ran)["read"], fact(ran)["whole"]) == (1904, 1000, False)
    fresh.serve(log)
    assert "entry 1203 by" in check(fresh.run(), "names in")["detail"]


@pytest.mark.parametrize("gone", [True, False])
def test_what_lies_behind_damaged_bundles_is_read(fresh: Attacked, gone: bool) -> None:
    """Five bundles in a row that do not hash up, also behind one that is gone, hide nothing that follows."""
    log = fresh.log.grow(256 * 7 - 3).append(thief(fresh.site.home).entry()).grow(300)
    for index in range(2, 7):
        start = 256 * index
        bad = [b"another", *log.stored[start + 1 : start + 256]]
        log.tampered[tiles.entries_path(index, 256)] = tiles.dump_bundle(bad)
    if gone:
        bundles_gone(log, 1)
    watch(fresh)
    fresh.serve(log)
    ran = fresh.run()
    assert f"entry {256 * 7} by" in check(ran, "names in")["detail"]
    assert f"not read: {256 if gone else 512} to 1791" in check(ran, "coverage")["detail"]
    assert check(ran, "coverage")["state"] == "unknown"
    assert fact(ran)["read"] == log.size - 256 * (6 if gone else 5)


def test_a_log_whose_end_came_before_the_watch_did_not_grow_after_it(
    fresh: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle of the release has an older head. It is read after the end, and no log served it then."""
    log = fresh.log.grow(1200)
    retire(fresh, days=30)
    fresh.serve(log)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60 * 86400)
    for _ in range(3):
        assert fresh.found() is Class.OK
    with sqlite3.connect(fresh.home / "records.db") as db:  # as earlier programs wrote it
        db.execute(
            "INSERT INTO sightings (id, last_ms) SELECT id, seen_ms FROM checkpoints WHERE source = 'bundle'"
        )
        assert db.total_changes
    assert fresh.found() is Class.OK
    fresh.serve(log.grow(1))
    for _ in range(3):
        assert "grew from 1203 to 1204 after its end" in check(fresh.run(), "log ")["detail"]
