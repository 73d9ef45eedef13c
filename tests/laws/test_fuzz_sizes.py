# SPDX-License-Identifier: Apache-2.0
"""Hostile sizes end soon and in little memory: each is refused, and none by an exception of its own."""

import dataclasses
import json
import time
import tracemalloc
from collections.abc import Callable

import pytest

from anchor.errors import AnchorError, Refused
from anchor.sigstore import keys, trusted_root
from anchor.tlog import checkpoint, note
from tests.support.forge.bundles import b64
from tests.support.forge.logs import Json, note_line
from tests.support.forge.mutations import changed
from tests.support.forge.our_verdict import judge
from tests.vectors import make
from tests.vectors.case import CASES

assert make.GROUPS  # importing it registers the cases

BASE = CASES["v2-message"]
ENTRY = ("verificationMaterial", "tlogEntries", 0)
STAMPS = ("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps")
MILLION = 10**6
SECONDS = 8
"""Far above what any of them takes, on a machine that is busy."""


def bundle() -> Json:
    """An honest one."""
    found: Json = json.loads(BASE.bundle)
    return found


def set_at(*path: str | int, value: object) -> Callable[[], bytes]:
    """The honest bundle with a hostile value at a place."""
    return lambda: json.dumps(changed(bundle(), path, value)).encode()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a hundred megabytes of space": lambda: b" " * (100 * MILLION),
    "a hundred megabytes of text": lambda: b'{"mediaType":"' + b"a" * (100 * MILLION) + b'"}',
    "a million open lists": lambda: b"[" * MILLION,
    "a million objects in each other": lambda: b'{"a":' * MILLION,
    "a million quotes and backslashes": lambda: b'"\\' * MILLION,
    "a million duplicate members": lambda: b"{" + b'"mediaType":"",' * MILLION + b'"a":1}',
    "fifteen megabytes of members": lambda: b"{" + b",".join(b'"%d":0' % i for i in range(MILLION)) + b"}",
    "a number of a million digits": lambda: BASE.bundle.replace(b'"7"', b"7" * MILLION, 1),
    "an index of a million digits": set_at(*ENTRY, "logIndex", value="7" * MILLION),
    "three hundred thousand hashes": set_at(
        *ENTRY, "inclusionProof", "hashes", value=[b64(bytes(32))] * 300_000
    ),
    "a million hashes": set_at(*ENTRY, "inclusionProof", "hashes", value=[b64(bytes(32))] * MILLION),
    "a million hashes that are nothing": set_at(*ENTRY, "inclusionProof", "hashes", value=[""] * MILLION),
    "a million signature lines": set_at(
        *ENTRY, "inclusionProof", "checkpoint", "envelope", value="a\n1\nb\n\n" + "— a AAAAAAA=\n" * MILLION
    ),
    "a million empty lines": set_at(*ENTRY, "inclusionProof", "checkpoint", "envelope", value="\n" * MILLION),
    "half a million extension lines": set_at(
        *ENTRY, "inclusionProof", "checkpoint", "envelope", value="x\n" * 500_000 + "\n— a AAAAAAA=\n"
    ),
    "ten thousand entries": lambda: json.dumps(
        changed(bundle(), ENTRY[:2], bundle()["verificationMaterial"]["tlogEntries"] * 3_000)
    ).encode(),
    "a hundred thousand time stamps": set_at(*STAMPS, value=[{"signedTimestamp": "AAAA"}] * 100_000),
    "a time stamp of ten megabytes": set_at(*STAMPS, value=[{"signedTimestamp": b64(bytes(10 * MILLION))}]),
    "a certificate of ten megabytes": set_at(
        "verificationMaterial",
        "certificate",
        "rawBytes",
        value=b64(b"0\x84\0\x98\x96\x80" + bytes(10 * MILLION)),
    ),
    "a body of ten megabytes": set_at(*ENTRY, "canonicalizedBody", value=b64(b'"' + b"a" * (10 * MILLION))),
    "a body of a million lists": set_at(*ENTRY, "canonicalizedBody", value=b64(b"[" * MILLION)),
    "a signature of ten megabytes": set_at("messageSignature", "signature", value=b64(bytes(10 * MILLION))),
    "an envelope of a million lists": lambda: json.dumps(
        {k: v for k, v in bundle().items() if k != "messageSignature"}
        | {
            "dsseEnvelope": {
                "payload": b64(b"[" * MILLION),
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": "AAAA"}],
            }
        }
    ).encode(),
    "an envelope of a million signatures": lambda: json.dumps(
        {k: v for k, v in bundle().items() if k != "messageSignature"}
        | {"dsseEnvelope": {"payload": "AAAA", "payloadType": "x", "signatures": [{"sig": "AAAA"}] * MILLION}}
    ).encode(),
}


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, of this process: other ones are not its fault."""
    start = time.process_time()
    work()
    return time.process_time() - start


def peak(work: Callable[[], object]) -> int:
    """The most bytes that are allocated at a time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused_soon(name: str) -> None:
    data = HOSTILE[name]()
    assert seconds(lambda: refused(data)) < SECONDS


@pytest.mark.parametrize(
    "name",
    [
        "a hundred megabytes of text",
        pytest.param("fifteen megabytes of members", marks=pytest.mark.slow),
        pytest.param("a million objects in each other", marks=pytest.mark.slow),
        pytest.param("a million hashes that are nothing", marks=pytest.mark.slow),
    ],
)
def test_a_hostile_bundle_is_refused_cheaply(name: str) -> None:
    """Python's own form of a JSON document takes some twenty bytes for one of the file, which is capped."""
    data = HOSTILE[name]()
    assert peak(lambda: refused(data)) < 24 * min(len(data), 16 << 20) + (8 << 20)


def refused(data: bytes) -> None:
    """The verdict of hostile bytes."""
    assert not judge(dataclasses.replace(BASE, bundle=data)).accepted


@pytest.mark.parametrize(
    "data",
    [
        b" " * (100 * MILLION),
        b'{"tlogs":' + b"[" * MILLION,
        b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":['
        + b",".join([b"{}"] * MILLION)
        + b"]}",
    ],
    ids=["spaces", "lists", "logs"],
)
def test_a_hostile_trusted_root_is_refused_soon(data: bytes) -> None:
    def work() -> None:
        with pytest.raises(AnchorError):
            trusted_root.parse(data)

    assert seconds(work) < SECONDS


@pytest.mark.parametrize(
    "data",
    [
        b"a\n1\nb\n\n" + note_line("x", bytes(4), b"y").encode() * MILLION,
        b"\n" * (100 * MILLION),
        b"a\n" * MILLION,
        "— ".encode() * MILLION,
        b"\n\n" * MILLION + b"\xe2\x80\x94 a AAAAAAA=\n",
    ],
    ids=["signatures", "newlines", "lines", "dashes", "empty-lines"],
)
def test_a_hostile_note_is_refused_soon(data: bytes) -> None:
    def work() -> None:
        for parser in (note.parse, checkpoint.parse):
            with pytest.raises(Refused):
                parser(data)

    assert seconds(work) < SECONDS


def test_a_hostile_key_file_is_refused_soon() -> None:
    for data in (b"-" * (100 * MILLION), b"-----BEGIN PUBLIC KEY-----\n" + b"A" * (50 * MILLION)):
        with pytest.raises(Refused):
            keys.load_pem(data)
