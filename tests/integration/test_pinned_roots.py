# SPDX-License-Identifier: Apache-2.0
"""A policy that pins a trusted root by its digest alone works on any machine, and trusts nothing else."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from anchor.disk import root_store
from tests.support.attacks.attacked import hook
from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.releases.published import NAME, Site, published
from tests.support.servers.folder_server import FolderServer, serve_folder


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def site(original: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site as a stranger has it, on a machine that has no trusted root yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return original.copy(tmp_path)


@pytest.fixture
def web(site: Site) -> Iterator[FolderServer]:
    with serve_folder(site.root) as server:
        yield server


def digest(site: Site) -> bytes:
    return bytes.fromhex(str(site.value["trusted_root"]["sha256"]))


def kept(site: Site) -> Path:
    return root_store.path(digest(site))


def replace_copy(site: Site, data: bytes) -> None:
    """The release carries another trusted root, and says so."""
    old = site.value["trusted_root"]
    for file in (site.release, site.root / "release" / "1.0.0" / "release.json"):
        text = file.read_text().replace(old["sha256"], hashlib.sha256(data).hexdigest())
        file.write_text(text.replace(f'"size": {old["size"]},', f'"size": {len(data)},', 1 << 30))
    site.path("trusted_root").write_bytes(data)


def test_publishing_prints_a_policy_without_a_path(original: Site) -> None:
    text = original.policy.read_text()
    assert "path = " not in text
    assert digest(original).hex() in text


def test_the_copy_of_the_release_is_kept_and_then_no_longer_needed(site: Site) -> None:
    assert not kept(site).exists()
    assert site.verify().code == 0
    assert kept(site).read_bytes() == site.path("trusted_root").read_bytes()
    assert (kept(site).stat().st_mode & 0o777, kept(site).parent.stat().st_mode & 0o777) == (0o600, 0o700)
    replace_copy(site, b"{}")
    assert site.verify().code == 8, "the copy is checked, and the pinned root is here"


def test_it_works_over_the_network_too(web: FolderServer, site: Site) -> None:
    words = ("verify", f"{web.url}/", "--policy", site.policy)
    assert anchor(*words).code == 0
    assert web.asked.count("release.json") == 1
    web.asked.clear()
    assert anchor(*words).code == 0
    assert len(web.asked) == len(set(web.asked)) == 6


def other(_: bytes) -> bytes:
    return b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'


def same_ends(data: bytes) -> bytes:
    """Other bytes. That their digest begins and ends as the pinned one could be computed: see below."""
    return data + b" "


@pytest.mark.parametrize("change", [other, same_ends])
def test_another_copy_is_unavailable_and_never_invalid(site: Site, change: Callable[[bytes], bytes]) -> None:
    pinned = digest(site).hex()
    replace_copy(site, change(site.path("trusted_root").read_bytes()))
    for _ in range(2):  # nothing of the other one is kept
        ran = site.verify()
        says(ran, 3, f"the pinned trusted root with SHA-256 {pinned} is not here")
        assert f"the release carries another one, with SHA-256 {digest(site).hex()}" in ran.line
        assert "ask the publisher" in ran.line
    assert not list((kept(site).parent).glob("*"))
    document = site.verify("--json").document
    assert document["verdict"] == "UNAVAILABLE"


def test_a_digest_that_begins_and_ends_alike_is_another_digest(site: Site) -> None:
    """Whoever makes many roots finds one whose first and last groups are those of the pinned one."""
    pinned = digest(site).hex()
    near = pinned[:4] + hashlib.sha256(b"x").hexdigest()[:56] + pinned[-4:]
    site.policy.write_text(site.policy.read_text().replace(pinned, near))
    says(site.verify(), 3, near)


def test_a_copy_that_has_other_bytes_than_release_json_names_is_not_parsed(site: Site) -> None:
    site.path("trusted_root").write_bytes(b"[" * 100_000)
    says(site.verify(), 3, "cannot be asked for it")
    assert not kept(site).exists()


def test_a_root_of_an_earlier_release_is_found_beside_it(site: Site) -> None:
    """The publisher has another root since; a policy that names both works on a new machine too."""
    old = site.path("trusted_root").read_bytes()
    assert site.publish(version="1.0.1").code == 0
    shutil.rmtree(kept(site).parent)
    data = json.loads(old)
    del data["ctlogs"][0]["publicKey"]["validFor"]
    changed = site.root / "release" / "1.0.1" / "trusted_root.json"
    new = old.rstrip() + b"\n\n"
    for file in (site.release, changed.with_name("release.json")):
        value = json.loads(file.read_bytes())["trusted_root"]
        text = file.read_text().replace(value["sha256"], hashlib.sha256(new).hexdigest())
        file.write_text(text.replace(f'"size": {value["size"]}', f'"size": {len(new)}'))
    changed.write_bytes(new)
    ran = site.verify()
    assert ran.code == 0, ran
    assert (root_store.path(hashlib.sha256(old).digest())).read_bytes() == old


def garbage(path: Path, data: bytes) -> None:
    path.write_bytes(b"{}" + data)


def link(path: Path, data: bytes) -> None:
    (path.parent.parent / "elsewhere").write_bytes(data)
    path.symlink_to(path.parent.parent / "elsewhere")


def pipe(path: Path, _: bytes) -> None:
    os.mkfifo(path)


def folder(path: Path, _: bytes) -> None:
    path.mkdir()


def huge(path: Path, _: bytes) -> None:
    with path.open("wb") as f:
        f.truncate(1 << 40)


@pytest.mark.parametrize("poison", [garbage, link, pipe, folder, huge])
def test_a_poisoned_store_is_ignored_and_said(site: Site, poison: Callable[[Path, bytes], None]) -> None:
    data = site.path("trusted_root").read_bytes()
    kept(site).parent.mkdir(parents=True)
    poison(kept(site), data)
    ran = site.verify()
    assert ran.code == 0
    assert f"{kept(site)} is ignored" in ran.out
    if poison is not folder and poison is not pipe:  # what is no file stays, and is said again
        assert kept(site).read_bytes() == data
        assert "is ignored" not in site.verify().out
    else:
        assert "is ignored" in site.verify().out


def test_a_store_that_cannot_be_written_is_a_note(site: Site) -> None:
    kept(site).parent.parent.mkdir(parents=True)
    kept(site).parent.write_text("a file in the place of the folder")
    ran = site.verify()
    assert ran.code == 0
    assert "not kept for later commands" in ran.out


def test_what_has_the_digest_and_is_no_trusted_root_is_usage(site: Site) -> None:
    page = site.root / "page.json"
    page.write_bytes(b"<html>")
    pinned = hashlib.sha256(page.read_bytes()).digest()
    assert root_store.keep(page.read_bytes()) == ""
    site.policy.write_text(site.policy.read_text().replace(digest(site).hex(), pinned.hex()))
    says(site.verify(), 2, "trusted root")


def test_public_roots_stand_beside_digests(site: Site) -> None:
    site.policy.write_text(site.policy.read_text().replace("[{", '["public", {'))
    ran = site.verify("--offline", "--json")
    assert ran.code == 4, "the copy of the public root was never refreshed here"
    assert {c["name"] for c in ran.document["checks"] if c.get("demotes")} == {"trust-fresh"}


def test_the_options_take_a_digest(site: Site) -> None:
    named = site.value["anchors"][0]
    words = ("--ledger", NAME, "--identity", named["identity"], "--issuer", named["issuer"])
    root = f"sha256:{digest(site).hex()}"
    assert anchor("verify", site.release, *words, "--trusted-root", root).code == 0


def test_what_has_no_release_beside_it_says_to_verify_the_release_once(site: Site, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    ran = anchor("prove", site.release, "--fact", 0, "--policy", site.policy, "-o", receipt)
    assert ran.code == 0
    shutil.rmtree(kept(site).parent)
    words = ("verify-receipt", receipt, "--policy", site.policy)
    says(anchor(*words), 3, "verify the release once, which keeps it here")
    assert site.verify().code == 0
    assert anchor(*words).code == 0
    shutil.rmtree(kept(site).parent)
    assert anchor("trust", "pin", site.path("trusted_root")).code == 0
    assert anchor(*words).code == 0, "the other remedy works too"


@pytest.mark.parametrize(
    "words",
    [("chain",), ("find", "--where", "label=A"), ("log", "0"), ("reverify", "--home", "{home}")],
    ids=lambda words: words[0],
)
def test_every_command_that_reads_a_release_finds_it_there(
    site: Site, tmp_path: Path, words: tuple[str, ...]
) -> None:
    command, *more = (w.replace("{home}", str(tmp_path / "records")) for w in words)
    if command == "log":
        ran = anchor("log", site.release, "--where", "label=A", "--policy", site.policy)
    else:
        ran = anchor(command, site.release, "--policy", site.policy, *more)
    assert ran.code == 0, ran
    assert kept(site).exists()


def test_diff_and_mirror_find_it_there(site: Site, tmp_path: Path) -> None:
    assert anchor("mirror", site.release, tmp_path / "mirror", "--policy", site.policy).code == 0
    shutil.rmtree(kept(site).parent)
    ran = anchor("diff", site.release, site.release, "--policy", site.policy)
    assert ran.code == 0, ran
    assert kept(site).exists()


def runs(site: Site, home: Path) -> Ran:
    return anchor("reverify", site.release, "--policy", site.policy, "--home", home, "--json")


def test_a_root_that_was_replaced_withdrawn_and_replaced_again(site: Site, tmp_path: Path) -> None:
    """Over time: the pinned root is not here in one run, here in the next, and lost again."""
    home, good = tmp_path / "records", snapshot(site)
    replace_copy(site, other(b""))
    first = runs(site, home)
    assert first.code == 3, first
    assert "is not here" in first.out
    restore(site, good)
    assert runs(site, home).code == 0
    replace_copy(site, other(b""))
    ran = runs(site, home)
    assert ran.code == 8, "it was kept, and the copy that the release carries now does not verify it"
    shutil.rmtree(kept(site).parent, ignore_errors=True)
    again = runs(site, home)
    assert again.code in (3, 8), again
    restore(site, good)
    assert runs(site, home).code == 0


def snapshot(site: Site) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in site.root.rglob("*") if path.is_file()}


def restore(site: Site, held: dict[Path, bytes]) -> None:
    for path, data in held.items():
        path.write_bytes(data)


def test_a_target_without_the_root_spoils_nothing_for_the_next_one(site: Site, tmp_path: Path) -> None:
    bad = site.copy(make(tmp_path / "bad"))
    replace_copy(bad, other(b""))
    home = tmp_path / "records"
    words = ("reverify", bad.release, site.release, "--policy", site.policy, "--home", home, "--json")
    ran = anchor(*words)
    assert kept(site).exists()
    assert ran.code == 3, ran
    assert ran.out.count('"verdict": "OK"') == 1


def make(path: Path) -> Path:
    path.mkdir()
    return path


def uncompared(site: Site) -> Site:
    """The policy says of itself that nobody compared the digest."""
    text = site.policy.read_text()
    site.policy.write_text(text.replace("\nmin_number", "\ncompared = false\nmin_number", 1))
    return site


NOTE = "taken from the release itself, and compared with nothing"


def test_every_verdict_under_a_root_that_nobody_compared_says_so(site: Site, tmp_path: Path) -> None:
    uncompared(site)
    assert NOTE in site.verify().out
    assert any(NOTE in note for note in site.verify("--json").document["notes"])
    receipt = tmp_path / "receipt.json"
    assert anchor("prove", site.release, "--fact", 0, "--policy", site.policy, "-o", receipt).code == 0
    for words in (
        ("verify-receipt", "-v", receipt),
        ("verify-receipt", receipt, "--json"),
        ("verify-receipt", receipt, receipt),
        ("verify-receipt", receipt, receipt, "--json"),
        ("chain", site.release),
        ("chain", site.release, "--json"),
        ("find", site.release, "--where", "label=A"),
        ("log", site.release, "--where", "label=A"),
        ("diff", site.release, site.release),
        ("mirror", site.release, tmp_path / "mirror"),
    ):
        ran = anchor(*words, "--policy", site.policy)
        assert ran.code == 0, ran
        assert NOTE in " ".join(ran.out.split()), words
    lines = anchor("verify-receipt", receipt, receipt, "--json", "--policy", site.policy).out.splitlines()
    assert [NOTE in line for line in lines] == [True, True]


def test_a_refusal_under_it_says_so_too(site: Site) -> None:
    uncompared(site)
    site.path("ledger.md").write_text(site.path("ledger.md").read_text().replace("| 2 |", "| 9 |"))
    ran = site.verify()
    assert ran.code == 8
    assert NOTE in ran.out
    site.release.write_text("{}")
    assert NOTE in anchor("verify", site.release, "--policy", site.policy, "--json").out


def test_the_records_and_alarms_of_a_watch_say_so(site: Site, tmp_path: Path) -> None:
    uncompared(site)
    home = tmp_path / "records"
    assert any(NOTE in note for note in runs(site, home).document["notes"])
    site.path("ledger.md").write_text(site.path("ledger.md").read_text().replace("| 2 |", "| 9 |"))
    words = ("reverify", site.release, "--policy", site.policy, "--home", home, "--alarm-after", "1/0")
    with hook() as receiver:
        ran = anchor(*words, "--json", "--notify", receiver.notify_url)
    assert ran.code == 8
    assert any(NOTE in note for note in ran.document["notes"])
    assert any(NOTE in str(message) for message in receiver.messages)
    exported = anchor("records", "export", "--home", home)
    assert exported.out.count(NOTE) >= 2, exported
    shown = anchor("status", "--home", home)
    assert NOTE in shown.out
    assert [t["compared"] for t in anchor("status", "--home", home, "--json").document["targets"]] == [False]
    site.policy.write_text(site.policy.read_text().replace("compared = false\n", ""))
    assert runs(site, home).code == 8
    assert NOTE not in anchor("status", "--home", home).out
    assert anchor("status", "--home", home, "--json").document["targets"][0]["compared"] is True
