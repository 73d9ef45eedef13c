# SPDX-License-Identifier: Apache-2.0
"""Signing through the sigstore client, with our own services in place of its network code.

The client makes the key, the certificate request, the SCT check, the DSSE envelope and the bundle. This
module adds two things. The time-stamp token is fetched and verified before anything is written to the log.
The caller gets everything that the log will get before it is sent, to make it durable. The private key is
only in the memory of the client's signer, and is never written.

Only this module and `reference_client` import the sigstore client.
"""

import base64
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import TimeStampResponse, decode_timestamp_response
from sigstore import dsse
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle, TransparencyLogEntry, TrustedRoot
from sigstore.oidc import ExpiredIdentity, IdentityError, IdentityToken, Issuer, IssuerError
from sigstore.sign import SigningContext
from sigstore_models.rekor import v1 as rekor
from sigstore_models.trustroot import v1 as trustroot

from anchor.encoding import parse_json
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.log_kinds.kind import LogKind, Unlogged
from anchor.signing import request_timestamp, token_claims
from anchor.signing.unlogged_signature import Prepared
from anchor.sigstore import trusted_root as trusted_roots
from anchor.sigstore.bundle import IN_TOTO
from anchor.sigstore.services import CertificateAuthority, TimestampAuthority

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


class Recorder(Protocol):
    """The caller's side of a signature, in the order in which it is called."""

    def signed(self, prepared: Prepared) -> None:
        """Make a signature durable."""
        ...

    def append(self, prepared: Prepared) -> bytes:
        """Make the request durable, and write it to the log; the TransparencyLogEntry (protobuf JSON)."""
        ...


def sign(
    statement: bytes,
    *,
    authority: CertificateAuthority,
    timestamps: Sequence[TimestampAuthority],
    log: Recorder,
    trusted_root: bytes,
    token: str,
    kind: LogKind,
) -> bytes:
    """Sign an in-toto statement and record it in a log; the bundle's JSON bytes.

    `timestamps` may be empty only for a log that promises a time. `kind` is that of the log. Raises the
    errors of the services and of `log` unchanged, `Misuse` for a token that cannot be used, `Refused` for an
    answer of the instance that does not verify.
    """
    root = trusted_roots.parse(trusted_root)
    flow = _Flow(authority, log, kind)
    context = SigningContext(
        fulcio=cast("Any", flow),
        rekor=cast("Any", flow),
        trusted_root=TrustedRoot(trustroot.TrustedRoot.from_json(trusted_root)),
        tsa_clients=[cast("Any", _Stamper(flow, one, root)) for one in timestamps],
    )
    try:
        with context.signer(IdentityToken(token)) as signer:
            return _json(signer.sign_dsse(dsse.Statement(statement)))
    except AnchorError:
        raise
    except (IdentityError, ExpiredIdentity) as e:
        raise _unusable(token, e) from None
    except SigstoreError as e:
        raise Refused(
            f"the sigstore client refuses an answer of the instance: {e}", where="signing"
        ) from None
    except Exception as e:  # noqa: BLE001  the client lets errors of other libraries through
        raise Unavailable(f"the sigstore client failed: {type(e).__name__}: {e}", where="signing") from None


def assemble(prepared: Prepared, entry: bytes) -> bytes:
    """The bundle of a signing that was interrupted after its signature; the same bytes as `sign` gives."""
    material = {
        "certificate": {"rawBytes": _b64(prepared.certificate)},
        "tlogEntries": [parse_json(entry, where="log entry")],
        "timestampVerificationData": {
            "rfc3161Timestamps": [{"signedTimestamp": _b64(t)} for t in prepared.tokens]
        },
    }
    envelope = {
        "payload": _b64(prepared.payload),
        "payloadType": IN_TOTO,
        "signatures": [{"sig": _b64(prepared.signature)}],
    }
    whole = {"mediaType": BUNDLE_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope}
    try:
        return _json(Bundle.from_json(json.dumps(whole)))
    except (SigstoreError, ValueError) as e:
        raise Refused(f"journal and log entry make no bundle: {e}", where="resume") from None


def _json(bundle: Bundle) -> bytes:
    return bundle.to_json().encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass(frozen=True)
class _Issued:
    """The answer that the client expects from its Fulcio client."""

    cert: x509.Certificate
    chain: list[x509.Certificate]


class _Flow:
    """The client's Fulcio and Rekor services in one object, for one signature."""

    url = "anchor"

    def __init__(self, authority: CertificateAuthority, log: Recorder, kind: LogKind) -> None:
        self._authority = authority
        self._log = log
        self._kind = kind
        self._prepared: Prepared | None = None

    # Fulcio: `context._fulcio.signing_cert.post(csr, token)`
    @property
    def signing_cert(self) -> "_Flow":
        return self

    def post(self, csr: x509.CertificateSigningRequest, identity: IdentityToken) -> _Issued:
        request = json.dumps({"certificateSigningRequest": _b64(csr.public_bytes(Encoding.PEM))})
        answer = parse_json(self._authority.issue(request.encode(), str(identity)), where="CA answer")
        try:
            pems = answer["signedCertificateEmbeddedSct"]["chain"]["certificates"]
            first, *rest = [x509.load_pem_x509_certificate(p.encode()) for p in pems]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Refused("not a signing certificate with its chain", where="CA answer") from None
        if not rest:
            raise Refused("the chain has no issuer", where="CA answer")
        if (now := datetime.now(UTC)) > (end := first.not_valid_after_utc):
            raise Unavailable(
                f"the certificate just issued ended at {end:%Y-%m-%dT%H:%M:%SZ}, and by this machine's "
                f"clock it is {now:%Y-%m-%dT%H:%M:%SZ}",
                where="clock",
                remedy="see that the clock is right; if it is, the certificate authority's is not",
            )
        return _Issued(first, rest)

    # Rekor: the request is built before the time stamp is asked for
    def _build_dsse_request(self, envelope: dsse.Envelope, certificate: x509.Certificate) -> dict[str, Any]:
        der = certificate.public_bytes(Encoding.DER)
        unlogged = Unlogged(
            envelope=envelope.to_json(), pae=envelope.pae(), signature=envelope.signature, certificate=der
        )
        body = self._kind.request(unlogged)
        payload = base64.b64decode(json.loads(envelope.to_json())["payload"])
        self._prepared = Prepared(
            certificate=der,
            payload=payload,
            signature=envelope.signature,
            request=json.dumps(body, separators=(",", ":")).encode(),
        )
        self._log.signed(self._prepared)
        return body

    def add(self, token: bytes) -> None:
        assert self._prepared is not None
        self._prepared = msgspec.structs.replace(self._prepared, tokens=(*self._prepared.tokens, token))

    def create_entry(self, _: dict[str, Any]) -> TransparencyLogEntry:
        assert self._prepared is not None
        entry = self._log.append(self._prepared)
        return TransparencyLogEntry(rekor.TransparencyLogEntry.from_json(entry))


@dataclass(frozen=True)
class _Stamper:
    """One of the client's time-stamp services. Our errors are not its TimestampError, which it would only
    log."""

    flow: _Flow
    authority: TimestampAuthority
    root: trusted_roots.TrustedRoot
    url = "anchor"

    def request_timestamp(self, signature: bytes) -> TimeStampResponse:
        token = request_timestamp.stamp(self.authority, signature, self.root)
        self.flow.add(token)
        return decode_timestamp_response(token)


def _unusable(token: str, error: Exception) -> Misuse:
    problem, remedy = token_claims.fault(token, datetime.now(UTC))
    problem = f"the identity token is not usable: {problem or error}"
    return Misuse(problem, where="token", remedy=remedy or "get a new one")


def claims(token: str) -> tuple[str, str]:
    """Identity and issuer that a token claims and a certificate will name. Raises `Misuse`.

    The certificate authority names a workflow by its file and ref, and any other signer by the e-mail
    address. If a token has neither, its identity is the one that the client takes.
    """
    try:
        found = IdentityToken(token)
    except IdentityError as e:
        raise _unusable(token, e) from None
    named = token_claims.workflow(token) or (token_claims.read(token) or {}).get("email")
    return named if isinstance(named, str) else found.identity, found.federated_issuer


def interactive_token(issuer: str, *, browser: bool) -> str:
    """A token from a person; without a browser the URL is printed and the code is asked for."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the client asks for the code; stdout is for results
            return str(Issuer(issuer).identity_token(force_oob=not browser))
    except (IdentityError, IssuerError) as e:
        raise Unavailable(f"no identity token from {issuer}: {e}", where="token") from None
    except Exception as e:  # noqa: BLE001  the client lets errors of other libraries through
        raise Unavailable(f"{type(e).__name__}: {e}", where=f"OIDC issuer {issuer}") from None
