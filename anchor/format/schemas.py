# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of our formats, from the types that read and write them.

A schema says less than the readers check (canonical form, order, what fits what); FORMAT.md says all. Both
are published beside every ledger, so that a verifier can be written from the folder alone.
"""

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from anchor.format.release import Release
from anchor.format.statement import LedgerName, Statement
from anchor.verdict import Verdict

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class LedgerDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ledger.json: column names in published order and the facts, each a flat object of strings."""

    columns: Annotated[tuple[str, ...], Meta(min_length=1, extra_json_schema={"uniqueItems": True})]
    facts: Annotated[tuple[dict[str, str], ...], Meta(min_length=1)]
    format: Literal["urn:ledger-anchor:ledger:v1"]
    ledger: LedgerName


KINDS: dict[str, type[Any]] = {
    "ledger": LedgerDocument,
    "release": Release,
    "statement": Statement,
    "verdict": Verdict,
}


def schemas() -> dict[str, bytes]:
    """File name to JSON Schema (draft 2020-12) of every format, as they stand in `release/schema/`."""
    return {f"{name}.schema.json": _schema(name, kind) for name, kind in KINDS.items()}


def _schema(name: str, kind: type[Any]) -> bytes:
    body = _one_line(msgspec.json.schema(kind))
    document = {"$schema": DIALECT, "$id": f"urn:ledger-anchor:schema:{name}:v1", **body}
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def _one_line(value: Any) -> Any:
    """Descriptions come from docstrings, so their line breaks and indentation have no meaning."""
    if isinstance(value, dict):
        return {
            k: " ".join(v.split()) if k == "description" and isinstance(v, str) else _one_line(v)
            for k, v in value.items()
        }
    return [_one_line(v) for v in value] if isinstance(value, list) else value
