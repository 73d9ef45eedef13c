# SPDX-License-Identifier: Apache-2.0
"""`--index` by the commands: seal, publish and its dry run, verify, inspect, a re-verification."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import Site, empty
from tests.support.second import index2
from tests.support.second.leaves2 import Fact, jcs, leaf_hash

FACTS: list[Fact] = [
    {"label, short": label, "value": value} for label, value in [("A", "1"), ("B", "2"), ("A", "3"), ("", "")]
]
NAMED = ("--name", "small-ledger", "--version", "1.0.0")
NAMES = '["label, short"]'


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    file = tmp_path / "facts.jsonl"
    file.write_text("".join(json.dumps(fact) + "\n" for fact in FACTS))
    return file


def expected(columns: list[str]) -> dict[str, Any]:
    found = index2.entries(columns, FACTS, [leaf_hash(jcs(fact)) for fact in FACTS])
    root = index2.root(found).hex()
    return {"algorithm": "csmt-sha256-v1", "columns": columns, "keys": len(found), "root": root}


def published(tmp_path: Path, facts: Path, *more: str) -> Site:
    site = empty(tmp_path)
    ran = site.publish_file(facts, "1.0.0", *more)
    assert ran.code == 0, ran.err
    assert "index      over 'value': 4 keys\n" in ran.err or "value" not in more
    site.policy.write_text(ran.out)
    return site


def predicate(site: Site) -> Any:
    return json.loads(site.path("statement").read_bytes())["predicate"]


def test_it_goes_from_the_option_to_a_verification_in_a_year(facts: Path, tmp_path: Path) -> None:
    site = published(tmp_path, facts, "--index", "value", "--index", '["value","label, short"]')
    assert predicate(site)["index"] == [expected(["value"]), expected(["value", "label, short"])]
    assert site.value["format"] == "urn:ledger-anchor:release:v2"
    ran = site.verify()
    assert ran.code == 0, ran
    assert "the index over 'value', made again from all facts, has 4 keys" in ran.out
    assert "the index over 'value', 'label, short', made again" in ran.out
    found = anchor("inspect", site.path("statement"), "--json").document
    assert found["problem"] == ""
    assert next(f for f in found["fields"] if f["path"] == "predicate.index[0].root")["by"].endswith(
        "(index)"
    )
    again = anchor("reverify", "-v", site.release, "--policy", site.policy, "--home", tmp_path / "records")
    assert again.code == 0, again
    status = anchor("status", "--home", tmp_path / "records")
    assert status.code == 0, status
    assert site.publish_file(facts, "1.1.0").code == 0  # the next one has no index, and is of version 1
    assert site.value["format"] == "urn:ledger-anchor:release:v1"
    assert site.verify().code == 0


def test_seal_and_a_dry_run_show_the_same_as_publish_signs(facts: Path, tmp_path: Path) -> None:
    site = published(tmp_path, facts, "--index", NAMES)
    signed = site.path("statement").read_text()
    words = (*NAMED, "--index", NAMES)
    sealed = anchor("seal", facts, *words, "-o", tmp_path / "sealed", "--json").document
    assert sealed["indexes"] == [expected(["label, short"])] == json.loads(signed)["predicate"]["index"]
    assert (tmp_path / "sealed" / "statement.json").read_text() == signed
    assert (
        f"index      over 'label, short': 3 keys, root {sealed['indexes'][0]['root']}"
        in anchor("seal", facts, *words).out
    )
    scratch = ("--root", tmp_path / "nowhere", "--home", tmp_path / "no home")
    ran = anchor("publish", facts, *words, *scratch, "--dry-run")
    assert anchor("publish", facts, *words, *scratch, "--dry-run", "--json").document["statement"] == signed
    assert "index      over 'label, short': 3 keys\n" in ran.err


def test_the_same_again_needs_the_same_index(facts: Path, tmp_path: Path) -> None:
    site = published(tmp_path, facts, "--index", "value")
    assert site.publish_file(facts, "1.0.0", "--index", "value").code == 0
    for other in ((), ("--index", NAMES)):
        ran = site.publish_file(facts, "1.0.0", *other)
        assert ran.code == 8
        assert "published with other facts, files or indexes" in ran.err
    assert site.entries() == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["labell"], "'labell' is not a column of the ledger"),
        (["label, short"], "'label' is not a column"),  # a comma separates two names
        (["value,value"], "'value' is there twice"),
        (["value", "value"], "the same columns twice"),
        (["value,"], "a column without a name"),
        (['["value"'], "not a JSON array of names"),
        (["[1]"], "not a JSON array of names"),
        (["[]"], "0 columns"),
        ([",".join(f"c{i}" for i in range(17))], "17 columns"),
        ([f"c{i}" for i in range(9)], "9 indexes, more than 8"),
    ],
)
def test_an_index_that_cannot_be_is_refused_in_one_line(
    words: list[str], said: str, facts: Path, tmp_path: Path
) -> None:
    options = [part for word in words for part in ("--index", word)]
    for command in (("seal", facts, *NAMED), ("publish", facts, *NAMED, "--root", tmp_path / "site")):
        ran = anchor(*command, *options)
        assert (ran.code, ran.out) == (2, ""), ran
        assert said in ran.line
        assert "--index" in ran.line
    assert not list((tmp_path / "site").glob("**/*.json"))


def test_the_refusal_names_the_columns_and_the_form_with_a_comma(facts: Path) -> None:
    line = anchor("seal", facts, *NAMED, "--index", "label, short").err
    assert "'label, short', 'value'" in line
    assert "JSON array" in line


def test_the_key_of_a_schema_is_the_first_index(tmp_path: Path, facts: Path) -> None:
    schema = tmp_path / "my.schema.json"
    fields = [{"name": "label, short"}, {"name": "value"}]
    schema.write_text(json.dumps({"fields": fields, "primaryKey": ["value"]}))
    site = published(tmp_path, facts, "--schema", str(schema))
    assert predicate(site)["index"] == [expected(["value"])]
    assert site.verify().code == 0
    words = ("seal", facts, *NAMED, "--schema", schema, "--json")
    more = anchor(*words, "--index", "value", "--index", NAMES).document["indexes"]
    assert more == [expected(["value"]), expected(["label, short"])]
    other = anchor(*words, "--index", NAMES)
    assert other.code == 2
    assert "the first index is not over the key columns of" in other.document["error"]
    schema.write_text(json.dumps({"fields": fields}))
    assert anchor(*words).document["indexes"] == []
    assert anchor(*words, "--index", NAMES).document["indexes"] == [expected(["label, short"])]


def test_a_release_that_loses_an_index_says_so_before_it_is_signed(tmp_path: Path, facts: Path) -> None:
    """Without it nobody can prove that a fact is absent any more."""
    site = published(tmp_path, facts, "--index", NAMES, "--index", "value")
    words = "index      1.0.0 has one over 'value', and this release has none over it"
    for more in (("--dry-run",), ()):
        ran = site.publish_file(facts, "1.1.0", "--index", NAMES, *more)
        assert (ran.code, words in ran.err, ran.err.count("has none over it")) == (0, True, 1), ran
    ran = site.publish_file(facts, "1.2.0", "--dry-run", "--json")
    assert ran.document["changes"]["without_index"] == [["label, short"]]
