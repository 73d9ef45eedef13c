# SPDX-License-Identifier: Apache-2.0
"""The time-stamp authority of the embedded instance: RFC 3161 requests in, responses out.

It decides which requests get a token and which get a rejection. Its clock is the publisher's clock, so a
token is no independent evidence of time.
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from anchor.embedded import timestamp_messages as messages
from anchor.sigstore import rfc3161 as rfc

POLICY = rfc.Oid("1.3.6.1.4.1.57264.2")
"""The policy OID of Sigstore time-stamp authorities."""

MAX_REQUEST = 1 << 14
MAX_NONCE = 2**256
DIGEST_SIZES = {rfc.ID_SHA256: 32, rfc.ID_SHA384: 48, rfc.ID_SHA512: 64}

# PKIFailureInfo, RFC 3161 section 2.4.2: named bits.
BAD_ALG, BAD_REQUEST, BAD_DATA_FORMAT = 0, 2, 5
UNACCEPTED_POLICY, UNACCEPTED_EXTENSION = 15, 16

_SHA256 = rfc.AlgorithmIdentifier(algorithm=rfc.ID_SHA256, parameters=None)
_ECDSA_SHA256 = rfc.AlgorithmIdentifier(algorithm=rfc.ID_ECDSA_SHA256, parameters=None)


class _RejectedError(Exception):
    """Leads to a rejection response; never leaves this module."""

    def __init__(self, bit: int, reason: str) -> None:
        super().__init__(reason)
        self.bit = bit


class Timestamps:
    """Stamps with one key. `chain` is the signing certificate and its root; `clock` gives aware UTC times."""

    def __init__(
        self,
        *,
        key: ec.EllipticCurvePrivateKey,
        chain: tuple[x509.Certificate, ...],
        clock: Callable[[], datetime],
    ) -> None:
        self._key = key
        self.chain = chain
        self._clock = clock

    def stamp(self, request: bytes) -> bytes:
        """TimeStampReq DER in, TimeStampResp DER out: status granted (0), or a rejection that says why."""
        try:
            asked = _parse(request)
            token = self._token(asked)
        except _RejectedError as e:
            return _rejection(e.bit, str(e))
        status = messages.PkiStatusInfo(status=0, status_string=None, fail_info=None)
        return asn1.encode_der(messages.TimeStampResp(status=status, time_stamp_token=token))

    def _token(self, asked: messages.TimeStampReq) -> messages.ContentInfo:
        now = self._clock().astimezone(UTC)
        info = asn1.encode_der(
            messages.TstInfo(
                version=1,
                policy=POLICY,
                message_imprint=asked.message_imprint,
                serial_number=secrets.randbits(127) | 1 << 127,
                # Whole seconds, as the certificate's notBefore, so it is never before that. Nothing finer:
                # DER takes the last zeros off a fraction, and sigstore-js reads three digits or none.
                gen_time=asn1.GeneralizedTime(now.replace(microsecond=0)),
                accuracy=rfc.Accuracy(seconds=1, millis=None, micros=None),
                ordering=False,
                nonce=asked.nonce,
            )
        )
        data = messages.SignedData(
            version=3,  # RFC 5652 section 5.1: the content is not id-data
            digest_algorithms=asn1.SetOf([_SHA256]),
            encap_content_info=rfc.EncapsulatedContentInfo(content_type=rfc.ID_CT_TST_INFO, content=info),
            certificates=asn1.SetOf(list(self.chain)) if asked.cert_req else None,
            signer_infos=asn1.SetOf([self._signer_info(info, now)]),
        )
        return messages.ContentInfo(content_type=rfc.ID_SIGNED_DATA, content=data)

    def _signer_info(self, info: bytes, now: datetime) -> messages.SignerInfo:
        leaf = self.chain[0]
        when = now.replace(microsecond=0)
        # RFC 5652 section 11.3: UTCTime through 2049, GeneralizedTime from then on.
        signing_time = asn1.UTCTime(when) if when.year < 2050 else asn1.GeneralizedTime(when)
        certificate = messages.EssCertIdV2(cert_hash=hashlib.sha256(leaf.public_bytes(Encoding.DER)).digest())
        attributes = asn1.SetOf(
            [
                messages.attribute(rfc.ID_CONTENT_TYPE, rfc.ID_CT_TST_INFO),
                messages.attribute(rfc.ID_SIGNING_TIME, signing_time),
                messages.attribute(rfc.ID_MESSAGE_DIGEST, hashlib.sha256(info).digest()),
                messages.attribute(
                    rfc.ID_SIGNING_CERTIFICATE_V2, messages.SigningCertificateV2(certs=[certificate])
                ),
            ]
        )
        return messages.SignerInfo(
            version=1,
            sid=messages.IssuerAndSerialNumber(
                issuer=messages.tlv(leaf.issuer.public_bytes()), serial_number=leaf.serial_number
            ),
            digest_algorithm=_SHA256,
            signed_attrs=attributes,
            signature_algorithm=_ECDSA_SHA256,
            # RFC 5652 section 5.4: what is signed carries the SET tag, not the implicit [0].
            signature=self._key.sign(asn1.encode_der(attributes), ec.ECDSA(hashes.SHA256())),
        )


def _parse(request: bytes) -> messages.TimeStampReq:
    if len(request) > MAX_REQUEST:
        raise _RejectedError(BAD_DATA_FORMAT, f"a request of more than {MAX_REQUEST} bytes")
    try:
        asked = asn1.decode_der(messages.TimeStampReq, request)
    except (ValueError, OverflowError):
        raise _RejectedError(BAD_DATA_FORMAT, "not the DER of a TimeStampReq") from None
    if asked.version != 1:
        raise _RejectedError(BAD_REQUEST, f"request version {asked.version}, not 1")
    imprint = asked.message_imprint
    size = DIGEST_SIZES.get(imprint.hash_algorithm.algorithm)
    if size is None:
        raise _RejectedError(BAD_ALG, "a hash algorithm other than SHA-256, SHA-384 and SHA-512")
    if len(imprint.hashed_message) != size:
        raise _RejectedError(BAD_DATA_FORMAT, f"a hash of {len(imprint.hashed_message)} bytes, not {size}")
    if asked.nonce is not None and not -MAX_NONCE < asked.nonce < MAX_NONCE:
        raise _RejectedError(BAD_DATA_FORMAT, "a nonce of more than 256 bits")
    if asked.req_policy not in (None, POLICY):
        raise _RejectedError(UNACCEPTED_POLICY, f"the policy here is {POLICY.dotted_string}")
    if asked.extensions:
        raise _RejectedError(UNACCEPTED_EXTENSION, "no extension is known here")
    return asked


def _rejection(bit: int, reason: str) -> bytes:
    """PKIStatus rejection (2) with one failure bit; DER cuts a named bit list after its last one-bit."""
    size = bit // 8 + 1
    bits = (1 << (size * 8 - 1 - bit)).to_bytes(size, "big")
    status = messages.PkiStatusInfo(
        status=2, status_string=[reason], fail_info=asn1.BitString(bits, size * 8 - 1 - bit)
    )
    return asn1.encode_der(messages.TimeStampResp(status=status, time_stamp_token=None))
