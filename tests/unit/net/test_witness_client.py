# SPDX-License-Identifier: Apache-2.0
"""Witnesses are asked all at once, within one limit of time, and each with few requests."""

import threading
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.errors import Misuse, Stopped
from anchor.merkle import consistency_proof, leaf_hash, root
from anchor.net import urls, witness_client
from anchor.net.budget import Budget
from anchor.tlog import add_checkpoint, note
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.keys import Algorithm, VerifierKey
from anchor.tlog.witness_answer import Asked
from anchor.tlog.witness_policy import Witness as Listed
from tests.support.servers.bad_server import bad_server, closed_port, hang_after
from tests.support.servers.witness_server import Reply, Witness, patient, serving, text_in

LOG = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
VKEY = VerifierKey("log.example", Algorithm.ED25519, LOG.public_key().public_bytes_raw())
LEAVES = [leaf_hash(bytes([i])) for i in range(40)]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A witness that answers is waited for, however busy the machine is."""
    patient(monkeypatch)


def head(size: int) -> Checkpoint:
    body = checkpoints.body("log.example", size, root(LEAVES[:size]))
    return checkpoints.verify(note.sign(body, "log.example", LOG), checkpoints.Log("log.example", VKEY))


def never(_found: Sequence[Asked]) -> bool:
    return False


def ask(
    witnesses: Sequence[Witness], size: int, sizes: dict[str, int] | None = None, **more: object
) -> list[Asked]:
    listed = [Listed(w.name.encode(), w.key, w.url) for w in witnesses]
    options = {"enough": never, "budget": Budget(90), "since": 0, **more}
    return witness_client.ask(
        listed,
        head(size),
        proof=lambda old: tuple(consistency_proof(LEAVES, old, size)) if 0 < old < size else (),
        sizes=sizes or {},
        **options,  # type: ignore[arg-type]
    )


def many(count: int) -> list[Witness]:
    found = [Witness(f"w{i}.example") for i in range(count)]
    for witness in found:
        witness.knows(VKEY.vkey)
    return found


def test_all_are_asked_before_one_of_them_has_to_answer() -> None:
    """Each answers when all have been asked: one after the other would never end."""
    count = 8
    together = threading.Barrier(count)

    def wait(_witness: Witness, _body: bytes) -> Reply | None:
        together.wait(60)
        return None

    witnesses = many(count)
    for witness in witnesses:
        witness.lie = wait
    with serving(*witnesses):
        asked = ask(witnesses, 7)
    assert [a.name for a in asked if a.line] == [w.name for w in witnesses]


def test_the_growth_is_proven_from_where_the_witness_is() -> None:
    (witness,) = many(1)
    with serving(witness):
        for size in (1, 2, 3, 7, 8, 9, 31, 32, 40):
            (asked,) = ask([witness], size, {witness.vkey: witness.size("log.example")})
            assert asked.line, asked.problem
        assert len(witness.requests) == 9
        (asked,) = ask([witness], 40)
        assert asked.line
        assert [add_checkpoint.parse(r).old for r in witness.requests[9:]] == [0, 40]


@pytest.mark.parametrize("remembered", range(0, 41, 5))
def test_whatever_is_remembered_two_requests_are_enough(remembered: int) -> None:
    (witness,) = many(1)
    with serving(witness):
        assert ask([witness], 13)[0].line
        (asked,) = ask([witness], 29, {witness.vkey: remembered})
        assert asked.line, asked.problem
        assert len(witness.requests) <= 3
        assert ("rolled back" in asked.note) == (remembered > 13)


def test_one_that_is_asked_by_others_too_is_followed_a_little_way() -> None:
    """Between our two requests somebody else brings the witness further, once."""
    (witness,) = many(1)
    with serving(witness):
        ask([witness], 5)
        moved: list[int] = []

        def faster(there: Witness, body: bytes) -> Reply | None:
            if add_checkpoint.parse(body).old == 5 and not moved:
                moved.append(9)
                there.store["log.example"] = (9, root(LEAVES[:9]))
            return None

        witness.lie = faster
        (asked,) = ask([witness], 20)
        assert (bool(asked.line), moved) == (True, [9])


def test_those_who_are_slow_are_waited_for_only_until_there_is_a_quorum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(witness_client, "AFTER_QUORUM", 0.0)
    good = many(1)
    bad = Witness("bad.example")
    with bad_server(hang_after) as server, serving(*good):
        bad.url = server.url
        asked = ask([bad, *good], 3, enough=lambda found: any(a.line for a in found), budget=Budget(3600))
    assert (asked[0].later, "no answer within" in asked[0].problem, bool(asked[1].line)) == (True, True, True)


def test_an_answer_that_came_in_time_counts_where_this_thread_looks_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(witness_client, "AFTER_QUORUM", 0.0)
    witnesses = many(3)

    def late(_found: Sequence[Asked]) -> bool:
        for thread in threading.enumerate():
            if thread.name.endswith("(one)"):  # one of those that ask
                thread.join(60)
        return True

    with serving(*witnesses):
        asked = ask(witnesses, 3, enough=late)
    assert [a.name for a in asked if a.line] == [w.name for w in witnesses]


def test_the_budget_of_the_command_ends_it_all() -> None:
    bad = Witness("bad.example")
    with bad_server(hang_after) as server:
        bad.url = server.url
        (asked,) = ask([bad], 3, budget=Budget(0.3))
    assert (asked.line, asked.later) == (b"", True)


def test_a_command_that_must_end_ends() -> None:
    class Ending(Budget):
        def left(self) -> float:
            if self.spent() > 0.2:
                raise Stopped
            return 30.0

    bad = Witness("bad.example")
    with bad_server(hang_after) as server:
        bad.url = server.url
        with pytest.raises(Stopped):
            ask([bad], 3, budget=Ending(30))


def test_nobody_there_and_no_url_are_words() -> None:
    gone, silent = Witness("gone.example"), Witness("silent.example")
    gone.url = f"http://127.0.0.1:{closed_port()}"
    asked = ask([gone, silent], 3)
    assert [a.later for a in asked] == [True, False]
    assert "no URL" in asked[1].problem
    assert not any(a.line or a.conflict for a in asked)


def test_several_keys_of_one_witness_are_asked_for_by_one_request() -> None:
    one, other, silent = Witness("one.example"), Witness("other.example"), Witness("silent.example")
    one.knows(VKEY.vkey)
    with serving(one):
        one.lie = lambda w, body: (200, w.cosign(text_in(body)) + other.cosign(text_in(body)), "text/plain")
        other.url, silent.url = one.url + "/", one.url
        asked = ask([one, silent, other], 3)
        assert [a.name for a in asked if a.line] == ["one.example", "other.example"]
        assert "of other keys" in asked[1].problem
        assert len(one.requests) == 1
        one.lie = lambda _w, _b: (404, b"", "text/plain")
        assert all("does not know the log" in a.problem for a in ask([one, silent, other], 3))
    assert len(one.requests) == 2


def test_nobody_is_asked_when_there_is_nobody() -> None:
    assert ask([], 3) == []


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("https://witness.example", "https://witness.example/add-checkpoint"),
        ("https://witness.example/", "https://witness.example/add-checkpoint"),
        ("https://witness.example/a/b/", "https://witness.example/a/b/add-checkpoint"),
        ("http://127.0.0.1:8080/w", "http://127.0.0.1:8080/w/add-checkpoint"),
    ],
)
def test_the_path_is_below_the_submission_prefix(prefix: str, url: str) -> None:
    assert urls.below(prefix, add_checkpoint.PATH) == url


@pytest.mark.parametrize(
    "prefix",
    [
        "http://witness.example",
        "https://me@witness.example",
        "https://witness.example?a",
        "https://witness.example/#a",
        "file:///etc",
        "witness.example",
        "",
        "https://",
        "https://witness.example/a b",
    ],
)
def test_a_prefix_that_cannot_be_is_refused(prefix: str) -> None:
    with pytest.raises(Misuse):
        urls.below(prefix, add_checkpoint.PATH)
