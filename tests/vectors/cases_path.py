# SPDX-License-Identifier: Apache-2.0
"""Certification paths: what stands between the leaf and the root that the trusted root lists last."""

import datetime as dt
from typing import Any

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.forge.authorities import (
    EPOCH,
    IDENTITY,
    SIGNED,
    Authority,
    Leaf,
    Upper,
    authority,
    resigned,
)
from tests.support.forge.bundles import Edit, ca_instance
from tests.support.forge.der import utf8
from tests.support.forge.edits import put
from tests.support.forge.keys import Key, ecdsa, ed
from tests.vectors.case import Checks, Setting

S = dt.timedelta(seconds=1)
AT = SIGNED + 2 * S
CODE, ANY = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
HOST = x509.RFC822Name("vectors.example")
OTHER = x509.RFC822Name("other.example")


def tower(upper: dict[str, Any] | None = None, root: dict[str, Any] | None = None) -> Authority:
    """A root, an upper intermediate and the issuer of leaves; `upper` and `root` change the first two."""
    top = Upper(common="tower root", key=ecdsa("tower root"), **(root or {}))
    middle = Upper(common="tower upper", key=ecdsa("tower upper"), **{"length": 1, **(upper or {})})
    low = Upper(common="tower issuer", key=ecdsa("tower issuer"), length=0, eku=(CODE,))
    return Authority(low.key, (low.issue(middle), middle.issue(top), top.issue()))


def listed(chosen: Authority) -> Edit:
    """The trusted root with this authority alone."""
    return put("certificateAuthorities", [ca_instance(chosen, "tower")])


def permitted(*names: x509.GeneralName) -> dict[str, Any]:
    """Name constraints: these alone."""
    return {"more": ((x509.NameConstraints(list(names), None), True),)}


def excluded(*names: x509.GeneralName) -> dict[str, Any]:
    """Name constraints: all but these."""
    return {"more": ((x509.NameConstraints(None, list(names)), True),)}


path = Setting(
    clause="Sigstore client specification 4.3: certification path validation (RFC 5280 section 6) with the "
    "pre-distributed root as trust anchor"
)
GOOD: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("three", "Three certificates above the leaf, with path lengths that just do.", {}),
    ("length-none", "An intermediate without a path length.", {"length": None}),
    ("permits", "The upper intermediate permits e-mail of the leaf's host.", permitted(OTHER, HOST)),
    ("excludes-other", "It excludes e-mail of another host.", excluded(OTHER)),
    ("purpose", "Its extended key usage allows signing code.", {"eku": (CODE,)}),
    ("any-purpose", "Its extended key usage allows anything.", {"eku": (ANY,)}),
    ("no-key-usage", "It has no key usage, which the RFC then does not look at.", {"cert_sign": None}),
)
for name, why, knobs in GOOD:
    chosen = tower(knobs)
    path.accept(f"path-{name}", why, issued_by=chosen, root=listed(chosen))

UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), utf8("x"))
POLICIES = x509.CertificatePolicies(
    [x509.PolicyInformation(x509.ObjectIdentifier("1.3.6.1.4.1.57264.9"), None)]
)
BAD: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("not-authority", "An end-entity certificate stands above the issuer.", "(k)", {"ca": False}),
    ("no-constraints", "Its basicConstraints are missing.", "(k)", {"ca": None}),
    ("no-cert-sign", "Its key usage has no keyCertSign.", "(n)", {"cert_sign": False}),
    ("too-long", "Its path length allows no intermediate below.", "(l) and (m)", {"length": 0}),
    ("permits-other", "It permits e-mail of another host alone.", "(g)", permitted(OTHER)),
    ("excludes", "It excludes e-mail of the leaf's host.", "(g)", excluded(HOST)),
    ("unknown-critical", "It has a critical extension nobody knows.", "(o)", {"more": ((UNKNOWN, True),)}),
    ("expired", "It ended a second before.", "6.1.3 (a) (2)", {"end": AT - S}),
    ("not-yet", "It begins a second after.", "6.1.3 (a) (2)", {"start": AT + S}),
)
for name, why, clause, knobs in BAD:
    chosen = tower(knobs)
    path.refuse(
        f"path-{name}",
        Checks.CHAIN,
        why,
        issued_by=chosen,
        root=listed(chosen),
        clause=f"RFC 5280 section {clause if clause.startswith('6') else '6.1.4 ' + clause}",
    )
chosen = tower({"eku": (ExtendedKeyUsageOID.SERVER_AUTH,)})
path.refuse(
    "path-other-purpose",
    Checks.CHAIN,
    "The upper intermediate is for web servers alone.",
    issued_by=chosen,
    root=listed(chosen),
    clause="RFC 5280 4.2.1.12: the certificate is used for the purposes indicated alone; clients nest them",
)
chosen = tower(root={"end": AT - S})
path.refuse(
    "path-root-expired",
    Checks.CHAIN,
    "The root itself ended a second before.",
    issued_by=chosen,
    root=listed(chosen),
    clause="Sigstore client specification 4.3; the window of a key that signs ends with its certificate",
)
chosen = tower(root={"length": 0})
path.refuse(
    "path-root-too-long",
    Checks.CHAIN,
    "The root's own path length is exceeded: what a root says of itself is heeded.",
    issued_by=chosen,
    root=listed(chosen),
    clause="RFC 5937: using trust anchor constraints during certification path processing",
)
chosen = tower()
path.accept(
    "path-ends-in-intermediate",
    "The trusted root lists no root but an intermediate last: that is the trust anchor, a name and a key.",
    issued_by=chosen,
    root=listed(Authority(chosen.key, chosen.chain[:2])),
    clause="RFC 5280 section 6.1.1 (d): trust anchor information is a name and a public key",
)
path.refuse(
    "path-broken",
    Checks.CHAIN,
    "The certificate that is listed last did not issue the one before it.",
    issued_by=chosen,
    root=listed(Authority(chosen.key, (*chosen.chain[:2], authority("mallory").chain[1]))),
)


def year_zero(at: int) -> Authority:
    """A tower of which one certificate begins in the year 0000, which no calendar here has."""
    far = {"start": dt.datetime(2050, 1, 1, tzinfo=dt.UTC), "end": dt.datetime(2060, 1, 1, tzinfo=dt.UTC)}
    odd = tower(far if at == 1 else None, far if at == 2 else None)
    signer = ecdsa("tower root")
    patched = resigned(odd.chain[at], signer, b"20500101000000Z", b"00000101000000Z")
    return Authority(odd.key, (*odd.chain[:at], patched, *odd.chain[at + 1 :]))


for at, which in ((1, "upper"), (2, "root")):
    chosen = year_zero(at)
    path.refuse(
        f"path-{which}-year-0000",
        Checks.CHAIN,
        "A certificate above the issuer begins in the year 0000.",
        issued_by=chosen,
        root=listed(chosen),
        clause="RFC 5280 4.1.2.5; no library here has such a time, and that ends nobody's program",
    )
path.accept(
    "path-year-0000-of-another",
    "Beside the authority that counts stands one whose certificate begins in the year 0000.",
    root=lambda r: r["certificateAuthorities"].insert(0, ca_instance(year_zero(1), "odd")),
)

limits = Setting(clause="what the library for paths has no means for is no forgery")
LIMITS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "uri-constraints",
        "Name constraints on URIs, which the library cannot compare.",
        permitted(HOST, x509.UniformResourceIdentifier(".vectors.example")),
    ),
    (
        "directory-constraints",
        "Name constraints on directory names, which the library passes over.",
        excluded(x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "other")]))),
    ),
    (
        "policies",
        "Certificate policies that are critical: policies are not processed.",
        {"more": ((POLICIES, True),)},
    ),
)
for name, why, knobs in LIMITS:
    chosen = tower(knobs)
    limits.refuse(
        f"path-{name}", Checks.CHAIN, why, expect="UNSUPPORTED", issued_by=chosen, root=listed(chosen)
    )
chosen = tower({"more": ((POLICIES, False),)})
limits.accept(
    "path-policies-not-critical",
    "Certificate policies that may be ignored.",
    issued_by=chosen,
    root=listed(chosen),
)


def spelled(kind: _ASN1Type) -> x509.Name:
    """One name, in one type of string or another."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "vectors.example", kind),
            x509.NameAttribute(NameOID.COMMON_NAME, "spelled issuer", kind),
        ]
    )


def respelled() -> tuple[Authority, Authority]:
    """An authority as it issues leaves and as it is listed: its name in two types of string."""
    root = Upper(common="spelled root", key=ecdsa("spelled root"))
    listed_as = Upper(common="", key=ecdsa("spelled"), name=spelled(_ASN1Type.PrintableString))
    issues_as = Upper(common="", key=ecdsa("spelled"), name=spelled(_ASN1Type.UTF8String))
    chain = (listed_as.issue(root), root.issue())
    return Authority(issues_as.key, (issues_as.issue(root), *chain[1:])), Authority(listed_as.key, chain)


issues, shows = respelled()
limits.refuse(
    "path-name-spelled-otherwise",
    Checks.CHAIN,
    "The leaf writes its issuer's name as UTF8String, the issuer's own certificate as PrintableString.",
    expect="UNSUPPORTED",
    issued_by=issues,
    root=listed(shows),
    clause="RFC 5280 section 7.1 has them equal; 4.1.2.6 wants one encoding, and the library compares bytes",
)


def mixed_keys() -> Authority:
    """A tower whose root has an Ed25519 key."""
    root = Upper(common="ed root", key=ed("ed root"))
    low = Upper(common="ed issuer", key=ecdsa("ed issuer"), length=0, eku=(CODE,))
    return Authority(low.key, (low.issue(root), root.issue()))


chosen = mixed_keys()
limits.refuse(
    "path-root-ed25519",
    Checks.CHAIN,
    "The issuer's key is of a known kind, its root's is Ed25519.",
    expect="UNSUPPORTED",
    issued_by=chosen,
    root=listed(chosen),
    clause="RFC 8410; sigstore algorithm registry",
)


def itself() -> tuple[Authority, Leaf]:
    """A leaf that is its own issuer."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alone")])
    leaf = Leaf(key=ecdsa("alone"), subject=name, start=EPOCH, end=SIGNED + dt.timedelta(days=9))
    by = Authority(ecdsa("alone"), (Upper(common="", key=ecdsa("alone"), name=name).issue(),))
    made = leaf.issue(by)
    return Authority(ecdsa("alone"), (made,)), leaf


alone, alone_leaf = itself()
path.refuse(
    "path-leaf-is-the-anchor",
    Checks.CHAIN,
    "The trusted root lists the signer's own certificate as an authority: nobody issued it.",
    certificate=alone.chain[0],
    leaf=alone_leaf,
    root=listed(alone),
    clause="Fulcio: a signing certificate is issued by an authority, which the SCT names by its key",
)

names = Setting(clause="RFC 5280 section 4.2.1.6; Fulcio OID 1.3.6.1.4.1.57264.1.7")
USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")


def username(text: str) -> Leaf:
    """A leaf of Fulcio's user name issuers."""
    return Leaf(identity=None, more_names=(x509.OtherName(USERNAME, utf8(text)),))


names.accept(
    "identity-username",
    "A user name as Fulcio writes it.",
    leaf=username("ada!vectors.example"),
    identity="ada!vectors.example",
)
names.refuse(
    "identity-username-as-email",
    Checks.MATERIAL,
    "A user name that reads as the accepted e-mail address.",
    leaf=username(IDENTITY),
)
names.refuse(
    "identity-username-as-uri",
    Checks.MATERIAL,
    "A user name that reads as a URI.",
    leaf=username("https://ci!vectors.example"),
    identity="https://ci!vectors.example",
)


def in_utf8(name: x509.GeneralName, old: str, new: str, key: Key) -> x509.Certificate:
    """A leaf with UTF-8 in a name that is an IA5String."""
    made = Leaf(key=key, identity=None, more_names=(name,), scts=()).issue(authority("fulcio"))
    return resigned(made, authority("fulcio").key, old.encode(), new.encode())


for kind, ascii_name, told in (
    ("email", x509.RFC822Name("relXXse@vectors.example"), "relése@vectors.example"),
    (
        "uri",
        x509.UniformResourceIdentifier("https://vectors.example/relXXse"),
        "https://vectors.example/relése",
    ),
):
    names.refuse(
        f"identity-{kind}-in-utf8",
        Checks.MATERIAL,
        "A name that is an IA5String has bytes of UTF-8.",
        certificate=in_utf8(ascii_name, ascii_name.value, told, ecdsa("signer")),
        identity=told,
    )
names.accept(
    "certificate-critical-purpose",
    "A leaf whose extended key usage is critical.",
    leaf=Leaf(eku_critical=True),
    clause="RFC 5280 4.2.1.12: this extension MAY, at the option of the issuer, be critical or non-critical",
)
