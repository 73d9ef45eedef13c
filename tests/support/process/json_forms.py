# SPDX-License-Identifier: Apache-2.0
"""Documents of `--json` against their published schemas, made strict: no member that a schema leaves out."""

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema

from tests.support.generate.json_documents import FORMS, MESSAGES, schema_path

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "urn:ledger-anchor:"


def validated(document: Any) -> str:
    """The form of a document, after `urn:ledger-anchor:`. Raises for a document that its schema refuses."""
    form = str(document["format"]).removeprefix(PREFIX)
    assert form in (FORMS | MESSAGES), f"{form}: describe it in tests/support/generate/json_documents.py"
    _validator(form).validate(document)
    if "verdict" in document and form not in ("run:v2", "record:v2", *MESSAGES):
        assert "exit_code" in document, form
    return form


def check(document: Any) -> None:
    """Validate a document if it is one of `--json`. Others are on stdout too: receipts, statements."""
    found = str(document.get("format")) if isinstance(document, dict) else ""
    if found.removeprefix(PREFIX) in FORMS:
        validated(document)


@functools.cache
def _validator(form: str) -> jsonschema.Draft202012Validator:
    """The published schema, made strict: a member that it does not list is refused."""
    found = json.loads((ROOT / "docs" / schema_path(form)).read_bytes())
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found if (FORMS | MESSAGES)[form].open else _strict(found))


def _strict(value: Any) -> Any:
    if isinstance(value, list):
        return [_strict(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: _strict(one) for name, one in value.items()}
    title = value.get("title", _OPEN)  # a part without a title is a mapping with free names
    if value.get("type") == "object" and value.get("properties") and title != _OPEN:
        made["additionalProperties"] = False
    return made


_OPEN = "WeighedLog"
"""A type that is described in part."""
