# SPDX-License-Identifier: Apache-2.0
"""Bundles: what each version must and must not carry, and what of ProtoJSON is read."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from anchor.errors import AnchorError, Refused, Unsupported
from anchor.sigstore import bundle
from tests.support.forge import bundles

Edit = Callable[[dict[str, Any]], object]
Json = dict[str, Any]


def parsed(recipe: bundles.Recipe = bundles.V2, edit: Edit | None = None) -> bundle.Bundle:
    made = bundles.make(recipe)
    if edit:
        edit(made)
    return bundle.parse(json.dumps(made).encode())


def material(b: Json) -> Json:
    found = b["verificationMaterial"]
    assert isinstance(found, dict)
    return found


def entry(b: Json) -> Json:
    found = material(b)["tlogEntries"][0]
    assert isinstance(found, dict)
    return found


def test_numbers_are_read_as_text_or_as_numbers_and_zeros_may_be_left_out() -> None:
    honest = parsed()
    as_number = parsed(edit=lambda b: entry(b).update(logIndex=int(entry(b)["logIndex"])))
    assert as_number == honest
    first = bundles.V2.but(log=lambda: bundles.v2_log(fill=0), after=0)

    def leave_out(b: Json) -> None:
        del entry(b)["logIndex"], entry(b)["inclusionProof"]["logIndex"]

    assert parsed(first, leave_out).entries[0].log_index == 0


def test_both_spellings_of_a_member_are_read_and_never_both_at_once() -> None:
    def snake(b: Json) -> None:
        b["verification_material"] = b.pop("verificationMaterial")
        entry({"verificationMaterial": b["verification_material"]})["log_index"] = entry(
            {"verificationMaterial": b["verification_material"]}
        ).pop("logIndex")

    assert parsed(edit=snake) == parsed()
    with pytest.raises(Refused, match="twice"):
        parsed(edit=lambda b: entry(b).update(log_index="3"))


def test_line_breaks_in_base64_are_skipped_and_nothing_else_is() -> None:
    raw = parsed().timestamps[0]

    def token(text: str) -> Edit:
        stamps = {"rfc3161Timestamps": [{"signedTimestamp": text}]}
        return lambda b: material(b).update(timestampVerificationData=stamps)

    text = bundles.b64(raw)
    assert parsed(edit=token(text[:64] + "\n" + text[64:] + "\n")).timestamps == (raw,)
    assert parsed(edit=token(text[:64] + "\r\n" + text[64:])).timestamps == (raw,)
    for spoilt in (
        text[:64] + " " + text[64:],
        text + "=",
        text[:-1],
        "!" + text,
        text.replace("M", "\u039c", 1),
    ):
        with pytest.raises(Refused):
            parsed(edit=token(spoilt))


def test_null_is_absent() -> None:
    assert parsed(edit=lambda b: entry(b).update(inclusionPromise=None)) == parsed()
    with pytest.raises(Refused, match="without 'logId'"):
        parsed(edit=lambda b: entry(b).update(logId=None))


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_a_single_certificate_belongs_to_v0_3_alone(version: str) -> None:
    with pytest.raises(Refused, match="chain"):
        parsed(bundles.V1, lambda b: b.update(mediaType=bundles.MEDIA[version]))


def test_a_key_hint_may_be_empty_but_a_bundle_needs_one_form_of_key() -> None:
    assert parsed(edit=lambda b: b.update(verificationMaterial=_with(material(b), publicKey={}))).hint == ""
    with pytest.raises(Refused, match="where one is wanted"):
        parsed(edit=lambda b: material(b).update(publicKey={"hint": "x"}))
    with pytest.raises(Refused, match="neither"):
        parsed(edit=lambda b: material(b).pop("certificate"))


def _with(found: Json, **more: Any) -> Json:
    return {k: v for k, v in found.items() if k != "certificate"} | more


@pytest.mark.parametrize(
    ("name", "count"),
    [("tlogEntries", bundle.MAX_ENTRIES + 1), ("tlogEntries", 5000)],
)
def test_entries_are_capped(name: str, count: int) -> None:
    with pytest.raises(Refused):
        parsed(edit=lambda b: material(b).update({name: [entry(b)] * count}))


def test_a_million_proof_hashes_are_refused_at_once() -> None:
    made = bundles.make(bundles.V2)
    text = json.dumps(made).replace('"hashes": [', '"hashes": [' + '"",' * 1_000_000)
    with pytest.raises(Refused):
        bundle.parse(text.encode())


def test_a_huge_file_is_refused_by_its_size_alone() -> None:
    with pytest.raises(Refused, match="bytes"):
        bundle.parse(b"{" * (bundle.MAX_SIZE + 1))


@pytest.mark.parametrize(
    "edit",
    [
        lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"),
        lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.4"),
        lambda b: b.update(extra=1),
        lambda b: material(b).update(extra=1),
        lambda b: entry(b)["inclusionProof"]["checkpoint"].update(extra=1),
        lambda b: b["messageSignature"].update(extra=1),
    ],
)
def test_what_is_not_known_is_unsupported(edit: Edit) -> None:
    with pytest.raises(Unsupported):
        parsed(edit=edit)


@pytest.mark.parametrize("value", [None, True, 1, -1, 1.5, "", "x", [], {}, [[]], {"a": None}, "\ud800"])
def test_no_value_in_any_place_raises_anything_else(value: Any) -> None:
    for recipe in (bundles.V2, bundles.V2_DSSE, bundles.V1.but(version="0.2")):
        made = bundles.make(recipe)
        for place in _places(made):
            spoilt = json.loads(json.dumps(made))
            target = spoilt
            for step in place[:-1]:
                target = target[step]
            target[place[-1]] = value
            with contextlib.suppress(AnchorError):
                bundle.parse(json.dumps(spoilt).encode())


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, item in items:
        found += _places(item, (*path, key))
    return found
