# SPDX-License-Identifier: Apache-2.0
"""The messages of C2SP tlog-witness: what a log sends to a witness, and what the witness answers.

A request names the size that the witness has cosigned last, proves the growth from there, and carries the
checkpoint. Reads and writes the messages; what a witness decides, and what a log believes, is not here.
"""

import msgspec

from anchor import limits
from anchor.encoding import decimal, to_base64, unbase64
from anchor.errors import Refused
from anchor.merkle.hashing import HASH_SIZE
from anchor.tlog import note as notes
from anchor.tlog.note import Signature

PATH = "/add-checkpoint"
"""After the submission prefix of a witness. The request is a POST."""
MAX_PROOF = 63
"""Hashes of a consistency proof that a request may have."""
MAX_REQUEST = limits.ADD_CHECKPOINT
MAX_ANSWER = limits.COSIGNATURES
SIZE_TYPE = "text/x.tlog.size"
"""The media type of a 409 answer that names the size which the witness has."""
OK, BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE = 200, 400, 403, 404, 409, 422
"""The HTTP statuses of an answer that have a meaning here."""
_TEXT = b"-\n"


class Request(msgspec.Struct, frozen=True):
    """One `add-checkpoint`: `old` is a tree size, `proof` has hashes of 32 bytes, `checkpoint` is a note."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes


def encode(request: Request) -> bytes:
    """The body of a request. Raises `Refused` for a proof that no witness would read."""
    if len(request.proof) > MAX_PROOF:
        raise Refused(f"{len(request.proof)} hashes, more than {MAX_PROOF}", where="consistency proof")
    lines = [f"old {request.old}", *map(to_base64, request.proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + request.checkpoint


def parse(body: bytes) -> Request:
    """A request from its body; the checkpoint is not looked at. Raises `Refused`. C2SP tlog-witness."""
    if len(body) > MAX_REQUEST:
        raise Refused(f"{len(body)} bytes, more than {MAX_REQUEST}", where="request")
    head, blank, checkpoint = body.partition(b"\n\n")
    if not blank:
        raise Refused("no empty line before the checkpoint", where="request")
    first, *proof = head.split(b"\n", MAX_PROOF + 1)
    if len(proof) > MAX_PROOF:
        raise Refused(f"more than {MAX_PROOF} lines", where="consistency proof")
    word, space, size = first.partition(b" ")
    if (word, space) != (b"old", b" "):
        raise Refused("the first line is not 'old' and a size", where="request")
    hashes = tuple(
        unbase64(_ascii(line), size=HASH_SIZE, where=f"consistency proof line {number}")
        for number, line in enumerate(proof, 1)
    )
    return Request(decimal(_ascii(size), where="old size"), hashes, checkpoint)


def encode_size(size: int) -> bytes:
    """The body of a 409 answer: the size of the latest cosigned checkpoint."""
    return b"%d\n" % size


def parse_size(body: bytes) -> int:
    """The size that a 409 answer names. Raises `Refused`."""
    if not body.endswith(b"\n"):
        raise Refused("does not end in a newline", where="size of the witness")
    return decimal(_ascii(body[:-1]), where="size of the witness")


def parse_cosignatures(body: bytes) -> tuple[Signature, ...]:
    """The signature lines of a 200 answer, none of them verified. Raises `Refused`."""
    if len(body) > MAX_ANSWER:
        raise Refused(f"{len(body)} bytes, more than {MAX_ANSWER}", where="cosignatures")
    found = notes.parse(_TEXT + b"\n" + body)  # a note is the one place where such lines are read
    if found.text != _TEXT:
        raise Refused("an empty line", where="cosignatures")
    return found.signatures


def _ascii(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace")
