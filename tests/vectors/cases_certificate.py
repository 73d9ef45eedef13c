# SPDX-License-Identifier: Apache-2.0
"""Certificates: who signed, under which authority, within which window, seen by which CT log."""

import datetime as dt
import hashlib

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.forge.authorities import IDENTITY, ISSUER, SIGNED, Leaf, Sct, authority, der
from tests.support.forge.bundles import V1, V2_DSSE, Json, b64, ca_instance, ct_instance, window
from tests.support.forge.der import utf8
from tests.support.forge.edits import put
from tests.support.forge.keys import ecdsa, rsa_key
from tests.vectors.case import Checks, Setting, both

S = dt.timedelta(seconds=1)
who = Setting(clause="FORMAT.md section 10: pairs of identity and issuer, each matched whole")
who.refuse("identity-other", Checks.IDENTITY, "Another signer.", identity="mallory@vectors.example")
who.refuse(
    "identity-prefix", Checks.IDENTITY, "The expected identity is only the beginning.", identity=IDENTITY[:-1]
)
who.refuse(
    "identity-suffix",
    Checks.IDENTITY,
    "The expected identity is longer.",
    identity=f"{IDENTITY}.mallory.example",
)
who.refuse("identity-case", Checks.IDENTITY, "The same in capitals.", identity=IDENTITY.upper())
who.refuse(
    "identity-dsse",
    Checks.IDENTITY,
    "Another signer of a statement.",
    recipe=V2_DSSE,
    identity="mallory@vectors.example",
)
who.refuse(
    "issuer-other",
    Checks.IDENTITY,
    "The right name, vouched for by another issuer.",
    issuer="https://accounts.mallory.example",
)
who.refuse("issuer-slash", Checks.IDENTITY, "The issuer with a slash.", issuer=f"{ISSUER}/")
who.refuse(
    "issuer-missing",
    Checks.MATERIAL,
    "A certificate that names no issuer.",
    leaf=Leaf(issuer_v1=None, issuer_v2=None),
)
who.refuse(
    "issuer-two-differ",
    Checks.MATERIAL,
    "The old and the new issuer extension disagree.",
    leaf=Leaf(issuer_v2="https://accounts.mallory.example"),
    clause="Fulcio OIDs: .1.1 and .1.8 name the same issuer; which would be believed?",
)
who.refuse(
    "identity-missing",
    Checks.MATERIAL,
    "No subject alternative name.",
    leaf=Leaf(identity=None, subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, IDENTITY)])),
)
who.refuse(
    "identity-two-names",
    Checks.MATERIAL,
    "Two names: whose signature is it?",
    leaf=Leaf(more_names=(x509.RFC822Name("mallory@vectors.example"),)),
    identity="mallory@vectors.example",
    clause="Fulcio: exactly one subject alternative name",
)
who.refuse(
    "identity-dns-name",
    Checks.MATERIAL,
    "The identity as a DNS name is another kind of name.",
    leaf=Leaf(identity=None, more_names=(x509.DNSName("vectors.example"),)),
    identity="vectors.example",
)

chain = Setting(
    clause="sigstore client spec: the certificate chains to the trusted root, valid at the signed time"
)
chain.refuse(
    "certificate-expired",
    Checks.CHAIN,
    "Stamped a second after the certificate ended.",
    leaf=Leaf(end=SIGNED + 1 * S),
)
chain.refuse(
    "certificate-not-yet",
    Checks.CHAIN,
    "Stamped a second before the certificate began.",
    leaf=Leaf(start=SIGNED + 3 * S),
)
chain.refuse(
    "certificate-v1-expired",
    Checks.CHAIN,
    "Promised after the certificate ended.",
    recipe=V1,
    leaf=Leaf(end=SIGNED + 2 * S),
)
chain.refuse(
    "certificate-unknown-authority",
    Checks.CHAIN,
    "An authority that nobody trusts.",
    issued_by=authority("mallory"),
)
chain.refuse(
    "certificate-authority-same-name",
    Checks.CHAIN,
    "An authority of the trusted name with its own key.",
    issued_by=authority("mallory", common="fulcio intermediate"),
)
chain.refuse(
    "certificate-issuer-expired",
    Checks.CHAIN,
    "The intermediate ended before the signed time.",
    issued_by=authority("fulcio short", end=SIGNED + 1 * S),
    root=put(
        "certificateAuthorities.0", ca_instance(authority("fulcio short", end=SIGNED + 1 * S), "fulcio")
    ),
)
chain.refuse(
    "window-ca-ended",
    Checks.CHAIN,
    "The authority ended a second before the token's time.",
    root=put("certificateAuthorities.0.validFor", window(end=SIGNED + 1 * S)),
)
chain.refuse(
    "window-ca-not-started",
    Checks.CHAIN,
    "The authority starts a second after.",
    root=put("certificateAuthorities.0.validFor", window(SIGNED + 3 * S)),
)
chain.refuse(
    "window-ca-v1-ended",
    Checks.CHAIN,
    "The authority ended before the promised time.",
    recipe=V1,
    root=put("certificateAuthorities.0.validFor", window(end=SIGNED + 2 * S)),
)
chain.refuse(
    "window-ca-borrowed",
    Checks.CHAIN,
    "The authority's window is over; another's, of another key, is not.",
    root=both(
        put("certificateAuthorities.0.validFor", window(end=SIGNED - 1 * S)),
        lambda r: r["certificateAuthorities"].append(ca_instance(authority("fulcio two"), "two")),
    ),
)


def own_chain(bundle: Json) -> None:
    """The attacker's chain, carried along in the bundle."""
    certificates = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
    certificates.extend({"rawBytes": b64(der(c))} for c in authority("mallory").chain)


chain.refuse(
    "certificate-brings-its-own-root",
    Checks.MATERIAL,
    "The bundle brings the chain it wants to be judged by.",
    recipe=V1,
    version="0.2",
    issued_by=authority("mallory"),
    edit=own_chain,
)
chain.refuse(
    "certificate-is-ca", Checks.CHAIN, "A signing certificate that is an authority.", leaf=Leaf(ca=True)
)
chain.refuse(
    "certificate-intermediate-signs",
    Checks.MATERIAL,
    "The intermediate itself signs.",
    certificate=authority("fulcio").chain[0],
    signer=authority("fulcio").key,
)

profile = Setting(clause="Fulcio certificate specification, extensions of a leaf")
profile.refuse(
    "certificate-no-code-signing",
    Checks.USAGE,
    "A certificate for another use.",
    leaf=Leaf(eku=ExtendedKeyUsageOID.SERVER_AUTH),
)
profile.refuse("certificate-no-eku", Checks.USAGE, "No extended key usage.", leaf=Leaf(eku=None))
profile.refuse(
    "certificate-no-digital-signature",
    Checks.CHAIN,
    "Its key may not sign.",
    leaf=Leaf(digital_signature=False),
)
profile.refuse("certificate-no-key-usage", Checks.USAGE, "No key usage.", leaf=Leaf(usage=False))
profile.refuse(
    "certificate-unknown-critical",
    Checks.CHAIN,
    "A critical extension nobody knows.",
    leaf=Leaf(
        extend=lambda b: b.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), utf8("x")), critical=True
        )
    ),
    clause="RFC 5280 4.2: reject an unrecognised critical extension",
)

sct = Setting(
    clause="sigstore client spec: the SCT is verified with the CT log's key of its id, RFC 6962 3.2"
)
sct.refuse("sct-missing", Checks.SCT, "No SCT.", leaf=Leaf(scts=()))
sct.refuse("sct-false", Checks.SCT, "The signature does not verify.", leaf=Leaf(scts=(Sct(tamper=True),)))
sct.refuse(
    "sct-unknown-log", Checks.SCT, "A CT log nobody trusts.", leaf=Leaf(scts=(Sct(key=ecdsa("mallory")),))
)
sct.refuse(
    "sct-id-of-another",
    Checks.SCT,
    "A trusted key under an unknown id: found only by trying.",
    leaf=Leaf(scts=(Sct(log_id=bytes(32)),)),
)
sct.refuse(
    "sct-id-trusted-key-not",
    Checks.SCT,
    "A trusted id, signed with another key.",
    leaf=Leaf(scts=(Sct(key=ecdsa("mallory"), log_id=hashlib.sha256(ecdsa("ct").spki).digest()),)),
)
sct.refuse(
    "sct-other-issuer",
    Checks.SCT,
    "The SCT is for another issuer's certificate.",
    leaf=Leaf(scts=(Sct(issuer_key=ecdsa("mallory")),)),
)
sct.refuse(
    "window-ct-ended",
    Checks.SCT,
    "The CT key ended a second before.",
    root=put("ctlogs.0.publicKey.validFor", window(end=SIGNED - 1 * S)),
)
sct.refuse(
    "window-ct-not-started",
    Checks.SCT,
    "The CT key starts a second after.",
    root=put("ctlogs.0.publicKey.validFor", window(SIGNED + 1 * S)),
)
sct.refuse(
    "sct-after-certificate",
    Checks.SCT,
    "The log says that it saw the certificate a second after its end.",
    leaf=Leaf(scts=(Sct(time=Leaf().end + S),)),
    clause="RFC 6962 5.2: clients SHOULD reject an SCT whose timestamp is in the future",
)
beside = Setting(
    clause="RFC 6962 3.3: one or more SCTs; a wrong one is not outvoted, one of a stranger counts for nothing"
)
beside.accept(
    "sct-two",
    "Two SCTs of two logs that the trusted root names.",
    leaf=Leaf(scts=(Sct(), Sct(key=ecdsa("ct b")))),
    root=lambda r: r["ctlogs"].append(ct_instance(ecdsa("ct b"))),
)
beside.accept(
    "sct-of-stranger-beside",
    "The second one is of a log that nobody trusts.",
    leaf=Leaf(scts=(Sct(), Sct(key=ecdsa("mallory")))),
)
beside.refuse(
    "sct-second-false",
    Checks.SCT,
    "The second one is of a trusted log, and its signature is false.",
    leaf=Leaf(scts=(Sct(), Sct(key=ecdsa("ct b"), tamper=True))),
    root=lambda r: r["ctlogs"].append(ct_instance(ecdsa("ct b"))),
)
beside.refuse(
    "sct-two-of-one-log",
    Checks.SCT,
    "Two of one log.",
    leaf=Leaf(scts=(Sct(), Sct(time=SIGNED + S))),
    clause="one log saw one certificate once: the second adds nothing",
)
beside.refuse(
    "sct-nine",
    Checks.SCT,
    "Nine of them, each a signature to be verified.",
    expect="UNSUPPORTED",
    leaf=Leaf(scts=tuple(Sct(key=ecdsa(f"ct {n}")) for n in range(9))),
    clause="what a stranger can multiply is bounded",
)
for power in (63, 60):
    sct.refuse(
        f"sct-time-2-to-the-{power}",
        Checks.SCT,
        "Its time lies beyond the year 9999.",
        leaf=Leaf(scts=(Sct(milliseconds=2**power),)),
        clause="RFC 6962 3.2: uint64 timestamp; 5.2: an SCT of the future is rejected",
    )
sct.refuse("sct-no-ct-logs", Checks.SCT, "A trusted root without CT logs.", root=put("ctlogs", []))
sct.refuse(
    "sct-root-key-mislabelled",
    Checks.SCT,
    "The trusted root gives the CT log's id to another key.",
    root=put("ctlogs.0.publicKey.rawBytes", ct_instance(ecdsa("mallory"))["publicKey"]["rawBytes"]),
)


PSS = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
who.accept(
    "certificate-rsa",
    "A leaf with an RSA key.",
    leaf=Leaf(key=rsa_key(2048)),
    clause="sigstore algorithm registry: PKIX_RSA_PKCS1V15_2048_SHA256",
)
who.accept(
    "certificate-p384",
    "A leaf with a P-384 key, which signs SHA-384.",
    leaf=Leaf(key=ecdsa("leaf", "p384")),
    clause="sigstore algorithm registry: PKIX_ECDSA_P384_SHA_384",
)
for curve in ("p384", "p521"):
    who.accept(
        f"certificate-{curve}-v1-signs-sha256",
        "SHA-256 signed by a longer key, as many clients did: the bundle's digest and the entry say so.",
        recipe=V1,
        leaf=Leaf(key=ecdsa("leaf", curve).using(f"PKIX_ECDSA_{curve.upper()}_SHA_256")),
        clause="sigstore algorithm registry: PKIX_ECDSA_P384_SHA_256, PKIX_ECDSA_P521_SHA_256",
    )
who.refuse(
    "certificate-p384-v1-says-sha256",
    Checks.SIGNATURE,
    "The bundle's digest and the entry say SHA-256, the signature is over SHA-384: nothing is tried.",
    recipe=V1,
    sign_hash="SHA2_384",
    leaf=Leaf(key=ecdsa("leaf", "p384").using("PKIX_ECDSA_P384_SHA_256")),
    clause="sigstore algorithm registry: PKIX_ECDSA_P384_SHA_256",
)
who.refuse(
    "certificate-pss-only-signs-pkcs1",
    Checks.MATERIAL,
    "The leaf's key is for RSA-PSS alone (id-RSASSA-PSS), the signature is PKCS#1 v1.5.",
    leaf=Leaf(key=rsa_key(2048), pss_only=True),
    clause="RFC 4055 1.2: a key under id-RSASSA-PSS is limited to RSASSA-PSS",
)
