# SPDX-License-Identifier: Apache-2.0
"""Statements: the one form, and every way to miss it. Unknown is UNSUPPORTED, malformed is INVALID."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from anchor.encoding import jcs
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import release_1, release_2, statement_1, statement_2
from anchor.format import statement as statements
from anchor.format.readers import READERS, VERSION_1
from anchor.format.statement import LedgerName, Previous, SourceFile, Tree, decode, encode
from tests.support.releases import samples
from tests.support.releases.samples import HEX, OTHER_HEX, spoiled_statement
from tests.support.releases.spoilt_statement import MALFORMED, UNKNOWN, P

GOOD = encode(samples.statement())


@pytest.mark.parametrize(("path", "new"), MALFORMED, ids=repr)
def test_a_malformed_statement_is_refused(path: tuple[str | int, ...], new: Any) -> None:
    with pytest.raises(Refused):
        decode(spoiled_statement(path, new))


@pytest.mark.parametrize(("path", "new"), UNKNOWN, ids=repr)
def test_what_this_program_does_not_know_is_unsupported(path: tuple[str | int, ...], new: Any) -> None:
    with pytest.raises(Unsupported):
        decode(spoiled_statement(path, new))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"null",
        GOOD + b"\n",
        b" " + GOOD,
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b":", b": "),
        GOOD.replace(b"sample", b"s\\u0061mple"),
        GOOD.replace(b'"size":3', b'"size":3.0'),
        GOOD.replace(b'"size":3', b'"size":3e0'),
        GOOD.replace(b'"size":3', b'"size":03'),
        GOOD.replace(b'"size":3', b'"size":9007199254740993'),
        GOOD.replace(b'"size":3', b'"size":' + b"3" * 10_000),
        GOOD.replace(b'"size":3', b'"size":NaN'),
        GOOD.replace(b'"size":3', b'"size":3,"size":3'),
        GOOD.replace(b'"previous":null,', b'"previous":null,"previous":null,'),
        GOOD.replace(b"sample", b"s\xff"),
        GOOD.replace(b"sample", b"\\ud800"),
        GOOD[:-1],
        GOOD * 2,
        b"[" * 10_000,
        b'{"_type":' * 10_000,
        json.dumps(json.loads(GOOD), indent=1).encode(),
        b" " * (statements.MAX_STATEMENT + 1),
    ],
)
def test_bytes_that_are_not_their_own_canonical_form_are_refused(data: bytes) -> None:
    assert data != GOOD
    with pytest.raises(Refused):
        decode(data)


@pytest.mark.parametrize("data", [None, "text", bytearray(GOOD), 5, GOOD.decode()])
def test_what_is_not_bytes_is_refused(data: Any) -> None:
    with pytest.raises(Refused):
        decode(data)


def test_swapped_subjects_or_files_are_refused() -> None:
    value = json.loads(GOOD)
    value["subject"].reverse()
    with pytest.raises(Refused):
        decode(jcs(value))
    value["predicate"]["facts"]["files"].reverse()
    with pytest.raises(Refused):
        decode(jcs(value))


def test_a_third_file_is_refused() -> None:
    value = json.loads(GOOD)
    value["subject"].append({"name": "ledger.txt", "digest": {"sha256": HEX}})
    value["predicate"]["facts"]["files"].append({"name": "ledger.txt", "reader": "csv-v1"})
    with pytest.raises(Refused):
        decode(jcs(value))


def test_no_single_byte_can_change_without_notice() -> None:
    good = decode(GOOD)
    for i in range(len(GOOD)):
        for flip in (0x01, 0x20, 0x80):
            data = GOOD[:i] + bytes([GOOD[i] ^ flip]) + GOOD[i + 1 :]
            try:
                assert decode(data) != good
            except AnchorError as e:
                assert isinstance(e, Refused | Unsupported)  # noqa: PT017 - no other class is allowed


def test_a_statement_is_its_own_canonical_form() -> None:
    statement = samples.statement()
    assert decode(GOOD) == statement
    assert encode(decode(GOOD)) == GOOD == jcs(json.loads(GOOD))
    value = json.loads(GOOD)
    assert list(value) == ["_type", "predicate", "predicateType", "subject"]
    assert set(value["predicate"]) == {
        "ledger",
        "tree",
        "facts",
        "index",
        "blinding",
        "evidence",
        "previous",
    }


def test_what_a_statement_says_is_at_hand() -> None:
    statement = decode(GOOD)
    assert statement.ledger == LedgerName(name="sample-ledger", number=1, version="1.0.0")
    assert statement.tree == Tree(algorithm="rfc9162-sha256", root=HEX, size=3)
    assert statement.originals == (SourceFile(name="ledger.md", reader="markdown-table-v1"),)
    assert statement.digests == {"ledger.json": HEX, "ledger.md": OTHER_HEX}
    assert statement.columns == ("label", "value")
    assert statement.previous is None


def test_a_chain_links_by_the_digest_of_the_statement_bytes() -> None:
    link = statements.link(GOOD)
    assert link == Previous(number=1, version="1.0.0", statement=hashlib.sha256(GOOD).hexdigest())
    second = samples.statement(number=2, version="1.1.0", previous=link)
    assert decode(encode(second)).previous == link


@pytest.mark.parametrize(
    ("number", "version", "previous"),
    [
        (1, "1.1", Previous(number=1, version="1.0", statement=HEX)),
        (2, "1.1", None),
        (3, "1.1", Previous(number=1, version="1.0", statement=HEX)),
        (2, "1.1", Previous(number=2, version="1.0", statement=HEX)),
        (2, "1.1", Previous(number=3, version="1.0", statement=HEX)),
        (2, "V1", Previous(number=1, version="v1", statement=HEX)),
        (2, "1.1", Previous(number=1, version="log", statement=HEX)),
        (2, "1.1", Previous(number=1, version="1.0", statement=HEX[1:])),
    ],
)
def test_a_chain_with_a_gap_a_loop_or_a_repeated_version_is_refused(
    number: int, version: str, previous: Previous | None
) -> None:
    with pytest.raises(Refused):
        samples.statement(number=number, version=version, previous=previous)


@pytest.mark.parametrize("name", ["x", "registre-des-données", "Ledger 2026 (v2)", "台帳", "a/b", "x" * 128])
def test_names_in_any_script_are_taken(name: str) -> None:
    data = spoiled_statement((P, "ledger", "name"), name)
    assert decode(data).ledger.name == name


@pytest.mark.parametrize("version", ["1", "1.0.0", "2026-01-31", "v1.2+build_3", "Z" * 64, "logs"])
def test_versions_of_the_design_are_taken(version: str) -> None:
    data = spoiled_statement((P, "ledger", "version"), version)
    assert decode(data).ledger.version == version


def test_the_readers_of_version_1_are_those_that_were_published() -> None:
    published = {name: READERS[name].published for name in VERSION_1}
    assert published == {
        "markdown-table-v1": "ledger.md",
        "ledger-json-v1": "source.json",
        "json-v1": "source.json",
        "jsonl-v1": "ledger.jsonl",
        "csv-v1": "ledger.csv",
    }
    for reader, name in published.items():
        value = json.loads(GOOD)
        value["predicate"]["facts"]["files"][1] = {"name": name, "reader": reader}
        value["subject"][1]["name"] = name
        value["predicate"]["facts"]["files"].sort(key=lambda f: f["name"])
        value["subject"].sort(key=lambda x: x["name"])
        assert decode(jcs(value)).originals[0].reader == reader


def test_encode_refuses_what_decode_would_refuse() -> None:
    with pytest.raises(Refused):
        statements.commit(
            ledger=LedgerName(name="a\u202eb", number=1, version="1"),
            tree=Tree.of(b"\0" * 32, 3),
            columns=("a",),
            originals=[SourceFile(name="ledger.md", reader="markdown-table-v1")],
            digests={"ledger.json": HEX, "ledger.md": HEX},
            previous=None,
        )


def test_a_message_is_one_line_whatever_the_statement_holds() -> None:
    for data in (
        spoiled_statement((P, "ledger", "name"), "a\nb\x1b[2J"),
        spoiled_statement((P, "x\ny\x1b"), 1),
        spoiled_statement((P, "tree", "algorithm"), "a\nb" + "c" * 5000),
    ):
        with pytest.raises(AnchorError) as caught:
            decode(data)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


def structs(kind: inspect.Type) -> Iterator[inspect.StructType]:
    """Every struct in a type."""
    match kind:
        case inspect.StructType(fields=fields):
            yield kind
            for member in fields:
                yield from structs(member.type)
        case inspect.UnionType(types=types):
            for part in types:
                yield from structs(part)
        case inspect.VarTupleType(item_type=item):
            yield from structs(item)
        case inspect.Metadata(type=inner):
            yield from structs(inner)


@pytest.mark.parametrize(
    "kind", [statement_1.Statement, statement_2.Statement, release_1.Release, release_2.Release]
)
def test_no_part_of_our_documents_takes_unknown_members(kind: type[Any]) -> None:
    """`strict_json.build` says what is unknown only where the decoder refuses."""
    found = list(structs(inspect.type_info(kind)))
    assert len(found) > 4
    assert all(part.forbid_unknown_fields for part in found)
