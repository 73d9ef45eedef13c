# SPDX-License-Identifier: Apache-2.0
"""`anchor mirror` of honest sites: everything that a verifier needs, and only what is new in a second run."""

import resource
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from anchor.disk.mirror_folder import STATE
from tests.support.attacks.attacked import dump, log_of, make_site
from tests.support.logs.simlog import SimLog, key
from tests.support.process.anchor_cli import Ran, anchor, forked
from tests.support.releases import published
from tests.support.releases.published import LEDGER, Site
from tests.support.releases.version_2 import KINDS, release_of_kind
from tests.support.servers.folder_server import FolderServer, serve_folder


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("anchor.net.http._Call._pause", lambda _call, _tried, _asked: 0.0)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("three"))


@pytest.fixture
def grown(three: Site, tmp_path: Path) -> Site:
    """A copy of three releases that a test goes on with. The policy pins the root of the original."""
    found = three.copy(tmp_path)
    found.policy.write_text(three.policy.read_text())
    return found


@pytest.fixture
def server(grown: Site) -> Iterator[FolderServer]:
    with serve_folder(grown.root) as found:
        yield found


def mirror(source: object, folder: Path, site: Site, *words: object) -> Ran:
    home = site.home.parent / "watch"
    return anchor("mirror", source, folder, "--policy", site.policy, "--home", home, "--json", *words)


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a mirror or a site, without those that no release names."""
    found = published.snapshot(folder)
    beside = ("release/FORMAT.md", "release/schema/", STATE)
    return {name: data for name, data in found.items() if not name.startswith(beside)}


def asked(server: FolderServer) -> list[str]:
    found = list(server.asked)
    server.asked.clear()
    return found


def test_a_mirror_has_all_that_the_site_has_and_verifies_from_there(
    grown: Site, server: FolderServer, tmp_path: Path
) -> None:
    folder = tmp_path / "mirror"
    ran = mirror(f"{server.url}/", folder, grown)
    assert ran.code == 0, ran
    assert files(folder) == files(grown.root)
    found = ran.document
    assert (found["kind"], found["facts"]["releases"]) == ("mirror", [3, 2, 1])
    assert found["facts"]["files"]["new"] == len(files(folder))
    for command in ("verify", "chain"):
        assert anchor(command, folder, "--policy", grown.policy).code == 0
    receipt = anchor("prove", folder, "--fact", 0, "--policy", grown.policy)
    assert receipt.code == 0
    home = tmp_path / "other"
    assert anchor("reverify", folder, "--policy", grown.policy, "--home", home).code == 0


def test_a_second_run_fetches_release_json_and_heads_alone(
    grown: Site, server: FolderServer, tmp_path: Path
) -> None:
    folder = tmp_path / "mirror"
    first = mirror(f"{server.url}/", folder, grown).document["facts"]["bytes"]
    assert asked(server).count("release.json") == 1
    before = published.snapshot(folder)
    ran = mirror(f"{server.url}/", folder, grown)
    assert ran.code == 0, ran
    (log,) = (p.name for p in grown.root.glob("release/log/*"))
    assert asked(server) == ["release.json", "release/3/release.json", f"release/log/{log}/checkpoint"]
    assert ran.document["facts"]["files"]["new"] == 0
    assert ran.document["facts"]["bytes"] < first / 5
    assert published.snapshot(folder) == before


def test_a_new_release_and_a_status_are_all_that_is_fetched(
    grown: Site, server: FolderServer, tmp_path: Path
) -> None:
    folder = tmp_path / "mirror"
    assert mirror(f"{server.url}/", folder, grown).code == 0
    assert grown.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    words = ("--release", "2", "--kind", "corrected", "--reason", "measured twice")
    for _ in range(2):
        assert anchor("withdraw", grown.root, *words, "--home", grown.home).code == 0
        words = ("--release", "1", *words[2:])
    asked(server)
    ran = mirror(f"{server.url}/", folder, grown)
    assert ran.code == 0, ran
    wanted = [p for p in asked(server) if not p.startswith("release/log/")]
    assert not [p for p in wanted if p.startswith(("release/1/", "release/2/", "release/3/"))]
    assert files(folder) == files(grown.root)
    assert any(p.startswith("release/status/1/") for p in files(folder))
    assert anchor("chain", folder, "--policy", grown.policy).code == 0


def test_several_releases_at_once(grown: Site, server: FolderServer, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    data = (grown.root / "release.json").read_bytes()
    grown.roll_back("1")
    later = [grown.root / "release" / n for n in ("2", "3")]
    for one in later:
        one.rename(tmp_path / one.name)
    ran = mirror(f"{server.url}/", folder, grown)
    assert ran.code == 0, ran
    assert ran.document["facts"]["releases"] == [1]
    for one in later:
        (tmp_path / one.name).rename(one)
    (grown.root / "release.json").write_bytes(data)
    ran = mirror(f"{server.url}/", folder, grown)
    assert ran.code == 0, ran
    assert files(folder) == files(grown.root)


def test_a_mirror_of_a_mirror_from_a_folder_and_over_http(grown: Site, tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    assert mirror(grown.root, one, grown).code == 0
    assert mirror(one, two, grown).code == 0
    with serve_folder(two) as server:
        assert mirror(f"{server.url}/", three, grown).code == 0
    assert files(three) == files(grown.root)


def test_what_was_lost_or_damaged_is_repaired(grown: Site, server: FolderServer, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    assert mirror(f"{server.url}/", folder, grown).code == 0
    (folder / "release/1/ledger.md").unlink()
    damaged = folder / "release/2/statement.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"a", b"b"))
    (folder / "release/3/ledger.json").write_bytes(b"")
    (tile,) = folder.glob("release/log/*/tile/0/*.p/*")
    tile.unlink()
    asked(server)
    ran = mirror(f"{server.url}/", folder, grown)
    assert ran.code == 0, ran
    assert files(folder) == files(grown.root)
    assert {"release/1/ledger.md", "release/2/statement.json", "release/3/ledger.json"} <= {*asked(server)}


def test_again_verifies_everything_and_finds_new_anchors(
    grown: Site, server: FolderServer, tmp_path: Path
) -> None:
    folder = tmp_path / "mirror"
    assert mirror(f"{server.url}/", folder, grown).code == 0
    asked(server)
    ran = mirror(f"{server.url}/", folder, grown, "--again")
    assert ran.code == 0, ran
    assert {c["name"] for c in ran.document["checks"]} >= {"release 3", "release 2", "release 1"}
    assert {"release/1/release.json", "release/2/release.json"} <= {*asked(server)}


def test_without_a_policy_it_is_kept_and_said_not_to_be_verified(grown: Site, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    ran = anchor("mirror", grown.root, folder, "--json")
    assert (ran.code, ran.document["verdict"]) == (2, "USAGE")
    assert any("nobody said whose signature counts" in n for n in ran.document["notes"])
    assert files(folder) == files(grown.root)
    again = anchor("mirror", grown.root, folder, "--json")
    assert again.code == 2
    assert mirror(grown.root, folder, grown).code == 0  # and under a policy from then on


def test_a_larger_log_grows_by_its_new_tiles_alone(grown: Site, tmp_path: Path) -> None:
    """700 and then 1,000 entries behind those of the releases: full tiles are read once."""
    folder, place = tmp_path / "mirror", next(iter(grown.root.glob("release/log/*")))
    vkey = (place / "vkey").read_bytes()
    log: SimLog = log_of(grown).grow(700)
    dump(log, place)
    (place / "vkey").write_bytes(vkey)
    with serve_folder(grown.root) as server:
        assert mirror(f"{server.url}/", folder, grown).code == 0
        assert files(folder) == files(grown.root)
        dump(log.grow(300), place)
        (place / "vkey").write_bytes(vkey)
        asked(server)
        ran = mirror(f"{server.url}/", folder, grown)
        assert ran.code == 0, ran
        tiles = [p for p in asked(server) if "/tile/" in p]
    assert not [p for p in tiles if p.endswith(("/000", "/001"))]
    assert files(folder) == files(grown.root)
    checkpoint = anchor("compare", folder / "release" / "log" / log.origin, "--vkey", log.key.vkey)
    assert checkpoint.code == 3  # alone it is compared with nothing


def test_a_mirror_is_a_second_view_of_the_log(grown: Site, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    assert mirror(grown.root, folder, grown).code == 0
    log = log_of(grown)
    place = f"release/log/{log.origin}"
    views = "".join(
        f'\n[[log]]\norigin = "{log.origin}"\nfolder = "{f / place}"\n' for f in (grown.root, folder)
    )
    policy = tmp_path / "views.toml"
    policy.write_text(grown.policy.read_text() + views)
    ran = anchor("reverify", grown.release, "--policy", policy, "--home", tmp_path / "w", "--json")
    assert ran.code == 0, ran
    assert any(c["name"] == f"view {folder / place}" for c in ran.document["checks"])
    dump(log.fork(1), grown.root / place)
    ran = anchor("reverify", grown.release, "--policy", policy, "--home", tmp_path / "w2", "--json")
    assert ran.code == 6, ran


def test_source_documents_are_kept_by_their_digests(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "report.txt").write_text("A is 1")
    (documents / "evidence.toml").write_text('[[document]]\nfile = "report.txt"\n')
    site = published.published_file(
        tmp_path, "ledger.csv", b"label,value\nA,1\n", "--evidence", documents / "evidence.toml"
    )
    folder = tmp_path / "mirror"
    with serve_folder(documents) as server:
        ran = mirror(site.root, folder, site, "--documents", server.url)
        assert ran.code == 0, ran
        assert (folder / "evidence" / "report.txt").read_text() == "A is 1"
        assert anchor("verify", folder, "--policy", site.policy, "--evidence", folder / "evidence").code == 0
        (folder / "evidence" / "report.txt").unlink()
        server.bodies["report.txt"] = b"A is 2"
        ran = mirror(site.root, folder, site, "--documents", server.url)
        assert ran.code == 8, ran
        assert not (folder / "evidence" / "report.txt").exists()


def test_a_document_replaces_no_file_of_a_release(tmp_path: Path) -> None:
    """Nobody signed where a file lies: the source has the ledger in the place of the document."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "report.txt").write_text("A is 1")
    (documents / "evidence.toml").write_text('[[document]]\nfile = "report.txt"\n')
    site = published.published_file(
        tmp_path, "ledger.csv", b"label,value\nA,1\n", "--evidence", documents / "evidence.toml"
    )
    site.rename("ledger.csv", "evidence/report.txt")
    folder = tmp_path / "mirror"
    for _ in range(2):
        assert mirror(site.root, folder, site, "--documents", documents).code == 8
        assert anchor("verify", folder, "--policy", site.policy).code == 0


@pytest.mark.parametrize("where", ["same", "inside", "around"])
def test_a_mirror_and_its_source_are_apart(grown: Site, where: str) -> None:
    folder = {"same": grown.root, "inside": grown.root / "m", "around": grown.root.parent}[where]
    ran = anchor("mirror", grown.root, folder)
    assert ran.code == 2
    assert "lie in each other" in ran.line


def test_a_folder_with_other_files_becomes_no_mirror(grown: Site, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "mine").write_text("x")
    ran = anchor("mirror", grown.root, folder)
    assert ran.code == 2
    assert "is not empty, and no mirror" in ran.line
    assert [p.name for p in folder.iterdir()] == ["mine"]
    ran = anchor("mirror", grown.root / "release" / "3", tmp_path / "new")
    assert ran.code == 2
    assert "the whole site" in ran.line


def test_a_source_that_fails_in_the_middle_is_read_on(
    grown: Site, server: FolderServer, tmp_path: Path
) -> None:
    folder = tmp_path / "mirror"
    server.answers["release/1/ledger.md"] = (503, {}, b"")
    ran = mirror(f"{server.url}/", folder, grown)
    assert ran.code == 3, ran
    assert not (folder / "release.json").exists()
    server.answers.clear()
    asked(server)
    assert mirror(f"{server.url}/", folder, grown).code == 0
    assert "release/3/ledger.md" not in asked(server)
    assert files(folder) == files(grown.root)
    assert not (folder / STATE / "new").exists()


def test_a_disk_that_is_full_at_some_write_leaves_the_old_mirror(grown: Site, tmp_path: Path) -> None:
    """By a limit on the size of a file: each of these stops at another write. Then there is room again."""
    folder = tmp_path / "mirror"
    assert mirror(grown.root, folder, grown).code == 0
    assert grown.publish(f"{LEDGER}| D | 4 |\n", "4").code == 0
    before = files(folder)
    for size in (0, 60, 400, 1500, 6000):
        ran = forked(
            "mirror",
            *(grown.root, folder, "--policy", grown.policy),
            before=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size)),
        )
        assert ran.code == 3, (size, ran)
        assert "File too large" in ran.out + ran.err
        assert files(folder) == before
    assert mirror(grown.root, folder, grown).code == 0
    assert files(folder) == files(grown.root)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_release_is_mirrored_whole(kind: str, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    held = release_of_kind(tmp_path / "work", kind)
    source, folder = tmp_path / "site", tmp_path / "mirror"
    for path, data in {"release.json": held.release, **held.files}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(data)
    ran = anchor("mirror", source, folder, "--json")
    assert ran.document["facts"]["followed"], ran
    assert files(folder) == files(source)


def test_a_cosignature_that_was_there_stays(grown: Site, tmp_path: Path) -> None:
    """Witnesses cosign a head after it was made. A source that leaves their lines out changes nothing."""
    folder, log = tmp_path / "mirror", log_of(grown)
    place = f"release/log/{log.origin}/checkpoint"
    plain = (grown.root / place).read_bytes()
    assert mirror(grown.root, folder, grown).code == 0
    log.cosigners = [("w.example/one", key(7), 1_700_000_000)]
    cosigned = log.sign()
    for served in (cosigned, plain):
        (grown.root / place).write_bytes(served)
        assert mirror(grown.root, folder, grown).code == 0
        assert (folder / place).read_bytes() == cosigned
