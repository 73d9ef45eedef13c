# SPDX-License-Identifier: Apache-2.0
"""A second Merkle tree, copied word by word from the recursive definitions of RFC 9162, slow and plain.

It shares no line with `anchor.merkle`. `D` is a list of leaf hashes (the RFC's lists hold the leaves' bytes).
"""

import hashlib
from collections.abc import Sequence


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(n: int) -> int:
    """The largest power of two smaller than n: k < n <= 2k."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(d: Sequence[bytes]) -> bytes:
    """MTH(D_n), RFC 9162 section 2.1.1."""
    n = len(d)
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return d[0]
    k = _split(n)
    return _node(mth(d[:k]), mth(d[k:]))


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D_n), RFC 9162 section 2.1.3.1."""
    n = len(d)
    if n == 1:
        return []
    k = _split(n)
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def turns(m: int, n: int) -> str:
    """Where PATH(m, D_n) goes at each step from the leaf: `l` if the sibling is on the left."""
    if n == 1:
        return ""
    k = _split(n)
    return turns(m, k) + "r" if m < k else turns(m - k, n - k) + "l"


def proof(m: int, d: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D_n), RFC 9162 section 2.1.4.1."""
    return _subproof(m, d, whole=True)


def _subproof(m: int, d: Sequence[bytes], *, whole: bool) -> list[bytes]:
    n = len(d)
    if m == n:
        return [] if whole else [mth(d)]
    k = _split(n)
    if m <= k:
        return [*_subproof(m, d[:k], whole=whole), mth(d[k:])]
    return [*_subproof(m - k, d[k:], whole=False), mth(d[:k])]


class Uniform:
    """A tree of any size up to 2**63 - 1 whose leaves are all the same hash, so that it need not be held."""

    def __init__(self, leaf: bytes) -> None:
        self.leaf = leaf
        self._perfect = [leaf]
        for _ in range(63):
            self._perfect.append(_node(self._perfect[-1], self._perfect[-1]))

    def mth(self, n: int) -> bytes:
        """The root of n leaves."""
        if n & (n - 1) == 0:
            return self._perfect[n.bit_length() - 1]
        k = _split(n)
        return _node(self.mth(k), self.mth(n - k))

    def path(self, m: int, n: int) -> list[bytes]:
        """The inclusion proof of leaf m among n."""
        if n == 1:
            return []
        k = _split(n)
        if m < k:
            return [*self.path(m, k), self.mth(n - k)]
        return [*self.path(m - k, n - k), self.mth(k)]

    def proof(self, m: int, n: int, *, whole: bool = True) -> list[bytes]:
        """The consistency proof from m to n leaves."""
        if m == n:
            return [] if whole else [self.mth(n)]
        k = _split(n)
        if m <= k:
            return [*self.proof(m, k, whole=whole), self.mth(n - k)]
        return [*self.proof(m - k, n - k, whole=False), self.mth(k)]
