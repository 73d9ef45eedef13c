# SPDX-License-Identifier: Apache-2.0
"""A proof of runs: events of a history, and the proof that an anchored head has them.

FORMAT.md section 29.4. Decides whether lines are such a proof, and whether its events are those of the heads
that it names. Bundles are kept as the JSON objects that they are: who signed the heads is decided elsewhere.
"""

from collections.abc import Container, Iterable, Iterator
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from anchor import limits
from anchor.encoding import is_jcs, jcs, parse_own_json, unbase64, unhex
from anchor.errors import Refused, Unsupported
from anchor.format import history_events, history_head
from anchor.format.history_events import AnyEvent, RecordsBegan
from anchor.format.history_head import Head
from anchor.format.strict_json import build
from anchor.merkle.hashing import HASH_SIZE, leaf_hash
from anchor.merkle.proof import verify_inclusion
from anchor.merkle.ranges import fold, perfect_nodes
from anchor.merkle.tree import Accumulator

FORMAT: Final = "urn:ledger-anchor:history-proof:v1"
MAX_LINE = history_events.MAX_EVENT
"""Bytes of a line, without its end."""
MAX_EVENTS = limits.HISTORY_EVENTS
_PRUNED: Final = b'{"pruned":"'

Index = Annotated[int, Meta(ge=0, le=MAX_EVENTS)]
JsonObject = dict[str, Any]


class SignedHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The statement of an anchored head, and the bundles that sign it."""

    statement: str
    """Base64."""
    bundles: Annotated[tuple[JsonObject, ...], Meta(min_length=1, max_length=limits.ANCHORS)]


class ProvenEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event that is proven by itself: its index, and its inclusion proof in hex."""

    index: Index
    proof: Annotated[tuple[str, ...], Meta(max_length=64)]


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first line. A complete proof has `start` and `nodes`; a proof of single events has `events`."""

    format: Literal["urn:ledger-anchor:history-proof:v1"]
    head: SignedHead
    before: SignedHead | UnsetType = UNSET
    start: Index | UnsetType = UNSET
    nodes: Annotated[tuple[str, ...], Meta(max_length=64)] | UnsetType = UNSET
    events: Annotated[tuple[ProvenEvent, ...], Meta(min_length=1)] | UnsetType = UNSET

    @property
    def complete(self) -> bool:
        """True if no event between the two heads may be missing."""
        return self.start is not UNSET


class Line(NamedTuple):
    """A proven event. `event`: None if it was pruned. `root`: over all events up to this one, 32 bytes, where
    it was asked for."""

    leaf_index: int
    event: AnyEvent | None
    root: bytes | None = None


def encode(header: Header) -> bytes:
    """The first line, without its end: RFC 8785."""
    return jcs(msgspec.to_builtins(header), where="proof")


def pruned(leaf: bytes) -> bytes:
    """The line of an event that was pruned; `leaf` is its leaf hash, 32 bytes."""
    return _PRUNED + leaf.hex().encode() + b'"}'


def parse(line: bytes, *, where: str = "proof") -> Header:
    """The first line of a proof. Raises Refused for other bytes, Unsupported for another version."""
    if len(line) > MAX_LINE:
        raise Refused(f"more than {MAX_LINE} bytes in its first line", where=where)
    value = parse_own_json(line, where=where)
    if isinstance(value, dict) and isinstance(value.get("format"), str) and value["format"] != FORMAT:
        error = Unsupported if value["format"].startswith(FORMAT.rpartition(":")[0]) else Refused
        raise error("is no proof of runs that is known here", where=f"{where}: format")
    if not is_jcs(value, line, where=where):
        raise Refused("the first line is not its own canonical form (RFC 8785)", where=where)
    header = build(value, Header, where=where)
    single, whole = header.events is not UNSET, header.nodes is not UNSET
    if single == header.complete or whole != header.complete:
        raise Refused("has neither start and nodes, nor events", where=where)
    if single and header.before is not UNSET:
        raise Refused("of single events has no head before", where=where)
    if header.complete and (header.before is UNSET) != (header.start == 0):
        raise Refused("begins with the first event, or has a head before", where=where)
    if header.events is not UNSET:
        for one, after in pairwise(header.events):
            if after.index <= one.index:
                raise Refused(f"{after.index} stands behind {one.index}", where=f"{where}: events")
    return header


def head_of(signed: SignedHead, *, where: str) -> tuple[Head, bytes]:
    """The head that a signed statement states, and the bytes of the statement. Raises Refused."""
    data = unbase64(signed.statement, where=where)
    return history_head.decode(data), data


def check_heads(header: Header) -> tuple[Head, Head | None]:
    """The head, and the one before it. Raises Refused unless they are of one history and fit the header."""
    head, _ = head_of(header.head, where="proof: head")
    if header.before is UNSET:
        return head, None
    before, _ = head_of(header.before, where="proof: before")
    if before.origin != head.origin:
        raise Refused(f"is of {before.origin}, not {head.origin}", where="proof: before")
    if before.size != header.start or before.size > head.size:
        raise Refused(
            f"has {before.size} events, and the proof begins at {header.start}", where="proof: before"
        )
    return head, before


def events(header: Header, lines: Iterable[bytes], *, sizes: Container[int] = ()) -> Iterator[Line]:
    """The events of the lines after the first one, each with its index, in order.

    `sizes`: the numbers of events whose roots are wanted, of a complete proof. It is proven only when the
    iterator ends. Raises Refused for a line that is no event, that is missing or too many, and if the events
    are not those of the heads.
    """
    head, before = check_heads(header)
    if header.complete:
        yield from _complete(header, head, before, lines, sizes)
    else:
        yield from _single(header, head, lines)


def _complete(
    header: Header, head: Head, before: Head | None, lines: Iterable[bytes], sizes: Container[int]
) -> Iterator[Line]:
    assert header.start is not UNSET
    assert header.nodes is not UNSET
    start = int(header.start)
    nodes = [unhex(one, size=HASH_SIZE, where="proof: nodes") for one in header.nodes]
    if len(nodes) != len(perfect_nodes(0, start)):
        raise Refused(f"are not the {len(perfect_nodes(0, start))} of {start} events", where="proof: nodes")
    if before is not None and fold(nodes).hex() != before.root:
        raise Refused("do not give the root of the head before", where="proof: nodes")
    tree = Accumulator.resume(start, nodes)
    for line in lines:
        index = tree.size()
        if index >= head.size:
            raise Refused(f"has more events than the head, which has {head.size}", where="proof")
        leaf, event = _line(line, index)
        _check_first(index, event, head.origin)
        tree.add(leaf)
        yield Line(index, event, tree.root() if index + 1 in sizes else None)
    if tree.size() != head.size:
        raise Refused(f"ends after {tree.size()} of {head.size} events", where="proof")
    if tree.root().hex() != head.root:
        raise Refused(
            "the events do not give the root of the head: one was changed, added or left out", where="proof"
        )


def _single(header: Header, head: Head, lines: Iterable[bytes]) -> Iterator[Line]:
    assert header.events is not UNSET
    stream = iter(lines)
    for said in header.events:
        line = next(stream, None)
        if line is None:
            raise Refused(f"has no line for event {said.index}", where="proof")
        leaf, event = _line(line, said.index)
        _check_first(said.index, event, head.origin)
        path = [unhex(one, size=HASH_SIZE, where=f"proof: event {said.index}") for one in said.proof]
        verify_inclusion(leaf, said.index, head.size, path, bytes.fromhex(head.root))
        yield Line(said.index, event)
    if next(stream, None) is not None:
        raise Refused("has more lines than its first one names", where="proof")


def _check_first(index: int, event: AnyEvent | None, origin: str) -> None:
    """The first event, and only the first, begins the history with the origin that the head names."""
    began = isinstance(event, RecordsBegan)
    if began != (index == 0):
        problem = "does not begin a history" if index == 0 else "begins a history that has begun already"
        raise Refused(problem, where=f"proof: event {index}")
    if isinstance(event, RecordsBegan) and event.origin != origin:
        raise Refused("begins another history than that of the head", where=f"proof: event {index}")


def _line(line: bytes, index: int) -> tuple[bytes, AnyEvent | None]:
    """Leaf hash and event of a line."""
    where = f"proof: event {index}"
    if len(line) > MAX_LINE:
        raise Refused(f"more than {MAX_LINE} bytes in one line", where=where)
    if line.startswith(_PRUNED):
        text = line[len(_PRUNED) : -2].decode("ascii", "replace")
        leaf = unhex(text, size=HASH_SIZE, where=where)
        if line != pruned(leaf):
            raise Refused("is no line of a pruned event", where=where)
        return leaf, None
    return leaf_hash(line), history_events.decode(line, where=where)
