# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note): a text and the signature lines under it.

`parse` decides what is a note, `verify` which of the given keys signed it. The text means nothing before
`verify` has passed. Signatures of keys that were not given are ignored, whatever they are.
"""

from collections.abc import Iterable

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchor import limits
from anchor.encoding import to_base64, unbase64
from anchor.errors import Misuse, Refused
from anchor.tlog import cosignature
from anchor.tlog.keys import (
    COSIGNATURES,
    Algorithm,
    VerifierKey,
    check_name,
    key_from_spki,
    parse_vkey,
)

__all__ = [
    "MAX_NOTE",
    "MAX_SIGNATURES",
    "Algorithm",
    "Note",
    "Signature",
    "Signed",
    "VerifierKey",
    "add",
    "key_from_spki",
    "line",
    "parse",
    "parse_vkey",
    "sign",
    "verify",
]

MAX_NOTE = limits.NOTE
MAX_SIGNATURES = limits.NOTE_SIGNATURES
"""More than the 16 that must be accepted; post-quantum ones of nearly 5 kB each still fit in MAX_NOTE."""

_DASH = "— "
_ALLOWED = bytes([0x0A, *range(0x20, 0x100)])
"""The bytes of a note: no control character of ASCII except the newline."""


class Signature(msgspec.Struct, frozen=True):
    """One signature line. It counts only after it is verified with a key of that name and id."""

    name: str
    key_id: bytes
    payload: bytes


class Note(msgspec.Struct, frozen=True):
    """A parsed note. `text` ends in a newline and excludes the empty line; `raw` is the whole note."""

    raw: bytes
    text: bytes
    signatures: tuple[Signature, ...]


class Signed(msgspec.Struct, frozen=True):
    """A key that signed; `time` is the POSIX time that a cosignature states, else None."""

    key: VerifierKey
    time: int | None


def parse(raw: bytes) -> Note:
    """A note from its bytes; raises Refused. C2SP signed-note, Format."""
    if len(raw) > MAX_NOTE:
        raise Refused(f"{len(raw)} bytes, more than the {MAX_NOTE} of a note", where="note")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Refused(f"byte {e.start} is not UTF-8", where="note") from None
    if control := raw.translate(None, _ALLOWED):
        raise Refused(f"control character 0x{min(control):02x}", where="note")
    cut = raw.rfind(b"\n\n")  # the last empty line; the text itself may have others
    if cut < 0:
        raise Refused("no empty line before the signatures", where="note")
    below = raw[cut + 2 :]
    if not below.endswith(b"\n"):
        raise Refused("does not end in a signature line", where="note")
    if (count := below.count(b"\n")) > MAX_SIGNATURES:
        raise Refused(f"{count} signature lines, more than {MAX_SIGNATURES}", where="note")
    lines = below[:-1].decode().split("\n")
    return Note(raw, raw[: cut + 1], tuple(_signature(text, i) for i, text in enumerate(lines, 1)))


def _signature(text: str, number: int) -> Signature:
    where = f"signature line {number}"
    name, space, encoded = text.removeprefix(_DASH).partition(" ")
    if not text.startswith(_DASH) or not space:
        raise Refused("not an em dash, a name and a signature", where=where)
    check_name(name, where)
    data = unbase64(encoded, where=where)
    if len(data) < 5:
        raise Refused(f"{len(data)} bytes, fewer than a key id and a signature", where=where)
    return Signature(name, data[:4], data[4:])


def verify(note: Note, keys: Iterable[VerifierKey]) -> tuple[Signed, ...]:
    """The keys that signed the note, in the order of its lines, each once; raises Refused if none did.

    Of several cosignatures of one key the earliest is given: nobody signs the order of the lines. A
    failing signature of a known (name, id) rejects the whole note. C2SP signed-note, Signatures.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise Misuse("two keys share a name and an id", where=f"{key.name}+{key.key_id.hex()}")
    found: dict[VerifierKey, Signed] = {}
    for signature in dict.fromkeys(note.signatures):  # anybody can repeat a line
        match = known.get((signature.name, signature.key_id))
        if match is not None:
            signed = Signed(match, _check(match, note.text, signature.payload))
            found[match] = min(found.get(match, signed), signed, key=lambda s: s.time or 0)
    if not found:
        raise Refused("no signature of a known key", where="note", remedy=_whose(note))
    return tuple(found.values())


def _check(key: VerifierKey, text: bytes, payload: bytes) -> int | None:
    if key.algorithm in COSIGNATURES:
        return cosignature.verify(key, text, payload)
    if not key.signed(text, payload):
        raise Refused(f"the signature of {key.name} ({key.key_id.hex()}) does not verify", where="note")
    return None


def _whose(note: Note) -> str:
    names = [f"{s.name} ({s.key_id.hex()})" for s in note.signatures[:3]]
    more = len(note.signatures) - len(names)
    return "it claims " + ", ".join(names) + (f" and {more} more" if more else "")


def line(name: str, key_id: bytes, payload: bytes) -> bytes:
    """One signature line, newline included."""
    check_name(name)
    return f"{_DASH}{name} {to_base64(key_id + payload)}\n".encode()


def sign(text: bytes, name: str, private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """A whole note: `text` (ending in a newline) signed once under `name`."""
    if isinstance(private, Ed25519PrivateKey):
        key = VerifierKey(name, Algorithm.ED25519, private.public_key().public_bytes_raw())
        payload = private.sign(text)
    else:
        spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key = VerifierKey(name, Algorithm.ECDSA, spki)
        payload = private.sign(text, ec.ECDSA(hashes.SHA256()))
    return parse(text + b"\n" + line(name, key.key_id, payload)).raw


def add(raw: bytes, *lines: bytes) -> bytes:
    """The note with signature lines added below those it has."""
    return parse(parse(raw).raw + b"".join(lines)).raw
