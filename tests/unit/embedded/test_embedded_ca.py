# SPDX-License-Identifier: Apache-2.0
"""The embedded CA: the certificate profile that clients insist on, and every request it must not honour."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from anchor.embedded.instance import Instance
from anchor.errors import Refused
from tests.support.forge.embedded_signer import KEY, b64, chain_of, csr, csr_request, spki


@pytest.fixture(scope="module")
def leaf(instance: Instance) -> x509.Certificate:
    return chain_of(instance.authority.issue(csr_request(), instance.mint()))[0]


# The profile


def test_an_empty_subject_makes_the_san_critical(leaf: x509.Certificate, instance: Instance) -> None:
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (list(leaf.subject), san.critical) == ([], True)
    assert list(san.value) == [x509.RFC822Name(instance.identity)]


def test_a_uri_goes_in_as_a_uri(instance: Instance) -> None:
    token = instance.mint("https://ci.example/job/7")
    leaf = chain_of(instance.authority.issue(csr_request(), token))[0]
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(san) == [x509.UniformResourceIdentifier("https://ci.example/job/7")]


def test_key_usages_and_identifiers(leaf: x509.Certificate, instance: Instance) -> None:
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CODE_SIGNING]
    aki = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    ski = instance.authority.chain[0].extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert aki.key_identifier == ski.digest
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(minutes=10)


def test_both_issuer_extensions_hold_the_token_issuer(leaf: x509.Certificate, instance: Instance) -> None:
    found = {
        e.oid.dotted_string: e.value.value
        for e in leaf.extensions
        if isinstance(e.value, x509.UnrecognizedExtension)
    }
    raw = instance.issuer.encode()
    assert found["1.3.6.1.4.1.57264.1.1"] == raw
    assert found["1.3.6.1.4.1.57264.1.8"] == b"\x0c" + bytes([len(raw)]) + raw


def test_exactly_one_sct_over_the_certificate_without_it(leaf: x509.Certificate, instance: Instance) -> None:
    extension = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps)
    assert leaf.extensions[-1].oid == extension.oid == ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
    (sct,) = extension.value
    authority = instance.authority
    assert sct.log_id == hashlib.sha256(spki(authority.ct_key.public_key())).digest()
    tbs = leaf.tbs_precertificate_bytes
    signed = b"".join(
        [
            b"\x00\x00",
            (1000 * int(instance.clock().timestamp())).to_bytes(8, "big"),  # the reference client loses less
            b"\x00\x01",
            hashlib.sha256(spki(authority.key.public_key())).digest(),
            len(tbs).to_bytes(3, "big"),
            tbs,
            b"\x00\x00",
        ]
    )
    authority.ct_key.public_key().verify(sct.signature, signed, ec.ECDSA(hashes.SHA256()))


def test_the_answer_is_a_chain_that_verifies(instance: Instance) -> None:
    leaf, issuing, root = chain_of(instance.authority.issue(csr_request(), instance.mint()))
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    trusted = json.loads(instance.trusted_root())["certificateAuthorities"][0]["certChain"]["certificates"]
    assert [base64.b64decode(c["rawBytes"]) for c in trusted] == [
        c.public_bytes(Encoding.DER) for c in (issuing, root)
    ]
    bundle = json.loads(instance.authority.trust_bundle())["chains"][0]["certificates"]
    assert x509.load_pem_x509_certificate(bundle[0].encode()) == issuing


def test_the_identity_comes_from_the_token_and_never_from_the_request(instance: Instance) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "root@victim.example")])
    san = x509.SubjectAlternativeName([x509.RFC822Name("root@victim.example")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(san, critical=True)
    request = csr_request(builder.sign(KEY, hashes.SHA256()))
    leaf = chain_of(instance.authority.issue(request, instance.mint()))[0]
    assert b"victim" not in leaf.public_bytes(Encoding.DER)


# Requests


def key_request(key: ec.EllipticCurvePrivateKey, said: str, **more: object) -> bytes:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    proof = b64(key.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
    request = {"publicKey": {"algorithm": "ECDSA", "content": pem}, "proofOfPossession": proof}
    return json.dumps({"publicKeyRequest": request, **more}).encode()


def test_a_bare_key_with_proof_of_possession_is_certified(instance: Instance) -> None:
    leaf = chain_of(instance.authority.issue(key_request(KEY, instance.identity), instance.mint()))[0]
    assert leaf.public_key() == KEY.public_key()


def test_the_token_may_come_in_the_body(instance: Instance) -> None:
    credentials = {"oidcIdentityToken": instance.mint()}
    assert instance.authority.issue(key_request(KEY, instance.identity, credentials=credentials), "")


def test_possession_proven_for_another_identity_is_refused(instance: Instance) -> None:
    with pytest.raises(Refused, match="possession"):
        instance.authority.issue(key_request(KEY, "someone@else.example"), instance.mint())


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p384", "ed25519", "rsa"],
)
def test_only_p256_keys_are_certified(instance: Instance, key: Any) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    with pytest.raises(Refused, match="P-256"):
        instance.authority.issue(csr_request(builder.sign(key, algorithm)), instance.mint())


def test_a_request_signed_by_another_key_is_refused(instance: Instance) -> None:
    der = bytearray(csr().public_bytes(Encoding.DER))
    at = bytes(der).find(KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    der[at : at + 65] = other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    with pytest.raises(Refused, match="signature"):
        instance.authority.issue(csr_request(x509.load_der_x509_csr(bytes(der))), instance.mint())


GOOD = json.loads(csr_request())["certificateSigningRequest"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"[" * 100_000,
        b" " * 70_000,
        json.dumps({"certificateSigningRequest": 7}).encode(),
        json.dumps({"certificateSigningRequest": "%%"}).encode(),
        json.dumps({"certificateSigningRequest": b64(b"junk")}).encode(),
        json.dumps({"certificateSigningRequest": GOOD, "extra": 1}).encode(),
        f'{{"certificateSigningRequest":"{GOOD}","certificateSigningRequest":"{GOOD}"}}'.encode(),
        key_request(KEY, "x", certificateSigningRequest=GOOD),
        key_request(KEY, "x").replace(b"BEGIN", b"BEGUN"),
    ],
)
def test_a_malformed_request_is_refused(instance: Instance, request_bytes: bytes) -> None:
    with pytest.raises(Refused):
        instance.authority.issue(request_bytes, instance.mint())
