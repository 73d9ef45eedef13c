# SPDX-License-Identifier: Apache-2.0
"""A value that `inspect` calls bound cannot be changed. Any bytes are described or declined, nothing else."""

import dataclasses
import itertools
import json
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import AnchorError, Unsupported
from anchor.inspect.document import MAX_SIZE, inspect, lines
from anchor.inspect.fields import MAX_FIELDS, MAX_VALUE
from anchor.sigstore import bundle as bundles
from tests.support.forge.bundles import V2, make
from tests.support.forge.mutations import mutations, places
from tests.support.forge.our_verdict import judge
from tests.support.process.anchor_cli import anchor
from tests.support.process.sampled import examples, sampled
from tests.support.releases.published import Site, published
from tests.vectors.case import CASES, Case
from tests.vectors.differ import BASES

REMOVALS = ("gone", "null", "empty", "swapped")
"""Changes that take an optional part away, or exchange what signs itself for another one of its kind."""
DONOR = make(V2.but(artifact=b"x", after=9))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)
SAMPLES = [
    *(CASES[n].bundle for n in BASES),
    CASES["v2-message"].root,
    (Path(__file__).parents[2] / "release.json").read_bytes(),
    b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 3\n" + b"A" * 43 + b"=\n\norigin\n4\n" + b"A" * 43 + b"=\n\n",
    "origin\n4\nAAAA\n\n\u2014 origin AAAAAAAAAA==\n".encode(),
    b"log example.org/log+abcd1234+AXYZ https://example.org\nquorum none\n",
    b'ledger = "a"\nmin_anchors = 1\n[[signer]]\nidentity = "a"\nissuer = "b"\n',
    b'{"columns":["a"],"facts":[\n{"a":"1"}\n],"format":"urn:ledger-anchor:ledger:v1","ledger":{}}\n',
    b"example.org/log+abcd1234+AXYZ\n",
    b'{"format":"urn:ledger-anchor:evidence:v1","kind":"log-growth","log":{},"nodes":[],"notes":["a"]}',
]


def path_of(place: tuple[str | int, ...]) -> str:
    """A place of a document as `inspect` writes it."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


def accepted(case: Case, data: bytes) -> bool:
    """True if the verifier accepts other bytes that are not merely another spelling."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not judge(dataclasses.replace(case, bundle=data)).accepted:
            return False
    try:
        return bundles.parse(data) != bundles.parse(case.bundle)
    except AnchorError:
        return True


@sampled(17)
@pytest.mark.parametrize("base", BASES)
def test_a_value_of_a_bundle_that_is_called_bound_cannot_be_another_one(base: str, every: int) -> None:
    case = CASES[base]
    value = json.loads(case.bundle)
    known = {f.path: f.bound for f in inspect(case.bundle, file="f").fields}
    by_label = {".".join(map(str, p)): path_of(p) for p, _ in places(value)}
    for label, data in itertools.islice(mutations(value, DONOR), 0, None, every):
        place, _, change = label.rpartition(":")
        if change in REMOVALS or "signedTimestamp" in place or not known.get(by_label[place]):
            continue
        assert not accepted(case, data), label


def test_what_is_called_not_bound_can_be_changed_unseen() -> None:
    """Else the report would warn of what is safe: each of these is accepted, and shown as not bound."""
    entry = ("verificationMaterial", "tlogEntries", 0)
    for base, place, other in (
        ("v2-message", ("mediaType",), "application/vnd.dev.sigstore.bundle+json;version=0.3"),
        ("v2-message", (*entry, "integratedTime"), "1700000000"),
        ("v2-dsse", ("dsseEnvelope", "signatures", 0, "keyid"), "somebody"),
        ("managed-p256", ("verificationMaterial", "publicKey", "hint"), "somebody"),
    ):
        value = json.loads(CASES[base].bundle)
        target = value
        for step in place[:-1]:
            target = target[step]
        target[place[-1]] = other
        data = json.dumps(value).encode()
        assert accepted(CASES[base], data) or place == ("mediaType",)
        assert judge(dataclasses.replace(CASES[base], bundle=data)).accepted
        fields = {f.path: f.bound for f in inspect(data, file="f").fields}
        assert fields[path_of(place)] is False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("laws"))


def test_a_value_of_release_json_that_is_called_bound_cannot_be_another_one(site: Site) -> None:
    original = site.release.read_bytes()
    value = json.loads(original)
    known = {f.path: f.bound for f in inspect(original, file="f").fields}
    tried = 0
    for place, item in list(places(value)):
        if isinstance(item, (dict, list)) or not known[path_of(place)]:
            continue
        changed = json.loads(original)
        target = changed
        for step in place[:-1]:
            target = target[step]
        if isinstance(item, str):
            target[place[-1]] = item[:-1] + ("0" if item[-1] != "0" else "1")
        else:
            target[place[-1]] = (item or 0) + 1
        site.release.write_bytes(json.dumps(changed, ensure_ascii=False, indent=2).encode() + b"\n")
        assert site.verify().code in (3, 7, 8), place  # a larger size promised reads as a torn file
        tried += 1
    site.release.write_bytes(original)
    assert site.verify().code == 0
    assert tried > 15


def described(data: bytes) -> None:
    """`inspect` describes the bytes within its limits, or says that it does not know them."""
    try:
        found = inspect(data, file="f")
    except Unsupported:
        return
    assert len(found.fields) <= MAX_FIELDS
    assert all(len(str(f.value)) < MAX_VALUE + 100 for f in found.fields)
    for line in lines(found):
        assert line.isprintable(), line
    json.dumps(found.sentence, ensure_ascii=False).encode()


@examples(300, given(st.binary(max_size=300)))
def test_any_bytes(data: bytes) -> None:
    described(data)


@examples(400, given(st.sampled_from(SAMPLES), st.data()))
def test_samples_spoiled_anywhere(sample: bytes, data: st.DataObject) -> None:
    spoiled = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(spoiled)))
        spoiled[start : start + data.draw(st.integers(0, 8))] = data.draw(
            st.binary(max_size=6) | st.text(max_size=4).map(str.encode)
        )
    described(bytes(spoiled))


@examples(300, given(st.sampled_from(SAMPLES[: len(BASES) + 2]), st.data(), JSON))
def test_documents_with_any_value_anywhere(sample: bytes, data: st.DataObject, other: object) -> None:
    value = json.loads(sample)
    spots = list(places(value))
    place, _ = data.draw(st.sampled_from(spots))
    target = value
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = other
    described(json.dumps(value).encode())


@given(JSON, st.sampled_from(["", "trustedroot", "signingconfig", "clienttrustconfig", "bundle"]))
def test_any_document_under_a_known_type(value: object, kind: str) -> None:
    document = value if isinstance(value, dict) else {"tlogs": value, "caUrls": value}
    described(json.dumps(document | {"mediaType": f"application/vnd.dev.sigstore.{kind}"}).encode())


@pytest.mark.parametrize(
    "made",
    [
        lambda: b"[" * 100_000,
        lambda: (
            b'{"mediaType":"application/vnd.dev.sigstore.bundle","verificationMaterial":{"tlogEntries":['
            + b",".join([b"{}"] * 200_000)
            + b"]}}"
        ),
        lambda: b'{"verificationMaterial":' + b'{"a":' * 60 + b"1" + b"}" * 61,
        lambda: b"a\n1\nAAAA\n\n" + "\u2014 a AAAAAAAA\n".encode() * 100_000,
        lambda: b"c2sp.org/tlog-proof@v1\nindex 1\n" + b"AAAA\n" * 500_000 + b"\n",
        lambda: b"log a\n" * 200_000,
        lambda: b"\0" * (MAX_SIZE + 1),
        lambda: b'{"columns":["a"],"facts":[\n' + b'{"a":"1"},\n' * 200_000,
        lambda: b"a+" * 10_000,
    ],
    ids=["nested", "entries", "deep", "signatures", "hashes", "lines", "large", "ledger", "vkey"],
)
def test_hostile_sizes_end_soon(made: Callable[[], bytes]) -> None:
    described(made())


def test_a_toml_key_of_many_parts_costs_no_memory_in_their_square() -> None:
    tracemalloc.start()
    try:
        described(b"a." * 8_000 + b"a = 1\n")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50 << 20


HOSTILE = "\x1b[2J\x9b31m\u202e\u0007\r\x7fgood"


def test_no_control_character_of_a_file_reaches_the_terminal(tmp_path: Path) -> None:
    value = json.loads(CASES["v2-dsse"].bundle)
    value[HOSTILE] = HOSTILE
    value["dsseEnvelope"]["payloadType"] = HOSTILE
    value["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"] = (
        f"{HOSTILE}\n1\nAAAA\n\n\u2014 {HOSTILE} AAAAAAAA\n"
    )
    files = {
        "bundle.json": json.dumps(value).encode(),
        "note": f"a{HOSTILE}\n1\nAAAA\n\n\u2014 b{HOSTILE} AAAAAAAA\n".encode(),
        "policy.toml": b'ledger = "\\u001b[2J\\u202e"\nmin_anchors = 1\n',
        f"na{HOSTILE}me": b"nothing",
    }
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        for words in ((), ("--json",)):
            ran = anchor("inspect", path, *words)
            assert (ran.out + ran.err).replace("\n", "").isprintable(), (name, words)
