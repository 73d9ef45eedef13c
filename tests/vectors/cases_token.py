# SPDX-License-Identifier: Apache-2.0
"""Time-stamp tokens as values: how they are written, by whom they say they are, and to which fraction."""

import base64
import datetime as dt
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.forge.authorities import SIGNED, Authority, Leaf, Upper, tsa
from tests.support.forge.bundles import Edit, Json, Stamp, b64, ca_instance, window
from tests.support.forge.der import tlv
from tests.support.forge.edits import put
from tests.support.forge.keys import ecdsa
from tests.vectors.case import STAMP, Checks, Setting

HALF, US = dt.timedelta(milliseconds=500), dt.timedelta(microseconds=1)
AT = SIGNED + dt.timedelta(seconds=2)

order = Setting(
    clause="RFC 5652 10.2.3: CertificateSet is a SET; no signature covers it, so it can be sorted"
)
for name, why, chosen in (
    ("chain-order", "The token carries two certificates in the order of openssl ts.", tsa("tsa").chain),
    ("reverse-order", "The same two in the other order.", tsa("tsa").chain[::-1]),
    ("strangers", "It carries two of others as well.", (*tsa("tsa").chain, *tsa("mallory").chain)),
):
    order.accept(f"token-{name}", why, stamps=(Stamp(more={"embed": chosen}),))
order.refuse(
    "token-chain-order-over-other",
    Checks.STAMP,
    "Certificates in the order of openssl ts, in a token over something else.",
    stamps=(Stamp(over=b"something else", more={"embed": tsa("tsa").chain}),),
)


def written(rewrite: Any) -> Edit:
    """The bundle with its token written anew."""

    def edit(bundle: Json) -> None:
        stamps = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        put(STAMP, b64(rewrite(base64.b64decode(stamps[0]["signedTimestamp"]))))(bundle)

    return edit


def indefinite(token: bytes) -> bytes:
    """The outermost value of indefinite length."""
    return b"\x30\x80" + token[4:] + b"\0\0"


def long_length(token: bytes) -> bytes:
    """The outermost length in one octet more than need be."""
    return b"\x30\x83\0" + token[2:]


ber = Setting(clause="sigstore_common.proto, RFC3161SignedTimestamp: the DER encoded TimeStampResponse")
for name, why, rewrite in (
    ("ber-indefinite", "The response is of indefinite length, as BER allows.", indefinite),
    ("ber-long-length", "A length is written longer than need be, as BER allows.", long_length),
):
    ber.refuse(f"token-{name}", Checks.STAMP, why, expect="UNSUPPORTED", edit=written(rewrite))

weak = Setting(clause="Sigstore algorithm registry: SHA-1 is in none of its lists")
weak.refuse(
    "token-signed-with-sha1",
    Checks.STAMP,
    "The token's own digest and signature are SHA-1 (sigstore/timestamp-authority 201); the signature holds.",
    expect="UNSUPPORTED",
    stamps=(Stamp(more={"signed_by": "SHA1"}),),
)
weak.refuse(
    "token-imprint-sha1",
    Checks.STAMP,
    "The token names what it stamps by SHA-1.",
    expect="UNSUPPORTED",
    stamps=(Stamp(more={"hash_name": "SHA1"}),),
)
weak.accept(
    "token-signed-with-sha512",
    "Its own digest and signature are SHA-512.",
    stamps=(Stamp(more={"signed_by": "SHA2_512"}),),
)
weak.accept(
    "token-signed-with-sha1-of-stranger",
    "Beside the one that counts stands one of a stranger, signed with SHA-1.",
    stamps=(Stamp(), Stamp(by="stranger", more={"signed_by": "SHA1"})),
)


def name_of(certificate: x509.Certificate) -> bytes:
    """A directoryName."""
    return tlv(0xA4, certificate.subject.public_bytes())


named = Setting(
    clause="RFC 3161 2.4.2, tsa: it MUST correspond to one of the subject names of the certificate"
)
named.accept(
    "token-names-its-authority",
    "The token names the authority by its subject.",
    stamps=(Stamp(more={"tsa": name_of(tsa("tsa").chain[0])}),),
)
for name, why, value in (
    ("another", "It names another authority.", name_of(tsa("mallory").chain[0])),
    ("host", "It names a host that its certificate does not.", tlv(0x82, b"tsa.vectors.example")),
):
    named.refuse(f"token-names-{name}", Checks.STAMP, why, stamps=(Stamp(more={"tsa": value}),))

NONE = "1.3.6.1.4.1.99999.1"
extended = Setting(clause="RFC 3161 2.4.2 and RFC 5280 4.2: an unknown critical extension is not passed over")
extended.accept(
    "token-extension",
    "An extension of the token that is not critical.",
    stamps=(Stamp(more={"extensions": ((NONE, False),)}),),
)
extended.refuse(
    "token-critical-extension",
    Checks.STAMP,
    "A critical extension of the token that nobody knows.",
    expect="UNSUPPORTED",
    stamps=(Stamp(more={"extensions": ((NONE, True),)}),),
)

closed = Setting(
    clause="sigstore_common.proto, TimeRange: closed at both ends; RFC 3161 2.4.2: genTime has fractions"
)


def authority_window(**ends: dt.datetime) -> Edit:
    """The authority with this window."""
    return put("timestampAuthorities.0.validFor", window(**ends))


half = (Stamp(time=AT + HALF),)
closed.accept("token-fraction", "The token's time has a fraction.", stamps=half)
closed.accept(
    "token-fraction-at-start",
    "The authority starts at the same half second.",
    stamps=half,
    root=authority_window(start=AT + HALF),
)
closed.refuse(
    "token-fraction-before-start",
    Checks.STAMP,
    "It starts a microsecond after.",
    stamps=half,
    root=authority_window(start=AT + HALF + US),
)
closed.accept(
    "token-fraction-at-end",
    "It ends at the same half second.",
    stamps=half,
    root=authority_window(end=AT + HALF),
)
closed.refuse(
    "token-fraction-after-end",
    Checks.STAMP,
    "It ended half a second before, in the same second.",
    stamps=half,
    root=authority_window(end=AT),
)
closed.refuse(
    "token-fraction-after-log-end",
    Checks.WINDOW,
    "The log's key ended half a second before, in the same second.",
    stamps=half,
    root=put("tlogs.1.publicKey.validFor", window(end=AT)),
)
closed.refuse(
    "token-fraction-after-leaf",
    Checks.VALIDITY,
    "The certificate ended half a second before, in the same second.",
    stamps=half,
    leaf=Leaf(end=AT),
    clause="RFC 5280 4.1.2.5: the period from notBefore through notAfter, inclusive",
)
closed.refuse(
    "token-fraction-after-authority",
    Checks.STAMP,
    "The authority's certificate ended half a second before, in the same second.",
    stamps=(Stamp(time=AT + HALF, more={"certificate": tsa("tsa", end=AT).chain[0]}),),
    root=put("timestampAuthorities.0", ca_instance(tsa("tsa", end=AT), "tsa")),
    clause="RFC 5280 4.1.2.5: the period from notBefore through notAfter, inclusive",
)

path = Setting(clause="RFC 5280 section 6.1, from the certificate that the trusted root lists last")


def tower(**upper: Any) -> Authority:
    """A time-stamping certificate under an intermediate and a root; `upper` changes the intermediate."""
    root = Upper(common="tsa tower root", key=ecdsa("tsa tower root"))
    middle = Upper(common="tsa tower upper", key=ecdsa("tsa tower upper"), **upper)
    use = ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),)
    leaf = Upper(common="tsa tower leaf", key=ecdsa("tsa tower leaf"), ca=False, cert_sign=False, more=use)
    return Authority(leaf.key, (leaf.issue(middle), middle.issue(root), root.issue()))


def stamped_by(chosen: Authority) -> Json:
    """A bundle that this authority stamped, and the trusted root that names it."""
    more = {"key": chosen.key, "certificate": chosen.chain[0]}
    return {
        "stamps": (Stamp(more=more),),
        "root": put("timestampAuthorities.0", ca_instance(chosen, "tower")),
    }


path.accept(
    "token-path-three",
    "An intermediate stands between authority and root.",
    **stamped_by(tower(length=0)),
)
for name, why, knobs in (
    ("not-authority", "An end-entity certificate stands between authority and root.", {"ca": False}),
    ("no-cert-sign", "The intermediate's key usage has no keyCertSign.", {"cert_sign": False}),
    ("other-purpose", "The intermediate is for signing code.", {"eku": (ExtendedKeyUsageOID.CODE_SIGNING,)}),
    ("expired", "The intermediate ended before.", {"end": AT - 2 * HALF}),
):
    path.refuse(f"token-path-{name}", Checks.STAMP, why, **stamped_by(tower(**knobs)))


def alone() -> Authority:
    """A time-stamping certificate that signed itself."""
    use = ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),)
    leaf = Upper(common="tsa alone", key=ecdsa("tsa alone"), ca=False, cert_sign=False, more=use)
    return Authority(leaf.key, (leaf.issue(),))


path.accept(
    "token-path-itself",
    "The trusted root lists one certificate, which signed itself: it is the trust anchor.",
    **stamped_by(alone()),
    clause="RFC 5280 section 6.1.1 (d): trust anchor information is a name and a public key",
)
path.refuse(
    "token-path-without-root",
    Checks.STAMP,
    "The trusted root lists the authority's certificate without the root that issued it.",
    expect="UNSUPPORTED",
    **stamped_by(Authority(tower().key, tower().chain[:1])),
    clause="RFC 5280 section 6.1.1 (d) has it do; OpenSSL, which verifies tokens here, wants a root",
)
