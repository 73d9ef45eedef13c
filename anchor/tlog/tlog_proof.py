# SPDX-License-Identifier: Apache-2.0
"""Offline proofs that an entry is in a log (C2SP tlog-proof): the `.tlog-proof` file.

Decides whether a leaf is in the tree of a checkpoint that a known log signed and a quorum cosigned. The extra
data is authenticated by nothing: it may help to find the leaf, never to believe it.
"""

from collections.abc import Sequence

import msgspec

from anchor.encoding import decimal, to_base64, unbase64
from anchor.errors import Refused
from anchor.merkle.hashing import HASH_SIZE, MAX_SIZE
from anchor.merkle.proof import verify_inclusion
from anchor.tlog import witness_policy
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.note import MAX_NOTE
from anchor.tlog.witness_policy import Quorum, WitnessPolicy

MAGIC = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
"""An inclusion proof in a tree of at most 2^63-1 leaves."""
MAX_EXTRA = 1 << 20
MAX_PROOF_FILE = MAX_NOTE + 2 * MAX_EXTRA

_EXTRA = b"extra "
_INDEX = b"index "


class TlogProof(msgspec.Struct, frozen=True):
    """A parsed proof, nothing of it verified. `checkpoint` is the signed note verbatim."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


class Proven(msgspec.Struct, frozen=True):
    """The result of a proof: this leaf is number `index` of the checkpoint's tree."""

    index: int
    checkpoint: Checkpoint
    quorum: Quorum


def parse(data: bytes) -> TlogProof:
    """A proof from its bytes; raises Refused. What is accepted serialises to the same bytes."""
    if len(data) > MAX_PROOF_FILE:
        raise Refused(f"{len(data)} bytes, more than the {MAX_PROOF_FILE} of a proof", where="proof")
    head, empty, note = data.partition(b"\n\n")
    if not empty:
        raise Refused("no empty line before the checkpoint", where="proof")
    if head.count(b"\n") > MAX_HASHES + 2:
        raise Refused(f"more than {MAX_HASHES} hashes", where="proof")
    lines = head.split(b"\n")
    if lines.pop(0) != MAGIC.encode():
        raise Refused(f"the first line is not {MAGIC}", where="line 1")
    extra = None
    if lines and lines[0].startswith(_EXTRA):
        extra = unbase64(lines.pop(0).removeprefix(_EXTRA), where="extra")
        if len(extra) > MAX_EXTRA:
            raise Refused(f"{len(extra)} bytes, more than {MAX_EXTRA}", where="extra")
    if not lines or not lines[0].startswith(_INDEX):
        raise Refused("no index line", where="index")
    index = decimal(
        lines.pop(0).removeprefix(_INDEX).decode("utf-8", "replace"), limit=MAX_SIZE - 1, where="index"
    )
    if len(lines) > MAX_HASHES:
        raise Refused(f"more than {MAX_HASHES} hashes", where="proof")
    hashes = tuple(unbase64(h, size=HASH_SIZE, where=f"hash {i}") for i, h in enumerate(lines))
    return TlogProof(index, hashes, note, extra)


def serialise(proof: TlogProof) -> bytes:
    """The bytes of a proof, ending in its checkpoint; kept in a file that ends in `.tlog-proof`."""
    lines = [MAGIC]
    if proof.extra is not None:
        lines.append("extra " + to_base64(proof.extra))
    lines += [f"index {proof.index}", *map(to_base64, proof.hashes)]
    data = "".join(f"{line}\n" for line in lines).encode() + b"\n" + proof.checkpoint
    if parse(data) != proof:
        raise Refused("such a proof has no written form", where="proof")
    return data


def verify(
    proof: TlogProof,
    leaf_hash: bytes,
    *,
    policy: WitnessPolicy,
    now: int,
    logs: Sequence[Log] | None = None,
) -> Proven:
    """That the leaf (32-byte hash) is in one of `logs` (of the policy's, if None), the quorum met.

    Raises Refused.
    `now` is a POSIX time: cosignatures from the future do not count.
    """
    checkpoint, quorum = witness_policy.verify(policy, proof.checkpoint, now=now, logs=logs)
    verify_inclusion(leaf_hash, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return Proven(proof.index, checkpoint, quorum)
