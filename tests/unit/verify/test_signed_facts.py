# SPDX-License-Identifier: Apache-2.0
"""The facts of a release as they are compared: from ledger.json, and without one from the originals."""

import io
from pathlib import Path

import pytest

from anchor import limits
from anchor.errors import Refused
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.verify import signed_facts
from tests.support.releases.in_memory import Held, Memory
from tests.support.releases.version_2 import release_of_kind


def read(held: Held) -> list[dict[str, str | None]]:
    release = releases.load(held.release)
    signed = statements.decode(held.files[held.path("statement")])
    facts = signed_facts.read(release, signed, Memory(held.files), io.BytesIO())
    assert facts.root.hex() == signed.tree.root
    return [facts.fact(index) for index in range(len(facts))]


@pytest.mark.parametrize("most", [limits.LEDGER_JSON, 10])
def test_with_and_without_a_ledger_json(most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEDGER_JSON", most)
    held = release_of_kind(tmp_path, "null in the second of two files")
    assert ("ledger.json" in {f["name"] for f in held.value["files"]}) is (most > 10)
    assert read(held)[-2:] == [{"label": "C", "value": "3"}, {"label": "D", "value": None}]


def test_a_file_that_changed_since_it_was_verified_is_refused(tmp_path: Path) -> None:
    held = release_of_kind(tmp_path, "gzip")
    path = held.path("ledger.json")
    changed = held.with_file(path, held.files[path].replace(b'"1"', b'"7"', 1), repaired=False)
    with pytest.raises(Refused, match="SHA-256 is"):
        read(changed)
