# SPDX-License-Identifier: Apache-2.0
"""`anchor compare` beside a watcher: a log that shows strangers another history, once and again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import Ran, anchor


def note(attacked: Attacked, name: str, log: SimLog, size: int | None = None) -> Path:
    """A checkpoint that the log signed, in a file."""
    path = attacked.folder / name
    path.write_bytes(log.sign(size))
    return path


def compare(attacked: Attacked, *words: object) -> Ran:
    policy = attacked.folder / "watched.toml"
    return anchor("compare", *words, "--policy", policy, "--home", attacked.home, "--json")


def relations(ran: Ran) -> dict[str, str]:
    return {one["name"]: one["relation"] for one in ran.document["facts"]["checkpoints"]}


def evidence(attacked: Attacked) -> list[Path]:
    return sorted((attacked.home / "evidence").glob("*.json"))


def check_evidence(path: Path, log: SimLog) -> None:
    """A stranger can check it with the log's key alone."""
    ran = anchor("verify-evidence", "-v", path, "--log-key", log.key.vkey)
    assert ran.code == 6, ran
    assert "PROVEN   evidence: " in ran.out, "evidence that holds is not refused"
    assert "REFUSED" not in ran.out


def test_what_a_stranger_holds_of_the_same_history(attacked: Attacked) -> None:
    log, head = attacked.log, note(attacked, "head", attacked.log)
    old = note(attacked, "old", log, 1)
    ran = compare(attacked, head, old)
    assert ran.code == 0, ran
    assert set(relations(ran).values()) == {"consistent"}
    held = [c["detail"] for c in ran.document["checks"] if c["name"] == f"checkpoint {old}"]
    assert "(held)" in held[0]
    assert "(of the log now, at " in held[0]
    assert attacked.counts() == (1, 0)  # a good comparison leaves nothing behind
    assert evidence(attacked) == []


def test_two_faces_of_one_size_are_kept_and_the_watch_is_told(attacked: Attacked) -> None:
    """Shown once to a stranger; then the log is honest again, for everybody."""
    fork = note(attacked, "fork", attacked.log.fork(1))
    for _ in range(2):  # repeated: the same evidence, once
        ran = compare(attacked, fork)
        assert ran.code == 6, ran
        assert relations(ran) == {str(fork): "contradicts"}
        (path,) = evidence(attacked)
        check_evidence(path, attacked.log)
        assert attacked.counts() == (2, 1)
    assert any(str(path) in n for n in ran.document["notes"])
    honest = compare(attacked, note(attacked, "head", attacked.log))
    assert honest.code == 6, "a contradiction that was shown stays shown"
    assert set(relations(honest).values()) == {"contradicts"}, "both trees are held now"
    assert attacked.found() is Class.EQUIVOCATION
    assert attacked.told() == ["EQUIVOCATION"]
    assert attacked.check() is Class.EQUIVOCATION


def test_the_evidence_is_a_file_although_there_are_no_records(fresh: Attacked) -> None:
    fork = note(fresh, "fork", fresh.log.fork(1))
    own = fresh.folder / "kept"
    ran = compare(fresh, fork, "--evidence", own)
    assert ran.code == 6, ran
    (path,) = own.iterdir()
    check_evidence(path, fresh.log)
    assert not (fresh.home / "records.db").exists()
    assert any("no records" in n for n in ran.document["notes"])
    ran = compare(fresh, fork)  # into the home: whoever watches from there later knows it
    assert ran.code == 6
    assert len(evidence(fresh)) == 1
    assert fresh.found() is Class.EQUIVOCATION


def test_a_larger_tree_of_another_history_is_unknown_and_then_shown(attacked: Attacked) -> None:
    """Its tiles come later, when the log has grown past it: the records try it again with --keep."""
    fork = attacked.log.fork(1, 5)
    head = note(attacked, "larger", fork)
    ran = compare(attacked, head)
    assert ran.code == 3, ran
    assert relations(ran) == {str(head): "unknown"}
    assert attacked.counts() == (1, 0)  # nothing is kept unless that is wanted
    ran = compare(attacked, head, "--keep")
    assert ran.code == 3
    assert attacked.counts() == (2, 0)
    assert attacked.found() is Class.UNAVAILABLE
    attacked.serve(attacked.log.clone().grow(4))
    assert attacked.found() is Class.EQUIVOCATION
    assert compare(attacked, head).code == 6


def test_an_honest_checkpoint_beside_a_fork_that_is_held_is_not_blamed(attacked: Attacked) -> None:
    """The log is asked for a proof between the two, and cannot have one."""
    fork, honest = note(attacked, "fork", attacked.log.fork(1, 8)), note(attacked, "honest", attacked.log)
    assert compare(attacked, fork, "--keep").code == 3
    attacked.serve(attacked.log.clone().grow(7))
    assert attacked.found() is Class.EQUIVOCATION
    for _ in range(2):
        ran = compare(attacked, fork, honest)
        assert ran.code == 6
        assert relations(ran) == {str(fork): "contradicts", str(honest): "consistent"}


def test_a_log_that_went_back_says_so_beside_what_is_held(attacked: Attacked) -> None:
    log = attacked.log.clone().grow(600)
    attacked.serve(log)
    assert attacked.found() is Class.OK
    older, newer = note(attacked, "older", log, 100), note(attacked, "newer", log, 400)
    attacked.serve(log.rewind(100))
    ran = compare(attacked, older)
    (own,) = [c["detail"] for c in ran.document["checks"] if c["name"].startswith("log ")]
    assert own == "size 100, an older head than is held, and of one history with it (size 3, 603)"
    assert (ran.code, relations(ran)) == (0, {str(older): "consistent"})
    ran = compare(attacked, newer)
    assert (ran.code, relations(ran)) == (3, {str(newer): "unknown"})
    assert "the log shows 100 entries only: it lags, or hides this tree" in ran.out


def test_a_log_that_withholds_the_tiles_is_a_finding_until_it_shows_them(attacked: Attacked) -> None:
    log = attacked.log.clone().grow(4)
    attacked.serve(log.clone().withhold(f"tile/0/000.p/{log.size}"))
    head = note(attacked, "fork", attacked.log.fork(1, 5))
    for _ in range(2):
        ran = compare(attacked, head)
        assert ran.code == 9, ran
        assert relations(ran) == {str(head): "withheld"}
    attacked.serve(log)
    assert compare(attacked, head).code == 6


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda a: SimLog(origin=a.log.origin, seed=9).grow(3).sign(), "no log that you know signed it"),
        (lambda a: SimLog(origin="log.example/other", seed=9).grow(3).sign(), "no log that you know"),
        (lambda a: a.log.sign().replace(b"\n3\n", b"\n4\n", 1), "does not verify"),
        (lambda a: b"{}", "holds no checkpoint"),
        (lambda a: "hello\n\n\u2014 name AAAA\n".encode(), "checkpoint"),
    ],
)
def test_what_no_known_log_signed_is_refused_in_words(
    attacked: Attacked, spoil: Callable[[Attacked], bytes], says: str
) -> None:
    path = attacked.folder / "bad"
    path.write_bytes(spoil(attacked))
    ran = compare(attacked, path)
    assert ran.code in (7, 8), ran
    assert says in ran.out
    assert evidence(attacked) == []
    assert attacked.counts() == (1, 0)


def test_one_bad_checkpoint_hides_none_of_the_others(attacked: Attacked) -> None:
    bad = attacked.folder / "bad"
    bad.write_bytes(SimLog(origin=attacked.log.origin, seed=9).grow(3).sign())
    fork = note(attacked, "fork", attacked.log.fork(1))
    ran = compare(attacked, bad, fork)
    assert ran.code == 6, ran
    assert [c["state"] for c in ran.document["checks"]].count("refused") == 2
    assert len(evidence(attacked)) == 1


def test_evidence_that_cannot_be_written_is_no_silent_loss(attacked: Attacked) -> None:
    """The class stays, and the line says what was not kept."""
    fork = note(attacked, "fork", attacked.log.fork(1))
    blocked = attacked.folder / "blocked"
    blocked.write_text("a file in the place of the folder")
    ran = compare(attacked, fork, "--evidence", blocked)
    assert ran.code == 6, ran
    notes: list[Any] = ran.document["notes"]
    assert any(n.startswith("not kept: ") for n in notes)
    assert attacked.counts() == (2, 1)  # the records have it


def test_evidence_of_another_key_under_this_origin_accuses_nobody(attacked: Attacked) -> None:
    """Whoever can write into the folder of evidence cannot accuse a log with another key."""
    other = SimLog(origin=attacked.log.origin, seed=9).grow(3)
    mallory = attacked.folder / "mallory"
    mallory.write_bytes(other.sign() + other.fork(1).sign())
    made = anchor("compare", mallory, "--vkey", other.key.vkey, "--home", attacked.home)
    assert made.code == 6
    assert len(evidence(attacked)) == 1
    assert compare(attacked, note(attacked, "head", attacked.log)).code == 0


def test_a_checkpoint_that_is_written_twice_vouches_for_nothing(fresh: Attacked) -> None:
    """Whoever wrote the text wrote it. The log cannot be read, and nothing is held of it."""
    log = fresh.log
    fresh.serve(log.clone().withhold("checkpoint"))
    one = log.sign()
    other = one + "\N{EM DASH} anybody.example.org AAAAAAAA\n".encode()
    assert one != other
    both = fresh.folder / "both"
    both.write_bytes(one + b"\n" + other)
    ran = compare(fresh, both)
    assert ran.code == 3, ran
    assert set(relations(ran).values()) == {"unknown"}
    two = fresh.folder / "of another friend"
    two.write_bytes(other)
    assert compare(fresh, both, two).code == 0, "somebody else has the same tree"
