# SPDX-License-Identifier: Apache-2.0
"""Whoever signs in a watched name hides it: behind other releases, other runs, other logs and outages.

A finding stays until a release, a status or the policy explains its entry. Each test plays the thief's next
step after the theft, or the preparation before it.
"""

import contextlib
import shutil
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from anchor.app import records
from anchor.app.reverify import ReleaseVerifier
from anchor.records import queue
from anchor.tlog.tile_reader import TileReader
from anchor.verdict import Class
from tests.attacks.test_names import bundles_gone, check, fact, watch
from tests.attacks.test_names_over_time import SHARD, listed
from tests.attacks.test_status_history import renew, withdraw
from tests.support.attacks.attacked import Attacked, dump, log_of
from tests.support.forge.named import body, digest_of, own_certificate, thief
from tests.support.logs.simlog import SimLog
from tests.support.process import crash
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.releases.published import LEDGER, NAME

FINDINGS = Class.FINDINGS


@pytest.fixture
def robbed(attacked: Attacked) -> Attacked:
    """A watcher who was told of a theft."""
    watch(attacked)
    attacked.serve(attacked.log.append(thief(attacked.site.home).entry()))
    assert attacked.found() is FINDINGS
    assert attacked.told() == ["FINDINGS"]
    return attacked


def test_a_certificate_that_outlives_its_authority_is_certified(fresh: Attacked) -> None:
    """The thief has the authority's key, and so chooses the certificate's validity."""
    watch(fresh)
    certificate = own_certificate(
        fresh.site.home, datetime(1990, 1, 1, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC)
    )
    fresh.serve(fresh.log.append(body(certificate, digest_of(b"a statement that nobody published"))))
    assert fresh.found() is FINDINGS


def test_a_release_that_somebody_else_signed_explains_nothing(fresh: Attacked) -> None:
    """The thief publishes under his own name, the watcher follows that too, and then he signs it in ours."""
    other, file = fresh.folder / "other", fresh.folder / "b.md"
    file.write_text(LEDGER.replace("| C | 3 |", "| C | 9 |"))
    words = ("--name", NAME, "--version", "9", "--root", other, "--home", fresh.folder / "thief")
    ran = anchor("publish", file, *words)
    assert ran.code == 0, ran.err
    policy = fresh.folder / "b.toml"
    policy.write_text(ran.out)
    ran = anchor("reverify", other, "--policy", policy, "--home", fresh.home, "--json")
    assert ran.code == 0, ran.out
    (statement,) = other.glob("release/*/statement.json")
    watch(fresh)
    fresh.serve(fresh.log.append(thief(fresh.site.home).entry(statement.read_bytes())))
    assert fresh.found() is FINDINGS


@pytest.mark.parametrize("which", ["release", "status"])
@pytest.mark.parametrize("when", ["at once", "after a renewal", "with lost records"])
def test_a_known_statement_that_is_signed_again_is_told(fresh: Attacked, which: str, when: str) -> None:
    """With the time of today, a status from before a withdrawal looks as if it were the newest."""
    renew(fresh.site)
    value = fresh.site.value
    named = value["status"]["statement"] if which == "status" else value["statement"]
    known = (fresh.site.root / named["path"]).read_bytes()
    if when == "after a renewal":
        fresh.serve(log_of(fresh.site))
        watch(fresh)
        assert fresh.found() is Class.OK
        withdraw(fresh.site, "2")
    watch(fresh)
    log = log_of(fresh.site)
    fresh.serve(log)
    assert fresh.found() is Class.OK
    fresh.serve(log.append(thief(fresh.site.home).entry(known)))
    if when == "with lost records":
        shutil.rmtree(fresh.home)
    ran = fresh.run()
    assert ran.code == 9
    assert f"entry {log.size - 1} by" in check(ran, "names in")["detail"]
    assert fact(ran)["unexplained"] == 1


def test_a_finding_stays_while_the_site_is_down(robbed: Attacked) -> None:
    away = robbed.folder / "away"
    shutil.move(robbed.site.release, away)
    for _ in range(2):
        ran = robbed.run()
        assert check(ran, "names in")["state"] == "refused"
        assert ran.code == 9
    shutil.move(away, robbed.site.release)
    assert robbed.found() is FINDINGS


def test_a_finding_stays_while_the_log_is_down(robbed: Attacked) -> None:
    shutil.rmtree(robbed.served)
    for _ in range(2):
        ran = robbed.run()
        assert check(ran, "names in")["state"] == "refused"
        assert ran.code == 9


def test_a_finding_stays_if_the_watched_names_change_and_the_log_hides_it(robbed: Attacked) -> None:
    bundles_gone(robbed.log, 0)
    watch(robbed, '\n[[watched_identity]]\nidentity = "b@example.org"\nissuer = "https://b.example"\n')
    robbed.serve(robbed.log)
    ran = robbed.run()
    assert check(ran, "names in")["state"] == "refused"
    assert fact(ran)["unexplained"] == 1


def test_a_finding_stays_if_its_log_is_trusted_no_more(attacked: Attacked) -> None:
    shard = SimLog(origin=SHARD, seed=5).append(thief(attacked.site.home).entry())
    dump(shard, attacked.folder / "shard")
    place = f'log = "{SHARD}"\n\n[[log]]\norigin = "{SHARD}"\nfolder = "{attacked.folder / "shard"}"\n'
    watch(attacked, place)
    before = attacked.site.policy.read_text()
    listed(attacked, (shard, SHARD))
    watch(attacked, place)
    assert attacked.found() is FINDINGS
    attacked.site.policy.write_text(before)
    attacked.write_policy()
    ran = attacked.run()
    assert check(ran, f"names in {SHARD}")["state"] == "refused"
    assert ran.code == 9


def test_a_target_that_never_runs_delays_a_finding_once(fresh: Attacked) -> None:
    fresh.serve(fresh.log)
    assert fresh.found() is Class.OK
    with records.opened(fresh.home, None, create=True) as database:
        queue.watch(database, "https://never.example/", now=time.time())
    watch(fresh)
    fresh.serve(fresh.log.append(thief(fresh.site.home).entry()))
    states = [check(fresh.run(), "names in")["state"] for _ in range(3)]
    assert states == ["skipped", "refused", "refused"]


def test_a_slow_log_leaves_time_to_the_others(attacked: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs one log of several answers so slowly that a run reads no other one."""
    shard = SimLog(origin=SHARD, seed=5).append(thief(attacked.site.home).entry()).grow(600)
    dump(shard, attacked.folder / "shard")
    listed(attacked, (shard, SHARD))
    place = f'\n[[log]]\norigin = "{SHARD}"\nfolder = "{attacked.folder / "shard"}"\n'
    watch(attacked, f'log = "{SHARD}"\n\n[[watch]]\n{place}')
    attacked.serve(attacked.log.grow(256 * 20))
    read = TileReader.bundle
    time = 0.0

    def slow(self: TileReader, index: int) -> list[bytes]:
        nonlocal time
        time += 30
        return read(self, index)

    monkeypatch.setattr(TileReader, "bundle", slow)
    monkeypatch.setattr(ReleaseVerifier, "stopwatch", lambda _: time)
    ran = attacked.run()
    assert fact_of(ran, attacked.log.origin)["read"] < 256 * 5
    assert ran.code == 9
    assert "entry 0 by" in check(ran, f"names in {SHARD}")["detail"]


def fact_of(ran: Ran, origin: str) -> Any:
    (found,) = [f for f in ran.document["facts"]["names"] if f["origin"] == origin]
    return found


@sampled(20)
def test_killed_at_any_operation_a_theft_is_told(fresh: Attacked, every: int) -> None:
    """The run that finds it is killed: the next one finds it too, and somebody is told."""
    watch(fresh)
    fresh.serve(fresh.log.grow(300).append(thief(fresh.site.home).entry()).grow(30))

    def run() -> str:
        return str(fresh.run().document["verdict"])

    counting = Killer(watched=(fresh.folder,))
    assert crash.forked(run, killer=counting) == "FINDINGS"
    fresh.told()
    for number, torn in crash.points(counting)[::every]:
        shutil.rmtree(fresh.home)
        crash.forked(run, killer=Killer(at=number, torn=torn))
        ran = fresh.run()
        assert (ran.code, check(ran, "names in")["state"]) == (9, "refused"), (number, torn)
        assert fact(ran)["read"] == 334
        assert fresh.check() is Class.OK
        with contextlib.closing(sqlite3.connect(fresh.home / "records.db")) as db, db:
            db.execute(
                "UPDATE deliveries SET next_ms = 0"
            )  # a minute later, after an attempt that was killed
        fresh.run()
        assert "FINDINGS" in fresh.told(), (number, torn)
