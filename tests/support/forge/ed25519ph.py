# SPDX-License-Identifier: Apache-2.0
"""Ed25519ph signing (RFC 8032 section 5.1) for vectors: the kept libraries here have only the plain form.

Slow and not constant-time: for test keys that everybody knows.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, P) % P
_Y = 4 * pow(5, -1, P) % P
Point = tuple[int, int, int, int]


def _root(y: int, sign: int) -> int:
    square = (y * y - 1) * pow(_D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x & 1 != sign else x


_X = _root(_Y, 0)
_BASE: Point = (_X, _Y, 1, _X * _Y % P)


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * _D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(scalar: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = _add(found, point)
        point, scalar = _add(point, point), scalar >> 1
    return found


def _packed(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def sign_ph(seed: bytes, message: bytes) -> bytes:
    """The 64-byte Ed25519ph signature over `message`, with an empty context."""
    dom = b"SigEd25519 no Ed25519 collisions" + bytes([1, 0])
    expanded = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(expanded[:32], "little") & (2**254 - 8) | 2**254
    public = _packed(_times(scalar, _BASE))
    hashed = hashlib.sha512(message).digest()
    nonce = int.from_bytes(hashlib.sha512(dom + expanded[32:] + hashed).digest(), "little") % L
    commitment = _packed(_times(nonce, _BASE))
    challenge = int.from_bytes(hashlib.sha512(dom + commitment + public + hashed).digest(), "little") % L
    return commitment + ((nonce + challenge * scalar) % L).to_bytes(32, "little")
