# SPDX-License-Identifier: Apache-2.0
"""Section 28 of FORMAT.md is right: each implementation of version 2 comes to the test values that it has."""

import ast
import base64
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor.errors import Refused
from anchor.format import leaves, readers
from tests.support.generate import format_values
from tests.support.second import index2, leaves2, receipts2, statement2
from tests.support.second.leaves2 import jcs, leaf_hash, sha256
from tests.support.second.merkle import mth
from tests.support.second.readers import Unsupported, Wrong
from tests.support.second.readers2 import gunzip, read

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "anchor/FORMAT.md").read_text(encoding="utf-8")
Read = Callable[[str, Any, list[bytes]], tuple[list[str], list[bytes]]]


def fenced(info: str) -> str:
    """The text of the one fenced block with this info string."""
    (found,) = re.findall(rf"^```{re.escape(info)}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return str(found)


def second(reader: str, dialect: Any, files: list[bytes]) -> tuple[list[str], list[bytes]]:
    columns, facts = read(reader, dialect, files)
    return columns, [jcs(fact) for fact in facts]


def ours(reader: str, dialect: Any, files: list[bytes]) -> tuple[list[str], list[bytes]]:
    """One file alone: several are put together above the readers."""
    (data,) = files
    kind = readers.READERS[reader]
    given = readers.dialect_of(kind, dialect, where="FORMAT.md")
    table = kind(io.BytesIO(data), where="FORMAT.md", dialect=given)
    found = [leaf for chunk in leaves.Leaves(table) for leaf in chunk]
    readers.check_effects([table.idle], where="FORMAT.md")
    if not table.needs_version_2:
        raise Refused("version 1 reads the same", where="FORMAT.md", remedy="name its reader")
    return list(table.columns), found


READERS: dict[str, tuple[Read, type[Exception], set[str]]] = {
    "second": (
        second,
        Wrong,
        {"delimited-v2", "json-v2", "jsonl-v2", "markdown-table-v2", "lines-v1", "files-v1"},
    ),
    "anchor": (ours, Refused, set(readers.READERS)),
}
"""Each implementation: columns and leaves of the files of a ledger, its refusal, and its readers."""

READ: list[dict[str, Any]] = json.loads(fenced("json readers 2"))
REFUSED: list[dict[str, Any]] = json.loads(fenced("json refused 2"))
LEDGER_JSON = fenced("text ledger.json 2").encode()
ORIGINAL = fenced("text ledger.jsonl 2").encode()
COMPRESSED = bytes.fromhex(fenced("text ledger.jsonl.gz 2"))
SCHEMA, STATUS, STATEMENT = (
    fenced(f"text {name} 2").removesuffix("\n").encode()
    for name in ("schema.json", "status", "statement.json")
)
RELEASE = fenced("text release.json 2").encode()
RECEIPTS: list[Any] = json.loads(fenced("json receipts 2"))
PREDICATE = json.loads(STATEMENT)["predicate"]


def cases(values: list[dict[str, Any]]) -> list[Any]:
    return [
        pytest.param(function, refusal, case, id=f"{name}-{case['reader']}-{n}")
        for name, (function, refusal, known) in READERS.items()
        for n, case in enumerate(values)
        if case["reader"] in known and (name == "second" or len(case.get("files", [0])) == 1)
    ]


def bytes_of(text: str, dialect: Any) -> bytes:
    return bytes.fromhex(text) if dialect and "encoding" in dialect else text.encode()


def test_the_section_is_what_its_script_makes() -> None:
    assert format_values.document() == TEXT


def test_every_reader_of_version_2_has_values() -> None:
    for reader in re.findall(r"^### 17\.\d `([a-z-]+-v\d)`", TEXT, re.MULTILINE):
        assert len([case for case in READ if case["reader"] == reader]) >= 2


@pytest.mark.parametrize(("function", "refusal", "case"), cases(READ))
def test_a_file_gives_its_columns_and_leaves(
    function: Read, refusal: type[Exception], case: dict[str, Any]
) -> None:
    dialect = case.get("dialect")
    columns, leaves = function(case["reader"], dialect, [bytes_of(t, dialect) for t in case["files"]])
    assert columns == case["columns"]
    assert leaves == [leaf.encode() for leaf in case["leaves"]]
    assert [leaf_hash(leaf).hex() for leaf in leaves] == case["leaf_hashes"]
    assert leaves2.encoding(columns, [json.loads(leaf) for leaf in leaves]) == case["encoding"]


@pytest.mark.parametrize(("function", "refusal", "case"), cases(REFUSED))
def test_a_file_or_a_dialect_is_refused(
    function: Read, refusal: type[Exception], case: dict[str, Any]
) -> None:
    with pytest.raises(refusal):
        function(case["reader"], case.get("dialect"), [case["file"].encode()])


def test_the_compressed_original_gives_the_ledger() -> None:
    assert gunzip(COMPRESSED) == ORIGINAL
    for bad in (COMPRESSED + b"\0", COMPRESSED[:-1], b"", COMPRESSED[:3] + b"\x20" + COMPRESSED[4:]):
        with pytest.raises(Wrong):
            gunzip(bad)
    columns, facts = read("jsonl-v2", None, [ORIGINAL])
    assert leaves2.ledger_json(columns, facts, PREDICATE["ledger"]) == LEDGER_JSON
    assert leaves2.read_ledger_json(LEDGER_JSON, version=2) == (columns, facts)
    assert mth([leaf_hash(jcs(f)) for f in facts]).hex() == PREDICATE["tree"]["root"]


def test_salted_cells() -> None:
    value = json.loads(fenced("json salted 2"))
    secret, ledger, columns = bytes.fromhex(value["secret"]), value["ledger"], value["columns"]
    leaves = [leaves2.salted_leaf(secret, ledger, columns, i, fact) for i, fact in enumerate(value["facts"])]
    assert [leaf.hex() for leaf in leaves] == value["leaves"]
    hashes = leaves2.leaves_file(bytes.fromhex(value["ledger.leaves"]))
    assert hashes == [leaf_hash(leaf) for leaf in leaves]
    assert mth(hashes).hex() == value["root"]
    for i, row in enumerate(value["salts"]):
        assert row == [leaves2.salt(secret, ledger, i, column).hex() for column in columns]


def test_the_index() -> None:
    value = json.loads(fenced("json index 2"))
    columns, facts = read("jsonl-v2", None, [ORIGINAL])
    found = index2.entries(value["columns"], facts, [leaf_hash(jcs(fact)) for fact in facts])
    assert {e.key_hash.hex(): (e.n, e.inner.hex(), e.hash().hex()) for e in found} == {
        k["key_hash"]: (k["n"], k["inner"], k["leaf"]) for k in value["keys"]
    }
    assert all(index2.key_hash(k["key"]).hex() == k["key_hash"] for k in value["keys"])
    (index,) = PREDICATE["index"]
    assert value["root"] == index2.root(found).hex() == index["root"]
    assert (index["keys"], columns) == (len(found), PREDICATE["facts"]["columns"])
    assert value["empty"] == index2.EMPTY.hex()
    key = index2.key_hash(value["present"]["key"])
    siblings = [index2.EMPTY if h is None else bytes.fromhex(h) for h in value["present"]["path"]]
    entry = next(e for e in found if e.key_hash == key)
    assert index2.root_of_path(key, siblings, entry).hex() == value["root"]


def test_the_parts() -> None:
    files = [text.encode() for text in json.loads(fenced("json parts 2"))]
    value = json.loads(fenced("text ledger.parts.json 2"))
    _, facts = read("csv-v1", None, files)
    hashes = [leaf_hash(jcs(fact)) for fact in facts]
    for part, data in zip(value["parts"], files, strict=True):
        assert (part["sha256"], part["size"]) == (sha256(data).hex(), len(data))
        found = leaves2.compact_range(hashes, part["first"], part["first"] + part["facts"])
        assert part["range"] == [h.hex() for h in found]
    ranges = [(p["first"], p["facts"], [bytes.fromhex(h) for h in p["range"]]) for p in value["parts"]]
    assert leaves2.joined(ranges) == mth(hashes)


def test_the_statement_the_status_and_the_release_fit_each_other() -> None:
    statement, status, release = (
        statement2.statement(STATEMENT),
        statement2.status(STATUS),
        statement2.release(RELEASE),
    )
    digests = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    contents = {"ledger.json": LEDGER_JSON, "ledger.jsonl.gz": COMPRESSED, "schema.json": SCHEMA}
    assert digests == {name: sha256(data).hex() for name, data in contents.items()}
    assert {f["name"]: (f["sha256"], f["size"]) for f in release["files"]} == {
        name: (sha256(data).hex(), len(data)) for name, data in contents.items()
    }
    assert release["statement"]["sha256"] == sha256(STATEMENT).hex()
    assert (
        release["status"]["statement"]["sha256"] == sha256(STATUS).hex() == PREDICATE["status"]["statement"]
    )
    assert all(release[m] == PREDICATE[m] for m in ("ledger", "previous", "tree"))
    assert status["predicate"]["newest"]["statement"] == PREDICATE["previous"]["statement"]
    statement2.schema(SCHEMA, PREDICATE)


def without(value: Any, *path: Any) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return copy


def with_(value: Any, changed: Any, *path: Any) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = changed
    return copy


P = "predicate"
FILES = ("predicate", "facts", "files")


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        (without(json.loads(STATEMENT), P, "previous"), Wrong),
        (with_(json.loads(STATEMENT), None, P, "index"), Wrong),
        (with_(json.loads(STATEMENT), [], P, "evidence"), Wrong),
        (with_(json.loads(STATEMENT), None, P, "blinding"), Unsupported),
        (with_(json.loads(STATEMENT), "jsonl-v3", *FILES, 0, "reader"), Unsupported),
        (with_(json.loads(STATEMENT), "zstd", *FILES, 0, "compression"), Unsupported),
        (with_(json.loads(STATEMENT), {}, *FILES, 0, "dialect"), Wrong),
        (without(json.loads(STATEMENT), *FILES, 0, "compression"), Wrong),
        (with_(json.loads(STATEMENT), "ledger-json-v1", *FILES, 1, "reader"), Wrong),
        (with_(json.loads(STATEMENT), "salted-cells-v1", P, "facts", "encoding"), Wrong),
        (with_(json.loads(STATEMENT), ["id", "x"], P, "index", 0, "columns"), Wrong),
        (with_(json.loads(STATEMENT), 6, P, "index", 0, "keys"), Wrong),
    ],
)
def test_another_statement_is_refused_or_unsupported(changed: Any, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        statement2.statement(jcs(changed))


def test_a_statement_that_uses_nothing_new_is_refused() -> None:
    value = json.loads(STATEMENT)
    for member in ("index", "evidence", "status"):
        value = without(value, P, member)
    value["subject"] = [s | {"name": s["name"].removesuffix(".gz")} for s in value["subject"][:2]]
    value[P]["facts"]["files"] = [
        {"name": "ledger.jsonl", "reader": "jsonl-v1"},
        {"name": "ledger.json", "reader": "ledger-json-v1"},
    ]
    value["subject"].sort(key=lambda s: s["name"])
    statement2.statement(
        jcs(with_(value, "rfc8785-strings-or-null", P, "facts", "encoding")).replace(b"json-v1", b"json-v2")
    )
    with pytest.raises(Wrong, match="nothing"):
        statement2.statement(jcs(with_(value, "rfc8785-strings", P, "facts", "encoding")))


@pytest.mark.parametrize("receipt", RECEIPTS, ids=lambda r: r["kind"])
def test_a_receipt_holds_and_no_changed_one(receipt: Any) -> None:
    payload = base64.b64encode(STATEMENT).decode()
    bundles = [{"dsseEnvelope": {"payload": payload}}]
    assert receipts2.check(json.dumps(receipt).encode(), bundles) == PREDICATE
    alone = {m: v for m, v in receipt.items() if m != "release"} | {"bundles": bundles}
    assert receipts2.check(json.dumps(alone).encode()) == PREDICATE
    for changed in changes(receipt):
        with pytest.raises((Wrong, Unsupported, ValueError, KeyError, TypeError)):
            receipts2.check(json.dumps(changed).encode(), bundles)


def changes(receipt: Any) -> list[Any]:
    """Receipts with one thing changed, left out or added."""
    found = [without(receipt, m) for m in receipt] + [receipt | {"more": 1}]
    zero = "00" * 32
    for n, _ in enumerate(receipt.get("proof", [])):
        found += [with_(receipt, zero, "proof", n), without(receipt, "proof", n)]
    for n, _ in enumerate(receipt.get("facts", [])):
        found += [with_(receipt, {"id": "x"}, "facts", n, "fact"), without(receipt, "facts", n)]
        found += [with_(receipt, 6, "facts", n, "index")]
    if "index" in receipt:
        found += [with_(receipt, ["b"], "index", "key"), with_(receipt, ["n"], "index", "columns")]
        for n, _ in enumerate(receipt["index"]["path"]):
            found += [with_(receipt, zero, "index", "path", n), without(receipt, "index", "path", n)]
        found += [with_(receipt, [*receipt["index"]["path"], None], "index", "path")]
    if "other" in receipt.get("index", {}):
        found += [without(receipt, "index", "other"), with_(receipt, 0, "index", "other", "n")]
    return found


@pytest.mark.parametrize(
    "name", ["readers2", "json2", "markdown2", "leaves2", "index2", "receipts2", "statement2"]
)
def test_the_second_implementation_shares_nothing_with_the_first(name: str) -> None:
    text = (ROOT / f"tests/support/second/{name}.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        names = [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in names:
            ours = module == "tests.support.second" or module.startswith("tests.support.second.")
            assert ours or module.split(".")[0] in sys.stdlib_module_names
