# SPDX-License-Identifier: Apache-2.0
"""Hostile sizes end soon and in little memory: each is refused, and none by an exception of its own."""

import dataclasses
import json
import time
import tracemalloc
from collections.abc import Callable

import pytest

from anchor import encoding, limits
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import ledger_status, receipt, release, statement, table_schema
from anchor.monitor import conflicting_statements
from anchor.sigstore import bundle as bundles
from anchor.sigstore import keys, signing_config, trusted_root
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


def set_at(*path: str | int, value: Callable[[], object]) -> Callable[[], bytes]:
    """The honest bundle with a hostile value at a place."""
    return lambda: json.dumps(changed(bundle(), path, value())).encode()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a hundred megabytes of space": lambda: b" " * (100 * MILLION),
    "a hundred megabytes of text": lambda: b'{"mediaType":"' + b"a" * (100 * MILLION) + b'"}',
    "a million open lists": lambda: b"[" * MILLION,
    "a million objects in each other": lambda: b'{"a":' * MILLION,
    "a million quotes and backslashes": lambda: b'"\\' * MILLION,
    "a million duplicate members": lambda: b"{" + b'"mediaType":"",' * MILLION + b'"a":1}',
    "fifteen megabytes of members": lambda: b"{" + b",".join(b'"%d":0' % i for i in range(MILLION)) + b"}",
    "a number of a million digits": lambda: BASE.bundle.replace(b'"7"', b"7" * MILLION, 1),
    "an index of a million digits": set_at(*ENTRY, "logIndex", value=lambda: "7" * MILLION),
    "three hundred thousand hashes": set_at(
        *ENTRY, "inclusionProof", "hashes", value=lambda: [b64(bytes(32))] * 300_000
    ),
    "a million hashes": set_at(*ENTRY, "inclusionProof", "hashes", value=lambda: [b64(bytes(32))] * MILLION),
    "a million hashes that are nothing": set_at(
        *ENTRY, "inclusionProof", "hashes", value=lambda: [""] * MILLION
    ),
    "a million signature lines": set_at(
        *ENTRY,
        "inclusionProof",
        "checkpoint",
        "envelope",
        value=lambda: "a\n1\nb\n\n" + "— a AAAAAAA=\n" * MILLION,
    ),
    "a million empty lines": set_at(
        *ENTRY, "inclusionProof", "checkpoint", "envelope", value=lambda: "\n" * MILLION
    ),
    "half a million extension lines": set_at(
        *ENTRY, "inclusionProof", "checkpoint", "envelope", value=lambda: "x\n" * 500_000 + "\n— a AAAAAAA=\n"
    ),
    "ten thousand entries": lambda: json.dumps(
        changed(bundle(), ENTRY[:2], bundle()["verificationMaterial"]["tlogEntries"] * 3_000)
    ).encode(),
    "a hundred thousand time stamps": set_at(*STAMPS, value=lambda: [{"signedTimestamp": "AAAA"}] * 100_000),
    "a time stamp of ten megabytes": set_at(
        *STAMPS, value=lambda: [{"signedTimestamp": b64(bytes(10 * MILLION))}]
    ),
    "a certificate of ten megabytes": set_at(
        "verificationMaterial",
        "certificate",
        "rawBytes",
        value=lambda: b64(b"0\x84\0\x98\x96\x80" + bytes(10 * MILLION)),
    ),
    "a body of ten megabytes": set_at(
        *ENTRY, "canonicalizedBody", value=lambda: b64(b'"' + b"a" * (10 * MILLION))
    ),
    "a body of a million lists": set_at(*ENTRY, "canonicalizedBody", value=lambda: b64(b"[" * MILLION)),
    "a signature of ten megabytes": set_at(
        "messageSignature", "signature", value=lambda: b64(bytes(10 * MILLION))
    ),
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


COSTLY = ("fifteen megabytes of members", "a million hashes", "a million hashes that are nothing")
"""Others of their kind are refused by default."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in COSTLY else []) for name in HOSTILE]
)
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
    """Python's own form of a JSON document takes some twenty bytes for one of the file. So its structure is
    capped as well as its size."""
    data = HOSTILE[name]()
    assert peak(lambda: refused(data)) < 4 * min(len(data), 16 << 20) + (32 << 20)


RECEIPT = b'{"format":"urn:ledger-anchor:receipt:v1","kind":"inclusion","bundles":[{"a":['
DOCUMENTS: dict[str, tuple[Callable[[bytes], object], int, bytes]] = {
    "a receipt": (receipt.load, limits.RECEIPT, RECEIPT),
    "a line of receipts": (receipt.load_line, limits.RECEIPT, RECEIPT),
    "the bundles of receipts": (receipt.load_bundles, limits.RECEIPT, b'{"bundles":[{"a":['),
    "two statements": (
        lambda data: conflicting_statements.read_members(data, "x", set()),
        limits.EVIDENCE,
        b'{"format":[{"a":[',
    ),
    "release.json": (release.load, limits.RELEASE_2, b'{"format":[{"a":['),
    "a statement": (statement.decode, limits.STATEMENT, b'{"_type":[{"a":['),
    "a status": (ledger_status.decode, limits.STATEMENT, b'{"_type":[{"a":['),
    "schema.json": (table_schema.parse, limits.SCHEMA, b'{"fields":[{"a":['),
    "a bundle": (bundles.parse, limits.BUNDLE, b'{"mediaType":[{"a":['),
    "a trusted root": (trusted_root.parse, limits.TRUSTED_ROOT, b'{"tlogs":[{"a":['),
    "a signing config": (signing_config.parse, limits.SIGNING_CONFIG, b'{"caUrls":[{"a":['),
}
"""The reader of each JSON document whose cap is large, that cap, and a beginning of such a document."""
VALUES = {"lists": b"[],", "objects": b"{},", "texts": b'"ab",', "numbers": b"300,", "members": b'{"a":0},'}
LARGE = {name for name, (_, cap, _) in DOCUMENTS.items() if cap > 1 << 24}
COSTLIEST = ("lists", "texts")
"""Empty lists cost most for a character, and a text most for a comma."""


@pytest.mark.parametrize(
    "values", [pytest.param(name, marks=[] if name in COSTLIEST else pytest.mark.slow) for name in VALUES]
)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else []) for name in DOCUMENTS]
)
def test_a_hostile_document_costs_a_few_times_its_size(name: str, values: str) -> None:
    """However small its values are. It is as large as its reader takes."""
    read, cap, begin = DOCUMENTS[name]
    end = b"0]}]}"
    data = begin + VALUES[values] * ((cap - len(begin) - len(end)) // len(VALUES[values])) + end
    assert json.loads(data[:1000].rpartition(b",")[0] + b"," + end)

    def work() -> None:
        with pytest.raises(AnchorError):
            read(data)

    assert peak(work) < 4 * len(data) + (32 << 20)


def test_a_receipt_with_all_the_structure_that_it_may_have_costs_a_few_times_its_largest_size() -> None:
    for text, structure in ((b"[],", 3), (b'"ab",', 1)):
        number = limits.RECEIPT_STRUCTURE // 8 // structure
        data = RECEIPT + text * number + b"0]}]}"

        def work(data: bytes = data) -> None:
            with pytest.raises(AnchorError, match="no member 'facts'"):
                receipt.load(data)

        assert 8 * peak(work) < 6 * limits.RECEIPT


def test_the_structure_of_a_document_is_counted_outside_of_its_strings() -> None:
    text = b'{"a":["[{,:\\"]}",[{}]]}'  # 10 structural characters
    for limit, fits in ((10, True), (9, False)):
        for parse in (encoding.parse_json, encoding.parse_own_json):
            if fits:
                assert parse(text, structure=limit) == {"a": ['[{,:"]}', [{}]]}
                continue
            with pytest.raises(Refused, match="more than 9 brackets, braces, colons and commas"):
                parse(text, structure=limit)


def test_a_statement_of_somebody_else_may_have_more_structure_and_is_then_unsupported() -> None:
    many = b"[" + b"0," * limits.STRUCTURE + b"0]"
    assert len(encoding.parse_json(many, foreign=True)) == limits.STRUCTURE + 1
    with pytest.raises(Refused):
        encoding.parse_json(many)
    with pytest.raises(Unsupported):
        encoding.parse_json(b"[" + b"0," * limits.FOREIGN_STRUCTURE + b"0]", foreign=True)
    assert encoding.is_json(many)


def refused(data: bytes) -> None:
    """The verdict of hostile bytes."""
    assert not judge(dataclasses.replace(BASE, bundle=data)).accepted


@pytest.mark.parametrize(
    "made",
    [
        lambda: b" " * (100 * MILLION),
        lambda: b'{"tlogs":' + b"[" * MILLION,
        pytest.param(
            lambda: (
                b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":['
                + b",".join([b"{}"] * MILLION)
                + b"]}"
            ),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["spaces", "lists", "logs"],
)
def test_a_hostile_trusted_root_is_refused_soon(made: Callable[[], bytes]) -> None:
    data = made()

    def work() -> None:
        with pytest.raises(AnchorError):
            trusted_root.parse(data)

    assert seconds(work) < SECONDS


@pytest.mark.parametrize(
    "made",
    [
        lambda: b"a\n1\nb\n\n" + note_line("x", bytes(4), b"y").encode() * MILLION,
        lambda: b"\n" * (100 * MILLION),
        lambda: b"a\n" * MILLION,
        lambda: "— ".encode() * MILLION,
        lambda: b"\n\n" * MILLION + b"\xe2\x80\x94 a AAAAAAA=\n",
    ],
    ids=["signatures", "newlines", "lines", "dashes", "empty-lines"],
)
def test_a_hostile_note_is_refused_soon(made: Callable[[], bytes]) -> None:
    data = made()

    def work() -> None:
        for parser in (note.parse, checkpoint.parse):
            with pytest.raises(Refused):
                parser(data)

    assert seconds(work) < SECONDS


def test_a_hostile_key_file_is_refused_soon() -> None:
    for data in (b"-" * (100 * MILLION), b"-----BEGIN PUBLIC KEY-----\n" + b"A" * (50 * MILLION)):
        with pytest.raises(Refused):
            keys.load_pem(data)
