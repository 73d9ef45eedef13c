# SPDX-License-Identifier: Apache-2.0
"""One home never signs two statements of one release, whatever becomes of the folder it publishes in.

Played over time: in two folders, after the folder was removed or put back, after a kill, after what was known
of it was lost.
"""

import ast
import json
import shutil
from pathlib import Path

import pytest

from anchor.edge.signed import SignedStatements
from anchor.publish import guard
from tests.support.published import LEDGER, NAME, Site, empty, published, snapshot

ROOT = Path(__file__).resolve().parents[2]
OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
THIRD = LEDGER.replace("| C | 3 |", "| C | 5 |")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return published(tmp_path)


def second(site: Site) -> Site:
    """Another folder of the same home."""
    return Site(site.home.parent / "second", site.home, site.policy)


def log_size(site: Site) -> int:
    """Entries of the home's own log, by its checkpoint."""
    return int((site.home / "instance" / "log" / "checkpoint").read_text().split("\n")[1])


def test_another_ledger_of_the_same_number_in_another_folder(site: Site) -> None:
    before = snapshot(site.home / "instance" / "log")
    for _ in range(2):
        ran = second(site).publish(OTHER, "1.0.0")
        assert ran.code == 2, ran.err
        for word in ("number 1", str(site.root), "--resume", "--home", "signed.jsonl"):
            assert word in ran.line
    assert not (second(site).root / "release.json").exists()
    assert snapshot(site.home / "instance" / "log") == before


def test_another_version_name_does_not_help(site: Site) -> None:
    assert second(site).publish(OTHER, "2.0.0").code == 2
    assert log_size(site) == 1


def test_again_after_the_folder_is_gone(site: Site) -> None:
    shutil.rmtree(site.root)
    assert site.publish(OTHER, "1.0.0").code == 2
    assert log_size(site) == 1


def test_the_same_bytes_in_another_folder_are_the_same_release_and_no_second_entry(site: Site) -> None:
    ran = second(site).publish(LEDGER, "1.0.0")
    assert ran.code == 0, ran.err
    assert "published before" in ran.err
    one, two = (snapshot(s.root / "release" / "1.0.0") for s in (site, second(site)))
    assert one == two
    assert log_size(site) == 1
    shutil.rmtree(site.root)
    assert site.publish(LEDGER, "1.0.0").code == 0
    assert snapshot(site.root / "release" / "1.0.0") == one
    assert site.verify().code == 0
    assert log_size(site) == 1


def test_a_folder_that_was_put_back_gets_no_second_release_of_a_number(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.root, tmp_path / "older")
    assert site.publish(OTHER, "1.1.0").code == 0
    shutil.rmtree(site.root)
    shutil.copytree(tmp_path / "older", site.root)
    ran = site.publish(THIRD, "1.2.0")
    assert ran.code == 2
    assert "1.1.0 (number 2)" in ran.line
    assert site.publish(OTHER, "1.1.0").code == 0
    assert site.publish(THIRD, "1.2.0").code == 0
    assert log_size(site) == 3


def test_a_version_is_not_published_with_other_facts_under_another_number(site: Site, tmp_path: Path) -> None:
    """Versions are unique, in any case, where the folder of the first one is not there to tell."""
    assert site.publish(OTHER, "1.1.0-rc").code == 0
    shutil.rmtree(site.root / "release" / "1.0.0")
    ran = site.publish(THIRD, "1.0.0")
    assert ran.code == 2
    assert "version" in ran.line
    assert site.publish(THIRD, "1.2.0").code == 0


def test_a_trial_in_a_home_of_its_own(site: Site, tmp_path: Path) -> None:
    (tmp_path / "trial").mkdir()
    assert published(tmp_path / "trial", OTHER).verify().code == 0


def test_what_never_left_binds_nobody(tmp_path: Path) -> None:
    """The network was down before the request: a corrected ledger is no second statement."""
    site = empty(tmp_path)
    journal = site.home / "journal"
    assert site.publish(LEDGER, "1.0.0", "--instance", str(tmp_path / "none.json")).code == 2
    lines = SignedStatements(site.home)
    assert not guard.binding(lines.lines())
    assert site.publish(OTHER, "1.0.0").code == 0
    assert not any(journal.glob("[!.]*"))


def test_a_list_that_is_lost_is_not_begun_anew_over_a_log_with_entries(site: Site) -> None:
    (site.home / "signed.jsonl").unlink()
    ran = second(site).publish(OTHER, "1.0.0")
    assert ran.code == 2
    assert "signed.jsonl" in ran.line
    assert "backup" in ran.line
    # the folder that was published tells it all again
    assert site.publish(LEDGER, "1.0.0").code == 0
    assert second(site).publish(OTHER, "1.0.0").code == 2
    assert site.publish(OTHER, "1.1.0").code == 0


def test_a_list_that_is_damaged_is_named_and_nothing_is_signed(site: Site) -> None:
    path = site.home / "signed.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    ran = site.publish(OTHER, "1.1.0")
    assert ran.code == 8
    assert str(path) in ran.line
    assert "backup" in ran.line
    assert log_size(site) == 1
    path.write_bytes(whole)
    assert site.publish(OTHER, "1.1.0").code == 0


def test_a_journal_that_is_removed_frees_no_number(site: Site) -> None:
    """Killed after the request left; then somebody removes the journal by hand."""
    lines = SignedStatements(site.home)
    (sent, *_rest) = lines.lines()
    assert sent.step == "sending"
    lines.path.write_text(
        json.dumps({**_dict(sent), "number": 2, "version": "1.1.0", "statement": "0" * 64}) + "\n"
    )
    ran = site.publish(OTHER, "1.1.0")
    assert ran.code == 2
    assert "number 2" in ran.line
    assert "sent to" in ran.line


def _dict(line: object) -> dict[str, object]:
    return {name: getattr(line, name) for name in line.__struct_fields__}  # type: ignore[attr-defined]


def test_one_line_for_a_step_however_often_it_is_published(site: Site) -> None:
    before = (site.home / "signed.jsonl").read_bytes()
    for _ in range(3):
        assert site.publish(LEDGER, "1.0.0").code == 0
    assert (site.home / "signed.jsonl").read_bytes() == before
    assert [line.step for line in SignedStatements(site.home).lines()] == ["sending", "published"]
    assert all(line.ledger == NAME for line in SignedStatements(site.home).lines())


def test_a_statement_leaves_only_where_the_list_was_asked() -> None:
    """The one call that signs is in `Anchoring`; the one `Anchoring` is made where the guard is passed in."""
    calls: dict[str, set[str]] = {"sign": set(), "Anchoring": set(), "append": set()}
    for path in (ROOT / "anchor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            text = ast.unparse(node.func)
            if text in ("signing.sign", "Anchoring", "self.site.log.append"):
                calls[text.rsplit(".", 1)[-1]].add(path.name)
                if text == "Anchoring":
                    leaving = next(k.value for k in node.keywords if k.arg == "leaving")
                    assert "guard.sending" in ast.unparse(leaving)
    assert calls == {"sign": {"anchoring.py"}, "Anchoring": {"job.py"}, "append": {"anchoring.py"}}
