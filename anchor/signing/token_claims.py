# SPDX-License-Identifier: Apache-2.0
"""The claims of an identity token, unverified, and the reasons why it cannot be used.

The certificate authority decides. It answers every fault with the same words, so a fault is named here before
it is asked. If a time does not fit, this machine's clock may be wrong.
"""

import base64
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

AUDIENCE = "sigstore"
LEEWAY = 5.0
"""Seconds that the sigstore client grants."""
_WORKFLOWS = (
    ("https://token.actions.githubusercontent.com", "job_workflow_ref", "https://github.com/"),
    ("https://gitlab.com", "ci_config_ref_uri", "https://"),
)
"""Issuer, the claim that names the workflow, and the beginning of the certificate's URI."""
_NEEDED = ("aud", "sub", "iat", "exp", "iss")


def read(token: str) -> Mapping[str, Any] | None:
    """The claims of a JWT; None if it is not a JWT."""
    parts = token.split(".")
    try:
        body = parts[1]
        # times may be fractions, which the JSON of our own forms never holds
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    return found if len(parts) == 3 and isinstance(found, dict) else None


def workflow(token: str) -> str | None:
    """The URI by which the public certificate authority names a workflow of GitHub or GitLab; None for
    others.

    The certificate does not have `sub`, which the client takes for the identity (Fulcio, docs/oidc.md).
    """
    claims = read(token) or {}
    for issuer, claim, before in _WORKFLOWS:
        if claims.get("iss") == issuer and isinstance(claims.get(claim), str):
            return f"{before}{claims[claim]}"
    return None


def fault(token: str, now: datetime) -> tuple[str, str]:
    """The fault of a token and its remedy; empty if no fault is found here."""
    claims = read(token)
    if claims is None:
        return "it is not a JWT", "give the token alone"
    if missing := [name for name in _NEEDED if name not in claims]:
        return f"it has no {' and no '.join(missing)}", "get one of an OIDC issuer"
    if wrong := [name for name in (*_NEEDED, "nbf") if name in claims and not _fits(name, claims[name])]:
        return f"its {' and its '.join(wrong)} is of another kind than RFC 7519 says", "get another one"
    audience = claims["aud"]
    if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        said = repr(audience)[:80]
        return f"its audience is {said}, not {AUDIENCE}", f"ask for one with the audience {AUDIENCE}"
    here = f"and by this machine's clock it is {_said(now.timestamp())}"
    if _time(claims["exp"]) <= now.timestamp():
        return f"expired at {_said(claims['exp'])}, {here}", "get a new one, and see that the clock is right"
    for name, verb in (("iat", "issued at"), ("nbf", "valid from")):
        if _time(claims.get(name, 0)) > now.timestamp() + LEEWAY:
            return f"{verb} {_said(claims[name])}, {here}", "see that the clock is right"
    return "", ""


def _fits(name: str, value: object) -> bool:
    """True if a claim has its type: a text, for `aud` also a list of texts, and else a time."""
    if name == "aud" and isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    if name in ("aud", "iss", "sub"):
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(_time(value))


def _time(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:  # of a whole number
        return math.inf


def _said(value: object) -> str:
    try:
        return datetime.fromtimestamp(_time(value), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "no time"
