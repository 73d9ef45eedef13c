# SPDX-License-Identifier: Apache-2.0
"""Laws of proofs of runs: each proof of any history holds, for two implementations, and no changed one does.

Signatures are left out here: a statement of a head, and its bundles, are what they cover.
"""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import AnchorError
from anchor.format import history_head, history_proof
from anchor.format.history_events import kind
from anchor.verify.history_runs import Runs
from tests.support.records.signed_history import STATEMENT, History
from tests.support.second import history2
from tests.support.second.leaves2 import jcs
from tests.support.second.readers import Unsupported, Wrong

STEPS = ("run", "bad", "seen", "other", "head", "pruned")


def made(steps: Sequence[str]) -> History:
    """A history of these steps, with a head at its end."""
    history = History()
    for step in (*steps, "head"):
        if step == "run":
            history.run()
        elif step == "bad":
            history.run("INVALID", target="another")
        elif step == "seen":
            history.seen(len(history.events), f"{len(history.events):064x}")
        elif step == "head":
            history.head()
        elif step == "pruned" and len(history.events) > 2:
            history.add("records-pruned", runs=[[1, 1]], counts={})
        else:
            history.add("trust-changed", document=STATEMENT)
    return history


histories = st.lists(st.sampled_from(STEPS), max_size=40).map(made)


def signed(history: History, head: int) -> dict[str, Any]:
    return history2.signed(history.heads[head], [{}])


def complete(history: History, head: int, before: int | None) -> list[bytes]:
    start = 0 if before is None else history.size(before)
    old = None if before is None else signed(history, before)
    return history2.complete(history.events[: history.size(head)], signed(history, head), old, start)


def read(lines: Sequence[bytes]) -> list[history_proof.Line]:
    """The events of a proof by the program, all of them."""
    return list(history_proof.events(history_proof.parse(lines[0]), lines[1:]))


def second(lines: Sequence[bytes]) -> list[tuple[int, str]] | None:
    """Index and kind of each event by the second implementation; None if it refuses them."""
    try:
        found = history2.verify(history2.written(lines))
    except (Wrong, Unsupported, KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None
    return [(index, one["kind"] if one is not None else "") for index, one in found]


@st.composite
def proofs(draw: st.DrawFn) -> tuple[History, list[bytes]]:
    """A history and a proof of it: complete between two of its heads, or of single events."""
    history = draw(histories)
    head = draw(st.integers(0, len(history.heads) - 1))
    if draw(st.booleans()):
        before = draw(st.none() | st.integers(0, head))
        return history, complete(history, head, before)
    size = history.size(head)
    wanted = sorted(draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=8)))
    return history, history2.single(history.events[:size], signed(history, head), wanted)


@given(proofs())
def test_each_proof_holds_for_both(made: tuple[History, list[bytes]]) -> None:
    history, lines = made
    found = read(lines)
    assert second(lines) == [(one.leaf_index, kind(one.event) if one.event else "") for one in found]
    assert [history.events[one.leaf_index] for one in found] == lines[1:]


@given(histories, st.data())
def test_a_complete_proof_gives_the_root_of_every_size(history: History, data: st.DataObject) -> None:
    head = len(history.heads) - 1
    before = data.draw(st.none() | st.integers(0, head))
    lines = complete(history, head, before)
    header = history_proof.parse(lines[0])
    for one in history_proof.events(header, lines[1:], sizes=range(1 << 20)):
        assert one.root == history2.root(history.events[: one.leaf_index + 1])


@given(proofs(), st.data())
def test_no_changed_line_is_an_event_of_the_history(
    made: tuple[History, list[bytes]], data: st.DataObject
) -> None:
    """The one change that holds takes a body away, and then there is no event but a hash."""
    _, lines = made
    place = data.draw(st.integers(1, max(1, len(lines) - 1)))
    if place == len(lines):
        return
    old, other = lines[place], data.draw(st.sampled_from(lines[1:]))
    at = data.draw(st.integers(0, len(old)))
    changed = {
        "byte": old[:at] + data.draw(st.binary(min_size=1, max_size=2)) + old[at + 1 :],
        "cut": old[:at],
        "longer": old + b" ",
        "other": other,
        "any": data.draw(st.binary(max_size=80)),
    }
    new = [*lines[:place], changed[data.draw(st.sampled_from(sorted(changed)))], *lines[place + 1 :]]
    dropped = [*lines[:place], *lines[place + 1 :]]
    doubled = [*lines[:place], old, *lines[place:]]
    for bad in (new, dropped, doubled):
        if bad != lines and b"\n" not in bad[place : place + 1]:
            with pytest.raises(AnchorError):
                read(bad)
            assert second(bad) is None


@given(proofs(), st.data())
def test_a_body_that_is_taken_away_is_never_unseen(
    made: tuple[History, list[bytes]], data: st.DataObject
) -> None:
    _, lines = made
    places = sorted(data.draw(st.sets(st.integers(1, max(1, len(lines) - 1)))))
    bare = [history2.removed(line) if n in places else line for n, line in enumerate(lines)]
    try:
        found = read(bare)
    except AnchorError:  # the first event of a history has its body
        assert second(bare) is None
        return
    runs = Runs()
    for one in found:
        runs.add(one)
    gone = [one.leaf_index for one in found if one.event is None]
    assert runs.pruned == len(gone) == len([n for n in places if n < len(lines)])
    named = [range(a, b + 1) for one in found for a, b in getattr(one.event, "runs", ())]
    withheld = [index for index in gone if not any(index in some for some in named)]
    assert [i for a, b in runs.withheld for i in range(a, b + 1)] == withheld


@given(proofs(), st.data())
def test_no_changed_member_of_the_first_line_holds(
    made: tuple[History, list[bytes]], data: st.DataObject
) -> None:
    """But the statements of the heads, and their bundles: the signatures cover these."""
    _, lines = made
    first = json.loads(lines[0])
    name = data.draw(st.sampled_from(sorted({*first, "before", "start", "nodes", "events", "more"})))
    value = data.draw(
        st.none()
        | st.integers(-1, 50)
        | st.sampled_from([[], {}, "", ["ab" * 32], first["head"], first.get("before"), first.get("nodes")])
    )
    changed = {**first, name: value}
    if data.draw(st.booleans()):
        changed = {n: v for n, v in first.items() if n != name}
    covered = [first.get("head"), first.get("before")] != [changed.get("head"), changed.get("before")]
    bad = [jcs(changed), *lines[1:]]
    if bad[0] == lines[0] or (covered and second(bad) is not None):
        return
    with pytest.raises(AnchorError):
        read(bad)
    assert second(bad) is None


@given(proofs(), st.data())
def test_no_changed_byte_of_the_first_line_holds(
    made: tuple[History, list[bytes]], data: st.DataObject
) -> None:
    _, lines = made
    old = lines[0]
    at = data.draw(st.integers(0, len(old) - 1))
    new = old[:at] + data.draw(st.binary(max_size=2)) + old[at + 1 :]
    if new == old or b"\n" in new:
        return
    try:
        found = history_proof.parse(new)
        list(history_proof.events(found, lines[1:]))
    except AnchorError:
        return
    before = history_proof.parse(old)
    assert (found.head, found.before) != (before.head, before.before), "only what is signed may differ"


@given(histories)
def test_the_heads_of_one_history_never_contradict_each_other(history: History) -> None:
    for first in history.heads:
        for then in history.heads:
            assert history_head.contradiction(first, then) == ""


@given(histories, st.integers(0, 3))
def test_the_first_heads_of_two_copies_contradict_each_other(history: History, more: int) -> None:
    other = history.fork()
    history.run("INVALID")
    other.run("OK")
    for _ in range(more):
        other.run("OK")
    history.head()
    other.head()
    assert history_head.contradiction(history.heads[-1], other.heads[-1]) != ""
