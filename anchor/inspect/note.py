# SPDX-License-Identifier: Apache-2.0
"""Signed notes, checkpoints, tlog-proofs and verifier keys in words (C2SP). Verifies nothing."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from anchor import log_kinds, regex
from anchor.encoding import unbase64
from anchor.errors import AnchorError
from anchor.inspect.fields import Description, Field, Rule, bound, field, unbound, under
from anchor.tlog import checkpoint, note, tlog_proof
from anchor.tlog.keys import parse_vkey
from anchor.verify import independence
from anchor.words import several

DASH = "— "
_SIZE = regex.expression(r"[0-9]{1,20}", re.ASCII)
_VKEY = regex.expression(rb"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+\n?")
_MOST_LINES = 200

TEXT = bound("the log's signature over the note's text")
EXTENSION = bound(
    "the log's signature over the note's text; what an extension means is nobody's promise here"
)
HINT = unbound("a hint for finding the key; keys are configured and compared whole")
OWN = bound("it is the log's own signature: checked with the key that you trust, over the whole text")
OTHERS = unbound("of a key that is not the log's: ignored, unless your witness policy names the key")
TIME = unbound(
    "when a witness says that it saw this; bound by its cosignature if your witness policy names it"
)
PROOF_INDEX = bound("the proof: only this place in a tree of the checkpoint's size leads to its root")
PROOF_HASH = bound("the proof: each hash leads from the entry to the checkpoint's root")
EXTRA = unbound("authenticated by nothing; it may help to find the entry, never to believe it")
VKEY = {
    "name": unbound("the name that you know the key by"),
    "key id": unbound("a hint, recomputed from name and key when it is read"),
    "key": unbound("whether it is the right key, you must know from elsewhere"),
}


def is_note(text: str) -> bool:
    """True if it looks like a signed note: a text, an empty line, signature lines."""
    return f"\n\n{DASH}" in text


def read_note(text: str) -> Description:
    """A signed note, a checkpoint if its text is one."""
    problem, kind = "", "signed note"
    try:
        note.parse(text.encode())
        kind = "signed note"
        checkpoint.parse(text.encode())
        kind = "checkpoint"
    except AnchorError as e:
        problem = str(e)
    if kind == "signed note" and _like_checkpoint(text):
        kind = "checkpoint"
    elif kind == "signed note" and problem.startswith("checkpoint"):
        problem = ""  # a well-formed note that is not about a tree
    lines = text.rpartition("\n\n")[2].count("\n")
    words, notes = f"signed by {several(lines, 'line')}", tuple[str, ...]()
    if kind == "checkpoint":
        origin, size = text.split("\n", 2)[:2]
        words = f"{origin} says that its tree has {size} {'entry' if size == '1' else 'entries'}; {words}"
        notes = independence.claimed(origin)
    return Description(kind, words, fields(text), problem, notes)


def _like_checkpoint(text: str) -> bool:
    lines = text.partition("\n\n")[0].split("\n")
    return len(lines) >= 3 and _SIZE.fullmatch(lines[1]) is not None


def fields(text: str, at: str = "", *, log_id: bytes = b"") -> Iterator[Field]:
    """The lines of a note. `log_id`: the log's id where something else names it; else the name decides."""
    body, _, below = text.rpartition("\n\n")
    names = ["origin", "size", "root"] if _like_checkpoint(text) else []
    lines = body.split("\n")
    for i, line in enumerate(islice(lines, _MOST_LINES)):
        name = names[i] if i < len(names) else f"extension[{i - 3}]" if names else f"line[{i}]"
        yield field(under(at, name), line, EXTENSION if name.startswith("ext") else TEXT)
    signatures = below.removesuffix("\n").split("\n")
    for i, line in enumerate(islice(signatures, _MOST_LINES)):
        yield from _signature(line, f"signature[{i}]", at, lines[0], log_id)


def _signature(line: str, name: str, at: str, origin: str, log_id: bytes) -> Iterator[Field]:
    try:
        key_name, _, encoded = line.removeprefix(DASH).partition(" ")
        data = unbase64(encoded)
    except AnchorError as e:
        yield field(under(at, name), line, unbound(f"no signature line, so the note is malformed: {e}"))
        return
    key_id, payload = data[:4], data[4:]
    own = key_id == log_id[:4] if log_id else key_name in (origin, log_kinds.log_name(origin))
    yield field(under(at, f"{name}.name"), key_name, HINT)
    yield field(under(at, f"{name}.key id"), key_id.hex(), HINT)
    yield field(under(at, f"{name}.signature"), payload.hex(), OWN if own else OTHERS)
    if not own and len(payload) > 64:
        time = int.from_bytes(payload[:8], "big")
        yield field(under(at, f"{name}.time, if it is a cosignature"), time, TIME)


def is_proof(data: bytes) -> bool:
    """True if it begins like a tlog-proof."""
    return data.startswith(tlog_proof.MAGIC.encode() + b"\n")


def read_proof(text: str) -> Description:
    """A tlog-proof: `c2sp.org/tlog-proof@v1`."""
    problem, sentence = "", "a proof that an entry is in a log"
    try:
        found = tlog_proof.parse(text.encode())
        hashes = several(len(found.hashes), "hash")
        sentence = f"a proof by {hashes} that some entry is number {found.index} of a log"
    except AnchorError as e:
        problem = str(e)
    return Description("tlog-proof", sentence, _proof(text), problem)


def _proof(text: str) -> Iterator[Field]:
    head, _, signed = text.partition("\n\n")
    lines = head.split("\n")
    yield field("format", lines[0], unbound("says how to read the file"))
    count = 0
    for line in islice(lines[1:], tlog_proof.MAX_HASHES + 3):
        if line.startswith("extra "):
            yield field("extra", line.removeprefix("extra "), EXTRA)
        elif line.startswith("index "):
            yield field("index", line.removeprefix("index "), PROOF_INDEX)
        else:
            yield field(f"hash[{count}]", line, PROOF_HASH)
            count += 1
    yield from fields(signed, "checkpoint")


def is_vkey(data: bytes) -> bool:
    """True if it is one verifier key."""
    return len(data) < 1 << 14 and _VKEY.fullmatch(data) is not None


def read_vkey(text: str) -> Description:
    """A verifier key, `name+hash+base64`."""
    try:
        key = parse_vkey(text.strip())
    except AnchorError as e:
        return Description(
            "verifier key", "a key that cannot be used", [field("key", text.strip(), VKEY["key"])], str(e)
        )
    sentence = f"the {key.algorithm.name} key that {key.name} signs notes with"
    return Description("verifier key", sentence, vkey_fields(text.strip()))


def vkey_fields(text: str, at: str = "", rules: dict[str, Rule] | None = None) -> Iterable[Field]:
    """The parts of a verifier key."""
    name, _, rest = text.partition("+")
    digest, _, key = rest.partition("+")
    rules = rules or VKEY
    return [
        field(under(at, label), value, rules[label])
        for label, value in (("name", name), ("key id", digest), ("key", key))
    ]
