# SPDX-License-Identifier: Apache-2.0
"""A log that shows each of two witnesses another history: each cosigns, and whoever asks both sees it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from anchor.tlog.add_checkpoint import Request, encode
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.servers.log_server import serve_logs
from tests.support.servers.own_witness import ServedWitness, made, serving

LOG = SimLog().grow(300)
FORK = LOG.fork(200)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[ServedWitness]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serving(made(tmp_path / name, LOG.key))) for name in ("one", "two")]


def submit(witness: ServedWitness, log: SimLog, size: int) -> None:
    """The log asks the witness for the first time."""
    answer = witness.add(encode(Request(old=0, proof=(), checkpoint=log.sign(size))))
    assert answer.status == 200, answer


def ask(two: list[ServedWitness], home: Path, *words: object) -> Ran:
    named = [word for one in two for word in ("--witness", one.url)]
    return anchor("compare", *named, "--vkey", LOG.key.vkey, "--home", home, "--json", *words)


def test_two_witnesses_of_one_history(two: list[ServedWitness], tmp_path: Path) -> None:
    for witness, size in zip(two, (250, 300), strict=True):
        submit(witness, LOG, size)
    assert ask(two, tmp_path / "home").code == 3  # without the log's tiles nobody can tell
    with serve_logs(log=LOG.clone()) as server:
        ran = ask(two, tmp_path / "home", "--log", server.log_url("log"))
        assert ran.code == 0, ran
    assert [one["relation"] for one in ran.document["facts"]["checkpoints"]] == ["consistent"] * 2


@pytest.mark.parametrize("sizes", [(300, 300), (250, 300), (300, 250)])
def test_two_histories_are_shown_by_the_heads_of_both(
    two: list[ServedWitness], tmp_path: Path, sizes: tuple[int, int]
) -> None:
    """The log itself is honest to whoever looks at it. The evidence needs no witness."""
    submit(two[0], LOG, sizes[0])
    submit(two[1], FORK, sizes[1])
    with serve_logs(log=LOG.clone()) as server:
        for _ in range(2):
            ran = ask(two, tmp_path / "home", "--log", server.log_url("log"))
            assert ran.code == 6, ran
            found = [one["relation"] for one in ran.document["facts"]["checkpoints"]]
            assert found == ["consistent", "contradicts"]
            (path,) = (tmp_path / "home" / "evidence").iterdir()
            assert anchor("verify-evidence", path, "--log-key", LOG.key.vkey).code == 6


def test_one_size_and_two_roots_need_no_log_at_all(two: list[ServedWitness], tmp_path: Path) -> None:
    submit(two[0], LOG, 300)
    submit(two[1], FORK, 300)
    ran = ask(two, tmp_path / "home")
    assert ran.code == 6, ran
    assert {one["relation"] for one in ran.document["facts"]["checkpoints"]} == {"contradicts"}
