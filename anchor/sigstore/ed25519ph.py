# SPDX-License-Identifier: Apache-2.0
"""Ed25519ph (RFC 8032 section 5.1): verification only.

No library in use offers the pre-hashed form (`cryptography` 50, November 2026). Nothing here is secret, so
nothing needs constant time. Points and scalars that are not in canonical form are refused, and so are public
keys of small order.
"""

import hashlib

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_I = pow(2, (_P - 1) // 4, _P)
_DOM2 = b"SigEd25519 no Ed25519 collisions\x01\x00"

_Point = tuple[int, int, int, int]


def verify(public_key: bytes, signature: bytes, digest: bytes) -> bool:
    """True if `signature` (64 bytes) is by the key (32 bytes), over a message with this SHA-512."""
    if len(public_key) != 32 or len(signature) != 64 or len(digest) != 64:
        return False
    a, r = _decode(public_key), _decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= _L or _equal(_times(8, a), _NEUTRAL):
        return False
    h = hashlib.sha512(_DOM2 + signature[:32] + public_key + digest).digest()
    k = int.from_bytes(h, "little") % _L
    return _equal(_times(s, _BASE), _add(r, _times(k, a)))


def _x_of(y: int, sign: int) -> int | None:
    if y >= _P:
        return None
    x2 = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (_P + 3) // 8, _P)
    if (x * x - x2) % _P:
        x = x * _I % _P
    if (x * x - x2) % _P:
        return None
    return _P - x if x & 1 != sign else x


def _decode(data: bytes) -> _Point | None:
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    x = _x_of(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % _P)


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(s: int, p: _Point) -> _Point:
    q = _NEUTRAL
    while s:
        if s & 1:
            q = _add(q, p)
        p = _add(p, p)
        s >>= 1
    return q


def _equal(p: _Point, q: _Point) -> bool:
    return (p[0] * q[2] - q[0] * p[2]) % _P == 0 and (p[1] * q[2] - q[1] * p[2]) % _P == 0


_NEUTRAL: _Point = (0, 1, 1, 0)
_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = _x_of(_BASE_Y, 0) or 0
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)
