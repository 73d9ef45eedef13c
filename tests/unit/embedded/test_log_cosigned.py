# SPDX-License-Identifier: Apache-2.0
"""The embedded log for its witnesses: proofs of growth from its tiles, and cosignatures in its checkpoint."""

from pathlib import Path

import pytest

from anchor.embedded.log import Log
from anchor.errors import Refused, Unavailable
from anchor.merkle import verify_consistency
from anchor.sigstore.services import Duplicate
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note
from tests.support.forge.embedded_signer import check_entry, entry_request
from tests.support.logs.embedded_log import KEY, ORIGIN, opened
from tests.support.servers.witness_server import Witness

ONE, TWO = Witness("one.example"), Witness("two.example")
KEYS = (ONE.key, TWO.key)


def signed_by(log: Log) -> list[str]:
    """The names under the checkpoint on the disk, without the log's own."""
    return [s.name for s in log.head().note.signatures if s.name != log.origin]


def lines(log: Log, *witnesses: Witness) -> list[bytes]:
    return [w.cosign(log.head().note.text) for w in witnesses]


def test_growth_is_proven_from_every_size_over_the_edges_of_tiles(full: Path) -> None:
    log = opened(full)
    roots = [log.root_at(size) for size in range(log.size() + 1)]
    for size in (1, 2, 3, 7, 255, 256, 257, 258):
        text = checkpoints.body(ORIGIN, size, roots[size])
        head = checkpoints.verify(note.sign(text, ORIGIN, KEY), checkpoints.Log(ORIGIN, log.key))
        assert log.consistency(0, head) == ()
        for old in range(1, size + 1):
            verify_consistency(old, size, log.consistency(old, head), roots[old], roots[size])


def test_cosignatures_are_kept_with_the_head_and_go_with_it(log: Log) -> None:
    entry = log.append(entry_request("a"))
    made = log.cosigned(log.head(), lines(log, ONE, TWO), KEYS)
    assert made.raw == log.checkpoint()
    assert signed_by(log) == ["one.example", "two.example"]
    assert note.verify(made.note, KEYS)
    found = log.find(entry_request("a"))
    assert found is not None
    assert found != entry
    check_entry(found, origin=log.origin, key=log.key)
    log.append(entry_request("b"))
    assert signed_by(log) == []
    with pytest.raises(Duplicate):
        log.append(entry_request("a"))


def test_the_lines_of_the_keys_are_exactly_those_that_are_given(log: Log) -> None:
    log.append(entry_request("a"))
    stranger = Witness("stranger.example").cosign(log.head().note.text)
    log.cosigned(log.head(), [stranger], ())
    log.cosigned(log.head(), lines(log, ONE, TWO), KEYS)
    log.cosigned(log.head(), lines(log, TWO), KEYS)
    assert signed_by(log) == ["stranger.example", "two.example"]
    log.cosigned(log.head(), [], KEYS)
    assert signed_by(log) == ["stranger.example"]


def test_cosignatures_of_an_older_head_are_given_and_not_kept(log: Log) -> None:
    log.append(entry_request("a"))
    old, given = log.head(), lines(log, ONE)
    log.append(entry_request("b"))
    made = log.cosigned(old, given, KEYS)
    assert (made.size, [s.name for s in made.note.signatures]) == (1, [log.origin, "one.example"])
    assert signed_by(log) == []
    entry = log.entry(0, made)
    check_entry(entry, origin=log.origin, key=log.key)
    assert b'"treeSize":"1"' in entry


def test_a_head_of_another_log_is_refused(log: Log) -> None:
    log.append(entry_request("a"))
    body = checkpoints.body("other.example", 1, log.head().root)
    other = checkpoints.parse(note.sign(body, "other.example", ONE.private))
    with pytest.raises(Refused):
        log.cosigned(other, [], KEYS)


def test_more_lines_than_a_note_may_have_are_refused_and_change_nothing(log: Log) -> None:
    log.append(entry_request("a"))
    before = log.checkpoint()
    many = [Witness(f"w{i}.example").cosign(log.head().note.text) for i in range(note.MAX_SIGNATURES)]
    with pytest.raises(Refused):
        log.cosigned(log.head(), many, ())
    assert log.checkpoint() == before


def test_only_the_writer_keeps_cosignatures(log: Log) -> None:
    log.append(entry_request("a"))
    with Log(log.folder, origin=log.origin, key=log._private) as second, pytest.raises(Unavailable):
        second.cosigned(second.head(), lines(log, ONE), KEYS)
    assert signed_by(log) == []
