# SPDX-License-Identifier: Apache-2.0
"""A hostile log against our witness over HTTP: forks, races, replays, rollbacks, and these over restarts."""

import itertools
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.merkle.proof import verify_consistency
from anchor.tlog import checkpoint, evidence, note, witnessing
from anchor.tlog.checkpoint import Checkpoint
from anchor.witness import cosigning, held_store, witness_home
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body, proof
from tests.support.process.anchor_cli import anchor
from tests.support.servers.own_witness import Answer, ServedWitness, made, serving

LOG = SimLog().grow(40)
FORKED = LOG.fork(3)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made(tmp_path / "w1", LOG.key).folder


@pytest.fixture
def served(home: Path) -> Iterator[ServedWitness]:
    with serving(witness_home.load(home)) as found:
        yield found


def size_of(served: ServedWitness) -> int:
    return int(served.latest(LOG.origin).body.split(b"\n")[1])


def refused(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert "—".encode() not in answer.body


# Two histories


def test_a_fork_is_refused_however_it_is_asked_for(served: ServedWitness) -> None:
    assert served.add(body(LOG, 0, 13)).status == 200
    for old, size in itertools.product((0, 3, 7, 13, 20), (13, 20, 40)):
        refused(served.add(body(FORKED, old, size)), 400 if old > size else 422 if old == 13 else 409)
    assert served.latest(LOG.origin).body.startswith(LOG.sign(13))
    assert served.add(body(LOG, 13)).status == 200


def test_the_fork_is_evidence_that_anybody_can_check(served: ServedWitness, home: Path) -> None:
    served.add(body(LOG, 0, 13))
    refused(served.add(body(FORKED, 13, 40)), 422)
    (path,) = (home / "evidence").iterdir()
    ran = anchor("verify-evidence", path, "--log-key", LOG.key.vkey, "--json")
    assert ran.code == 6
    assert ran.document["facts"]["kind"] == evidence.GROWTH
    for _ in range(3):
        served.add(body(FORKED, 13, 40))
    assert len(list((home / "evidence").iterdir())) == 1, "the same evidence is kept once"


def test_evidence_is_bounded(served: ServedWitness, home: Path) -> None:
    served.add(body(LOG, 0, 13))
    for n in range(40):
        other = SimLog(LOG.stored[:3]).grow(20, tag=f"other-{n}")
        refused(served.add(body(other, 13, 23)), 422)
    assert len(list((home / "evidence").iterdir())) == 16
    assert "as the evidence that is kept says" in served.lines[-1]


def test_logs_that_fork_on_purpose_do_not_hide_the_fork_of_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosigning, "EVIDENCE_FILES", 4)
    guilty = SimLog(origin="other.example", seed=3).grow(20)
    folder = made(tmp_path / "w", guilty.key, LOG.key).folder
    with serving(witness_home.load(folder)) as served:
        served.add(body(guilty, 0, 13))
        for n in range(6):
            other = SimLog(guilty.stored[:3], origin=guilty.origin, seed=3).grow(20, tag=f"{n}")
            served.add(body(other, 13, 23))
        assert len(list((folder / "evidence").iterdir())) == 4
        served.add(body(LOG, 0, 13))
        refused(served.add(body(FORKED, 13, 40)), 422)
        kept = Path(served.lines[-1].rpartition("THIS LOG SIGNED TWO HISTORIES: ")[2])
        assert evidence.check(kept.read_bytes()).origin == LOG.origin
        (folder / "evidence").rename(folder / "gone")
        (folder / "evidence").write_bytes(b"")
        refused(served.add(body(FORKED, 13, 40)), 422)
        assert "THIS LOG SIGNED TWO HISTORIES: the evidence cannot be kept: " in served.lines[-1]


def test_a_refused_tree_becomes_evidence_when_the_log_signs_another_one_of_its_size(
    served: ServedWitness, home: Path
) -> None:
    """A proof from a power of two shows nothing alone: its first hash is left out."""
    served.add(body(LOG, 0, 8))
    refused(served.add(body(FORKED, 8, 20)), 422)
    assert not (home / "evidence").exists()
    assert served.add(body(LOG, 8, 13)).status == 200
    assert served.add(body(LOG, 13, 20)).status == 200
    (path,) = (home / "evidence").iterdir()
    shown = evidence.check(path.read_bytes(), log=LOG.log)
    assert {shown.older.root, shown.newer.root} == {LOG.tree.root(20), FORKED.tree.root(20)}


def test_a_log_that_rewinds_is_told_the_size_until_it_has_it_again(served: ServedWitness) -> None:
    served.add(body(LOG, 0, 20))
    rewound = LOG.rewind(7)
    for old in (0, 7):
        assert served.add(body(rewound, old)).body == b"20\n"
    refused(served.add(body(rewound.grow(20, tag="new"), 20)), 422)
    assert size_of(served) == 20


# Races


def test_two_requests_that_are_checked_at_once_do_not_roll_back(
    served: ServedWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race of C2SP tlog-witness: both are decided on size 7 before either is stored."""
    assert served.add(body(LOG, 0, 7)).status == 200
    barrier, decide = threading.Barrier(2), witnessing.decide
    waited: set[int] = set()

    def slow(*args: object, **named: object) -> object:
        found = decide(*args, **named)  # type: ignore[arg-type]
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            barrier.wait(timeout=60)
        return found

    monkeypatch.setattr(witnessing, "decide", slow)
    answers: dict[int, Answer] = {}

    def add(size: int) -> None:
        answers[size] = served.add(body(LOG, 7, size))

    threads = [threading.Thread(target=add, args=(size,)) for size in (13, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status for a in answers.values()) == [200, 409]
    (won,) = (size for size, answer in answers.items() if answer.status == 200)
    (lost,) = (answer for answer in answers.values() if answer.status == 409)
    assert lost.body == b"%d\n" % won
    assert size_of(served) == won


def test_many_clients_with_two_histories_get_cosignatures_of_one(served: ServedWitness) -> None:
    cosigned: list[tuple[SimLog, Checkpoint]] = []
    other = SimLog(LOG.stored[:1]).grow(60, tag="other")

    def client(log: SimLog, step: int) -> None:
        size = old = 0
        while size < log.size:
            answer = served.add(body(log, old, min(old + step, log.size)))
            if answer.status == 200:
                size = min(old + step, log.size)
                found = checkpoint.parse(log.sign(size) + answer.body)
                assert len(note.verify(found.note, served.keys)) == 2
                cosigned.append((log, found))
                old = size
            elif answer.status == 409:
                old = int(answer.body)
                if old >= log.size:
                    return
            else:
                return

    threads = [
        threading.Thread(target=client, args=(log, step)) for log in (LOG, other) for step in (1, 2, 3, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Both may begin with the entry that they share; from then on one of them is the log.
    grown = {id(log): log for log, found in cosigned if found.size > 1}
    assert len(grown) == 1
    (winner,) = grown.values()
    trees = sorted((found for _, found in cosigned), key=lambda found: found.size)
    for older, newer in itertools.pairwise(trees):
        hashes = proof(winner, older.size, newer.size)
        verify_consistency(older.size, newer.size, hashes, older.root, newer.root)
    assert size_of(served) == winner.size


# Replays


def test_a_request_that_is_sent_again_changes_nothing(served: ServedWitness) -> None:
    sent = [body(LOG, old, size) for old, size in ((0, 7), (7, 13), (13, 20))]
    assert [served.add(one).status for one in sent] == [200, 200, 200]
    assert [served.add(one).body for one in sent] == [b"20\n"] * 3
    assert size_of(served) == 20


def test_a_checkpoint_of_another_log_with_the_same_key_does_not_count(tmp_path: Path) -> None:
    """One key, two origins: each has its own tree, and neither counts for the other."""
    other = SimLog(origin="log.sim.invalid/b").grow(9)
    with serving(made(tmp_path / "w", LOG.key, other.key)) as served:
        assert served.add(body(LOG, 0, 13)).status == 200
        assert served.add(body(other, 13, 9, hashes=())).status == 400
        assert served.add(body(other, 0)).status == 200
        renamed = other.sign().replace(b"invalid/b\n9", b"invalid/a\n9")
        refused(served.add(body(LOG, 13, signed=renamed)), 403)


# Stores that were rolled back


@pytest.mark.parametrize("whole", [False, True])
def test_a_store_that_is_put_back_while_the_witness_is_stopped(
    home: Path, tmp_path: Path, *, whole: bool
) -> None:
    """With its mark, nothing tells the witness, until the log or a monitor shows its own cosignature."""
    with serving(witness_home.load(home)) as served:
        served.add(body(LOG, 0, 7))
    shutil.copytree(home, tmp_path / "older")
    with serving(witness_home.load(home)) as served:
        served.add(body(LOG, 7, 20))
        newest = served.latest(LOG.origin).body
    names = (held_store.FILE, held_store.MARK) if whole else (held_store.FILE,)
    for name in names:
        shutil.copy(tmp_path / "older" / name, home / name)
    if not whole:
        ran = anchor("witness", "serve", "--home", home)
        assert ran.code == 2
        assert "the store was rolled back" in ran.line
        return
    with serving(witness_home.load(home)) as served:
        answer = served.add(body(LOG, 7, 20, signed=newest))
        assert (answer.status, answer.body) == (409, b"20\n")
        assert "THE STORE OF THIS WITNESS WAS ROLLED BACK" in served.lines[-1]
        refused(served.add(body(FORKED, 7, 30)), 409)
        refused(served.add(body(FORKED, 20, 30)), 422)
        assert served.latest(LOG.origin).body == newest
        assert served.add(body(LOG, 20)).status == 200


def test_a_cosignature_that_somebody_made_up_moves_nothing(served: ServedWitness) -> None:
    served.add(body(LOG, 0, 7))
    lines = [note.line(key.name, key.key_id, b"\1" * 72) for key in served.keys]
    real = served.latest(LOG.origin).body.rpartition(b"\n\n")[2].split(b"\n", 1)[1]
    for added in ([*lines], [real]):
        answer = served.add(body(FORKED, 20, 40, signed=note.add(FORKED.sign(40), *added)))
        assert answer.body == b"7\n"
    assert size_of(served) == 7


def test_a_fork_is_refused_after_each_restart(home: Path) -> None:
    for size in (4, 7, 20):
        with serving(witness_home.load(home)) as served:
            old = served.add(body(LOG, 0, size))
            known = int(old.body) if old.status == 409 else size
            assert served.add(body(LOG, known, size)).status == 200
            refused(served.add(body(FORKED, size, 40)), 422)
            assert size_of(served) == size
