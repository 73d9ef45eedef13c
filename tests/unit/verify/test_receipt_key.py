# SPDX-License-Identifier: Apache-2.0
"""Receipts of a key: what the index of the statement says is shown, and nothing else is accepted.

FORMAT.md sections 21 and 22.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from anchor.disk.ledger_file import LedgerFile
from anchor.verdict import Class, Verdict
from anchor.verify.receipt import KEY_NOTE, Evidence, examine_receipt, verify_evidence
from tests.support.releases.in_memory import Held
from tests.support.releases.key_receipts import Key, ends, receipt_of_key
from tests.support.releases.receipts import bundles_of, receipt_of
from tests.support.releases.version_2 import release_of
from tests.support.second import receipts2

LABEL = ["label"]
ROWS: list[dict[str, str | None]] = [
    {"label": "A", "n": "1"},
    {"label": "B", "n": "2"},
    {"label": "A", "n": "3"},
    {"label": ""},
    {"label": "a", "n": "4"},
    {"n": "5"},
    {"label": None, "n": "6"},
    *[dict[str, str | None](label=f"more {i}", n="8") for i in range(21)],
]


def made(folder: Path, rows: list[dict[str, str | None]], *keys: list[str]) -> Held:
    file = folder / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return release_of(folder, [LedgerFile(path=file, reader="jsonl-v2")], keys=keys)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return made(tmp_path_factory.mktemp("keys"), ROWS, LABEL, ["n", "label"])


def verified(receipt: Any, held: Held) -> Verdict:
    data = json.dumps(receipt).encode()
    return examine_receipt("a", data, trust=held.trust, now=held.now, evidence=evidence(held)).verdict


_EVIDENCE: dict[bytes, Evidence] = {}


def evidence(held: Held) -> Evidence:
    """Its bundles, verified once."""
    if held.release not in _EVIDENCE:
        _EVIDENCE[held.release] = verify_evidence(bundles_of(held), trust=held.trust, now=held.now)
    return _EVIDENCE[held.release]


@pytest.mark.parametrize(
    ("key", "indexes"), [(["A"], [0, 2]), ([""], [3]), ([None], [5, 6]), (["a"], [4]), (["more 7"], [14])]
)
def test_all_facts_of_a_key(key: Key, indexes: list[int], held: Held) -> None:
    receipt = receipt_of_key(held, LABEL, key)
    verdict = verified(receipt, held)
    assert verdict.verdict is Class.OK, verdict.checks
    assert [fact["index"] for fact in verdict.facts["facts"]] == indexes
    assert verdict.facts["key"] == {"label": key[0]}
    assert KEY_NOTE in verdict.notes
    assert "exact bytes" in KEY_NOTE
    assert "according to the publisher's index" in KEY_NOTE
    line = next(c.detail for c in verdict.checks if c.name == "receipt-key")
    assert line.startswith(f"{len(indexes)} fact")
    assert "exact bytes" in line
    receipts2.check(json.dumps(receipt).encode())


@pytest.mark.parametrize("columns", [LABEL, ["n", "label"]])
@pytest.mark.parametrize("end", ["empty", "other"])
def test_an_absent_key(columns: list[str], end: str, held: Held) -> None:
    receipt = receipt_of_key(held, columns, ends(held, columns)[end])
    assert ("other" in receipt["index"]) == (end == "other")
    verdict = verified(receipt, held)
    assert verdict.verdict is Class.OK, verdict.checks
    assert (verdict.facts["kind"], verdict.facts["facts"]) == ("absence", [])
    assert verdict.facts["key"] == dict(zip(columns, receipt["index"]["key"], strict=True))
    assert KEY_NOTE in verdict.notes
    receipts2.check(json.dumps(receipt).encode())


def test_null_and_the_empty_string_are_two_keys(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, str | None], str | None]] = [({"label": ""}, None), ({"label": None}, "")]
    for n, (row, absent) in enumerate(cases):
        (tmp_path / str(n)).mkdir()
        held = made(tmp_path / str(n), [row, {"label": "x", "n": "2"}], LABEL)
        receipt = receipt_of_key(held, LABEL, [absent])
        assert receipt["kind"] == "absence"
        assert verified(receipt, held).verdict is Class.OK


def test_a_ledger_of_one_fact(tmp_path: Path) -> None:
    """Its index is one leaf: each path is empty, and an absent key ends in the leaf of the other one."""
    held = made(tmp_path, [{"label": "A"}], LABEL)
    there, absent = (receipt_of_key(held, LABEL, [key]) for key in ("A", "B"))
    assert there["index"]["path"] == absent["index"]["path"] == []
    assert verified(there, held).verdict is Class.OK
    assert verified(absent, held).verdict is Class.OK
    del absent["index"]["other"]
    assert verified(absent, held).verdict is Class.INVALID


def test_a_ledger_without_an_index_has_no_such_receipt(tmp_path: Path) -> None:
    held = made(tmp_path, ROWS)
    verdict = verified(receipt_of_key(held, LABEL, ["A"]), held)
    assert verdict.verdict is Class.INVALID
    assert "no index over these columns" in next(c.detail for c in verdict.checks if c.name == "receipt-key")


def test_a_receipt_of_another_release_is_refused(held: Held, tmp_path: Path) -> None:
    """Its index lacks a fact of the key, and it is signed by nobody whom the policy accepts."""
    other = made(tmp_path, ROWS[1:], LABEL)
    receipt = receipt_of_key(other, LABEL, ["A"])
    assert verified(receipt, other).verdict is Class.OK
    mixed = receipt | {"bundles": receipt_of(held, 0)["bundles"]}
    assert verified(mixed, held).verdict is Class.INVALID
