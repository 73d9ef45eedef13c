# SPDX-License-Identifier: Apache-2.0
"""Statements of version 2: what needs one, the one form, and every way to miss it."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from anchor import limits
from anchor.encoding import jcs
from anchor.errors import Refused, Unsupported
from anchor.format import statement as statements
from anchor.format.index import Index
from anchor.format.readers.reader import NO_DIALECT
from anchor.format.statement import LedgerName, Previous, SourceFile, Tree, decode, encode
from tests.support.releases import samples
from tests.support.releases.samples import GONE, HEX, OTHER_HEX, spoiled_statement_2
from tests.support.releases.version_2 import REPORT

GOOD = encode(samples.statement_2())
P, F = "predicate", ("predicate", "facts", "files")
DOCUMENT = {
    "name": "b.txt",
    "digest": {"sha256": HEX},
    "annotations": {"extracted_from": "https://a.org/b.pdf", "retrieved_at": "2026-01-31T23:59:59Z"},
}
BAD_DIGESTS: tuple[Any, ...] = (None, {}, HEX, {"sha256": HEX.upper()}, {"sha256": ""})
BAD_NOTES: tuple[Any, ...] = (
    *(None, {}, [], {"a": 1}, {"a": None}, {"": "a"}, {"a": ""}, {"a": "\n"}),
    *({"retrieved_at": bad} for bad in ("2026-01-31", "2026-02-31T00:00:00Z")),
)
BAD_DOCUMENT: list[tuple[str, Any]] = [
    *(("name", bad) for bad in ("", "/a", "a/../b", "a//b", ".", "a\\b", "a\n", "é" * 2049, None, 1)),
    *(("digest", bad) for bad in BAD_DIGESTS),
    *(("uri", bad) for bad in ("", None, " https://a.org", "https://a.org/\u202e", "x" * 2049)),
    *(("mediaType", bad) for bad in ("", None, "text", "text/plain; charset=utf-8", "text/plain\n")),
    *(("annotations", bad) for bad in BAD_NOTES),
]
PREVIOUS = {"number": 1, "version": "0.9", "statement": HEX}
COLUMNS = list(samples.statement_2().columns)
INDEX = {"algorithm": "csmt-sha256-v1", "columns": COLUMNS[:1], "keys": 1, "root": HEX}
BAD_INDEX: list[tuple[str, Any]] = [
    ("algorithm", None),
    ("columns", []),
    ("columns", None),
    ("columns", COLUMNS[:1] * 2),
    ("columns", ["no column"]),
    ("columns", [None]),
    ("keys", 0),
    ("keys", samples.statement_2().tree.size + 1),
    ("keys", "1"),
    ("root", HEX[1:]),
    ("root", HEX.upper()),
]
PLAIN = SourceFile(name="ledger.csv", reader="csv-v1")
ZIPPED = SourceFile(name="ledger.csv.gz", reader="csv-v1", compression="gzip")


def committed(
    *originals: SourceFile,
    columns: int = 2,
    size: int = 3,
    encoding: str = "rfc8785-strings",
    sizes: Mapping[str, int] | None = None,
) -> statements.Statement:
    names = ["ledger.json", *(o.name for o in originals or (PLAIN,))]
    return statements.commit(
        ledger=LedgerName(name="n", number=1, version="1"),
        tree=Tree.of(b"\0" * 32, size),
        columns=[f"c{i}" for i in range(columns)],
        encoding=encoding,
        originals=originals or [PLAIN],
        digests=dict.fromkeys(names, HEX),
        sizes=sizes,
        previous=None,
    )


def test_what_uses_nothing_new_is_of_version_1() -> None:
    for one in (committed(), committed(columns=256), committed(size=10**8)):
        assert one.version == 1
        assert b"commitment:v1" in encode(one)
    assert committed(sizes={"ledger.csv": limits.FILE, "ledger.json": limits.FILE}).version == 1


@pytest.mark.parametrize(
    ("made", "ours"),
    [
        (lambda: committed(columns=257), "ledger-json-v2"),
        (lambda: committed(size=10**8 + 1), "ledger-json-v2"),
        (lambda: committed(encoding="rfc8785-strings-or-null"), "ledger-json-v2"),
        (lambda: committed(SourceFile(name="source.json", reader="ledger-json-v2")), "ledger-json-v1"),
        (lambda: committed(ZIPPED), "ledger-json-v1"),
        (lambda: committed(sizes={"ledger.csv": limits.FILE + 1}), "ledger-json-v1"),
        (
            lambda: committed(*(SourceFile(name=f"ledger-{n}.csv", reader="csv-v1") for n in (1, 2))),
            "ledger-json-v1",
        ),
    ],
)  # fmt: skip
def test_what_version_1_cannot_say_is_of_version_2(made: Any, ours: str) -> None:
    statement = made()
    assert statement.version == 2
    assert statement.ours == SourceFile(name="ledger.json", reader=ours)
    data = encode(statement)
    assert decode(data) == statement
    value = json.loads(data)
    assert value["predicateType"] == "urn:ledger-anchor:commitment:v2"
    assert set(value["predicate"]) == {"ledger", "tree", "facts"}
    assert b"null" not in data.replace(b"or-null", b"")
    assert value["predicate"]["facts"]["files"][-1]["name"] == "ledger.json"


def test_an_index_is_of_version_2_and_comes_back() -> None:
    columns = tuple(samples.statement_2().columns)
    lists = [columns[:1], columns[::-1], columns]
    indexes = tuple(Index(algorithm="csmt-sha256-v1", columns=c, keys=2, root=HEX) for c in lists)
    statement = msgspec.structs.replace(samples.statement_2(), index=indexes)
    assert decode(encode(statement)) == statement
    assert statements.commit(
        ledger=LedgerName(name="n", number=1, version="1"),
        tree=Tree.of(b"\0" * 32, 3),
        columns=columns,
        originals=[PLAIN],
        digests={"ledger.csv": HEX, "ledger.json": HEX},
        previous=None,
        index=indexes[:1],
    ).needs_version_2({})


def test_a_ledger_json_that_would_be_too_large_is_left_out() -> None:
    sizes = {"ledger.csv": 5, "ledger.json": limits.LEDGER_JSON + 1}
    assert committed(sizes=sizes).version == 1  # version 1 has it, whatever its size
    statement = committed(columns=257, sizes=sizes)
    assert statement.ours is None
    assert set(statement.digests) == {"ledger.csv"}
    assert decode(encode(statement)) == statement
    assert committed(columns=257, sizes={"ledger.json": limits.LEDGER_JSON}).ours is not None
    larger = committed(sizes={"ledger.json": limits.FILE + 1})
    assert (larger.version, larger.ours) == (2, None)


def test_the_originals_keep_their_order() -> None:
    originals = [SourceFile(name=f"ledger-{n}.csv", reader="csv-v1") for n in range(1, 12)]
    statement = committed(*originals)
    assert list(statement.originals) == originals
    value = json.loads(encode(statement))
    names = [s["name"] for s in value["subject"]]
    assert names == sorted(names)
    assert names.index("ledger-10.csv") < names.index("ledger-2.csv")


def test_a_later_release_links_to_one_of_either_version() -> None:
    link = statements.link(GOOD)
    later = samples.statement_2(number=2, previous=Previous(number=1, version="0.9", statement=HEX))
    assert decode(encode(later)).previous == Previous(number=1, version="0.9", statement=HEX)
    assert samples.statement(number=2, version="2", previous=link).previous == link
    assert statements.says(encode(later)).keys() == {1, 2}


def test_a_status_that_was_known_needs_version_2() -> None:
    known = statements.KnownStatus(sequence=7, statement=HEX)
    plain = committed()
    with_it = statements.commit(
        ledger=plain.ledger,
        tree=plain.tree,
        columns=plain.columns,
        originals=plain.originals,
        digests=plain.digests,
        previous=None,
        status=known,
    )
    assert (with_it.version, decode(encode(with_it)).status) == (2, known)
    assert json.loads(encode(with_it))[P]["status"] == {"sequence": 7, "statement": HEX}


@pytest.mark.parametrize(
    ("path", "new"),
    [
        *(((P, m), GONE) for m in ("ledger", "tree", "facts")),
        *(((P, m), None) for m in ("ledger", "tree", "facts", "previous", "index", "evidence", "status")),
        *(((P, m), []) for m in ("previous", "index", "evidence", "status")),
        *(((P, m), {}) for m in ("previous", "index", "evidence", "status")),
        *(((P, "index"), [INDEX | {m: v}]) for m, v in BAD_INDEX),
        ((P, "index"), [{m: v for m, v in INDEX.items() if m != "root"}]),
        ((P, "index"), [INDEX, INDEX]),
        ((P, "index"), [INDEX | {"columns": [f"c{i}"]} for i in range(9)]),
        *(((P, "evidence"), [DOCUMENT | {m: v}]) for m, v in BAD_DOCUMENT),
        ((P, "evidence"), [{"name": "b.txt"}]),
        ((P, "evidence"), [{"digest": DOCUMENT["digest"]}]),
        ((P, "evidence"), [DOCUMENT, DOCUMENT]),
        ((P, "evidence"), [DOCUMENT, DOCUMENT | {"name": "B.txt"}]),
        ((P, "evidence"), [DOCUMENT, DOCUMENT | {"name": "c.txt", "uri": "https://a.org/b.pdf"}]),
        ((P, "evidence"), [DOCUMENT | {"uri": "https://a.org/b.pdf"}]),
        ((P, "evidence"), [DOCUMENT | {"name": f"{n:04}"} for n in range(1025)]),
        ((P, "previous"), PREVIOUS),
        ((P, "status"), {"sequence": 1}),
        ((P, "status"), {"sequence": 0, "statement": HEX}),
        ((P, "status"), {"sequence": 1, "statement": HEX.upper()}),
        ((P, "ledger", "number"), 2),
        ((P, "tree", "root"), HEX.upper()),
        ((P, "facts", "columns"), []),
        ((P, "facts", "columns"), ["a", "a"]),
        ((P, "facts", "columns"), [str(i) for i in range(16_385)]),
        ((P, "facts", "encoding"), None),
        ((P, "facts", "encoding"), "rfc8785-strings-or-null"),  # then ledger.json has another reader
        (F, []),
        ((*F, 0), GONE),
        ((*F, 2), GONE),
        ((*F, 0, "name"), "ledger-2.csv.gz"),
        ((*F, 0, "name"), "ledger-01.csv.gz"),
        ((*F, 0, "name"), "ledger-1.csv"),
        ((*F, 0, "name"), "ledger-1.json.gz"),
        ((*F, 0, "name"), "ledger.csv.gz"),
        ((*F, 0, "name"), 1),
        ((*F, 0, "reader"), "json-v1"),  # its name has to end in json then
        ((*F, 0, "reader"), None),
        ((*F, 0, "compression"), GONE),
        ((*F, 0, "compression"), None),
        ((*F, 0, "compression"), ""),
        ((*F, 0, "dialect"), None),
        ((*F, 0, "dialect"), {}),
        ((*F, 0, "dialect"), "delimiter"),
        ((*F, 2, "reader"), "ledger-json-v2"),
        ((*F, 2, "reader"), "csv-v1"),
        ((*F, 2, "compression"), "gzip"),
        (("subject",), []),
        (("subject", 0), GONE),
        (("subject", 0, "name"), "ledger-2.csv.gz"),
        (("subject", 0, "name"), "ledger-3.csv.gz"),
        (("subject", 0, "digest", "sha256"), HEX[1:]),
    ],
    ids=lambda value: repr(value)[:80],
)  # fmt: skip
def test_a_malformed_statement_is_refused(path: tuple[str | int, ...], new: Any) -> None:
    data = spoiled_statement_2(path, new)
    kinds = (Refused, Unsupported) if new == "" else Refused
    with pytest.raises(kinds):
        decode(data)


@pytest.mark.parametrize(
    ("path", "new", "named"),
    [
        ((P, "index"), [INDEX | {"algorithm": "csmt-sha512-v1"}], "csmt-sha512-v1"),
        ((P, "index"), [INDEX | {"more": 1}], "more"),
        ((P, "evidence"), [DOCUMENT | {"downloadLocation": "https://a.org"}], "downloadLocation"),
        ((P, "evidence"), [DOCUMENT | {"digest": {"sha256": HEX, "sha512": HEX}}], "sha512"),
        ((P, "facts", "encoding"), "cbor", "cbor"),
        ((P, "tree", "algorithm"), "rfc9162-sha512", "rfc9162-sha512"),
        ((P, "blinding"), {"a": 1}, "blinding"),
        ((P, "facts", "order"), [], "order"),
        ((*F, 0, "reader"), "parquet-v1", "parquet-v1"),
        ((*F, 0, "compression"), "zstd", "zstd"),
        ((*F, 0, "dialect"), {"delimiter": ";"}, "delimiter"),
        ((*F, 0, "size"), 1, "size"),
        (("subject", 0, "name"), "ledger.parts.json", "ledger.parts.json"),
        (("subject", 0, "name"), "README.md", "README.md"),
        (("subject", 0, "uri"), "x", "uri"),
        (("predicateType",), "urn:ledger-anchor:commitment:v3", "commitment:v3"),
    ],
    ids=repr,
)
def test_what_this_program_does_not_know_is_unsupported_by_name(
    path: tuple[str | int, ...], new: Any, named: str
) -> None:
    with pytest.raises(Unsupported) as caught:
        decode(spoiled_statement_2(path, new))
    assert named in str(caught.value)


def test_a_reader_of_version_2_is_unknown_to_version_1() -> None:
    path = (P, "facts", "files", 1)
    new = {"reader": "ledger-json-v2", "dialect": {"delimiter": ";"}, "compression": "gzip"}
    for member, value in new.items():
        with pytest.raises(Unsupported):
            decode(samples.spoiled_statement((*path, member), value))


@pytest.mark.parametrize("name", ["ledger.leaves", "ledger.gz", "ledger.JSON", "source.md", "Ledger.csv"])
def test_a_reserved_name_is_no_original(name: str) -> None:
    with pytest.raises((Refused, Unsupported)):
        committed(SourceFile(name=name, reader="csv-v1"), columns=300)


def test_a_statement_says_how_its_files_are_read() -> None:
    assert samples.statement().read_as == ()
    (line,) = samples.statement_2().read_as
    assert line == "ledger-1.csv.gz, ledger-2.csv.gz read as: out of a gzip file (by csv-v1)"


def test_what_is_the_default_is_not_written() -> None:
    file = SourceFile.of("ledger.csv", reader="csv-v1", dialect=NO_DIALECT, compressed=False)
    assert msgspec.to_builtins(file) == {"name": "ledger.csv", "reader": "csv-v1"}
    assert file.plain


def test_another_order_of_subjects_or_files_is_refused() -> None:
    value = json.loads(GOOD)
    for spoilt in (("subject",), F):
        inner = value
        for step in spoilt:
            inner = inner[step]
        with pytest.raises(Refused):
            decode(jcs(samples.spoil(value, spoilt, inner[::-1])))


def test_names_differ_in_more_than_case_and_digests_are_by_name() -> None:
    assert samples.statement_2().digests["ledger-1.csv.gz"] == OTHER_HEX


def test_no_single_byte_can_change_without_notice() -> None:
    good = decode(GOOD)
    for i in range(len(GOOD)):
        for flip in (0x01, 0x20, 0x80):
            data = GOOD[:i] + bytes([GOOD[i] ^ flip]) + GOOD[i + 1 :]
            with contextlib.suppress(Refused, Unsupported):
                assert decode(data) != good


def test_a_schema_beside_the_files_is_a_subject_and_needs_version_2() -> None:
    digests = dict.fromkeys(("ledger.csv", "ledger.json", "schema.json"), HEX)
    made = statements.commit(
        ledger=LedgerName(name="a", number=1, version="1"),
        tree=Tree.of(b"\0" * 32, 1),
        columns=("a",),
        originals=[PLAIN],
        digests=digests,
        previous=None,
    )
    assert (made.version, made.digests) == (2, digests)
    data = encode(made)
    assert decode(data) == made
    value = json.loads(data)
    value["subject"].reverse()
    with pytest.raises(Refused, match="sorted by name"):
        decode(jcs(value))
    value["subject"] = [s for s in value["subject"] if s["name"] != "schema.json"][::-1]
    assert not statements.decode(jcs(value)).needs_version_2({})


def test_source_documents_are_of_version_2_and_come_back_as_they_are() -> None:
    more = (REPORT, msgspec.structs.replace(REPORT, name="z/é.txt"))
    statement = msgspec.structs.replace(samples.statement_2(), evidence=more)
    data = encode(statement)
    assert decode(data) == statement
    assert [one["name"] for one in json.loads(data)["predicate"]["evidence"]] == ["report.txt", "z/é.txt"]
    assert (
        statements.commit(
            ledger=LedgerName(name="n", number=1, version="1"),
            tree=Tree.of(b"\0" * 32, 3),
            columns=["a"],
            originals=[PLAIN],
            digests={"ledger.csv": HEX, "ledger.json": HEX},
            previous=None,
            evidence=[REPORT],
        ).version
        == 2
    )
    assert str(REPORT) == (
        "report.txt (extracted from https://example.org/report.pdf, retrieved at 2026-01-31T23:59:59Z)"
    )
