# SPDX-License-Identifier: Apache-2.0
"""An older status in the place of a newer one, none at all, a second one, and one that lost an entry: told at
once, never over while it lasts, not even after a restart or when the records are lost."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor.encoding import jcs
from anchor.format import ledger_status as statuses
from anchor.format import release as releases
from anchor.format.members import Previous
from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked, log_of
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.chained import publish_status
from tests.support.releases.published import Site, published
from tests.support.servers.folder_server import FolderServer, serve_folder

FIRST = "first.json"
"""Where the CDN keeps the release.json with the first status."""
RULE = ("--alarm-after", "3/12h")
"""The rule that damps what may pass."""


def renew(site: Site) -> None:
    ran = anchor("renew", site.root, "--home", site.home)
    assert ran.code == 0, ran


def withdraw(site: Site, version: str, *words: object) -> None:
    given = ("--release", version, "--kind", "withdrawn", "--reason", "measured twice", "--home", site.home)
    ran = anchor("withdraw", site.root, *given, *words)
    assert ran.code == 0, ran


def follow(fresh: Attacked) -> None:
    """The log as the site's publisher serves it now."""
    fresh.serve(log_of(fresh.site))


def in_place(site: Site) -> bytes:
    return Path(site.root, site.value["status"]["statement"]["path"]).read_bytes()


@pytest.fixture
def server(fresh: Attacked) -> Iterator[FolderServer]:
    """The site with two statuses behind a CDN, seen good once; `bodies` then says what the CDN serves."""
    renew(fresh.site)
    first = fresh.site.release.read_bytes()
    renew(fresh.site)
    follow(fresh)
    with serve_folder(fresh.site.root) as running:
        fresh.target = f"{running.url}/release.json"
        assert fresh.found() is Class.OK
        running.bodies[FIRST] = first
        yield running


def without(fresh: Attacked) -> bytes:
    """The release.json without its status, as it was before there was one."""
    own = releases.load((fresh.site.root / "release" / "3" / "release.json").read_bytes())
    return releases.dump(releases.relocate(own, "release/3/"))


def line(ran: Ran) -> str:
    (found,) = (c for c in ran.document["checks"] if c["name"] == "status-history")
    return str(found["detail"])


def test_an_older_status_or_none_is_a_rollback_in_every_run(fresh: Attacked, server: FolderServer) -> None:
    told: list[str] = []
    for body, words in (
        (server.bodies[FIRST], "status 1 is served where status 2 was verified"),
        (without(fresh), "no status that counts is served where status 2 was verified"),
        (without(fresh), "no status that counts is served where status 2 was verified"),
    ):
        server.bodies["release.json"] = body
        ran = fresh.run(*RULE)
        assert (ran.code, ran.document["verdict"]) == (3, "UNAVAILABLE"), ran.out
        assert words in line(ran)
        assert "anchor: no alarm yet" not in ran.err
        assert anchor("status", "--home", fresh.home).code == 3
        told += fresh.told()
    assert told == ["UNAVAILABLE"]
    del server.bodies["release.json"]
    assert fresh.found() is Class.OK
    assert fresh.told() == ["recovered"]


def test_a_rollback_is_found_by_records_that_were_lost(fresh: Attacked, server: FolderServer) -> None:
    """Their mark has the highest sequence."""
    (fresh.home / "records.db").unlink()
    for body in (server.bodies[FIRST], without(fresh)):
        server.bodies["release.json"] = body
        ran = fresh.run()
        assert ran.code == 3, ran.out
        assert "where status 2 was verified before" in line(ran)
    del server.bodies["release.json"]
    assert fresh.found() is Class.OK
    assert fresh.check() is Class.OK


def test_a_withdrawal_is_told_once_and_so_is_the_next_one(fresh: Attacked, server: FolderServer) -> None:
    fresh.told()
    withdraw(fresh.site, "3", "--fact", 0)
    follow(fresh)
    ran = fresh.run()
    assert (ran.code, ran.document["verdict"]) == (11, "WITHDRAWN"), ran.out
    assert fresh.told() == ["WITHDRAWN"]
    assert any("new in status 3: fact 0 of release 3 is withdrawn" in n for n in ran.document["notes"])
    renew(fresh.site)
    follow(fresh)
    assert fresh.found() is Class.WITHDRAWN
    assert fresh.told() == []  # the same again as of now
    withdraw(fresh.site, "3", "--fact", 1)
    follow(fresh)
    assert fresh.found() is Class.WITHDRAWN
    assert fresh.told() == ["WITHDRAWN"]
    assert anchor("status", "--home", fresh.home).code == 11
    history = anchor("history", "--home", fresh.home).out
    assert "WITHDRAWN" in history
    metrics = fresh.folder / "anchor.prom"
    assert fresh.run("--metrics-file", metrics).code == 11
    assert f'anchor_withdrawn{{target="{fresh.target}"}} 2.0' in metrics.read_text()
    withdraw(fresh.site, "2")  # an older release: said, and no class of this one
    follow(fresh)
    assert any("release 2 is withdrawn" in n for n in fresh.run().document["notes"])


def evidence(fresh: Attacked) -> Path:
    (found,) = (fresh.home / "evidence").glob("*.json")
    return found


def judged(fresh: Attacked, file: Path) -> int:
    return anchor("verify-evidence", file, "--policy", fresh.site.policy).code


def test_two_statuses_of_one_sequence_are_an_equivocation_for_ever(fresh: Attacked) -> None:
    renew(fresh.site)
    follow(fresh)
    assert fresh.found() is Class.OK
    kept = fresh.folder / "kept"
    shutil.copytree(fresh.site.root, kept)
    value = json.loads(in_place(fresh.site))
    value["predicate"]["withdrawn"] = [entry(fresh)]
    publish_status(fresh.site, jcs(value))
    follow(fresh)
    fresh.told()
    ran = fresh.run()
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION"), ran.out
    assert fresh.told() == ["EQUIVOCATION"]
    assert judged(fresh, evidence(fresh)) == 6
    fresh.site.release.unlink()
    assert fresh.found() is Class.EQUIVOCATION  # kept, whatever is served, or nothing
    shutil.rmtree(fresh.site.root)
    kept.rename(fresh.site.root)
    assert fresh.found() is Class.EQUIVOCATION
    (fresh.home / "records.db").unlink()
    assert fresh.found() is Class.EQUIVOCATION  # out of the file of evidence


def test_an_entry_that_vanished_is_an_equivocation(fresh: Attacked) -> None:
    withdraw(fresh.site, "2")
    follow(fresh)
    assert fresh.found() is Class.OK
    before = in_place(fresh.site)
    named = statuses.decode(before).newest
    for sequence in (2, 4):  # the next one, and a later one whose neighbours nobody has seen
        clean = statuses.Status(
            ledger=statuses.decode(before).ledger, sequence=sequence, previous=digest(before), newest=named
        )
        publish_status(fresh.site, statuses.encode(clean))
        follow(fresh)
        ran = fresh.run()
        assert ran.code == 6, ran.out
    assert all(judged(fresh, file) == 6 for file in (fresh.home / "evidence").glob("*.json"))


def following(before: bytes, *entries: dict[str, Any]) -> bytes:
    """A status after this one whose list is what the liar wants, whatever the one before has."""
    value = json.loads(before)
    value["predicate"] |= {"sequence": value["predicate"]["sequence"] + 1, "previous": digest(before)}
    value["predicate"].pop("withdrawn", None)
    if entries:
        value["predicate"]["withdrawn"] = list(entries)
    return jcs(value)


def test_an_entry_that_came_and_went_between_two_reads_is_found(
    fresh: Attacked, server: FolderServer
) -> None:
    """Who came in between was told of it. The two ends that this watch saw agree."""
    with_it = following(in_place(fresh.site), entry(fresh))
    publish_status(fresh.site, with_it)
    without_it = following(with_it)
    publish_status(fresh.site, without_it)
    publish_status(fresh.site, following(without_it))
    follow(fresh)
    fresh.told()
    ran = fresh.run()
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION"), ran.out
    words = "a status before status 5 contradicts what its publisher signed"
    assert any(words in check["detail"] for check in ran.document["checks"])
    assert fresh.told() == ["EQUIVOCATION"]
    assert judged(fresh, evidence(fresh)) == 6
    assert fresh.found() is Class.EQUIVOCATION


def test_a_step_of_the_chain_that_is_missing_or_swapped_is_pending(
    fresh: Attacked, server: FolderServer
) -> None:
    """Nobody can see what it said, also after a newer status is served, until it is there again."""
    for _ in range(3):
        renew(fresh.site)
    follow(fresh)
    statement = fresh.site.root / "release" / "status" / "4" / "statement.json"
    kept = statement.read_bytes()
    fresh.told()
    statement.unlink()
    for change in (None, (statement.parents[1] / "3" / "statement.json").read_bytes(), b"no JSON"):
        if change is not None:
            statement.write_bytes(change)
        ran = fresh.run()
        assert (ran.code, ran.document["verdict"]) == (5, "PENDING"), ran.out
        (found,) = (c["detail"] for c in ran.document["checks"] if c["name"] == "status-chain")
        assert "status 4 cannot be read, so statuses 2 to 4 are not compared" in found
    assert fresh.told() == ["PENDING"]
    renew(fresh.site)
    follow(fresh)
    assert fresh.found() is Class.PENDING
    statement.write_bytes(kept)
    assert fresh.found() is Class.OK
    assert fresh.told() == ["recovered"]
    server.asked.clear()
    assert fresh.found() is Class.OK
    assert not [path for path in server.asked if "release/status/" in path and "/6/" not in path]


def test_a_status_that_names_another_statement_for_a_release_that_was_seen(fresh: Attacked) -> None:
    assert fresh.found() is Class.OK
    newest = json.loads(fresh.site.release.read_bytes())
    value = statuses.Status(
        ledger=newest["ledger"]["name"],
        sequence=1,
        previous=None,
        newest=Previous(number=3, version="3", statement=newest["statement"]["sha256"]),
        withdrawn=(statuses.Entry(number=3, statement="00" * 32, kind="withdrawn", reason="x"),),
    )
    publish_status(fresh.site, statuses.encode(value))
    follow(fresh)
    ran = fresh.run()
    assert ran.code == 6, ran.out
    assert judged(fresh, evidence(fresh)) == 6


def test_evidence_that_shows_nothing(fresh: Attacked) -> None:
    renew(fresh.site)
    follow(fresh)
    assert fresh.found() is Class.OK
    value = json.loads(in_place(fresh.site))
    value["predicate"]["withdrawn"] = [entry(fresh)]
    publish_status(fresh.site, jcs(value))
    follow(fresh)
    assert fresh.run().code == 6
    good = json.loads(evidence(fresh).read_bytes())
    one, two = good["statements"]
    for changed in (
        {**good, "statements": [one, one]},
        {**good, "statements": [one]},
        {**good, "ledger": "another"},
        {**good, "statements": [{**one, "bundles": two["bundles"]}, two]},
        {**good, "statements": [{**one, "bundles": []}, two]},
        {**good, "more": 1},
    ):
        file = fresh.folder / "changed.json"
        file.write_bytes(jcs(changed))
        assert judged(fresh, file) == 8, changed.keys()
    (fresh.folder / "changed.json").write_text(json.dumps(good))
    assert judged(fresh, fresh.folder / "changed.json") == 8
    assert anchor("verify-evidence", evidence(fresh)).code == 2
    described = anchor("inspect", evidence(fresh))
    assert (described.code, "contradict each other" in described.out) == (0, True)


def test_a_status_by_somebody_else_is_no_status(fresh: Attacked, server: FolderServer) -> None:
    """In the log of a stranger it counts as none; in a log that is trusted it is refused."""
    (fresh.folder / "stranger").mkdir()
    stranger = published(fresh.folder / "stranger")
    before = in_place(fresh.site)
    third = statuses.encode(statuses.following(before, statuses.decode(before).newest))
    publish_status(fresh.site, third, home=stranger.home)
    ran = fresh.run()
    assert (ran.code, ran.document["verdict"]) == (3, "UNAVAILABLE"), ran.out
    assert "no status that counts is served where status 2 was verified" in line(ran)
    publish_status(fresh.site, third, identity="somebody@else.example")
    follow(fresh)
    assert fresh.found() is Class.INVALID
    publish_status(fresh.site, third)
    follow(fresh)
    assert fresh.found() is Class.OK


def entry(fresh: Attacked) -> dict[str, Any]:
    version = json.loads((fresh.site.root / "release" / "2" / "release.json").read_bytes())
    statement = version["statement"]["sha256"]
    return {"number": 2, "statement": statement, "kind": "withdrawn", "reason": "measured twice"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
