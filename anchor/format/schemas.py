# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of our formats, from the types that read and write them.

A schema says less than the readers check (canonical form, order, what fits what); FORMAT.md says all. Both
are published beside every ledger, so that a verifier can be written from the folder alone. A version of the
format has schemas of its own: those of version 1 stay as they were published.
"""

import functools
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from anchor.format import ledger_status, receipt, release_1, release_2, statement_1, statement_2
from anchor.format.members import LedgerName
from anchor.format.readers import READERS
from anchor.format.readers.reader import Dialect
from anchor.verdict import Class, Verdict

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class LedgerDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ledger.json: column names in published order and the facts, each a flat object of strings."""

    columns: Annotated[tuple[str, ...], Meta(min_length=1, extra_json_schema={"uniqueItems": True})]
    facts: Annotated[tuple[dict[str, str], ...], Meta(min_length=1)]
    format: Literal["urn:ledger-anchor:ledger:v1"]
    ledger: LedgerName


class LedgerDocument2(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ledger.json with null or absent values, or beyond the limits of version 1: column names in order and
    the facts, each a flat object of strings and nulls."""

    columns: Annotated[tuple[str, ...], Meta(min_length=1, extra_json_schema={"uniqueItems": True})]
    facts: Annotated[tuple[Annotated[dict[str, str | None], Meta(min_length=1)], ...], Meta(min_length=1)]
    format: Literal["urn:ledger-anchor:ledger:v2"]
    ledger: LedgerName


class CountedCosignature(msgspec.Struct, frozen=True, kw_only=True):
    """A cosignature that was counted: the witness's name in the verifier's policy, the name of its key, and
    its time (RFC 3339)."""

    name: str
    key: str
    time: str | None


class LogIndependence(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs a log, and which witnesses that the verifier's policy names have cosigned its checkpoint."""

    operator: Literal["publisher", "public", "private"]
    words: str
    witnesses: tuple[CountedCosignature, ...]
    named: Annotated[int, Meta(ge=0)] | None
    quorum: str | None
    witnessed: bool
    own_authority: bool = False


class WeighedLog(msgspec.Struct, frozen=True, kw_only=True):
    """An anchor in the facts of a verdict: how independent its log is. It has other members, too."""

    independent: bool = False
    independence: LogIndependence | None = None


KINDS: dict[tuple[str, int], type[Any]] = {
    ("ledger", 1): LedgerDocument,
    ("ledger", 2): LedgerDocument2,
    ("receipt", 1): receipt.ReceiptDocument,
    ("release", 1): release_1.Release,
    ("release", 2): release_2.Release,
    ("statement", 1): statement_1.Statement,
    ("statement", 2): statement_2.Statement,
    ("status", 1): ledger_status.Statement,
    ("verdict", 1): Verdict,
}


@functools.cache
def schemas() -> Mapping[str, bytes]:
    """File name to JSON Schema (draft 2020-12) of every format, as they stand in `release/schema/`."""
    return MappingProxyType({file_name(*named): _schema(*named, kind) for named, kind in KINDS.items()})


def file_name(name: str, version: int) -> str:
    """The name of the schema of a version of a document."""
    return f"{name}.schema.json" if version == 1 else f"{name}-v{version}.schema.json"


def _schema(name: str, version: int, kind: type[Any]) -> bytes:
    body = msgspec.json.schema(kind)
    if kind is statement_2.Statement:
        body = _with_dialects(body)
    if kind is Verdict:
        body = _as_printed(body)
    document = {"$schema": DIALECT, "$id": f"urn:ledger-anchor:schema:{name}:v{version}", **_one_line(body)}
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def _as_printed(body: dict[str, Any]) -> dict[str, Any]:
    """The schema of a verdict as it is printed: with the exit code of its class, and with facts that say how
    independent each log is. Its other facts are free."""
    (ref,), parts = msgspec.json.schema_components([WeighedLog], ref_template="#/$defs/{name}")
    verdict = body["$defs"]["Verdict"]
    known = verdict["properties"]
    facts = {**known["facts"], "properties": {"anchors": {"type": "array", "items": ref}}}
    codes = {"enum": sorted(c.exit_code for c in Class)}
    verdict = {**verdict, "properties": {**known, "facts": facts, "exit_code": codes}}
    return {**body, "$defs": {**body["$defs"], "Verdict": verdict, **parts}}


def _with_dialects(body: dict[str, Any]) -> dict[str, Any]:
    """The schema of a statement in which the dialect of a file is one of its reader."""
    kinds = [r.dialect_type for r in READERS.values() if r.dialect_type is not Dialect]
    refs, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    schema_of = dict(zip(kinds, refs, strict=True))
    rules = []
    for name, reader in READERS.items():
        found = schema_of.get(reader.dialect_type)
        then = {"allOf": [found], "minProperties": 1} if found else False
        rules.append(
            {"if": {"properties": {"reader": {"const": name}}}, "then": {"properties": {"dialect": then}}}
        )
    leaves = {"properties": {"reader": {"const": statement_2.LEAVES_READER}}}
    rules.append({"if": leaves, "then": {"properties": {"dialect": False}}})
    file = {**body["$defs"]["SourceFile"], "allOf": rules}
    return {**body, "$defs": {**body["$defs"], **parts, "SourceFile": file}}


def _one_line(value: Any) -> Any:
    """Descriptions come from docstrings, so their line breaks and indentation have no meaning."""
    if isinstance(value, dict):
        return {
            k: " ".join(v.split()) if k == "description" and isinstance(v, str) else _one_line(v)
            for k, v in value.items()
        }
    return [_one_line(v) for v in value] if isinstance(value, list) else value
