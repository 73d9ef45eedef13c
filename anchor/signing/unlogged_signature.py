# SPDX-License-Identifier: Apache-2.0
"""What a signature is kept as until its log entry is there; without the sigstore client, 0.4 s to load."""

from datetime import datetime

import msgspec

from anchor.sigstore.x509 import fields, load_certificate


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
        return fields(load_certificate(self.certificate, "journal"), "journal").not_after

    def late(self, now: datetime) -> bool:
        """Whether an entry that the log makes from now on is worth nothing: only the log says when it was
        signed, and it would say: after the certificate's end."""
        return not self.tokens and self.expires < now
