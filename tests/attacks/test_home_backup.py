# SPDX-License-Identifier: Apache-2.0
"""A copy of a home brings the same signer back, and never an older log in the place of a newer one.

The attacks: an older copy, a copy that was changed, a second home with the same keys, a site with another
history, a home in use, and a kill at any operation.
"""

import json
import shutil
from pathlib import Path

import pytest

from anchor.app import home_backup
from anchor.disk import user_homes
from anchor.embedded.instance import Instance
from anchor.publish import interrupted
from tests.support.process import crash
from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.releases.published import LEDGER, NAME, snapshot
from tests.support.servers.embedded_instance import serving
from tests.support.servers.folder_server import serve_folder

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
THIRD = LEDGER.replace("| C | 3 |", "| C | 5 |")


class Publisher:
    """One machine with its own state folder, and a site."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.root = folder, folder / "site"
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        monkeypatch.delenv("ANCHOR_HOME", raising=False)

    @property
    def home(self) -> Path:
        return user_homes.of_ledger(NAME)

    def publish(self, ledger: str, version: str, *more: object, root: Path | None = None) -> Ran:
        file = self.folder / "ledger.md"
        file.write_text(ledger)
        return anchor(
            *("publish", file, "--name", NAME, "--version", version, "--root", root or self.root), *more
        )

    def back_up(self, name: str = "copy") -> Path:
        ran = anchor("instance", "backup", self.folder / name, "--root", self.root)
        assert ran.code == 0, ran
        return self.folder / name

    def restore(self, copy: Path, *more: object) -> Ran:
        return anchor("instance", "restore", copy, *(more or ("--root", self.root)), cwd=self.folder)


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """A publisher of one release."""
    found = Publisher(tmp_path, monkeypatch)
    ran = found.publish(LEDGER, "1")
    assert ran.code == 0, ran.err
    (tmp_path / "policy.toml").write_text(ran.out)
    return found


def kept(home: Path) -> dict[str, bytes]:
    """The files of a home, except those that are made again."""
    return {path: data for path, data in snapshot(home).items() if "index.sqlite" not in path}


def test_a_copy_brings_the_same_signer_back(publisher: Publisher) -> None:
    assert publisher.publish(OTHER, "2").code == 0
    copy, before = publisher.back_up(), kept(publisher.home)
    assert {p: d for p, d in snapshot(copy).items() if p != home_backup.FILE} == before
    shutil.rmtree(publisher.home)
    ran = publisher.restore(copy)
    assert ran.code == 0, ran
    assert "has release 2, which this copy knows" in ran.out
    assert kept(publisher.home) == before
    assert publisher.publish(THIRD, "3").code == 0
    policy = publisher.folder / "policy.toml"
    assert anchor("verify", publisher.root / "release.json", "--policy", policy).code == 0


def test_a_copy_is_private(publisher: Publisher) -> None:
    copy = publisher.back_up()
    shutil.rmtree(publisher.home)
    assert publisher.restore(copy).code == 0
    for folder in (copy, publisher.home):
        for path in (folder, *folder.rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_copy_that_is_older_than_the_site_is_refused_by_folder_and_by_url(publisher: Publisher) -> None:
    copy = publisher.back_up()
    assert publisher.publish(OTHER, "2").code == 0
    shutil.move(publisher.home, publisher.folder / "lost")
    with serve_folder(publisher.root) as server:
        for where in (
            ("--root", publisher.root),
            ("--online", f"{server.url}/"),
            ("--online", publisher.root),
        ):
            ran = publisher.restore(copy, *where)
            says(ran, 2, "2 entries are published and this home has 1: it is an older copy")
            assert "--new-signer" in ran.line
            assert not publisher.home.exists()
    (note,) = publisher.root.glob("release/log/*/checkpoint")
    note.unlink()  # the server hides how far the log is
    says(publisher.restore(copy), 2, "release.json names entry 1")
    assert not publisher.home.exists()


def test_the_list_of_a_home_without_a_log_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    publisher = Publisher(tmp_path, monkeypatch)
    with serving(tmp_path / "served") as served:
        words = served.words("--instance")
        assert publisher.publish(LEDGER, "1", *words).code == 0
        copy = publisher.back_up()
        assert publisher.publish(OTHER, "2", *words).code == 0
    newer = publisher.back_up("newer")
    shutil.rmtree(publisher.home)
    says(publisher.restore(copy), 2, "the list in this copy ends with 1: it is an older copy")
    assert publisher.restore(newer).code == 0


def test_what_the_refusal_says_then_works(publisher: Publisher) -> None:
    copy = publisher.back_up()
    assert publisher.publish(OTHER, "2").code == 0
    shutil.move(publisher.home, publisher.folder / "lost")
    says(publisher.restore(copy), 2, "--home FOLDER --new-signer")
    ran = publisher.publish(THIRD, "3", "--home", publisher.folder / "new", "--new-signer")
    assert ran.code == 0, ran.err


def test_an_old_copy_that_was_put_back_by_hand_does_not_publish(publisher: Publisher) -> None:
    copy = publisher.back_up()
    assert publisher.publish(OTHER, "2").code == 0
    shutil.rmtree(publisher.home)
    assert publisher.restore(copy, "--newest", "--root", publisher.folder).code == 0  # it is not
    ran = publisher.publish(THIRD, "3")
    assert ran.code == 2, ran.err
    assert "older copy" in ran.line or "not the one that this home signed" in ran.line
    assert not (publisher.root / "release" / "3").exists()


def test_a_site_with_another_history_is_invalid(publisher: Publisher) -> None:
    """Two machines had the same keys, and both signed."""
    copy = publisher.back_up()
    clone = publisher.folder / "clone"
    shutil.copytree(publisher.root, clone)
    assert publisher.publish(OTHER, "2").code == 0
    newer = publisher.back_up("newer")
    shutil.rmtree(publisher.home)
    assert publisher.restore(copy, "--newest", "--root", publisher.folder).code == 0
    assert publisher.publish(THIRD, "2", root=clone).code == 0  # the fork
    shutil.rmtree(publisher.home)
    says(publisher.restore(newer, "--root", clone), 8, "contradicts the log of this home")
    assert not publisher.home.exists()
    assert publisher.restore(newer).code == 0


def test_nobody_knows_whether_it_is_the_newest(publisher: Publisher) -> None:
    copy = publisher.back_up()
    shutil.rmtree(publisher.home)
    ran = publisher.restore(copy, "--root", publisher.folder)
    says(ran, 2, "nothing says whether anything was signed after this copy was made")
    assert not publisher.home.exists()
    assert publisher.restore(copy, "--root", publisher.folder, "--newest").code == 0


def test_the_site_of_another_ledger_says_nothing(publisher: Publisher, tmp_path: Path) -> None:
    copy = publisher.back_up()
    other = tmp_path / "other"
    words = ("--name", "other", "--version", "1", "--root", other, "--home", tmp_path / "other-home")
    assert anchor("publish", tmp_path / "ledger.md", *words).code == 0
    shutil.rmtree(publisher.home)
    says(publisher.restore(copy, "--root", other), 2, "nothing says whether")


def test_a_home_that_is_there_is_not_overwritten(publisher: Publisher) -> None:
    copy, before = publisher.back_up(), snapshot(publisher.home)
    says(publisher.restore(copy), 2, "not overwritten")
    says(publisher.restore(copy, "--newest", "--home", publisher.folder / "x"), 2, "two homes with one key")
    assert not (publisher.folder / "x").exists()
    assert snapshot(publisher.home) == before
    shutil.move(publisher.home, publisher.folder / "away")
    assert publisher.restore(copy, "--home", publisher.folder / "x", "--root", publisher.root).code == 0
    ran = publisher.restore(copy, "--home", publisher.folder / "x", "--newest")
    says(ran, 2, "not overwritten")


def test_an_empty_home_does_not_stand_in_the_way(publisher: Publisher) -> None:
    copy = publisher.back_up()
    shutil.rmtree(publisher.home)
    with interrupted.locked(publisher.home):
        pass
    assert publisher.restore(copy).code == 0


def test_a_home_with_two_ledgers_is_found_by_both_names(publisher: Publisher, tmp_path: Path) -> None:
    words = ("--name", "second", "--version", "1", "--root", tmp_path / "site-2", "--home", publisher.home)
    assert anchor("publish", tmp_path / "ledger.md", *words).code == 0
    copy = publisher.back_up()
    shutil.rmtree(publisher.home)
    both = ("--root", publisher.root, "--online", tmp_path / "site-2")
    ran = anchor("instance", "restore", copy, *both, "--json")
    assert ran.code == 0, ran
    assert ran.document["ledgers"] == ["second", NAME]
    assert user_homes.of_ledger(NAME).is_symlink()
    (tmp_path / "ledger.md").write_text(OTHER)
    again = ("--name", "second", "--version", "2", "--root", tmp_path / "site-2")
    assert anchor("publish", tmp_path / "ledger.md", *again).code == 0
    assert publisher.publish(OTHER, "2").code == 0


def test_a_copy_has_the_secrets_of_confidential_releases(publisher: Publisher, tmp_path: Path) -> None:
    words = ("--name", "pay", "--version", "1", "--root", tmp_path / "pay", "--blind")
    assert anchor("publish", tmp_path / "ledger.md", *words, "--home", tmp_path / "h").code == 0
    assert anchor("instance", "backup", tmp_path / "copy-2", "--home", tmp_path / "h").code == 0
    (secret,) = (tmp_path / "h" / "secrets").iterdir()
    assert (tmp_path / "copy-2" / "secrets" / secret.name).read_bytes() == secret.read_bytes()


# Two homes with one key, and sites that say nothing


def test_a_second_home_outside_of_the_state_folder_is_refused(publisher: Publisher) -> None:
    copy, folder = publisher.back_up(), publisher.folder
    shutil.rmtree(publisher.home)
    assert publisher.restore(copy, "--home", folder / "a", "--root", publisher.root).code == 0
    for again in (("--home", folder / "b"), ("--home", folder / "deep" / "b"), ()):
        ran = publisher.restore(copy, *again, "--root", publisher.root)
        says(ran, 2, f"is in {folder / 'a'}: two homes with one key would fork it")
    assert not (folder / "b").exists()
    assert not publisher.home.exists()
    shutil.rmtree(folder / "a")
    assert publisher.restore(copy, "--home", folder / "b", "--root", publisher.root).code == 0


def test_the_home_that_was_copied_is_still_there(publisher: Publisher) -> None:
    home, copy = publisher.folder / "own", publisher.folder / "copy-2"
    words = ("--name", NAME, "--version", "1", "--root", publisher.folder / "s", "--home", home)
    assert anchor("publish", publisher.folder / "ledger.md", *words).code == 0
    assert anchor("instance", "backup", copy, "--home", home).code == 0
    ran = publisher.restore(copy, "--home", publisher.folder / "x", "--root", publisher.folder / "s")
    says(ran, 2, f"is in {home}: two homes with one key would fork it")


def test_the_site_of_another_signer_says_nothing(publisher: Publisher) -> None:
    """The same ledger, the same number, and another key: as after a loss, or by a stranger."""
    copy, other = publisher.back_up(), publisher.folder / "other"
    ran = publisher.publish(OTHER, "1", "--home", publisher.folder / "h2", root=other)
    assert ran.code == 0, ran.err
    shutil.rmtree(publisher.home)
    for where in (("--root", other), ("--root", publisher.folder, "--online", other)):
        says(publisher.restore(copy, *where), 2, "was not signed by the home that was copied")
        assert not publisher.home.exists()


def test_each_ledger_of_a_copy_is_compared(publisher: Publisher, tmp_path: Path) -> None:
    """The log of a home is one for all its ledgers: an older copy shows at the site of the newest entry."""
    second = tmp_path / "site-2"
    words = ("--name", "second", "--root", second, "--home", publisher.home)
    assert anchor("publish", tmp_path / "ledger.md", *words, "--version", "1").code == 0
    copy = publisher.back_up()
    (tmp_path / "ledger.md").write_text(OTHER)
    assert anchor("publish", tmp_path / "ledger.md", *words, "--version", "2").code == 0
    shutil.move(publisher.home, tmp_path / "lost")
    ran = publisher.restore(copy)
    says(ran, 2, "nothing says whether anything of 'second' was signed after this copy was made")
    assert not publisher.home.exists()
    says(publisher.restore(copy, "--root", publisher.root, "--online", second), 2, "it is an older copy")
    both = ("--online", publisher.root, "--online", second)
    says(publisher.restore(copy, "--root", tmp_path, *both), 2, "it is an older copy")


# Damaged copies


def damage_byte(copy: Path) -> None:
    (key,) = copy.glob("instance/keys/log.pem")
    data = bytearray(key.read_bytes())
    data[60] ^= 1
    key.write_bytes(data)


def damage_list(copy: Path) -> None:
    (copy / "signed.jsonl").write_bytes(b"")


def damage_missing(copy: Path) -> None:
    (copy / "instance" / "log" / "checkpoint").unlink()


def damage_description(copy: Path) -> None:
    (copy / home_backup.FILE).write_bytes(b"{")


def damage_path(copy: Path) -> None:
    about = json.loads((copy / home_backup.FILE).read_bytes())
    about["files"]["../outside"] = "0" * 64
    (copy / home_backup.FILE).write_text(json.dumps(about))


def damage_link(copy: Path) -> None:
    (copy / "signed.jsonl").unlink()
    (copy / "signed.jsonl").symlink_to("/etc/hostname")


def damage_size(copy: Path) -> None:
    about = json.loads((copy / home_backup.FILE).read_bytes())
    about["size"] = 7
    (copy / home_backup.FILE).write_text(json.dumps(about))


def damage_ledgers_twice(copy: Path) -> None:
    about = json.loads((copy / home_backup.FILE).read_bytes())
    about["ledgers"] *= 2
    (copy / home_backup.FILE).write_text(json.dumps(about))


def damage_ledgers_empty(copy: Path) -> None:
    about = json.loads((copy / home_backup.FILE).read_bytes())
    about["ledgers"] = ["", *about["ledgers"]]
    (copy / home_backup.FILE).write_text(json.dumps(about))


def damage_ledgers_fewer(copy: Path) -> None:
    """Then the site of one ledger would not be asked for."""
    about = json.loads((copy / home_backup.FILE).read_bytes())
    about["ledgers"] = ["another"]
    (copy / home_backup.FILE).write_text(json.dumps(about))


DAMAGES = (
    *(damage_ledgers_twice, damage_ledgers_empty, damage_ledgers_fewer),
    *(damage_byte, damage_list, damage_missing, damage_description),
    *(damage_path, damage_link, damage_size),
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_a_damaged_copy_is_refused_and_leaves_nothing(publisher: Publisher, damage: object) -> None:
    copy = publisher.back_up()
    assert callable(damage)
    damage(copy)
    shutil.rmtree(publisher.home)
    before = sorted(publisher.home.parent.iterdir())
    for _ in range(2):
        says(publisher.restore(copy), 2, "the copy is damaged")
        assert sorted(publisher.home.parent.iterdir()) == before


def test_a_folder_that_is_no_copy_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing", publisher.home):
        says(publisher.restore(folder), 2, "no copy of a home is here")


# Making a copy


def test_a_copy_is_put_neither_over_something_nor_into_the_home_or_the_site(publisher: Publisher) -> None:
    copy = publisher.back_up()
    places = {
        copy: "is there already",
        publisher.home / "x": "inside of the home",
        publisher.root / "release" / "x": "which is published",
        publisher.home.parent / "x": "where homes are looked for",
    }
    for place, words in places.items():
        says(anchor("instance", "backup", place, "--root", publisher.root), 2, words)
        assert place == copy or not place.exists()


def test_a_home_in_use_is_not_copied(publisher: Publisher) -> None:
    words = ("instance", "backup", publisher.folder / "copy", "--root", publisher.root)
    with interrupted.locked(publisher.home):
        says(anchor(*words), 3, "another process is publishing with this home")
    instance = Instance.open(publisher.home / "instance", create=False)
    instance.log.lock()  # as `instance serve` does
    says(anchor(*words), 3, "another process is writing to the embedded log")
    instance.close()
    assert not (publisher.folder / "copy").exists()
    assert anchor(*words).code == 0


def test_a_damaged_log_is_not_copied(publisher: Publisher) -> None:
    """Else nobody would know it before the copy is needed."""
    assert publisher.publish(OTHER, "2").code == 0
    (tile,) = (publisher.home / "instance" / "log" / "tile" / "0").rglob("*000*")
    data = bytearray(tile.read_bytes())
    data[3] ^= 1
    tile.write_bytes(data)
    words = ("instance", "backup", publisher.folder / "copy", "--root", publisher.root)
    says(anchor(*words), 3, "its tiles do not have the root of its checkpoint")
    assert not (publisher.folder / "copy").exists()


def test_the_home_is_found_from_any_folder(publisher: Publisher, tmp_path: Path) -> None:
    assert anchor("instance", "backup", tmp_path / "a", cwd=tmp_path).code == 0  # the only one
    words = ("--name", "other", "--version", "1", "--root", tmp_path / "other")
    assert anchor("publish", tmp_path / "ledger.md", *words).code == 0
    ran = anchor("instance", "backup", tmp_path / "b", cwd=tmp_path)
    says(ran, 2, "2 folders could be the home of the ledger")
    assert anchor("instance", "backup", tmp_path / "b", "--ledger", "other", cwd=tmp_path).code == 0
    says(anchor("instance", "backup", tmp_path / "c", "--ledger", "none", cwd=tmp_path), 2, "nothing to copy")


@sampled(5)
def test_killed_at_any_operation_a_copy_is_whole_or_not_there(publisher: Publisher, every: int) -> None:
    copy, home = publisher.folder / "copy", publisher.home
    words = ("instance", "backup", copy, "--root", publisher.root)

    def run() -> int:
        return anchor(*words).code

    before, counting = kept(home), Killer(watched=(publisher.folder,))
    assert crash.forked(run, killer=counting) == 0
    shutil.rmtree(copy)
    for number, torn in crash.points(counting)[::every]:
        assert crash.forked(run, killer=Killer(at=number, torn=torn)) is None, number
        if not copy.exists():
            assert run() == 0
        assert {p: d for p, d in snapshot(copy).items() if p != home_backup.FILE} == before
        assert kept(home) == before
        assert not list(publisher.folder.glob(".copy.*"))
        shutil.rmtree(copy)


@sampled(5)
def test_killed_at_any_operation_a_home_is_whole_or_not_there(publisher: Publisher, every: int) -> None:
    copy, before = publisher.back_up(), kept(publisher.home)

    def run() -> int:
        return publisher.restore(copy).code

    counting = Killer(watched=(publisher.folder,))
    shutil.rmtree(publisher.home)
    assert crash.forked(run, killer=counting) == 0
    for number, torn in crash.points(counting)[::every]:
        shutil.rmtree(publisher.home)
        assert crash.forked(run, killer=Killer(at=number, torn=torn)) is None, number
        if not publisher.home.exists():
            assert run() == 0
        assert kept(publisher.home) == before
        assert [f.name for f in publisher.home.parent.iterdir()] == [publisher.home.name]


@sampled(5)
def test_killed_at_any_operation_there_is_no_second_home(publisher: Publisher, every: int) -> None:
    """With --home, outside of the state folder: whatever the kill leaves, one home has the key."""
    copy, before, folder = publisher.back_up(), kept(publisher.home), publisher.folder
    shutil.rmtree(publisher.home)

    def run(home: str = "a") -> int:
        return publisher.restore(copy, "--home", folder / home, "--root", publisher.root).code

    counting = Killer(watched=(publisher.folder,))
    assert crash.forked(run, killer=counting) == 0
    for number, torn in crash.points(counting)[::every]:
        shutil.rmtree(folder / "a")
        shutil.rmtree(publisher.home.parent)
        assert crash.forked(run, killer=Killer(at=number, torn=torn)) is None, number
        if not (folder / "a").exists():
            assert run() == 0
        assert kept(folder / "a") == before
        assert run("b") == 2
        assert not (folder / "b").exists()


def test_of_two_restores_at_once_one_makes_a_home(publisher: Publisher) -> None:
    copy, folder = publisher.back_up(), publisher.folder
    shutil.rmtree(publisher.home)

    def into(home: str) -> crash.Forked:
        words = ("--home", folder / home, "--root", publisher.root)
        return crash.start(lambda: publisher.restore(copy, *words).code)

    running = [into(home) for home in ("a", "b", "c")]
    codes = sorted(one.result() for one in running)
    assert codes[0] == 0
    assert set(codes[1:]) <= {2, 3}  # it saw the first home, or it was told to wait
    assert len([home for home in ("a", "b", "c") if (folder / home).exists()]) == 1
