# SPDX-License-Identifier: Apache-2.0
"""Sigstore bundles v0.1 to v0.3 in words, field by field. Verifies nothing."""

from collections.abc import Iterable, Iterator
from typing import Any

from anchor.encoding import parse_json, unbase64
from anchor.errors import AnchorError
from anchor.format import statement as statements
from anchor.inspect import log_entry, x509
from anchor.inspect.fields import Description, Field, Rule, Rules, bound, field, member, unbound, under, walk
from anchor.sigstore import bundle as bundles
from anchor.sigstore.bundle import Envelope
from anchor.verify import independence

MATERIAL = "verificationMaterial"
VERSION = unbound("nothing signs it; what its version demands is checked (bundle-format)")
LOGGED = "the log entry, which repeats it (log-entry)"
LEAF = bound(f"the authority's signature (certificate-chain) and {LOGGED}", x509.certificate)
UNUSED = unbound("nothing: what is above the signer's certificate is taken from the trusted root")
CHAIN = unbound(UNUSED.by, lambda v, at: x509.plain_certificate(v, at, UNUSED))
KEY_HINT = unbound("a hint; the key is the one that you give with --key")
STAMP = bound("the authority's own signature, over the bundle's signature (timestamp)", x509.token)
SIGNATURE = bound(f"it verifies with the signer's key only over what was signed (signature), and {LOGGED}")
DIGEST = unbound(
    "a hint of which file is meant: compared with the file that you name, which the signature binds"
)
PAYLOAD = "the signature over the envelope's type and payload (signature)"
KEYID = unbound("a hint of the key, authenticated by nothing")
ENTRY = unbound("an empty entry: whoever verifies refuses it")


def is_bundle(value: dict[str, Any]) -> bool:
    """True if a JSON object looks like a bundle."""
    kind = member(value, "mediaType")
    named = isinstance(kind, str) and kind.startswith("application/vnd.dev.sigstore.bundle")
    return named or member(value, MATERIAL) is not None


def read(data: bytes, value: dict[str, Any]) -> Description:
    """A bundle; `value` is its JSON."""
    problem, kind, sentence = "", "sigstore bundle", "a bundle that no verification accepts as it stands"
    notes: tuple[str, ...] = ()
    try:
        found = bundles.parse(data)
        version = ".".join(map(str, found.version))
        kind = f"sigstore bundle v{version}"
        sentence = _sentence(found)
        notes = (*_read_as(found), *_logs(found))
    except AnchorError as e:
        problem = str(e)
    return Description(kind, sentence, walk(value, _rules(value), proto=True), problem, notes)


def _read_as(found: bundles.Bundle) -> tuple[str, ...]:
    """How the files of a ledger are read, if the bundle signs a statement of ours."""
    try:
        return statements.decode(found.content.payload).read_as if isinstance(found.content, Envelope) else ()
    except AnchorError:
        return ()


def _logs(found: bundles.Bundle) -> tuple[str, ...]:
    """Remarks about the logs, by the origins of the checkpoints."""
    notes: list[str] = []
    for entry in found.entries:
        if entry.proof is not None and entry.proof.checkpoint is not None:
            notes += independence.claimed(entry.proof.checkpoint.partition(b"\n")[0].decode(errors="replace"))
    return tuple(dict.fromkeys(notes))


def _sentence(found: bundles.Bundle) -> str:
    content = found.content
    what = f"an envelope of {content.payload_type}" if isinstance(content, Envelope) else "a plain signature"
    who = "a managed key" if found.certificate is None else "a certificate"
    entries, stamps = len(found.entries), len(found.timestamps)
    return (
        f"{what}, signed with {who}; {entries} log entr{'y' if entries == 1 else 'ies'}, "
        f"{stamps} time-stamp{'' if stamps == 1 else 's'}"
    )


def _rules(value: Any) -> Rules:
    entries = member(value, MATERIAL, "tlogEntries")
    found: dict[str, Rule] = {
        "mediaType": VERSION,
        f"{MATERIAL}.certificate.rawBytes": LEAF,
        f"{MATERIAL}.x509CertificateChain.certificates[0].rawBytes": LEAF,
        f"{MATERIAL}.x509CertificateChain.certificates[*].rawBytes": CHAIN,
        f"{MATERIAL}.publicKey.hint": KEY_HINT,
        f"{MATERIAL}.publicKey": KEY_HINT,
        f"{MATERIAL}.timestampVerificationData.rfc3161Timestamps[*].signedTimestamp": STAMP,
        f"{MATERIAL}.timestampVerificationData": unbound("empty: no time-stamp"),
        f"{MATERIAL}.timestampVerificationData.rfc3161Timestamps": unbound("empty: no time-stamp"),
        f"{MATERIAL}.tlogEntries": unbound("empty: no log entry, which only a managed key may do without"),
        f"{MATERIAL}.tlogEntries[*]": ENTRY,
        "messageSignature.messageDigest.algorithm": DIGEST,
        "messageSignature.messageDigest.digest": DIGEST,
        "messageSignature.signature": SIGNATURE,
        "dsseEnvelope.payloadType": bound(PAYLOAD),
        "dsseEnvelope.payload": bound(PAYLOAD, _payload),
        "dsseEnvelope.signatures[*].sig": SIGNATURE,
        "dsseEnvelope.signatures[*].keyid": KEYID,
    }
    for i, entry in enumerate(entries[: bundles.MAX_ENTRIES] if isinstance(entries, list) else ()):
        found |= log_entry.rules(entry, f"{MATERIAL}.tlogEntries[{i}]")
    return found


def _payload(value: Any, at: str) -> Iterable[Field]:
    """The signed statement, if it is JSON: every byte of it is under the signature."""
    return _json_payload(value, at) if isinstance(value, str) else ()


def _json_payload(text: str, at: str) -> Iterator[Field]:
    rule = bound(PAYLOAD)
    try:
        data = unbase64(text.replace("\r\n", "").replace("\n", ""))
    except AnchorError as e:
        yield field(under(at, "payload"), str(e), unbound("not base64: whoever verifies refuses it"))
        return
    try:
        value = parse_json(data, foreign=True)
    except AnchorError:
        yield field(under(at, "payload"), data.decode("utf-8", "backslashreplace"), rule)
        return
    yield from walk(value, {"*": rule}, at=under(at, "payload"))


def fields(value: Any, *, at: str) -> Iterator[Field]:
    """The fields of a bundle that lies inside of something else, at the path `at`."""
    yield from walk(value, _rules(value), at=at, proto=True)
