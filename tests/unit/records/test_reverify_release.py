# SPDX-License-Identifier: Apache-2.0
"""A re-verification beside its logs: published files, numbers, clock, trust, canary, records."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from anchor.encoding import to_base64
from anchor.errors import Refused, Unavailable
from anchor.format.statement import encode, link
from anchor.verdict import Class
from tests.support.records.reverified import TARGET, WatchedRelease, detail
from tests.support.releases import samples

ROOT = Path(__file__).resolve().parents[3]


def test_the_logs_are_followed_although_the_files_are_hidden(world: WatchedRelease) -> None:
    world.run()
    world.broken[TARGET] = Unavailable("404", where="cdn")
    world.log = world.log.fork(7)
    assert world.found() is Class.EQUIVOCATION


@pytest.mark.parametrize(
    ("error", "found"), [(Unavailable("404"), Class.UNAVAILABLE), (Refused("edited"), Class.INVALID)]
)
def test_what_the_files_come_to_is_the_verdict(world: WatchedRelease, error: Refused, found: Class) -> None:
    world.run()
    world.broken[TARGET] = error
    assert world.found() is found


def test_an_older_release_than_before_is_a_lagging_source(world: WatchedRelease) -> None:
    first = encode(samples.statement())
    world.number = 2
    world.statement = encode(samples.statement(number=2, version="2", previous=link(first)))
    world.run()
    world.number, world.statement = 1, first
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "release 1 is served where 2 was verified" in detail(found, "number")


def test_two_statements_with_one_number_are_equivocation_and_both_are_kept(world: WatchedRelease) -> None:
    world.run()
    world.statement = b"[]"
    found = world.run()
    assert found.verdict.verdict is Class.EQUIVOCATION
    (evidence,) = found.evidence
    assert all(f'"statement":"{to_base64(one)}"'.encode() in evidence.document for one in (b"{}", b"[]"))
    world.statement = b"{}"
    assert world.found() is Class.EQUIVOCATION  # whichever of the two is served


def test_a_verifier_that_passes_everything_is_an_error(world: WatchedRelease) -> None:
    world.blind.add(TARGET)
    found = world.run()
    assert found.verdict.verdict is Class.ERROR
    assert "came to OK" in detail(found, "canary")


def test_a_canary_that_fails_at_one_target_says_nothing_of_the_others(world: WatchedRelease) -> None:
    world.blind.add("a")
    world.broken["b"] = Refused("tampered")
    cycle = world.cycle()
    found = {t: cycle.run(t).verdict.verdict for t in ("a", "b", "c", "d", "b", "a")}
    assert found == {"a": Class.OK, "b": Class.INVALID, "c": Class.OK, "d": Class.OK}  # a: its second run
    assert world.sung == ["a", "c"]


def test_a_canary_that_fails_alone_stays_the_error_of_its_target(world: WatchedRelease) -> None:
    world.blind.add("a")
    world.broken["b"] = Refused("tampered")
    cycle = world.cycle()
    found = [cycle.run(t).verdict.verdict for t in ("a", "b", "a", "b")]
    assert found == [Class.ERROR, Class.INVALID, Class.ERROR, Class.INVALID]


def test_two_targets_confirm_a_canary_and_hide_nothing_that_is_bad(world: WatchedRelease) -> None:
    world.blind |= {"a", "b"}
    world.broken["d"] = Refused("tampered")
    cycle = world.cycle()
    found = {t: cycle.run(t) for t in ("a", "b", "c", "d")}
    assert [o.verdict.verdict for o in found.values()] == [Class.ERROR] * 3 + [Class.INVALID]
    assert "of a and of b" in detail(found["c"], "canary")
    assert world.sung == ["a", "b"]
    world.log = world.log.fork(7)
    assert cycle.run("e").verdict.verdict is Class.ERROR  # its log was followed in this cycle already
    assert world.cycle().run("a").verdict.verdict is Class.EQUIVOCATION


def test_a_canary_of_which_nothing_is_held_is_unavailable_for_its_target(world: WatchedRelease) -> None:
    world.unheld.add("a")
    cycle = world.cycle()
    assert cycle.run("a").verdict.verdict is Class.UNAVAILABLE
    assert cycle.run("b").verdict.verdict is Class.OK
    assert cycle.run("a").verdict.verdict is Class.OK


@pytest.mark.parametrize("error", [ValueError("year 10000"), RecursionError(), MemoryError(), KeyError("x")])
def test_what_a_target_makes_this_program_raise_is_an_error_of_that_target(
    world: WatchedRelease, error: Exception
) -> None:
    world.run()
    world.defects["a"] = error
    cycle = world.cycle()
    found = cycle.run("a")
    little = isinstance(error, MemoryError)  # the machine's limit: it could not be told
    assert found.verdict.verdict is (Class.UNAVAILABLE if little else Class.ERROR)
    named = "not enough memory" if little else f"{type(error).__name__}: "
    assert named in detail(found, "release")
    assert "(cycle.py:" in detail(found, "release")
    assert cycle.run(TARGET).verdict.verdict is Class.OK


def test_a_defect_at_a_release_hides_no_fork_of_its_log(world: WatchedRelease) -> None:
    world.run()
    world.defects[TARGET] = ValueError()
    world.log = world.log.fork(7)
    found = world.run()
    assert [e.kind for e in found.evidence] == ["two-histories"]
    assert any(c.demotes is Class.EQUIVOCATION for c in found.verdict.checks)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_stops_a_process_stops_a_run(world: WatchedRelease, stop: type[BaseException]) -> None:
    world.defects[TARGET] = stop()
    with pytest.raises(stop):
        world.cycle().run(TARGET)


@pytest.mark.parametrize("missing", ["release", "entry"])
def test_a_good_run_without_a_release_or_an_entry_is_an_error(world: WatchedRelease, missing: str) -> None:
    """Whatever made it skip what it should look at."""
    world.run()
    world.nameless, world.entryless = missing == "release", missing == "entry"
    found = world.run()
    assert found.verdict.verdict is Class.ERROR
    assert "refused: nothing was found wrong" in detail(found, "complete")
    world.nameless = world.entryless = False
    assert world.found() is Class.OK


def test_a_log_that_is_read_nowhere_is_no_coverage(world: WatchedRelease) -> None:
    world.nowhere = True
    assert world.found() is Class.UNAVAILABLE


def test_a_clock_that_went_back_is_said_once(world: WatchedRelease) -> None:
    world.run()
    world.now -= 400 * 86400
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "before the last recorded run" in detail(found, "clock")
    assert world.found() is Class.OK


def test_trust_drift_is_shown_and_not_judged(world: WatchedRelease) -> None:
    world.run()
    world.trust = {"policy": "bb", "tuf": "13"}
    found = world.run()
    assert found.verdict.verdict is Class.OK
    assert found.verdict.notes == (
        "trust material changed: log gone (was k1); tuf new (13); policy aa -> bb",
    )
    assert world.run().verdict.notes == ()


def test_a_cycle_reads_each_log_once(world: WatchedRelease) -> None:
    cycle = world.cycle()
    for n in range(20):
        assert cycle.run(f"{n}/release.json").verdict.verdict is Class.OK
    assert world.log.reads["checkpoint"] == 1
    assert sum(world.log.reads.values()) <= 4


def test_edited_records_are_never_believed(world: WatchedRelease) -> None:
    world.run()
    with world.database.write() as connection:
        connection.execute(sa.text("UPDATE checkpoints SET size = 3"))
    found = world.run()
    assert found.verdict.verdict is Class.INVALID
    assert "is not what its event says" in detail(found, "records")


# -- two publishers of one ledger name, under two policies ---------------------------------------------------


def two_publishers(world: WatchedRelease) -> None:
    """Another publisher's release with the same name and number was recorded under another policy."""
    world.statement = b'{"theirs"}'
    assert world.found("theirs/release.json") is Class.OK
    world.strangers.add(world.statement)
    world.statement = b"{}"


def test_two_publishers_who_share_a_ledgers_name_are_no_equivocators(world: WatchedRelease) -> None:
    two_publishers(world)
    for _ in range(2):
        outcome = world.run()
        assert outcome.verdict.verdict is Class.OK
        assert outcome.evidence == ()
        assert any("not both are by signers whom this policy accepts" in n for n in outcome.verdict.notes)


def test_evidence_that_another_policy_accepted_accuses_only_under_that_policy(world: WatchedRelease) -> None:
    world.statement = b'{"theirs"}'
    assert world.found("theirs/release.json") is Class.OK
    world.statement = b'{"also theirs"}'
    assert world.found("theirs/release.json") is Class.EQUIVOCATION
    world.strangers |= {b'{"theirs"}', b'{"also theirs"}'}
    world.statement = b"{}"
    assert world.found() is Class.OK
    world.strangers.clear()  # who accepts these signers is told what they did
    assert world.found() is Class.EQUIVOCATION


def test_a_stranger_of_the_same_name_hides_no_real_contradiction(world: WatchedRelease) -> None:
    two_publishers(world)
    assert world.found() is Class.OK
    world.statement = b'{"another"}'
    outcome = world.run()
    assert outcome.verdict.verdict is Class.EQUIVOCATION
    assert len(outcome.evidence) == 1
    assert b"theirs" not in outcome.evidence[0].document


IN_A_NEW_PROCESS = """
import sys
import anchor.app.reverify
from tests.support.records.outcomes import opened
from tests.support.records.reverified import WatchedRelease
with opened(sys.argv[1]) as database:
    assert WatchedRelease(database).found() == "OK"
print(*sorted(sys.modules))
"""
WHOLE_LOGS = {
    f"anchor.{name}"
    for name in (
        "monitor.name_run",
        "monitor.name_watch",
        "monitor.name_scan",
        "monitor.explained",
        "verify.name_matcher",
        "log_kinds.entry_signatures",
    )
}


def test_nothing_that_reads_whole_logs_is_imported_unless_the_policy_asks_for_it(sqlite: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS, sqlite], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    imported = set(done.stdout.split())
    assert "anchor.monitor.cycle" in imported
    assert all((ROOT / f"{name.replace('.', '/')}.py").is_file() for name in WHOLE_LOGS)
    assert not WHOLE_LOGS & imported
