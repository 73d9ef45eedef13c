# SPDX-License-Identifier: Apache-2.0
"""Honest bundles of every kind: strict must not mean broken."""

import datetime as dt
import hashlib

from tests.support.forge import entry_bodies as bodies
from tests.support.forge.authorities import FAR, SIGNED, Leaf, Sct, authority, tsa
from tests.support.forge.bundles import (
    ARTIFACT,
    V1,
    V1_DSSE,
    V1_INTOTO,
    V2_DSSE,
    Stamp,
    ca_instance,
    ct_instance,
    log_instance,
    window,
)
from tests.support.forge.edits import drop, put
from tests.support.forge.keys import ecdsa, ed
from tests.support.forge.logs import Checkpoint, cosign, note_id, note_line, v2_log
from tests.vectors.case import Setting, both

T = dt.timedelta(seconds=1)
SHA256, SHA512 = hashlib.sha256(ARTIFACT).hexdigest(), hashlib.sha512(ARTIFACT).hexdigest()
ok = Setting(clause="sigstore bundle v0.1-v0.3; Rekor v2 CLIENTS.md, Verifying")

ok.accept("v2-message", "A message signature, logged in Rekor v2, timed by RFC 3161.")
ok.accept("v2-dsse", "An in-toto statement, logged in Rekor v2 as SHA-256 of its PAE.", recipe=V2_DSSE)
ok.accept("v2-by-digest", "The artifact is given as sha256:<hex>.", by_digest="sha256")
ok.accept(
    "v2-dsse-by-digest", "The subject is looked up by its digest alone.", recipe=V2_DSSE, by_digest="sha256"
)
ok.accept("v2-media-type-alternative", "Bundle v0.3 under its older media type.", version="0.3-alt")
ok.accept(
    "v1-bundle-0.1-promise-only", "v0.1: a promise and no proof.", recipe=V1, version="0.1", proven=False
)
ok.accept("v1-bundle-0.1-both", "v0.1 with promise and proof.", recipe=V1, version="0.1")
ok.accept(
    "v1-bundle-0.2-both", "v0.2 with promise and proof, certificate in a chain.", recipe=V1, version="0.2"
)
ok.accept("v1-bundle-0.3-both", "v0.3 with promise and proof.", recipe=V1)
ok.accept(
    "v1-proof-and-tsa",
    "v0.3 without a promise: the time is an RFC 3161 token's, and the outer index is nobody's word.",
    recipe=V1,
    promised=False,
    stamps=(Stamp(),),
)
ok.accept(
    "v1-dsse", "Rekor v1 dsse 0.0.1: the envelope's hash cannot be rebuilt, all else is.", recipe=V1_DSSE
)
ok.accept("v1-intoto-0.0.2", "Rekor v1 intoto 0.0.2.", recipe=V1_INTOTO, version="0.2")
ok.accept("v1-promise-and-tsa", "Two times, both in the certificate's window.", recipe=V1, stamps=(Stamp(),))
ok.accept(
    "v2-null-promise",
    "What a Rekor v2 client writes: integratedTime 0 and inclusionPromise null.",
    entry=both(put("integratedTime", "0"), put("inclusionPromise", None)),
)
ok.accept(
    "v2-uri-identity",
    "The identity is a URI.",
    identity="https://ci.vectors.example/job@main",
    leaf=Leaf(identity=None, uri="https://ci.vectors.example/job@main"),
)
ok.accept("v2-empty-artifact", "An artifact of no bytes.", artifact=b"")
ok.accept(
    "v2-second-subject",
    "The artifact is the second of two subjects.",
    recipe=V2_DSSE,
    payload=bodies.statement(
        ARTIFACT,
        subject=[
            {"name": "other", "digest": {"sha256": "00" * 32}},
            {"name": "this", "digest": {"sha512": SHA512, "gitBlob": "00" * 20, "sha256": SHA256}},
        ],
    ),
)
ok.accept(
    "v2-tree-of-one",
    "A log whose only entry is ours: the proof is empty.",
    after=0,
    log=lambda: v2_log(fill=0),
)
ok.accept(
    "v2-last-of-many", "An entry at the right edge of an uneven tree.", after=0, log=lambda: v2_log(fill=300)
)

edges = Setting(clause="protobuf-specs sigstore_trustroot, valid_for: end is inclusive (conformance#406)")
CUT = SIGNED + 2 * T
edges.accept(
    "window-tsa-end-inclusive",
    "The token's time is the last second of its authority's window.",
    root=put("timestampAuthorities.0.validFor", window(end=CUT)),
)
edges.accept(
    "window-tsa-start-inclusive",
    "... and the first.",
    root=put("timestampAuthorities.0.validFor", window(CUT)),
)
edges.accept(
    "window-log-end-inclusive",
    "The log's key ended at the token's time.",
    root=put("tlogs.1.publicKey.validFor", window(end=CUT)),
)
edges.accept(
    "window-log-v1-end-inclusive",
    "The log's key ended at the promised time.",
    recipe=V1,
    root=put("tlogs.0.publicKey.validFor", window(end=SIGNED + 3 * T)),
)
edges.accept(
    "window-ca-end-inclusive",
    "The authority ended at the token's time.",
    root=put("certificateAuthorities.0.validFor", window(end=CUT)),
)
edges.accept(
    "window-ct-end-inclusive",
    "The CT key ended at the time in the SCT.",
    root=put("ctlogs.0.publicKey.validFor", window(end=SIGNED)),
)
edges.accept(
    "window-leaf-end-inclusive",
    "The token's time is the certificate's last second (RFC 5280 4.1.2.5).",
    leaf=Leaf(end=CUT),
)
edges.accept(
    "window-tsa-certificate-expired-today",
    "The token's chain was valid when it stamped; today it is not.",
    clause="rekor-tiles#399: a TSA chain is judged at the token's time",
    now=FAR.replace(year=2050),
)

notes = Setting(clause="C2SP signed-note: clients MUST ignore signatures of unknown (name, key ID)")
JUNK = note_line("someone.else", b"\1\2\3\4", b"not a signature at all")
V2_KEY, V2_NAME = ed("log v2"), "log2026-1.vectors.example"
notes.accept(
    "note-unknown-lines",
    "Lines of unknown signers before and after the log's own.",
    head=Checkpoint(before=JUNK, after=JUNK + note_line("x", b"\0\0\0\0", b"y")),
)
notes.accept(
    "note-same-name-other-id",
    "A line under the log's name with another key's id is nobody's.",
    head=Checkpoint(before=note_line(V2_NAME, b"\1\2\3\4", bytes(64))),
)
notes.accept(
    "note-same-id-other-name",
    "A line with the log's key id under another name is nobody's.",
    head=Checkpoint(before=note_line("other.name", note_id(V2_NAME, V2_KEY), bytes(64))),
)
notes.accept(
    "note-short-signature-of-stranger",
    "One byte of signature is enough for a line to be well-formed.",
    head=Checkpoint(after=note_line("x", b"\0\0\0\0", b"y")),
)
notes.accept(
    "note-extension-lines",
    "Extension lines are opaque, and signed.",
    head=Checkpoint(extensions=("Timestamp: 1772366400", "anything — at all")),
    clause="C2SP tlog-checkpoint: extension lines",
)
notes.accept(
    "note-cosigned",
    "Two witnesses cosigned; nobody asked for them.",
    head=Checkpoint(witnesses=(("w1.example", ed("w1")), ("w2.example", ed("w2")))),
    clause="C2SP tlog-cosignature",
)
notes.accept(
    "note-foreign-cosignature",
    "A cosignature of another checkpoint, of a witness nobody asked for.",
    head=Checkpoint(after=cosign("w1.example", ed("w1"), "other\n1\nAAAA\n", SIGNED)),
)
notes.accept(
    "note-sixteen-signatures",
    "Sixteen signatures must be read.",
    head=Checkpoint(before=JUNK * 15),
    clause="C2SP signed-note: MUST accept at least 16 signatures",
)

roots = Setting(clause="sigstore_trustroot: any of several instances may have served")
roots.accept(
    "root-rotated-log-keys",
    "Two keys of one log; the entry names the older.",
    root=lambda r: r["tlogs"].insert(0, log_instance(v2_log("log v2 next"))),
)
roots.accept(
    "root-unknown-key-kind-of-another-log",
    "A key kind of the future, in a log that this bundle does not use.",
    root=lambda r: r["tlogs"].append(
        log_instance(v2_log("log v9", "log2031.vectors.example"))
        | {"publicKey": {"rawBytes": "AAAA", "keyDetails": "PKIX_FUTURE_2031", "validFor": window()}}
    ),
)
roots.accept(
    "root-two-tsa",
    "The second authority stamped.",
    stamps=(Stamp(by="tsa b"),),
    root=lambda r: r["timestampAuthorities"].append(ca_instance(tsa("tsa b"), "tsa-b")),
)
roots.accept(
    "root-intermediate-names-repeat",
    "Two intermediates of one name; the SCT is for the second's key.",
    clause="sigstore-conformance sct-duplicate-intermediate-name: issuers are told apart by key",
    issued_by=authority("fulcio two", common="fulcio intermediate"),
    root=lambda r: r["certificateAuthorities"].append(
        ca_instance(authority("fulcio two", common="fulcio intermediate"), "fulcio-two")
    ),
)
roots.accept(
    "root-authority-without-intermediate",
    "Leaves straight from a root.",
    issued_by=authority("fulcio", intermediate=False),
    root=lambda r: put(
        "certificateAuthorities.0.certChain.certificates",
        r["certificateAuthorities"][0]["certChain"]["certificates"][1:],
    )(r),
)
roots.accept(
    "root-second-ct-log",
    "The SCT is of the second CT log.",
    leaf=Leaf(scts=(Sct(key=ecdsa("ct b")),)),
    root=lambda r: r["ctlogs"].append(ct_instance(ecdsa("ct b"))),
)

times = Setting(clause="sigstore client spec, section Timestamping")
times.accept(
    "time-stranger-stamp-beside",
    "A token of an unknown authority proves nothing and harms nothing.",
    stamps=(Stamp(), Stamp(by="stranger")),
)
times.accept(
    "time-two-stamps",
    "Two tokens of one authority, both inside.",
    stamps=(Stamp(), Stamp(time=CUT + T, more={"serial": 2})),
)
times.accept(
    "time-sha512-imprint", "The token's imprint is SHA-512.", stamps=(Stamp(more={"hash_name": "SHA2_512"}),)
)
times.accept(
    "time-embedded-certificates",
    "The token carries its certificate.",
    stamps=(Stamp(more={"embed": tsa("tsa").chain[:1]}),),
)
times.accept("time-no-nonce", "A token without a nonce.", stamps=(Stamp(more={"nonce": None}),))
times.accept(
    "time-invented-integrated-time",
    "integratedTime without a promise is nobody's word, and is not used.",
    entry=put("integratedTime", "1262304000"),
    clause="Rekor v2 CLIENTS.md: MUST ignore integratedTime without an inclusion promise",
)


roots.accept(
    "root-unspecified-key-of-another-log",
    "A log without a key, whose kind is unspecified, beside the one that counts.",
    root=lambda r: r["tlogs"].append(
        log_instance(v2_log("log v9", "log2031.vectors.example"))
        | {"publicKey": {"rawBytes": "", "keyDetails": "UNSPECIFIED", "validFor": window()}}
    ),
)
ok.accept(
    "v2-zeros-left-out",
    "The first entry of a log: ProtoJSON leaves out zeros and empty lists.",
    after=0,
    log=lambda: v2_log(fill=0),
    entry=both(drop("logIndex"), drop("inclusionProof.logIndex"), drop("inclusionProof.hashes")),
)
ok.accept(
    "v1-origin-without-tree",
    "A Rekor v1 log whose checkpoints name the host alone (sigstore-conformance intoto-canonical-log-entry).",
    recipe=V1,
    head=Checkpoint(origin="rekor.vectors.example"),
)
