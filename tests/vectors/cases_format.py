# SPDX-License-Identifier: Apache-2.0
"""Bundles and trusted roots that two readers would read differently, or not at all."""

from tests.support.forge.bundles import TRUSTED_ROOT, V2_DSSE, b64, log_instance, v2_log
from tests.support.forge.edits import drop, put
from tests.vectors.case import ENTRY, PROOF, Checks, Setting

form = Setting(clause="sigstore_bundle.proto, protobuf JSON")
form.refuse(
    "format-unknown-media-type",
    Checks.FORMAT,
    "A bundle of the future.",
    expect="UNSUPPORTED",
    edit=put("mediaType", "application/vnd.dev.sigstore.bundle.v0.9+json"),
)
form.refuse("format-no-media-type", Checks.FORMAT, "No media type.", edit=drop("mediaType"))
form.refuse(
    "format-unknown-member",
    Checks.FORMAT,
    "A member that no version has.",
    expect="UNSUPPORTED",
    edit=put("more", 1),
)
form.refuse(
    "format-unknown-member-entry",
    Checks.FORMAT,
    "In the entry.",
    expect="UNSUPPORTED",
    edit=put(f"{ENTRY}.more", 1),
)
form.refuse(
    "format-unknown-member-proof",
    Checks.FORMAT,
    "In the proof.",
    expect="UNSUPPORTED",
    edit=put(f"{PROOF}.more", 1),
)
form.refuse(
    "format-duplicate-member",
    Checks.FORMAT,
    "mediaType twice: readers differ in which they see.",
    raw=lambda data: data.replace(b'"verificationMaterial"', b'"mediaType": "x",\n"verificationMaterial"', 1),
)
form.refuse(
    "format-duplicate-index",
    Checks.FORMAT,
    "logIndex twice, once false.",
    raw=lambda data: data.replace(b'"logIndex": "7"', b'"logIndex": "999",\n"logIndex": "7"', 1),
)
form.refuse("format-not-json", Checks.FORMAT, "No JSON.", raw=lambda data: b"bundle")
form.refuse("format-empty", Checks.FORMAT, "No bytes.", raw=lambda data: b"")
form.refuse("format-array", Checks.FORMAT, "An array.", raw=lambda data: b"[" + data + b"]")
form.refuse("format-trailing", Checks.FORMAT, "Text behind the bundle.", raw=lambda data: data + b"{}")
form.refuse("format-truncated", Checks.FORMAT, "The end is missing.", raw=lambda data: data[:-40])
form.refuse("format-utf16", Checks.FORMAT, "UTF-16.", raw=lambda data: data.decode().encode("utf-16"))
form.refuse("format-bom", Checks.FORMAT, "A byte order mark.", raw=lambda data: b"\xef\xbb\xbf" + data)
form.refuse(
    "format-nesting",
    Checks.FORMAT,
    "Nested a thousand deep.",
    raw=lambda data: data.replace(b'"mediaType"', b'"x": ' + b"[" * 1000 + b"]" * 1000 + b', "mediaType"', 1),
)
form.refuse(
    "format-base64-url",
    Checks.FORMAT,
    "The URL alphabet.",
    edit=lambda b: put(
        "messageSignature.signature",
        b["messageSignature"]["signature"].replace("+", "-").replace("/", "_") + "-_==",
    )(b),
)
form.refuse(
    "format-base64-unpadded",
    Checks.FORMAT,
    "No padding.",
    edit=lambda b: put(
        f"{ENTRY}.logId.keyId", b["verificationMaterial"]["tlogEntries"][0]["logId"]["keyId"].rstrip("=")
    )(b),
)
form.accept(
    "format-base64-newline",
    "A line end inside base64: the field's own bundles have some.",
    clause="ProtoJSON readers of Go and Python skip line ends inside base64",
    edit=lambda b: put("messageSignature.signature", "\n" + b["messageSignature"]["signature"])(b),
)
for name, value in (
    ("negative", "-7"),
    ("leading-zero", "07"),
    ("plus", "+7"),
    ("2-to-the-63", str(2**63)),
    ("fraction", "7.0"),
    ("text", "seven"),
    ("empty", ""),
    ("exponent", "7e0"),
    ("space", " 7"),
):
    form.refuse(
        f"format-index-{name}", Checks.FORMAT, f"logIndex {value!r}.", edit=put(f"{ENTRY}.logIndex", value)
    )
form.refuse("format-index-null", Checks.CHECKPOINT, "No outer logIndex.", edit=put(f"{ENTRY}.logIndex", None))
form.refuse("format-index-true", Checks.FORMAT, "logIndex true.", edit=put(f"{ENTRY}.logIndex", True))
form.refuse("format-entry-text", Checks.FORMAT, "An entry that is a text.", edit=put(ENTRY, "entry"))
form.refuse(
    "format-material-missing", Checks.FORMAT, "No verification material.", edit=drop("verificationMaterial")
)
form.refuse(
    "format-checkpoint-surrogate",
    Checks.FORMAT,
    "A lone surrogate in the checkpoint.",
    raw=lambda data: data.replace(b'"envelope": "', b'"envelope": "\\ud800', 1),
)
form.refuse(
    "format-payload-not-base64",
    Checks.FORMAT,
    "A payload that is no base64.",
    recipe=V2_DSSE,
    edit=put("dsseEnvelope.payload", "{}"),
)

roots = Setting(clause="sigstore_trustroot.proto")
roots.refuse(
    "root-not-json",
    Checks.ROOT,
    "A trusted root that is no JSON.",
    expect="USAGE",
    raw_root=lambda data: b"root",
)
roots.refuse(
    "root-other-media-type",
    Checks.ROOT,
    "A trusted root of the future.",
    expect="UNSUPPORTED",
    root=put("mediaType", TRUSTED_ROOT.replace("0.1", "0.9")),
)
roots.refuse(
    "root-is-a-bundle",
    Checks.ROOT,
    "A document of another kind.",
    expect="USAGE",
    root=put("mediaType", "application/vnd.dev.sigstore.bundle.v0.3+json"),
)
roots.refuse("root-no-logs", Checks.LOG, "A trusted root without logs.", root=put("tlogs", []))
roots.refuse(
    "root-no-authorities",
    Checks.CHAIN,
    "A trusted root without authorities.",
    root=put("certificateAuthorities", []),
)
roots.refuse(
    "root-duplicate-member",
    Checks.ROOT,
    "tlogs twice.",
    expect="USAGE",
    raw_root=lambda data: data.replace(b'"tlogs": [', b'"tlogs": [],\n"tlogs": [', 1),
)
roots.refuse(
    "root-broken-window",
    Checks.LOG,
    "A window that ends before it starts.",
    root=put("tlogs.1.publicKey.validFor", {"start": "2026-03-01T12:00:00Z", "end": "2026-01-01T00:00:00Z"}),
)
roots.refuse(
    "root-window-not-a-time",
    Checks.LOG,
    "A window that is no time.",
    root=put("tlogs.1.publicKey.validFor", {"start": "yesterday"}),
)
roots.refuse(
    "root-log-key-mislabelled",
    Checks.LOG,
    "The log's id with another log's key.",
    root=put("tlogs.1.publicKey.rawBytes", log_instance(v2_log("mallory"))["publicKey"]["rawBytes"]),
)
roots.refuse(
    "root-log-url-other",
    Checks.LOG,
    "The log's key under another address.",
    root=put("tlogs.1.baseUrl", "https://log2031-1.vectors.example"),
)
roots.refuse(
    "root-log-key-details",
    Checks.LOG,
    "An Ed25519 key told as ECDSA.",
    root=put("tlogs.1.publicKey.keyDetails", "PKIX_ECDSA_P256_SHA_256"),
)
roots.refuse(
    "root-log-key-missing", Checks.LOG, "A log without a key.", root=drop("tlogs.1.publicKey.rawBytes")
)
roots.refuse(
    "root-certificate-broken",
    Checks.ROOT,
    "An authority whose certificate is none.",
    expect="USAGE",
    root=put("certificateAuthorities.0.certChain.certificates.0.rawBytes", b64(b"0" * 100)),
)
