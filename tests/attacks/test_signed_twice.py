# SPDX-License-Identifier: Apache-2.0
"""One home never signs two statements of one release, whatever becomes of the folder it publishes in.

Played over time: in two folders, after the folder was removed or put back, after a kill, after what was known
of it was lost.
"""

import ast
import inspect
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from anchor import limits
from anchor.errors import Misuse
from anchor.publish import statement_guard
from anchor.publish.anchoring import Anchoring
from anchor.publish.signing_history import SignedStatements
from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import LEDGER, NAME, Site, empty, published, snapshot
from tests.support.servers.embedded_instance import serving

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
    assert not statement_guard.binding(lines.lines())
    assert site.publish(OTHER, "1.0.0").code == 0
    assert not any(journal.glob("[!.]*"))


def lose(site: Site, *names: str) -> None:
    """Remove these of the home: the list `signed.jsonl`, what it `signed`."""
    for name in names:
        path = site.home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_list_that_is_lost_is_made_again_of_what_was_kept(site: Site) -> None:
    for _ in range(2):
        lose(site, "signed.jsonl")
        ran = second(site).publish(OTHER, "1.0.0")
        assert ran.code == 2
        assert "this home signed another statement" in ran.line
    shutil.rmtree(site.root)
    assert site.publish(OTHER, "1.0.0").code == 2
    assert log_size(site) == 1


def test_a_list_that_is_lost_is_not_begun_anew_over_a_log_with_entries(site: Site) -> None:
    """Nothing at hand says what its entry is; then the folder that was published tells it all again."""
    lose(site, "signed.jsonl", "signed")
    for _ in range(2):
        ran = second(site).publish(OTHER, "1.0.0")
        assert ran.code == 2
        for word in ("signed.jsonl", "1 entry", "backup"):
            assert word in ran.line
    assert site.publish(LEDGER, "1.0.0").code == 0
    assert second(site).publish(OTHER, "1.0.0").code == 2
    assert site.publish(OTHER, "1.1.0").code == 0
    assert log_size(site) == 2


def test_one_folder_does_not_explain_what_another_one_published(site: Site, tmp_path: Path) -> None:
    """Two ledgers of one home, and its list is lost: each folder is asked before anything new is signed."""
    ledger = tmp_path / "ledger.md"
    ledger.write_text(LEDGER)
    named = ("--root", tmp_path / "beside", "--home", site.home)
    assert anchor("publish", ledger, "--name", "beside", "--version", "1.0.0", *named).code == 0
    lose(site, "signed.jsonl", "signed")
    ran = site.publish(OTHER, "1.1.0")
    assert (ran.code, log_size(site)) == (2, 2)
    assert "the first: 1)" in ran.line
    (site.home / "signed.jsonl").touch()  # the way on that is named
    ledger.write_text(LEDGER)
    assert anchor("publish", ledger, "--name", "beside", "--version", "1.0.0", *named).code == 0
    assert site.publish(LEDGER, "1.0.0").code == 0
    for root in (site.root, tmp_path / "beside"):
        shutil.rmtree(root)
    assert site.publish(OTHER, "1.0.0").code == 2
    ledger.write_text(OTHER)
    assert anchor("publish", ledger, "--name", "beside", "--version", "1.0.0", *named).code == 2
    assert log_size(site) == 2


def test_what_another_publisher_put_into_the_folder_is_not_taken_for_ours(site: Site, tmp_path: Path) -> None:
    """A copied site, or one that a stranger wrote into, cannot make a home believe that it signed it."""
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    lose(site, "signed.jsonl")
    assert Site(stranger.root, site.home, site.policy).publish(THIRD, "1.1.0").code == 2
    assert {line.statement for line in SignedStatements(site.home).lines()} == {
        site.value["statement"]["sha256"]
    }


def test_no_log_gets_another_statement_of_a_release_that_is_in_place(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that holds another one's release of the same version: a further log would be our signature."""
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    mixed = Site(stranger.root, site.home, site.policy)
    with serving(tmp_path / "served") as served:
        for _ in range(2):
            ran = mixed.publish(OTHER, "1.0.0", *served.words())
            assert ran.code == 2, ran
            assert "this home signed another statement" in ran.line
        assert (served.size(), log_size(site)) == (0, 1)
        assert site.publish(LEDGER, "1.0.0", *served.words()).code == 0
        assert served.size() == 1


def test_nothing_follows_a_release_that_this_home_did_not_sign_in_the_place_of_its_own(
    site: Site, tmp_path: Path
) -> None:
    """The folder was replaced by one whose release 1 is another statement, of a signer who is accepted."""
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    for _ in range(2):
        ran = Site(stranger.root, site.home, site.policy).publish(THIRD, "1.1.0", "--new-signer")
        assert ran.code == 2
        assert "is not the one that this home signed" in ran.line
        assert log_size(site) == 1
    assert site.publish(THIRD, "1.1.0").code == 0


def test_a_release_of_two_logs_is_the_same_one_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no log but its own asked for, and the other one gone: what was published once is kept whole."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(tmp_path / "served") as served:
        site = empty(tmp_path)
        ran = site.publish(LEDGER, "1.0.0", *served.words())
        assert ran.code == 0, ran.err
        size = served.size()
    for _ in range(2):
        ran = second(site).publish(LEDGER, "1.0.0")
        assert ran.code == 0, ran.err
        one, two = (snapshot(s.root / "release" / "1.0.0") for s in (site, second(site)))
        assert one == two
        assert (served.size(), log_size(site)) == (size, 1)
    assert len(second(site).value["anchors"]) == 2


def test_a_bundle_that_was_kept_and_is_damaged_is_named_and_put_nowhere(site: Site) -> None:
    (kept,) = (site.home / "signed").glob("*/*.sigstore.json")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-9])
    ran = second(site).publish(LEDGER, "1.0.0")
    assert ran.code == 8
    assert kept.name in ran.line
    assert not second(site).release.exists()
    assert site.publish(LEDGER, "1.0.0").code == 0  # it is kept again where it is whole
    assert kept.read_bytes() == whole
    assert second(site).publish(LEDGER, "1.0.0").code == 0


def test_a_kept_root_that_is_missing_is_named_with_two_remedies(site: Site) -> None:
    (kept,) = (site.home / "signed").glob("*/trusted_root.json")
    whole = kept.read_bytes()
    kept.unlink()
    ran = second(site).publish(LEDGER, "1.0.0")
    assert ran.code == 2
    assert f"{kept}: the trusted root of bundles" in ran.line
    assert "in the folder where the release is in place" in ran.line
    assert site.publish(LEDGER, "1.0.0").code == 0  # the first remedy
    assert kept.read_bytes() == whole
    kept.unlink()
    shutil.copy(site.root / "release" / "1.0.0" / "trusted_root.json", kept)  # the second one
    assert second(site).publish(LEDGER, "1.0.0").code == 0


def test_a_list_that_is_lost_is_not_begun_anew_from_a_folder_that_was_put_back(
    site: Site, tmp_path: Path
) -> None:
    """The folder explains one of the log's two entries."""
    shutil.copytree(site.root, tmp_path / "older")
    assert site.publish(OTHER, "1.1.0").code == 0
    site.root.rename(tmp_path / "newer")
    (tmp_path / "older").rename(site.root)
    lose(site, "signed.jsonl", "signed")
    for _ in range(2):
        ran = site.publish(THIRD, "1.1.0")
        assert ran.code == 2, ran.err
        assert "1 entry (the first: 1)" in ran.line
        assert log_size(site) == 2
    shutil.rmtree(site.root)
    (tmp_path / "newer").rename(site.root)
    assert site.publish(THIRD, "1.2.0").code == 0


def test_publishing_the_newest_again_tells_all_that_it_continues(site: Site) -> None:
    """The way out of a home whose list is gone, or that an earlier version made for several folders."""
    assert site.publish(OTHER, "1.1.0").code == 0
    planted = site.root / "release" / "0.9.0"
    shutil.copytree(site.root / "release" / "1.0.0", planted)
    data = (planted / "release.json").read_text().replace('"1.0.0"', '"0.9.0"')
    (planted / "release.json").write_text(data)
    site.forget()
    assert site.publish(OTHER, "1.1.0").code == 0
    assert [(one.number, one.version) for one in SignedStatements(site.home).lines()] == [
        (1, "1.0.0"),
        (2, "1.1.0"),
    ]
    assert second(site).publish(THIRD, "1.0.0").code == 2
    assert second(site).publish(THIRD, "3.0.0").code == 2


def test_a_release_that_another_home_made_gets_no_second_statement_of_ours(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial under the ledger's name, then its folder with the real home and a further log."""
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "trial").mkdir()
    trial = published(tmp_path / "trial", OTHER)
    ours = Site(trial.root, site.home, trial.policy)
    with serving(tmp_path / "served") as served:
        for _ in range(2):
            ran = ours.publish(OTHER, "1.0.0", *served.words())
            assert served.size() == 0
            assert ran.code == 2, ran.err
            assert "number 1" in ran.line
    assert ours.publish(OTHER, "1.0.0").code == 0  # nothing is signed: it is verified, no more
    assert second(site).publish(LEDGER, "1.0.0").code == 0  # and what ours signed stays ours


def test_a_dry_run_says_what_would_be_refused(site: Site) -> None:
    file = site.home.parent / "other.md"
    for ledger, code in ((OTHER, 2), (LEDGER, 0)):
        file.write_text(ledger)
        before = snapshot(site.home)
        named = ("--name", NAME, "--version", "1.0.0", "--root", second(site).root, "--home", site.home)
        ran = anchor("publish", file, *named, "--dry-run")
        assert ran.code == code, ran.err
        assert snapshot(site.home) == before
        assert not second(site).root.exists()


@pytest.mark.parametrize("at", ["", "soon", "2026-01-31T23:59:59", "9999-99-99T00:00:00Z"])
def test_a_time_of_the_list_that_is_none_is_damage(site: Site, at: str) -> None:
    path = site.home / "signed.jsonl"
    (first, *_rest) = SignedStatements(site.home).lines()
    path.write_text(json.dumps({**_dict(first), "at": at}) + "\n")
    ran = site.publish(OTHER, "1.1.0")
    assert ran.code == 8, ran.err
    assert "line 1 is damaged" in ran.line


def test_a_link_to_nothing_is_a_list_that_is_lost(site: Site, tmp_path: Path) -> None:
    path = site.home / "signed.jsonl"
    path.unlink()
    path.symlink_to(tmp_path / "gone.jsonl")
    ran = site.publish(OTHER, "1.1.0")
    assert ran.code == 2
    assert str(path) in ran.line
    assert log_size(site) == 1


def test_a_list_is_never_written_larger_than_it_is_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = SignedStatements(site.home)
    size = signed.path.stat().st_size
    monkeypatch.setattr(limits, "SIGNED", size + (1 << 20))
    (sent, done) = signed.lines()
    with pytest.raises(Misuse, match="nothing was sent"):
        signed.add([sent])
    signed.add([done])  # what becomes of what was sent still has room
    assert len(signed.lines()) == 3


def test_a_list_that_is_damaged_is_named_and_nothing_is_signed(site: Site) -> None:
    path = site.home / "signed.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    ran = site.publish(OTHER, "1.1.0")
    assert ran.code == 8
    assert str(path) in ran.line
    assert "backup" in ran.line
    assert log_size(site) == 1
    for bad in (whole.replace(b'"at":"2', b'"at":"x'), whole.replace(b'"number":1', b'"number":0,"x":1')):
        path.write_bytes(bad)
        ran = site.publish(OTHER, "1.1.0")
        assert (ran.code, log_size(site)) == (8, 1)
        assert "line 1 is damaged" in ran.line
    path.write_bytes(whole)
    assert site.publish(OTHER, "1.1.0").code == 0


def test_a_list_on_a_disk_that_is_away_is_not_begun_anew(site: Site) -> None:
    path = SignedStatements(site.home).path
    away = path.with_name("away")
    path.rename(away.with_name("kept"))
    path.symlink_to(away)
    for _ in range(2):
        ran = site.publish(OTHER, "2.0.0")
        assert ran.code == 2, ran.err
        assert f"{path}: cannot read" in ran.line
    assert path.is_symlink()
    assert log_size(site) == 1
    away.with_name("kept").rename(away)
    assert site.publish(OTHER, "2.0.0").code == 0


def test_a_journal_that_is_removed_frees_no_number(site: Site) -> None:
    """Killed after the request left; then somebody removes the journal by hand."""
    lines = SignedStatements(site.home)
    (sent, *_rest) = lines.lines()
    assert sent.step == "sending"
    lines.path.write_text(
        json.dumps({**_dict(sent), "number": 2, "version": "1.1.0", "statement": "0" * 64}) + "\n"
    )
    for _ in range(2):
        ran = site.publish(OTHER, "1.1.0")
        assert ran.code == 2
        assert "number 2" in ran.line
        assert "sent to" in ran.line
    ran = site.publish(OTHER, "1.1.0", "--abandon")  # for whoever says so: it may be in the log for ever
    assert ran.code == 0, ran.err
    assert "given up" in ran.err


def test_what_was_given_up_is_given_up_in_every_log(site: Site) -> None:
    lines = SignedStatements(site.home)
    (sent, *_rest) = lines.lines()
    for log in ("one.example", "two.example"):
        lines.add([structs.replace(sent, number=2, version="1.1.0", statement="0" * 64, log=log)])
    assert site.publish(OTHER, "1.1.0", "--abandon").code == 0
    assert "0" * 64 not in {line.statement for line in statement_guard.binding(lines.lines())}


def test_what_was_published_is_not_given_up(site: Site) -> None:
    for where in (site, second(site)):
        shutil.rmtree(site.root, ignore_errors=True)
        assert where.publish(OTHER, "1.0.0", "--abandon").code == 2
    assert log_size(site) == 1


def _dict(line: object) -> dict[str, object]:
    return dict(msgspec.to_builtins(line))


def test_one_line_for_a_step_however_often_it_is_published(site: Site) -> None:
    before = (site.home / "signed.jsonl").read_bytes()
    for _ in range(3):
        assert site.publish(LEDGER, "1.0.0").code == 0
    assert (site.home / "signed.jsonl").read_bytes() == before
    assert [line.step for line in SignedStatements(site.home).lines()] == ["sending", "published"]
    assert all(line.ledger == NAME for line in SignedStatements(site.home).lines())


def test_a_statement_leaves_only_where_the_list_was_asked() -> None:
    """The one call that signs, and the one that writes to a log, are in `Anchoring`: there the list is asked
    before."""
    calls: dict[str, list[str]] = {"signer.sign": [], "Anchoring": [], "self.instance.log.append": []}
    paths = [p for p in (ROOT / "anchor").rglob("*.py") if p.parent.name != "embedded"]  # that is a log
    for path in paths:
        text = path.read_text()
        if not any(name in text for name in calls):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in calls:
                calls[ast.unparse(node.func)].append(path.name)
    assert calls == {
        "signer.sign": ["anchoring.py"],
        "Anchoring": ["recording.py"],
        "self.instance.log.append": ["anchoring.py"],
    }
    append = inspect.getsource(Anchoring.append)
    assert 0 < append.index("statement_guard.sending(") < append.index("self.instance.log.append(")
