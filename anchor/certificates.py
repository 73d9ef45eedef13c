# SPDX-License-Identifier: Apache-2.0
"""Reading X.509 certificates and their names, where the library warns, is lazy and fails in many ways.

Decides what is a certificate at all. What one says is `verify.certificate`'s question.
"""

import warnings
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from anchor.errors import Refused


def load_certificate(raw: bytes, where: str) -> x509.Certificate:
    """An X.509 certificate from DER that re-encodes to the same bytes; raises Refused."""
    try:
        found = x509.load_der_x509_certificate(raw)
        same = found.public_bytes(Encoding.DER) == raw
    except MemoryError:  # the machine's limit, and nobody's forgery
        raise
    except Exception:  # noqa: BLE001  the library has many ways to say that this is no certificate
        raise Refused("not an X.509 certificate", where=where) from None
    if not same:
        raise Refused("a certificate that is not in its canonical form", where=where)
    return found


def quiet_name(certificate: x509.Certificate, which: Literal["subject", "issuer"]) -> x509.Name:
    """A name of a certificate, without the library's warnings on how it is written; raises Refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return certificate.subject if which == "subject" else certificate.issuer
    except MemoryError:  # the machine's limit, and nobody's forgery
        raise
    except Exception:  # noqa: BLE001  a lazily parsed name fails in many undocumented ways
        raise Refused(f"a certificate with an unreadable {which}", where="certificate") from None


def shown_name(certificate: x509.Certificate, which: Literal["subject", "issuer"] = "subject") -> str:
    """A name of a certificate for a person."""
    try:
        return quiet_name(certificate, which).rfc4514_string() or f"a certificate without {which}"
    except Refused as e:
        return e.problem
