# SPDX-License-Identifier: Apache-2.0
"""A second verifier of releases, written only from release/FORMAT.md, with cryptography for signatures.

It shows that the specification is complete, and it can disagree with Anchor, of which it imports nothing. It
checks everything but two things that need a library for them: the RFC 3161 token and the certificate's SCT.
Section numbers are those of FORMAT.md.
"""

import base64
import hashlib
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from tests.support.second.readers import Wrong, must, read


class Torn(Wrong):
    """Section 11: what is missing or cut off contradicts nothing, and is no success."""


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def parse(data: bytes) -> Any:
    """Section 1: JSON without duplicate names."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        must(len(dict(items)) == len(items), "duplicate member")
        return dict(items)

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs)
    except ValueError as e:
        raise Wrong(f"no JSON: {e}") from e


# Sections 4 to 6


def jcs(value: Any) -> bytes:
    """RFC 8785 where no name is above U+FFFF and numbers are integers."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def root(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node(root(hashes[:k]), root(hashes[k:]))


def included(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to; the last hash of a proof is the nearest to the root."""
    must(0 <= index < size, "index")
    if size == 1:
        must(not proof, "proof too long")
        return leaf
    must(proof, "proof too short")
    k = 1 << ((size - 1).bit_length() - 1)
    if index < k:
        return node(included(leaf, index, k, proof[:-1]), proof[-1])
    return node(proof[-1], included(leaf, index - k, size - k, proof[:-1]))


def ledger_json(columns: list[str], leaves: list[bytes], ledger: Any) -> bytes:
    """Section 5."""
    end = jcs({"format": "urn:ledger-anchor:ledger:v1", "ledger": ledger})[1:]
    return b'{"columns":' + jcs(columns) + b',"facts":[\n' + b",\n".join(leaves) + b"\n]," + end + b"\n"


def statement(data: bytes) -> Any:
    """Section 6, shape: the exact members and constants."""
    value = parse(data)
    must(jcs(value) == data, "statement is not canonical")
    must(set(value) == {"_type", "subject", "predicateType", "predicate"}, "members")
    must(value["_type"] == "https://in-toto.io/Statement/v1", "_type")
    must(value["predicateType"] == "urn:ledger-anchor:commitment:v1", "predicateType")
    p = value["predicate"]
    must(set(p) == {"ledger", "tree", "facts", "index", "blinding", "evidence", "previous"}, "predicate")
    must(p["index"] is None and p["blinding"] is None and p["evidence"] == [], "unsupported")
    must(p["tree"]["algorithm"] == "rfc9162-sha256", "algorithm")
    must(p["facts"]["encoding"] == "rfc8785-strings", "encoding")
    names = [f["name"] for f in p["facts"]["files"]]
    must(names == sorted(names) == [s["name"] for s in value["subject"]] and len(names) == 2, "files")
    must({"name": "ledger.json", "reader": "ledger-json-v1"} in p["facts"]["files"], "ledger.json")
    must((p["previous"] is None) == (p["ledger"]["number"] == 1), "previous")
    must(p["previous"] is None or p["previous"]["number"] == p["ledger"]["number"] - 1, "previous")
    return value


# Section 7


def pae(payload_type: str, payload: bytes) -> bytes:
    return b"DSSEv1 %d %s %d " % (len(payload_type), payload_type.encode(), len(payload)) + payload


def verify_signature(spki: bytes, signature: bytes, data: bytes) -> None:
    key = load_der_public_key(spki)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        else:
            must(isinstance(key, ec.EllipticCurvePublicKey), "kind of key")
            assert isinstance(key, ec.EllipticCurvePublicKey)
            key.verify(signature, data, ec.ECDSA(SHA256()))
    except InvalidSignature as e:
        raise Wrong("signature") from e


def b64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def bundle(data: bytes, payload: bytes, trusted_root: Any, anchor: Any) -> None:
    """One anchor of release.json and its bundle."""
    value = parse(data)
    material, envelope = value["verificationMaterial"], value["dsseEnvelope"]
    must(b64(envelope["payload"]) == payload, "payload")
    must(envelope["payloadType"] == "application/vnd.in-toto+json", "payloadType")
    signed = pae(envelope["payloadType"], payload)
    (signature,) = [b64(s["sig"]) for s in envelope["signatures"]]
    raw = b64(material["certificate"]["rawBytes"])
    certificate = x509.load_der_x509_certificate(raw)
    verify_signature(spki_of(certificate), signature, signed)
    signer(certificate, trusted_root, anchor)
    (entry,) = material["tlogEntries"]
    body = parse(b64(entry["canonicalizedBody"]))
    spec = body["spec"]["hashedRekordV002"]
    must((body["kind"], body["apiVersion"]) == ("hashedrekord", "0.0.2"), "kind of entry")
    must(b64(spec["data"]["digest"]) == sha256(signed), "entry: digest")
    must(b64(spec["signature"]["content"]) == signature, "entry: signature")
    must(b64(spec["signature"]["verifier"]["x509Certificate"]["rawBytes"]) == raw, "entry: certificate")
    logged(entry, trusted_root, anchor)


def spki_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signer(certificate: x509.Certificate, trusted_root: Any, anchor: Any) -> None:
    """7.2 without SCT and 7.3: issued by an authority of the trusted root, for the signer that is named."""
    chains = [a["certChain"]["certificates"] for a in trusted_root["certificateAuthorities"]]
    authorities = [x509.load_der_x509_certificate(b64(chain[0]["rawBytes"])) for chain in chains]
    must(any(issued(certificate, a) for a in authorities), "authority")
    at = datetime.fromisoformat(anchor["time"])
    must(certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc, "certificate time")
    (name,) = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    must(name.value == anchor["identity"], "identity")
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
    extension = certificate.extensions.get_extension_for_oid(oid).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    must(extension.value.decode() == anchor["issuer"], "issuer")


def issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def logged(entry: Any, trusted_root: Any, anchor: Any) -> None:
    """7.5 and 7.6"""
    key_id, proof, named = b64(entry["logId"]["keyId"]), entry["inclusionProof"], anchor["log"]
    (log,) = [t for t in trusted_root["tlogs"] if b64(t["logId"]["keyId"]) == key_id]
    must(named["id"] == key_id.hex() and named["url"] == log["baseUrl"], "log")
    must(named["index"] == int(entry["logIndex"]) == int(proof["logIndex"]), "index")
    text, _, signatures = proof["checkpoint"]["envelope"].rpartition("\n\n")
    origin, size, head = (text + "\n").splitlines()[:3]
    must(origin == named["origin"] and size == proof["treeSize"] and head == proof["rootHash"], "checkpoint")
    ours = [s.split(" ") for s in signatures.splitlines()]
    found = [b64(s)[4:] for _, name, s in ours if name == origin and b64(s)[:4] == key_id[:4]]
    must(found, "the log did not sign")
    verify_signature(b64(log["publicKey"]["rawBytes"]), found[0], (text + "\n").encode())
    leaf = sha256(b"\x00" + b64(entry["canonicalizedBody"]))
    hashes = [b64(h) for h in proof["hashes"]]
    must(included(leaf, named["index"], int(size), hashes) == b64(head), "inclusion")


# Sections 8 and 11


def release(data: bytes) -> Any:
    """Section 8: the one form, and paths that stay inside."""
    try:
        json.loads(data)
    except ValueError as e:
        raise Torn(f"no whole document: {e}") from e
    value = parse(data)
    if json.dumps(value, indent=2, ensure_ascii=False).encode() == data:
        raise Torn("the final LF is missing")
    must(value["format"] == "urn:ledger-anchor:release:v1", "unsupported format")
    order = ["format", "ledger", "tree", "previous", "files", "statement", "anchors", "trusted_root"]
    must(list(value) == order and value["anchors"], "members")
    must(json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n" == data, "form")
    return value


def fetch(folder: Path, named: Any) -> bytes:
    segment = "[0-9A-Za-z_][0-9A-Za-z._+-]{0,199}"
    must(re.fullmatch(f"{segment}(/{segment})*", named["path"]), "path")
    path = folder / str(named["path"])
    if not path.exists():
        raise Torn(f"{path.name} is missing")
    must(path.is_file() and path.resolve().is_relative_to(folder.resolve()), "file")
    data: bytes = path.read_bytes()
    if len(data) < named["size"]:
        raise Torn(f"{path.name} is cut off")
    must(len(data) == named["size"] and sha256(data).hex() == named["sha256"], f"digest of {path.name}")
    return data


def verify(path: Path, *, ledger: str, identity: str, issuer: str, trusted_root: bytes) -> None:
    """Section 11. Returns when the release is what the signer published; raises `Wrong` for anything else."""
    try:
        _verify(path, ledger, (identity, issuer), json.loads(trusted_root))
    except (KeyError, ValueError, TypeError, AttributeError, LookupError) as e:
        raise Wrong(f"malformed: {e!r}") from e


def _verify(path: Path, ledger: str, accepted: tuple[str, str], trusted_root: Any) -> None:
    shown, folder = release(path.read_bytes()), path.parent
    payload = fetch(folder, shown["statement"])
    signed = statement(payload)
    predicate = signed["predicate"]
    for member in ("ledger", "tree", "previous"):
        must(shown[member] == predicate[member], member)
    digests = {s["name"]: s["digest"]["sha256"] for s in signed["subject"]}
    must({f["name"]: f["sha256"] for f in shown["files"]} == digests, "files")
    files = {f["name"]: fetch(folder, f) for f in shown["files"]}
    for entry in predicate["facts"]["files"]:
        columns, rows = read(entry["reader"], files[entry["name"]])
        must(columns == predicate["facts"]["columns"], "columns")
        leaves = [jcs(dict(zip(columns, row, strict=True))) for row in rows]
        must(root([sha256(b"\x00" + leaf) for leaf in leaves]).hex() == predicate["tree"]["root"], "root")
        must(len(leaves) == predicate["tree"]["size"], "size")
        must(ledger_json(columns, leaves, predicate["ledger"]) == files["ledger.json"], "ledger.json")
    for anchor in shown["anchors"]:
        must((anchor["identity"], anchor["issuer"]) == accepted, "signer")
        bundle(fetch(folder, anchor["bundle"]), payload, trusted_root, anchor)
    fetch(folder, shown["trusted_root"])
    must(predicate["ledger"]["name"] == ledger, "another ledger")
