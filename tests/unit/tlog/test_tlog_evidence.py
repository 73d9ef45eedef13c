# SPDX-License-Identifier: Apache-2.0
"""Evidence files: what a stranger can check, and what an accuser cannot make up."""

import json

import pytest

from anchor.errors import Refused, Unsupported
from anchor.tlog import checkpoint, evidence, follow
from anchor.tlog.checkpoint import Log
from anchor.tlog.tile_reader import TileReader
from tests.support.logs.simlog import SimLog

LOG = SimLog().grow(300)


def run(source: SimLog) -> follow.Followed:
    return follow.follow(source, LOG.log, held=[LOG.head(10), LOG.head()])


def _growth() -> bytes:
    data = run(LOG.fork(100, 700)).evidence
    assert data is not None
    return data


def _equal() -> bytes:
    data = run(LOG.fork(100)).evidence
    assert data is not None
    return data


def _edit(data: bytes, **changes: object) -> bytes:
    return json.dumps(
        {**json.loads(data), **changes}, separators=(",", ":"), sort_keys=True, ensure_ascii=False
    ).encode()


def test_the_evidence_is_the_same_whoever_finds_it() -> None:
    log, fork = LOG.head(), LOG.fork(100).head()
    assert evidence.build(LOG.log, log, fork) == evidence.build(LOG.log, fork, log)
    assert _edit(_growth()) == _growth()


def test_evidence_says_what_it_means() -> None:
    for data in (_growth(), _equal()):
        sentence = evidence.check(data).sentence
        assert "whoever holds the key log.sim.invalid/a+" in sentence
        assert "signed two histories" in sentence


def test_evidence_about_another_log_is_not_about_this_one() -> None:
    for log in (
        Log("x", LOG.key),
        SimLog(seed=2).log,
        Log(LOG.origin, SimLog(seed=2, origin=LOG.origin).key),
    ):
        with pytest.raises(Refused):
            evidence.check(_equal(), log=log)


def test_two_consistent_checkpoints_are_no_evidence() -> None:
    grown = LOG.clone().grow(100)
    path = tuple(TileReader(grown, grown.head()).consistency_path(300))
    for one, other, nodes in (
        (LOG.head(), LOG.head(), ()),
        (LOG.head(), grown.head(), path),
        (LOG.head(), grown.head(), ()),
        (LOG.head(), grown.head(), path[::-1]),
        (LOG.head(), grown.head(), (bytes(32), *path[1:])),
        (LOG.head(), LOG.fork(100).head(), path),
    ):
        with pytest.raises(Refused):
            evidence.build(LOG.log, one, other, nodes)


def test_two_sizes_are_no_equal_size_evidence_without_nodes() -> None:
    grown = LOG.clone().grow(100)
    notes = [LOG.sign().decode(), grown.sign().decode()]
    with pytest.raises(Refused, match="equal size"):
        evidence.check(_edit(_equal(), notes=notes))
    with pytest.raises(Refused):
        evidence.check(_edit(_equal(), kind=evidence.GROWTH))


def test_an_accuser_cannot_make_an_honest_log_look_guilty() -> None:
    grown = LOG.clone().grow(100)
    path = TileReader(grown, grown.head()).consistency_path(256)
    hexes = [n.hex() for n in path]
    honest = {
        "format": evidence.FORMAT,
        "kind": evidence.GROWTH,
        "log": {"origin": LOG.origin, "vkey": LOG.key.vkey},
        "notes": [LOG.sign(256).decode(), grown.sign().decode()],
        "nodes": hexes,
    }
    base = json.dumps(honest)
    for i in range(len(path)):
        nodes = [*hexes[:i], "00" * 32, *hexes[i + 1 :]]
        with pytest.raises(Refused):
            evidence.check(_edit(base.encode(), nodes=nodes))
    for size in (255, 257, 300):  # the nodes of another size
        with pytest.raises(Refused):
            evidence.check(_edit(base.encode(), notes=[LOG.sign(size).decode(), grown.sign().decode()]))
    with pytest.raises(Refused, match="do not contradict"):
        evidence.check(_edit(base.encode()))


def test_a_signed_root_for_no_tree_at_all_is_evidence_of_nothing_without_nodes() -> None:
    odd = checkpoint.verify(LOG.sign(400, root=bytes(32)), LOG.log)
    with pytest.raises(Refused):
        evidence.build(LOG.log, LOG.head(), odd)


@pytest.mark.parametrize("data", [_growth(), _equal()], ids=["growth", "equal"])
def test_no_byte_of_the_evidence_can_be_changed(data: bytes) -> None:
    for i in range(0, len(data), 3):
        for bit in (1, 32):
            changed = data[:i] + bytes([data[i] ^ bit]) + data[i + 1 :]
            with pytest.raises((Refused, Unsupported)):
                evidence.check(changed, log=LOG.log)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "urn:ledger-anchor:evidence:v2"},
        {"kind": "other"},
        {"kind": evidence.EQUAL_SIZE},
        {"log": {}},
        {"log": {"origin": LOG.origin, "vkey": LOG.key.vkey, "url": "x"}},
        {"log": {"origin": "other", "vkey": LOG.key.vkey}},
        {"log": {"origin": LOG.origin, "vkey": SimLog(seed=2).key.vkey}},
        {"log": [LOG.origin, LOG.key.vkey]},
        {"notes": []},
        {"notes": ["", ""]},
        {"notes": [1, 2]},
        {"notes": json.loads(_growth())["notes"][::-1]},
        {"notes": [*json.loads(_growth())["notes"], ""]},
        {"notes": "x"},
        {"nodes": []},
        {"nodes": None},
        {"nodes": [""]},
        {"nodes": [n.upper() for n in json.loads(_growth())["nodes"]]},
        pytest.param({"nodes": ["00" * 32] * 1_000_000}, id="a million nodes"),
        {"extra": 1},
    ],
    ids=lambda c: next(iter(c)) + str(len(str(c))),
)
def test_evidence_of_another_shape_shows_nothing(change: dict[str, object]) -> None:
    with pytest.raises((Refused, Unsupported)):
        evidence.check(_edit(_growth(), **change))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"1", b"\xff", b"[" * 100_000, b" " + _equal(), _equal() + b"\n"]
)
def test_what_is_not_canonical_json_is_refused(data: bytes) -> None:
    with pytest.raises((Refused, Unsupported)):
        evidence.check(data)
