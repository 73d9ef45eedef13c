# SPDX-License-Identifier: Apache-2.0
"""A source that lies to its mirror, over time: it goes back, forks, leads out of the folder, never ends."""

import base64
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor.disk.mirror_folder import STATE
from tests.support.attacks.attacked import dump, log_of
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.chained import edit, link_of, put
from tests.support.releases.published import LEDGER, Site, published, snapshot
from tests.support.servers.folder_server import serve_folder

OTHER = LEDGER.replace("| A | 1 |", "| A | 9 |")


class Mirrored:
    """A mirror of a site that changes from now on."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = site.home.parent / "mirror"
        self.home = site.home.parent / "watch"
        assert self.run().code == 0
        self.before = self.files()

    def files(self) -> dict[str, bytes]:
        """The files of the mirror, without those that wait."""
        return {n: d for n, d in snapshot(self.folder).items() if not n.startswith(STATE)}

    def run(self, *words: object, source: object = "") -> Ran:
        given = ("--policy", self.site.policy, "--home", self.home, "--json")
        return anchor("mirror", source or self.site.root, self.folder, *given, *words)

    def refuses(self, code: int, says: str, **more: Any) -> Ran:
        """Twice, and the mirror has what it had each time."""
        for _ in range(2):
            ran = self.run(**more)
            assert ran.code == code, ran
            assert says in f"{ran.out}{ran.err}", ran
            assert self.files() == self.before
            assert code == 3 or not (self.folder / STATE / "new").exists()
        assert anchor("chain", self.folder, "--policy", self.site.policy).code == 0
        return ran

    def follows(self) -> None:
        """The source is honest again."""
        ran = self.run()
        assert ran.code == 0, ran

    def evidence(self) -> list[Path]:
        return sorted((self.home / "evidence").glob("*.json"))


@pytest.fixture
def site(three_releases: Site, tmp_path: Path) -> Site:
    """Three releases of one signer. The policy trusts the root of the original."""
    found = three_releases.copy(tmp_path)
    found.policy.write_text(three_releases.policy.read_text())
    return found


@pytest.fixture
def mirrored(site: Site) -> Mirrored:
    return Mirrored(site)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


# Back, and another history


def test_an_older_release_is_not_followed_and_a_later_one_is(mirrored: Mirrored) -> None:
    data = mirrored.site.release.read_bytes()
    mirrored.site.roll_back("2")
    mirrored.refuses(3, "release 2 is served where 3 is kept")
    mirrored.site.release.write_bytes(data)
    mirrored.follows()


def test_another_release_of_the_newest_number_is_evidence(mirrored: Mirrored) -> None:
    kept = mirrored.site.copy(mirrored.site.home.parent / "honest")
    put(mirrored.site, "3", 3, link_of(mirrored.site, "2"), ledger=OTHER, newest=True)
    ran = mirrored.refuses(6, "two signed statements")
    (path,) = mirrored.evidence()
    assert any(str(path) in note for note in ran.document["notes"])
    shown = anchor("verify-evidence", path, "--policy", mirrored.site.policy, "--json")
    assert (shown.code, shown.document["facts"]["number"]) == (6, 3)
    shutil.rmtree(mirrored.site.root)
    shutil.copytree(kept.root, mirrored.site.root)
    mirrored.follows()  # and a watch of this home knows the evidence


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_longer_chain_of_another_history_is_evidence(mirrored: Mirrored, first: int) -> None:
    """It forks at the first, second or third release, and its newest one has a higher number than is kept."""
    site = mirrored.site
    for number in range(first, 5):
        before = link_of(site, str(number - 1)) if number > 1 else None
        put(site, str(number), number, before, ledger=f"{OTHER}| D | {number} |\n", newest=number == 4)
    mirrored.refuses(6, "names another release")
    assert len(mirrored.evidence()) == 1


def test_a_fork_that_nobody_whom_you_trust_signed_is_no_evidence(mirrored: Mirrored, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = published(tmp_path / "second", OTHER)
    put(mirrored.site, "3", 3, link_of(mirrored.site, "2"), ledger=OTHER, newest=True, signer=second.home)
    mirrored.refuses(8, "nobody whom you trust")
    assert mirrored.evidence() == []


def test_another_ledger_of_the_same_signer(mirrored: Mirrored) -> None:
    put(mirrored.site, "1.0", 1, None, name="another-ledger", newest=True)
    mirrored.refuses(8, "of the ledger 'another-ledger'")


def test_a_left_out_status_and_an_old_one(mirrored: Mirrored) -> None:
    site = mirrored.site
    without = site.release.read_bytes()
    words = ("--release", "2", "--kind", "corrected", "--reason", "measured twice", "--home", site.home)
    assert anchor("withdraw", site.root, *words).code == 0
    one = site.release.read_bytes()
    assert anchor("renew", site.root, "--home", site.home).code == 0
    two = site.release.read_bytes()
    mirrored.follows()
    mirrored.before = mirrored.files()
    site.release.write_bytes(one)
    mirrored.refuses(3, "status 1 is served where status 2 is kept")
    site.release.write_bytes(without)
    mirrored.refuses(3, "no status is served where status 2 is kept")
    site.release.write_bytes(two)
    mirrored.follows()


def test_two_statuses_of_one_sequence_are_evidence(mirrored: Mirrored, tmp_path: Path) -> None:
    site = mirrored.site
    words = ("--release", "2", "--kind", "corrected", "--home", site.home, "--reason")
    other = site.copy(tmp_path / "other")
    assert anchor("withdraw", site.root, *words, "measured twice").code == 0
    mirrored.follows()
    mirrored.before = mirrored.files()
    home = ("--home", other.home)
    assert anchor("withdraw", other.root, *words[:-3], *home, "--reason", "never measured").code == 0
    mirrored.refuses(6, "cannot both be true", source=other.root)
    (path,) = mirrored.evidence()
    assert anchor("verify-evidence", path, "--policy", site.policy).code == 6


def test_a_version_whose_own_release_json_says_something_else_is_not_kept(mirrored: Mirrored) -> None:
    """Nobody signed it; a mirror that kept it could not be read back from the next release."""
    site = mirrored.site
    assert site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    path = site.root / "release" / "4" / "release.json"
    data = path.read_bytes()
    edit(path, lambda value: value["tree"].update(root="0" * 64))
    ran = mirrored.run()
    assert ran.code == 0, ran
    assert any("says something else" in note for note in ran.document["notes"])
    assert "release/4/release.json" not in mirrored.files()
    path.write_bytes(data)
    mirrored.follows()
    assert "release/4/release.json" in mirrored.files()


# Logs


def test_a_log_of_another_history_is_evidence_and_nothing_is_kept(mirrored: Mirrored) -> None:
    log = log_of(mirrored.site)
    place = mirrored.site.root / "release" / "log" / log.origin
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    honest = {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}
    dump(log.fork(1, 5), place)
    mirrored.refuses(6, "two histories")
    (path,) = mirrored.evidence()
    assert anchor("verify-evidence", path, "--log-key", log.key.vkey).code == 6
    shutil.rmtree(place)
    for one, data in honest.items():
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_bytes(data)
    mirrored.follows()
    assert (mirrored.folder / "release/4/release.json").exists()


def test_a_log_that_went_back_is_not_followed_and_releases_are(mirrored: Mirrored) -> None:
    log = log_of(mirrored.site)
    place = mirrored.site.root / "release" / "log" / log.origin
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    dump(log.rewind(2), place)
    ran = mirrored.run()
    assert ran.code == 3, ran
    assert "old head served" in ran.out
    head = f"release/log/{log.origin}/checkpoint"
    assert mirrored.files()[head] == mirrored.before[head]
    assert anchor("chain", mirrored.folder, "--policy", mirrored.site.policy).code == 0
    assert "release/4/release.json" in mirrored.files()


@pytest.mark.parametrize("spoil", ["tile/0/000.p/4", "tile/entries/000.p/4", "checkpoint"])
@pytest.mark.parametrize("how", ["missing", "changed"])
def test_a_log_whose_files_do_not_hash_up_is_not_taken(mirrored: Mirrored, spoil: str, how: str) -> None:
    log = log_of(mirrored.site)
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    path = mirrored.site.root / "release" / "log" / log.origin / spoil
    data = path.read_bytes()
    other = b"y" if data[-9:-8] == b"x" else b"x"  # a signature or hash may have an x there
    path.unlink() if how == "missing" else path.write_bytes(data[:-9] + other + data[-8:])
    for _ in range(2):
        ran = mirrored.run()
        assert ran.code == 3, ran
        now, head = mirrored.files(), f"release/log/{log.origin}/"
        assert {n: d for n, d in now.items() if n.startswith(head)} == {
            n: d for n, d in mirrored.before.items() if n.startswith(head)
        }
    path.write_bytes(data)
    mirrored.follows()


# Out of the folder


def named(site: Site, path: str, file: str = "ledger.md") -> None:
    """The root release.json names a file at another path, where the source has it too if it can."""

    def change(value: Any) -> None:
        (one,) = [f for f in value["files"] if f["name"] == file]
        old = site.root / one["path"]
        one["path"] = path
        here = ".." not in path and not path.startswith("/") and not path.endswith("/x")
        if here and not (site.root / path).is_dir():
            (site.root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(old, site.root / path)

    edit(site.release, change)


def test_an_earlier_status_takes_the_place_of_no_release(site: Site) -> None:
    """The source names its status so that the earlier one lies where release 1 does, and serves it later."""
    words = ("--release", "2", "--kind", "corrected", "--reason", "measured twice", "--home", site.home)
    assert anchor("withdraw", site.root, *words).code == 0
    assert anchor("renew", site.root, "--home", site.home).code == 0
    shutil.copytree(site.root / "release/status/2", site.root / "release/s")

    def change(value: Any) -> None:
        for one in (value["status"]["statement"], *value["status"]["bundles"]):
            one["path"] = one["path"].replace("release/status/2/", "release/s/")

    edit(site.release, change)
    folder = site.home.parent / "mirror"
    given = ("--policy", site.policy, "--home", site.home.parent / "watch")
    with serve_folder(site.root) as server:
        for file in (site.root / "release/status/1").iterdir():
            server.then[f"release/1/{file.name}"] = file.read_bytes()
        ran = anchor("mirror", f"{server.url}/", folder, *given)
        assert ran.code == 8, ran
        assert "two releases name this path" in f"{ran.out}{ran.err}"
        assert not (folder / "release").exists()
        server.then.clear()
    assert anchor("mirror", site.root, folder, *given).code == 0
    assert anchor("chain", folder, "--policy", site.policy).code == 0


@pytest.mark.parametrize(
    "path",
    [
        "../stolen.md",
        "/tmp/stolen.md",
        "a/../../stolen.md",
        f"{STATE}/new/stolen.md",
        "release/log/stolen",
        "release/3/release.json",
        "Release/3/statement.json",
        "release/1/statement.json/x",
        "release/2/statement.json",
        "release/1",
    ],
)
def test_a_path_that_leads_elsewhere_or_replaces_something(mirrored: Mirrored, path: str) -> None:
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    around = {p.name for p in mirrored.folder.parent.iterdir()}
    named(mirrored.site, path)
    for _ in range(2):
        ran = mirrored.run()
        assert ran.code in (2, 3, 8), ran
        assert mirrored.files() == mirrored.before
    assert {p.name for p in mirrored.folder.parent.iterdir()} == around


def test_a_link_in_the_source_that_leads_out_is_not_followed(mirrored: Mirrored, tmp_path: Path) -> None:
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    secret = mirrored.site.root / "release" / "4" / "ledger.md"
    outside = tmp_path / "outside.md"
    secret.rename(outside)
    secret.symlink_to(outside)
    mirrored.refuses(8, "leads out of the folder")


def test_a_link_in_the_mirror_that_leads_out_is_not_written_through(
    mirrored: Mirrored, tmp_path: Path
) -> None:
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (mirrored.folder / "release" / "4").symlink_to(outside)
    ran = mirrored.run()
    assert ran.code == 8, ran
    assert [*outside.iterdir()] == []


# Too much, too long, in parts


def test_a_file_without_end_and_a_redirect_elsewhere(mirrored: Mirrored) -> None:
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    with serve_folder(mirrored.site.root) as server:
        server.huge.add("release/4/ledger.md")
        mirrored.refuses(8, "more than the", source=f"{server.url}/")
        server.huge.clear()
        server.moved["release/4/ledger.md"] = "https://example.org/ledger.md"
        mirrored.refuses(3, "redirects", source=f"{server.url}/")
        server.moved.clear()
        assert mirrored.run(source=f"{server.url}/").code == 0


def test_no_more_is_fetched_than_is_allowed(mirrored: Mirrored) -> None:
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    ran = mirrored.run("--max-size", "9000")
    assert ran.code == 3, ran
    assert "more than 9000 bytes" in ran.out
    assert mirrored.files() == mirrored.before
    mirrored.follows()


def test_a_large_ledger_that_nobody_signed_is_not_fetched(site: Site, tmp_path: Path) -> None:
    """A stranger's release promises a file of 2 GiB: its bundle does not verify, so nobody asks for it."""
    mirrored = Mirrored(site)
    (tmp_path / "second").mkdir()
    second = published(tmp_path / "second", OTHER)
    put(site, "4", 4, link_of(site, "3"), newest=True, signer=second.home)

    def promise(value: Any) -> None:
        value["files"][-1]["size"] = 1 << 31

    edit(site.release, promise)
    with serve_folder(site.root) as server:
        ran = mirrored.run(source=f"{server.url}/")
        assert ran.code == 8, ran
        assert not [p for p in server.asked if p.endswith("ledger.md")]
    assert mirrored.files() == mirrored.before


@pytest.mark.parametrize("name", ["ledger.md", "statement.json", "trusted_root.json"])
def test_other_bytes_than_promised(mirrored: Mirrored, name: str) -> None:
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    path = mirrored.site.root / "release" / "4" / name
    data = path.read_bytes()
    path.write_bytes(data[:-2] + b"x\n")
    mirrored.refuses(8, "SHA-256 is")
    path.write_bytes(data[:-1])
    mirrored.refuses(3, "where")
    path.write_bytes(data)
    mirrored.follows()


def test_a_source_in_the_middle_of_a_copy(mirrored: Mirrored) -> None:
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    data = mirrored.site.release.read_bytes()
    for torn in (b"", data[:100], data[:-1], b"<html>busy</html>"):
        mirrored.site.release.write_bytes(torn)
        mirrored.refuses(3, "no whole release.json")
    mirrored.site.release.write_bytes(data)
    hidden = mirrored.site.root / "release" / "3"
    shutil.copytree(hidden, mirrored.site.home.parent / "3")
    shutil.rmtree(hidden)
    mirrored.follows()  # the mirror has release 3 already


def test_an_earlier_release_that_is_missing_ends_a_first_run(site: Site) -> None:
    (site.root / "release" / "2").rename(site.home.parent / "2")
    folder = site.home.parent / "mirror"
    ran = anchor("mirror", site.root, folder, "--policy", site.policy, "--json")
    assert ran.code == 3, ran
    assert not (folder / "release.json").exists()
    assert not (folder / "release").exists()
    (site.home.parent / "2").rename(site.root / "release" / "2")
    assert anchor("mirror", site.root, folder, "--policy", site.policy).code == 0


def test_a_second_process_waits_for_none(mirrored: Mirrored) -> None:
    fd = os.open(mirrored.folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        ran = mirrored.run()
    finally:
        os.close(fd)
    assert ran.code == 3, ran
    assert "another process is mirroring here" in ran.err
    mirrored.follows()


def test_a_mirror_that_somebody_changed_is_not_built_upon(mirrored: Mirrored) -> None:
    (mirrored.folder / "release.json").write_bytes(b"{}")
    ran = mirrored.run()
    assert ran.code == 2, ran
    assert "the mirror was changed by something else" in ran.err


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_at_the_source(mirrored: Mirrored, make: Callable[[Path], object]) -> None:
    assert mirrored.site.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    path = mirrored.site.root / "release" / "4" / "ledger.md"
    path.unlink()
    make(path)
    mirrored.refuses(8, "not a regular file")


def test_a_damaged_head_of_the_mirror_itself_says_what_to_do(mirrored: Mirrored) -> None:
    (head,) = mirrored.folder.glob("release/log/*/checkpoint")
    data = head.read_bytes()
    root = data.split(b"\n")[2]
    head.write_bytes(data.replace(root, base64.b64encode(bytes(32))))
    for _ in range(2):
        ran = mirrored.run()
        assert ran.code == 3, ran
        assert "the mirror's own head is damaged" in ran.out
    shutil.move(head.parent, mirrored.home.parent / "aside")
    mirrored.follows()
    assert head.read_bytes() == data
