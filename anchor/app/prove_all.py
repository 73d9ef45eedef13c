# SPDX-License-Identifier: Apache-2.0
"""`anchor prove --all`: a receipt of each fact of a release, in two passes over its facts.

The first pass keeps the leaves in a temporary file, and one hash in memory for 1,024 facts. Nothing is
written before the facts have given the signed root. FORMAT.md section 22, rule 6.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from anchor.app.prove import VerifiedRelease, check, check_root, chunks
from anchor.disk import files
from anchor.disk.staged_folder import staged
from anchor.format import receipt as receipts
from anchor.merkle import leaf_hashes
from anchor.merkle.every_proof import EveryProof
from anchor.merkle.multiproof import CHUNK

BUNDLES = "bundles.json"
"""The bundles of all receipts."""
LINES = "receipts.jsonl"
"""The receipts, one a line, without the bundles."""


def prove_all(
    verified: VerifiedRelease,
    *,
    together: Path | None,
    single: Path | None,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write a receipt of each fact, and return their number.

    `together`: a folder for `BUNDLES` and `LINES`. `single`: a folder for `<index>.json`, each of which
    stands alone. Each folder gets all of its files or none.
    """
    with verified.files.spool() as spool:
        every = _first_pass(verified, spool, progress)
        done = 0
        with contextlib.ExitStack() as stack:
            lines = _Together(stack.enter_context(staged(together)), verified) if together else None
            alone = _Single(stack.enter_context(staged(single)), verified) if single else None
            where = together or single or Path()
            try:
                if lines is not None:
                    stack.enter_context(contextlib.closing(lines))
                for index, leaf, proof in _receipts(every, spool):
                    if index == 0:  # all have one form
                        head = _head(bundles=verified.bundles)
                        check(verified, _written(head, index, leaf, proof, _tail(verified)))
                    if lines is not None:
                        lines.write(index, leaf, proof)
                    if alone is not None:
                        alone.write(index, leaf, proof)
                    done += 1
                    if progress and not done % CHUNK:
                        progress(done)
            except OSError as e:
                raise files.os_error(e, where, "write") from None
    return done


def _first_pass(
    verified: VerifiedRelease, spool: BinaryIO, progress: Callable[[int], object] | None
) -> EveryProof:
    """The tree over all facts, which is the signed one. Their leaves are in the file, one a line."""
    every, held = EveryProof(), list[bytes]()
    for _, leaves in chunks(verified, progress):
        spool.write(b"\n".join(leaves) + b"\n")
        held += leaf_hashes(leaves)
        whole = len(held) - len(held) % CHUNK
        for start in range(0, whole, CHUNK):
            every.add(held[start : start + CHUNK])
        del held[:whole]
    if held:
        every.add(held)
    check_root(verified, every.size(), every.root())
    return every


def _receipts(every: EveryProof, spool: BinaryIO) -> Iterator[tuple[int, bytes, bytes]]:
    """The index of each fact, its leaf bytes, and the hashes of its proof as JSON."""
    spool.seek(0)
    number = 0
    while leaves := [line[:-1] for line in islice(spool, CHUNK)]:
        proofs = every.proofs(number, leaf_hashes(leaves), _as_json)
        for index, (leaf, proof) in enumerate(zip(leaves, proofs, strict=True), number * CHUNK):
            yield index, leaf, proof[:-1]
        number += 1


def _as_json(hashes: list[bytes]) -> list[bytes]:
    """Each hash as an item of a JSON list, with the comma behind it."""
    return [b'"%b",' % hash_.hex().encode() for hash_ in hashes]


def _written(head: bytes, index: int, leaf: bytes, proof: bytes, tail: bytes) -> bytes:
    """The JSON of a receipt. A leaf is the JSON of its fact."""
    return b'%b"facts":[{"index":%d,"fact":%b}],"proof":[%b]%b\n' % (head, index, leaf, proof, tail)


def _tail(verified: VerifiedRelease) -> bytes:
    """The JSON after the proof: the stapled status, if there is one, and the end of the receipt."""
    if not verified.status:
        return b"}"
    return b"," + msgspec.json.encode({"status": {"bundles": verified.status}}).removeprefix(b"{")


def _head(**members: object) -> bytes:
    """The JSON of the members before `facts`, and a comma."""
    given = {"format": receipts.FORMAT, "kind": "inclusion", **members}
    return msgspec.json.encode(given).removesuffix(b"}") + b","


class _Together:
    """The file of bundles, and the file with one receipt a line."""

    def __init__(self, folder: Path, verified: VerifiedRelease) -> None:
        (folder / BUNDLES).write_bytes(receipts.dump_bundles(verified.bundles))
        self._head = _head(release=verified.sha256)
        self._tail = _tail(verified)
        self._file = (folder / LINES).open("xb")

    def write(self, index: int, leaf: bytes, proof: bytes) -> None:
        self._file.write(_written(self._head, index, leaf, proof, self._tail))

    def close(self) -> None:
        """Close the file with its bytes on the disk."""
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())


class _Single:
    """A file for each fact."""

    def __init__(self, folder: Path, verified: VerifiedRelease) -> None:
        self._folder = folder
        self._head = _head(bundles=verified.bundles)
        self._tail = _tail(verified)

    def write(self, index: int, leaf: bytes, proof: bytes) -> None:
        data = _written(self._head, index, leaf, proof, self._tail)
        (self._folder / f"{index}.json").write_bytes(data)
