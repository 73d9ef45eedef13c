# SPDX-License-Identifier: Apache-2.0
"""Faults of identity tokens are named for what they are: whoever publishes cannot ask the authority which."""

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from anchor.errors import Misuse
from anchor.signing import signer, token_claims

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
HERE = ", and by this machine's clock it is 2026-06-01T12:00:00Z"


def token(**changed: Any) -> str:
    claims = {"aud": "sigstore", "sub": "u", "iss": "https://i", "iat": AT, "exp": AT + 600, **changed}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, "k" * 32)


@pytest.mark.parametrize(
    ("changed", "problem", "remedy"),
    [
        ({"exp": AT - 1}, f"expired at 2026-06-01T11:59:59Z{HERE}", "get a new one, and see"),
        ({"iat": AT + 3600}, f"issued at 2026-06-01T13:00:00Z{HERE}", "clock is right"),
        ({"nbf": AT + 60}, f"valid from 2026-06-01T12:01:00Z{HERE}", "clock is right"),
        ({"aud": "other"}, "its audience is 'other', not sigstore", "the audience sigstore"),
        ({"aud": ["a", "b"]}, "its audience is ['a', 'b'], not sigstore", "the audience sigstore"),
        ({"sub": None, "iat": None}, "it has no sub and no iat", "OIDC"),
        ({"exp": 1e300, "iat": 1e300}, "issued at no time", "clock is right"),
    ],
)  # fmt: skip
def test_fault_is_named_with_what_to_do(changed: Any, problem: str, remedy: str) -> None:
    found = token_claims.fault(token(**changed), NOW)
    assert problem in found[0]
    assert remedy in found[1]


@pytest.mark.parametrize(
    "text",
    ["", "x", "a.b.c", "..", "a.bnVsbA.c", "a." + "é" + ".c", "a." + "W1tb" * 50_000 + ".c", f"{token()}.x"],
)
def test_what_is_no_token(text: str) -> None:
    assert token_claims.fault(text, NOW)[0] == "it is not a JWT"
    with pytest.raises(Misuse, match="not usable: it is not a JWT"):
        signer.claims(text)


@pytest.mark.parametrize("changed", [{}, {"aud": ["x", "sigstore"]}, {"iat": AT + 4}, {"exp": AT + 1.5}])
def test_nothing_is_wrong(changed: Any) -> None:
    assert token_claims.fault(token(**changed), NOW) == ("", "")
