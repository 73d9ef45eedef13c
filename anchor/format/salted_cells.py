# SPDX-License-Identifier: Apache-2.0
"""Leaves of a confidential ledger: each cell is hashed with a salt of its own (FORMAT.md section 16.3).

Decides on bytes. Whoever has the secret of a release can open each of its cells. Who publishes it keeps the
secret (`publish.release_secrets`), and shows cells one by one (`format.receipt`).
"""

import hmac
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import UnsetType

from anchor.encoding import jcs
from anchor.errors import Refused
from anchor.format.facts import Ledger, Table, Value, brief
from anchor.format.leaves import SALTED_CELLS, Leaves, Sealed, Sink
from anchor.merkle import Accumulator, leaf_hashes
from anchor.merkle.hashing import HASH_SIZE

SECRET_SIZE: Final = 32
"""Bytes of the secret of a release."""
SALT_SIZE: Final = 32
_CELL: Final = b"\x05"
_encode = msgspec.json.Encoder().encode


class SaltedCells:
    """The salts and cells of the facts of one release, by its 32-byte secret."""

    def __init__(self, secret: bytes, *, ledger: Ledger, columns: Sequence[str]) -> None:
        """`ledger`: name and number of the release. Raises `Refused` for a secret of another size."""
        if type(secret) is not bytes or len(secret) != SECRET_SIZE:
            raise Refused(f"a secret has {SECRET_SIZE} bytes", where="secret")
        self.columns = tuple(columns)
        self._secret = secret
        named = [jcs(name, where="columns") for name in self.columns]
        self._head = jcs([ledger.name, ledger.number], where="ledger").removesuffix(b"]") + b","
        self._ends = [b"," + name + b"]" for name in named]
        self._cells = [b"[" + name + b"," for name in named]

    def salts(self, index: int) -> list[bytes]:
        """The salt (32 bytes) of each cell of the fact at `index`, which counts from 0."""
        head = self._head + b"%d" % index
        return [hmac.digest(self._secret, head + end, "sha256") for end in self._ends]

    def leaf(self, index: int, fact: Sequence[Value]) -> bytes:
        """The leaf bytes of a fact in column order: 32 bytes a column.

        Raises `Refused` for a fact that does not have each column as a string or null.
        """
        if len(fact) != len(self.columns):
            raise Refused(f"a fact is {len(self.columns)} strings or nulls", where=f"fact {index + 1}")
        parts = []
        for salt, head, name, value in zip(self.salts(index), self._cells, self.columns, fact, strict=True):
            if isinstance(value, UnsetType):
                raise Refused(
                    f"no value for {brief(name)}: a confidential ledger has each column in each fact",
                    where=f"fact {index + 1}",
                    remedy="write null or an empty value",
                )
            parts.append(sha256(_CELL + salt + head + _encode(value) + b"]").digest())
        return b"".join(parts)


def cell(salt: bytes, column: str, value: str | None) -> bytes:
    """The 32 bytes that stand for a value in a leaf. Raises `Refused` for a salt that has not 32 bytes."""
    if type(salt) is not bytes or len(salt) != SALT_SIZE:
        raise Refused(f"a salt has {SALT_SIZE} bytes", where="salt")
    return sha256(_CELL + salt + jcs([column, value], where="cell")).digest()


def facts_with_leaves(
    table: Table, cells: SaltedCells
) -> Iterator[tuple[Sequence[Sequence[Value]], list[bytes], list[bytes]]]:
    """The facts of a table in lists, the leaf bytes of each, and its RFC 8785 form.

    Raises the errors of the table's reader, and `Refused` as `leaves.Leaves` and `SaltedCells.leaf`.
    """
    index = 0
    for facts, plain in Leaves(table).with_facts():
        yield facts, [cells.leaf(at, fact) for at, fact in enumerate(facts, index)], plain
        index += len(plain)


def seal(
    table: Table,
    *,
    ledger: Ledger,
    secret: bytes,
    leaves: Sink | None = None,
    opened: Sink | None = None,
    progress: Callable[[int], object] | None = None,
) -> Sealed:
    """The root, size and columns of a confidential ledger. Raises as `facts_with_leaves`.

    `leaves` gets ledger.leaves: the leaf hashes, 32 bytes each. `opened` gets the facts in clear, one a line
    (FORMAT.md section 16.4). `progress` is called with the number of facts done, now and then.
    """
    cells, tree = SaltedCells(secret, ledger=ledger, columns=table.columns), Accumulator()
    done = 0
    for _, salted, plain in facts_with_leaves(table, cells):
        hashes = leaf_hashes(salted)
        tree.extend(hashes)
        if leaves is not None:
            leaves.write(b"".join(hashes))
        if opened is not None:
            opened.write(b"\n".join(plain) + b"\n")
        done += len(plain)
        if progress:
            progress(done)
    if not done:
        raise Refused("no facts", where="ledger", remedy="a ledger has at least one fact")
    return Sealed(root=tree.root(), size=done, columns=cells.columns, encoding=SALTED_CELLS)


class LeafHashes:
    """The tree over a ledger.leaves that streams by."""

    def __init__(self) -> None:
        self._tree = Accumulator()
        self._rest = b""

    def write(self, data: bytes) -> None:
        """Take the bytes that follow."""
        data = self._rest + data
        whole = len(data) - len(data) % HASH_SIZE
        self._rest = data[whole:]
        self._tree.extend([data[at : at + HASH_SIZE] for at in range(0, whole, HASH_SIZE)])

    def root(self) -> bytes:
        """The root over all of them. Raises `Refused` for no hash, and for a part of one at the end."""
        if self._rest or not self._tree.size():
            raise Refused(f"not one or more hashes of {HASH_SIZE} bytes", where="ledger.leaves")
        return self._tree.root()
