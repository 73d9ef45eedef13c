# SPDX-License-Identifier: Apache-2.0
"""Somebody signs in the publisher's name, and publishes nothing: the watch of whole logs, over time."""

import json
import sqlite3
from typing import Any

import pytest

from anchor.monitor import entries
from anchor.monitor.log_client import _Pinned
from anchor.tlog import tiles
from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.forge.named import Thief, body, digest_of, self_made, thief
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import Ran, anchor

FINDINGS = Class.FINDINGS


@pytest.fixture
def watching(attacked: Attacked) -> Attacked:
    """A watcher whose policy reads the log whole."""
    watch(attacked)
    assert attacked.found() is Class.OK
    assert attacked.told() == []
    return attacked


@pytest.fixture
def forger(attacked: Attacked) -> Thief:
    return thief(attacked.site.home)


def watch(attacked: Attacked, more: str = "", top: str = "") -> None:
    """Ask for the watch in the policy of the watcher."""
    base = attacked.site.policy.read_text().split("\n[[watch]]")[0].removeprefix(top)
    attacked.site.policy.write_text(f"{top}{base}\n[[watch]]\n{more}")
    attacked.write_policy()


def check(ran: Ran, name: str) -> Any:
    """The one check whose name begins so."""
    (found,) = [c for c in ran.document["checks"] if c["name"].startswith(name)]
    return found


def fact(ran: Ran) -> Any:
    """The coverage of the one log, as the facts have it."""
    (found,) = ran.document["facts"]["names"]
    return found


def bundles_gone(log: SimLog, *indices: int) -> None:
    for index in indices:
        log.gone.add(tiles.entries_path(index, tiles.width_at(log.size, 0, index)))


def test_a_policy_without_a_watch_says_that_nothing_is_followed_whole(attacked: Attacked) -> None:
    ran = attacked.run()
    assert check(ran, "names")["state"] == "skipped"
    assert "no log is followed whole" in check(ran, "names")["detail"]


def test_an_honest_log_is_read_whole_and_its_own_entry_is_found(watching: Attacked) -> None:
    ran = watching.run()
    assert check(ran, "coverage")["detail"] == "entries 0 to 2 of 3 read, without a gap"
    assert check(ran, "own entry")["state"] == "passed"
    assert fact(ran)["unexplained"] == 0
    assert fact(ran)["whole"]
    watching.serve(watching.log.grow(400))
    assert "entries 0 to 402 of 403 read, without a gap" in check(watching.run(), "coverage")["detail"]


def test_a_theft_is_told_at_once_and_stays_although_the_log_hides_it(
    watching: Attacked, forger: Thief
) -> None:
    honest = watching.log.rewind(0)
    stolen = watching.log.clone().append(forger.entry())
    watching.serve(stolen)
    ran = watching.run()
    assert (ran.code, ran.document["verdict"]) == (9, "FINDINGS")
    said = check(ran, "names in")
    assert said["detail"].startswith("1 entry is under a watched identity, and of no known release or status")
    assert f"entry 3 by {forger.identity} (issuer {forger.issuer})" in said["detail"]
    assert digest_of(b"a statement that nobody published").hex() in said["detail"]
    assert watching.told() == ["FINDINGS"]
    assert watching.found() is FINDINGS  # repeated: no second message
    watching.serve(honest)  # withdrawn: an older head is served, without the entry
    ran = watching.run()
    assert check(ran, "names in")["state"] == "refused"
    bundles_gone(stolen, 0)
    watching.serve(stolen)  # repeated, and the bundle is hidden
    assert check(watching.run(), "names in")["state"] == "refused"
    assert set(watching.told()) == {"UNAVAILABLE"}  # of the head and of the bundle; the theft is known
    status = anchor("status", "--home", watching.home, "--json").document
    assert (status["verdict"], status["targets"][0]["verdict"]) == ("FINDINGS", "FINDINGS")


def test_a_release_that_explains_a_finding_ends_it(watching: Attacked) -> None:
    site = watching.site
    before = watching.log.clone()
    shown = site.release.read_bytes()
    assert site.publish("| Label | Value |\n|---|---|\n| E | 5 |\n", "4").code == 0
    published, newest = site.release.read_bytes(), (site.root / "release").rglob("entries/000.p/4")
    site.release.write_bytes(shown)  # the release is not shown yet, and its entry is in the log
    (data,) = {path.read_bytes() for path in newest}
    watching.serve(before.append(*tiles.parse_bundle(data, 4)[3:]))
    assert watching.found() is FINDINGS
    assert watching.told() == ["FINDINGS"]
    site.release.write_bytes(published)
    assert watching.found() is Class.OK
    assert watching.told() == ["recovered"]
    assert watching.check() is Class.OK


def test_a_statement_that_the_policy_explains_is_no_finding(watching: Attacked, forger: Thief) -> None:
    watching.serve(watching.log.append(forger.entry()))
    assert watching.found() is FINDINGS
    watch(watching, top=f'explained = ["{digest_of(b"a statement that nobody published").hex()}"]\n')
    ran = watching.run()
    assert ran.code == 0, ran.out
    assert "1 of them by the policy" in check(ran, "names in")["detail"]
    base = watching.site.policy.read_text().split("\n", 1)[1]
    watching.site.policy.write_text(base)
    watching.write_policy()
    assert watching.found() is FINDINGS  # the policy explains it no more


@pytest.mark.parametrize("size", [255, 256, 300, 511])
def test_an_entry_at_the_end_of_a_tile_and_in_a_partial_one_that_is_completed_later(
    watching: Attacked, forger: Thief, size: int
) -> None:
    watching.serve(watching.log.grow(size - watching.log.size - 1).append(forger.entry()))
    assert watching.found() is FINDINGS
    watching.serve(watching.log.grow(300))
    ran = watching.run()
    assert f"entry {size - 1} by" in check(ran, "names in")["detail"]
    assert fact(ran)["gaps"] == 0
    assert watching.told() == ["FINDINGS"]


def test_what_anybody_can_claim_is_counted_and_raises_no_alarm(watching: Attacked, forger: Thief) -> None:
    claims = [forger.claim(b"%d" % n) for n in range(150)]
    watching.serve(watching.log.append(*claims))
    ran = watching.run()
    assert ran.code == 0
    assert "a watched name is claimed in 150 entries" in check(ran, "names in")["detail"]
    assert fact(ran)["claimed"] == 150
    watching.serve(watching.log.append(forger.claim(b"more")))
    assert fact(watching.run())["claimed"] == 151
    assert watching.told() == []
    watching.serve(watching.log.append(forger.entry()))
    assert watching.found() is FINDINGS  # a real one does not drown in them


def test_a_pruned_tile_is_a_gap_that_is_named(watching: Attacked, forger: Thief) -> None:
    log = watching.log.grow(253 + 256).append(forger.entry()).grow(400)
    (watching.home / "records.db").unlink()  # nothing was read before
    bundles_gone(log, 1)
    watching.serve(log)
    ran = watching.run()
    said = check(ran, "coverage")
    assert (ran.code, said["state"]) == (9, "unknown")
    assert "657 of the entries 0 to 912 read; not read: 256 to 511" in said["detail"]
    assert "entries 256 to 511 cannot be read: the log does not have them (404)" in said["detail"]
    assert "entry 512 by" in check(ran, "names in")["detail"]  # what comes after the gap was read
    log.gone.clear()
    watching.serve(log)
    ran = watching.run()
    assert "entries 0 to 912 of 913 read, without a gap" in check(ran, "coverage")["detail"]


def test_a_theft_in_a_pruned_tile_is_a_gap_until_the_policy_gives_it_up(
    fresh: Attacked,
) -> None:
    forged = thief(fresh.site.home)
    log = fresh.log.grow(253).append(forged.entry()).grow(600)
    bundles_gone(log, 1)
    watch(fresh)
    fresh.serve(log)
    assert fresh.found() is Class.UNAVAILABLE
    assert fresh.told() == ["UNAVAILABLE"]
    watch(fresh, "from = 512\n")
    ran = fresh.run()
    assert ran.code == 0
    assert "entries 512 to 856 of 857 read, without a gap" in check(ran, "coverage")["detail"]


def test_a_tile_that_lies_is_not_believed(watching: Attacked, forger: Thief) -> None:
    log = watching.log.grow(700)
    bundle = [b'{"another":"entry"}', *log.stored[257:512]]
    log.tampered[tiles.entries_path(1, 256)] = tiles.dump_bundle(bundle)
    watching.serve(log)
    ran = watching.run()
    assert ran.code == 3
    assert "damaged source" in check(ran, "coverage")["detail"]
    assert fact(ran)["read"] == 703 - 256
    log.tampered.clear()
    forged = [*log.stored[:300], forger.entry(), *log.stored[301:]]
    lying = tiles.dump_bundle(forged[256:512])
    log.tampered[tiles.entries_path(1, 256)] = lying  # a false accusation, by whoever serves the tiles
    watching.serve(log)
    ran = watching.run()
    assert ran.code == 3
    assert fact(ran)["unexplained"] == 0
    log.tampered.clear()
    watching.serve(log)
    assert watching.found() is Class.OK


def test_records_that_are_deleted_hide_nothing(watching: Attacked, forger: Thief) -> None:
    watching.serve(watching.log.append(forger.entry()))
    assert watching.found() is FINDINGS
    (watching.home / "records.db").unlink()
    ran = watching.run()
    assert check(ran, "names in")["state"] == "refused"
    assert ran.code == 9


def test_an_edit_of_the_records_that_hides_an_entry_is_found(watching: Attacked, forger: Thief) -> None:
    watching.serve(watching.log.append(forger.entry()))
    assert watching.found() is FINDINGS
    with sqlite3.connect(watching.home / "records.db") as db:
        assert db.execute("DELETE FROM named_entries").rowcount
    assert watching.check() is Class.INVALID


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_thefts_are_ten_names_and_a_count(watching: Attacked, forger: Thief, count: int) -> None:
    watching.serve(watching.log.append(*(forger.entry(b"%d" % n) for n in range(count))))
    ran = watching.run()
    said = check(ran, "names in")["detail"]
    assert said.startswith(f"{count} entries are under a watched identity")
    assert said.count(" by ") == 10
    assert said.endswith(f"and {count - 10} more")
    assert fact(ran)["unexplained"] == count
    assert watching.told() == ["FINDINGS"]
    assert check(watching.run(), "names in")["detail"] == said


def test_thefts_that_go_on_are_told_a_few_times_a_day(watching: Attacked, forger: Thief) -> None:
    for n in range(12):
        watching.serve(watching.log.append(forger.entry(b"%d" % n)))
        assert watching.found() is FINDINGS
    assert watching.told() == ["FINDINGS"] * 8


def test_a_new_identity_in_the_policy_reads_the_log_again(watching: Attacked) -> None:
    text = b"signed by a colleague"
    watching.serve(
        watching.log.append(body(self_made("b@example.org", "https://b.example"), digest_of(text)))
    )
    assert fact(watching.run())["claimed"] == 0
    watch(watching, '\n[[watched_identity]]\nidentity = "b@example.org"\nissuer = "https://b.example"\n')
    ran = watching.run()
    assert fact(ran)["claimed"] == 1


def test_our_own_entry_takes_one_request_of_a_reading_and_none_without_one(
    fresh: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many targets there are, and however often they are due after the requests are spent."""
    monkeypatch.setattr(entries, "REREAD", 0)
    asked: list[int] = []
    whole = _Pinned.entries

    def counted(self: _Pinned, index: int, width: int) -> bytes:
        asked.append(index)
        return whole(self, index, width)

    monkeypatch.setattr(_Pinned, "entries", counted)
    watch(fresh, "requests = 2\n")
    fresh.serve(fresh.log.grow(2000))
    (fresh.folder / "second").mkdir()
    fresh.more = [str(fresh.site.copy(fresh.folder / "second").release)]
    assert fresh.run().code == 0
    asked.clear()
    for _ in range(2):
        assert fresh.run().code == 0
    assert asked == []
    exported = anchor("records", "export", "--home", fresh.home).out
    events = [json.loads(line).get("event") or {} for line in exported.splitlines()]
    own = [c for e in events for c in e.get("checks", []) if c["name"].startswith("own entry")]
    assert [c["state"] for c in own] == ["passed", "passed", *["skipped"] * 4]
    assert "not looked for: nothing new was read" in own[-1]["detail"]


def test_the_requests_of_an_hour_are_kept(fresh: Attacked) -> None:
    watch(fresh, "requests = 2\n")
    fresh.serve(fresh.log.grow(2000))
    ran = fresh.run()
    assert ran.code == 0
    assert fact(ran)["read"] < 1000
    assert "the rest is not read yet" in check(ran, "coverage")["detail"]
    again = fresh.run()
    assert fact(again)["read"] == fact(ran)["read"]
