# SPDX-License-Identifier: Apache-2.0
"""Evidence that a log signed two histories, as one file that a stranger can check with nothing else.

Two notes of one origin and key with equal size and different roots; or two notes and a path of hashes that
leads to the newer note's root and, at the older size, to another root than the older note's. The file proves
what the holder of the key in it did; whether that key is a log's is for the reader to compare.

A file is RFC 8785 JSON with `format`, `kind`, `log` (origin, vkey), `notes` (the two signed notes, older
first) and `nodes` (hex hashes, empty for equal sizes). It carries nothing that is not checked.
"""

from typing import Any

import msgspec

from anchor import limits
from anchor.encoding import jcs, parse_json, unhex
from anchor.errors import Refused, Unsupported
from anchor.merkle.proof import MAX_PROOF, roots_from_consistency
from anchor.tlog import checkpoint
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.keys import MAX_VKEY, VerifierKey, parse_vkey
from anchor.tlog.note import MAX_NOTE
from anchor.words import several

FORMAT = "urn:ledger-anchor:evidence:v1"
EQUAL_SIZE = "log-equal-size"
GROWTH = "log-growth"
MAX_EVIDENCE = limits.LOG_EVIDENCE

_MEMBERS = {"format", "kind", "log", "notes", "nodes"}


class Contradiction(msgspec.Struct, frozen=True):
    """The result of evidence: `older` and `newer` are verified, and cannot both be true.

    `implied` is the root (32 bytes) that the newer tree had at the older size; for equal sizes the newer
    note's root.
    """

    kind: str
    key: VerifierKey
    older: Checkpoint
    newer: Checkpoint
    nodes: tuple[bytes, ...]
    implied: bytes

    @property
    def origin(self) -> str:
        return self.older.origin

    @property
    def sentence(self) -> str:
        """For a person: what was shown, and what it means."""
        old, new = self.older, self.newer
        if self.kind == EQUAL_SIZE:
            shown = f"two roots for size {old.size}: {old.root.hex()} and {new.root.hex()}"
        else:
            shown = (
                f"root {old.root.hex()} at size {old.size}, and at size {new.size} a tree whose first "
                f"{several(old.size, 'entry')} have root {self.implied.hex()}"
            )
        return f"whoever holds the key {self.key.vkey} signed two histories of {self.origin}: {shown}"


def build(log: Log, one: Checkpoint, other: Checkpoint, nodes: tuple[bytes, ...] = ()) -> bytes:
    """The evidence file for two checkpoints of one origin; raises Refused where they show nothing."""
    older, newer = sorted((one, other), key=lambda c: (c.size, c.raw))
    value = {
        "format": FORMAT,
        "kind": EQUAL_SIZE if older.size == newer.size else GROWTH,
        "log": {"origin": older.origin, "vkey": log.key.vkey},
        "notes": [older.raw.decode(), newer.raw.decode()],
        "nodes": [n.hex() for n in nodes],
    }
    data = jcs(value)
    check(data)
    return data


def check(data: bytes, *, log: Log | None = None) -> Contradiction:
    """The contradiction in the evidence. Raises Refused without one, Unsupported for another format or kind.

    `log`: the log it is meant to be about; without it, compare `key` and `origin` yourself.
    """
    origin, vkey, raws, hexes, kind = _read(data)
    key = parse_vkey(vkey, where="log.vkey")
    if log is not None and (log.key != key or not log.owns(origin)):
        raise Refused(f"about {origin} and the key {key.vkey}, another log", where="log")
    named = Log(origin, key)
    older, newer = (_verified(raw, named, f"notes[{i}]") for i, raw in enumerate(raws))
    nodes = tuple(unhex(text, size=32, where=f"nodes[{i}]") for i, text in enumerate(hexes))
    implied = _implied(kind, older, newer, nodes)
    found = Contradiction(kind, key, older, newer, nodes, implied)
    if _dump(found) != data:
        raise Refused("is not in its canonical form", where="evidence")
    return found


def _implied(kind: str, older: Checkpoint, newer: Checkpoint, nodes: tuple[bytes, ...]) -> bytes:
    """The older root that the newer note implies, known to differ from the older note's."""
    if kind == EQUAL_SIZE:
        if older.size != newer.size or nodes:
            raise Refused("two notes of equal size and no nodes are wanted", where="evidence")
        implied = newer.root
    else:
        implied, rebuilt = roots_from_consistency(older.size, newer.size, nodes)
        if rebuilt != newer.root:
            raise Refused("the nodes do not rebuild the newer root: they show nothing", where="nodes")
    if implied == older.root:
        raise Refused("the two notes do not contradict each other", where="notes")
    return implied


def _dump(found: Contradiction) -> bytes:
    older, newer = sorted((found.older, found.newer), key=lambda c: (c.size, c.raw))
    value = {
        "format": FORMAT,
        "kind": found.kind,
        "log": {"origin": found.origin, "vkey": found.key.vkey},
        "notes": [older.raw.decode(), newer.raw.decode()],
        "nodes": [n.hex() for n in found.nodes],
    }
    return jcs(value)


def _verified(raw: str, log: Log, where: str) -> Checkpoint:
    try:
        return checkpoint.verify(raw.encode(), log)
    except Refused as e:
        raise e.at(where) from None


def _read(data: bytes) -> tuple[str, str, list[str], list[str], str]:
    """Origin, vkey, notes, nodes and kind: the right shapes, nothing verified."""
    if len(data) > MAX_EVIDENCE:
        raise Refused(f"{len(data)} bytes, more than the {MAX_EVIDENCE} of evidence", where="evidence")
    value = parse_json(data, where="evidence")
    if not isinstance(value, dict):
        raise Refused("not a JSON object", where="evidence")
    if value.get("format") != FORMAT:
        raise Unsupported(f"not {FORMAT}", where="format")
    kind = value.get("kind")
    if kind not in (EQUAL_SIZE, GROWTH):
        raise Unsupported("a kind of evidence that is not known", where="kind")
    if extra := set(value) ^ _MEMBERS:
        raise Refused(f"unknown or missing member {min(extra)!r}", where="evidence")
    log = value["log"]
    if not isinstance(log, dict) or set(log) != {"origin", "vkey"}:
        raise Refused("an origin and a vkey are wanted", where="log")
    origin, vkey = _strings([log["origin"], log["vkey"]], "log", 2, MAX_VKEY)
    notes = _strings(value["notes"], "notes", 2, MAX_NOTE)
    nodes = _strings(value["nodes"], "nodes", MAX_PROOF, 64)
    if len(notes) != 2:
        raise Refused("two notes are wanted", where="notes")
    return origin, vkey, notes, nodes, kind


def _strings(value: Any, where: str, most: int, longest: int) -> list[str]:
    if not isinstance(value, list) or len(value) > most:
        raise Refused(f"at most {most} strings are wanted", where=where)
    for i, text in enumerate(value):
        if not isinstance(text, str) or len(text) > longest:
            raise Refused(f"a string of at most {longest} characters is wanted", where=f"{where}[{i}]")
    return value
