# SPDX-License-Identifier: Apache-2.0
"""Identity tokens of the embedded instance: JWTs that this instance signs and that only it accepts.

A process that can read the signing key can be any identity. Only the key separates the publisher from other
processes of the machine. A token does not say who asked for it.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from anchor import regex
from anchor.encoding import to_base64
from anchor.errors import Misuse, Refused
from anchor.sigstore.keys import spki_of

ALGORITHM = "ES256"
AUDIENCE = "sigstore"
LIFETIME = 600
MAX_LIFETIME = 86_400
MAX_TOKEN = 1 << 14
MAX_IDENTITY = 512
SKEW = 5
"""Seconds that `iat` may lie ahead, as the sigstore client allows."""

_EMAIL = regex.expression(
    r"[!#-'*+\-/-9=?A-Z^-~]+(?:\.[!#-'*+\-/-9=?A-Z^-~]+)*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)
_URI = regex.expression(r"[A-Za-z][A-Za-z0-9+.-]*:[!#$%&'()*+,\-./:;=?@_~A-Za-z0-9]+")


def is_email(identity: str) -> bool:
    """True if an identity goes into a certificate as an address (RFC822 name), not as a URI."""
    return bool(_EMAIL.fullmatch(identity))


def check_identity(identity: str) -> str:
    """`identity`, if a certificate can carry it: an ASCII e-mail address, or an ASCII URI with a scheme."""
    if len(identity) > MAX_IDENTITY:
        raise Misuse(f"an identity of {len(identity)} characters", where="identity")
    if not (is_email(identity) or _URI.fullmatch(identity)):
        raise Misuse(
            f"{identity!r} is neither an e-mail address nor a URI in ASCII",
            where="identity",
            remedy="use name@host or https://...",
        )
    return identity


class Tokens:
    """Mints and checks tokens with one ES256 key. `clock` gives aware UTC times."""

    def __init__(
        self, *, key: ec.EllipticCurvePrivateKey, issuer: str, clock: Callable[[], datetime]
    ) -> None:
        self._key = key
        self._clock = clock
        self.issuer = issuer
        self.key_id = hashlib.sha256(spki_of(key.public_key())).hexdigest()[:16]

    def mint(self, identity: str, *, lifetime: int = LIFETIME) -> str:
        """A token for `identity` (e-mail address or URI), valid from now for `lifetime` seconds."""
        if not 0 < lifetime <= MAX_LIFETIME:
            raise Misuse(f"a token of {lifetime} s; at most {MAX_LIFETIME}", where="lifetime")
        now = int(self._clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": check_identity(identity),
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.key_id})

    def identity(self, token: str) -> str:
        """The identity that a token of ours names; `Refused` for any other token, also an unsigned one."""
        claims = self._claims(token)
        now = self._clock().timestamp()
        issued, expires, start = claims["iat"], claims["exp"], claims.get("nbf", 0)
        if not type(issued) is type(expires) is type(start) is int:
            raise Refused("the times of the token are not whole seconds", where="token")
        if expires <= now:
            raise Refused("the token has expired", where="token", remedy="get a new one")
        if issued > now + SKEW:
            raise Refused("the token is from the future", where="token", remedy="check the clock")
        if start > now:
            raise Refused("the token is not valid yet", where="token")
        try:
            return check_identity(claims["sub"])
        except Misuse as e:
            raise Refused(e.problem, where="token") from None

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN:
            raise Refused(f"a token of {len(token)} characters", where="token")
        try:
            if jwt.get_unverified_header(token).get("kid") != self.key_id:
                raise Refused("the token is not signed with the key of this instance", where="token")
            return jwt.decode(
                token,
                self._key.public_key(),
                algorithms=[ALGORITHM],  # and never `none`
                audience=AUDIENCE,
                issuer=self.issuer,
                # The times are checked by the caller, against the clock of the instance.
                options={
                    "require": ["aud", "sub", "iat", "exp", "iss"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "strict_aud": True,
                },
            )
        except (jwt.PyJWTError, ValueError, UnicodeError) as e:
            raise Refused(f"not a valid token: {e}", where="token") from None

    def jwks(self) -> dict[str, Any]:
        """The public key as a JWK set (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        x, y = (_base64url(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        key = {
            "kty": "EC",
            "crv": "P-256",
            "alg": ALGORITHM,
            "use": "sig",
            "kid": self.key_id,
            "x": x,
            "y": y,
        }
        return {"keys": [key]}


def _base64url(data: bytes) -> str:
    return to_base64(data).rstrip("=").replace("+", "-").replace("/", "_")
