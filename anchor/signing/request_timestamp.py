# SPDX-License-Identifier: Apache-2.0
"""Request a time-stamp token, and verify it before anything is in a log.

A Rekor v2 entry is permanent, and worthless without a time-stamp, so the token comes first. The client sends
a nonce and does not check it. Here an answer to another request is refused.
"""

from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from anchor.errors import Refused
from anchor.sigstore import timestamp_response
from anchor.sigstore.services import TimestampAuthority
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verify import timestamp

WHERE = "time-stamp authority"


def stamp(authority: TimestampAuthority, signature: bytes, root: TrustedRoot) -> bytes:
    """A TimeStampResp (DER) over a signature, by an authority of the trusted root.

    The certificates that it carries are put in the order of DER: the reference client reads no other.

    Raises `Refused` for a token that does not verify, and what the authority raises.
    """
    builder = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA256).data(signature)
    request = builder.nonce(nonce=True).build()
    token = authority.stamp(request.as_bytes())
    if timestamp.check(token, signature, root.timestamp_authorities, where=WHERE) is None:
        raise Refused("the token is of an authority that the trusted root does not name", where=WHERE)
    response = timestamp_response.read(token, WHERE)
    if response.nonce != request.nonce:
        raise Refused("the token answers another request", where=WHERE)
    return response.der
