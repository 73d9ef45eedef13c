# SPDX-License-Identifier: Apache-2.0
"""The signatures that an entry of a tiled log records: what was signed, and by which certificate or key.

For whoever reads a whole log. Nothing is verified here. An entry of an unknown form still gives every
certificate in it, so that nobody hides one by writing it in another form.
"""

import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from anchor import regex
from anchor.encoding import parse_json, unbase64
from anchor.errors import AnchorError, Refused
from anchor.log_kinds.rekor_v2 import DSSE, HASHEDREKORD
from anchor.sigstore.keys import HASH_NAMES

_B64 = rb"[A-Za-z0-9+/]+=*"
_USUAL = regex.expression(
    rb'\{"apiVersion":"0\.0\.2","kind":"hashedrekord","spec":\{"hashedRekordV002":\{"data":\{'
    rb'"algorithm":"([A-Z0-9_]+)","digest":"(' + _B64 + rb')"\},"signature":\{"content":"(' + _B64 + rb')",'
    rb'"verifier":\{"keyDetails":"([A-Z0-9_]+)","(x509Certificate|publicKey)":\{"rawBytes":"('
    + _B64
    + rb')"\}\}\}\}\}\}',
    re.ASCII,
)
"""The form in which a log writes almost all of its entries (JCS): read ten times as fast as JSON."""
_ALGORITHMS = {name: ours for ours, name in HASH_NAMES.items()}
_X509 = b"x509Certificate"
_DER = b"\x30"
"""The first byte of a certificate in DER."""
_PEM = "-----BEGIN CERTIFICATE-----"
_LEAST = 64
"""Characters of Base64: no certificate is shorter."""


class EntrySignature(NamedTuple):
    """One signature of an entry. `certificate` is DER, empty if a bare public key signed."""

    certificate: bytes
    digest: bytes = b""
    """The digest that the entry records; empty in an unknown form."""
    algorithm: str = ""
    """Of the digest: `sha256`, `sha384` or `sha512`; empty for another one."""
    signature: bytes = b""
    """Over the bytes with that digest; empty where the entry does not have those bytes' digest."""
    details: str = ""
    """The key details that the entry states (`PublicKeyDetails`)."""


def certificates(body: bytes) -> list[bytes]:
    """The certificates of an entry (DER), and no more: for the many entries that are of no interest. Raises
    Refused for bytes that are not JSON."""
    if (found := _USUAL.fullmatch(body)) is None:
        return [one.certificate for one in _slowly(body) if one.certificate]
    if found[5] != _X509:
        return []
    try:
        der = binascii.a2b_base64(found[6])
    except binascii.Error:
        raise Refused("a certificate that is not Base64", where="log entry") from None
    return [der] if der[:1] == _DER else list(_decoded(found[6].decode()))


def signatures(body: bytes) -> list[EntrySignature]:
    """The signatures of an entry. Raises Refused for bytes that are not JSON."""
    return list(_slowly(body))


def _slowly(body: bytes) -> list[EntrySignature]:
    try:
        document = parse_json(body, where="log entry")
    except AnchorError:
        return [EntrySignature(der) for der in _certificates(_all_values(body))]
    try:
        found = _known(document)
    except (LookupError, TypeError, AttributeError, AnchorError):
        return [EntrySignature(der) for der in _certificates(document)]
    return [
        one if one.certificate[:1] in (b"", _DER) else one._replace(certificate=der)
        for one in found
        for der in ([one.certificate] if one.certificate[:1] in (b"", _DER) else _in_pem(one.certificate))
    ]


def _all_values(body: bytes) -> Any:
    """The values of JSON that we refuse, and that another program may read: duplicate keys, floats, a BOM.

    Raises Refused for what is not JSON.
    """
    try:
        return json.loads(body, object_pairs_hook=lambda pairs: [value for _, value in pairs])
    except (ValueError, RecursionError):
        raise Refused("not JSON", where="log entry") from None


def _known(document: Any) -> list[EntrySignature]:
    form = document["kind"], document["apiVersion"]
    if form == HASHEDREKORD:
        node = document["spec"]["hashedRekordV002"]
        data, signature = node["data"], node["signature"]
        return [
            EntrySignature(
                _certificate(signature["verifier"]),
                unbase64(data["digest"]),
                _ALGORITHMS.get(data["algorithm"], ""),
                unbase64(signature["content"]),
                _text(signature["verifier"].get("keyDetails", "")),
            )
        ]
    if form == DSSE:  # it records the digest of the payload, and the signature is over more than that
        node = document["spec"]["dsseV002"]
        digest = unbase64(node["payloadHash"]["digest"])
        algorithm = _ALGORITHMS.get(node["payloadHash"]["algorithm"], "")
        return [
            EntrySignature(_certificate(one["verifier"]), digest, algorithm) for one in node["signatures"]
        ]
    raise Refused("an unknown form", where="log entry")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("not a text", where="log entry")
    return value


def _certificate(verifier: Any) -> bytes:
    if "x509Certificate" in verifier:
        return unbase64(verifier["x509Certificate"]["rawBytes"])
    return b""


def _certificates(document: Any) -> Iterator[bytes]:
    """Every value that may be a certificate: Base64 of DER or of PEM, or PEM, at any depth."""
    left = [document]  # an entry has less than 64 KiB (C2SP tlog-tiles), and so a bounded number of values
    while left:
        node = left.pop()
        if isinstance(node, dict):
            left += node.values()
        elif isinstance(node, list):
            left += node
        elif isinstance(node, str) and len(node) >= _LEAST:
            yield from _decoded(node)


def _decoded(text: str) -> Iterator[bytes]:
    if _PEM in text:
        yield from _of_pem(text)
        return
    try:
        data = binascii.a2b_base64(text)
    except (binascii.Error, ValueError):
        return
    if data[:1] == _DER:
        yield data
    else:
        yield from _in_pem(data)


def _in_pem(data: bytes) -> Iterator[bytes]:
    yield from _of_pem(data.decode("utf-8", "replace"))


def _of_pem(text: str) -> Iterator[bytes]:
    for part in text.split(_PEM)[1:]:
        try:
            yield binascii.a2b_base64(part.partition("-----END")[0])
        except (binascii.Error, ValueError):
            continue
