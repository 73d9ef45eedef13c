# SPDX-License-Identifier: Apache-2.0
"""Laws of the verifier under mutation: nothing but a report comes out, and no bound byte can be changed."""

import base64
import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import AnchorError
from anchor.sigstore import bundle as bundles
from anchor.sigstore import keys, trusted_root
from anchor.sigstore.artifact import Artifact
from anchor.verify.bundle import BundleReport, verify_bundle
from anchor.verify.policy import Signer
from tests.support.forge import bundles as forge
from tests.support.forge import keys as forge_keys
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.process.sampled import examples

Json = Any
ROOT = trusted_root.parse(json.dumps(forge.trusted_root()).encode())
KEY = forge_keys.ecdsa("fuzzed")
MANAGED = forge.V2.but(managed=KEY)
RECIPES = {
    "v2": forge.V2,
    "v2-dsse": forge.V2_DSSE,
    "v1": forge.V1,
    "v1-dsse": forge.V1_DSSE,
    "v1-intoto": forge.V1_INTOTO,
    "managed": MANAGED,
}
MADE = {name: forge.make(recipe) for name, recipe in RECIPES.items()}
HARMLESS = ("hint", "integratedTime")
"""Not bound by anything, and shown by nothing: hints, and the time of a v2 entry."""


def judged(data: bytes, name: str = "v2", root: trusted_root.TrustedRoot = ROOT) -> BundleReport:
    managed = name == "managed"
    return verify_bundle(
        data,
        trusted_root=root,
        artifact=Artifact(forge.ARTIFACT),
        now=forge.NOW,
        signers=None if managed else [Signer(identity=IDENTITY, issuer=ISSUER)],
        key=keys.load_pem(KEY.pem) if managed else None,
    )


def leaves(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in leaves(v, (*path, k))]
    if isinstance(value, list):
        return [p for i, v in enumerate(value) for p in leaves(v, (*path, i))]
    return [path]


def with_value(value: Json, path: tuple[Any, ...], leaf: Json) -> Json:
    changed = copy.deepcopy(value)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = leaf
    return changed


def get(value: Json, path: tuple[Any, ...]) -> Json:
    for step in path:
        value = value[step]
    return value


def flip(data: st.DataObject, raw: bytes) -> bytes:
    """One bit, one byte more or less, or a piece doubled."""
    at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
    kind = data.draw(st.sampled_from(["bit", "cut", "add", "double"]))
    if kind == "bit" and raw:
        return raw[:at] + bytes([raw[at] ^ 1 << data.draw(st.integers(0, 7))]) + raw[at + 1 :]
    if kind == "cut":
        return raw[:at]
    if kind == "add":
        return raw[:at] + data.draw(st.binary(min_size=1, max_size=3)) + raw[at:]
    return raw[:at] + raw[at : at + 9] + raw[at:]


@examples(150, given(st.data()))
def test_no_byte_of_a_field_can_be_changed_unless_nothing_binds_and_shows_it(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(MADE)))
    path = data.draw(st.sampled_from([p for p in leaves(MADE[name]) if p[-1] not in HARMLESS]))
    old = get(MADE[name], path)
    raw = old.encode() if path[-1] in ("envelope", "mediaType", "payloadType") else _decoded(old)
    changed = flip(data, raw)
    text = changed.decode("utf-8", "replace") if raw == old.encode() else base64.b64encode(changed).decode()
    honest, report = (
        judged(json.dumps(MADE[name]).encode(), name),
        judged(json.dumps(with_value(MADE[name], path, text)).encode(), name),
    )
    assert honest.ok
    if report.ok and text != old:
        # Only what RFC 3161 leaves unsigned in a token, or another spelling of the same version.
        assert path[-1] in ("signedTimestamp", "mediaType")
        assert (report.identity, report.payload) == (honest.identity, honest.payload)
        # A signature by a key needs no time, and there the stamp of a stranger counts for nothing.
        assert report.times == honest.times or (name == "managed" and not report.times)
        assert [f.index for f in report.logs] == [f.index for f in honest.logs]


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return text.encode()
    return raw if base64.b64encode(raw).decode() == text and len(raw) > 8 else text.encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@examples(150, given(st.data(), JSON))
def test_any_value_in_any_place_gives_a_report(data: st.DataObject, value: Json) -> None:
    name = data.draw(st.sampled_from(sorted(MADE)))
    path = data.draw(st.sampled_from(leaves(MADE[name])))
    cut = data.draw(st.integers(1, len(path)))
    changed = with_value(MADE[name], path[:cut], value)
    assert judged(json.dumps(changed).encode(), name).checks


@examples(150, given(st.data(), JSON))
def test_any_value_in_a_signed_body_or_statement_gives_a_report(data: st.DataObject, value: Json) -> None:
    """The log and the signer may be the attacker: what they sign is as hostile as the rest."""
    name = data.draw(st.sampled_from([n for n in RECIPES if n != "managed"]))
    recipe, entry = RECIPES[name], MADE[name]["verificationMaterial"]["tlogEntries"][0]
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    path = data.draw(st.sampled_from(leaves(body)))
    cut = path[: data.draw(st.integers(1, len(path)))]
    raw = json.dumps(with_value(body, cut, value), separators=(",", ":"), sort_keys=True).encode()
    assert judged(json.dumps(forge.make(recipe.but(raw_body=raw))).encode()).checks
    if recipe.payload is not None:
        said = json.loads(recipe.payload)
        path = data.draw(st.sampled_from(leaves(said)))
        payload = json.dumps(with_value(said, path, value)).encode()
        assert judged(json.dumps(forge.make(recipe.but(payload=payload))).encode()).checks


@examples(150, given(st.data(), JSON))
def test_any_value_in_a_trusted_root_gives_a_root_or_an_error_of_ours(
    data: st.DataObject, value: Json
) -> None:
    root = forge.trusted_root()
    path = data.draw(st.sampled_from(leaves(root)))
    old = get(root, path)
    text = base64.b64encode(flip(data, raw)).decode() if (raw := _decoded(old)) != old.encode() else value
    try:
        parsed = trusted_root.parse(json.dumps(with_value(root, path, text)).encode())
    except AnchorError:
        return
    assert judged(json.dumps(MADE["v2"]).encode(), root=parsed).checks


@examples(150, given(st.binary(max_size=400)))
def test_any_bytes_give_a_report(data: bytes) -> None:
    assert not judged(data).ok


@pytest.mark.slow
def test_hostile_sizes_cost_little() -> None:
    made = MADE["v2"]
    proof = ("verificationMaterial", "tlogEntries", 0, "inclusionProof")
    note = get(made, (*proof, "checkpoint", "envelope"))
    hostile = [
        with_value(made, (*proof, "checkpoint", "envelope"), note + "— a AAAAAAAA\n" * 1_000_000),
        with_value(made, (*proof, "hashes"), [forge.b64(bytes(32))] * 200_000),
        with_value(made, ("verificationMaterial", "tlogEntries"), [{}] * 200_000),
        with_value(made, ("mediaType",), "a" * 10_000_000),
        with_value(made, ("messageSignature", "signature"), forge.b64(bytes(5_000_000))),
    ]
    texts = [json.dumps(h).encode() for h in hostile]
    texts += [b"[" * 5_000_000, b"{" * (bundles.MAX_SIZE + 1), b'{"a":' * 1_000_000, b"1" * 10_000_000]
    for text in texts:
        begun = time.process_time()
        assert not judged(text).ok
        assert time.process_time() - begun < 2
