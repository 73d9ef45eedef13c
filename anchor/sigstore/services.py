# SPDX-License-Identifier: Apache-2.0
"""The services of a Sigstore instance, as interfaces of bytes.

A Sigstore instance has three services for a signer. `anchor.embedded` implements them inside this process,
`anchor.signing.remote_instance` over HTTP. Each answers with the bytes that its public API defines, so a test
of one holds for the other. The interface of the third service, a log, is `anchor.publish.instance.LogClient`:
it must also say what happened to a request.
"""

from typing import Protocol

from anchor.errors import Misuse


class Duplicate(Misuse):
    """The log already has this entry, at `index` (from 0). Rekor v2 answers 409 with x-log-index."""

    def __init__(self, index: int, *, where: str = "", remedy: str = "") -> None:
        super().__init__(
            f"the log already has this entry, with index {index}",
            where=where,
            remedy=remedy or "fetch that entry instead of writing it again",
        )
        self.index = index

    def at(self, where: str) -> "Duplicate":
        full = f"{where}: {self.where}" if self.where else where
        return Duplicate(self.index, where=full, remedy=self.remedy)


class CertificateAuthority(Protocol):
    """Fulcio v2, `POST /api/v2/signingCert`."""

    def issue(self, request: bytes, token: str) -> bytes:
        """A certificate for the identity of `token` (a JWT): CreateSigningCertificateRequest JSON in,
        SigningCertificate JSON out.

        Raises `Refused` if the token or the request is not accepted, `Unavailable` without an answer.
        """
        ...


class TimestampAuthority(Protocol):
    """RFC 3161."""

    def stamp(self, request: bytes) -> bytes:
        """TimeStampReq DER in, TimeStampResp DER out. The caller verifies the answer, nonce included.

        Raises `Unavailable` without an answer.
        """
        ...
