# SPDX-License-Identifier: Apache-2.0
"""A release of version 2: each file is read as its statement says, and each copy of a root is held to it."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from anchor import limits
from anchor.encoding import jcs
from anchor.errors import Refused
from anchor.format import statement as statements
from anchor.format.index import IndexBuilder
from anchor.format.leaves import encoder
from anchor.merkle import leaf_hashes
from anchor.sigstore import trusted_root
from anchor.verdict import Check, Class, Verdict
from anchor.verify.release import verify_release
from tests.support.releases.in_memory import Held, Memory
from tests.support.releases.version_2 import KINDS, Kind, held_of_kind, release_of, release_of_kind, written


def check(verdict: Verdict, name: str) -> Check:
    (found,) = (c for c in verdict.checks if c.name == name and not c.about)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_of_version_2_and_verifies(kind: str) -> None:
    held = held_of_kind(kind)
    assert held.value["format"] == "urn:ledger-anchor:release:v2"
    verdict = held.verify()
    assert verdict.verdict is Class.OK, [c for c in verdict.checks if c.demotes]
    assert set(verdict.facts["files"]) == {f["name"] for f in held.value["files"]}
    names = [c.name for c in verdict.checks]
    if "gzip" in kind:
        assert names.index("read-as") < names.index("facts")
        assert "gzip" in check(verdict, "read-as").detail
    dialect = KINDS[kind].dialect
    for words in dialect.described() if dialect else ():
        assert words in check(verdict, "read-as").detail
    assert ("read-as" in names) == (dialect is not None or "gzip" in kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_byte_of_any_file_is_refused(kind: str) -> None:
    held = held_of_kind(kind)
    for file in held.value["files"]:
        data = held.files[file["path"]]
        at = len(data) // 2
        bad = held.with_file(file["path"], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], repaired=False)
        verdict = bad.verify()
        assert verdict.verdict is Class.INVALID, file
        assert {c.name for c in verdict.checks if c.demotes} <= {
            *("facts", "ledger-json", "table-schema", "leaf-hashes"),
        }


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_off_or_missing_contradicts_nothing(kind: str) -> None:
    held = held_of_kind(kind)
    for file in held.value["files"]:
        short = held.with_file(file["path"], held.files[file["path"]][:-1], repaired=False)
        assert short.verify().verdict is Class.UNAVAILABLE
        gone = replace(held, files={p: d for p, d in held.files.items() if p != file["path"]})
        assert gone.verify().verdict is Class.UNAVAILABLE


def test_each_index_is_made_again_and_named() -> None:
    checks = [c for c in held_of_kind("index").verify().checks if c.name == "index"]
    assert [c.detail.partition(", made")[0] for c in checks] == [
        "the index over 'label'",
        "the index over 'value', 'label'",
    ]
    assert "2 keys" in checks[0].detail
    assert "3 keys" in checks[1].detail


def test_no_index_is_made_of_what_nobody_signed() -> None:
    held = held_of_kind("index")
    signer = msgspec.structs.replace(held.trust.policy.signers[0], identity="somebody.else")
    policy = msgspec.structs.replace(held.trust.policy, signers=(signer,))
    verdict = held.verify(trust=msgspec.structs.replace(held.trust, policy=policy))
    assert verdict.verdict is Class.INVALID
    assert "nobody whom you trust" in check(verdict, "index").detail


def refused(held: Held, step: str, text: str) -> None:
    verdict = held.verify()
    assert verdict.verdict is Class.INVALID, verdict.checks
    assert any(text in c.detail for c in verdict.checks if c.name == step and c.demotes)


def _plain_csv(value: Any, files: dict[str, bytes]) -> None:
    """Signed as version 2 although version 1 could say it."""
    files["ledger.csv"] = gzip.decompress(files.pop("ledger.csv.gz"))
    del value["predicate"]["facts"]["files"][0]["compression"]
    for one in (value["predicate"]["facts"]["files"][0], *value["subject"]):
        one["name"] = one["name"].removesuffix(".gz")


def _swapped(value: Any, files: dict[str, bytes]) -> None:
    files["ledger-1.csv"], files["ledger-2.csv"] = files["ledger-2.csv"], files["ledger-1.csv"]


def _without_ledger_json(value: Any, files: dict[str, bytes]) -> None:
    value["subject"] = [s for s in value["subject"] if s["name"] != "ledger.json"]
    value["predicate"]["facts"]["files"].pop()


def _other_columns(value: Any, files: dict[str, bytes]) -> None:
    value["predicate"]["facts"]["columns"].reverse()


def _other_header(value: Any, files: dict[str, bytes]) -> None:
    files["ledger-2.csv"] = b"value,label\n3,C\n"


def _other_members(value: Any, files: dict[str, bytes]) -> None:
    files["ledger-2.jsonl"] = b'{"a":2}\n'


def _mixed_readers(value: Any, files: dict[str, bytes]) -> None:
    value["predicate"]["facts"]["files"][1]["reader"] = "markdown-table-v1"


def _other_encoding(value: Any, files: dict[str, bytes]) -> None:
    value["predicate"]["facts"]["encoding"] = "rfc8785-strings-or-null"
    value["predicate"]["facts"]["files"][-1]["reader"] = "ledger-json-v2"


def _other_root(value: Any, files: dict[str, bytes]) -> None:
    value["predicate"]["tree"]["root"] = "0" * 64


def _without_index(value: Any, files: dict[str, bytes]) -> None:
    del value["predicate"]["index"]


def _other_index(value: Any, files: dict[str, bytes]) -> None:
    value["predicate"]["index"][0]["root"] = value["predicate"]["index"][1]["root"]


def _fewer_keys(value: Any, files: dict[str, bytes]) -> None:
    value["predicate"]["index"][1]["keys"] -= 1


def _another_order(value: Any, files: dict[str, bytes]) -> None:
    value["predicate"]["index"][1]["columns"].reverse()


def _hidden_fact(value: Any, files: dict[str, bytes]) -> None:
    """The index of a ledger without its last fact: it would prove that the others are all."""
    value["predicate"]["index"][0] = _index("label")


def _index_beside_the_key(value: Any, files: dict[str, bytes]) -> None:
    value["predicate"]["index"] = [_index("value")]


def _index(column: str) -> Any:
    """That of the first two facts."""
    table = [("A", "1"), ("B", "2")]
    builder = IndexBuilder([column], ["label", "value"])
    leaf = encoder(("label", "value"))
    builder.extend(table, leaf_hashes([leaf(fact) for fact in table]))
    return msgspec.to_builtins(builder.index())


def _rest(value: Any, files: dict[str, bytes]) -> None:
    files["ledger.csv.gz"] += b"\0"


@pytest.mark.parametrize(
    ("kind", "change", "step", "text"),
    [
        ("gzip", _plain_csv, "statement", "version 1 can say the same"),
        ("gzip", _without_ledger_json, "facts", "left out all the same"),
        ("gzip", _other_encoding, "facts", "encoded as rfc8785-strings"),
        ("gzip", _other_root, "facts", "where the statement has"),
        ("gzip", _rest, "facts", "gzip data"),
        ("two files", _swapped, "facts", "where the statement has"),
        ("two files", _other_columns, "facts", "columns are"),
        ("two files", _other_header, "facts", "file 2 has the columns"),
        ("members in another order", _other_columns, "facts", "columns are"),
        ("members in another order", _other_members, "facts", "file 2 has the columns"),
        ("two files", _mixed_readers, "statement", "different readers"),
        ("index", _without_index, "statement", "version 1 can say the same"),
        ("index", _other_index, "index", "index over 'label'"),
        ("index", _hidden_fact, "index", "index over 'label'"),
        ("index", _fewer_keys, "index", "index over 'value', 'label'"),
        ("schema", _index_beside_the_key, "table-schema", "the first index is over 'value', and not over"),
        ("index", _another_order, "index", "index over 'label', 'value'"),
    ],
)
def test_a_signer_who_lies_is_refused(
    kind: str, change: Callable[[Any, dict[str, bytes]], None], step: str, text: str, tmp_path: Path
) -> None:
    refused(release_of_kind(tmp_path, kind, change=change), step, text)


def test_the_two_documents_are_of_one_version() -> None:
    held = held_of_kind("gzip")
    value = held.value
    root = value.pop("trusted_roots")[0]
    del value["anchors"][0]["trusted_root"]
    first = {"format": "urn:ledger-anchor:release:v1", **{k: value[k] for k in ("ledger", "tree")}}
    first |= {"previous": None, "files": value["files"], "statement": value["statement"]}
    first |= {"anchors": value["anchors"], "trusted_root": root}
    for file in first["files"]:
        file["name"] = file["name"].removesuffix(".gz")
    refused(held.with_value(first), "statement", "where the signed statement says")


def test_a_small_file_that_nobody_signed_gives_no_large_one(tmp_path: Path) -> None:
    stranger = held_of_kind("gzip").trust
    bomb = gzip.compress(b"a\n" + (b"x" * 200_000 + b"\n") * 100)
    held = release_of(tmp_path, written(tmp_path, Kind({"a.csv.gz": bomb})))
    assert len(bomb) < 100_000 < limits.UNSIGNED < 100 * 200_000
    assert held.verify().verdict is Class.OK
    verdict = held.verify(trust=stranger)
    assert verdict.verdict is Class.INVALID
    facts = check(verdict, "facts")
    assert (facts.state, facts.demotes) == ("unknown", Class.UNAVAILABLE)
    assert "nobody whom you trust signed this" in facts.detail


def test_a_small_file_that_nobody_signed_costs_no_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fact names many columns, and each of the others lacks nearly all of them."""
    stranger = held_of_kind("gzip").trust
    monkeypatch.setattr(limits, "UNSIGNED", 1 << 20)
    wide = "{" + ",".join(f'"c{i}":""' for i in range(16_384)) + "}\n"
    sparse = Kind({"a.jsonl": (wide + '{"c1":""}\n' * 70).encode()}, "jsonl-v2")
    held = release_of(tmp_path, written(tmp_path, sparse))
    assert held.verify().verdict is Class.OK
    facts = check(held.verify(trust=stranger), "facts")
    assert (facts.state, facts.demotes) == ("unknown", Class.UNAVAILABLE)
    assert "more than 1048576 values" in facts.detail


def test_each_copy_is_held_to_the_anchor_that_names_it() -> None:
    held = held_of_kind("gzip", instances=2)
    verdict = held.verify()
    assert verdict.verdict is Class.OK, [c for c in verdict.checks if c.demotes]
    copies = [c.about for c in verdict.checks if c.name == "trusted-root"]
    assert copies == [b["path"] for b in held.value["trusted_roots"]] == ["root-0.json", "root-1.json"]
    value = held.value
    one, two = (a["trusted_root"] for a in value["anchors"])
    value["anchors"][0]["trusted_root"], value["anchors"][1]["trusted_root"] = two, one
    swapped = held.with_value(value).verify()
    assert swapped.verdict is Class.INVALID
    assert {c.name for c in swapped.checks if c.demotes} == {"trusted-root-copy", "policy-anchors"}


def test_who_trusts_one_instance_skips_the_anchor_of_the_other() -> None:
    held = held_of_kind("gzip", instances=2)
    raw = [held.files["root-0.json"]]
    trust = msgspec.structs.replace(held.trust, raw=raw, root=trusted_root.parse(raw[0]))
    verdict = held.verify(trust=trust)
    assert verdict.verdict is Class.OK, [c for c in verdict.checks if c.demotes]
    assert [c.state for c in verdict.checks if c.name == "anchor-trusted"] == ["skipped"]
    spoilt = json.loads(held.files["root-1.json"])
    spoilt["tlogs"][0]["baseUrl"] = "https://elsewhere.example"
    bad = held.with_file("root-1.json", json.dumps(spoilt).encode(), repaired=True)
    value = bad.value
    value["anchors"][1]["trusted_root"] = value["trusted_roots"][1]["sha256"]
    assert bad.with_value(value).verify(trust=trust).verdict is Class.INVALID


def test_without_a_policy_the_command_names_every_copy() -> None:
    held = held_of_kind("gzip", instances=2)
    verdict = verify_release("release.json", held.release, Memory(held.files), trust=None, now=held.now)
    assert verdict.verdict is Class.USAGE
    (note,) = (n for n in verdict.notes if n.startswith("to accept"))
    assert "root-0.json" in note
    assert "root-1.json" in note
    assert held.value["trusted_roots"][1]["sha256"] in note


def test_what_version_1_holds_no_ledger_of_is_refused_there() -> None:
    """A statement of version 1 over 300 columns cannot be written, whatever its ledger has."""
    held = held_of_kind("three hundred columns")
    value = json.loads(held.files["statement.json"])
    value["predicateType"] = "urn:ledger-anchor:commitment:v1"
    value["predicate"] |= {"index": None, "blinding": None, "evidence": [], "previous": None}
    value["predicate"]["facts"]["files"].sort(key=lambda f: f["name"])
    value["predicate"]["facts"]["files"][1]["reader"] = "ledger-json-v1"
    with pytest.raises(Refused, match=r"300 columns|read by"):
        statements.decode(jcs(value))
