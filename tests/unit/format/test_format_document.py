# SPDX-License-Identifier: Apache-2.0
"""release/FORMAT.md is right: Anchor, and a verifier written from it, come to the test values that it has."""

import ast
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from anchor import limits, merkle
from anchor.format import facts, leaves
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.readers import READERS, json_array
from anchor.sigstore.bundle import IN_TOTO
from tests.support.releases.tables import open_table
from tests.support.second import verifier as second
from tests.support.second.readers import read

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "release/FORMAT.md").read_text(encoding="utf-8")


def fenced(info: str) -> str:
    """The text of the one fenced block with this info string."""
    (found,) = re.findall(rf"^(`{{3,}}){re.escape(info)}\n(.*?)^\1$", TEXT, re.MULTILINE | re.DOTALL)
    return str(found[1])


MARKDOWN = fenced("markdown").encode()
LEAVES: list[dict[str, str]] = json.loads(fenced("json leaves"))
TREE: dict[str, Any] = json.loads(fenced("json tree"))
READ: list[dict[str, Any]] = json.loads(fenced("json readers"))
LEDGER_JSON = fenced("text ledger.json").encode()
STATEMENT = fenced("text statement.json").removesuffix("\n").encode()
RELEASE = fenced("text release.json").encode()
HASHES = [bytes.fromhex(leaf["leaf_hash"]) for leaf in LEAVES]


def our_leaves(reader: str, data: bytes) -> list[bytes]:
    table = open_table(io.BytesIO(data), reader, where="FORMAT.md")
    return [leaf for chunk in leaves.Leaves(table) for leaf in chunk]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_sizes_and_digests_in_the_text_are_those_of_the_blocks() -> None:
    for data in (MARKDOWN, LEDGER_JSON, STATEMENT):
        assert f"({len(data)} bytes, SHA-256" in TEXT
        assert f"`{digest(data)}`" in TEXT
    assert f"`{digest(second.pae(IN_TOTO, STATEMENT))}`" in TEXT


def test_leaves_and_their_hashes() -> None:
    assert [leaf.hex() for leaf in our_leaves("markdown-table-v1", MARKDOWN)] == [x["leaf"] for x in LEAVES]
    for leaf, wanted in zip(LEAVES, HASHES, strict=True):
        assert merkle.leaf_hash(bytes.fromhex(leaf["leaf"])) == wanted
        assert second.sha256(b"\x00" + bytes.fromhex(leaf["leaf"])) == wanted


def test_the_tree_and_its_proofs() -> None:
    head = bytes.fromhex(TREE["root"])
    assert merkle.root(HASHES) == second.root(HASHES) == head
    for case in TREE["inclusion"]:
        proof = [bytes.fromhex(h) for h in case["proof"]]
        assert merkle.inclusion_proof(HASHES, case["index"]) == proof
        merkle.verify_inclusion(HASHES[case["index"]], case["index"], case["size"], proof, head)
        assert second.included(HASHES[case["index"]], case["index"], case["size"], proof) == head
    for case in TREE["consistency"]:
        proof = [bytes.fromhex(h) for h in case["proof"]]
        assert merkle.consistency_proof(HASHES, case["size1"]) == proof
        merkle.verify_consistency(case["size1"], case["size2"], proof, bytes.fromhex(case["root1"]), head)


@pytest.mark.parametrize("case", READ, ids=lambda c: c["reader"])
def test_the_other_readers(case: dict[str, Any]) -> None:
    data = case["file"].encode()
    (leaf,) = our_leaves(case["reader"], data)
    assert leaf == case["leaf"].encode()
    assert merkle.leaf_hash(leaf).hex() == case["leaf_hash"]
    columns, (row,) = read(case["reader"], data)
    assert columns == case["columns"]
    assert second.jcs(dict(zip(columns, row, strict=True))) == leaf


def test_ledger_json_is_what_the_ledger_gives() -> None:
    ledger = statements.decode(STATEMENT).ledger
    out = io.BytesIO()
    table = open_table(io.BytesIO(MARKDOWN), "markdown-table-v1", where="FORMAT.md")
    sealed = leaves.seal(table, ledger=ledger, ledger_json=out)
    assert out.getvalue() == LEDGER_JSON
    assert (sealed.root.hex(), sealed.size) == (TREE["root"], TREE["size"])
    assert our_leaves("ledger-json-v1", LEDGER_JSON) == our_leaves("markdown-table-v1", MARKDOWN)
    columns, rows = read("markdown-table-v1", MARKDOWN)
    assert read("ledger-json-v1", LEDGER_JSON) == (columns, rows)


def test_the_statement_and_the_release_fit_the_ledger() -> None:
    statement = statements.decode(STATEMENT)
    assert statements.encode(statement) == STATEMENT == second.jcs(second.statement(STATEMENT))
    assert statement.digests == {"ledger.json": digest(LEDGER_JSON), "ledger.md": digest(MARKDOWN)}
    assert (statement.tree.root, statement.tree.size) == (TREE["root"], TREE["size"])
    release = releases.load(RELEASE)
    assert releases.dump(release) == RELEASE
    assert second.release(RELEASE)["tree"]["root"] == release.tree.root
    assert (release.ledger, release.tree) == (statement.ledger, statement.tree)
    assert {f.name: f.sha256 for f in release.files} == statement.digests
    assert (release.statement.size, release.statement.sha256) == (len(STATEMENT), digest(STATEMENT))


def test_the_limits_in_the_text_are_those_of_the_program() -> None:
    for number in (
        facts.MAX_COLUMNS,
        facts.MAX_NAME,
        facts.MAX_CELL,
        facts.MAX_FACTS,
        facts.MAX_LEAF,
        facts.MAX_LINE,
        facts.MAX_NUMBER,
        json_array.MAX_ARRAY,
        statements.MAX_STATEMENT,
        releases.MAX_RELEASE,
        releases.MAX_BUNDLE,
        limits.ANCHORS,
    ):
        assert f"{number:,}" in TEXT
    assert facts.MAX_FILE == limits.FILE_2 == 2**43
    for reader in READERS:
        assert f"`{reader}`" in TEXT


@pytest.mark.parametrize("name", ["verifier", "readers"])
def test_the_second_verifier_shares_nothing_with_the_first(name: str) -> None:
    text = (ROOT / f"tests/support/second/{name}.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert node.module == "tests.support.second.readers" or not _ours(node.module or ".")
        elif isinstance(node, ast.Import):
            assert not any(_ours(alias.name) for alias in node.names)


def _ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in (
        "anchor",
        "sigstore",
        "sigstore_models",
        "tests",
        "rfc8785",
        "msgspec",
        "",
    )
