# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates of the test instance: each made once in a folder, in the form its server reads."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

LOG, WITNESS = 1, 4  # signature types of C2SP signed-note


def private(path: Path, *, ed: bool = False, sec1: bool = False) -> Private:
    """The key in `path`, made there first if need be: P-256 or Ed25519, PKCS#8 or SEC 1 (for TesseraCT)."""
    if not path.exists():
        new: Private = ed25519.Ed25519PrivateKey.generate() if ed else ec.generate_private_key(ec.SECP256R1())
        form = PrivateFormat.TraditionalOpenSSL if sec1 else PrivateFormat.PKCS8
        path.touch(0o600)
        path.write_bytes(new.private_bytes(Encoding.PEM, form, NoEncryption()))
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
    return key


def spki(key: Public) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def raw(key: ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def log_id(origin: str, key: Public) -> bytes:
    """All 32 bytes of a log's key id: C2SP signed-note for Ed25519, SHA-256 of the SPKI for ECDSA."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return hashlib.sha256(origin.encode() + b"\n\x01" + raw(key)).digest()
    return hashlib.sha256(spki(key)).digest()


def vkey(name: str, key: ed25519.Ed25519PublicKey, kind: int = LOG) -> str:
    """C2SP signed-note verifier key."""
    data = bytes([kind]) + raw(key)
    short = hashlib.sha256(name.encode() + b"\n" + data).hexdigest()[:8]
    return f"{name}+{short}+{base64.b64encode(data).decode()}"


def note_key(name: str, key: ed25519.Ed25519PrivateKey) -> str:
    """Signed-note private key, as a witness reads it."""
    seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    short = vkey(name, key.public_key()).split("+")[1]
    return f"PRIVATE+KEY+{name}+{short}+{base64.b64encode(bytes([LOG]) + seed).decode()}"


@dataclass(frozen=True)
class Issuing:
    """Who signs a certificate; None: it signs itself."""

    cert: x509.Certificate | None
    key: Private


def certificate(
    name: str,
    key: Private,
    by: Issuing,
    *,
    start: datetime,
    depth: int | None = None,
    usage: ObjectIdentifier | None = None,
    critical: bool = False,
) -> x509.Certificate:
    """A certificate for ten years; `depth`: path length of a CA, None for a leaf."""

    def called(common: str) -> x509.Name:
        pairs = ((NameOID.ORGANIZATION_NAME, "stack"), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])

    ca = depth is not None
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(by.cert.subject if by.cert else called(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca, depth), critical=True)
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
    )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=critical)
    return builder.sign(by.key, hashes.SHA256())


@dataclass(frozen=True)
class Pki:
    """The instance's CA, time-stamp authority, CT log and OIDC issuer, as files in `folder`."""

    folder: Path
    oidc: ec.EllipticCurvePrivateKey
    ct: Public
    authority: tuple[x509.Certificate, ...]  # intermediate, root
    stamping: tuple[x509.Certificate, ...]  # leaf, root

    @property
    def start(self) -> datetime:
        return self.authority[0].not_valid_before_utc


def make(folder: Path) -> Pki:
    """Everything under `folder`, once; the same again on later calls."""
    folder.mkdir(parents=True, exist_ok=True)
    root, intermediate, tsa_root, tsa, oidc = (
        private(folder / f"{n}.key") for n in ("root", "intermediate", "tsa-root", "tsa", "oidc")
    )
    ct = private(folder / "ct.key", sec1=True).public_key()
    if not (folder / "tsa-chain.pem").exists():
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=5)
        top = certificate("stack root", root, Issuing(None, root), start=start, depth=1)
        middle = certificate(
            "stack intermediate", intermediate, Issuing(top, root), start=start, depth=0,
            usage=ExtendedKeyUsageOID.CODE_SIGNING,
        )  # fmt: skip
        stamps = certificate("stack tsa root", tsa_root, Issuing(None, tsa_root), start=start, depth=0)
        leaf = certificate(
            "stack tsa", tsa, Issuing(stamps, tsa_root), start=start,
            usage=ExtendedKeyUsageOID.TIME_STAMPING, critical=True,
        )  # fmt: skip
        for name, chain in (("root", [top]), ("fulcio-chain", [middle, top]), ("tsa-chain", [leaf, stamps])):
            (folder / f"{name}.pem").write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in chain))
        public = ct.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / "ct.pub").write_bytes(public)
    chains = (
        x509.load_pem_x509_certificates((folder / f"{n}-chain.pem").read_bytes()) for n in ("fulcio", "tsa")
    )
    authority, stamping = (tuple(c) for c in chains)
    assert isinstance(oidc, ec.EllipticCurvePrivateKey)
    return Pki(folder, oidc, ct, authority, stamping)
