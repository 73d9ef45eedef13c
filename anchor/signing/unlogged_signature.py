# SPDX-License-Identifier: Apache-2.0
"""A signature that has no log entry yet. This module does not import the sigstore client, which is slow."""

from datetime import datetime

import msgspec

from anchor.sigstore.x509 import fields, load_certificate


class Prepared(msgspec.Struct, frozen=True):
    """Everything that a bundle needs except the log entry. It is durable before the log is written."""

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
        """The end of the certificate. Raises `Refused` if it cannot be read."""
        return fields(load_certificate(self.certificate, "journal"), "journal").not_after

    def late(self, now: datetime) -> bool:
        """True if there is no RFC 3161 time-stamp and the certificate has expired. The log's own time would
        be the only one then, and it would be outside the certificate's validity."""
        return not self.tokens and self.expires < now
