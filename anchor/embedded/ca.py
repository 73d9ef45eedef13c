# SPDX-License-Identifier: Apache-2.0
"""The certificate authority of the embedded instance: Fulcio's v2 API, with a CT key in place of a CT log.

It decides who gets a certificate: a requester with a token of this instance who proves possession of a P-256
key. The SCT is a signature by a key beside the CA key; there is no log of certificates behind it.
"""

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from anchor.embedded.identity_tokens import Tokens, is_email
from anchor.embedded.key_files import key_usage
from anchor.encoding import parse_json, unbase64
from anchor.errors import Refused
from anchor.sigstore.keys import spki_of

LIFETIME = timedelta(minutes=10)
"""Of a leaf certificate, as Fulcio's."""

MAX_REQUEST = 1 << 16

ISSUER_V1 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
ISSUER_V2 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


class _PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    content: str
    algorithm: str = ""


class _PublicKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    public_key: _PublicKey
    proof_of_possession: str


class _Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    oidc_identity_token: str


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """CreateSigningCertificateRequest; the token comes in the header, or here in its `credentials`."""

    certificate_signing_request: str | None = None
    public_key_request: _PublicKeyRequest | None = None
    credentials: _Credentials | None = None


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Issues with one key. `chain` is the issuing certificate and its root; `clock` gives aware UTC times."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]
    ct_key: ec.EllipticCurvePrivateKey
    tokens: Tokens
    clock: Callable[[], datetime]

    def issue(self, request: bytes, token: str) -> bytes:
        """Fulcio v2 signingCert: CreateSigningCertificateRequest JSON and a JWT in, SigningCertificate out.

        Raises `Refused` for a token or request that is not accepted.
        """
        asked = _parse(request)
        if not token and asked.credentials:
            token = asked.credentials.oidc_identity_token
        identity = self.tokens.identity(token)
        leaf = self._certify(_public_key(asked, identity), identity)
        certificates = [c.public_bytes(Encoding.PEM).decode() for c in (leaf, *self.chain)]
        answer = {"signedCertificateEmbeddedSct": {"chain": {"certificates": certificates}}}
        return json.dumps(answer, separators=(",", ":")).encode()

    def trust_bundle(self) -> bytes:
        """Fulcio v2 trustBundle, JSON."""
        certificates = [c.public_bytes(Encoding.PEM).decode() for c in self.chain]
        return json.dumps({"chains": [{"certificates": certificates}]}, separators=(",", ":")).encode()

    def _certify(self, key: ec.EllipticCurvePublicKey, identity: str) -> x509.Certificate:
        """A leaf with an embedded SCT: RFC 6962 section 3.2, signed over the same TBS without the SCT."""
        now = self.clock().astimezone(UTC)
        builder = self._template(key, identity, now)
        precertificate = builder.sign(self.key, hashes.SHA256())
        sct = self._sct(precertificate.tbs_certificate_bytes, now)
        # RFC 6962 section 3.3: an OCTET STRING around a list, here of one SCT; the last extension.
        return builder.add_extension(
            x509.UnrecognizedExtension(SCT_LIST, asn1.encode_der(_vector(_vector(sct)))), critical=False
        ).sign(self.key, hashes.SHA256())

    def _template(
        self, key: ec.EllipticCurvePublicKey, identity: str, now: datetime
    ) -> x509.CertificateBuilder:
        start = now.replace(microsecond=0)
        issuer = self.chain[0]
        name = x509.RFC822Name(identity) if is_email(identity) else x509.UniformResourceIdentifier(identity)
        source = self.tokens.issuer.encode()
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + LIFETIME)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            # RFC 5280 section 4.2.1.6: critical, since the subject is empty.
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V1, source), critical=False)
            .add_extension(
                x509.UnrecognizedExtension(ISSUER_V2, asn1.encode_der(self.tokens.issuer)), critical=False
            )
        )

    def _sct(self, tbs: bytes, now: datetime) -> bytes:
        """A v1 SignedCertificateTimestamp of a precertificate, RFC 6962 section 3.2.

        The time is in whole seconds. The sigstore client reads it as a float, and loses a millisecond of
        about one time in four from 2038 on; the signature would not verify then.
        """
        issuer = hashlib.sha256(spki_of(self.key.public_key())).digest()
        when = struct.pack(">Q", 1000 * int(now.timestamp()))
        entry = b"\x00\x01" + issuer + len(tbs).to_bytes(3, "big") + tbs
        signature = self.ct_key.sign(b"\x00\x00" + when + entry + b"\x00\x00", ec.ECDSA(hashes.SHA256()))
        log_id = hashlib.sha256(spki_of(self.ct_key.public_key())).digest()
        return b"\x00" + log_id + when + b"\x00\x00" + b"\x04\x03" + _vector(signature)


def _parse(request: bytes) -> _Request:
    if len(request) > MAX_REQUEST:
        raise Refused(f"a request of more than {MAX_REQUEST} bytes", where="signingCert")
    try:
        return msgspec.convert(parse_json(request, where="signingCert"), _Request)
    except msgspec.ValidationError as e:
        raise Refused(f"not a signing certificate request: {e}", where="signingCert") from None


def _public_key(asked: _Request, identity: str) -> ec.EllipticCurvePublicKey:
    """The key that the requester has shown to possess."""
    if (asked.certificate_signing_request is None) == (asked.public_key_request is None):
        raise Refused(
            "exactly one of certificateSigningRequest and publicKeyRequest is wanted", where="signingCert"
        )
    try:
        if asked.certificate_signing_request is not None:
            pem = unbase64(asked.certificate_signing_request, where="certificateSigningRequest")
            csr = x509.load_pem_x509_csr(pem)
            if not csr.is_signature_valid:
                raise Refused("the signature of the request is wrong", where="certificateSigningRequest")
            return _p256(csr.public_key())
        assert asked.public_key_request is not None
        key = _p256(load_pem_public_key(asked.public_key_request.public_key.content.encode()))
        proof = unbase64(asked.public_key_request.proof_of_possession, where="proofOfPossession")
        key.verify(proof, identity.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused("does not prove possession of the key", where="proofOfPossession") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("no readable key or request", where="signingCert") from None
    return key


def _p256(key: object) -> ec.EllipticCurvePublicKey:
    """Only P-256: the sigstore client hashes DSSE with SHA-256 for every curve."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Refused("only ECDSA P-256 keys are certified here", where="signingCert")
    return key


def _vector(data: bytes) -> bytes:
    """A TLS vector with a two-byte length."""
    return len(data).to_bytes(2, "big") + data
