# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `anchor records anchor` anywhere, and it again: one entry, one event, nothing left behind."""

import functools
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from anchor.format import history_head
from anchor.publish import interrupted, statement_guard
from anchor.publish.signing_history import SignedStatements
from tests.support.process import crash
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.records import anchored
from tests.support.records.anchored import Kept

PARTS = 6


def first(folder: Path) -> Kept:
    return anchored.kept(folder)


def second(folder: Path) -> Kept:
    kept = anchored.kept(folder)
    assert kept.anchor().code == 0
    assert kept.reverify().code == 0
    return kept


BEFORE = {"first head": (first, 1), "second head": (second, 2)}


def ran(kept: Kept) -> tuple[int, str]:
    done = kept.anchor()
    return done.code, done.err


def grown(kept: Kept) -> tuple[int, str]:
    """The records have one more event before the command comes again."""
    assert kept.reverify().code == 0
    return ran(kept)


@functools.cache
def prepared(name: str, folder: Path) -> tuple[Kept, Killer]:
    """The state before, to be copied, and the operations of a run that is left alone."""
    (folder / "base").mkdir()
    base = BEFORE[name][0](folder / "base")
    killer = Killer(watched=(folder,))
    code, said = crash.forked(partial(ran, base.copy(folder / "undisturbed")), killer=killer)
    assert code == 0, said
    return base, killer


def check_left(kept: Kept, entries: int) -> None:
    """Each head is one entry and one event, and the home has nothing else of it."""
    assert len(kept.bodies()) == len(set(kept.bodies())) == len(kept.heads()) == entries
    assert kept.check() == 0
    assert interrupted.interrupted(kept.home) == []
    assert list((kept.home / "journal").iterdir()) == []
    assert [p for p in kept.home.rglob("*") if p.name.endswith(".tmp")] == []
    lines = statement_guard.binding(SignedStatements(kept.home).lines())
    assert {one.step for one in lines} == {"published"}
    assert len({one.statement for one in lines}) == len(lines) == entries


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return functools.cache(lambda name: tmp_path_factory.mktemp("prepared"))


@sampled(60)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", BEFORE)
def test_killed_anywhere_and_run_again_there_is_one_entry_and_one_event(
    name: str, part: int, every: int, folder: Callable[[str], Path], tmp_path: Path
) -> None:
    base, counted = prepared(name, folder(name))
    mine = crash.points(counted)[::every][part::PARTS]
    killed = 0
    for number, torn in mine:
        kept = base.copy(tmp_path / f"{number}{'t' if torn else ''}")
        what = f"killed {'in' if torn else 'before'} operation {number}: {counted.seen[number - 1]}"
        killer = Killer(at=number, torn=torn)
        killed += crash.forked(partial(ran, kept), killer=killer) is None
        code, said = ran(kept)
        assert code == 0, (what, said)
        check_left(kept, BEFORE[name][1])
        shutil.rmtree(kept.home)
    assert killed == len(mine)


@sampled(60)
def test_killed_anywhere_while_the_records_grow_no_two_heads_contradict_each_other(
    every: int, folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """The head that a log may have is completed with its bytes, though it is not the head of now any more."""
    base, counted = prepared("second head", folder("second head"))
    for number, torn in crash.points(counted)[::every]:
        kept = base.copy(tmp_path / f"{number}{'t' if torn else ''}")
        crash.forked(partial(ran, kept), killer=Killer(at=number, torn=torn))
        sent = kept.bodies()[1:]
        code, said = grown(kept)
        assert code == 0, (number, said)
        code, said = ran(kept)
        assert code == 0, (number, said)
        heads = kept.heads()
        for one in heads:
            for two in heads:
                assert history_head.contradiction(one, two) == "", number
        assert kept.bodies()[1 : 1 + len(sent)] == sent
        check_left(kept, len(heads))
        shutil.rmtree(kept.home)
