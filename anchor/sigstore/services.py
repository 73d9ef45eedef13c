# SPDX-License-Identifier: Apache-2.0
"""The seams of any Sigstore instance, as bytes in and bytes out.

What a Sigstore instance does for a signer is three services. `anchor.embedded` implements them inside this
process, `anchor.signing.remote_instance` over HTTP; nothing here knows which. Each service answers with the
bytes that its public API defines, so that what is tested on one holds for the other. The third,
a log, must also tell what became of a request: its seam is `anchor.publish.instance.LogClient`.
"""

from typing import Protocol

from anchor.errors import Misuse


class Duplicate(Misuse):
    """The log has this very entry already, at `index` (0-based). Rekor v2 says it as 409 with x-log-index."""

    def __init__(self, index: int, *, where: str = "", remedy: str = "") -> None:
        super().__init__(
            f"the log already has this entry, with index {index}",
            where=where,
            remedy=remedy or "fetch that entry instead of writing it again",
        )
        self.index = index

    def at(self, where: str) -> "Duplicate":
        place = f"{where}: {self.where}" if self.where else where
        return Duplicate(self.index, where=place, remedy=self.remedy)


class CertificateAuthority(Protocol):
    """Fulcio v2, `POST /api/v2/signingCert`."""

    def issue(self, request: bytes, token: str) -> bytes:
        """A certificate for the identity of `token` (a JWT): CreateSigningCertificateRequest JSON in,
        SigningCertificate JSON out.

        Raises `Refused` when the token or the request is not accepted, `Unavailable` when no answer came.
        """
        ...


class TimestampAuthority(Protocol):
    """RFC 3161."""

    def stamp(self, request: bytes) -> bytes:
        """TimeStampReq DER in, TimeStampResp DER out. The caller verifies the answer, nonce included.

        Raises `Unavailable` when no answer came.
        """
        ...
