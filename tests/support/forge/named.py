# SPDX-License-Identifier: Apache-2.0
"""Log entries in somebody's name: certified by his authority, or with a certificate that anybody can make."""

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding

from anchor.embedded.instance import Instance
from anchor.encoding import to_base64
from anchor.log_kinds.rekor_v2 import entry_body
from anchor.sigstore.bundle import IN_TOTO, Envelope
from tests.support.forge.embedded_signer import KEY, chain_of, csr_request

_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
DETAILS = "PKIX_ECDSA_P256_SHA_256"


def body(certificate: bytes, digest: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    """An entry as a Rekor v2 log writes it: this digest, signed by the key, with this certificate (DER)."""
    signed = key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    verifier = {"keyDetails": DETAILS, "x509Certificate": {"rawBytes": to_base64(certificate)}}
    return entry_body("SHA2_256", to_base64(digest), {"content": to_base64(signed), "verifier": verifier})


def digest_of(statement: bytes) -> bytes:
    """The digest that an entry of a statement has."""
    pae = Envelope(payload_type=IN_TOTO, payload=statement, signature=b"", keyid="").pae()
    return hashlib.sha256(pae).digest()


def self_made(
    identity: str, issuer: str, *, more: tuple[x509.GeneralName, ...] = (), like: bytes | None = None
) -> bytes:
    """A certificate (DER) that anybody can make, with any names. `like`: take the issuer of this one."""
    name = x509.load_der_x509_certificate(like).issuer if like else x509.Name([])
    san = x509.RFC822Name(identity) if "@" in identity else x509.UniformResourceIdentifier(identity)
    start = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName([san, *more]), critical=True)
        .add_extension(x509.UnrecognizedExtension(_ISSUER, issuer.encode()), critical=False)
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Thief:
    """Whoever got certificates in the name of a publisher, from the publisher's own authority."""

    identity: str
    issuer: str
    certificate: bytes
    """DER, certified."""

    def entry(self, text: bytes = b"a statement that nobody published") -> bytes:
        """An entry in the publisher's name."""
        return body(self.certificate, digest_of(text))

    def claim(self, text: bytes = b"a statement that nobody published") -> bytes:
        """An entry with the publisher's name in a self-made certificate."""
        return body(self_made(self.identity, self.issuer), digest_of(text))


def thief(home: Path) -> Thief:
    """A thief who used the authority of a home's instance."""
    with contextlib.closing(Instance.open(home / "instance", create=False)) as instance:
        leaf = chain_of(instance.authority.issue(csr_request(), instance.mint()))[0]
        return Thief(instance.identity, instance.issuer, leaf.public_bytes(Encoding.DER))


def own_certificate(
    home: Path, start: datetime, end: datetime, *, names: tuple[x509.GeneralName, ...] = ()
) -> bytes:
    """A certificate (DER) with any validity and any names, by whoever has the key of a home's authority."""
    with contextlib.closing(Instance.open(home / "instance", create=False)) as instance:
        leaf = chain_of(instance.authority.issue(csr_request(), instance.mint()))[0]
    key = serialization.load_pem_private_key((home / "instance" / "keys" / "ca.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(leaf.issuer)
        .public_key(KEY.public_key())
        .serial_number(8)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for one in leaf.extensions:
        named = isinstance(one.value, x509.SubjectAlternativeName) and names
        value = x509.SubjectAlternativeName(names) if named else one.value
        builder = builder.add_extension(value, critical=one.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
