# SPDX-License-Identifier: Apache-2.0
"""The statement of a head of a history: how many events it had, and the root over them.

Decides whether bytes are such a statement in its one canonical form, and whether two of them contradict each
other. Who signed it and when is decided elsewhere. FORMAT.md section 29.3.
"""

import base64
import hashlib
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from anchor import limits
from anchor.encoding import is_jcs, jcs, parse_json
from anchor.errors import Refused, Unsupported
from anchor.format import names
from anchor.format.members import Count, Digests, Hex32
from anchor.format.strict_json import build

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:ledger-anchor:history:v1"
SUBJECT: Final = "checkpoint"
"""The name of its one subject."""

Origin = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": names.MAX_NAME})]


class Before(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The head that was anchored before; `statement` is the SHA-256 of its statement bytes, in hex."""

    size: Count
    root: Hex32
    statement: Hex32


class Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content that is signed."""

    origin: Origin
    size: Count
    root: Hex32
    previous: Before | UnsetType = UNSET


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The checkpoint of the head, so that ordinary Sigstore tools can verify the statement."""

    name: Literal["checkpoint"]
    digest: Digests


class Statement(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"type": "_type", "predicate_type": "predicateType"},
):
    """An in-toto Statement v1 with a head as its predicate."""

    type: Literal["https://in-toto.io/Statement/v1"]
    subject: Annotated[tuple[Subject, ...], Meta(min_length=1, max_length=1)]
    predicate_type: Literal["urn:ledger-anchor:history:v1"]
    predicate: Predicate


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A head of a history: its origin, the number of its events, and the root over them in hex."""

    origin: str
    size: int
    root: str
    previous: Before | None = None


def checkpoint(origin: str, size: int, root: str) -> bytes:
    """The three lines of a head's checkpoint (C2SP tlog-checkpoint); `root` is hex."""
    return f"{origin}\n{size}\n{base64.b64encode(bytes.fromhex(root)).decode()}\n".encode()


def following(origin: str, size: int, root: str, before: bytes | None) -> Head:
    """The head to anchor after the one whose statement has these bytes; None for the first."""
    if before is None:
        return Head(origin=origin, size=size, root=root)
    last = decode(before)
    digest = hashlib.sha256(before).hexdigest()
    previous = Before(size=last.size, root=last.root, statement=digest)
    return Head(origin=origin, size=size, root=root, previous=previous)


def encode(head: Head) -> bytes:
    """The one form of a statement: its RFC 8785 (JCS) bytes. These are what is signed."""
    digest = hashlib.sha256(checkpoint(head.origin, head.size, head.root)).hexdigest()
    written = Statement(
        type=STATEMENT_TYPE,
        subject=(Subject(name=SUBJECT, digest=Digests(sha256=digest)),),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            origin=head.origin, size=head.size, root=head.root, previous=head.previous or UNSET
        ),
    )
    data = jcs(msgspec.to_builtins(written), where="head")
    decode(data)
    return data


def is_head(data: bytes) -> bool:
    """True if JSON bytes name our predicate type. Nothing else of them is checked."""
    value = parse_json(data, where="statement")
    return isinstance(value, dict) and value.get("predicateType") == PREDICATE_TYPE


def decode(data: bytes) -> Head:
    """The head that these bytes are.

    Raises `Refused` for what is malformed, contradicts itself or is not its own canonical form, `Unsupported`
    for a type that this program does not know.
    """
    if type(data) is not bytes or len(data) > limits.STATEMENT:
        raise Refused(f"no bytes, or more than {limits.STATEMENT}", where="head")
    value = parse_json(data, where="head")
    if not is_jcs(value, data, where="head"):
        raise Refused("the bytes are not their own canonical form (RFC 8785)", where="head")
    if not isinstance(value, dict):
        raise Refused("no JSON object", where="head")
    for member, known in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if isinstance(value.get(member), str) and value[member] != known:
            raise Unsupported(f"{names.shown(value[member])} is not known", where=f"head: {member}")
    found = build(value, Statement, where="head")
    _check(found)
    said = found.predicate
    return Head(origin=said.origin, size=said.size, root=said.root, previous=said.previous or None)


def _check(found: Statement) -> None:
    said = found.predicate
    names.require(names.name_problem(said.origin), said.origin, where="head: origin")
    names.require(names.hex_problem(said.root), said.root, where="head: root")
    wanted = hashlib.sha256(checkpoint(said.origin, said.size, said.root)).hexdigest()
    if found.subject[0].digest.sha256 != wanted:
        raise Refused("is not the digest of this head's checkpoint", where="head: subject")
    if said.previous:
        names.require(names.hex_problem(said.previous.root), said.previous.root, where="head: previous.root")
        digest = said.previous.statement
        names.require(names.hex_problem(digest), digest, where="head: previous.statement")
        if said.previous.size > said.size:
            raise Refused(f"{said.previous.size} is more than {said.size}", where="head: previous.size")


def contradiction(one: bytes, two: bytes, *, grown: bool = False) -> str:
    """The sentence by which two signed heads of one history contradict each other; "" if they do not.

    Both are bytes that `decode` takes. A history has one root at one size, and one head after another.
    `grown`: a proof shows that the tree of one begins that of the other.
    """
    if one == two:
        return ""
    mine, theirs = decode(one), decode(two)
    if mine.origin != theirs.origin:
        return ""
    if mine.size == theirs.size and mine.root != theirs.root:
        return f"two roots of {mine.origin} at {mine.size} events"
    if mine.previous == theirs.previous and not grown:
        return f"two heads of {mine.origin} follow the same one"
    known = {(h.previous.statement, h.previous.size, h.previous.root) for h in (mine, theirs) if h.previous}
    for data, head in ((one, mine), (two, theirs)):
        digest = hashlib.sha256(data).hexdigest()
        for statement, size, root in known:
            if statement == digest and (size, root) != (head.size, head.root):
                return f"a head of {mine.origin} names the one before it with another size or root"
    return ""
