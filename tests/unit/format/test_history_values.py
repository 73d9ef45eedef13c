# SPDX-License-Identifier: Apache-2.0
"""The test values of a history in the specification, as the program reads and writes them."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from anchor.errors import Refused
from anchor.format import history_events, history_head, history_proof
from anchor.format.history_events import RunEnded
from anchor.merkle.tree import root

TEXT = (Path(__file__).resolve().parents[3] / "anchor" / "FORMAT.md").read_text(encoding="utf-8")


def lines(info: str) -> list[bytes]:
    """The lines of a block of section 29.5."""
    (found,) = re.findall(rf"^```{re.escape(info)} 29\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    return [line.encode() for line in found.splitlines()]


EVENTS, HEADS = lines("json events"), lines("json heads")


def test_events_are_read_and_written_as_they_are_specified() -> None:
    for data in EVENTS:
        assert history_events.encode(history_events.decode(data)) == data
    hashes = [history_events.leaf_hash(data) for data in EVENTS]
    assert [h.hex() for h in hashes] == json.loads(b"".join(lines("json hashes")))


def test_heads_are_those_of_the_events() -> None:
    first, second = map(history_head.decode, HEADS)
    hashes = [history_events.leaf_hash(data) for data in EVENTS]
    assert (first.root, second.root) == (root(hashes[:2]).hex(), root(hashes).hex())
    following = history_head.following(first.origin, 4, second.root, HEADS[0])
    assert history_head.encode(following) == HEADS[1]


@pytest.mark.parametrize(("name", "wanted"), [("complete", [2, 3]), ("single", [1, 2])])
def test_proofs_are_read_and_written_as_they_are_specified(name: str, wanted: list[int]) -> None:
    first, *rest = lines(f"json {name}")
    header = history_proof.parse(first)
    assert history_proof.encode(header) == first
    found = list(history_proof.events(header, rest))
    assert [one.leaf_index for one in found] == wanted
    assert sum(isinstance(one.event, RunEnded) for one in found) == 1
    pruned = [lines("json pruned")[0] if line == EVENTS[2] else line for line in rest]
    assert [one.event is None for one in history_proof.events(header, pruned)].count(True) == 1
    with pytest.raises(Refused):
        list(history_proof.events(header, rest[:-1]))


KINDS = sorted(
    {history_events.kind(history_events.decode(data)) for data in EVENTS} | {"", "x", "told", "run-ended"}
)


@pytest.mark.parametrize("likely", KINDS)
def test_a_likely_kind_changes_no_answer(likely: str) -> None:
    """The hint may be wrong, and the kind may be missing, stand elsewhere or be another one."""
    for data in EVENTS:
        event = history_events.decode(data)
        own = f',"kind":"{history_events.kind(event)}"'.encode()
        assert history_events.decode(data, likely=likely) == event
        inside = data.replace(own, b"").replace(
            b'"at":', f'"details":{{"a":1,"kind":"{likely}","z":1}},"at":'.encode()
        )
        for other in (data.replace(own, b""), data.replace(own, b',"kind":"x"'), inside):
            assert other != data
            with pytest.raises(Refused):
                history_events.decode(other)
            with pytest.raises(Refused):
                history_events.decode(other, likely=likely)


def test_a_kind_within_another_member_is_not_that_of_the_event() -> None:
    """Of an event without a kind whose facts have one."""
    run = next(data for data in EVENTS if b'"kind":"run-ended"' in data)
    event = history_events.decode(run)
    assert isinstance(event, RunEnded)
    facts = msgspec.structs.replace(event, facts={"a": 1, "kind": "run-ended", "z": 1})
    data = history_events.encode(facts)
    assert data.count(b',"kind":"run-ended",') == 2
    assert history_events.decode(data, likely="run-ended") == facts
    before, _, after = data.rpartition(b',"kind":"run-ended"')
    with pytest.raises(Refused):
        history_events.decode(before + after, likely="run-ended")


@pytest.mark.parametrize("ms", [0, -1, 1, 999, 1_800_000_000_001, -62_135_596_800_000, history_events.LATEST])
def test_a_time_is_read_to_the_millisecond(ms: int) -> None:
    assert history_events.time_of(history_events.time(ms)) == ms


@pytest.mark.parametrize("text", ["", "x", "2027-02-30T00:00:00.000Z", "2027-01-01T00:00:00.000"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is no date"):
        history_events.time_of(text)
