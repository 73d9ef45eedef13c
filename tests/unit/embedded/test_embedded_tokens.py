# SPDX-License-Identifier: Apache-2.0
"""The identity tokens of the embedded CA: which it mints, and every token that must not get a certificate."""

import base64
import hmac
import json
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from anchor.embedded.instance import Instance
from anchor.errors import Misuse, Refused
from tests.support.forge.embedded_signer import KEY, Clock, csr_request, spki


def claims(instance: Instance, **changed: object) -> dict[str, object]:
    now = int(instance.clock().timestamp())
    found: dict[str, object] = {
        "iss": instance.issuer,
        "aud": "sigstore",
        "sub": instance.identity,
        "iat": now,
        "exp": now + 60,
    }
    return {k: v for k, v in (found | changed).items() if v is not ...}


def signed(instance: Instance, body: dict[str, object], **header: object) -> str:
    kid = {"kid": instance.tokens.key_id} | header
    return jwt.encode(body, instance.tokens._key, algorithm="ES256", headers=kid)


def test_a_token_signed_by_hand_is_as_good_as_a_minted_one(instance: Instance) -> None:
    assert instance.tokens.identity(signed(instance, claims(instance))) == instance.identity


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "other"}, "Audience"),
        ({"aud": ["sigstore", "other"]}, "strict"),
        ({"iss": "https://elsewhere.example"}, "(?i)issuer"),
        ({"exp": 0}, "expired"),
        ({"iat": 2**33}, "future"),
        ({"nbf": 2**33}, "not valid yet"),
        ({"exp": 2.5e9}, "whole seconds"),
        ({"iat": "1"}, "whole seconds"),
        ({"exp": True}, "whole seconds"),
        ({"sub": "no identity"}, "neither"),
        ({"sub": "ü@example.com"}, "neither"),
        ({"sub": "a@b\n@example.com"}, "neither"),
        ({"sub": "http://" + "x" * 600}, "characters"),
        ({"aud": ...}, "aud"),
        ({"iss": ...}, "iss"),
        ({"sub": ...}, "sub"),
        ({"iat": ...}, "iat"),
        ({"exp": ...}, "exp"),
    ],
)
def test_a_token_with_wrong_claims_is_refused(
    instance: Instance, changed: dict[str, object], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        instance.authority.issue(csr_request(), signed(instance, claims(instance, **changed)))


def unsigned(instance: Instance) -> str:
    return jwt.encode(claims(instance), "", algorithm="none", headers={"kid": instance.tokens.key_id})


def signed_with_the_public_key(instance: Instance) -> str:
    """The key-confusion attack: HMAC with what everybody knows."""
    head = {"alg": "HS256", "typ": "JWT", "kid": instance.tokens.key_id}
    said = ".".join(base64url(json.dumps(x).encode()) for x in (head, claims(instance)))
    mac = hmac.digest(spki(instance.tokens._key.public_key()), said.encode(), "sha256")
    return f"{said}.{base64url(mac)}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed_by_another_key(instance: Instance) -> str:
    return jwt.encode(claims(instance), KEY, algorithm="ES256", headers={"kid": instance.tokens.key_id})


def of_no_known_key(instance: Instance) -> str:
    return signed(instance, claims(instance), kid="other")


def without_key_id(instance: Instance) -> str:
    return jwt.encode(claims(instance), instance.tokens._key, algorithm="ES256")


def tampered(instance: Instance) -> str:
    head, _, tail = instance.mint().split(".")
    body = base64url(json.dumps(claims(instance, sub="root@victim.example")).encode())
    return f"{head}.{body}.{tail}"


def of_another_instance(instance: Instance) -> str:
    return Instance.create(instance.folder.parent / "other").mint()


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        signed_with_the_public_key,
        signed_by_another_key,
        of_no_known_key,
        without_key_id,
        tampered,
        of_another_instance,
        lambda _: "",
        lambda _: "..",
        lambda _: "a.b.c",
        lambda _: "ü.ü.ü",
        lambda _: "x" * 20_000,
    ],
)
def test_a_forged_token_is_refused(instance: Instance, forge: Callable[[Instance], str]) -> None:
    with pytest.raises(Refused) as caught:
        instance.authority.issue(csr_request(), forge(instance))
    assert caught.value.where == "token"


def test_a_token_is_good_until_it_expires(tmp_path: Path) -> None:
    clock = Clock()
    instance = Instance.create(tmp_path / "i", clock=clock)
    token = instance.mint(lifetime=60)
    clock.move(seconds=58)
    instance.authority.issue(csr_request(), token)
    clock.move(seconds=3)
    with pytest.raises(Refused, match="expired"):
        instance.authority.issue(csr_request(), token)


@pytest.mark.parametrize("identity", ["", "me", "a b@example.com", "x@ü.example", "http:", "é:x", "a@b\0"])
def test_an_identity_that_no_certificate_can_carry_is_not_minted(instance: Instance, identity: str) -> None:
    with pytest.raises(Misuse, match="identity"):
        instance.tokens.mint(identity)


@pytest.mark.parametrize("lifetime", [0, -1, 86_401])
def test_a_token_does_not_live_for_ever(instance: Instance, lifetime: int) -> None:
    with pytest.raises(Misuse, match="lifetime"):
        instance.mint(lifetime=lifetime)


def test_the_jwk_set_verifies_what_is_minted(instance: Instance) -> None:
    (key,) = instance.tokens.jwks()["keys"]
    found = jwt.PyJWK(key)
    body = jwt.decode(instance.mint(), found.key, algorithms=["ES256"], audience="sigstore")
    assert (body["sub"], key["kid"]) == (instance.identity, instance.tokens.key_id)
    assert "d" not in key
