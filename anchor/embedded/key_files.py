# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates of an embedded instance: made once, read back with their modes checked.

The root key of each chain signs one certificate and is never written. So it cannot be stolen, and nothing
can be certified that is not in the trusted root.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from anchor.disk import files, private_keys
from anchor.disk.private_keys import MAX_FILE
from anchor.errors import Misuse
from anchor.log_kinds.embedded import EMBEDDED_SUFFIX

ORGANIZATION = "no independent evidence"
"""In the name of every certificate: the operator of the embedded instance is the publisher."""

YEARS = 30
BACKDATE = timedelta(minutes=5)
"""Windows begin this long before the instance was made: clocks of verifiers differ."""

Private = ec.EllipticCurvePrivateKey | Ed25519PrivateKey


@dataclass(frozen=True)
class Chain:
    """A signing key, its certificate and the root that signed it."""

    key: ec.EllipticCurvePrivateKey
    certificates: tuple[x509.Certificate, ...]


def origin_of(key: Ed25519PublicKey) -> str:
    """The origin of the log with this key: a bare host name that no other key has."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16] + EMBEDDED_SUFFIX


def make_authority(origin: str, start: datetime) -> Chain:
    """A CA: P-256, an issuing certificate for code signing below a root."""
    return _chain(origin, "CA", start, ExtendedKeyUsageOID.CODE_SIGNING, issues=True)


def make_timestamps(origin: str, start: datetime) -> Chain:
    """A time-stamp authority: P-256, a certificate for time-stamps alone below a root."""
    return _chain(origin, "TSA", start, ExtendedKeyUsageOID.TIME_STAMPING, issues=False)


def _chain(origin: str, role: str, start: datetime, purpose: ObjectIdentifier, *, issues: bool) -> Chain:
    end = start + timedelta(days=YEARS * 365)
    root_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name(f"{origin} {role} root"), _name(f"{origin} {role}")
    root = (
        _certificate(root_name, root_name, root_key, root_key, start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=int(issues)), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
    )
    below = (
        _certificate(name, root_name, key, root_key, start, end)
        .add_extension(x509.BasicConstraints(ca=issues, path_length=0 if issues else None), critical=True)
        .add_extension(key_usage(signs_certificates=issues), critical=True)
        # RFC 3161 section 2.3: critical, and nothing else, for a time-stamp authority.
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=not issues)
    )
    return Chain(key, (below.sign(root_key, hashes.SHA256()), root.sign(root_key, hashes.SHA256())))


def _certificate(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    public = key.public_key()
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(authority, critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Of a key that signs certificates and lists of revoked ones, or everything else."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def read_key(path: Path) -> Private:
    """A private key; `Misuse` if others can read it or it is not one of ours."""
    key = private_keys.read(path)
    if not isinstance(key, (ec.EllipticCurvePrivateKey, Ed25519PrivateKey)):
        raise Misuse("a private key of another kind", where=str(path), remedy="restore it from a backup")
    return key


def write_chain(path: Path, chain: Chain) -> None:
    """Certificates in PEM, the signing one first."""
    files.write(path, b"".join(c.public_bytes(Encoding.PEM) for c in chain.certificates), mode=0o600)


def read_chain(key: Path, certificates: Path) -> Chain:
    """A key with its certificates; `Misuse` when they do not belong together."""
    private = read_key(key)
    try:
        found = tuple(x509.load_pem_x509_certificates(files.read(certificates, limit=MAX_FILE)))
    except ValueError:
        raise Misuse("no certificates in PEM", where=str(certificates), remedy="restore a backup") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != found[0].public_key():
        raise Misuse("is not of the key beside it", where=str(certificates), remedy="restore a backup")
    return Chain(private, found)
