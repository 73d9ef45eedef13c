# SPDX-License-Identifier: Apache-2.0
"""`anchor publish` from the command line: what it puts in place, what it refuses, what it never repeats."""

import hashlib
import json
from pathlib import Path

import pytest

from anchor.format.release import Blob, File, load
from anchor.format.schemas import KINDS, file_name
from anchor.format.statement import decode
from anchor.log_kinds.short_names import short
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.releases.ledgers import openclassrooms
from tests.support.releases.published import LEDGER, NAME, Site, empty, snapshot

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


def test_the_published_folder_is_the_one_of_the_format(site: Site) -> None:
    names = set(snapshot(site.root))
    for name in names & {str(p.relative_to(ROOT)) for p in (ROOT / "release").rglob("*.schema.json")}:
        assert (site.root / name).read_bytes() == (ROOT / name).read_bytes()
    (origin,) = [p.name for p in (site.root / "release" / "log").iterdir()]
    assert origin.endswith(".anchor-embedded.invalid")
    log = f"release/log/{origin}"
    assert names == {
        "release.json",
        "release/FORMAT.md",
        *(f"release/schema/{file_name(*named)}" for named in KINDS),
        *(f"release/1.0.0/{n}" for n in ("ledger.json", "ledger.md", "release.json", "statement.json")),
        "release/1.0.0/trusted_root.json",
        f"release/1.0.0/{origin}.sigstore.json",
        *(f"{log}/{n}" for n in ("checkpoint", "vkey", "tile/0/000.p/1", "tile/entries/000.p/1")),
    }


def test_the_release_says_what_was_signed(site: Site) -> None:
    release = load(site.release.read_bytes())
    statement = decode(site.path("statement").read_bytes())
    assert (release.ledger, release.tree) == (statement.ledger, statement.tree)
    assert (release.ledger.name, release.ledger.number, release.previous) == (NAME, 1, None)
    assert site.path("ledger.md").read_text() == LEDGER
    named: list[File | Blob] = [*release.files, release.statement, *release.trusted_roots]
    for file in (*named, release.anchors[0].bundle):
        data = (site.root / file.path).read_bytes()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_versions_own_release_json_differs_only_in_its_paths(site: Site) -> None:
    text = site.release.read_text()
    assert text.replace("release/1.0.0/", "") == (site.root / "release/1.0.0/release.json").read_text()
    assert anchor("verify", site.root / "release/1.0.0", "--policy", site.policy).code == 0


def test_the_same_bytes_again_change_nothing_and_make_no_second_entry(site: Site) -> None:
    before = snapshot(site.root)
    ran = site.publish()
    assert ran.code == 0
    assert "published already" in ran.err
    assert ran.out == site.policy.read_text()
    assert snapshot(site.root) == before
    assert site.entries() == 1


@pytest.mark.parametrize("ledger", [OTHER, LEDGER + "\n", LEDGER.replace("| A | 1 |", "| A  | 1 |")])
def test_other_bytes_under_a_published_version_are_refused(site: Site, ledger: str) -> None:
    before = snapshot(site.root)
    ran = site.publish(ledger)
    assert (ran.code, ran.out) == (8, "")
    assert "version 1.0.0 is published with other facts, files or indexes" in ran.line
    assert "next --version" in ran.line
    assert snapshot(site.root) == before


def test_the_next_version_has_the_next_number_and_names_its_predecessor(site: Site) -> None:
    first = site.path("statement").read_bytes()
    old = snapshot(site.root / "release" / "1.0.0")
    assert site.publish(OTHER, "1.1.0").code == 0
    release = load(site.release.read_bytes())
    assert (release.ledger.number, release.ledger.version) == (2, "1.1.0")
    assert release.previous is not None
    assert release.previous.number == 1
    assert release.previous.version == "1.0.0"
    assert release.previous.statement == hashlib.sha256(first).hexdigest()
    assert release.anchors[0].log.index == 1
    assert snapshot(site.root / "release" / "1.0.0") == old
    assert site.verify().code == 0
    assert site.entries() == 2


def test_an_older_version_again_is_verified_and_does_not_become_the_newest(site: Site) -> None:
    assert site.publish(OTHER, "1.1.0").code == 0
    before = snapshot(site.root)
    ran = site.publish(LEDGER, "1.0.0")
    assert ran.code == 0
    assert "published already" in ran.err
    assert snapshot(site.root) == before
    assert site.publish(OTHER, "1.0.0").code == 8
    assert snapshot(site.root) == before


def test_a_version_that_differs_only_in_case_is_refused(site: Site) -> None:
    assert site.publish(LEDGER, "v2").code == 0
    before = snapshot(site.root)
    ran = site.publish(OTHER, "V2")
    assert ran.code == 2
    assert "only in case" in ran.line
    assert snapshot(site.root) == before


def test_another_ledger_has_no_place_in_this_folder(site: Site, tmp_path: Path) -> None:
    before = snapshot(site.root)
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER)
    words = ("--version", "2.0.0", "--root", site.root, "--home", site.home)
    ran = anchor("publish", file, "--name", "another", *words)
    assert ran.code == 2
    assert "small-ledger" in ran.line
    assert snapshot(site.root) == before
    assert anchor("publish", file, "--name", "another", *words, "--dry-run").code == 2


def test_a_dry_run_shows_the_statement_and_writes_and_sends_nothing(tmp_path: Path) -> None:
    site = empty(tmp_path)
    ran = site.publish(LEDGER, "1.0.0", "--dry-run")
    assert ran.code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ledger.md"]
    assert "nothing was sent or written" in ran.err
    document = site.publish(LEDGER, "1.0.0", "--dry-run", "--json").document
    assert document["sent"] is False
    assert site.publish().code == 0
    signed = site.path("statement").read_bytes()
    assert signed == document["statement"].encode()
    assert (ran.out, document["sha256"]) == ("", hashlib.sha256(signed).hexdigest())


def test_a_dry_run_says_what_is_signed_by_whom_and_where(tmp_path: Path) -> None:
    site = empty(tmp_path)
    lines = site.publish(LEDGER, "1.0.0", "--dry-run").err.splitlines()
    assert "release    small-ledger 1.0.0 (release 1), 3 facts" in lines
    assert "signed by  a new key, which publishing makes" in lines
    assert "log        a new embedded log, run by you" in lines
    assert site.publish().code == 0
    anchor_of = site.value["anchors"][0]
    again = site.publish(LEDGER, "1.0.0", "--dry-run").err
    assert "published  already, with this statement" in again
    ran = site.publish(OTHER, "2.0.0", "--dry-run")
    lines = ran.err.splitlines()
    assert f"signed by  {short(anchor_of['identity'])}" in lines
    assert f"log        {short(anchor_of['log']['origin'])}, run by you" in lines
    assert any(line.startswith("since      1.0.0: ") for line in lines)
    assert any(line.startswith("read as    markdown-table-v1") for line in lines)
    found = site.publish(OTHER, "2.0.0", "--dry-run", "--json").document
    assert f"root       {found['tree']['root']}" in lines
    assert found["ledger"] == {"name": "small-ledger", "number": 2, "version": "2.0.0"}
    assert found["signing"][0]["log"] == anchor_of["log"]["origin"]


def test_a_dry_run_is_refused_for_the_signer_as_the_publication_is(site: Site, tmp_path: Path) -> None:
    """The home is lost, so there would be another signer, whom no policy that was handed out accepts."""
    lost = Site(site.root, tmp_path / "another-home", site.policy)
    refused = lost.publish(OTHER, "2.0.0")
    assert (refused.code, "has no keys yet" in refused.line) == (2, True)
    assert lost.publish(OTHER, "2.0.0", "--dry-run").line == refused.line
    assert not lost.home.exists()
    assert lost.publish(OTHER, "2.0.0", "--dry-run", "--new-signer").code == 0
    words = ("withdraw", site.root, "--release", "1.0.0", "--kind", "withdrawn", "--reason", "wrong")
    refused = anchor(*words, "--home", lost.home)
    assert refused.code == 2
    assert anchor(*words, "--home", lost.home, "--dry-run").line == refused.line


def test_a_dry_run_of_the_next_version_is_what_is_signed_then(site: Site) -> None:
    before = snapshot(site.root)
    shown = site.publish(OTHER, "2.0.0", "--dry-run", "--json").document["statement"].encode()
    assert snapshot(site.root) == before
    assert site.publish(OTHER, "2.0.0").code == 0
    assert site.path("statement").read_bytes() == shown
    assert decode(shown).ledger.number == 2


def test_json_output_is_one_document_that_says_all(tmp_path: Path) -> None:
    site = empty(tmp_path)
    ran = site.publish(LEDGER, "1.0.0", "--json")
    assert ran.code == 0
    found = ran.document
    assert (found["verdict"], found["new"], found["missing"]) == ("OK", True, [])
    assert found["release"] == str(site.release)
    assert found["facts"]["size"] == 3
    assert found["facts"]["anchors"][0]["independent"] is False
    assert any("no independent evidence" in note for note in found["notes"])
    site.policy.write_text(found["policy"])
    assert site.verify().code == 0
    again = site.publish(LEDGER, "1.0.0", "--json").document
    assert (again["verdict"], again["new"], again["policy"]) == ("OK", False, found["policy"])
    refused = site.publish(OTHER, "1.0.0", "--json")
    assert refused.code == 8
    assert refused.document["verdict"] == "INVALID"
    assert refused.document["error"] in refused.line


def test_only_the_policy_is_on_stdout_and_verify_accepts_it(site: Site) -> None:
    assert site.verify().code == 0
    text = site.policy.read_text()
    assert all(word in text for word in ("ledger = ", "sha256 = ", "[[signer]]", "identity = ", "issuer = "))
    assert "no independent evidence" in text


def test_a_home_inside_the_root_is_refused_unless_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = empty(tmp_path)
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER)
    monkeypatch.setenv("XDG_STATE_HOME", str(site.root / "state"))
    words = ("publish", file, "--name", NAME, "--version", "1", "--root", site.root)
    ran = anchor(*words)
    assert ran.code == 2
    assert "inside the folder that is published" in ran.line
    assert not site.root.exists()
    assert anchor(*words, "--home", site.root / "named").code == 0


def test_keys_and_journal_are_private_and_outside_of_the_root(site: Site) -> None:
    assert site.home.stat().st_mode & 0o777 == 0o700
    for key in (site.home / "instance" / "keys").iterdir():
        assert key.stat().st_mode & 0o777 == 0o600
    assert not any(site.home.glob("journal/*/*"))
    assert not any(b"PRIVATE KEY" in data for data in snapshot(site.root).values())


def test_what_is_published_can_be_read_by_a_web_server(site: Site) -> None:
    for path in site.root.rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044, path


@pytest.mark.parametrize(
    ("suffix", "text", "published_as"),
    [
        ("json", '[{"label":"A","value":1}]', "source.json"),
        ("jsonl", '{"label":"A","value":1}\n', "ledger.jsonl"),
        ("csv", "label,value\r\nA,1\r\n", "ledger.csv"),
    ],
)
def test_every_format_can_be_published_and_verified(
    tmp_path: Path, suffix: str, text: str, published_as: str
) -> None:
    site = empty(tmp_path)
    file = tmp_path / f"facts.{suffix}"
    file.write_bytes(text.encode())
    named = ("--name", NAME, "--version", "1", "--root", site.root, "--home", site.home)
    ran = anchor("publish", file, *named)
    assert ran.code == 0
    site.policy.write_text(ran.out)
    assert site.path(published_as).read_bytes() == text.encode()
    assert site.verify().code == 0


def test_our_own_ledger_json_can_be_published_again(site: Site, tmp_path: Path) -> None:
    """ledger.json of another ledger is input like any other: read as ours, published as source.json."""
    ours = tmp_path / "other" / "ledger.json"
    ours.parent.mkdir()
    ours.write_bytes(site.path("ledger.json").read_bytes())
    root = tmp_path / "other" / "site"
    named = ("--name", "again", "--version", "1", "--root", root, "--home", tmp_path / "other" / "home")
    ran = anchor("publish", ours, *named)
    assert ran.code == 0
    (tmp_path / "p.toml").write_text(ran.out)
    assert anchor("verify", root, "--policy", tmp_path / "p.toml").code == 0
    assert json.loads((root / "release.json").read_text())["tree"] == site.value["tree"]


def test_the_openclassrooms_ledger_has_681_facts_and_verifies(tmp_path: Path) -> None:
    site = empty(tmp_path)
    ran = site.publish(openclassrooms().read_text(encoding="utf-8"))
    assert ran.code == 0
    site.policy.write_text(ran.out)
    assert "681 facts" in ran.err
    assert "681 facts of ledger.md give root" in site.verify().out
    assert site.value["tree"]["size"] == 681


def test_resume_starts_nothing_new(tmp_path: Path) -> None:
    site = empty(tmp_path)
    ran = site.publish(LEDGER, "1.0.0", "--resume")
    assert ran.code == 2
    assert "nothing is interrupted" in ran.line
    assert not site.root.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--instance", "nowhere"), "nowhere"),
        (("--also", "embedded"), "named twice"),
        (("--instance", "embedded", "--also", "nowhere"), "nowhere"),
        (("--frobnicate",), "no such option"),
    ],
)
def test_wrong_arguments_leave_nothing(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    site = empty(tmp_path)
    ran = site.publish(LEDGER, "1.0.0", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.line
    assert not site.root.exists()


def test_an_instance_file_that_is_no_trust_config_is_usage(tmp_path: Path) -> None:
    site = empty(tmp_path)
    file = tmp_path / "trust.json"
    for text in ("", "{}", "[]", '{"a":1,"a":2}', "\ufeff{}", '{"trustedRoot":{},"signingConfig":{}}'):
        file.write_text(text)
        ran = site.publish(LEDGER, "1.0.0", "--instance", file)
        assert (ran.code, ran.out) == (2, ""), text
        assert str(file) in ran.line
        assert not site.root.exists()
