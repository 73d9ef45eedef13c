# SPDX-License-Identifier: Apache-2.0
"""The embedded log records exactly what Rekor v2 writes, and only with a signature that verifies."""

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from anchor.embedded.hashedrekord import canonical_body
from anchor.errors import Refused
from tests.support.forge.ed25519ph import sign_ph
from tests.support.forge.embedded_signer import (
    KEY,
    b64,
    certificate,
    entry_fields,
    entry_request,
    fields_of,
    with_certificate,
    wrapped,
)

RSA = rsa.generate_private_key(65537, 2048)
P384 = ec.generate_private_key(ec.SECP384R1())


def test_the_body_is_what_rekor_v2_writes() -> None:
    """Golden: kind and version, JCS order of members, base64 as it was sent."""
    fields = with_certificate(certificate())
    verifier = fields["signature"]["verifier"]
    expected = (
        '{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":'
        f'"SHA2_256","digest":"{fields["digest"]}"}},"signature":{{"content":'
        f'"{fields["signature"]["content"]}","verifier":{{"keyDetails":"PKIX_ECDSA_P256_SHA_256",'
        f'"x509Certificate":{{"rawBytes":"{verifier["x509Certificate"]["rawBytes"]}"}}}}}}}}}}}}'
    )
    assert canonical_body(wrapped(fields)) == expected.encode()


def test_member_order_and_blanks_of_the_request_change_nothing() -> None:
    fields = entry_fields("x")
    turned = {k: fields[k] for k in reversed(fields)}
    assert canonical_body(wrapped(turned)) == canonical_body(entry_request("x"))
    spaced = json.dumps(json.loads(entry_request("x")), indent=7).encode()
    assert canonical_body(spaced) == canonical_body(entry_request("x"))


@pytest.mark.parametrize(
    ("key", "details", "algorithm", "name"),
    [
        (KEY, "PKIX_ECDSA_P256_SHA_256", "sha256", "SHA2_256"),
        (P384, "PKIX_ECDSA_P384_SHA_384", "sha384", "SHA2_384"),
        (RSA, "PKIX_RSA_PKCS1V15_2048_SHA256", "sha256", "SHA2_256"),
    ],
)
def test_algorithms_that_are_taken(key: Any, details: str, algorithm: str, name: str) -> None:
    body = json.loads(canonical_body(wrapped(fields_of(key, details, algorithm))))
    assert body["spec"]["hashedRekordV002"]["data"]["algorithm"] == name


@pytest.mark.parametrize(
    ("key", "details", "algorithm"),
    [
        (KEY, "PKIX_ECDSA_P384_SHA_384", "sha256"),
        (KEY, "PKIX_ECDSA_P384_SHA_384", "sha384"),
        (P384, "PKIX_ECDSA_P256_SHA_256", "sha256"),
        (P384, "PKIX_ECDSA_P384_SHA_384", "sha256"),
        (P384, "PKIX_ECDSA_P384_SHA_256", "sha256"),
        (RSA, "PKIX_RSA_PKCS1V15_3072_SHA256", "sha256"),
        (RSA, "PKIX_ECDSA_P256_SHA_256", "sha256"),
        (KEY, "PKIX_RSA_PKCS1V15_2048_SHA256", "sha256"),
        (ed25519.Ed25519PrivateKey.generate(), "PKIX_ED25519", "sha256"),
        (ed25519.Ed25519PrivateKey.generate(), "PKIX_ED25519_PH", "sha512"),
        (KEY, "ML_DSA_65", "sha256"),
        (KEY, "", "sha256"),
    ],
)
def test_a_key_that_is_not_what_key_details_say_is_refused(key: Any, details: str, algorithm: str) -> None:
    with pytest.raises(Refused):
        canonical_body(wrapped(fields_of(key, details, algorithm)))


def test_ed25519ph_is_taken_and_a_plain_ed25519_signature_is_not() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    fields = fields_of(key, "PKIX_ED25519_PH", "sha512")
    with pytest.raises(Refused, match=r"not a PKIX_[A-Z0-9_]* signature of this key"):
        canonical_body(wrapped(fields))
    fields["signature"]["content"] = b64(sign_ph(key.private_bytes_raw(), b"x"))
    assert json.loads(canonical_body(wrapped(fields)))["spec"]["hashedRekordV002"]["data"] == {
        "algorithm": "SHA2_512",
        "digest": fields["digest"],
    }


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    fields = copy.deepcopy(entry_fields("x"))
    change(fields)
    return wrapped(fields)


OTHER = entry_fields("y")
BIT = bytearray(base64.b64decode(entry_fields("x")["signature"]["content"]))
BIT[-1] ^= 1


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.update(digest=OTHER["digest"]),
        lambda f: f["signature"].update(content=OTHER["signature"]["content"]),
        lambda f: f["signature"].update(content=b64(bytes(BIT))),
        lambda f: f["signature"].update(content=""),
        lambda f: f["signature"].update(content=f["signature"]["content"].rstrip("=") + "===="),
        lambda f: f["signature"].update(content=f["signature"]["content"] + "\n"),
        lambda f: f.update(digest=b64(bytes(31))),
        lambda f: f.update(digest=b64(bytes(64))),
        lambda f: f.update(digest=""),
        lambda f: f.update(digest=5),
        lambda f: f.update(digest=None),
        lambda f: f.pop("digest"),
        lambda f: f.pop("signature"),
        lambda f: f.update(extra="x"),
        lambda f: f["signature"].update(extra="x"),
        lambda f: f["signature"]["verifier"].update(extra="x"),
        lambda f: f["signature"]["verifier"].pop("publicKey"),
        lambda f: f["signature"]["verifier"].pop("keyDetails"),
        lambda f: f["signature"]["verifier"].update(x509Certificate={"rawBytes": b64(certificate())}),
        lambda f: f["signature"]["verifier"].update(publicKey={"rawBytes": b64(b"junk")}),
        lambda f: f["signature"]["verifier"].update(publicKey={"rawBytes": b64(certificate())}),
    ],
)
def test_a_request_changed_in_one_place_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(Refused):
        canonical_body(changed(change))


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"7",
        b"{",
        b"\xff",
        b"[" * 200_000,
        b" " * (1 << 20) + b"{}",
        b'{"dsseRequestV002":{}}',
        b'{"hashedRekordRequestV002":null}',
        entry_request("x").replace(b"}", b',"x":1}', 1),
        entry_request("x")[:-1] + b',"hashedRekordRequestV002":{}}',
        entry_request("x").replace(b"hashedRekordRequestV002", b"hashed_rekord_request_v002"),
    ],
)
def test_what_is_no_request_is_refused(request_bytes: bytes) -> None:
    with pytest.raises(Refused):
        canonical_body(request_bytes)


def test_an_entry_that_a_bundle_cannot_hold_is_refused() -> None:
    fits = canonical_body(wrapped(with_certificate(certificate(padding_bytes=48_000))))
    assert 64_000 < len(fits) <= 65_535
    with pytest.raises(Refused, match="65535"):
        canonical_body(wrapped(with_certificate(certificate(padding_bytes=49_200))))


def test_a_certificate_of_another_key_is_refused() -> None:
    with pytest.raises(Refused, match=r"not a PKIX_[A-Z0-9_]* signature of this key"):
        canonical_body(wrapped(with_certificate(certificate(ec.generate_private_key(ec.SECP256R1())))))
