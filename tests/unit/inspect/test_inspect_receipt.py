# SPDX-License-Identifier: Apache-2.0
"""Receipts in words: a field is called bound exactly if another value in it is refused."""

import json
from copy import deepcopy
from typing import Any

import pytest

from anchor.app import trust as trusts
from anchor.inspect.document import inspect, lines
from anchor.net.budget import Budget
from anchor.verdict import Class
from anchor.verify.receipt import verify_receipt
from tests.receipt_vectors import make
from tests.support.forge.bundles import NOW

NAMES = ("fact-3-of-7", "facts-several", "key-complete", "key-null", "absent-empty", "absent-other")


def receipt(name: str) -> Any:
    return json.loads((make.HERE / name / "receipt.json").read_bytes())


def others(value: Any) -> list[Any]:
    """Other values of the same type."""
    if value is None:
        return ["x"]
    if isinstance(value, int):
        return [value + 1]
    return [value[:-1] + ("0" if value[-1:] != "0" else "1"), "x"]


def places(value: Any, steps: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in places(v, (*steps, k))]
    if isinstance(value, list):
        return [p for i, v in enumerate(value) for p in places(v, (*steps, i))]
    return [steps]


def text(steps: tuple[Any, ...]) -> str:
    return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps).removeprefix(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_field_beside_the_bundles_is_bound_and_no_other_value_is_accepted(name: str) -> None:
    """Except of the key that is absent: its path shows that others are absent, too."""
    value = receipt(name)
    trust = trusts.load(make.HERE / name / "policy.toml", budget=Budget(5), offline=True)
    found = inspect(json.dumps(value).encode(), file="receipt.json")
    assert (found.kind, found.problem) == ("receipt", "")
    marks = {f.path: f.bound for f in found.fields}
    own = [p for p in places(value) if p[0] != "bundles"]
    assert len(own) > 3
    for steps in own:
        if name.startswith("absent") and steps[:2] == ("index", "key"):
            assert not marks[text(steps)]
            continue
        assert marks[text(steps)], steps
        changed = deepcopy(value)
        inner = changed
        for step in steps[:-1]:
            inner = inner[step]
        for other in others(inner[steps[-1]]):
            inner[steps[-1]] = other
            data = json.dumps(changed).encode()
            assert verify_receipt("a", data, trust=trust, now=NOW).verdict is not Class.OK, steps
    assert any(path.startswith("bundles[0].dsseEnvelope.payload") for path in marks)
    assert any(path.startswith("bundles[0].verificationMaterial.tlogEntries") for path in marks)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fact-3-of-7", "says that 1 fact of a ledger is in it"),
        ("facts-several", "says that 3 facts of a ledger are in it"),
        ("key-null", "facts and no other have the key {'label': None}"),
        ("absent-empty", "says that no fact has the key"),
        ("line-of-a-file", "says that 1 fact of a ledger is in it"),
    ],
)
def test_it_is_said_in_a_sentence(name: str, said: str) -> None:
    found = inspect((make.HERE / name / "receipt.json").read_bytes(), file="receipt.json")
    assert said in found.sentence
    assert "anchor verify-receipt" in found.notes[-1]
    assert list(lines(found))[2].startswith("Nothing was verified")


def test_the_dialect_of_its_ledger_is_named() -> None:
    found = inspect((make.HERE / "read-as" / "receipt.json").read_bytes(), file="receipt.json")
    assert any("windows-1252" in note for note in found.notes)


def test_the_bundles_of_many_receipts() -> None:
    data = (make.HERE / "line-of-a-file" / "bundles.json").read_bytes()
    found = inspect(data, file="bundles.json")
    assert (found.kind, found.problem) == ("bundles of receipts", "")
    assert "bundles[0].dsseEnvelope.payload" in {f.path for f in found.fields}


@pytest.mark.parametrize(
    "name", ["member-unknown_fail", "facts-one-twice_fail", "bundles-empty_fail", "absent-empty-in-hex_fail"]
)
def test_what_is_refused_for_its_form_is_shown_all_the_same(name: str) -> None:
    found = inspect((make.HERE / name / "receipt.json").read_bytes(), file="receipt.json")
    assert found.kind == "receipt"
    assert found.problem
    assert found.fields
