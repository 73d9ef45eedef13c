# SPDX-License-Identifier: Apache-2.0
"""A hostile server or publisher against `anchor diff`: only what a statement commits to is shown."""

from pathlib import Path

import pytest

from tests.support.process.anchor_cli import anchor, says
from tests.support.releases.published import LEDGER, Site, published
from tests.support.servers.folder_server import serve_folder

NEXT = LEDGER.replace("| B | 2 |", "| B | 22 |")
OLD, NEW = "release/1.0.0/", "release/2.0.0/"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = published(tmp_path_factory.mktemp("diffed"))
    assert made.publish(NEXT, "2.0.0").code == 0
    return made


def test_a_server_that_gives_another_file_the_second_time_changes_nothing(site: Site) -> None:
    """The facts are those that were verified: no file of the ledger is asked for twice."""
    with serve_folder(site.root) as server:
        lie = (site.root / NEW / "ledger.json").read_bytes().replace(b'"22"', b'"99"')
        server.then = {f"{NEW}ledger.json": lie, f"{NEW}ledger.md": b"| Lie |\n|---|\n| 9 |\n"}
        ran = anchor("diff", f"{server.url}/{OLD}", f"{server.url}/{NEW}", "--policy", site.policy)
        asked = list(server.asked)
    assert ran.code == 0, ran
    assert ["value", "2", "22"] in [line.split() for line in ran.out.splitlines()]
    assert "99" not in ran.out.split()
    assert all(asked.count(f"{folder}ledger.json") == 1 for folder in (OLD, NEW))


@pytest.mark.parametrize("name", ["ledger.json", "ledger.md", "statement.json", "release.json"])
def test_a_file_of_the_older_release_in_place_of_the_newer_one_is_refused(
    site: Site, tmp_path: Path, name: str
) -> None:
    copy = site.copy(tmp_path)
    older, newer = copy.root / OLD, copy.root / NEW
    (newer / name).write_bytes((older / name).read_bytes())
    ran = anchor("diff", older, newer, "--policy", copy.policy)
    assert ran.code in (3, 8), ran
    assert ran.line.startswith("anchor: new: ")
    assert ran.out == ""


def test_a_release_by_somebody_else_is_not_compared_under_a_policy(site: Site, tmp_path: Path) -> None:
    other = published(tmp_path, NEXT)
    says(anchor("diff", site.root / OLD, other.root, "--policy", site.policy), 8, "new: ")
    ran = anchor("diff", site.root / OLD, other.root)
    assert ran.code == 0
    assert ran.out.count("claimed, not verified") == 2
    assert "two statements contradict each other about number 1" in ran.out


def test_a_folder_is_never_a_draft(site: Site, tmp_path: Path) -> None:
    """Whoever can change a release cannot make it count as a file that nobody signed."""
    copy = site.copy(tmp_path)
    copy.release.write_bytes(b'[{"label":"B","value":"2"}]')
    for target in (copy.root, copy.release):
        ran = anchor("diff", site.root / OLD, target, "--policy", site.policy)
        assert ran.code == 8, ran
        assert "nobody signed" not in ran.out + ran.err


def test_many_equal_facts_and_hostile_names_are_compared_in_a_moment(site: Site, tmp_path: Path) -> None:
    name = "a\u202e\u2066" + "n" * 900
    draft = tmp_path / "draft.csv"
    rows = "x,1,\u200b\n" * 20_000
    draft.write_text(f"label,value,{name}\n{rows}y,\u202e,\n{rows}", encoding="utf-8")
    ran = anchor("diff", site.root / OLD, draft, "--reader", "csv-v1", "--as-read", "--policy", site.policy)
    assert ran.code == 0, ran
    assert "added: 40001 facts" in ran.out
    assert "  and 39981 more; --all shows them" in ran.out
    assert all(line.isprintable() for line in ran.out.splitlines())
