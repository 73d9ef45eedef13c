# SPDX-License-Identifier: Apache-2.0
"""A Table Schema beside a ledger, by the commands: published, checked, verified, changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.process.anchor_cli import Ran, anchor

CSV = "label,value,unit\nA,1,kg\nB,x,kg\nB,5,\n"
GOOD = CSV.replace("x", "2").replace("B,5,", "C,5,t")
FIELDS: list[dict[str, Any]] = [
    {"name": "label"},
    {"name": "value", "type": "integer"},
    {"name": "unit", "constraints": {"required": True}},
]


def schema(folder: Path, **members: Any) -> Path:
    path = folder / "my.schema.json"
    path.write_text(json.dumps({"fields": FIELDS, "primaryKey": "label", **members}))
    return path


def publish(folder: Path, text: str, *words: object) -> Ran:
    (folder / "l.csv").write_text(text)
    named = ("--name", "test", "--version", "1", "--root", folder / "site", "--home", folder / "home")
    return anchor("publish", folder / "l.csv", *named, "--schema", *words)


def test_a_schema_is_published_verified_and_bound(tmp_path: Path) -> None:
    ran = publish(tmp_path, GOOD, schema(tmp_path))
    assert ran.code == 0, ran
    assert "my.schema.json: every fact is as it says" in ran.err
    (tmp_path / "policy.toml").write_text(ran.out)
    words = ("verify", "-v", tmp_path / "site", "--policy", tmp_path / "policy.toml")
    verified = anchor(*words)
    assert verified.code == 0
    assert 'the key columns ["label"]; types, units and constraints: not checked' in verified.out
    assert anchor("reverify", *words[1:], "--home", tmp_path / "records").code == 0
    published = tmp_path / "site" / "release" / "1" / "schema.json"
    published.write_bytes(published.read_bytes().replace(b'"integer"', b'"decimal"'))
    changed = anchor(*words)
    assert changed.code == 8
    assert "table-schema: release/1/schema.json: SHA-256 is" in changed.out
    published.unlink()
    assert anchor(*words).code == 3


def test_the_same_ledger_with_another_schema_is_another_release(tmp_path: Path) -> None:
    assert publish(tmp_path, GOOD, schema(tmp_path)).code == 0
    again = publish(tmp_path, GOOD, schema(tmp_path, title="x"))
    assert again.code == 8
    assert publish(tmp_path, GOOD, schema(tmp_path)).code == 0


def test_facts_that_are_not_as_the_schema_says_are_named_and_nothing_is_signed(tmp_path: Path) -> None:
    ran = publish(tmp_path, CSV, schema(tmp_path))
    assert ran.code == 2
    assert (
        "fact 2: value 'x': type is \"integer\"; fact 3: the key columns are the same as in fact 2" in ran.err
    )
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "site" / "release.json").exists()
    lint = anchor("lint", tmp_path / "l.csv", "--schema", schema(tmp_path), "--json")
    assert lint.code == 2
    found = [f for f in lint.document["findings"] if f["kind"] == "schema"]
    assert [(f["column"], f["text"], f["count"]) for f in found] == [("value", "x", 1), ("", "", 1)]
    assert publish(tmp_path, CSV, schema(tmp_path), "--schema-unchecked").code == 0


def test_an_empty_text_is_missing_only_if_the_schema_says_so(tmp_path: Path) -> None:
    text = GOOD.replace("C,5,t", "C,,t")
    ran = publish(tmp_path, text, schema(tmp_path), "--dry-run")
    assert ran.code == 2
    assert "fact 3: value" in ran.err
    assert publish(tmp_path, text, schema(tmp_path, missingValues=[""]), "--dry-run").code == 0
    empty_unit = GOOD.replace("C,5,t", "C,5,")
    assert publish(tmp_path, empty_unit, schema(tmp_path), "--dry-run").code == 0
    required = publish(tmp_path, empty_unit, schema(tmp_path, missingValues=[""]), "--dry-run")
    assert required.code == 2
    assert "required" in required.err


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"fields": FIELDS[:2]}, "2 fields for 3 columns"),
        (
            {"fields": [FIELDS[1], FIELDS[0], FIELDS[2]]},
            "field 1 is 'value', where the ledger has",
        ),
        ({"primaryKey": "other"}, "'other' is no column of the ledger"),
        ({"fields": [{**FIELDS[0], "type": "nonsense"}, *FIELDS[1:]]}, "nonsense"),
        ({"fields": []}, "no list of fields"),
        ({"missingValues": 5}, "missingValues"),
    ],
    ids=str,
)
def test_a_schema_that_does_not_fit_is_one_line(members: Any, said: str, tmp_path: Path) -> None:
    path = schema(tmp_path, **members)
    ran = publish(tmp_path, GOOD, path)
    assert ran.code == 2
    assert said in ran.err
    assert str(path) in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "site" / "release.json").exists()


def test_a_file_that_is_no_schema(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    for data in (b"", b"[]", b"\xff", b"{" * 100_000, b'{"fields": [{"name": "label"}, 1]}'):
        path.write_bytes(data)
        ran = publish(tmp_path, GOOD, path)
        assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran
    assert publish(tmp_path, GOOD, tmp_path / "none.json").code == 2
    assert anchor("seal", tmp_path / "l.csv", "--name", "a", "--version", "1", "--schema-unchecked").code == 2


def test_seal_writes_it_beside_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(GOOD)
    words = ("--name", "a", "--version", "1", "--schema", schema(tmp_path), "-o", tmp_path / "out")
    assert anchor("seal", tmp_path / "l.csv", *words).code == 0
    assert (tmp_path / "out" / "schema.json").read_bytes() == schema(tmp_path).read_bytes()
    statement = json.loads((tmp_path / "out" / "statement.json").read_bytes())
    assert [s["name"] for s in statement["subject"]] == ["ledger.csv", "ledger.json", "schema.json"]
