# SPDX-License-Identifier: Apache-2.0
"""Each line of docs/attacks.md in four acts: lie, lie again, restart and lie, honest again.

Who lies goes on when people were told, meets a watcher that was restarted, and then ends it. The table says
for each act the class, the exit code, what is stored and who was told. It is one for SQLite and PostgreSQL.
"""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.support.attacks.acts import OK, Attack, Play, observed
from tests.support.attacks.attacked import Hook
from tests.support.attacks.table import ELSEWHERE, TABLE
from tests.support.process.anchor_cli import ROOT
from tests.support.records import postgres
from tests.support.records.outcomes import like, postgresql  # noqa: F401 - fixtures
from tests.support.releases.published import LEDGER, Site, published

OTHER = LEDGER.replace("| A | 1 |", "| A | 9 |")


def lines() -> dict[str, list[str]]:
    """The first table of docs/attacks.md: its cells by the first of them. Others name their tests."""
    text = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8").partition("\n## ")[0]
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"]
    return {cells[0]: cells[1:] for cells in rows[2:]}


@pytest.fixture(scope="session")
def tongues(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    """One publisher: two statements of release 1, and a release 2 after the second. And a stranger."""
    base = tmp_path_factory.mktemp("tongues")
    one = published(base)
    one.forget()
    two = Site(base / "two", one.home, one.policy)
    ran = two.publish(OTHER)
    assert ran.code == 0, ran.err
    later = Site(base / "later", one.home, one.policy)
    shutil.copytree(two.root, later.root)
    ran = later.publish(OTHER + "| D | 4 |\n", "2.0.0")
    assert ran.code == 0, ran.err
    stranger = published(tmp_path_factory.mktemp("stranger"), OTHER)
    return {"one": one, "two": two, "later": later, "stranger": stranger}


@pytest.fixture
def play(
    webhook: Hook,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Play]:
    """A watcher of a site, with empty records."""
    attack, engine = request.getfixturevalue("attack"), request.getfixturevalue("engine")
    database = ""
    if engine == "postgresql":
        named = request.getfixturevalue("like")
        database = postgres.new_database(request.getfixturevalue("postgresql"), like=named)
    sites = {}
    if attack.world == "site":
        site = request.getfixturevalue("three_releases").copy(tmp_path)
    else:
        sites = request.getfixturevalue("tongues")
        site = Site(tmp_path / "site", sites["one"].home, sites["one"].policy)
        shutil.copytree(sites["one"].root, site.root)
    webhook.titles()
    found = Play(tmp_path, site, webhook, patch=monkeypatch, database=database, sites=sites)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + found.offset)
    with found.stack:
        yield found
    webhook.taking = 200


def first_of_its_kind(attack: Attack, engine: str) -> bool:
    """On SQLite the first row of each line; on PostgreSQL the first row of each class."""
    if engine == "sqlite":
        return attack is next(one for one in TABLE if one.line == attack.line)
    return attack is next(one for one in TABLE if one.both and one.acts[0].found is attack.acts[0].found)


def marks(attack: Attack, engine: str) -> list[pytest.MarkDecorator]:
    """The marks of a row: a known fault is expected to fail, and a repeated row is slow."""
    fault = [pytest.mark.xfail(strict=True, reason=attack.fault)] if attack.fault else []
    return fault if first_of_its_kind(attack, engine) else [*fault, pytest.mark.slow]


PLAYED = [
    pytest.param(attack, engine, id=f"{attack.name}, {engine}", marks=marks(attack, engine))
    for attack in TABLE
    for engine in ("sqlite", "postgresql")
    if engine == "sqlite" or attack.both
]


@pytest.mark.parametrize(("attack", "engine"), PLAYED)
def test_an_attack_in_four_acts(attack: Attack, engine: str, play: Play) -> None:
    """On this engine, which `play` has."""
    if attack.seen:
        assert play.watch().code == 0
        assert play.told() == []
    attack.scene(play)
    play.told()
    for number, wanted in enumerate(attack.acts, 1):
        act, ran = observed(play, attack, number)
        assert act == wanted, (f"act {number}", ran.out, ran.err)


def test_each_line_is_played_or_says_where() -> None:
    played = {attack.line for attack in TABLE}
    assert played | set(ELSEWHERE) == set(lines())
    assert not played & set(ELSEWHERE)


@pytest.mark.parametrize("attack", TABLE, ids=[attack.name for attack in TABLE])
def test_a_row_agrees_with_its_line(attack: Attack) -> None:
    found, codes, _, told = lines()[attack.line]
    lies, last = attack.acts[:3], attack.acts[3]
    classes = {Class(word) for word in re.findall(r"\b[A-Z]{2,}\b", found) if word in set(Class)}
    if classes and not re.search(r"its class|own class|then as", found):
        assert {act.found for act in attack.acts} - {OK} <= classes
        assert lies[0].found in classes or "then" in found
    if codes:
        passing = {0} if "once" in found else set()
        assert {act.found.exit_code for act in lies} - passing <= {int(code) for code in codes.split(", ")}
    if told.startswith("at once"):
        assert lies[0].told
    if told.startswith("N/T"):
        assert bool(lies[0].told) is (attack.rule == "1/0")
        assert any(act.told for act in lies) or "once" in found or "then as" in found
    if told == "nobody":
        assert not any(act.told for act in attack.acts)
    if "no recovery" in told:
        assert "recovered" not in last.told
