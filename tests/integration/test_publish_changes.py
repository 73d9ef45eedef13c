# SPDX-License-Identifier: Apache-2.0
"""`anchor publish` shows what differs from the release before, and a dry run shows the same."""

from pathlib import Path

import pytest

from tests.support.releases.published import LEDGER, NAME, Site, published

NEXT = LEDGER.replace("| B | 2 |", "| B | 3 |") + "| D | 4 |\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("changes"))


def test_a_dry_run_and_the_publication_say_the_same(site: Site, tmp_path: Path) -> None:
    copy = site.copy(tmp_path)
    dry = copy.publish(NEXT, "2", "--dry-run")
    assert dry.code == 0, dry
    lines = dry.err.splitlines()
    at = lines.index("since      1.0.0: 1 changed, 1 added, 0 removed, 0 moved, 2 equal; append-only: no")
    assert lines[at + 1 : at + 3] == ["  changed: value '2' is now '3' (B)", "  added: value '4' (D)"]
    found = copy.publish(NEXT, "2", "--dry-run", "--json").document["changes"]
    assert (found["since"], found["number"], found["append_only"]) == ("1.0.0", 2, False)
    done = copy.publish(NEXT, "2")
    assert done.code == 0, done
    assert all(line in done.err.splitlines() for line in lines[at : at + 3])
    more = copy.publish(NEXT + "".join(f"| E{at} | 4 |\n" for at in range(12)), "3", "--json").document
    assert (more["changes"]["append_only"], len(more["changes"]["lines"])) == (True, 10)


def test_the_first_release_and_one_that_is_in_place_have_nothing_before(site: Site, tmp_path: Path) -> None:
    copy = site.copy(tmp_path)
    again = copy.publish()
    assert again.code == 0, again
    assert "since" not in again.err
    assert copy.publish(LEDGER, "1.0.0", "--json").document["changes"] is None
    assert "since      1.0.0: the same facts" in copy.publish(LEDGER, "2", "--dry-run").err


def test_a_release_before_that_was_changed_is_not_compared_and_said(site: Site, tmp_path: Path) -> None:
    copy = site.copy(tmp_path)
    ours = copy.path("ledger.json")
    ours.write_bytes(ours.read_bytes().replace(b'"value":"2"', b'"value":"7"'))
    ran = copy.publish(NEXT, "2", "--dry-run")
    assert ran.code == 0, ran
    assert "since      1.0.0: not compared: release/1.0.0/ledger.json: SHA-256 is " in ran.err
    assert "'7'" not in ran.err


def test_no_text_of_the_ledger_steers_the_terminal(site: Site, tmp_path: Path) -> None:
    ran = site.copy(tmp_path).publish(NEXT.replace("| 3 |", "| \u202e3\ufeff |"), "2", "--dry-run")
    assert ran.code == 0, ran
    assert "is now '\\u202e3\\ufeff' (B)" in ran.err
    assert all(line.isprintable() for line in ran.err.splitlines())


def test_the_sealed_key_pairs_the_facts(site: Site, tmp_path: Path) -> None:
    copy = site.copy(tmp_path)
    schema = tmp_path / "s.json"
    schema.write_text('{"fields": [{"name": "label"}, {"name": "value"}], "primaryKey": "value"}')
    text = LEDGER.replace("| B | 2 |", "| Beta | 2 |")
    assert "removed: value '2' (B)" in copy.publish(text, "2", "--dry-run").err
    ran = copy.publish(text, "2", "--dry-run", "--schema", schema)
    assert "changed: label 'B' is now 'Beta' (2)" in ran.err, ran
    assert f"release    {NAME} 2 (release 2), 3 facts" in ran.err
