# SPDX-License-Identifier: Apache-2.0
"""Receipts: which bytes are one, which are not, and that their values in FORMAT.md are read.

FORMAT.md section 22.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import receipt as receipts
from anchor.format.leaves import STRINGS, STRINGS_OR_NULL
from anchor.format.receipt import Cells, ProvenFact, Receipt, leaf_bytes
from anchor.merkle import leaf_hash, root_from_multiproof
from anchor.merkle.sparse_hashing import EMPTY

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "anchor/FORMAT.md").read_text(encoding="utf-8")
HASH = "ab" * 32
ZERO = "00" * 32


def fenced(info: str) -> str:
    """The text of the one fenced block with this info string."""
    (found,) = re.findall(rf"^```{re.escape(info)}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return str(found)


LINES: list[Any] = json.loads(fenced("json receipts 2"))
STATEMENT = fenced("text statement.json 2").removesuffix("\n").encode()
BUNDLE = {"dsseEnvelope": {"payload": base64.b64encode(STATEMENT).decode()}}
INCLUSION, COMPLETE, ABSENT, OTHER = LINES[0], LINES[2], LINES[4], LINES[5]


def places(*columns: str) -> dict[str, int]:
    return {name: place for place, name in enumerate(columns)}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def alone(line: Any) -> Any:
    """The receipt of a line, with bundles of its own."""
    return {name: value for name, value in line.items() if name != "release"} | {"bundles": [BUNDLE]}


@pytest.mark.parametrize("line", LINES, ids=lambda r: r["kind"])
def test_the_values_of_format_md_are_read_and_written(line: Any) -> None:
    read = receipts.load_line(encoded(line))
    assert (read.kind, read.release, read.bundles) == (line["kind"], line["release"], ())
    assert json.loads(receipts.dump(read)) == line
    whole = receipts.load(encoded(alone(line)))
    assert (whole.bundles, whole.release) == ((BUNDLE,), "")
    assert json.loads(receipts.dump(whole)) == alone(line)


@pytest.mark.parametrize("line", [r for r in LINES if "facts" in r], ids=lambda r: r["kind"])
def test_the_facts_of_format_md_give_the_root_of_its_statement(line: Any) -> None:
    said, read = json.loads(STATEMENT)["predicate"], receipts.load_line(encoded(line))
    facts, tree = said["facts"], said["tree"]
    leaves = [
        (f.index, leaf_hash(leaf_bytes(f, columns=places(*facts["columns"]), encoding=facts["encoding"])))
        for f in read.facts
    ]
    assert root_from_multiproof(leaves, tree["size"], read.proof).hex() == tree["root"]


def test_the_members_are_written_in_the_order_of_the_table() -> None:
    read = receipts.load(encoded(alone(OTHER) | {"status": {"bundles": [BUNDLE, {"a": 1}]}}))
    assert read.status == (BUNDLE, {"a": 1})
    assert list(json.loads(receipts.dump(read))) == ["format", "kind", "bundles", "index", "status"]
    assert list(json.loads(receipts.dump(receipts.load(encoded(alone(COMPLETE)))))) == [
        "format",
        "kind",
        "bundles",
        "facts",
        "proof",
        "index",
    ]


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


I, C, A, O = (alone(r) for r in (INCLUSION, COMPLETE, ABSENT, OTHER))  # noqa: E741
FACT = ("facts", 0)
UNKNOWN = [
    with_(I, "urn:ledger-anchor:receipt:v2", "format"),
    with_(I, "exclusion", "kind"),
    I | {"more": 1},
    I | {"release": HASH},
    I | {"index": C["index"]},
    A | {"facts": I["facts"]},
    A | {"proof": []},
    with_(I, 1, *FACT, "more"),
    with_(C, 1, "index", "more"),
    with_(C, O["index"]["other"], "index", "other"),
    with_(O, 1, "index", "other", "more"),
    I | {"status": {"bundles": [BUNDLE], "more": 1}},
]
MALFORMED = [
    [],
    without(I, "format"),
    without(I, "kind"),
    without(I, "bundles"),
    without(I, "facts"),
    without(I, "proof"),
    without(C, "index"),
    without(A, "index"),
    without(O, "index", "other", "n"),
    with_(I, 5, "format"),
    with_(I, [], "bundles"),
    with_(I, [BUNDLE] * 65, "bundles"),
    with_(I, ["x"], "bundles"),
    with_(I, {}, "bundles"),
    with_(I, [], "facts"),
    with_(I, [I["facts"][0], I["facts"][0]], "facts"),
    with_(I, [I["facts"][0] | {"index": 3}, I["facts"][0]], "facts"),
    with_(I, -1, *FACT, "index"),
    with_(I, True, *FACT, "index"),
    with_(I, "1", *FACT, "index"),
    with_(I, 2**53, *FACT, "index"),
    with_(I, {}, *FACT, "fact"),
    with_(I, None, *FACT, "fact"),
    with_(I, {"id": 1}, *FACT, "fact"),
    with_(I, {"id": True}, *FACT, "fact"),
    with_(I, {"id": ["x"]}, *FACT, "fact"),
    with_(I, {"cells": []}, *FACT, "fact"),
    with_(I, {"cells": [{}]}, *FACT, "fact"),
    with_(I, {"cells": [{"salt": HASH}]}, *FACT, "fact"),
    with_(I, {"cells": [{"salt": HASH, "value": "x", "cell": HASH}]}, *FACT, "fact"),
    with_(I, {"cells": [{"salt": HASH[2:], "value": "x"}]}, *FACT, "fact"),
    with_(I, {"cells": [{"salt": HASH, "value": 1}]}, *FACT, "fact"),
    with_(I, {"cells": [{"cell": HASH.upper()}]}, *FACT, "fact"),
    with_(I, None, "proof"),
    with_(I, [None], "proof"),
    with_(I, [HASH.upper()], "proof"),
    with_(I, [HASH + "00"], "proof"),
    with_(C, ["id", "n"], "index", "columns"),
    with_(C, [], "index", "columns"),
    with_(with_(C, ["id"] * 2, "index", "columns"), ["a"] * 2, "index", "key"),
    with_(with_(C, [f"c{i}" for i in range(17)], "index", "columns"), ["a"] * 17, "index", "key"),
    with_(C, [1], "index", "key"),
    with_(C, [*C["index"]["path"], None], "index", "path"),
    with_(C, [EMPTY.hex()], "index", "path"),
    with_(C, [HASH] * 257, "index", "path"),
    with_(A, [], "index", "path"),
    with_(O, HASH[2:], "index", "other", "inner"),
    with_(O, 0, "index", "other", "n"),
    with_(O, None, "index", "other"),
    I | {"status": None},
    I | {"status": {"bundles": []}},
    I | {"status": {}},
]


@pytest.mark.parametrize("value", UNKNOWN, ids=range(len(UNKNOWN)))
def test_what_no_receipt_of_today_has_is_unsupported(value: Any) -> None:
    with pytest.raises(Unsupported):
        receipts.load(encoded(value))


@pytest.mark.parametrize("value", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_malformed_is_refused(value: Any) -> None:
    with pytest.raises(Refused):
        receipts.load(encoded(value))


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"{", encoded(I)[:-1], encoded(I) + b"x", b"\xef\xbb\xbf" + encoded(I)],
    ids=range(6),
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        receipts.load(data)


def test_a_member_twice_is_refused() -> None:
    with pytest.raises(Refused, match="duplicate key"):
        receipts.load(encoded(I)[:-1] + b',"kind":"inclusion"}')


def test_an_error_says_where() -> None:
    with pytest.raises(Refused) as caught:
        receipts.load(encoded(with_(I, {"id": 1}, *FACT, "fact")), where="a.json")
    assert str(caught.value) == "a.json: facts[0].fact: the value of 'id' is no string and not null"


def test_a_line_has_no_bundles_and_says_its_release() -> None:
    with pytest.raises(Unsupported, match="'bundles'"):
        receipts.load_line(encoded(I))
    for release in (HASH.upper(), HASH[2:], "", None, 1):
        with pytest.raises(Refused):
            receipts.load_line(encoded(INCLUSION | {"release": release}))


def test_a_file_of_bundles_is_read_and_written() -> None:
    data = receipts.dump_bundles([BUNDLE])
    assert json.loads(data) == {"format": "urn:ledger-anchor:receipt-bundles:v1", "bundles": [BUNDLE]}
    assert receipts.load_bundles(data) == (BUNDLE,)
    for kind, bad in (
        (Unsupported, json.loads(data) | {"format": receipts.FORMAT}),
        (Unsupported, json.loads(data) | {"more": 1}),
        (Refused, json.loads(data) | {"bundles": []}),
        (Refused, without(json.loads(data), "bundles")),
        (Refused, [data.decode()]),
    ):
        with pytest.raises(kind):
            receipts.load_bundles(encoded(bad))


def test_a_receipt_is_not_too_large() -> None:
    with pytest.raises(Refused, match="more than"):
        receipts.load(b" " * (receipts.MAX_RECEIPT + 1))


def test_salted_cells_are_read_and_written() -> None:
    cells = [{"salt": HASH, "value": None}, {"cell": ZERO}, {"salt": HASH, "value": "x"}]
    value = with_(I, {"cells": cells}, *FACT, "fact")
    read = receipts.load(encoded(value))
    fact = read.facts[0].fact
    assert isinstance(fact, Cells)
    assert [cell.shown for cell in fact.cells] == [True, False, True]
    assert json.loads(receipts.dump(read)) == value


def test_a_column_may_be_called_cells() -> None:
    read = receipts.load(encoded(with_(I, {"cells": "x"}, *FACT, "fact")))
    assert leaf_bytes(read.facts[0], columns=places("cells"), encoding=STRINGS) == b'{"cells":"x"}'


def test_what_would_not_be_read_is_not_written() -> None:
    fact = ProvenFact(index=0, fact={"a": "b"})
    with pytest.raises(AnchorError):
        receipts.dump(Receipt(kind="inclusion", facts=(fact,)))
    with pytest.raises(AnchorError):
        receipts.dump(Receipt(kind="absence", bundles=(BUNDLE,)))
    with pytest.raises(Refused):
        receipts.dump_bundles([])


@pytest.mark.parametrize(
    ("fact", "encoding", "leaf"),
    [
        ({"b": "1", "a": 'é"\n'}, STRINGS, '{"a":"é\\"\\n","b":"1"}'),
        ({"b": None, "a": "x"}, STRINGS_OR_NULL, '{"a":"x","b":null}'),
        ({"b": None}, STRINGS_OR_NULL, '{"b":null}'),
        ({"b": None, "a": "x"}, STRINGS, None),
        ({"b": "x"}, STRINGS, None),
        ({"a": "x", "b": "y", "c": "z"}, STRINGS, None),
        ({"c": "z"}, STRINGS_OR_NULL, None),
    ],
)
def test_the_leaf_of_a_fact(fact: dict[str, str | None], encoding: str, leaf: str | None) -> None:
    proven = ProvenFact(index=0, fact=fact)
    if leaf is None:
        with pytest.raises(Refused):
            leaf_bytes(proven, columns=places("a", "b"), encoding=encoding)
    else:
        assert leaf_bytes(proven, columns=places("a", "b"), encoding=encoding) == leaf.encode()


def test_a_fact_of_another_encoding_is_not_hashed() -> None:
    plain, salted = ProvenFact(index=0, fact={"a": "x"}), ProvenFact(index=0, fact=Cells(cells=()))
    with pytest.raises(Unsupported):
        leaf_bytes(plain, columns=places("a"), encoding="rfc9999")
    with pytest.raises(Refused, match="salted cells"):
        leaf_bytes(salted, columns=places("a"), encoding=STRINGS)
    with pytest.raises(Refused, match="more than"):
        leaf_bytes(ProvenFact(index=0, fact={"a": "x" * (1 << 20)}), columns=places("a"), encoding=STRINGS)
