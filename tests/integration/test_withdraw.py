# SPDX-License-Identifier: Apache-2.0
"""`anchor withdraw` and `anchor renew` as a publisher uses them, and what `anchor verify` says then."""

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from anchor.encoding import jcs
from anchor.merkle.hashing import leaf_hash
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER, Site, empty, published, published_file, snapshot
from tests.support.servers.embedded_instance import serving

NEXT = LEDGER.replace("| C | 3 |", "| C | 4 |")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("made"))


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    return made.copy(tmp_path)


def withdraw(site: Site, *words: object, version: str = "1.0.0") -> Ran:
    given = ("--release", version, "--reason", "measured twice", "--home", site.home)
    kind = () if "--kind" in words else ("--kind", "withdrawn")
    return anchor("withdraw", site.root, *given, *kind, *words)


def renew(site: Site, *words: object) -> Ran:
    return anchor("renew", site.root, "--home", site.home, *words)


def status(site: Site) -> Any:
    """The predicate of the status in place."""
    return json.loads((site.root / site.value["status"]["statement"]["path"]).read_bytes())["predicate"]


def test_a_release_is_withdrawn_and_everybody_is_told(site: Site) -> None:
    before = snapshot(site.root / "release" / "1.0.0")
    ran = withdraw(site)
    assert (ran.code, ran.out) == (0, ""), ran
    assert "status 1, signed by" in ran.err
    assert site.value["format"] == "urn:ledger-anchor:release:v2"
    assert site.value["status"]["sequence"] == 1
    assert snapshot(site.root / "release" / "1.0.0") == before  # as it was published
    assert site.entries() == 2
    ran = site.verify()
    assert ran.code == 11, ran
    for words in (
        "WITHDRAWN: release 1 is withdrawn: 'measured twice'",
        "status 1, signed by",
        "WITHDRAWN: ",
    ):
        assert words in ran.out, ran.out
    document = site.verify("--json").document
    assert (document["verdict"], document["facts"]["status"]["sequence"]) == ("WITHDRAWN", 1)
    assert document["facts"]["root"] == site.value["tree"]["root"]


def test_a_fact_is_withdrawn_by_its_leaf(site: Site) -> None:
    ran = withdraw(site, "--fact", 1, "--kind", "replaced", "--replaced-by", "1.0.0#2")
    assert ran.code == 0, ran
    (entry,) = status(site)["withdrawn"]
    assert entry["fact"] == {"index": 1, "leaf": leaf_hash(jcs({"label": "B", "value": "2"})).hex()}
    assert entry["replaced_by"]["fact"]["index"] == 2
    ran = site.verify()
    assert ran.code == 11
    assert "fact 1 of release 1 is replaced: 'measured twice' (replaced by fact 2 of release 1)" in ran.out
    assert withdraw(site, "--fact", 1, "--kind", "reinstated").code == 0
    assert site.verify().code == 0
    assert [e["kind"] for e in status(site)["withdrawn"]] == ["replaced", "reinstated"]


def test_the_same_again_signs_nothing(site: Site) -> None:
    assert withdraw(site).code == 0
    before = snapshot(site.root)
    ran = withdraw(site)
    assert ran.code == 0
    assert "nothing new was signed" in ran.err
    assert snapshot(site.root) == before


def test_renew_says_the_same_as_of_now_and_waits_if_it_is_young(site: Site) -> None:
    assert renew(site).code == 0
    assert status(site)["sequence"] == 1
    assert site.verify().code == 0
    before = snapshot(site.root)
    ran = renew(site, "--older-than", "7d")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert snapshot(site.root) == before
    assert renew(site).code == 0
    assert (status(site)["sequence"], site.entries()) == (2, 3)
    assert withdraw(site).code == 0
    assert status(site)["sequence"] == 3
    site.policy.write_text(site.policy.read_text().replace("min_number", 'max_status_age = "1d"\nmin_number'))
    ran = site.verify()
    assert (ran.code, "policy-status-age" in ran.out) == (11, True)


def test_it_says_since_when_although_it_was_renewed_meanwhile(site: Site) -> None:
    assert renew(site).code == 0
    assert withdraw(site).code == 0
    first = site.verify("--json").document["facts"]["status"]["time"]
    assert "said since" not in site.verify().out  # this very status says it
    time.sleep(1.1)
    for _ in range(3):
        assert renew(site).code == 0
    ran = site.verify()
    assert f"said since {first} at the latest. So says status 5" in ran.out
    (bundle,) = (site.root / "release" / "status" / "2").glob("*.sigstore.json")
    value = json.loads(bundle.read_bytes())
    value["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA"
    bundle.write_text(json.dumps(value))
    assert "said since" not in site.verify().out  # nobody vouches for that time
    bundle.unlink()
    shutil.rmtree(site.root / "release" / "status" / "3")
    assert (site.verify().code, "said since" not in site.verify().out) == (11, True)


def test_a_later_release_commits_to_the_status_and_becomes_its_newest(site: Site) -> None:
    assert withdraw(site).code == 0
    first = site.value["status"]
    ran = site.publish(NEXT, "1.1.0")
    assert ran.code == 0, ran.err
    own = json.loads((site.root / "release" / "1.1.0" / "statement.json").read_bytes())["predicate"]
    assert own["status"] == {"sequence": 1, "statement": first["statement"]["sha256"]}
    assert "status" not in json.loads((site.root / "release" / "1.1.0" / "release.json").read_bytes())
    assert status(site)["sequence"] == 2
    assert status(site)["newest"]["number"] == 2
    assert len(status(site)["withdrawn"]) == 1
    ran = site.verify()
    assert ran.code == 0, ran
    assert "keeps all that status 1 says" in ran.out
    before = snapshot(site.root)
    assert site.publish(NEXT, "1.1.0").code == 0  # the same again changes nothing
    assert snapshot(site.root) == before
    for _ in range(2):
        assert renew(site).code == 0
    assert status(site)["sequence"] == 4
    assert site.verify().code == 0  # two statuses after the one that the release knew
    shutil.rmtree(site.root / "release" / "status" / "1")
    assert site.verify().code == 3
    old = anchor("verify", "-v", site.root / "release" / "1.1.0" / "release.json", "--policy", site.policy)
    assert (old.code, "this release knew of status 1" in old.out) == (0, True)


def test_what_the_publisher_is_refused(site: Site, tmp_path: Path) -> None:
    assert "which version?" in anchor("withdraw", site.root, "--kind", "withdrawn", "--reason", "x").line
    for words, said in (
        (("--release", "9"), "no version '9' is published here"),
        (("--release", "../1.0.0"), "no version"),
        (("--fact", 3), "has the facts 0 to 2, and not 3"),
        (("--reason", "two\nlines"), "--reason"),
        (("--replaced-by", "2.0.0"), "no version '2.0.0'"),
        (("--replaced-by", "1.0.0"), "replaced by itself"),
        (("--replaced-by", "1.0.0#x"), "no index"),
        (("--replaced-by", f"1.0.0#{'9' * 5000}"), "no index"),
        (("--kind", "reinstated"), "was not withdrawn"),
        (("--kind", "forgotten"), "'forgotten'"),
    ):
        before = snapshot(site.root)
        ran = withdraw(site, *words)
        assert (ran.code, said in ran.line, snapshot(site.root) == before) == (2, True, True), (words, ran)
    assert "nothing is published here" in anchor("renew", tmp_path).line
    ran = anchor("renew", site.root, "--home", tmp_path / "another")
    assert ran.code == 2, ran
    assert "has no keys yet" in ran.line
    assert site.publish(NEXT, "status").code == 2  # the folder of the statuses


def test_a_folder_that_is_behind_gets_no_second_status(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.root, tmp_path / "older")
    assert withdraw(site).code == 0
    shutil.rmtree(site.root)
    (tmp_path / "older").rename(site.root)
    for ran in (renew(site), site.publish(NEXT, "1.1.0")):
        assert ran.code == 2, ran
        assert "this home" in ran.line
        assert "status 1" in ran.line
    assert withdraw(site).code == 0  # the same words: it gets the very status that was signed
    assert site.entries() == 2


def test_a_dry_run_shows_what_would_be_signed(site: Site) -> None:
    """In lines as `publish` has them, with the short form of the log; the statement is in `--json` alone."""
    before = snapshot(site.root), snapshot(site.home)
    ran = withdraw(site, "--dry-run")
    assert (ran.code, ran.out) == (0, ""), ran
    found = withdraw(site, "--dry-run", "--json").document
    origin = site.value["anchors"][0]["log"]["origin"]
    assert ran.err.splitlines() == [
        "status     1 of small-ledger, 1 entry",
        "entry      release 1 is withdrawn: 'measured twice'",
        "newest     1.0.0 (release 1)",
        f"statement  SHA-256 {found['sha256']}, shown by --json",
        f"signed by  publisher@{origin[:4]}...invalid",
        f"log        {origin[:4]}...invalid, run by you",
        "this is what would be signed; nothing was sent or written",
    ]
    assert hashlib.sha256(found["statement"].encode()).hexdigest() == found["sha256"]
    assert json.loads(found["statement"])["predicate"]["withdrawn"][0]["reason"] == "measured twice"
    assert found["signing"] == [
        {"instance": "embedded", "identity": f"publisher@{origin}", "log": origin},
    ]
    assert (snapshot(site.root), snapshot(site.home)) == before
    renewed = renew(site, "--dry-run", "--json").document
    assert renewed["sent"] is False
    assert "withdrawn" not in json.loads(renewed["statement"])["predicate"]


def test_a_dry_run_says_that_nothing_would_be_signed(site: Site) -> None:
    assert withdraw(site).code == 0
    ran = withdraw(site, "--dry-run")
    assert ran.code == 0, ran
    assert (ran.out, ran.err) == ("", "the status in place says so already; nothing would be signed\n")
    found = withdraw(site, "--dry-run", "--json").document
    assert (found["statement"], found["sent"]) == (None, False)
    assert "sha256" not in found


def test_a_dry_run_of_a_renewal_waits_as_the_renewal_does(site: Site) -> None:
    """It compares the age of the status, and verifies the one in place."""
    assert renew(site).code == 0
    before = snapshot(site.root), snapshot(site.home)
    ran = renew(site, "--dry-run", "--older-than", "7d")
    words = "the status in place says so already, and is young enough; nothing would be signed\n"
    assert (ran.code, ran.out, ran.err) == (0, "", words)
    assert renew(site, "--dry-run", "--older-than", "7d", "--json").document["statement"] is None
    time.sleep(1.1)
    for old in ((), ("--older-than", "1s")):
        found = renew(site, "--dry-run", "--json", *old).document
        assert json.loads(found["statement"])["predicate"]["sequence"] == 2, old
    assert (snapshot(site.root), snapshot(site.home)) == before
    bundle = site.root / site.value["status"]["bundles"][0]["path"]
    bundle.write_bytes(bundle.read_bytes().replace(b"A", b"B"))
    for dry in ((), ("--dry-run",)):
        ran = renew(site, *dry)
        assert (ran.code, "status in place does not verify" in ran.err) == (8, True), ran


def test_ten_withdrawn_facts_are_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    rows = "label,value\n" + "".join(f"fact {n},{n}\n" for n in range(12))
    site = published_file(tmp_path, "facts.csv", rows.encode())
    for n in range(12):
        assert withdraw(site, "--fact", n).code == 0
    ran = anchor("verify", site.root, "--policy", site.policy)
    text = " ".join(ran.out.split())
    assert (ran.code, "does not stand by 12 facts of it any more" in text) == (11, True), ran
    assert text.count("of release 1 is withdrawn") == 10
    assert "2 more facts. So says status 12" in text


def test_json(site: Site) -> None:
    document = withdraw(site, "--json").document
    assert (document["sequence"], document["new"], document["newest"]["number"]) == (1, True, 1)
    assert document["withdrawn"][0]["kind"] == "withdrawn"


def test_inspect_shows_a_status_and_the_release_that_names_it(site: Site) -> None:
    assert withdraw(site, "--fact", 1).code == 0
    ran = anchor("inspect", site.root / site.value["status"]["statement"]["path"])
    assert ran.code == 0, ran
    assert "status 1 of small-ledger: 1 entry, and release 1 (1.0.0) is the newest" in ran.out
    assert "note: fact 1 of release 1 is withdrawn: 'measured twice'" in ran.out
    release = anchor("inspect", site.release, "--json")
    assert (release.code, release.document["problem"]) == (0, "")
    assert all(f["by"] for f in release.document["fields"])
    assert not [f for f in release.document["fields"] if "not a field that this program knows" in f["by"]]
    bundle = site.root / site.value["status"]["bundles"][0]["path"]
    assert anchor("inspect", bundle).code == 0


def test_nothing_is_built_upon_a_status_that_the_publisher_did_not_sign(site: Site, tmp_path: Path) -> None:
    """Whoever can write into the folder puts a status there: by a stranger, or with an edited list."""
    assert withdraw(site).code == 0
    (tmp_path / "other").mkdir()
    other = published(tmp_path / "other")
    assert renew(other).code == 0
    good = snapshot(site.root)
    place = site.root / site.value["status"]["statement"]["path"]
    for forged in (jcs(forgery(place)), (other.root / "release/status/1/statement.json").read_bytes()):
        value = site.value
        value["status"]["statement"] |= {"size": len(forged), "sha256": hashlib.sha256(forged).hexdigest()}
        place.write_bytes(forged)
        site.release.write_text(json.dumps(value, indent=2) + "\n")
        for home in (site.home, tmp_path / "fresh"):
            shutil.copytree(site.home, tmp_path / "fresh", dirs_exist_ok=True)
            (tmp_path / "fresh" / "signed.jsonl").write_bytes(b"")
            shutil.rmtree(tmp_path / "fresh" / "signed")
            for words in (("renew", site.root), ("publish", file(tmp_path), *NAMED, "--root", site.root)):
                ran = anchor(*words, "--home", home)
                assert ran.code in (2, 8), ran
                assert "status" in ran.line
        assert site.entries() == 2
        for path, data in good.items():
            (site.root / path).write_bytes(data)
    assert renew(site).code == 0


NAMED = ("--name", "small-ledger", "--version", "1.1.0")


def file(folder: Path) -> Path:
    (folder / "ledger.md").write_text(NEXT)
    return folder / "ledger.md"


def forgery(place: Path) -> Any:
    value = json.loads(place.read_bytes())
    value["predicate"]["withdrawn"][0]["reason"] = "another reason"
    return value


def test_another_signer_takes_the_status_over_with_the_ledger(site: Site, tmp_path: Path) -> None:
    assert withdraw(site).code == 0
    heir = Site(site.root, tmp_path / "heir", site.policy)
    assert renew(heir).code == 2  # not before he signs a release
    ran = heir.publish(NEXT, "1.1.0", "--new-signer")
    assert ran.code == 0, ran.err
    heir.policy.write_text(ran.out)
    assert (status(heir)["sequence"], len(status(heir)["withdrawn"])) == (2, 1)
    assert heir.verify().code == 0
    assert renew(heir).code == 0
    assert heir.verify().code == 0
    assert renew(site).code == 2  # the one before does not sign any more


def test_a_status_is_in_each_log_of_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    site = empty(tmp_path)
    with serving(tmp_path / "served") as served:
        ran = site.publish(LEDGER, "1.0.0", *served.words())
        assert ran.code == 0, ran.err
        site.policy.write_text(ran.out)
        ran = withdraw(site)
        assert (ran.code, "run it again, with --also for each further log of the release" in ran.err) == (
            5,
            True,
        ), ran
        assert "status" not in site.value
        assert site.entries() == 1  # what is recorded is exported with what is put in place
        assert site.publish(NEXT, "1.1.0", *served.words()).code == 2  # it is completed first
        assert withdraw(site, *served.words()).code == 0
        assert (len(site.value["status"]["bundles"]), site.entries(), served.size()) == (2, 2, 2)
        ran = site.verify()
        assert (ran.code, "in 2 of at least 2 logs" in ran.out) == (11, True), ran
        assert site.publish(NEXT, "1.1.0", *served.words()).code == 0
        assert (site.entries(), served.size()) == (4, 4)
    assert site.verify().code == 0
    ran = renew(site, *served.words())  # its server is gone
    assert (ran.code, status(site)["sequence"]) == (5, 2), ran
