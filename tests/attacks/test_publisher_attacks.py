# SPDX-License-Identifier: Apache-2.0
"""The publisher attacks: two statements that say different things of one release, shown to different people.

Each is a perfect release, and `anchor verify` says so of both. Only who keeps what was seen can tell, and one
file then shows it to a stranger who trusts the same policy.
"""

import base64
import json
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from anchor.encoding import jcs
from anchor.verdict import Class
from tests.support.attacks.attacked import Hook
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER, Site, published
from tests.support.servers.folder_server import serve_folder

OTHER = LEDGER.replace("| A | 1 |", "| A | 9 |")


@dataclass
class TwoTongues:
    """Two sites of one publisher, each with a release 1 of its own, and a watcher of the first."""

    one: Site
    two: Site
    home: Path
    hook: Hook

    def run(self, *sites: Site) -> Ran:
        """Re-verify these sites under the policy of the first."""
        given = ("--policy", self.one.policy, "--home", self.home, "--notify", self.hook.notify_url, "--json")
        return anchor("reverify", "-v", *(s.release for s in sites or (self.one,)), *given)

    def swap(self) -> None:
        """From now on the first site shows the second one's release."""
        for name in ("release.json", "release"):
            old = self.one.root / name
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        shutil.copytree(self.two.root, self.one.root, dirs_exist_ok=True)

    def evidence(self) -> Path:
        """The one piece of evidence, exported."""
        out = self.home.parent / "exported"
        ran = anchor("records", "export", "--evidence", "-o", out, "--home", self.home)
        (line,) = ran.out.splitlines()
        return Path(line)


@pytest.fixture(scope="module")
def tongues(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Site]:
    """One signer, one ledger name, one number; two ledgers."""
    base = tmp_path_factory.mktemp("two-tongues")
    one = published(base)
    two = Site(base / "two", one.home, base / "two.toml")
    two.forget()
    ran = two.publish(OTHER)
    assert ran.code == 0, ran.err
    return one, two


@pytest.fixture
def both(tongues: tuple[Site, Site], webhook: Hook, tmp_path: Path) -> TwoTongues:
    """Seen once: the first release, and all was well."""
    one, two = tongues
    webhook.titles()
    # the policy pins the root beside the original, which no attack changes
    copied = Site(tmp_path / "site", one.home, one.policy)
    shutil.copytree(one.root, copied.root)
    found = TwoTongues(copied, two, tmp_path / "watcher", webhook)
    assert found.run().code == 0
    return found


def test_each_alone_is_a_perfect_release(both: TwoTongues) -> None:
    for site in (both.one, both.two):
        assert anchor("verify", site.release, "--policy", both.one.policy).code == 0


def test_the_second_one_in_the_place_of_the_first(both: TwoTongues) -> None:
    both.swap()
    ran = both.run()
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION"), ran.out
    assert both.hook.titles() == ["EQUIVOCATION"]
    assert both.run().code == 6
    assert both.hook.titles() == []  # once
    assert anchor("records", "check", "--home", both.home).code == 6
    assert anchor("status", "--home", both.home).code == 6


def test_the_second_one_elsewhere(both: TwoTongues) -> None:
    ran = both.run(both.one, both.two)
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION")
    assert both.hook.titles() == ["EQUIVOCATION"]


def test_going_back_to_the_first_makes_nothing_good(both: TwoTongues) -> None:
    assert both.run(both.two).code == 6
    assert both.run(both.one).code == 6


def test_taking_the_first_one_out_of_the_records_does_not_help_the_second(both: TwoTongues) -> None:
    with sqlite3.connect(both.home / "records.db") as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM anchors")
    db.close()
    both.swap()
    for _ in range(2):
        assert both.run().code == Class.INVALID.exit_code
    assert both.hook.titles() == ["INVALID"]


@pytest.fixture
def later(both: TwoTongues, tmp_path: Path) -> Site:
    """A release 2 on top of the second release 1, as it would be shown to people."""
    site = Site(tmp_path / "later", both.two.home, tmp_path / "later.toml")
    shutil.copytree(both.two.root, site.root)
    site.forget()
    ran = site.publish(OTHER + "| D | 4 |\n", "2.0.0")
    assert ran.code == 0, ran.err
    return site


def test_publishing_again_makes_nothing_good(both: TwoTongues, later: Site) -> None:
    both.swap()
    assert both.run().code == 6
    replaced = TwoTongues(both.one, later, both.home, both.hook)
    replaced.swap()
    for _ in range(2):
        ran = both.run()
        assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION"), ran.out
    shutil.rmtree(both.one.root)  # nor does showing nothing
    assert both.run().code == 6
    told = both.hook.titles()
    assert told[:2] == ["EQUIVOCATION"] * 2  # one for each two statements that contradict each other
    assert "recovered" not in told
    assert anchor("status", "--home", both.home).code == 6


def test_a_release_on_top_of_another_one_than_was_shown(both: TwoTongues, later: Site) -> None:
    """Who saw only the first release 1 never sees the second: release 2 names it."""
    TwoTongues(both.one, later, both.home, both.hook).swap()
    ran = both.run()
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION"), ran.out
    assert "names another release 1 before it" in ran.out
    assert both.hook.titles() == ["EQUIVOCATION"]
    file = both.evidence()
    shutil.rmtree(both.home)
    shown = anchor("verify-evidence", file, "--policy", both.one.policy, "--json")
    assert (shown.code, shown.document["facts"]["number"]) == (6, 1)


def test_a_release_under_another_one_that_was_shown(both: TwoTongues, later: Site, tmp_path: Path) -> None:
    fresh = TwoTongues(both.one, later, tmp_path / "fresh", both.hook)
    assert fresh.run(later).code == 0
    ran = fresh.run(both.one)
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION"), ran.out


def test_a_release_on_top_of_the_one_that_was_shown_is_good(both: TwoTongues) -> None:
    both.one.forget()
    assert both.one.publish(LEDGER + "| D | 4 |\n", "2.0.0").code == 0
    assert both.run().code == 0
    assert both.run(both.two).code == 6
    assert both.run().code == 6  # the same publisher signed them


def test_two_releases_of_one_chain_are_no_evidence(both: TwoTongues, later: Site, tmp_path: Path) -> None:
    TwoTongues(both.one, later, both.home, both.hook).swap()
    assert both.run().code == 6
    value = json.loads(both.evidence().read_bytes())
    early = next(r for r in value["releases"] if b'"number":2' not in base64.b64decode(r["statement"]))
    early["statement"] = base64.b64encode((later.root / "release/1.0.0/statement.json").read_bytes()).decode()
    early["bundles"] = [
        base64.b64encode(p.read_bytes()).decode() for p in later.root.glob("release/1.0.0/*.sigstore.json")
    ]
    forged = tmp_path / "forged.json"
    forged.write_bytes(jcs(value))
    ran = anchor("verify-evidence", forged, "--policy", both.one.policy)
    assert ran.code == Class.INVALID.exit_code
    assert "say the same" in ran.out


def test_one_file_shows_both_to_a_stranger(both: TwoTongues) -> None:
    both.run(both.two)
    file = both.evidence()
    shutil.rmtree(both.home)  # no database is needed
    ran = anchor("verify-evidence", file, "--policy", both.one.policy, "--json")
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION")
    digests = [json.loads(s.release.read_bytes())["statement"]["sha256"] for s in (both.one, both.two)]
    assert ran.document["facts"]["statements"] == sorted(digests)
    assert ran.document["facts"]["number"] == 1


def test_the_evidence_shows_nothing_under_another_trust(both: TwoTongues, tmp_path: Path) -> None:
    both.run(both.two)
    file = both.evidence()
    assert anchor("verify-evidence", file).code == 2  # whose trust?
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger")
    assert anchor("verify-evidence", file, "--policy", stranger.policy).code == Class.INVALID.exit_code


def spoilt(value: Any, how: str) -> Any:
    """The evidence with one thing changed, in the one form all the same."""
    one, two = value["releases"]
    if how == "the same twice":
        value["releases"] = [one, one]
    elif how == "another number":
        value["number"] = 2
    elif how == "another ledger":
        value["ledger"] = "another"
    elif how == "bundles exchanged":
        one["bundles"], two["bundles"] = two["bundles"], one["bundles"]
    elif how == "no bundles":
        two["bundles"] = []
    elif how == "an edited statement":
        text = base64.b64decode(two["statement"]).replace(b'"size":3', b'"size":4')
        two["statement"] = base64.b64encode(text).decode()
    elif how == "one more member":
        value["note"] = "x"
    return value


@pytest.mark.parametrize(
    "how",
    [
        "the same twice",
        "another number",
        "another ledger",
        "bundles exchanged",
        "no bundles",
        "an edited statement",
        "one more member",
    ],
)
def test_forged_evidence_shows_nothing(both: TwoTongues, tmp_path: Path, how: str) -> None:
    both.run(both.two)
    forged = tmp_path / "forged.json"
    data = both.evidence().read_bytes()
    forged.write_bytes(jcs(spoilt(json.loads(data), how)))
    assert forged.read_bytes() != data
    ran = anchor("verify-evidence", forged, "--policy", both.one.policy)
    assert ran.code == Class.INVALID.exit_code, ran


def test_the_same_statement_signed_again_contradicts_nothing(both: TwoTongues, tmp_path: Path) -> None:
    again = Site(tmp_path / "again", both.one.home, tmp_path / "again.toml")
    again.forget()
    assert again.publish(LEDGER).code == 0
    ran = both.run(both.one, again)
    assert ran.code == 0, ran.out
    assert both.hook.titles() == []


def test_a_stranger_cannot_make_the_publisher_speak_twice(both: TwoTongues, tmp_path: Path) -> None:
    """A release 1 that somebody else signed is bad, and no evidence of anything."""
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    ran = both.run(stranger)
    assert ran.code in (Class.PENDING.exit_code, Class.INVALID.exit_code)
    assert anchor("records", "export", "--evidence", "-o", tmp_path / "none", "--home", both.home).out == ""


def test_two_publishers_of_one_ledger_name_under_two_policies_in_one_home_are_no_equivocators(
    both: TwoTongues, tmp_path: Path
) -> None:
    """Each is accepted by one policy; what would accuse them, `verify-evidence` refutes under both."""
    (tmp_path / "stranger").mkdir()
    stranger = published(tmp_path / "stranger", OTHER)
    given = ("--home", both.home, "--notify", both.hook.notify_url, "--alarm-after", "1/0", "--json")
    for _ in range(2):
        for site in (stranger, both.one):
            ran = anchor("reverify", "-v", site.release, "--policy", site.policy, *given)
            assert (ran.code, ran.document["verdict"]) == (0, "OK"), ran.out
    assert any("whom this policy accepts" in n for n in ran.document["notes"])
    assert both.hook.titles() == []
    assert not list((both.home / "evidence").glob("*"))
    for command in ("records", "check"), ("status",):
        assert anchor(*command, "--home", both.home).code == 0
    both.swap()  # and a real second statement is found all the same, by the policy of its publisher alone
    assert both.run().code == 6
    ran = anchor("reverify", "-v", stranger.release, "--policy", stranger.policy, *given)
    assert (ran.code, ran.document["verdict"]) == (0, "OK"), ran.out
    assert anchor("records", "check", "--home", both.home).code == 6


# -- further back than the neighbour -------------------------------------------------------------------------


@pytest.fixture
def much_later(later: Site) -> Site:
    """A release 3 on top of that one."""
    ran = later.publish(OTHER + "| D | 4 |\n| E | 5 |\n", "3.0.0")
    assert ran.code == 0, ran.err
    return later


def test_another_history_is_found_although_its_neighbours_were_never_seen(
    both: TwoTongues, much_later: Site
) -> None:
    """Release 1 was verified. 1', 2' and 3' were signed, and 3' is what is shown."""
    TwoTongues(both.one, much_later, both.home, both.hook).swap()
    for _ in range(2):
        ran = both.run()
        assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION"), ran.out
    assert both.hook.titles() == ["EQUIVOCATION"]
    assert anchor("verify-evidence", both.evidence(), "--policy", both.one.policy).code == 6
    assert anchor("records", "check", "--home", both.home).code == 6


@pytest.mark.parametrize("served", ["folder", "web"])
def test_a_history_that_is_withheld_is_pending_and_found_when_it_is_shown(
    both: TwoTongues, much_later: Site, served: str
) -> None:
    with serve_folder(both.one.root) as server:
        target = f"{server.url}/release.json" if served == "web" else both.one.release
        given = ("--policy", both.one.policy, "--home", both.home, "--notify", both.hook.notify_url, "--json")
        TwoTongues(both.one, much_later, both.home, both.hook).swap()
        hidden = both.one.root / "release" / "2.0.0"
        hidden.rename(both.home / "hidden")
        for _ in range(2):
            ran = anchor("reverify", "-v", target, *given)
            assert (ran.code, ran.document["verdict"]) == (5, "PENDING"), ran.out
            assert "release 2 (version 2.0.0) cannot be read, so releases 1 to 2 are not compared" in ran.out
        assert both.hook.titles() == ["PENDING"]
        assert anchor("status", "--home", both.home).code != 0
        (both.home / "hidden").rename(hidden)
        assert anchor("reverify", target, *given).document["verdict"] == "EQUIVOCATION"
    assert both.hook.titles() == ["EQUIVOCATION"]


def test_a_watcher_who_missed_releases_reads_them_back_once(both: TwoTongues, tmp_path: Path) -> None:
    site = both.one
    for version in ("2.0.0", "3.0.0", "4.0.0"):
        site.forget()  # of what other tests published with this home
        ran = site.publish(LEDGER + f"| D | {version} |\n", version)
        assert ran.code == 0, ran.err
    away = tmp_path / "away"
    for gone in (False, True):  # what was read once is held
        if gone:
            (site.root / "release" / "3.0.0").rename(away)
        ran = both.run()
        assert ran.code == 0, ran.out
        assert "each earlier number that is held is that of the chain" in ran.out
    assert anchor("records", "check", "--home", both.home).code == 0
    own = site.root / "release" / "2.0.0" / "release.json"  # beside it, as seen from a version's own place
    given = ("--policy", site.policy, "--home", tmp_path / "other", "--json")
    assert anchor("reverify", site.root / "release" / "1.0.0" / "release.json", *given).code == 0
    assert anchor("reverify", own, *given).code == 0
    last = anchor("reverify", "-v", site.root / "release" / "4.0.0" / "release.json", *given)
    assert (last.code, "release 3 (version 3.0.0) cannot be read" in last.out) == (5, True)
    away.rename(site.root / "release" / "3.0.0")
    assert anchor("reverify", site.root / "release" / "4.0.0" / "release.json", *given).code == 0


def test_a_version_that_is_published_again_under_another_number(both: TwoTongues, tmp_path: Path) -> None:
    site = both.one
    for version in ("1.0.1", "1.0.0"):
        site.forget()
        if (site.root / "release" / version).exists():
            (site.root / "release" / version).rename(tmp_path / "old")
        ran = site.publish(LEDGER + f"| D | {version}+ |\n", version)
        assert ran.code == 0, ran.err
    assert anchor("verify", site.release, "--policy", site.policy).code == 0
    for _ in range(2):
        ran = both.run()
        assert (ran.code, ran.document["verdict"]) == (8, "INVALID"), ran.out
        assert "releases 1 and 3 have one version, 1.0.0" in ran.out
    assert both.hook.titles() == ["INVALID"]
