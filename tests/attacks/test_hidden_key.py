# SPDX-License-Identifier: Apache-2.0
"""A publisher signs an index that hides a fact, and hands out a receipt of its absence.

The receipt says what the index says, and whose word that is. Whoever verifies the release finds the lie, and
`prove` makes no receipt of such a release.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from anchor.verdict import Class
from anchor.verify.receipt import KEY_NOTE, verify_receipt
from tests.support.process.anchor_cli import anchor
from tests.support.releases.in_memory import Held
from tests.support.releases.receipts import bundles_of, leaves_of
from tests.support.releases.version_2 import KINDS, release_of, written
from tests.support.second import index2
from tests.support.second.leaves2 import leaf_hash

HIDDEN = "B"


def _hide(value: Any, files: dict[str, bytes]) -> None:
    """The index over `label` is that of the facts without the hidden one, at their places."""
    facts = json.loads(files["ledger.json"])["facts"]
    entries = _entries([json.dumps(fact, separators=(",", ":")).encode() for fact in facts])
    (index,) = value["predicate"]["index"]
    index |= {"keys": len(entries), "root": index2.root(entries).hex()}


def _entries(leaves: list[bytes]) -> list[index2.Entry]:
    facts = [json.loads(leaf) for leaf in leaves]
    found = index2.entries(["label"], facts, list(map(leaf_hash, leaves)))
    return [entry for entry in found if entry.key_hash != index2.key_hash([HIDDEN])]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    folder = tmp_path_factory.mktemp("hidden")
    return release_of(folder, written(folder, KINDS["index"]), keys=[["label"]], change=_hide)


def absence(held: Held) -> Any:
    """The receipt that the publisher makes."""
    siblings, end = index2.path(_entries(leaves_of(held)), index2.key_hash([HIDDEN]))
    shown: dict[str, Any] = {"columns": ["label"], "key": [HIDDEN]}
    shown["path"] = [None if hash_ == index2.EMPTY else hash_.hex() for hash_ in siblings]
    if end is not None:
        shown["other"] = {"key_hash": end.key_hash.hex(), "n": end.n, "inner": end.inner.hex()}
    receipt = {"format": "urn:ledger-anchor:receipt:v1", "kind": "absence"}
    return receipt | {"bundles": bundles_of(held), "index": shown}


def test_the_receipt_says_whose_word_it_is(held: Held) -> None:
    verdict = verify_receipt("a", json.dumps(absence(held)).encode(), trust=held.trust, now=held.now)
    assert verdict.verdict is Class.OK
    assert KEY_NOTE in verdict.notes
    assert "known to whoever verified the whole release" in KEY_NOTE


def test_whoever_verifies_the_release_finds_the_lie(held: Held) -> None:
    verdict = held.verify()
    assert verdict.verdict is Class.INVALID
    (bad,) = [c for c in verdict.checks if c.demotes]
    assert (bad.name, bad.state) == ("index", "refused")
    assert "the facts give 2 keys" in bad.detail
    assert "index over 'label'" in bad.detail
    assert verdict.facts == {}


def test_no_receipt_is_made_of_it(held: Held, tmp_path: Path) -> None:
    for path, data in {**held.files, "release.json": held.release}.items():
        (tmp_path / path).write_bytes(data)
    ran = anchor("prove", tmp_path / "release.json", "--absent", HIDDEN)
    assert ran.code == 8
    assert "no receipt is made: the release does not verify" in ran.err
    assert "INVALID" in ran.out
