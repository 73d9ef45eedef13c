# SPDX-License-Identifier: Apache-2.0
"""Events, heads and proofs of a history of verification, written only from section 29 of FORMAT.md.

Signatures are not checked: a head is believed here.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tests.support.second.leaves2 import jcs, leaf_hash, sha256
from tests.support.second.merkle import mth, path
from tests.support.second.readers import must
from tests.support.second.statement2 import digest, members, parse

EVENT, PROOF = "urn:ledger-anchor:history-event:v1", "urn:ledger-anchor:history-proof:v1"
HEAD = "urn:ledger-anchor:history:v1"
MOST = 4_194_304
AT = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z")
NONCE = re.compile("[0-9a-f]{32}")
Json = dict[str, Any]


# 29.1 and 29.2


def event(kind: str, at: str, nonce: str, **its: Any) -> bytes:
    return jcs({"format": EVENT, "kind": kind, "at": at, "nonce": nonce, **its})


def read_event(data: bytes) -> Json:
    """The members that all events have; those of its kind are not looked at."""
    must(len(data) <= MOST, "size")
    found = parse(data)
    must(isinstance(found, dict) and jcs(found) == data, "RFC 8785")
    must(found.get("format") == EVENT and isinstance(found.get("kind"), str), "format and kind")
    must(AT.fullmatch(str(found.get("at"))) and NONCE.fullmatch(str(found.get("nonce"))), "at and nonce")
    return dict(found)


def root(events: Iterable[bytes]) -> bytes:
    return mth([leaf_hash(one) for one in events])


def root_of_export(lines: Iterable[bytes]) -> tuple[int, bytes]:
    """Size and root of what `anchor records export` writes. The hash of a removed event is believed."""
    hashes = list[bytes]()
    for line in lines:
        row = parse(line)
        if "index" not in row:
            continue
        must(row["index"] == len(hashes), "an index without gaps")
        leaf = bytes.fromhex(row["hash"])
        must(row["event"] is None or leaf_hash(jcs(row["event"])) == leaf, "the hash of the event")
        hashes.append(leaf)
    return len(hashes), mth(hashes)


# 29.3


def checkpoint(origin: str, size: int, root: bytes) -> bytes:
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def statement(origin: str, size: int, root: bytes, previous: bytes | None = None) -> bytes:
    """`previous`: the statement of the head that was anchored before."""
    said: Json = {"origin": origin, "size": size, "root": root.hex()}
    if previous is not None:
        old = json.loads(previous)["predicate"]
        named = {"size": old["size"], "root": old["root"], "statement": sha256(previous).hex()}
        said["previous"] = named
    subject = {"name": "checkpoint", "digest": {"sha256": sha256(checkpoint(origin, size, root)).hex()}}
    kind = "https://in-toto.io/Statement/v1"
    return jcs({"_type": kind, "subject": [subject], "predicateType": HEAD, "predicate": said})


def read_statement(data: bytes) -> Json:
    """The predicate."""
    found = parse(data)
    must(jcs(found) == data, "RFC 8785")
    members(found, {"_type", "subject", "predicateType", "predicate"})
    must(found["predicateType"] == HEAD, "the predicate type")
    said = found["predicate"]
    members(said, {"origin", "size", "root"}, {"previous"})
    must(type(said["size"]) is int and said["size"] >= 1, "size")
    digest(said["root"])
    if "previous" in said:
        members(said["previous"], {"size", "root", "statement"})
        must(said["previous"]["size"] <= said["size"], "a head before it that is larger")
    root_ = bytes.fromhex(said["root"])
    must(statement(said["origin"], said["size"], root_).split(b'"predicate":')[0] in data, "")
    wanted = sha256(checkpoint(said["origin"], said["size"], root_)).hex()
    must(found["subject"] == [{"name": "checkpoint", "digest": {"sha256": wanted}}], "the subject")
    return dict(said)


# 29.4


def perfect(start: int) -> list[tuple[int, int]]:
    """First leaf and number of leaves of the perfect subtrees over the leaves before `start`."""
    found, first = [], 0
    for bit in reversed(range(start.bit_length())):
        if start >> bit & 1:
            found.append((first, 1 << bit))
            first += 1 << bit
    return found


def signed(statement: bytes, bundles: Sequence[Json]) -> Json:
    return {"statement": base64.b64encode(statement).decode(), "bundles": list(bundles)}


def removed(one: bytes) -> bytes:
    """The line of an event that was pruned."""
    return b'{"pruned":"' + leaf_hash(one).hex().encode() + b'"}'


def complete(events: Sequence[bytes], head: Json, before: Json | None, start: int) -> list[bytes]:
    """The lines of a complete proof: of all events from `start` on, under a head of all of these."""
    hashes = [leaf_hash(one) for one in events]
    nodes = [mth(hashes[first : first + many]).hex() for first, many in perfect(start)]
    first: Json = {"format": PROOF, "head": head, "start": start, "nodes": nodes}
    return [jcs(first | ({"before": before} if before else {})), *events[start:]]


def single(events: Sequence[bytes], head: Json, wanted: Sequence[int]) -> list[bytes]:
    """The lines of a proof of single events, by rising index, under a head of all of these."""
    hashes = [leaf_hash(one) for one in events]
    proofs = [{"index": i, "proof": [h.hex() for h in path(i, hashes)]} for i in wanted]
    return [jcs({"format": PROOF, "head": head, "events": proofs}), *(events[i] for i in wanted)]


def written(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def verify(data: bytes) -> list[tuple[int, Json | None]]:
    """The events of a proof with their indexes; None for one that was pruned. Raises Wrong."""
    must(data.endswith(b"\n"), "the last line has an end")
    first, *lines = data[:-1].split(b"\n")
    must(all(len(line) <= MOST for line in (first, *lines)), "length of a line")
    said = parse(first)
    must(jcs(said) == first and said.get("format") == PROOF, "the first line")
    head = read_statement(base64.b64decode(said["head"]["statement"], validate=True))
    if "events" in said:
        members(said, {"format", "head", "events"})
        indexes = [one["index"] for one in said["events"]]
        must(indexes and indexes == sorted(set(indexes)) and len(lines) == len(indexes), "indexes")
        found = [_line(line, i, head["origin"]) for line, i in zip(lines, indexes, strict=True)]
        for (leaf, _), one in zip(found, said["events"], strict=True):
            hashes = [bytes.fromhex(h) for h in one["proof"]]
            must(_root(leaf, one["index"], head["size"], hashes).hex() == head["root"], "inclusion")
        return [(i, one) for i, (_, one) in zip(indexes, found, strict=True)]
    start, nodes = said["start"], [bytes.fromhex(node) for node in said["nodes"]]
    members(said, {"format", "head", "start", "nodes", *(["before"] if start else [])})
    must(len(nodes) == len(perfect(start)) and start + len(lines) == head["size"], "sizes")
    if start:
        before = read_statement(base64.b64decode(said["before"]["statement"], validate=True))
        must((before["origin"], before["size"]) == (head["origin"], start), "the head before")
        must(_joined(start, nodes, []).hex() == before["root"], "the root of the head before")
    found = [_line(line, i, head["origin"]) for i, line in enumerate(lines, start)]
    must(_joined(start, nodes, [leaf for leaf, _ in found]).hex() == head["root"], "the root of the head")
    return [(i, one) for i, (_, one) in enumerate(found, start)]


def _line(line: bytes, index: int, origin: str) -> tuple[bytes, Json | None]:
    if line.startswith(b'{"pruned":"'):
        leaf = parse(line)["pruned"]
        digest(leaf)
        must(jcs({"pruned": leaf}) == line and index, "a pruned event")
        return bytes.fromhex(leaf), None
    found = read_event(line)
    must((found["kind"] == "records-began") == (index == 0), "the first event")
    must(index or found["origin"] == origin, "the origin")
    return leaf_hash(line), found


def _joined(start: int, nodes: list[bytes], leaves: list[bytes]) -> bytes:
    """The root of a tree whose first leaves are known by perfect subtrees."""
    known = dict(zip(perfect(start), nodes, strict=True))

    def walk(first: int, n: int) -> bytes:
        if (first, n) in known:
            return known[first, n]
        if n == 1:
            return leaves[first - start]
        k = 1 << ((n - 1).bit_length() - 1)
        return hashlib.sha256(b"\x01" + walk(first, k) + walk(first + k, n - k)).digest()

    return walk(0, start + len(leaves))


def _root(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """The root that PATH leads to, RFC 9162 section 2.1.1 read from the top."""
    must(0 <= index < size, "index")
    if size == 1:
        must(not hashes, "a hash too many")
        return leaf
    must(hashes, "a hash too few")
    k = 1 << ((size - 1).bit_length() - 1)
    *rest, last = hashes
    if index < k:
        return sha256(b"\x01" + _root(leaf, index, k, rest) + last)
    return sha256(b"\x01" + last + _root(leaf, index - k, size - k, rest))
