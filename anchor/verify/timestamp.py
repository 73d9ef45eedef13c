# SPDX-License-Identifier: Apache-2.0
"""RFC 3161 time-stamps over the bundle's signature, by authorities of the trusted root.

Decides whether a token is a given authority's, over exactly this signature, at a time when that authority
was trusted. A token of nobody that the root names counts for nothing. Nonces bind nothing afterwards.
"""

from collections.abc import Iterable
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import VerifierBuilder, decode_timestamp_response
from rfc3161_client.errors import VerificationError
from rfc3161_client.tsp import PKIStatus, TimeStampResponse

from anchor import limits
from anchor.errors import Refused
from anchor.trusted_root import Authority
from anchor.verify import certid
from anchor.verify.effort import Effort
from anchor.verify.report import VerifiedTime

MAX_TOKEN = limits.TIMESTAMP


def check(
    token: bytes,
    signature: bytes,
    authorities: Iterable[Authority],
    *,
    where: str,
    effort: Effort | None = None,
) -> VerifiedTime | None:
    """The time of a token (a DER TimeStampResp) over `signature`.

    None when no given authority's certificate is the one that the token names; raises Refused when one is
    and the token does not hold.
    """
    response, issuer_serial = _decode(token, where)
    reasons: list[Refused] = []
    for authority in authorities:
        if not authority.certificates or authority.issuer_serial != issuer_serial:
            continue
        if effort is not None:
            effort.spend()
        try:
            found = _by(authority, response, signature, where)
            certid.check(token, authority.certificates[0].public_bytes(Encoding.DER), where=where)
            return found
        except Refused as e:
            reasons.append(e)
    if reasons:
        raise reasons[0]
    return None


def _decode(token: bytes, where: str) -> tuple[TimeStampResponse, tuple[object, int]]:
    """The response, and issuer and serial number of the certificate that it says signed it."""
    if len(token) > MAX_TOKEN:
        raise Refused(f"{len(token)} bytes", where=where)
    try:
        response = decode_timestamp_response(token)
        if PKIStatus(response.status) is not PKIStatus.GRANTED:
            raise Refused(f"its status is {response.status}, not granted", where=where)
        if response.tst_info.version != 1:  # RFC 3161 section 2.4.2
            raise Refused(f"a token of version {response.tst_info.version}", where=where)
        signers = list(response.signed_data.signer_infos)
        if len(signers) != 1:
            raise Refused(f"{len(signers)} signers where one is wanted", where=where)
        return response, (signers[0].issuer, signers[0].serial_number)
    except (Refused, MemoryError):
        raise
    except Exception as e:  # noqa: BLE001  a lazily parsed token fails in many undocumented ways
        raise Refused(f"not a time-stamp response: {type(e).__name__}", where=where) from None


def _by(authority: Authority, response: TimeStampResponse, signature: bytes, where: str) -> VerifiedTime:
    leaf, *above = authority.certificates
    builder = VerifierBuilder(
        tsa_certificate=leaf, intermediates=list(above[:-1]), roots=list(above[-1:]) or [leaf]
    )
    try:
        builder.build().verify_message(response, signature)
        time: datetime = response.tst_info.gen_time
    except VerificationError as e:
        raise Refused(f"not {authority.uri}'s over this signature: {_brief(e)}", where=where) from None
    except MemoryError:  # the machine's limit, and nobody's forgery
        raise
    except BaseException as e:  # OpenSSL's errors come through under many names, some as a Rust panic
        if not isinstance(e, Exception) and type(e).__name__ != "PanicException":
            raise
        raise Refused(f"not {authority.uri}'s over this signature: {type(e).__name__}", where=where) from None
    if not authority.window.covers(time):
        span = f"trusted from {authority.window}, not at {time.isoformat()}"
        raise Refused(f"{authority.uri} is {span}", where=where)
    if authority.linked:
        raise Refused(f"the chain of {authority.uri} is broken: {authority.linked}", where="trusted root")
    if lapsed := authority.lapsed(time):
        raise Refused(f"{lapsed} was not valid at {time.isoformat()}", where=where)
    return VerifiedTime("rfc3161", authority.uri or authority.subject, time, authority.fingerprints[0])


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
