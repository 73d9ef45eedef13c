# SPDX-License-Identifier: Apache-2.0
"""An older release in the place of a newer one: told at once, never over while it lasts, not even when the
records are lost; and what a person says when it was meant."""

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from anchor.format import release as release_file
from anchor.format.history_events import BundleSeen, ReleaseSeen, ReleaseShown
from anchor.records.tables import Anchor, Release
from anchor.records.writer import writing
from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.records.outcomes import opened
from tests.support.releases.published import LEDGER
from tests.support.servers.folder_server import FolderServer, serve_folder

RULE = ("--alarm-after", "3/12h")
"""The rule that damps what may pass."""


@pytest.fixture
def server(fresh: Attacked) -> Iterator[FolderServer]:
    """The site behind a CDN, seen good once."""
    with serve_folder(fresh.site.root) as running:
        fresh.target = f"{running.url}/release.json"
        assert fresh.found() is Class.OK
        yield running


def old(fresh: Attacked, version: str) -> bytes:
    """The release.json that was served when this version was the newest."""
    data = (fresh.site.root / "release" / version / "release.json").read_bytes()
    return release_file.dump(release_file.relocate(release_file.load(data), f"release/{version}/"))


def status(fresh: Attacked) -> Ran:
    return anchor("status", "--home", fresh.home, "--json")


def accept(fresh: Attacked, number: int) -> Ran:
    given = ("--number", number, "--reason", "a wrong table", "--home", fresh.home)
    return anchor("records", "accept", fresh.target, *given)


def test_a_rollback_is_one_in_every_run_and_its_alarm_is_not_damped(
    fresh: Attacked, server: FolderServer
) -> None:
    told: list[str] = []
    for version in ("1", "1", "2", "1"):
        server.bodies["release.json"] = old(fresh, version)
        before = fresh.hook.beats
        ran = fresh.run(*RULE, "--heartbeat", fresh.hook.beat)
        assert (ran.code, ran.document["verdict"]) == (3, "UNAVAILABLE"), ran.out
        assert f"release {version} is served where 3 was verified" in ran.out
        assert "anchor: no alarm yet" not in ran.err
        assert fresh.hook.beats == before
        assert status(fresh).code == 3
        told += fresh.told()
    server.bodies.clear()
    server.status = 503  # silence is no end of it
    assert fresh.run(*RULE, "--heartbeat", fresh.hook.beat).code == 3
    assert fresh.hook.beats == before
    assert status(fresh).code == 3
    assert told + fresh.told() == ["UNAVAILABLE"]
    server.status = 200
    assert fresh.run(*RULE, "--heartbeat", fresh.hook.beat).code == 0
    assert fresh.told() == ["recovered"]
    assert fresh.hook.beats == before + 1
    assert status(fresh).code == 0


def test_a_rollback_is_found_by_records_that_were_lost(fresh: Attacked, server: FolderServer) -> None:
    """Their mark has the highest number."""
    (fresh.home / "records.db").unlink()
    server.bodies["release.json"] = old(fresh, "1")
    for _ in range(2):
        ran = fresh.run()
        assert ran.code == 3
        assert "release 1 is served where 3 was accepted by the mark" in ran.out
    server.bodies.clear()
    assert fresh.found() is Class.OK


def test_a_rollback_is_found_after_a_release_of_a_stranger_under_another_policy(
    fresh: Attacked, server: FolderServer
) -> None:
    """The number that a stranger signs has no effect under this policy."""
    server.bodies["release.json"] = old(fresh, "1")
    with opened(f"sqlite:///{fresh.home}/records.db") as records, writing(records, 1) as writer:
        release = writer.connection.execute(sa.select(Release.__table__)).mappings().one()
        bundle = writer.connection.execute(sa.select(Anchor.__table__)).mappings().one()
        statement = writer.blob(b"{}")
        same = {name: release[name] for name in ("ledger", "root", "size")}
        writer.add(ReleaseSeen, number=9, version="9", statement=statement, **same)
        same = {name: bundle[name] for name in ("origin", "log_key", "log_index", "time")}
        writer.add(BundleSeen, statement=statement, bundle=bundle["bundle_sha256"], **same)
        writer.add(ReleaseShown, target=fresh.target, statement=statement)
    assert "release 1 is served where 3 was verified" in fresh.run().out
    server.bodies.clear()
    assert fresh.run().document["facts"]["best"]["number"] == 3


def test_a_rollback_that_was_meant(fresh: Attacked, server: FolderServer) -> None:
    server.bodies["release.json"] = old(fresh, "1")
    assert accept(fresh, 1).code == 2  # nobody has seen it yet
    assert fresh.found() is Class.UNAVAILABLE
    ran = accept(fresh, 1)
    assert ran.code == 0, ran.err
    assert "the number before was 3" in ran.out
    assert fresh.found() is Class.OK
    assert status(fresh).code == 0
    assert fresh.check() is Class.OK
    rows = [json.loads(line) for line in anchor("records", "export", "--home", fresh.home).out.splitlines()]
    (event,) = [r["event"] for r in rows if (r.get("event") or {}).get("kind") == "number-accepted"]
    assert (event["number"], event["reason"]) == (1, "a wrong table")
    assert "@" in event["who"]
    server.bodies["release.json"] = old(fresh, "2")
    assert fresh.found() is Class.OK
    server.bodies["release.json"] = old(fresh, "1")
    assert fresh.found() is Class.UNAVAILABLE  # it was not meant for ever


def test_an_old_version_at_its_own_place_is_no_rollback(fresh: Attacked) -> None:
    assert fresh.found() is Class.OK
    fresh.target = str(fresh.site.root / "release" / "1" / "release.json")
    assert fresh.found() is Class.OK
    assert fresh.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    assert fresh.found() is Class.OK


def test_records_lost_after_a_rollback_was_accepted_do_not_bring_the_higher_number_back(
    fresh: Attacked, server: FolderServer
) -> None:
    server.bodies["release.json"] = old(fresh, "1")
    assert fresh.found() is Class.UNAVAILABLE
    assert accept(fresh, 1).code == 0
    (fresh.home / "records.db").unlink()
    for _ in range(2):
        checks = fresh.run().document["checks"]
        assert {c["name"]: c["state"] for c in checks}["number"] == "passed"
