# SPDX-License-Identifier: Apache-2.0
"""The schemas in release/schema/ are the generated ones, and they accept what this program writes."""

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from anchor.errors import Refused
from anchor.format import leaves, schemas
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.readers import READERS
from anchor.format.readers.reader import Dialect, Reader
from anchor.publish.documents import documents
from anchor.verdict import Check, Class, Verdict, failed, passed, skipped
from tests.receipt_vectors import make
from tests.receipt_vectors.case import CASES
from tests.support.generate import schemas as write_schemas
from tests.support.releases import samples
from tests.support.releases.spoilt_release import MALFORMED as BAD_RELEASES
from tests.support.releases.spoilt_statement import MALFORMED as BAD_STATEMENTS
from tests.support.releases.tables import open_table

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "release/schema"


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((FOLDER / f"{name}.schema.json").read_bytes()))


def accepts(name: str, value: Any) -> bool:
    return bool(validator(name).is_valid(value))


def test_the_schemas_on_disk_are_the_generated_ones() -> None:
    on_disk = {p.name: p.read_bytes() for p in FOLDER.iterdir()}
    assert on_disk == schemas.schemas(), "run: python -m tests.support.generate.schemas release/schema"


def test_the_specification_that_is_shipped_is_the_published_one() -> None:
    shipped = documents()
    assert shipped.pop("FORMAT.md") == (ROOT / "release/FORMAT.md").read_bytes()
    assert shipped == {f"schema/{name}": data for name, data in schemas.schemas().items()}


@pytest.mark.parametrize(("name", "version"), schemas.KINDS)
def test_each_is_a_schema_with_a_name_of_its_own(name: str, version: int) -> None:
    document = json.loads((FOLDER / schemas.file_name(name, version)).read_bytes())
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$id"] == f"urn:ledger-anchor:schema:{name}:v{version}"


def test_they_accept_what_is_written() -> None:
    release, statement = samples.release(), samples.statement()
    validator("release").validate(json.loads(releases.dump(release)))
    validator("statement").validate(json.loads(statements.encode(statement)))
    out = io.BytesIO()
    table = open_table(io.BytesIO(b'{"a":"x","b":1}\n'), "jsonl-v1", where="x")
    leaves.seal(table, ledger=statement.ledger, ledger_json=out)
    validator("ledger").validate(json.loads(out.getvalue()))


def test_they_accept_receipts_and_few_that_are_malformed() -> None:
    assert make.GROUPS
    for case in CASES.values():
        if case.expect == "OK":
            assert accepts("receipt", json.loads(case.receipt)), case.name
    for name in (
        "member-unknown",
        "kind-another",
        "bundles-empty",
        "facts-empty",
        "index-negative",
        "hash-short",
    ):
        assert not accepts("receipt", json.loads(CASES[f"{name}_fail"].receipt)), name


def test_they_accept_what_is_written_in_version_2_and_nothing_of_the_other_version() -> None:
    null = io.BytesIO(samples.LEDGER_JSON_2)
    table = open_table(null, "ledger-json-v2", where="x")
    out = io.BytesIO()
    leaves.seal(table, ledger=samples.statement().ledger, ledger_json=out)
    for name, first, second in (
        ("release", releases.dump(samples.release()), releases.dump(samples.release_2())),
        ("statement", statements.encode(samples.statement()), statements.encode(samples.statement_2())),
        ("ledger", samples.LEDGER_JSON_1, out.getvalue()),
    ):
        for version, data in enumerate((first, second), 1):
            value = json.loads(data)
            validator(name if version == 1 else f"{name}-v2").validate(value)
            assert not accepts(f"{name}-v2" if version == 1 else name, value)


@pytest.mark.parametrize("reader", [r for r in READERS.values() if r.dialect_type is Dialect])
def test_a_reader_without_settings_has_no_dialect_in_the_schema(reader: type[Reader]) -> None:
    value = json.loads(statements.encode(samples.statement_2()))
    value["predicate"]["facts"]["files"][0] |= {"reader": reader.name}
    assert accepts("statement-v2", value)
    value["predicate"]["facts"]["files"][0] |= {"dialect": {"delimiter": ";"}}
    assert not accepts("statement-v2", value)


def test_they_accept_what_the_repository_publishes() -> None:
    for path in ROOT.glob("release/*/release.json"):
        version = "" if path.parent.name == "1.0.0" else "-v2"
        validator(f"release{version}").validate(json.loads(path.read_bytes()))
        validator(f"statement{version}").validate(json.loads((path.parent / "statement.json").read_bytes()))
        validator("ledger").validate(json.loads((path.parent / "ledger.json").read_bytes()))


@pytest.mark.parametrize("found", list(Class))
def test_the_verdict_schema_accepts_every_class(found: Class) -> None:
    checks = (
        passed("a", "b", clause="c"),
        skipped("a", "b", demotes=found),
        failed("a", Refused("b"), meaning="c"),
        Check(name="a", state="unknown", detail="b"),
    )
    for verdict in (
        Verdict(kind="release", target="x", verdict=found),
        Verdict(kind="release", target="x", verdict=found, checks=checks, facts={"size": 1}, notes=("n",)),
    ):
        value = json.loads(msgspec.json.encode(verdict))
        validator("verdict").validate(value)
        assert value["format"] == "urn:ledger-anchor:verdict:v1"
        assert {"kind", "target", "verdict", "checks", "facts", "notes"} <= set(value)


def test_they_refuse_most_of_what_the_readers_refuse() -> None:
    """A schema cannot say all; what it can say it must."""
    release, statement = (
        json.loads(releases.dump(samples.release())),
        json.loads(statements.encode(samples.statement())),
    )
    for name, good, bad in (("release", release, BAD_RELEASES), ("statement", statement, BAD_STATEMENTS)):
        spoilt = [samples.spoil(good, path, new) for path, new in bad]
        refused = sum(not accepts(name, value) for value in spoilt)
        assert refused / len(spoilt) > 0.6, name


def test_the_generator_writes_them_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write_schemas.main([str(tmp_path)]) == 0
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == schemas.schemas()
    for arguments in ([], [str(tmp_path / "missing")], ["a", "b"]):
        assert write_schemas.main(arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
