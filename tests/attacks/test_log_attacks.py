# SPDX-License-Identifier: Apache-2.0
"""The log's operator attacks: for each misdeed the class, the exit code, what is stored, who is told."""

import json
import time
from pathlib import Path

import pytest

from anchor.verdict import Class
from anchor.verify.policy import UNCOMPARED
from tests.support.attacks.attacked import Attacked, dump, log_of, retire
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import anchor

EQUIVOCATION = Class.EQUIVOCATION


def test_an_honest_log_that_grows_is_ok(attacked: Attacked) -> None:
    for _ in range(3):
        attacked.serve(attacked.log.grow(100))
        assert attacked.found() is Class.OK
    assert attacked.counts() == (4, 0)
    assert attacked.told() == []
    assert attacked.check() is Class.OK


def test_a_fork_at_equal_size(attacked: Attacked) -> None:
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is EQUIVOCATION
    assert attacked.counts() == (2, 1)
    assert attacked.told() == ["EQUIVOCATION"]
    assert attacked.check() is EQUIVOCATION


def test_a_fork_with_growth(attacked: Attacked) -> None:
    attacked.serve(attacked.log.fork(1, size=400))
    assert attacked.found() is EQUIVOCATION
    assert attacked.counts() == (2, 1)
    assert attacked.told() == ["EQUIVOCATION"]


def test_a_fork_before_the_watcher_came_is_found_by_the_bundles_own_checkpoint(fresh: Attacked) -> None:
    fresh.serve(fresh.log.fork(1, size=400))
    assert fresh.found() is EQUIVOCATION
    assert fresh.counts() == (2, 1)


def test_equivocation_stays_when_the_log_is_honest_again(attacked: Attacked) -> None:
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is EQUIVOCATION
    attacked.serve(attacked.log)
    assert attacked.found() is EQUIVOCATION
    assert attacked.told() == ["EQUIVOCATION"]  # once


@pytest.mark.parametrize("size", [3, 400])
def test_the_evidence_convinces_a_stranger(attacked: Attacked, size: int, tmp_path: Path) -> None:
    attacked.serve(attacked.log.fork(1, size=size))
    attacked.run()
    (file,) = attacked.evidence()
    spilled = list((attacked.home / "evidence").iterdir())
    assert [p.read_bytes() for p in spilled] == [file.read_bytes()]
    key = attacked.log.key.vkey
    ran = anchor("verify-evidence", file, "--log-key", key, "--json")
    assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION")
    policy = anchor("verify-evidence", file, "--policy", attacked.site.policy, "--json")
    assert policy.code == 6
    assert policy.document["notes"] == []
    uncompared = tmp_path / "uncompared.toml"
    uncompared.write_text("compared = false\n" + attacked.site.policy.read_text())
    words = ("verify-evidence", file, "--policy", uncompared)
    assert UNCOMPARED in anchor(*words, "--json").document["notes"]
    assert "compared with nothing" in " ".join(anchor(*words).out.split())
    other = SimLog(origin=attacked.log.origin, seed=9).key.vkey
    assert anchor("verify-evidence", file, "--log-key", other).code == 8
    changed = tmp_path / "changed.json"
    changed.write_bytes(file.read_bytes().replace(b"nodes", b"nods"))
    assert anchor("verify-evidence", changed).code == 8
    changed.write_text(json.dumps(json.loads(file.read_bytes()), indent=1))
    assert anchor("verify-evidence", changed).code == 8  # one form only


def test_a_rewind_is_an_old_head_until_it_lasts(attacked: Attacked) -> None:
    attacked.serve(attacked.log.grow(50))
    assert attacked.found() is Class.OK
    attacked.serve(attacked.log.rewind(3))
    rule = ("--alarm-after", "3/0")
    ran = attacked.run(*rule)
    assert (ran.code, ran.document["verdict"]) == (0, "UNAVAILABLE")  # damped: a good run is young
    assert attacked.run(*rule).code == 0
    assert attacked.told() == []
    assert attacked.run(*rule).code == 3
    assert attacked.told() == ["UNAVAILABLE"]
    assert attacked.counts() == (2, 0)


def without_tiles(attacked: Attacked, size: int, root: bytes = b"r" * 32) -> SimLog:
    """The log that signs one head and shows no tree."""
    lie = attacked.log.rewind(0)
    lie.shown = attacked.log.sign(size, root=root)
    return lie


@pytest.mark.parametrize("lies", [[1500], [1500, 700], [4000, 1500]])
def test_a_forked_head_without_tiles_is_shown_when_the_log_is_honest_again(
    attacked: Attacked, lies: list[int]
) -> None:
    attacked.serve(attacked.log.grow(3000))  # the tile cache has not the tiles that show it at once
    assert attacked.found() is Class.OK
    for size in lies:
        attacked.serve(without_tiles(attacked, size))
        assert attacked.found() is Class.UNAVAILABLE
    assert attacked.counts() == (2 + len(lies), 0)
    assert attacked.check() is Class.UNAVAILABLE
    assert attacked.told() == ["UNAVAILABLE"] * min(2, len(lies))  # of the log, then of its unproven heads
    attacked.serve(attacked.log)
    assert attacked.found() is EQUIVOCATION
    assert attacked.told() == ["EQUIVOCATION"]
    assert attacked.check() is EQUIVOCATION
    (file,) = attacked.evidence()
    assert anchor("verify-evidence", file, "--log-key", attacked.log.key.vkey).code == 6


def test_a_forked_head_without_tiles_is_shown_although_the_records_are_deleted(attacked: Attacked) -> None:
    attacked.serve(attacked.log.grow(3000))
    assert attacked.found() is Class.OK
    attacked.serve(without_tiles(attacked, 1500))
    assert attacked.found() is Class.UNAVAILABLE
    (attacked.home / "records.db").unlink()
    attacked.serve(attacked.log)
    assert attacked.found() is EQUIVOCATION  # both notes come back from the mark


def test_one_huge_head_is_told_as_long_as_it_is_held_and_stands_for_nothing(attacked: Attacked) -> None:
    attacked.serve(without_tiles(attacked, 2**63 - 1))
    assert attacked.found() is Class.UNAVAILABLE
    assert attacked.told() == ["UNAVAILABLE"]
    for _ in range(2):
        attacked.serve(attacked.log.grow(100))
        ran = attacked.run()
        assert ran.code == 3
        demoting = [c["name"] for c in ran.document["checks"] if c.get("demotes")]
        assert demoting == [f"unproven heads of {attacked.log.origin}"]
    assert attacked.told() == ["UNAVAILABLE"]  # of the unproven head; nothing recovered
    status = anchor("status", "--home", attacked.home, "--json").document
    assert [(g["size"], g["unproven"]) for g in status["logs"]] == [(attacked.log.size, 1)]


def test_damping_needs_coverage(fresh: Attacked) -> None:
    fresh.serve(fresh.log.withhold("checkpoint"))
    assert fresh.run("--alarm-after", "9/9d").code == 3  # there never was a good run


def test_a_frozen_log_goes_on_to_be_ok_and_says_so(attacked: Attacked) -> None:
    assert attacked.found() is Class.OK
    assert attacked.counts() == (1, 0)


def test_a_frozen_log_is_seen_through_another_view(attacked: Attacked) -> None:
    attacked.view(attacked.log.clone().grow(300))
    ran = attacked.run()
    assert ran.code == 0
    assert any("newer" in c["detail"] for c in ran.document["checks"] if c["name"].startswith("view"))
    assert attacked.counts() == (2, 0)


def test_a_larger_view_without_proof_is_a_doubt(attacked: Attacked) -> None:
    ahead = attacked.log.clone().grow(300)
    attacked.view(ahead.withhold(*(p for p in _tiles(ahead))))
    assert attacked.found() is Class.UNAVAILABLE
    assert attacked.told() == ["UNAVAILABLE"]


def _tiles(log: SimLog) -> list[str]:
    return ["tile/0/000", "tile/0/001", f"tile/0/001.p/{log.size - 256}", "tile/1/000.p/1"]


def test_a_hidden_entry(attacked: Attacked) -> None:
    attacked.serve(attacked.log.withhold("tile/entries/000.p/3", "tile/entries/000"))
    assert attacked.found() is Class.UNAVAILABLE
    assert attacked.counts() == (1, 0)
    assert attacked.told() == ["UNAVAILABLE"]


def test_a_swapped_entry_under_the_same_tiles(attacked: Attacked) -> None:
    attacked.serve(attacked.log.swap(2, b'{"another":"entry"}'))
    assert attacked.found() is Class.UNAVAILABLE
    assert attacked.counts() == (1, 0)


def test_a_swapped_entry_in_a_tree_that_is_signed_again(attacked: Attacked) -> None:
    swapped = attacked.log.rewind(2).append(b'{"another":"entry"}')
    swapped.private = attacked.log.private
    attacked.serve(swapped)
    assert attacked.found() is EQUIVOCATION
    assert attacked.counts() == (2, 1)


def test_an_old_checkpoint(attacked: Attacked) -> None:
    attacked.serve(attacked.log.grow(50))
    assert attacked.found() is Class.OK
    attacked.serve(attacked.log.show(10))
    assert attacked.found() is Class.UNAVAILABLE
    assert attacked.told() == ["UNAVAILABLE"]
    attacked.log.shown = None
    attacked.serve(attacked.log)
    assert attacked.found() is Class.OK
    assert attacked.told() == ["recovered"]


def test_two_faces_to_two_watchers_are_found_by_comparing_views(attacked: Attacked) -> None:
    """Each face alone is consistent for ever; a policy that names both places sees both."""
    other = attacked.log.fork(3, size=60)
    attacked.serve(attacked.log.grow(57))
    assert attacked.found() is Class.OK
    attacked.view(other)
    assert attacked.found() is EQUIVOCATION
    assert attacked.counts() == (3, 1)
    assert attacked.told() == ["EQUIVOCATION"]


def test_a_corrupted_tile_is_a_damaged_source_and_no_alarm(attacked: Attacked) -> None:
    attacked.serve(attacked.log.grow(300).corrupt("tile/0/000", 777))
    ran = attacked.run("--alarm-after", "2/0")
    assert (ran.code, ran.document["verdict"]) == (0, "UNAVAILABLE")
    assert attacked.told() == []
    assert attacked.counts()[1] == 0


@pytest.mark.parametrize("seed", [7, 8])
def test_a_checkpoint_signed_by_another_key(attacked: Attacked, seed: int) -> None:
    other = SimLog(attacked.log.stored, origin=attacked.log.origin, seed=seed)
    attacked.serve(other.grow(5))
    assert attacked.found() is Class.UNAVAILABLE
    assert attacked.counts() == (1, 0)


def test_another_origin(attacked: Attacked) -> None:
    other = log_of(attacked.site)
    other.origin = other.name = "elsewhere.example"
    dump(other, attacked.served)
    assert attacked.found() is Class.UNAVAILABLE
    assert attacked.counts() == (1, 0)


def test_a_retired_log_that_grows_is_a_finding_and_one_that_is_silent_is_none(attacked: Attacked) -> None:
    retire(attacked)
    assert attacked.found() is Class.OK  # its last head, seen after its end
    attacked.serve(attacked.log.withhold("checkpoint"))
    assert attacked.found() is Class.OK
    attacked.log.gone.clear()
    attacked.serve(attacked.log.grow(1))
    assert attacked.found() is Class.INVALID
    assert attacked.told() == ["INVALID"]


def test_a_clock_that_jumped_past_a_logs_end_leaves_no_false_alarm(
    attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    retire(attacked, days=30)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60 * 86400)
    assert attacked.found() is Class.OK
    monkeypatch.setattr(time, "time", real)
    attacked.serve(attacked.log.grow(5))
    assert attacked.found() is Class.UNAVAILABLE  # the clock went back, once
    for _ in range(2):
        assert attacked.found() is Class.OK
    assert "INVALID" not in attacked.told()
