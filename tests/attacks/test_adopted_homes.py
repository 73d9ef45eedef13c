# SPDX-License-Identifier: Apache-2.0
"""The home of a ledger is one for ever: it is found by name, and one of version 0.1 is adopted.

The old homes here were made by the program of version 0.1 itself. The attacks: a moved root, a linked root,
two processes, a kill at any operation, two homes that could be meant, and a folder that cannot be written.
"""

import itertools
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from anchor.app import publisher_homes, records_home
from anchor.disk import user_homes
from anchor.errors import Misuse, Unavailable
from tests.support.process import crash, program_0_1
from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.process.crash import Killer
from tests.support.process.disks import mounts
from tests.support.process.program_0_1 import Program01
from tests.support.releases.published import LEDGER, NAME, snapshot

__all__ = ["mounts"]
OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
THIRD = LEDGER.replace("| C | 3 |", "| C | 5 |")


@dataclass(frozen=True)
class Old:
    """A site that version 0.1 published, and the state folder of its user."""

    root: Path
    state: Path
    policy: Path
    scratch: Path

    @property
    def home(self) -> Path:
        """Where version 0.1 had its home."""
        (found,) = self.state.glob("site-*")
        return found

    @property
    def place(self) -> Path:
        """Where the home of the ledger is looked for now."""
        return user_homes.of_ledger(NAME)

    @property
    def signers(self) -> list[Path]:
        """Every folder with keys in the state folder, without links."""
        return [f for f in self.state.glob("*/instance") if not f.parent.is_symlink()]

    def publish(self, ledger: str, version: str, *more: object, root: Path | None = None) -> Ran:
        """Publish without naming a home."""
        file = self.scratch / "next.md"
        file.write_text(ledger)
        words = ("--name", NAME, "--version", version, "--root", root or self.root)
        return anchor("publish", file, *words, *more)

    def verify(self, root: Path | None = None) -> Ran:
        """Verify by the policy that version 0.1 printed."""
        return anchor("verify", (root or self.root) / "release.json", "--policy", self.policy)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a site, and the homes of keys and records, all by version 0.1."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "ledger.md").write_text(LEDGER)
    program = Program01(program_0_1.extracted(folder / "program"), {"XDG_STATE_HOME": str(folder / "state")})
    root, policy = folder / "site", folder / "policy.toml"
    code, text = program.run(
        "publish", folder / "ledger.md", "--name", NAME, "--version", "1", "--root", root
    )
    assert code == 0, text
    policy.write_text(text[text.index("ledger = ") :])
    shutil.copytree(root, folder / "pristine-site")
    pinned = str(folder / "pristine-site")
    policy.write_text(policy.read_text().replace(str(root), pinned))
    watched = ("reverify", root / "release.json", "--policy", policy, "--offline")
    for name in ("watch-1", "watch-2"):
        (folder / name).mkdir()
        code, text = program.run(*watched, "--root", folder / name)
        assert code == 0, text
    program.end()
    shutil.copytree(folder / "state", folder / "pristine-state")
    return folder


@pytest.fixture
def old(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Old:
    """The same for one test. Everything is where it was: a path named the home, and one the mark."""
    monkeypatch.setenv("XDG_STATE_HOME", str(made / "state"))
    monkeypatch.delenv("ANCHOR_HOME", raising=False)
    for name in ("site", "state"):
        shutil.rmtree(made / name, ignore_errors=True)
        shutil.copytree(made / f"pristine-{name}", made / name)
    policy = tmp_path / "policy.toml"
    policy.write_text((made / "policy.toml").read_text())
    return Old(made / "site", made / "state" / "ledger-anchor", policy, tmp_path)


def test_a_home_of_version_0_1_is_adopted_and_then_the_site_may_move(old: Old, tmp_path: Path) -> None:
    ran = old.publish(OTHER, "2")
    assert ran.code == 0, ran.err
    assert f"the home {old.home} is that of '{NAME}' from now on" in ran.err
    assert old.place.readlink() == Path(old.home.name)
    moved = tmp_path / "renamed"
    shutil.move(old.root, moved)
    ran = old.publish(THIRD, "3", root=moved)
    assert (ran.code, "from now on" in ran.err) == (0, False), ran.err
    assert old.signers == [old.home / "instance"]
    assert old.verify(moved).code == 0


def test_a_site_that_moved_before_the_update_keeps_its_signer_too(old: Old, tmp_path: Path) -> None:
    moved = tmp_path / "renamed"
    shutil.move(old.root, moved)
    ran = old.publish(OTHER, "2", root=moved)
    assert ran.code == 0, ran.err
    assert old.signers == [old.home / "instance"]
    assert old.verify(moved).code == 0


def test_a_root_behind_a_link_has_the_same_home(old: Old, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(old.root)
    ran = old.publish(OTHER, "2", root=link)
    assert ran.code == 0, ran.err
    assert old.signers == [old.home / "instance"]


def test_a_status_adopts_it_as_well_and_a_dry_run_does_not(old: Old) -> None:
    before = snapshot(old.state)
    words = ("withdraw", old.root, "--release", "1", "--kind", "withdrawn", "--reason", "x")
    assert anchor(*words, "--dry-run").code == 0
    assert old.publish(OTHER, "2", "--dry-run").code == 0
    assert snapshot(old.state) == before
    ran = anchor(*words)
    assert ran.code == 0, ran.err
    assert old.place.is_symlink()


def test_two_homes_that_could_be_meant_are_refused_with_both_paths(old: Old, tmp_path: Path) -> None:
    second = old.state / "a-copy"
    shutil.copytree(old.home, second)  # two homes with one key, made by a person
    before = snapshot(old.state)
    for _ in range(2):
        ran = old.publish(OTHER, "2")
        says(ran, 2, "2 folders could be the home of the ledger")
        assert str(second) in ran.line
        assert str(old.home) in ran.line
        assert snapshot(old.state) == before
    assert old.publish(OTHER, "2", "--home", old.home).code == 0
    says(old.publish(THIRD, "3"), 2, "2 folders could be")
    shutil.move(second, tmp_path / "out")  # as the message says
    assert old.publish(THIRD, "3").code == 0
    assert old.verify().code == 0


def test_a_home_by_name_and_one_by_root_are_two(old: Old, tmp_path: Path) -> None:
    """The ledger was published from another folder first, with the program of today."""
    fresh = tmp_path / "fresh"
    assert old.publish(LEDGER, "1", root=fresh).code == 0
    assert old.place.is_dir()
    assert not old.place.is_symlink()
    ran = old.publish(OTHER, "2")
    says(ran, 2, str(old.place))
    assert str(old.home) in ran.line
    assert old.publish(OTHER, "2", root=fresh).code == 0


def test_what_a_failed_attempt_left_does_not_stand_in_the_way(old: Old) -> None:
    (old.place / "journal").mkdir(parents=True)
    assert old.publish(OTHER, "2").code == 0
    assert old.place.is_symlink()


def test_a_home_that_is_gone_is_not_replaced_by_a_new_one(old: Old, tmp_path: Path) -> None:
    assert old.publish(OTHER, "2").code == 0
    home = old.home
    shutil.move(home, tmp_path / "lost")
    for words in (("publish", old.scratch / "next.md", "--name", NAME, "--version", "3"), ("renew",)):
        root = ("--root", old.root) if words[0] == "publish" else (old.root,)
        says(anchor(*words, *root), 2, f"the home that this link names is gone: {home.name}")
    assert old.signers == []
    shutil.move(tmp_path / "lost", home)
    assert old.publish(THIRD, "3").code == 0


def test_another_ledger_in_the_root_is_refused_and_adopts_nothing(old: Old) -> None:
    file = old.scratch / "next.md"
    file.write_text(OTHER)
    words = ("publish", file, "--name", "other", "--version", "1", "--root", old.root)
    says(anchor(*words), 2, "this folder holds the ledger")
    assert not user_homes.of_ledger("other").is_symlink()
    assert old.publish(OTHER, "2").code == 0


def test_a_home_that_signed_for_another_ledger_is_not_adopted_for_this_one(old: Old) -> None:
    assert old.publish(OTHER, "2").code == 0
    shutil.rmtree(old.root)
    file = old.scratch / "next.md"
    ran = anchor("publish", file, "--name", "other", "--version", "1", "--root", old.root)
    assert ran.code == 0, ran.err
    assert len(old.signers) == 2


def test_one_ledger_in_two_roots_has_one_home_which_refuses_a_second_statement(
    old: Old, tmp_path: Path
) -> None:
    assert old.publish(OTHER, "2").code == 0
    clone = tmp_path / "clone"
    shutil.copytree(old.root, clone)
    assert old.publish(THIRD, "3", root=clone).code == 0
    ran = old.publish(LEDGER, "3")
    says(ran, 2, "this home signed another statement")
    assert f"published in {clone}" in ran.line
    assert "bring the newest state of the published folder here" in ran.line
    assert old.publish(THIRD, "3").code == 0  # the very bytes: the same release, and no second entry
    shutil.rmtree(old.root)
    shutil.copytree(clone, old.root)
    assert old.publish(LEDGER, "4").code == 0


def test_killed_at_any_operation_the_home_is_the_old_one_or_adopted(old: Old) -> None:
    def adopt() -> str:
        return str(publisher_homes.adopt(old.root, NAME)[0])

    before, home = snapshot(old.home), str(old.home)
    counting = Killer()
    assert crash.forked(adopt, killer=counting) == home
    old.place.unlink()
    points = crash.points(counting)
    assert "symlink" in counting.seen
    for number, torn in points:
        (old.place / "journal").mkdir(parents=True)  # of an attempt that failed
        assert crash.forked(adopt, killer=Killer(at=number, torn=torn)) is None, number
        assert publisher_homes.find(old.root, NAME) == old.home
        assert adopt() == home
        assert snapshot(old.home) == before
        old.place.unlink()


def test_processes_that_adopt_at_once_find_one_home(old: Old) -> None:
    def adopt() -> str:
        return str(publisher_homes.adopt(old.root, NAME))

    running = [crash.start(adopt) for _ in range(8)]
    found = [one.result() for one in running]
    assert sorted(set(found)) == sorted({str((old.home, False)), str((old.home, True))})
    assert found.count(str((old.home, True))) == 1


Look = tuple[object, str]
"""A function that looks at the disk: its module, and its name there."""


def linked_meanwhile(find: Callable[[], Path], looks: list[Look], place: Path) -> Iterator[Path]:
    """The home that is found each time, while another process makes the link to it: after the first look at
    the disk, after the second one, and so on."""
    home = find()
    for number in itertools.count(1):
        place.unlink(missing_ok=True)
        calls = itertools.count(1)
        with pytest.MonkeyPatch.context() as patch:
            for module, name in looks:
                real = getattr(module, name)
                patch.setattr(module, name, partial(linked_after, number, calls, place, home, real))
            yield find()
        if next(calls) <= number:
            return


def linked_after(
    number: int, calls: Iterator[int], place: Path, home: Path, real: Callable[..., object], *given: Path
) -> object:
    """A call. If it is the one with this number, another process makes the link right after it."""
    found = real(*given)
    if next(calls) == number and not place.is_symlink():
        place.symlink_to(home.name)
    return found


def test_a_home_that_another_process_adopts_at_any_moment_is_one(old: Old) -> None:
    """Under its own name and behind the link it would be two that could be meant."""
    looks: list[Look] = [(publisher_homes, "is_used"), (user_homes, "followed"), (user_homes, "all_folders")]
    found = [*linked_meanwhile(lambda: publisher_homes.find(old.root, NAME), looks, old.place)]
    assert len(found) > 3
    assert {*found} == {old.home}


def test_records_that_another_process_adopts_at_any_moment_are_found_by_their_own_name(
    old: Old, tmp_path: Path
) -> None:
    """The mark of the records is for the name of their home."""
    shutil.rmtree(next(old.state.glob("watch-2-*")))
    (home,) = old.state.glob("watch-1-*")
    looks: list[Look] = [
        (records_home, "_has_records"),
        (user_homes, "followed"),
        (user_homes, "all_folders"),
    ]
    found = [*linked_meanwhile(lambda: records_home.find(tmp_path), looks, user_homes.of_records())]
    assert len(found) > 3
    assert {*found} == {home}


def test_publications_at_once_from_two_folders_make_one_signer_and_one_entry(
    old: Old, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(old.root, moved)
    (tmp_path / "next.md").write_text(OTHER)

    def publish(root: Path) -> int:
        words = ("--name", NAME, "--version", "2", "--root", root)
        return anchor("publish", tmp_path / "next.md", *words).code

    running = [crash.start(partial(publish, root)) for root in (old.root, moved, old.root, moved)]
    codes = [one.result() for one in running]
    assert set(codes) <= {0, 3}, codes
    assert 0 in codes
    assert publish(old.root) == publish(moved) == 0
    assert old.signers == [old.home / "instance"]
    for root in (old.root, moved):
        (note,) = root.glob("release/log/*/checkpoint")
        assert note.read_text().splitlines()[1] == "2"


def test_an_empty_home_in_use_is_not_taken_away(old: Old) -> None:
    """Another process publishes the ledger's first release elsewhere at this moment."""
    from anchor.publish import interrupted

    with interrupted.locked(old.place), pytest.raises(Unavailable, match="publishing with this home"):
        publisher_homes.adopt(old.root, NAME)
    assert publisher_homes.adopt(old.root, NAME) == (old.home, True)


def test_a_state_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    (tmp_path / "ledger.md").write_text(LEDGER)
    words = ("publish", tmp_path / "ledger.md", "--name", NAME, "--version", "1", "--root", tmp_path / "site")
    ran = anchor(*words)
    says(ran, 2, "cannot make the home folder")
    assert not (tmp_path / "site").exists()
    ran = anchor("reverify", tmp_path, "--policy", tmp_path / "none")
    assert ran.code == 2, ran


def test_a_state_folder_that_is_read_only_is_one_line_and_makes_no_other_signer(
    old: Old, tmp_path: Path, mounts: Callable[[Path], Path]
) -> None:
    before, state = snapshot(old.root), snapshot(old.state)
    mounts(old.state)
    for root in (old.root, tmp_path / "new-site"):
        ran = old.publish(OTHER, "2", root=root)
        says(ran, 2, "Read-only file system")
        assert not (tmp_path / "new-site").exists()
    assert old.publish(OTHER, "2", "--dry-run").code == 0
    ran = anchor("instance", "backup", tmp_path / "copy", "--root", old.root)
    assert ran.code == 0, ran  # of a disk that begins to fail, too
    assert snapshot(old.root) == before
    assert snapshot(old.state) == state


def test_a_copy_cannot_be_restored_into_a_read_only_state_folder(
    old: Old, tmp_path: Path, mounts: Callable[[Path], Path]
) -> None:
    assert anchor("instance", "backup", tmp_path / "copy", "--root", old.root).code == 0
    shutil.rmtree(old.home)
    mounts(old.state)
    words = ("instance", "restore", tmp_path / "copy", "--root", old.root)
    says(anchor(*words), 2, "Read-only file system")
    assert anchor(*words, "--home", tmp_path / "elsewhere").code == 0


ODD = ("a b/c", "../x", ".hidden", "ünïcode", "x" * 128, "CON", "a\\b", "%s", "-o", "records", "~")


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_has_a_home_of_its_own_below_the_state_folder(name: str, old: Old) -> None:
    place = user_homes.of_ledger(name)
    assert place.parent == old.state
    assert len(place.name.encode()) <= 60
    file = old.scratch / "next.md"
    file.write_text(LEDGER)
    root = old.scratch / "odd"
    ran = anchor("publish", file, "--name", name, "--version", "1", "--root", root)
    assert ran.code == 0, ran.err
    assert (place / "instance").is_dir()
    assert f"back this up\n           {place}\n" in ran.err
    (printed,) = re.findall(r"anchor (instance backup FOLDER .*)", ran.err)
    copy = old.scratch / "copy"
    assert anchor(*shlex.split(printed.replace("FOLDER", str(copy)))).code == 0
    assert (copy / "signed.jsonl").exists()
    again = anchor("publish", file, "--name", name, "--version", "1", "--root", root)
    assert (again.code, "back this up" in again.err) == (0, False)


def test_names_that_differ_in_case_alone_have_two_homes_on_any_file_system() -> None:
    upper, lower = (user_homes.of_ledger(name).name.lower() for name in ("Ledger", "ledger"))
    assert upper != lower


def test_a_lost_home_that_was_adopted_is_restored_in_its_place(old: Old, tmp_path: Path) -> None:
    (old.home / "records.db").write_text("records of version 0.1 are not part of a copy")
    assert old.publish(OTHER, "2").code == 0
    assert anchor("instance", "backup", tmp_path / "copy", "--root", old.root).code == 0
    assert not (tmp_path / "copy" / "records.db").exists()
    shutil.rmtree(old.home)
    says(old.publish(THIRD, "3"), 2, "'anchor instance restore'")
    ran = anchor("instance", "restore", tmp_path / "copy", "--root", old.root)
    assert ran.code == 0, ran
    assert not old.place.is_symlink()
    assert old.publish(THIRD, "3").code == 0
    assert old.verify().code == 0


def test_a_home_that_was_never_adopted_is_copied_and_restored_for_its_ledger(
    old: Old, tmp_path: Path
) -> None:
    home = old.home
    assert anchor("instance", "backup", tmp_path / "copy", "--root", old.root).code == 0
    assert not old.place.is_symlink()
    shutil.rmtree(home)
    ran = anchor("instance", "restore", tmp_path / "copy", "--root", old.root)
    assert ran.code == 0, ran
    assert "has a log that is not ahead of this copy" in ran.out
    moved = tmp_path / "renamed"
    shutil.move(old.root, moved)
    assert old.publish(OTHER, "2", root=moved).code == 0
    assert old.verify(moved).code == 0


def test_a_site_that_claims_my_log_gets_no_signature_of_mine(old: Old, tmp_path: Path) -> None:
    """Nobody has signed release.json. A stranger gives me a folder whose release.json names my log for his
    ledger: the home of version 0.1 has no list, so it cannot tell; but its log has other entries."""
    strangers = tmp_path / "strangers"
    shutil.copytree(old.root, strangers)
    for path in strangers.rglob("release.json"):
        path.write_text(path.read_text().replace(NAME, "his-ledger"))
    before = snapshot(old.home / "instance" / "log")
    file = tmp_path / "his.md"
    file.write_text(OTHER)
    ran = anchor("publish", file, "--name", "his-ledger", "--version", "2", "--root", strangers)
    assert ran.code in (2, 8), ran
    assert {p: d for p, d in snapshot(old.home / "instance" / "log").items() if "index" not in p} == {
        p: d for p, d in before.items() if "index" not in p
    }
    assert old.publish(OTHER, "2").code == 0
    assert old.verify().code == 0


# Records


def test_the_only_records_of_version_0_1_are_used_wherever_a_command_runs(old: Old, tmp_path: Path) -> None:
    shutil.rmtree(next(old.state.glob("watch-2-*")))
    (home,) = old.state.glob("watch-1-*")
    ran = anchor("reverify", "--policy", old.policy, "--offline", cwd=tmp_path)
    assert ran.code == 0, ran
    assert "restored" not in ran.out + ran.err  # the mark is that of these records
    assert user_homes.of_records().readlink() == Path(home.name)
    shown = anchor("status", cwd=tmp_path)
    assert shown.code == 0, shown
    assert "OK: 1 watched" in shown.out
    assert len(anchor("history", "--json", cwd=tmp_path).out.splitlines()) == 2
    assert len(list(home.glob("records-*.mark"))) == 1


def test_several_records_of_version_0_1_are_not_begun_anew(old: Old, tmp_path: Path, made: Path) -> None:
    homes = sorted(old.state.glob("watch-*"))
    for words in (("status",), ("history",), ("reverify", "--policy", old.policy)):
        ran = anchor(*words, cwd=tmp_path)
        says(ran, 2, "2 folders could be the home of the records")
        assert all(str(home) in ran.line for home in homes)
    assert not os.path.lexists(user_homes.of_records())
    again = ("reverify", "--policy", old.policy, "--offline")
    assert anchor(*again, "--home", homes[0], cwd=tmp_path).code == 0
    assert anchor(*again, cwd=made / "watch-2").code == 0  # the folder for which it was made
    assert [f.name for f in old.state.glob("records*")] == []
    release = old.root / "release.json"
    begun = ("reverify", release, "--policy", old.policy, "--offline", "--home", user_homes.of_records())
    assert anchor(*begun, cwd=tmp_path).code == 0  # as the message says
    assert anchor("status", cwd=tmp_path).code == 0
    assert len(anchor("history", "--json", cwd=tmp_path).out.splitlines()) == 1
    assert len(anchor("history", "--json", cwd=made / "watch-2").out.splitlines()) == 2


def test_records_are_found_where_no_link_can_be_made(old: Old, tmp_path: Path) -> None:
    """Evidence is in its place, and is not moved."""
    shutil.rmtree(next(old.state.glob("watch-2-*")))
    (user_homes.of_records() / "evidence").mkdir(parents=True)
    for _ in range(2):
        ran = anchor("reverify", "--policy", old.policy, "--offline", cwd=tmp_path)
        assert ran.code == 0, ran
    assert not user_homes.of_records().is_symlink()
    assert len(anchor("history", "--json", cwd=tmp_path).out.splitlines()) == 3


def test_evidence_is_kept_where_records_are_not_clear(old: Old) -> None:
    with pytest.raises(Misuse):
        records_home.find(old.root)
    assert records_home.for_evidence(old.root) == user_homes.of_records()
