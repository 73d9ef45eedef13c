# SPDX-License-Identifier: Apache-2.0
"""What a signature is kept as until its log entry is there; without the sigstore client, 0.4 s to load."""

import msgspec


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
