# SPDX-License-Identifier: Apache-2.0
"""Requests to a witness: `add-checkpoint` of a `SimLog`, honest or not, and the keys of the witness."""

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchor import merkle
from anchor.tlog import add_checkpoint, checkpoint, note
from anchor.tlog.add_checkpoint import Request
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.keys import VerifierKey
from anchor.tlog.witnessing import Signer
from tests.support.logs.simlog import SimLog, key

NAME = "witness.example/w1"
ED25519 = Signer(NAME, key(1000))
ML_DSA = Signer(NAME, MLDSA44PrivateKey.from_seed_bytes(b"\x07" * 32))


def proof(log: SimLog, old: int, size: int | None = None) -> tuple[bytes, ...]:
    """The consistency proof that an honest log sends: no hashes from size 0, and none to the same size."""
    size = log.size if size is None else size
    if not 0 < old < size:
        return ()
    return tuple(merkle.consistency_proof(log.tree.levels[0][:size], old))


def body(
    log: SimLog,
    old: int,
    size: int | None = None,
    *,
    hashes: tuple[bytes, ...] | None = None,
    signed: bytes | None = None,
) -> bytes:
    """The body of a request; `hashes` and `signed` take the place of the honest ones."""
    sent = proof(log, old, size) if hashes is None else hashes
    return add_checkpoint.encode(Request(old, sent, log.sign(size) if signed is None else signed))


def cosigned(checkpoint_: bytes, lines: bytes, *keys: VerifierKey) -> Checkpoint:
    """The checkpoint with these lines, every one of which must be by one of `keys`."""
    raw = checkpoint_ + lines
    found = checkpoint.parse(raw)
    signed = note.verify(found.note, keys)
    assert len(signed) == lines.count(b"\n") == len(keys)
    return found
