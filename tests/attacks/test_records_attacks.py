# SPDX-License-Identifier: Apache-2.0
"""The records and the clock are attacked: what is lost, what is noticed, what still works."""

import hashlib
import json
import resource
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from anchor.tlog import evidence
from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.logs.simlog import SimLog
from tests.support.process import crash
from tests.support.process.anchor_cli import Ran, anchor, forked
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled

DAY = 86400


def saved(attacked: Attacked) -> Path:
    """A copy of the records as they are."""
    copy = attacked.folder / "saved"
    shutil.copytree(attacked.home, copy, ignore=shutil.ignore_patterns("*.mark", "tiles", "evidence"))
    return copy


def put_back(attacked: Attacked, copy: Path | None) -> None:
    for file in attacked.home.glob("records.db*"):
        file.unlink()
    if copy is not None:
        for file in copy.glob("records.db*"):
            shutil.copy(file, attacked.home)


def cron(attacked: Attacked) -> Ran:
    """One run as docs/operations.md has it for cron: nobody is told but by what is printed."""
    given = ("--policy", attacked.folder / "watched.toml", "--home", attacked.home)
    return anchor("reverify", "-v", attacked.target, *given, "--quiet", "--alarm-after", "3/12h")


@pytest.mark.parametrize("deleted", [False, True])
def test_records_that_were_put_back_or_deleted_are_noticed_once(attacked: Attacked, deleted: bool) -> None:
    copy = None if deleted else saved(attacked)
    attacked.serve(attacked.log.grow(40))
    assert attacked.found() is Class.OK
    put_back(attacked, copy)
    ran = anchor("records", "check", "--home", attacked.home)
    assert (ran.code, f"the records were {'deleted' if deleted else 'put back'}" in ran.out) == (3, True)
    ran = attacked.run()
    assert ran.code == 3
    assert "put back to an older state" in ran.out
    assert "the records were put back to an older state" in attacked.told()
    assert attacked.found() is Class.OK
    assert attacked.check() is Class.OK


def test_records_check_does_not_forget_that_records_were_put_back(attacked: Attacked) -> None:
    """The run that reports it writes another mark, which has the lost head until it is there again."""
    copy = saved(attacked)
    attacked.serve(attacked.log.grow(40))
    assert attacked.found() is Class.OK
    newest = attacked.folder / "newest"
    shutil.copytree(attacked.home, newest)
    put_back(attacked, copy)
    for _ in range(2):
        attacked.run()
    done = anchor("records", "check", "--home", attacked.home)
    said = " ".join(done.out.split())
    assert (done.code, "that nothing is missing at the end" in said) == (0, False)
    assert "what was in 1 older head of these records: they were put back or replaced" in said
    put_back(attacked, newest)
    assert attacked.found() is Class.UNAVAILABLE
    assert attacked.found() is Class.OK
    lost = anchor("records", "check", "--home", attacked.home, "--json").document["facts"]["lost"]
    assert len(lost) == 1  # the head of what was written onto the copy


@pytest.mark.parametrize("number", [2**63, 10**30, -1])
@pytest.mark.parametrize("member", ["ends", "history", "watched"])
def test_a_mark_with_numbers_beyond_all_is_a_mark_less(attacked: Attacked, member: str, number: int) -> None:
    (path,) = attacked.home.glob("*.mark")
    value = {
        "ends": {"runs": [number, "aa"]},
        "history": {"origin": "o", "size": number, "root": "aa"},
        "watched": [["/x/release.json", number]],
    }[member]
    path.write_text(json.dumps({**json.loads(path.read_bytes()), member: value}))
    for command in (("records", "check"), ("status",)):
        assert anchor(*command, "--home", attacked.home).code == 0
    assert attacked.found() is Class.OK
    assert attacked.told() == []
    assert f"{number}," not in path.read_text()  # written anew


def test_what_a_mark_adds_to_the_watch_is_told_by_name(attacked: Attacked) -> None:
    """Nobody signs the mark: whoever can write to the home can have another target watched, and no more."""
    (path,) = attacked.home.glob("*.mark")
    mark = json.loads(path.read_bytes())
    mark["history"]["size"] = 99
    mark["watched"] += [["https://stranger.invalid/release.json", 60], ["file:///etc/passwd", None]]
    path.write_text(json.dumps(mark))
    attacked.hook.messages.clear()
    assert attacked.found() is Class.UNAVAILABLE
    bodies = "".join(str(m["message"]) for m in attacked.hook.messages)
    assert "watched again, as the mark says: https://stranger.invalid/release.json" in bodies
    assert "/etc/passwd" not in bodies
    status = anchor("status", "--home", attacked.home, "--json").document
    assert [t["target"] for t in status["targets"]] == [
        attacked.target,
        "https://stranger.invalid/release.json",
    ]


@sampled(4)
def test_killed_anywhere_people_are_told_what_only_the_mark_named(attacked: Attacked, every: int) -> None:
    """The database is gone, and the run that notices it is killed before each of its operations."""
    stranger = "https://stranger.invalid/release.json"
    (path,) = attacked.home.glob("*.mark")
    mark = json.loads(path.read_bytes())
    mark["watched"] += [[stranger, 60]]
    path.write_text(json.dumps(mark))
    put_back(attacked, None)
    base = attacked.folder / "base"
    attacked.home.rename(base)

    def ran() -> int:
        return attacked.run().code

    def again(killer: Killer) -> str:
        shutil.copytree(base, attacked.home)
        attacked.hook.messages.clear()
        crash.forked(ran, killer=killer)
        crash.forked(ran)
        with sqlite3.connect(attacked.home / "records.db") as db:
            bodies = [body for (body,) in db.execute("SELECT body FROM notifications")]
        db.close()
        shutil.rmtree(attacked.home)
        return "\n".join(bodies)

    counted = Killer()
    assert stranger in again(counted)
    assert len(counted.seen) > 100
    for number in range(1, len(counted.seen) + 1, every):
        assert stranger in again(Killer(at=number)), number


def test_forgetting_does_not_help_a_log_that_forked(attacked: Attacked) -> None:
    """The mark brings the signed note back, and the fork is found although the database is empty."""
    attacked.serve(attacked.log.grow(40))
    assert attacked.found() is Class.OK
    put_back(attacked, None)
    attacked.serve(attacked.log.fork(3))
    assert attacked.found() is Class.EQUIVOCATION
    assert attacked.counts()[1] == 1


def test_the_line_for_cron_takes_no_lost_record_for_weather(attacked: Attacked) -> None:
    copy = saved(attacked)
    attacked.serve(attacked.log.grow(40))
    assert attacked.found() is Class.OK
    put_back(attacked, copy)
    ran = cron(attacked)
    assert ran.code == 3
    assert "put back to an older state" in ran.out
    again = cron(attacked)
    assert (again.code, again.out) == (0, "")


@pytest.mark.parametrize("mark", [True, False])
def test_evidence_that_the_records_lost_comes_back_from_its_file(attacked: Attacked, mark: bool) -> None:
    copy = saved(attacked)
    honest = attacked.log
    attacked.serve(honest.fork(1))
    assert attacked.found() is Class.EQUIVOCATION
    attacked.serve(honest)
    put_back(attacked, copy)
    if not mark:
        next(attacked.home.glob("*.mark")).unlink()
    attacked.told()
    for _ in range(2):
        assert cron(attacked).code == 6
    assert anchor("status", "--home", attacked.home).code == 6
    assert attacked.found() is Class.EQUIVOCATION
    assert attacked.told().count("EQUIVOCATION") == 1


def test_a_file_of_somebody_elses_log_accuses_nobody(attacked: Attacked) -> None:
    other = SimLog(origin=attacked.log.origin).grow(3)
    shown = evidence.build(other.log, other.head(), other.fork(1).head())
    folder = attacked.home / "evidence"
    folder.mkdir()
    (folder / f"{hashlib.sha256(shown).hexdigest()}.json").write_bytes(shown)
    (folder / "none.json").write_bytes(b"no evidence")
    assert attacked.found() is Class.OK
    assert attacked.counts()[1] == 0


def test_read_only_records_are_misuse_in_one_line(attacked: Attacked) -> None:
    url = f"sqlite:///file:{attacked.home}/records.db?mode=ro&uri=true"
    ran = anchor(
        *("reverify", attacked.target, "--policy", attacked.folder / "watched.toml"),
        *("--home", attacked.home, "--database", url),
    )
    assert ran.code == 2
    assert "read-only" in ran.line


def test_a_database_that_is_none_is_misuse_in_one_line(attacked: Attacked) -> None:
    put_back(attacked, None)
    (attacked.home / "records.db").write_bytes(b"no database at all " * 99)
    ran = anchor("status", "--home", attacked.home)
    assert (ran.code, "not a SQLite database" in ran.line) == (2, True)


def full() -> None:
    """No file can grow beyond 33 KiB: the log of SQLite soon takes no transaction more."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (33 << 10, 33 << 10))


def on_full_disk(attacked: Attacked) -> tuple[int, str, str]:
    ran = forked(
        *("reverify", attacked.target, "--policy", attacked.folder / "watched.toml"),
        *("--home", attacked.home, "--notify", attacked.hook.notify_url),
        before=full,
    )
    return ran.code, ran.out, ran.err


def test_a_full_disk_is_unavailable_and_says_so(attacked: Attacked) -> None:
    code, out, err = on_full_disk(attacked)
    assert code == 3, (out, err)
    assert "Traceback" not in err
    assert attacked.counts() == (1, 0)


def test_equivocation_on_a_full_disk_is_told_and_spilled(attacked: Attacked) -> None:
    attacked.serve(attacked.log.fork(1))
    code, out, err = on_full_disk(attacked)
    assert code == 6, (out, err)
    assert "EQUIVOCATION" in attacked.told()
    (file,) = (attacked.home / "evidence").iterdir()
    assert anchor("verify-evidence", file).code == 6


def test_a_run_beside_another_waits_and_then_gives_up_with_the_reason(attacked: Attacked) -> None:
    with sqlite3.connect(attacked.home / "records.db") as db:
        now = int(time.time() * 1000) + 600_000
        db.execute("UPDATE work SET run = 'ab', worker = 'another machine', lease_ms = ?", (now,))
    db.close()
    ran = attacked.run()
    assert ran.code == 3
    assert "another machine is re-verifying it" in ran.out


# -- the clock ----------------------------------------------------------------------------------------------


def at(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + days * DAY)


def test_a_clock_that_jumps_ahead_makes_the_status_stale(
    attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert anchor("status", "--home", attacked.home).code == 0
    at(monkeypatch, 400)
    ran = anchor("status", "--home", attacked.home, "--json")
    assert (ran.code, ran.document["verdict"]) == (4, "STALE")


def test_a_clock_that_jumps_back_is_a_doubt_once(attacked: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, -400)
    assert anchor("status", "--home", attacked.home).code == 4  # a good run in the future does not count
    ran = attacked.run()
    assert ran.code == 3
    assert "before the last recorded run" in ran.out
    assert attacked.found() is Class.OK
    assert attacked.told() == ["UNAVAILABLE", "recovered"]
    assert attacked.check() is Class.OK


def test_nothing_ever_checked_is_never_0(fresh: Attacked) -> None:
    assert anchor("status", "--home", fresh.home).code == 2
    assert (
        anchor(
            "reverify", "--home", fresh.home, "--root", fresh.folder / "none", "--policy", fresh.site.policy
        ).code
        == 3
    )
    assert anchor("reverify", fresh.target, "--home", fresh.home).code == 2  # no policy


def test_records_that_were_deleted_still_say_what_is_watched(attacked: Attacked) -> None:
    """By their mark, where no release is named: cron goes on with what it had."""
    assert attacked.check() is Class.OK
    put_back(attacked, None)
    given = ("--policy", attacked.folder / "watched.toml", "--home", attacked.home, "--json")
    ran = anchor("reverify", "-v", *given)
    assert (ran.code, ran.document["target"]) == (3, attacked.target), ran
    assert "put back to an older state" in ran.out
    assert anchor("reverify", *given).code == 0


def test_what_is_forgotten_stays_forgotten_when_the_records_are_deleted(attacked: Attacked) -> None:
    assert attacked.check() is Class.OK
    home = ("--home", attacked.home, "--root", attacked.folder / "nothing")
    assert anchor("reverify", attacked.target, "--forget", *home).code == 0
    put_back(attacked, None)
    ran = anchor("reverify", "-v", "--policy", attacked.folder / "watched.toml", *home)
    assert ran.code == 3
    assert "nothing is watched" in ran.line


def test_a_log_is_let_go_by_a_person_with_a_reason(attacked: Attacked) -> None:
    home, target, origin = attacked.home, attacked.target, attacked.log.origin
    words = ("records", "forget-log", target, origin, "--home", home)
    assert anchor(*words).code == 2  # no reason
    assert anchor("records", "forget-log", target, "log.invalid", "--reason", "x", "--home", home).code == 2
    ran = anchor(*words, "--reason", "shut down", "--json")
    assert (ran.code, ran.document["origin"], ran.document["reason"]) == (0, origin, "shut down")
    assert anchor(*words, "--reason", "again").code == 2  # nothing is followed
    assert attacked.found() is Class.OK  # the release names it
    assert attacked.check() is Class.OK
    rows = [json.loads(line) for line in anchor("records", "export", "--home", home).out.splitlines()]
    (said,) = [e for row in rows if (e := row.get("event") or {}).get("kind") == "log-dropped"]
    assert (said["reason"], "@" in said["who"]) == ("shut down", True)
