# SPDX-License-Identifier: Apache-2.0
"""Heads of records in PostgreSQL, from two homes at once; and a head that witnesses cosigned."""

import itertools
import json
from pathlib import Path

import sqlalchemy as sa

from anchor.app import records
from anchor.format import history_head
from anchor.records import anchored_heads
from tests.support.process.anchor_cli import anchor, apart
from tests.support.records import anchored, postgres
from tests.support.records.anchored import Kept
from tests.support.records.outcomes import postgresql  # noqa: F401 - a fixture
from tests.support.releases import published
from tests.support.releases.published import Site
from tests.support.releases.witnessed import introduce
from tests.support.servers.witness_server import Witness, serving


def test_two_homes_at_one_database_anchor_one_line_of_heads(
    postgresql: str,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    site = published.published(tmp_path)
    url = postgres.new_database(postgresql)
    homes = [Kept(site, tmp_path / name) for name in ("one", "two")]
    words = ("--policy", site.policy, "--database", url)
    for turn in range(3):
        assert anchor("reverify", site.release, *words, "--home", homes[turn % 2].home).code == 0
        done = homes[turn % 2].anchor("--database", url)
        assert done.code == 0, done.err
        again = homes[1 - turn % 2].anchor("--database", url)
        assert (again.code, "nothing is new" in again.out) == (0, True)
    with records.opened(homes[0].home, url, create=True) as database:
        heads = anchored_heads.now(database).heads
    assert len(heads) == 3
    for one, two in itertools.combinations(heads, 2):
        assert history_head.contradiction(one, two) == ""


def test_while_one_process_anchors_the_database_of_another_home_waits(
    postgresql: str,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    site = published.published(tmp_path)
    url = postgres.new_database(postgresql)
    kept = Kept(site, tmp_path / "one")
    words = ("--policy", site.policy, "--database", url, "--home", kept.home)
    assert anchor("reverify", site.release, *words).code == 0
    with records.opened(kept.home, url, create=True) as database, database.anchoring():
        done = apart("records", "anchor", "--home", tmp_path / "two", "--database", url)
        assert done.code == 3, done.err
        assert "another process is anchoring" in done.err
    engine = sa.create_engine(url)
    with engine.connect() as connection:  # whoever died holds nothing
        here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        asked = sa.text(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND {here}")
        locks = connection.execute(asked).scalar()
    engine.dispose()
    assert locks == 0
    assert kept.anchor("--database", url).code == 0


def test_a_head_that_witnesses_cosigned_is_told_as_evidence(tmp_path: Path) -> None:
    kept = anchored.kept(tmp_path)
    assert anchor("instance", "init", "--home", kept.home).code == 0
    with serving(Witness("one.example"), Witness("two.example")) as two:
        introduce(Site(kept.site.root, kept.home, kept.site.policy), two, "2")
        done = kept.anchor("--json")
    assert done.code == 0, done.err
    (log,) = json.loads(done.out)["logs"]
    assert log["independence"]["witnessed"] is True
    assert [w["name"] for w in log["independence"]["witnesses"]] == ["one.example", "two.example"]
    assert kept.check() == 0
