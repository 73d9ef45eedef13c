# SPDX-License-Identifier: Apache-2.0
"""The commands over a real PostgreSQL, found by ANCHOR_DATABASE_URL."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.process import forked
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.records import postgres
from tests.support.records.outcomes import like, postgresql
from tests.support.releases.published import Site, published

__all__ = ["like", "postgresql"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("site"))


@pytest.fixture
def server(postgresql: str, like: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """New, empty records that every command finds by the environment."""
    url = postgres.new_database(postgresql, like=like)
    monkeypatch.setenv("ANCHOR_DATABASE_URL", url.replace("+psycopg", ""))  # as people write it
    return url


def reverify(site: Site, home: Path, *more: object) -> Ran:
    return anchor("reverify", "-v", site.release, "--policy", site.policy, "--home", home, *more)


def test_every_command_works_on_it(site: Site, server: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for _ in range(3):
        assert reverify(site, home, "--quiet").code == 0
    assert not (home / "records.db").exists()
    assert anchor("status", "--home", home).code == 0
    assert len(anchor("history", "--home", home).out.splitlines()) == 3
    assert anchor("records", "check", "--home", home, "--policy", site.policy).code == 0
    assert '"kind":"checkpoint-seen"' in anchor("records", "export", "--home", home).out
    assert anchor("records", "prune", "--older-than", "1d", "--home", home, "--json").document["pruned"] == 0


def test_an_edit_by_its_owner_is_noticed(site: Site, server: str, tmp_path: Path) -> None:
    assert reverify(site, tmp_path, "--quiet").code == 0
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.execute(sa.text("SET session_replication_role = replica"))
        connection.execute(sa.text("UPDATE checkpoints SET source = 'elsewhere'"))
    engine.dispose()
    assert anchor("records", "check", "--home", tmp_path).code == 8
    assert reverify(site, tmp_path).code == 8


def test_a_database_that_was_made_anew_is_noticed_once(
    site: Site, server: str, postgresql: str, tmp_path: Path
) -> None:
    assert reverify(site, tmp_path, "--quiet").code == 0
    name = sa.make_url(server).database
    engine = sa.create_engine(postgresql, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    ran = reverify(site, tmp_path)
    assert (ran.code, "put back to an older state" in ran.out) == (3, True)
    assert reverify(site, tmp_path).code == 0


def test_two_at_once_take_turns(site: Site, server: str, tmp_path: Path) -> None:
    words = ("reverify", site.release, "--policy", site.policy, "--quiet", "--wait", "60s")
    both = [forked.start(*words, "--home", tmp_path / str(n)) for n in range(2)]
    assert [one.wait(120) for one in both] == [0, 0]
    for one in both:
        one.stdout.close()
    lines = anchor("history", "--home", tmp_path).out.splitlines()
    assert [line.split()[1] for line in lines] == ["OK", "OK"]


def test_a_server_that_is_gone_is_unavailable_in_one_line(site: Site, tmp_path: Path) -> None:
    gone = "postgresql://anchor:hunter2@127.0.0.1:1/records"
    ran = reverify(site, tmp_path, "--database", gone)
    assert ran.code == 3
    assert "hunter2" not in ran.line
