# SPDX-License-Identifier: Apache-2.0
"""What a signature is kept as until its log entry is there; without the sigstore client, 0.4 s to load."""

from datetime import datetime

import msgspec
from cryptography import x509

from anchor.errors import Refused


class Prepared(msgspec.Struct, frozen=True):
    """Everything that a bundle needs but the log entry. Durable before the log is written."""

    certificate: bytes
    """Leaf certificate, DER."""
    payload: bytes
    """The statement, as signed."""
    signature: bytes
    """DSSE signature over the PAE of the payload, DER."""
    request: bytes
    """The exact body to send to the log, JSON."""
    tokens: tuple[bytes, ...] = ()
    """RFC 3161 responses over `signature`, DER, verified."""

    @property
    def expires(self) -> datetime:
        """When the certificate ends. Raises `Refused` for one that is none."""
        try:
            return x509.load_der_x509_certificate(self.certificate).not_valid_after_utc
        except ValueError as e:
            raise Refused(f"not a certificate: {e}", where="journal") from None

    def late(self, now: datetime) -> bool:
        """Whether an entry that the log makes from now on is worth nothing: only the log says when it was
        signed, and it would say: after the certificate's end."""
        return not self.tokens and self.expires < now
