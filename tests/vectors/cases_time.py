# SPDX-License-Identifier: Apache-2.0
"""Time stamps: of whom, over what, when, and within whose window."""

import base64
import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.forge.authorities import SIGNED, tsa
from tests.support.forge.bundles import V1, V2_DSSE, Stamp, b64, ca_instance, window
from tests.support.forge.edits import put
from tests.support.forge.keys import Key
from tests.vectors.case import STAMP, Checks, Setting, both

S = dt.timedelta(seconds=1)
AT = SIGNED + 2 * S
stamps = Setting(clause="sigstore client spec, Timestamping; RFC 3161")
stamps.refuse("time-no-stamp", Checks.TIME, "Rekor v2 gives no time, and no token is there.", stamps=())
stamps.refuse(
    "time-empty-list",
    Checks.TIME,
    "An empty list of tokens.",
    edit=put("verificationMaterial.timestampVerificationData.rfc3161Timestamps", []),
)
stamps.refuse(
    "time-other-message", Checks.TIME, "A token over something else.", stamps=(Stamp(over=b"something else"),)
)
stamps.refuse(
    "time-over-artifact",
    Checks.TIME,
    "A token over the artifact, not the signature.",
    stamps=(Stamp(over=b"The ledger of a test: one fact, no comma.\n"),),
)
stamps.refuse(
    "time-other-imprint",
    Checks.TIME,
    "A token with an imprint of nothing.",
    stamps=(Stamp(more={"imprint": bytes(32)}),),
)
stamps.refuse(
    "time-short-imprint",
    Checks.TIME,
    "An imprint of the wrong length.",
    stamps=(Stamp(more={"imprint": bytes(20)}),),
)
stamps.refuse(
    "time-rejected", Checks.TIME, "A response with status 2, rejection.", stamps=(Stamp(more={"status": 2}),)
)
stamps.refuse(
    "time-granted-with-mods",
    Checks.TIME,
    "A response with status 1.",
    stamps=(Stamp(more={"status": 1}),),
    clause="sigstore clients take status 0 alone; nothing was asked that could be modified",
)
stamps.refuse(
    "time-unknown-authority",
    Checks.TIME,
    "A token of an authority nobody trusts.",
    stamps=(Stamp(by="mallory"),),
)
stamps.refuse(
    "time-wrong-key",
    Checks.TIME,
    "A token that names the trusted certificate and is signed with another key.",
    stamps=(Stamp(more={"key": tsa("mallory").key}),),
)
stamps.refuse(
    "time-signed-digest",
    Checks.TIME,
    "The signed attributes are of other content.",
    stamps=(Stamp(more={"signed_digest": bytes(32)}),),
)
stamps.refuse(
    "time-content-type",
    Checks.TIME,
    "A signed message that is no time stamp.",
    stamps=(Stamp(more={"content_type": "1.2.840.113549.1.7.1"}),),
)
stamps.refuse("time-version", Checks.TIME, "A token of version 2.", stamps=(Stamp(more={"version": 2}),))
for name, why, value in (
    ("certificate-id-other", "The signed certificate identifier is another's.", bytes(range(32))),
    ("certificate-id-missing", "No signed certificate identifier.", b""),
):
    stamps.refuse(
        f"time-{name}",
        Checks.STAMP,
        why,
        stamps=(Stamp(more={"certificate_id": value}),),
        clause="RFC 3161 2.4.2 and RFC 5816: ESSCertID MUST be a signed attribute",
    )
stamps.refuse(
    "time-before-certificate",
    Checks.CHAIN,
    "Stamped a day before the certificate began.",
    stamps=(Stamp(time=SIGNED - dt.timedelta(days=1)),),
)
stamps.refuse(
    "time-after-certificate",
    Checks.CHAIN,
    "Stamped a day after the certificate ended.",
    stamps=(Stamp(time=SIGNED + dt.timedelta(days=1)),),
)
stamps.refuse(
    "time-one-of-two-outside",
    Checks.CHAIN,
    "One token inside the certificate's window, one outside.",
    stamps=(Stamp(), Stamp(time=SIGNED + dt.timedelta(days=1), more={"serial": 5})),
    clause="sigstore-conformance rekor2-multiple-timestamps-one-outside-cert-validity_fail",
)
stamps.refuse(
    "time-twice",
    Checks.STAMP,
    "The same token twice.",
    stamps=(Stamp(), Stamp()),
    clause="sigstore client spec: duplicate timestamps are an error",
)
stamps.refuse(
    "time-thirty-three",
    Checks.FORMAT,
    "Thirty-three tokens.",
    stamps=tuple(Stamp(more={"serial": n + 1}) for n in range(33)),
)
stamps.accept(
    "time-in-the-future",
    "Judged on the day before: the reader's clock is no evidence against the authority.",
    now=SIGNED,
    clause="sigstore client spec: the chain is judged at the verified time, not at the reader's",
)
stamps.refuse("time-not-der", Checks.TIME, "Bytes that are no token.", edit=put(STAMP, b64(b"\x30\x03abc")))
stamps.refuse("time-empty", Checks.FORMAT, "An empty token.", edit=put(STAMP, ""))
stamps.refuse(
    "time-trailing-byte",
    Checks.TIME,
    "A byte behind the token.",
    edit=lambda b: put(
        STAMP,
        b64(
            base64.b64decode(
                b["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0][
                    "signedTimestamp"
                ]
            )
            + b"\0"
        ),
    )(b),
)
stamps.refuse(
    "time-dsse-over-payload",
    Checks.TIME,
    "A token over the payload, not the envelope's signature.",
    recipe=V2_DSSE,
    stamps=(Stamp(over=V2_DSSE.payload),),
)

windows = Setting(
    clause="sigstore_trustroot: a token counts inside the window of the authority that signed it"
)
windows.refuse(
    "window-tsa-ended",
    Checks.TIME,
    "The authority ended a second before.",
    root=put("timestampAuthorities.0.validFor", window(end=AT - S)),
)
windows.refuse(
    "window-tsa-not-started",
    Checks.TIME,
    "The authority starts a second after.",
    root=put("timestampAuthorities.0.validFor", window(AT + S)),
)
windows.refuse(
    "window-tsa-borrowed",
    Checks.TIME,
    "The authority's window is over; another's is not.",
    root=both(
        put("timestampAuthorities.0.validFor", window(end=AT - S)),
        lambda r: r["timestampAuthorities"].append(ca_instance(tsa("tsa b"), "tsa-b")),
    ),
    clause="sigstore-conformance rekor2-timestamp-wrong-tsa-validity-borrow_fail",
)
windows.refuse(
    "time-tsa-certificate-expired",
    Checks.TIME,
    "The authority's certificate had ended when it stamped.",
    stamps=(Stamp(more={"key": tsa("tsa", end=AT - S).key, "certificate": tsa("tsa", end=AT - S).chain[0]}),),
    root=put("timestampAuthorities.0", ca_instance(tsa("tsa", end=AT - S), "tsa")),
)
windows.refuse(
    "time-tsa-certificate-not-yet",
    Checks.TIME,
    "The authority's certificate had not begun.",
    stamps=(Stamp(more={"certificate": tsa("tsa", start=AT + S).chain[0]}),),
    root=put("timestampAuthorities.0", ca_instance(tsa("tsa", start=AT + S), "tsa")),
)
windows.refuse(
    "time-tsa-wrong-use",
    Checks.TIME,
    "The authority's certificate is for code signing.",
    stamps=(Stamp(more={"certificate": tsa("tsa", eku=ExtendedKeyUsageOID.CODE_SIGNING).chain[0]}),),
    root=put("timestampAuthorities.0", ca_instance(tsa("tsa", eku=ExtendedKeyUsageOID.CODE_SIGNING), "tsa")),
    clause="RFC 3161 2.3: extended key usage timeStamping",
)
windows.refuse(
    "time-tsa-use-not-critical",
    Checks.TIME,
    "Its extended key usage is not critical.",
    stamps=(Stamp(more={"certificate": tsa("tsa", critical=False).chain[0]}),),
    root=put("timestampAuthorities.0", ca_instance(tsa("tsa", critical=False), "tsa")),
    clause="RFC 3161 2.3: the extension MUST be critical",
)
windows.refuse(
    "time-no-authorities",
    Checks.TIME,
    "A trusted root without time-stamping authorities.",
    root=put("timestampAuthorities", []),
)
windows.refuse(
    "time-v1-stamp-false",
    Checks.TIME,
    "No promise; a token of a stranger.",
    recipe=V1,
    promised=False,
    stamps=(Stamp(by="mallory"),),
)


def twin(key: Key) -> x509.Certificate:
    """A certificate with the trusted authority's names and serial number, and another key."""
    model = tsa("tsa").chain[0]
    builder = x509.CertificateBuilder(
        model.issuer,
        model.subject,
        key.private.public_key(),
        model.serial_number,
        model.not_valid_before_utc,
        model.not_valid_after_utc,
    ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return builder.sign(tsa("mallory").key.private, hashes.SHA256(), ecdsa_deterministic=True)


stamps.refuse(
    "time-embedded-twin",
    Checks.STAMP,
    "The token carries a certificate with the trusted one's names and serial number, and another key.",
    stamps=(Stamp(more={"key": tsa("mallory").key, "embed": (twin(tsa("mallory").key),)}),),
)
stamps.refuse(
    "time-embedded-chain-of-stranger",
    Checks.TIME,
    "The token brings the chain it wants to be judged by.",
    stamps=(Stamp(by="mallory", more={"embed": tsa("mallory").chain}),),
)
windows.refuse(
    "window-tsa-borrowed-from-none",
    Checks.STAMP,
    "The authority's window is over; an entry without certificates has one that fits.",
    root=both(
        put("timestampAuthorities.0.validFor", window(end=AT - S)),
        lambda r: r["timestampAuthorities"].append({"certChain": {"certificates": []}, "validFor": window()}),
    ),
    clause="sigstore-conformance rekor2-timestamp-wrong-tsa-validity-borrow_fail",
)
windows.refuse(
    "window-tsa-borrowed-across",
    Checks.STAMP,
    "Two authorities, each outside of its own window and inside of the other's.",
    stamps=(Stamp(), Stamp(by="tsa b", time=AT + 2 * S)),
    root=both(
        put("timestampAuthorities.0.validFor", window(AT + S)),
        lambda r: r["timestampAuthorities"].append(ca_instance(tsa("tsa b"), "tsa-b", window(end=AT + S))),
    ),
)
