# SPDX-License-Identifier: Apache-2.0
"""`anchor prove --staple` and `anchor verify-receipt`: not withdrawn as of a time, or withdrawn."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from anchor.app.verify_receipt import open_trust
from anchor.verdict import Class
from anchor.verify.receipt import Evidence, ReceiptResult, examine_receipt
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER, Site, published
from tests.support.servers.folder_server import serve_folder

NEXT = LEDGER.replace("| C | 3 |", "| C | 4 |")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A release beside a status that withdraws one of its facts."""
    site = published(tmp_path_factory.mktemp("made"))
    assert withdraw(site, "--fact", 1).code == 0
    return site


def withdraw(site: Site, *words: object) -> Ran:
    given = ("--release", "1.0.0", "--kind", "withdrawn", "--reason", "measured twice")
    return anchor("withdraw", site.root, *given, "--home", site.home, *words)


def prove(site: Site, fact: int, folder: Path, *words: object) -> Path:
    receipt = folder / f"{fact}.json"
    ran = anchor("prove", site.release, "--policy", site.policy, "--fact", fact, "-o", receipt, *words)
    assert ran.code == 0, ran
    return receipt


def verify(site: Site, receipt: Path, *words: object) -> Ran:
    return anchor("verify-receipt", "-v", receipt, "--policy", site.policy, *words)


def test_a_fact_that_stands_is_not_withdrawn_as_of_a_time(made: Site, tmp_path: Path) -> None:
    ran = verify(made, prove(made, 0, tmp_path, "--staple"))
    assert ran.code == 0, ran
    assert "withdrawn: not withdrawn as of 20" in ran.out
    assert "it is not known whether" not in ran.out
    document = verify(made, tmp_path / "0.json", "--json").document
    assert document["facts"]["status"]["sequence"] == 1
    plain = verify(made, prove(made, 0, tmp_path))
    assert (plain.code, "it is not known whether this was withdrawn since" in plain.out) == (0, True)


def test_a_withdrawn_fact_says_so(made: Site, tmp_path: Path) -> None:
    ran = verify(made, prove(made, 1, tmp_path, "--staple"))
    assert ran.code == 11, ran
    assert "WITHDRAWN: fact 1 of release 1 is withdrawn: 'measured twice'. So says status 1" in ran.out
    document = verify(made, tmp_path / "1.json", "--json").document
    assert document["facts"]["facts"][0]["index"] == 1  # it is in the release, as it was


def test_a_withdrawn_release_takes_each_fact_along(made: Site, tmp_path: Path) -> None:
    site = made.copy(tmp_path)
    assert withdraw(site).code == 0
    assert verify(site, prove(site, 0, tmp_path, "--staple")).code == 11


def test_every_receipt_of_a_release(made: Site, tmp_path: Path) -> None:
    words = ("prove", made.release, "--policy", made.policy, "--all", "--staple")
    ran = anchor(*words, "-o", tmp_path / "all", "--split", tmp_path / "single")
    assert ran.code == 0, ran
    bundles = tmp_path / "all" / "bundles.json"
    ran = verify(made, tmp_path / "all" / "receipts.jsonl", "--bundles", bundles)
    assert ran.code == 11, ran
    assert [verify(made, tmp_path / "single" / f"{n}.json").code for n in range(3)] == [0, 11, 0]


def test_a_status_that_is_too_old_or_left_out_is_stale(made: Site, tmp_path: Path) -> None:
    site = made.copy(tmp_path)
    text = site.policy.read_text()
    stapled = prove(site, 0, tmp_path, "--staple")
    site.policy.write_text(text.replace("min_number", 'max_status_age = "1d"\nmin_number'))
    assert verify(site, stapled).code == 0
    value = json.loads(stapled.read_bytes())
    del value["status"]
    plain = write(tmp_path / "plain.json", value)
    assert verify(site, plain).code == 4
    site.policy.write_text(text.replace("min_number", 'max_status_age = "1s"\nmin_number'))
    assert verify(site, stapled).code in (0, 4)  # it was signed a moment ago


def test_a_spoilt_or_exchanged_status_is_refused(made: Site, tmp_path: Path) -> None:
    value = json.loads(prove(made, 0, tmp_path, "--staple").read_bytes())
    of_release = {**value, "status": {"bundles": value["bundles"]}}  # the bundles of the release itself
    assert verify(made, write(tmp_path / "a.json", of_release)).code in (7, 8)
    mixed = {**value, "status": {"bundles": [*value["status"]["bundles"], *value["bundles"]]}}
    assert verify(made, write(tmp_path / "b.json", mixed)).code == 8
    forged = json.loads(json.dumps(value))
    signature = forged["status"]["bundles"][0]["dsseEnvelope"]["signatures"][0]
    signature["sig"] = value["bundles"][0]["dsseEnvelope"]["signatures"][0]["sig"]
    assert verify(made, write(tmp_path / "c.json", forged)).code == 8
    other = published(make(tmp_path / "other"))
    assert anchor("renew", other.root, "--home", other.home).code == 0
    stranger = json.loads(prove(other, 0, tmp_path, "--staple").read_bytes())["status"]
    ran = verify(made, write(tmp_path / "d.json", {**value, "status": stranger}))
    assert (ran.code, "nobody whom you trust vouches for it" in ran.out) == (0, True)
    assert "it is not known whether this was withdrawn since" in ran.out


def test_an_earlier_release_has_the_status_of_its_root(made: Site, tmp_path: Path) -> None:
    """Its own release.json names none. The root release.json names the newest one."""
    site = made.copy(tmp_path)
    file = tmp_path / "next.md"
    file.write_text(NEXT, encoding="utf-8")
    given = ("--name", "small-ledger", "--version", "1.1.0", "--root", site.root, "--home", site.home)
    assert anchor("publish", file, *given).code == 0
    folder = site.root / "release" / "1.0.0"
    with serve_folder(site.root) as server:
        for target in (folder, folder / "release.json", f"{server.url}/release/1.0.0/release.json"):
            words = ("prove", target, "--policy", site.policy, "--fact", 1, "--staple", "-o", tmp_path / "r")
            assert anchor(*words).code == 0
            ran = verify(site, tmp_path / "r")
            assert (ran.code, "fact 1 of release 1 is withdrawn: 'measured twice'" in ran.out) == (11, True)
    ran = anchor("diff", folder, site.root, "--policy", site.policy)
    assert (
        "old: withdrawn: WITHDRAWN: fact 1 of release 1 is withdrawn: 'measured twice'" in ran.err + ran.out
    )


def test_without_a_status_nothing_is_stapled(tmp_path: Path) -> None:
    site, other = published(make(tmp_path / "one")), published(make(tmp_path / "other"))
    for target in (site.root, site.root / "release" / "1.0.0"):
        words = ("prove", target, "--policy", site.policy, "--fact", 0, "--staple", "-o", tmp_path / "r")
        ran = anchor(*words)
        assert (ran.code, "--staple: " in ran.line, "leave --staple out" in ran.line) == (2, True, True)
    assert anchor("renew", other.root, "--home", other.home).code == 0
    shutil.copytree(other.root / "release" / "status", site.root / "release" / "status")
    shutil.copy(other.root / "release.json", site.root)
    ran = anchor(*words)
    assert (ran.code, "nobody whom you trust signed its status" in ran.line) == (2, True), ran
    assert not (tmp_path / "r").exists()


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_one_status_of_many_receipts_is_verified_once(made: Site, tmp_path: Path) -> None:
    trust, now = open_trust(policy=made.policy, offline=True).trust, datetime.now(UTC)

    def examine(value: Any, evidence: Evidence | None = None) -> ReceiptResult:
        return examine_receipt("r", json.dumps(value).encode(), trust=trust, now=now, evidence=evidence)

    values = [json.loads(prove(made, n, tmp_path, "--staple").read_bytes()) for n in range(3)]
    first = examine(values[0])
    for value in values:
        found = examine(value, first.evidence)
        assert found.evidence is first.evidence
        assert found.verdict == examine(value).verdict
    # another status does not profit from it, and neither does the same one beside another release
    forged = json.loads(json.dumps(values[0]))
    forged["status"]["bundles"][0]["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA"
    found = examine(forged, first.evidence)
    assert (found.verdict.verdict, found.verdict) == (Class.INVALID, examine(forged).verdict)
    assert examine(values[0], found.evidence).verdict == first.verdict
    (tmp_path / "two").mkdir()
    other = published(tmp_path / "two", LEDGER.replace("| C | 3 |", "| C | 5 |"))
    beside = json.loads(prove(other, 0, tmp_path).read_bytes()) | {"status": values[0]["status"]}
    assert examine(beside).verdict.verdict is Class.INVALID
    assert examine(beside, first.evidence).verdict == examine(beside).verdict
