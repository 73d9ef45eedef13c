# SPDX-License-Identifier: Apache-2.0
"""Decisions of a witness about `add-checkpoint` (C2SP tlog-witness): an answer, and what it holds then.

A proof starts from the root that the witness holds, never from one that the request brings. The statuses come
in the order of the specification: 404, 403, 400, 409, 422, 200. A log that signed two histories is shown by
its own signatures, so the decision also gives evidence. Nothing here is stored or sent: whoever calls must
store what is to be held, durably and only if it held the same before, and send the answer after that.
"""

from collections.abc import Iterable, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchor.errors import AnchorError, Refused
from anchor.merkle import EMPTY_ROOT
from anchor.merkle.proof import verify_consistency
from anchor.tlog import add_checkpoint, checkpoint, cosignature, evidence, note
from anchor.tlog.add_checkpoint import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    OK,
    UNPROCESSABLE,
    Request,
)
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.keys import VerifierKey

TEXT = "text/plain; charset=utf-8"
MAX_TEXT = 64 << 10
"""Bytes of a checkpoint without its signatures. The log chooses its extension lines, and they are stored."""
CLOCK_STEP = 300
"""Seconds by which the clock of the witness may go back: a cosignature is then dated as the one before."""
_OWN_LINES = 4
"""Lines of a note under a key of ours that are verified: a stranger can write any number of them."""


class Signer(msgspec.Struct, frozen=True):
    """A private key of the witness, and the name under which it cosigns."""

    name: str
    private: Ed25519PrivateKey | MLDSA44PrivateKey

    @property
    def key(self) -> VerifierKey:
        """The key that others know."""
        return cosignature.cosigner(self.name, self.private.public_key())


class Held(msgspec.Struct, frozen=True):
    """The tree of a log that a witness cosigned last, and how the log signed it.

    `root` has 32 bytes; `note` is the checkpoint with the log's signatures only, `lines` are the signature
    lines of the witness, and `time` is the POSIX time in seconds that they state.
    """

    size: int
    root: bytes
    note: bytes
    lines: bytes
    time: int

    @property
    def cosigned(self) -> bytes:
        """The latest cosigned checkpoint, for monitors."""
        return self.note + self.lines


class Submission(msgspec.Struct, frozen=True):
    """A request that could be read, nothing of it verified."""

    request: Request
    checkpoint: Checkpoint

    @property
    def origin(self) -> str:
        return self.checkpoint.origin


class Decision(msgspec.Struct, frozen=True):
    """The answer, and what follows from it.

    `held` is to be stored before the answer leaves; None if it stays. `grows` is True if the cosigned tree is
    larger than the one before. `refused` is a note that the log signed and that does not fit: alone it proves
    nothing. `evidence` is a file of `tlog.evidence`. `returned` is the note with a cosignature of ours that
    is not remembered: the store was rolled back, or the keys are used elsewhere.
    """

    status: int
    body: bytes
    kind: str = TEXT
    held: Held | None = None
    grows: bool = False
    refused: bytes | None = None
    evidence: bytes | None = None
    returned: bytes | None = None


def parse(body: bytes) -> Submission:
    """The request in a body, with its checkpoint. Raises `Refused`: the answer is `malformed`."""
    request = add_checkpoint.parse(body)
    found = checkpoint.read(request.checkpoint)
    if len(found.note.text) > MAX_TEXT:
        raise Refused(f"{len(found.note.text)} bytes, more than {MAX_TEXT}", where="checkpoint text")
    return Submission(request, found)


def malformed(error: AnchorError) -> Decision:
    """The answer to a request that cannot be read."""
    return _no(BAD_REQUEST, str(error))


def decide(
    submission: Submission,
    keys: Sequence[VerifierKey],
    held: Held | None,
    *,
    signers: Sequence[Signer],
    now: int,
) -> Decision:
    """The decision at POSIX time `now`.

    `keys` are the log's, none for an origin that is not in the list; no two of them share name and id. `held`
    is what the witness holds of this origin, None if it never cosigned it.
    """
    found, request = submission.checkpoint, submission.request
    if not keys:
        return _no(NOT_FOUND, "a log that this witness does not know")
    try:
        note.verify(found.note, keys)
    except AnchorError:
        return _no(FORBIDDEN, "not signed by a key of this log")
    if request.old > found.size:
        return _no(BAD_REQUEST, f"old size {request.old} is larger than the checkpoint's {found.size}")
    log_note = only(found, keys)
    returned = signed_before(found, log_note, held, signers)
    decision = _answer(request, found, log_note, returned or held, signers, now)
    if returned is not None and decision.held is None:
        decision = msgspec.structs.replace(decision, held=returned)
    if decision.status == OK and returned is None:
        return decision
    return msgspec.structs.replace(
        decision,
        returned=returned.cosigned if returned else _contradicting(found, log_note, held, signers),
        evidence=_evidence(request, found, log_note, held, keys),
    )


def _answer(
    request: Request,
    found: Checkpoint,
    log_note: bytes,
    held: Held | None,
    signers: Sequence[Signer],
    now: int,
) -> Decision:
    """The answer to a checkpoint that the log signed."""
    known = held.size if held else 0
    if request.old != known:
        return Decision(CONFLICT, add_checkpoint.encode_size(known), add_checkpoint.SIZE_TYPE)
    try:
        _check_growth(request, found, held)
        lines, time = _cosign(found, signers, now, held)
    except Refused as e:
        return msgspec.structs.replace(_no(UNPROCESSABLE, str(e)), refused=log_note)
    after = Held(found.size, found.root, log_note, lines, time)
    return Decision(OK, lines, held=after, grows=held is None or found.size > known)


def _check_growth(request: Request, found: Checkpoint, held: Held | None) -> None:
    """Raise `Refused` if the tree of the checkpoint is not the held one, grown."""
    if found.size == 0 and found.root != EMPTY_ROOT:
        raise Refused("the root of an empty tree is SHA-256 of nothing", where="root hash")
    if held is None or held.size == 0:
        if request.proof:
            raise Refused("a proof from an empty tree has no hashes", where="consistency proof")
        return
    verify_consistency(held.size, found.size, request.proof, held.root, found.root)


def _cosign(found: Checkpoint, signers: Sequence[Signer], now: int, held: Held | None) -> tuple[bytes, int]:
    """The signature lines of the witness, and their time.

    The time does not go back with the clock by up to `CLOCK_STEP`. A longer way back is a clock that was
    wrong before: then the present time is right, whatever was signed.
    """
    time = max(now, held.time) if held and held.time - now <= CLOCK_STEP else now
    lines = []
    for signer in signers:
        key, payload = cosignature.cosign(found.note.text, signer.name, signer.private, time)
        lines.append(note.line(signer.name, key.key_id, payload))
    return b"".join(lines), time


def only(found: Checkpoint, keys: Iterable[VerifierKey]) -> bytes:
    """The note of a checkpoint with the signatures of these keys only, as a stranger added them or not."""
    wanted = {(key.name, key.key_id) for key in keys}
    kept = dict.fromkeys(s for s in found.note.signatures if (s.name, s.key_id) in wanted)
    return found.note.text + b"\n" + b"".join(note.line(s.name, s.key_id, s.payload) for s in kept)


# A store that was rolled back


def own_cosignatures(found: Checkpoint, signers: Sequence[Signer]) -> tuple[bytes, int]:
    """The lines of the note that the witness made itself, and the latest time of them; no lines and 0 if
    there are none. A cosignature without a time says nothing about the largest tree, and does not count."""
    lines, latest = b"", 0
    for signer in signers:
        key = signer.key
        under = [s for s in found.note.signatures if (s.name, s.key_id) == (key.name, key.key_id)]
        for signature in under[:_OWN_LINES]:
            try:
                time = cosignature.verify(key, found.note.text, signature.payload)
            except Refused:
                continue
            if time:
                lines += note.line(key.name, key.key_id, signature.payload)
                latest = max(latest, time)
                break
    return lines, latest


def signed_before(
    found: Checkpoint, log_note: bytes, held: Held | None, signers: Sequence[Signer]
) -> Held | None:
    """The tree that the note itself proves to be the later one: larger than `held`, cosigned by this witness.

    `found` is of a log that signed it, and `log_note` is the note with the signatures of the log only.
    It cosigned only what grew from what it held. So the larger tree is the later one, and the store was
    rolled back. To hold the smaller one any longer would be to cosign another history.
    """
    if held is not None and found.size <= held.size:
        return None
    lines, time = own_cosignatures(found, signers)
    return Held(found.size, found.root, log_note, lines, time) if lines else None


def _contradicting(
    found: Checkpoint, log_note: bytes, held: Held | None, signers: Sequence[Signer]
) -> bytes | None:
    """The note with our cosignature of another root of the held size, if it bears one."""
    if held is None or found.size != held.size or found.root == held.root:
        return None
    lines, _ = own_cosignatures(found, signers)
    return log_note + lines if lines else None


# Evidence


def _evidence(
    request: Request, found: Checkpoint, log_note: bytes, held: Held | None, keys: Sequence[VerifierKey]
) -> bytes | None:
    """Evidence that the held checkpoint and this one contradict each other; None if that is not shown.

    For a larger tree the log's own proof shows it, if its hashes rebuild the root of the larger tree. A proof
    from a size that is a power of two leaves out its first hash, and shows nothing then.
    """
    if held is None or held.size == 0 or found.root == held.root:
        return None
    if found.size == held.size:
        return contradiction(keys, held.note, log_note)
    if found.size > held.size and request.old == held.size:
        return contradiction(keys, held.note, log_note, request.proof)
    return None


def contradiction(
    keys: Iterable[VerifierKey], one: bytes, other: bytes, nodes: tuple[bytes, ...] = ()
) -> bytes | None:
    """A file of evidence by one of these keys, which signed both notes; None if there is no contradiction."""
    try:
        first, second = checkpoint.parse(one), checkpoint.parse(other)
    except Refused:
        return None
    if first.size != second.size and not nodes:  # nothing is verified that cannot contradict
        return None
    for key in keys:
        try:
            return evidence.build(Log(first.origin, key), first, second, nodes)
        except AnchorError:
            continue
    return None


def _no(status: int, reason: str) -> Decision:
    return Decision(status, f"{reason}\n".encode())
