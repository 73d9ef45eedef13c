# SPDX-License-Identifier: Apache-2.0
"""Spoiled bundles: nothing but a verdict comes out, and no spoiled byte that a check binds is accepted."""

import dataclasses
import fnmatch
import itertools
import json
import warnings
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anchor.errors import AnchorError
from anchor.sigstore import bundle as bundles
from tests.support.forge.bundles import V1, V2, make
from tests.support.forge.mutations import at, changed, decoded, flipped, mutations, places
from tests.support.forge.our_verdict import judge
from tests.support.process.sampled import examples, sampled
from tests.vectors import differ
from tests.vectors.case import CASES, Case

BASES = (*differ.BASES, "managed-ed25519ph", "note-cosigned", "time-embedded-certificates")
DONORS = (make(V2.but(artifact=b"x", after=9)), make(V1.but(artifact=b"x", after=9)))
UNBOUND = tuple(differ.table("unbound.toml")["places"])
TOKEN = "signedTimestamp"


def accepted(case: Case, data: bytes) -> bool:
    """True if spoiled bytes are accepted. Anything else is a verdict, never an exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the X.509 library warns of what it will refuse one day
        return judge(dataclasses.replace(case, bundle=data)).accepted


def same_content(case: Case, data: bytes) -> bool:
    """True if spoiled bytes only spell the same bundle otherwise."""
    try:
        return bundles.parse(data) == bundles.parse(case.bundle)
    except AnchorError:
        return False


def unbound(label: str) -> bool:
    """True if the list of unbound places has this one."""
    return any(fnmatch.fnmatchcase(label, pattern) for pattern in UNBOUND)


@sampled(17)
@pytest.mark.parametrize("base", BASES)
def test_a_change_of_any_member_is_refused_unless_the_member_is_listed_as_unbound(
    base: str, every: int
) -> None:
    case = CASES[base]
    for number, donor in enumerate(DONORS):
        for label, data in itertools.islice(mutations(json.loads(case.bundle), donor), 0, None, every):
            if number and not label.endswith(":swapped"):
                continue  # the same as with the first donor
            if accepted(case, data) and not same_content(case, data):
                assert unbound(label), label


BYTES = [
    (base, path, raw)
    for base in BASES
    for path, value in places(json.loads(CASES[base].bundle))
    if isinstance(value, str) and len(value) > 8 and (raw := decoded(value))
]


@examples(400, given(st.sampled_from(BYTES), st.data()))
def test_a_flipped_bit_is_refused(
    spot: tuple[str, tuple[str | int, ...], bytes], data: st.DataObject
) -> None:
    base, path, raw = spot
    place = data.draw(st.integers(0, len(raw) - 1))
    spoiled = flipped(raw, place, data.draw(st.integers(0, 7)))
    document = changed(json.loads(CASES[base].bundle), path, spoiled)
    if path[-1] in (TOKEN, "hint"):  # judged below, and no one's word
        judge(dataclasses.replace(CASES[base], bundle=json.dumps(document).encode()))
        return
    assert not accepted(CASES[base], json.dumps(document).encode()), (base, path, place)


def test_a_time_stamp_is_bound_but_for_what_its_authority_does_not_sign() -> None:
    """Versions and the name of the signature's algorithm stand beside the signed attributes."""
    case = CASES["v2-message"]
    document = json.loads(case.bundle)
    path = next(p for p, _ in places(document) if p[-1] == TOKEN)
    raw = decoded(at(document, path)) or b""
    loose = [
        i
        for i in range(len(raw))
        if accepted(case, json.dumps(changed(document, path, flipped(raw, i))).encode())
    ]
    assert loose, "then the list of unbound places is too long"
    assert len(loose) <= 12
    signed_attributes = range(raw.rindex(b"\xa0\x81") + 3, len(raw) - 90)
    assert not set(loose) & set(signed_attributes)


@examples(300, given(st.sampled_from(BASES), st.data()))
def test_bytes_of_the_file_spoiled_anywhere(base: str, data: st.DataObject) -> None:
    case = CASES[base]
    spoiled = bytearray(case.bundle)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(spoiled) - 1))
        end = min(len(spoiled), start + data.draw(st.integers(0, 8)))
        spoiled[start:end] = data.draw(st.binary(max_size=8))
    raw = bytes(spoiled)
    if accepted(case, raw) and not same_content(case, raw):
        label = spoiled_place(json.loads(case.bundle), json.loads(raw))
        assert TOKEN in label or unbound(label), label


def spoiled_place(before: Any, after: Any) -> str:
    """The first place where two documents differ, as a label."""
    for path, value in places(before):
        if at(after, path) != value and not isinstance(value, (dict, list)):
            return ".".join(map(str, path)) + ":changed"
    return "more:changed"


@examples(
    200,
    example(b"\xef\xbb\xbf{}"),
    example(b"{" * 5000),
    example(b'{"mediaType":"\\ud800"}'),
    given(st.binary(max_size=2000) | st.text(max_size=500).map(lambda t: t.encode("utf-8", "surrogatepass"))),
)
def test_any_bytes_for_a_bundle(data: bytes) -> None:
    assert not accepted(CASES["v2-message"], data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@examples(300, given(st.sampled_from(BASES), st.data(), VALUES))
def test_any_json_value_at_any_place(base: str, data: st.DataObject, value: Any) -> None:
    document = json.loads(CASES[base].bundle)
    path, before = data.draw(st.sampled_from(list(places(document))))
    raw = json.dumps(changed(document, path, value)).encode()
    if accepted(CASES[base], raw) and not same_content(CASES[base], raw):
        assert value != before
        assert unbound(".".join(map(str, path)) + ":changed") or not value, (path, value)


ROOT = json.loads(CASES["v2-message"].root)


@examples(300, given(st.data(), VALUES))
def test_any_json_value_at_any_place_of_a_trusted_root(data: st.DataObject, value: Any) -> None:
    path, before = data.draw(st.sampled_from(list(places(ROOT))))
    other = value
    if isinstance(before, str) and (raw := decoded(before)) and data.draw(st.booleans()):
        other = flipped(raw, data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7)))
    root = json.dumps(changed(ROOT, path, other)).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge(dataclasses.replace(CASES["v2-message"], root=root))


@examples(200, given(st.binary(max_size=300), st.integers(0, 200), st.integers(0, 7)))
def test_any_key_file(tail: bytes, place: int, bit: int) -> None:
    from anchor.sigstore import keys

    good = CASES["managed-p256"].key or b""
    spoiled = bytearray(good)
    spoiled[place % len(spoiled)] ^= 1 << bit
    for data in (bytes(spoiled), good + tail, tail, tail + good):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                keys.load_pem(data)
            except AnchorError:
                continue
