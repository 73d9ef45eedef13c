# SPDX-License-Identifier: Apache-2.0
"""The log attacks, over HTTP: two faces, spoilt bytes one by one, silence, a receiver that is gone.

Beside the class and the exit code: what is stored, and who is told after how long.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.support.attacks.attacked import Hook
from tests.support.attacks.online import Online, rows
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import Site
from tests.support.servers.bad_server import closed_port
from tests.support.servers.log_server import serve_logs

HOUR = 3600


@pytest.fixture
def online(three_releases: Site, webhook: Hook, tmp_path: Path) -> Iterator[Online]:
    """A watcher that has seen a site and its log, of 300 more entries, once."""
    webhook.titles()
    with serve_logs() as server:
        Online.server = server
        found = Online(tmp_path, three_releases.copy(tmp_path), webhook)
        found.serve(found.log.grow(300))
        assert found.found() is Class.OK
        assert found.told() == []
        yield found


def second(online: Online) -> Online:
    """Another watcher of the same site and log."""
    folder = online.folder / "second"
    folder.mkdir()
    found = Online(folder, online.site, online.hook)
    found.log = online.log
    return found


# -- two faces ----------------------------------------------------------------------------------------------


def test_two_faces_to_two_watchers_who_never_speak_are_not_seen(online: Online) -> None:
    """The limit of one watcher with one view; the next tests are the ways out of it."""
    other = second(online)
    one, two = online.log.clone().grow(10, "one"), online.log.clone().grow(10, "two")
    for _ in range(2):
        online.serve(one)
        assert online.found() is Class.OK
        other.serve(two)
        assert other.found() is Class.OK


def test_two_watchers_with_one_database_see_both_faces(online: Online) -> None:
    other = second(online)
    online.serve(online.log.clone().grow(10, "one"))
    assert online.found() is Class.OK
    other.home = online.home
    other.serve(online.log.clone().grow(20, "two"))
    assert other.found() is Class.EQUIVOCATION
    assert online.counts()[1] == 1
    assert online.told() == ["EQUIVOCATION"]


@pytest.mark.parametrize("grown", [10, 25])
def test_one_policy_with_both_places_sees_both_faces(online: Online, grown: int) -> None:
    online.serve(online.log.clone().grow(10, "one"))
    online.view(online.log.clone().grow(grown, "two"))
    assert online.found() is Class.EQUIVOCATION
    (file,) = online.evidence()
    assert anchor("verify-evidence", file, "--log-key", online.log.key.vkey).code == 6
    assert online.told() == ["EQUIVOCATION"]


def test_a_log_that_shows_its_faces_in_turns_is_seen_by_the_second_look(online: Online) -> None:
    faces = [online.log.clone().grow(10, "one"), online.log.clone().grow(10, "two")]
    online.serve(faces[0])
    assert online.found() is Class.OK
    online.serve(faces[1])
    assert online.found() is Class.EQUIVOCATION
    online.serve(faces[0])
    assert online.found() is Class.EQUIVOCATION  # evidence is for ever
    assert (online.counts()[1], online.told()) == (1, ["EQUIVOCATION"])


@pytest.mark.parametrize("then", ["silent", "smaller", "another key"])
def test_evidence_is_for_ever_whatever_the_log_serves_afterwards(online: Online, then: str) -> None:
    """The fork's own head is the largest one held; nothing that comes now could be compared with it."""
    online.serve(online.log.fork(5, size=900))
    assert online.found() is Class.EQUIVOCATION
    after = {
        "silent": online.log.clone().withhold("checkpoint"),
        "smaller": online.log.rewind(200),
        "another key": SimLog(online.log.stored, origin=online.log.origin, seed=4),
    }
    online.serve(after[then])
    for tiles in online.home.glob("tiles/*"):
        tiles.rename(online.folder / tiles.name)
    assert online.found() is Class.EQUIVOCATION
    assert (online.counts()[1], online.told()) == (1, ["EQUIVOCATION", "UNAVAILABLE"])


# -- spoilt bytes: a damaged source, never an alarm, never believed ------------------------------------------


@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("tile/0/001", 0),
        ("tile/0/001", 32 * 255 + 31),
        ("tile/0/002.p/91", 32 * 90),  # the last leaf
        ("tile/1/000.p/2", 40),  # one hash of a proof
        ("tile/entries/000", 300),
    ],
)
def test_one_spoilt_byte_is_a_damaged_source(online: Online, path: str, at: int) -> None:
    grown = online.log.clone().grow(300)
    assert grown.size == 603
    online.serve(grown.corrupt(path, at))
    for tiles in online.home.glob("tiles/*"):
        tiles.rename(online.folder / tiles.name)  # else what was verified before is used instead
    ran = online.run()
    assert (ran.code, ran.document["verdict"]) == (3, "UNAVAILABLE"), ran.out
    assert "damaged" in ran.out or "does not hash" in ran.out
    assert online.counts()[1] == 0
    assert online.told() == ["UNAVAILABLE"]
    grown.tampered.clear()
    assert online.found() is Class.OK
    assert online.told() == ["recovered"]
    assert online.check() is Class.OK


def test_a_spoilt_tile_high_in_a_large_log_is_not_held_against_the_release(online: Online) -> None:
    """Believed, it would lead from the entry to another root than the signed one: an alarm for nothing."""
    online.serve(online.log.grow(66_000).corrupt("tile/1/000", 32 * 200))
    ran = online.run()
    assert (ran.code, ran.document["verdict"]) == (3, "UNAVAILABLE")
    assert "does not hash to its place in the tile above" in ran.out


def test_a_tile_that_the_entries_themselves_give_is_not_asked_for(online: Online) -> None:
    """The release's own leaves: their bundle is read and hashed, and a spoilt tile of them lies unread."""
    online.serve(online.log.grow(300).corrupt("tile/0/000", 5))
    online.log.paths.clear()
    for tiles in online.home.glob("tiles/*"):
        tiles.rename(online.folder / tiles.name)
    assert online.found() is Class.OK
    assert "tile/0/000" not in online.log.paths


def test_a_missing_partial_tile_is_cut_from_the_full_one(online: Online) -> None:
    online.log.grow(300).no_partials = True
    full = online.log.clone().grow(200)
    online.server.bodies = {
        "tile/0/002": full.tile(0, 2, 256),
        "tile/1/000": full.tile(1, 0, 2) + bytes(254 * 32),
        "tile/entries/002": full.entries(2, 256),
    }
    assert online.found() is Class.OK


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/002.p/91", "tile/entries/000"])
def test_a_hundred_megabytes_are_not_read(online: Online, path: str) -> None:
    online.serve(online.log.grow(300))
    for tiles in online.home.glob("tiles/*"):
        tiles.rename(online.folder / tiles.name)
    online.server.bodies[path] = bytes(100 << 20)
    assert online.found() is Class.UNAVAILABLE
    assert online.counts()[1] == 0


def test_a_head_that_is_no_note_is_no_statement_of_the_log(online: Online) -> None:
    for body in (b"", b"\0" * 200, b"<html>", online.log.sign()[:-20], online.log.sign() * 2):
        online.server.bodies["checkpoint"] = body or b"\n"
        assert online.found() is Class.UNAVAILABLE
    assert online.counts() == (2, 0)
    assert online.told() == ["UNAVAILABLE"]  # once for all of them


def test_a_note_with_a_size_that_the_log_never_signed(online: Online) -> None:
    raw = online.log.sign().replace(b"\n303\n", b"\n304\n", 1)
    assert raw != online.log.sign()
    online.server.bodies["checkpoint"] = raw
    assert online.found() is Class.UNAVAILABLE
    assert online.counts() == (2, 0)


# -- silence: who is told, when -----------------------------------------------------------------------------


def at(monkeypatch: pytest.MonkeyPatch, real: float, hours: float) -> None:
    monkeypatch.setattr(time, "time", lambda: real + hours * HOUR)


def test_silence_is_told_after_n_runs_and_t_hours_with_the_services_name_and_once(
    online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time()
    online.server.logs["log"] = online.log.clone().withhold("checkpoint")
    rule = ("--alarm-after", "3/6h")
    codes = []
    for hours in (1, 2, 3, 4, 6.9, 7.1, 8, 9):
        at(monkeypatch, real, hours)
        codes.append(online.run(*rule).code)
    assert codes == [0, 0, 0, 0, 0, 3, 3, 3]  # the first failure was after an hour
    (message,) = online.hook.messages
    assert message["title"] == f"[anchor] UNAVAILABLE: {online.target} (warning: A log cannot be read)"
    assert f"not reached:\n- {online.server.log_url('log')}\n" in message["message"]
    assert "UNAVAILABLE in 6 runs in a row" in message["message"]
    online.hook.messages.clear()
    online.server.logs["log"] = online.log
    at(monkeypatch, real, 10)
    assert online.run(*rule).code == 0
    assert online.told() == ["recovered"]


def test_silence_is_never_0_without_coverage(online: Online, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last good run is older than the policy's age: damping is over, whatever N and T are."""
    online.write_policy("max_run_age = '2d'\n" + online.site.policy.read_text())
    assert online.found() is Class.OK
    online.server.logs["log"] = online.log.clone().withhold("checkpoint")
    real = time.time()
    at(monkeypatch, real, 47)
    assert online.run("--alarm-after", "1000/1000h").code == 0
    at(monkeypatch, real, 49)
    assert online.run("--alarm-after", "1000/1000h").code == 3
    assert anchor("status", "--home", online.home).code == 4


def test_a_hard_alarm_is_told_at_once_in_spite_of_weather(online: Online) -> None:
    rule = ("--alarm-after", "1000/1000h")
    online.server.logs["log"] = online.log.clone().withhold("checkpoint")
    assert online.run(*rule).code == 0
    online.server.logs["log"] = online.log.fork(5)
    assert online.run(*rule).code == 6
    (message,) = online.hook.messages
    digest = rows(online, "SELECT digest FROM evidence")[0][0]
    assert f"evidence kept: two-histories of {online.log.origin}, sha256 {digest}" in message["message"]


def test_a_receiver_that_is_gone_neither_stops_the_run_nor_loses_or_repeats_the_alarm(
    online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time()
    online.serve(online.log.fork(5))
    nobody = ("--notify", f"json://127.0.0.1:{closed_port()}/")
    given = ("--policy", online.folder / "watched.toml", "--home", online.home)
    for _ in range(2):
        assert anchor("reverify", online.target, *given, *nobody).code == 6
    assert online.told() == []
    assert json.loads(anchor("status", "--home", online.home, "--json").out)["waiting_messages"] == 1
    at(monkeypatch, real, 1)
    for _ in range(2):  # another receiver is configured now: it gets what waits, once
        assert online.run().code == 6
    assert online.told() == ["EQUIVOCATION"]


def test_what_a_log_signed_cannot_be_unsaid_by_a_new_key(online: Online) -> None:
    """The same origin under another key: no head of this log, and what is held stays as it was."""
    other = SimLog(online.log.stored, origin=online.log.origin, seed=4)
    online.serve(other.grow(5))
    assert online.found() is Class.UNAVAILABLE
    assert online.counts() == (2, 0)
    online.serve(online.log)
    assert online.found() is Class.OK
