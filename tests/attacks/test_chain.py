# SPDX-License-Identifier: Apache-2.0
"""`anchor chain` over honest chains, and over those of a publisher or a server that lies, over time."""

import hashlib
import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anchor.format import ledger_status as statuses
from anchor.format.statement import KnownStatus, Previous
from anchor.log_kinds.short_names import short
from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.releases.chained import edit, entry, link_of, publish_status, put, withdraw
from tests.support.releases.published import LEDGER, Site, published
from tests.support.servers.folder_server import serve_folder

OTHER = LEDGER.replace("| A | 1 |", "| A | 9 |")


@pytest.fixture
def site(three_releases: Site, tmp_path: Path) -> Site:
    """Three releases of one signer, to be changed. The policy trusts the root of the original."""
    found = three_releases.copy(tmp_path)
    found.policy.write_text(three_releases.policy.read_text())  # no attack replaces that root
    return found


def chain(site: Site, *words: object, target: object = "") -> Ran:
    target = target or site.release
    return anchor("chain", target, "--policy", site.policy, "--home", site.home.parent / "watch", *words)


def evidence(site: Site) -> list[Path]:
    return sorted((site.home.parent / "watch" / "evidence").glob("*.json"))


def assert_equivocation(site: Site, ran: Ran, number: int) -> None:
    """EQUIVOCATION, and one file that shows it to whoever trusts the same policy."""
    assert ran.code == 6, ran
    (path,) = evidence(site)
    assert str(path) in ran.out
    shown = anchor("verify-evidence", path, "--policy", site.policy, "--json")
    assert (shown.code, shown.document["facts"]["number"]) == (6, number)
    assert anchor("verify-evidence", path).code == 2  # nobody said whom to trust


# Honest


def test_three_releases_are_a_table_newest_first(site: Site) -> None:
    ran = chain(site)
    assert (ran.code, ran.err) == (0, "")
    head, *lines = ran.out.splitlines()
    columns = ["number", "version", "at the latest", "facts", "statement", "verdict", "signer"]
    assert re.split(" {2,}", head) == columns
    signer = short(site.value["anchors"][0]["identity"])
    for line, number, facts in zip(lines, "321", "443", strict=False):
        words = line.split()
        assert (words[0], words[1], words[3], words[5], words[6]) == (number, number, facts, "OK", signer)
        assert link_of(site, number).statement.startswith(words[4])
    assert lines[-1] == f"OK: {site.release}: 3 releases, each names the one before, back to number 1"
    assert evidence(site) == []


def test_the_document_has_every_release_with_what_is_bound(site: Site) -> None:
    found = chain(site, "--json").document
    assert (found["kind"], found["verdict"]) == ("chain", "OK")
    rows = found["facts"]["releases"]
    assert [row["number"] for row in rows] == [3, 2, 1]
    for row in rows:
        assert row["statement"] == link_of(site, row["version"]).statement
        assert row["signers"] == [{k: site.value["anchors"][0][k] for k in ("identity", "issuer")}]


@pytest.mark.parametrize(
    ("folder", "target", "count"),
    [
        ("", "release.json", 3),
        ("", ".", 3),
        ("", "release/2", 2),
        ("release/3", "release.json", 3),
        ("release/3", "../2/release.json", 2),
        ("release", "1", 1),
    ],
)
def test_it_begins_at_any_release_and_from_any_folder(
    site: Site, folder: str, target: str, count: int
) -> None:
    ran = anchor("chain", target, "--policy", site.policy, cwd=site.root / folder)
    assert ran.code == 0, ran
    assert ran.out.splitlines()[-1].startswith(f"OK: {target}: {count} release")


def test_by_url(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with serve_folder(site.root) as server:
        for target in (f"{server.url}/", f"{server.url}/release/3/release.json"):
            ran = chain(site, target=target)
            assert ran.code == 0, ran
            assert "3 releases" in ran.out
        assert chain(site, "--offline", target=f"{server.url}/").code == 2


def test_without_a_policy_nothing_is_bound(site: Site) -> None:
    ran = anchor("chain", site.release, "--json")
    assert (ran.code, ran.document["facts"]) == (2, {})
    ran = anchor("chain", site.release)
    assert ran.code == 2
    assert site.value["anchors"][0]["time"] not in ran.out


def test_the_lowest_number_and_the_age_of_a_policy_are_about_the_newest_release(site: Site) -> None:
    site.policy.write_text(site.policy.read_text().replace("min_number = 1", "min_number = 3"))
    assert "min_number = 3" in site.policy.read_text()
    assert chain(site).code == 0
    assert chain(site, target=site.root / "release" / "2").code == 4


def test_a_chain_of_both_versions_of_the_format(site: Site) -> None:
    put(site, "4", 4, link_of(site, "3"), ledger="a\nb\n", reader="lines-v1")
    put(site, "5", 5, link_of(site, "4"), newest=True)
    assert json.loads((site.root / "release/4/statement.json").read_bytes())["predicateType"].endswith("v2")
    ran = chain(site)
    assert ran.code == 0, ran
    assert "5 releases" in ran.out


def test_a_time_before_that_of_the_release_before_is_a_remark(
    site: Site, three_releases: Site, tmp_path: Path
) -> None:
    """Release 1 is anchored again later, and the first anchor is gone, or in a log that we do not trust."""
    said = json.loads((site.root / "release/1/statement.json").read_bytes())["predicate"]["ledger"]
    put(site, "1", said["number"], None)
    assert link_of(site, "1") == link_of(three_releases, "1")  # the same statement, and a later entry
    ran = chain(site)
    assert ran.code == 0, ran
    same_second = json.loads((site.root / "release/2/release.json").read_bytes())["anchors"][0]["time"]
    later = json.loads((site.root / "release/1/release.json").read_bytes())["anchors"][0]["time"]
    assert ("which no rule forbids" in ran.out) == (same_second < later)


def test_another_signer_is_said_and_the_policy_decides(site: Site, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = published(tmp_path / "second", OTHER)
    put(site, "4", 4, link_of(site, "3"), newest=True, signer=second.home)
    ran = chain(site)
    assert ran.code == 8
    assert "none of the logs" in ran.err or "nobody whom you trust" in ran.out
    root = second.path("trusted_root")
    named = json.loads(second.release.read_bytes())["anchors"][0]
    policy = site.policy.read_text()
    line = next(t for t in policy.splitlines() if t.startswith("trusted_root"))
    policy = policy.replace(line, line.replace("[", f'[{{ path = "{root}" }}, ', 1))
    site.policy.write_text(
        f"{policy}\n[[signer]]\nidentity = '{named['identity']}'\nissuer = '{named['issuer']}'\n"
    )
    ran = chain(site)
    assert ran.code == 0, ran
    assert "another signer from release 4 on" in ran.out
    assert short(named["identity"]) in ran.out


# What is missing or broken


def test_a_version_folder_that_is_missing_is_named(site: Site) -> None:
    shutil.rmtree(site.root / "release" / "2")
    ran = chain(site)
    says(ran, 3, "release 2")
    for word in ("release 3 (version 3)", "version 2", link_of_missing(site), "cannot be read", "publisher"):
        assert word in ran.line
    assert "release 3 was found, releases 2 to 1 were not examined" in ran.out


def link_of_missing(site: Site) -> str:
    return str(site.value["previous"]["statement"])


def test_a_version_folder_that_lacks_a_file_is_unavailable_and_the_chain_goes_on(site: Site) -> None:
    (site.root / "release/2/ledger.md").unlink()
    ran = chain(site)
    says(ran, 3, "release 2")
    assert "3 releases" in ran.out
    assert [row["verdict"] for row in chain(site, "--json").document["facts"]["releases"]] == [
        "OK",
        "UNAVAILABLE",
        "OK",
    ]


def test_edited_facts_in_the_middle_are_invalid_and_not_shown(site: Site) -> None:
    path = site.root / "release/2/ledger.md"
    path.write_bytes(path.read_bytes().replace(b"| D | 2 |", b"| D | 9 |"))
    ran = chain(site)
    says(ran, 8, "release 2")
    assert "facts" in ran.line
    (row,) = [r for r in chain(site, "--json").document["facts"]["releases"] if r["number"] == 2]
    assert "time" not in row
    assert "size" not in row


def test_a_newest_release_that_nobody_signed_says_nothing_of_those_before(site: Site, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    put(site, "4", 4, link_of(site, "3"), newest=True, signer=stranger.home)
    ran = chain(site)
    assert ran.code == 8
    assert "release 4 was found, releases 3 to 1 were not examined" in ran.out
    assert chain(site, "--json").document["facts"] == {}


def test_a_release_before_that_a_stranger_signed_is_invalid(site: Site, tmp_path: Path) -> None:
    """The chain goes on: its statement is the one that the signer of release 3 names."""
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    put(site, "2", 2, link_of(site, "1"), ledger=f"{LEDGER}| D | 2 |\n", signer=stranger.home)
    assert link_of(site, "2").statement == link_of_missing(site)
    ran = chain(site)
    says(ran, 8, "release 2")
    assert "3 releases" in ran.out


def test_no_release_json_at_all(site: Site) -> None:
    says(chain(site, target=site.root / "nothing.json"), 2, "nothing.json")
    site.release.write_text("{}\n")
    says(chain(site), 8, "release-json")
    site.release.write_text("")
    says(chain(site), 3, "release-json")


# Lies of a publisher


def test_a_link_to_another_statement_is_an_equivocation_if_both_are_signed(site: Site) -> None:
    put(site, "2", 2, link_of(site, "1"), ledger=OTHER)
    ran = chain(site)
    assert_equivocation(site, ran, 2)
    for word in ("another statement", link_of(site, "2").statement, link_of_missing(site)):
        assert word in ran.out


def test_and_only_invalid_if_a_stranger_signed_one(site: Site, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    put(site, "2", 2, link_of(site, "1"), ledger=OTHER, signer=stranger.home)
    says(chain(site), 8, "another statement")
    assert evidence(site) == []


def test_a_link_to_a_release_of_another_ledger(site: Site) -> None:
    put(site, "x", 3, Previous(number=2, version="2", statement="0" * 64), name="else")
    named = link_of(site, "x")
    put(site, "4", 4, named, newest=True)
    says(chain(site), 8, "another ledger")
    assert "'else'" in chain(site).line


def test_a_link_with_a_number_that_is_not_that_of_the_release(site: Site) -> None:
    """A gap: 5 names a release 4, and it is release 3."""
    named = link_of(site, "3")
    put(site, "5", 5, Previous(number=4, version="3", statement=named.statement), newest=True)
    ran = chain(site)
    says(ran, 8, "another number or version")
    for word in ("release 5 (version 5) names release 4", "this is release 3"):
        assert word in ran.line


def test_a_link_that_points_forward_or_to_itself_is_no_statement(site: Site) -> None:
    for number in (3, 4):
        edit(site.release, partial(link_to, number))
        says(chain(site), 8, "release-json")


def link_to(number: int, release: Any) -> None:
    release["previous"]["number"] = number


def test_a_loop_of_versions(site: Site) -> None:
    """Versions are the folders: 5 names version 3 as number 4, whose release names version 5."""
    put(site, "4", 4, Previous(number=3, version="5", statement="0" * 64))
    put(site, "5", 5, link_of(site, "4"), newest=True)
    ran = chain(site)
    says(ran, 8, "releases 3 and 5 have one version, 5")


def test_two_numbers_with_one_version(site: Site) -> None:
    put(site, "4", 4, link_of(site, "3"))
    put(site, "2", 5, link_of(site, "4"), place="5", newest=True)
    says(chain(site), 8, "releases 2 and 5 have one version, 2")


def test_a_second_release_of_a_number_in_the_same_site(site: Site) -> None:
    """As two clones that were put together show it: each one published its own number 3."""
    put(site, "3b", 3, link_of(site, "2"), ledger=OTHER)
    assert_equivocation(site, chain(site), 3)
    assert_equivocation(site, chain(site), 3)  # again, and still one file


def test_a_release_json_that_is_not_that_of_its_version(site: Site) -> None:
    put(site, "3", 3, link_of(site, "2"), ledger=OTHER)  # the root still names the first one's files
    ran = chain(site)
    assert ran.code in (6, 8), ran


def test_what_a_stranger_puts_beside_the_chain_is_a_note(site: Site, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    put(site, "3b", 3, link_of(site, "2"), ledger=OTHER, signer=stranger.home)
    put(site, "else", 1, None, name="else")
    (site.root / "release" / "torn").mkdir()
    (site.root / "release" / "torn" / "release.json").write_text("{")
    ran = chain(site)
    assert ran.code == 0, ran
    assert "3b" in ran.out
    assert "torn" in ran.out
    assert evidence(site) == []


# Copies, and the same copy over time


def test_another_copy_that_is_the_same_or_behind(site: Site, three_releases: Site) -> None:
    assert chain(site, "--against", three_releases.release).code == 0
    site.publish(OTHER, "4")
    ran = chain(site, "--against", three_releases.release)
    assert ran.code == 0, ran


def test_an_old_release_json_beside_a_newer_release(site: Site, three_releases: Site) -> None:
    site.roll_back("2")
    ran = chain(site)
    says(ran, 3, "release 3, where")
    assert "shows an older state" in ran.out
    shutil.rmtree(site.root / "release" / "3")
    assert chain(site).code == 0  # nothing here shows it
    says(chain(site, "--against", three_releases.release), 3, "release 3, where")


def test_two_copies_that_were_served_differently(site: Site, three_releases: Site) -> None:
    """One site shows release 2, another one 2', and both go on."""
    put(site, "2b", 2, link_of(site, "1"), ledger=OTHER)
    put(site, "3b", 3, link_of(site, "2b"), newest=True)
    for version in ("2", "3"):
        shutil.rmtree(site.root / "release" / version)
    assert chain(site).code == 0
    ran = chain(site, "--against", three_releases.root)
    assert_equivocation(site, ran, 2)  # the number at which they part


def test_a_copy_that_cannot_be_read(site: Site, tmp_path: Path) -> None:
    assert chain(site, "--against", tmp_path / "nowhere").code == 2
    shutil.copytree(site.root, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "release" / "1")
    says(chain(site, "--against", tmp_path / "copy"), 3, "release 1")


def test_a_server_that_dies_and_comes_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with serve_folder(site.root) as server:
        server.answers["release/2/release.json"] = (503, {}, b"")
        ran = chain(site, target=f"{server.url}/")
        says(ran, 3, "release 2")
        server.answers.clear()
        assert chain(site, target=f"{server.url}/").code == 0
        server.answers["release/2/release.json"] = (404, {}, b"")
        says(chain(site, target=f"{server.url}/"), 3, "release 2")


def test_a_server_that_shows_another_release_for_the_second_request(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The root release.json is read first; the folder of that version then shows another release 3."""
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "second").mkdir()
    other = site.copy(tmp_path / "second")
    put(other, "3", 3, link_of(site, "2"), ledger=OTHER)
    with serve_folder(site.root) as server:
        for path in (other.root / "release" / "3").iterdir():
            server.then[f"release/3/{path.name}"] = path.read_bytes()
        server.bodies["release/3/release.json"] = (other.root / "release/3/release.json").read_bytes()
        ran = chain(site, target=f"{server.url}/")
        assert_equivocation(site, ran, 3)


# A status beside the newest release


def test_an_earlier_release_that_was_withdrawn_is_said_and_demotes_nothing(site: Site) -> None:
    withdraw(site, entry(site, "2"))
    ran = chain(site)
    assert ran.code == 0, ran
    assert "note: release 2: WITHDRAWN: release 2 is corrected: 'it was measured twice'. So says" in ran.out
    rows = chain(site, "--json").document["facts"]["releases"]
    assert [row["verdict"] for row in rows] == ["OK", "WITHDRAWN", "OK"]
    assert "not known whether" not in ran.out
    assert "not known whether" in chain(site, target=site.root / "release" / "3").out


def test_the_newest_release_that_was_withdrawn_is_withdrawn(site: Site) -> None:
    withdraw(site, entry(site, "3", kind="withdrawn"))
    assert chain(site).code == 11


def test_a_status_that_names_another_release_than_the_chain(site: Site) -> None:
    """Of a number that the newest release does not name: only who reads the chain can tell."""
    withdraw(site, entry(site, "1", statement="0" * 64))
    assert site.verify().code == 0
    ran = chain(site)
    assert ran.code == 6
    assert "names the statement 0000" in ran.out
    (path,) = evidence(site)
    assert anchor("verify-evidence", path, "--policy", site.policy).code == 6


@pytest.fixture
def committed(tmp_path: Path) -> Site:
    """1.0.0, a status that withdraws a fact of it, 1.1.0 that commits to it, and 1.2.0 that does not."""
    site = published(tmp_path)
    given = ("--home", site.home)
    words = ("--release", "1.0.0", "--fact", 1, "--kind", "withdrawn", "--reason", "measured twice")
    assert anchor("withdraw", site.root, *words, *given).code == 0
    file = tmp_path / "next.md"
    file.write_text(OTHER, encoding="utf-8")
    named = ("--name", "small-ledger", "--version", "1.1.0", "--root", site.root)
    assert anchor("publish", file, *named, *given).code == 0
    put(site, "1.2.0", 3, link_of(site, "1.1.0"), newest=True)
    return site


def status_of(sequence: int, newest: Previous, before: bytes | None) -> bytes:
    """A status of a liar, that withdraws nothing."""
    return statuses.encode(
        statuses.Status(
            ledger="small-ledger",
            sequence=sequence,
            previous=hashlib.sha256(before).hexdigest() if before else None,
            newest=newest,
        )
    )


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_a_status_that_leaves_out_what_an_earlier_release_knew(committed: Site, sequence: int) -> None:
    """The newest release commits to no status, so that only the chain shows it."""
    site, newest = committed, link_of(committed, "1.2.0")
    folders = [site.root / "release/status" / name for name in ("1", "2")]
    kept = {path: path.read_bytes() for folder in folders for path in folder.iterdir()}
    lie = None if sequence == 1 else status_of(1, newest, None) if sequence == 2 else b"another"
    publish_status(site, status_of(sequence, newest, lie))
    for path, data in kept.items():
        if path.parent.name == "1" and sequence > 1:
            path.write_bytes(data)
    assert site.verify().code == 0
    ran = chain(site)
    assert (ran.code, "status-follows" in ran.out) == (6, True), ran
    (path,) = evidence(site)
    assert anchor("verify-evidence", path, "--policy", site.policy).code == 6


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("newest", [False, True], ids=["both are earlier", "the newest is one"])
def test_two_releases_that_commit_to_two_statuses_of_one_sequence(
    committed: Site, *, served: bool, newest: bool
) -> None:
    """Nobody who reads one release alone can tell, with a status that is served or without one."""
    site = committed
    lie = KnownStatus(sequence=1, statement="0" * 64)
    put(site, "1.3.0", 4, link_of(site, "1.2.0"), newest=True, status=lie)
    if not newest:
        put(site, "1.4.0", 5, link_of(site, "1.3.0"), newest=True)
    if served:
        publish_status(site, (site.root / "release/status/1/statement.json").read_bytes())
    else:
        assert site.verify().code == 0
    ran = chain(site)
    assert ran.code == 6, ran
    assert "releases 2 and 4 commit to two statuses 1: " in ran.out


def test_releases_that_commit_to_one_status_agree(committed: Site) -> None:
    site = committed
    known = (site.root / "release/status/1/statement.json").read_bytes()
    same = KnownStatus(sequence=1, statement=hashlib.sha256(known).hexdigest())
    put(site, "1.3.0", 4, link_of(site, "1.2.0"), newest=True, status=same)
    assert chain(site).code == 0


def test_a_status_that_an_earlier_release_knew_and_that_is_gone(committed: Site) -> None:
    site, newest = committed, link_of(committed, "1.2.0")
    second = (site.root / "release/status/2/statement.json").read_bytes()
    publish_status(site, following(second, newest))
    assert chain(site).code == 0
    (site.root / "release/status/1/statement.json").unlink()
    says(chain(site), 3, "release/status/1/statement.json: is not there")


def following(before: bytes, newest: Previous) -> bytes:
    return statuses.encode(statuses.following(before, newest))


def test_the_age_of_a_status_is_asked_of_the_newest_release_only(site: Site) -> None:
    site.policy.write_text(f'max_status_age = "1d"\n{site.policy.read_text()}')
    assert chain(site).code == 4  # there is none
    withdraw(site)
    assert chain(site).code == 0


def test_a_release_of_a_later_format_is_unsupported(site: Site) -> None:
    edit(site.root / "release/2/release.json", later_format)
    says(chain(site), 7, "release 2")
    edit(site.release, later_format)
    says(chain(site), 7, "release-json")


def later_format(release: Any) -> None:
    release["format"] = "urn:ledger-anchor:release:v9"


def test_the_evidence_is_taken_into_the_records_of_the_same_home(site: Site) -> None:
    put(site, "3b", 3, link_of(site, "2"), ledger=OTHER)
    given = ("--policy", site.policy, "--home", site.home.parent / "watch", "--json")
    assert anchor("reverify", site.release, *given).code == 0  # it does not look beside the chain
    assert_equivocation(site, chain(site), 3)
    ran = anchor("reverify", "-v", site.release, *given)
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION")
