# SPDX-License-Identifier: Apache-2.0
"""A trusted root binds a log: the scheme of its key, its ids, and its unknown members."""

import hashlib
from collections.abc import Callable

from tests.support.forge.authorities import authority
from tests.support.forge.bundles import Edit, Json, b64, ca_instance, ct_instance, log_instance, v2_log
from tests.support.forge.edits import put
from tests.support.forge.keys import Key, ecdsa, ed, rsa_key
from tests.support.forge.logs import V2_ORIGIN, Log, note_id
from tests.vectors.case import Checks, Setting


def held(key: Key, origin: str = V2_ORIGIN) -> Callable[[], Log]:
    """A Rekor v2 log with this key."""

    def made() -> Log:
        log = v2_log(origin=origin)
        log.key, log.id = key, note_id(origin, key)
        return log

    return made


def instead(key: Key) -> Edit:
    """The trusted root with this key for the Rekor v2 log."""
    return put("tlogs.1", log_instance(held(key)()))


P384, P521 = ecdsa("log v2", "p384"), ecdsa("log v2", "p521")
signs = Setting(clause="sigstore_common.proto, PublicKey.key_details: key encoding and signature algorithm")
signs.accept(
    "root-log-p384",
    "A log whose P-384 key signs SHA-384, as its details say.",
    log=held(P384),
    root=instead(P384),
)
signs.accept("root-log-p521", "The same with P-521 and SHA-512.", log=held(P521), root=instead(P521))
signs.refuse(
    "root-log-p384-signs-sha256",
    Checks.CHECKPOINT,
    "The checkpoint is signed over SHA-256, which the details of the log's key forbid.",
    log=held(P384.using("PKIX_ECDSA_P384_SHA_256")),
    root=instead(P384),
)
signs.refuse(
    "root-log-ed25519ph",
    Checks.CHECKPOINT,
    "A log that pre-hashes what it signs: no kind of note signature is that.",
    expect="UNSUPPORTED",
    log=held(ed("log v2").using("PKIX_ED25519_PH")),
    root=instead(ed("log v2").using("PKIX_ED25519_PH")),
)

PATH, PORT = f"{V2_ORIGIN}/2026", f"{V2_ORIGIN}:8443"
names = Setting(
    clause="rekor-tiles CLIENTS.md: the origin is the URL without its scheme; C2SP signed-note, key id"
)
names.accept(
    "root-log-named-with-path",
    "A log whose name, and so the id of its Ed25519 key, has the path of its URL.",
    log=lambda: v2_log(origin=PATH),
    root=put("tlogs.1", log_instance(v2_log(origin=PATH))),
)
names.accept(
    "root-log-named-with-port",
    "The same with a port.",
    log=lambda: v2_log(origin=PORT),
    root=put("tlogs.1", log_instance(v2_log(origin=PORT))),
)
names.refuse(
    "root-log-named-otherwise",
    Checks.LOG,
    "The id is made from the name of another log of that host.",
    log=lambda: v2_log(origin=PATH),
    root=put("tlogs.1", log_instance(v2_log(origin=PATH)) | {"baseUrl": f"https://{V2_ORIGIN}/2031"}),
)

beside = Setting(
    clause="sigstore_trustroot.proto: a list of logs; what one of them lacks is no other one's fault"
)


def rsa_log(**changed: object) -> Edit:
    """A log with an RSA key beside the others; its checkpoint id is that of signed-note's type 0xff."""
    key = rsa_key(2048)
    typed = b"\n\xffPKIX-RSA-PKCS#1v1.5" + key.spki
    note = {"keyId": b64(hashlib.sha256(V2_ORIGIN.encode() + typed).digest()[:4])}
    return lambda r: r["tlogs"].insert(0, log_instance(held(key)()) | {"checkpointKeyId": note, **changed})


def endless(instance: Json) -> Json:
    """A log of a trusted root that does not say since when its key counts."""
    return {**instance, "publicKey": {k: v for k, v in instance["publicKey"].items() if k != "validFor"}}


beside.accept("root-rsa-log-beside", "An RSA log whose checkpoint id is by the proto's rule.", root=rsa_log())
beside.accept(
    "root-rsa-log-odd-beside",
    "An RSA log with a checkpoint id that is not its key's.",
    root=rsa_log(checkpointKeyId={"keyId": "AAAAAA=="}),
)
beside.accept(
    "root-log-without-window-beside",
    "A log that does not say since when its key counts, beside the one that signed.",
    root=lambda r: r["tlogs"].insert(0, endless(log_instance(v2_log("log v2 next")))),
)
beside.accept(
    "root-ct-log-without-window-beside",
    "The same of a certificate log.",
    root=lambda r: r["ctlogs"].insert(0, endless(ct_instance(ecdsa("ct b")))),
)

unknown = Setting(clause="sigstore_trustroot.proto: hash_algorithm and key details say how a log is verified")
FUTURE = "PKIX_FUTURE_2031"
for name, check, edit in (
    ("log-key-kind", Checks.LOG, put("tlogs.1.publicKey.keyDetails", FUTURE)),
    ("log-hash", Checks.LOG, put("tlogs.1.hashAlgorithm", "SHA2_512")),
    ("ct-log-key-kind", Checks.SCT, put("ctlogs.0.publicKey.keyDetails", FUTURE)),
    ("ct-log-hash", Checks.SCT, put("ctlogs.0.hashAlgorithm", "SHA2_512")),
):
    unknown.refuse(
        f"root-unknown-{name}",
        check,
        "The trusted root names the log, and what it says of it is not known here: no stranger's log.",
        expect="UNSUPPORTED",
        root=edit,
    )

ED25519 = authority("fulcio ed25519", keys=ed)
unknown.refuse(
    "root-authority-ed25519",
    Checks.CHAIN,
    "An authority all of whose keys are Ed25519, which the library for chains does not verify.",
    expect="UNSUPPORTED",
    issued_by=ED25519,
    root=lambda r: r["certificateAuthorities"].append(ca_instance(ED25519, "fulcio-ed25519")),
    clause="RFC 8410; sigstore algorithm registry",
)
