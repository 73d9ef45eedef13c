# SPDX-License-Identifier: Apache-2.0
"""Writes docs/json.md and docs/schema/, of the types in json_documents.py.

`python -m tests.support.generate.json_page docs` writes both into that folder.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.generate.json_documents import FORMS, MESSAGES, Form, schema, schema_path

HEAD = """# JSON output: `--json`

Every command has `--json`. It prints one JSON document on stdout, in UTF-8, and nothing else there; lines
for people go to stderr. Characters that could steer a terminal are escaped. `watch`, `history`,
`records export`, and `verify` and `verify-receipt` of several print one document a line.

- Each document has `format`, the name of its form. It begins with `urn:ledger-anchor:` and ends in a version.
- A document with `verdict` has `exit_code`, the code of that class ([exit codes](exit-codes.md)). The command
  ends with the same code, with three exceptions: `diff --exit-code` (9 if facts differ),
  `reverify --alarm-after` (0 before the rule is fulfilled), and Ctrl-C, where `exit_code` is 130.
- An error is a document, too (`error:v1`). So parse stdout first, then look at `format`.
- A later version may add members, and classes and checks. Ignore a member that you do not know. No member is
  renamed or removed without a new version of its form; [CHANGELOG.md](../CHANGELOG.md) says so.
- Times are RFC 3339 in UTC, digests are lower-case hex, sizes are bytes, and indexes of facts count from 0.

The schemas are JSON Schema, draft 2020-12. They also have the members of objects inside a document. A test
runs every command and validates what it prints. This page and the schemas are made by
`python3 tasks.py json`.
"""


def page() -> str:
    """docs/json.md."""
    return "\n".join([HEAD, *_table(), "", *(line for form in FORMS for line in _section(form))]) + "\n"


def _table() -> Iterator[str]:
    yield "| command | format, after `urn:ledger-anchor:` |"
    yield "| --- | --- |"
    yield f"| an error of any command | {_link('error:v1')} |"
    rows: dict[str, list[str]] = {}
    for name, form in FORMS.items():
        for command in (*form.commands, *form.many):
            rows.setdefault(command, []).append(_link(name))
    for command in sorted(rows):
        yield f"| `{command}` | {', '.join(rows[command])} |"


def _link(name: str) -> str:
    return f"[`{name}`](#{name.replace(':', '')})"


def _section(name: str) -> Iterator[str]:
    form, shown = FORMS[name], schema(name)
    yield f"## {name}"
    yield ""
    if "$ref" in shown:
        shown = shown["$defs"][shown["$ref"].rpartition("/")[2]]
    yield f"{shown['description']} [Schema]({schema_path(name)})."
    yield ""
    yield from _members(shown, form)
    yield ""


def _members(shown: dict[str, Any], form: Form) -> Iterator[str]:
    required = set(shown.get("required", ()))
    yield "| member | value |"
    yield "| --- | --- |"
    for name, one in shown["properties"].items():
        optional = "" if name in required or "default" in one or name == "exit_code" else ", not always there"
        yield f"| `{name}` | {_kind(one)}{optional} |"
    if form.open:
        yield "| others | the columns of the table |"


def _kind(one: dict[str, Any]) -> str:
    """A value in words."""
    if "const" in one:
        return f"`{json.dumps(one['const'])}`"
    if "$ref" in one:
        return _words(one["$ref"].rpartition("/")[2])
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(_kind(part) for part in one["anyOf"]))
    if len(one.get("enum", ())) == 1:
        return f"`{json.dumps(one['enum'][0])}`"
    if "enum" in one:
        return "one of " + ", ".join(f"`{json.dumps(value)}`" for value in one["enum"])
    kind = one.get("type")
    if kind == "array":
        items = one.get("items")
        return f"list of {_kind(items)}" if isinstance(items, dict) and items else "list"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return names.get(str(kind), str(kind or "any value"))


def _words(name: str) -> str:
    """The name of a type in words: `DiffSide` is "diff side"."""
    return _NAMES.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


_NAMES = {
    "AtHand": "document at hand",
    "Check": "[check](checks.md)",
    "Class": "[class](exit-codes.md)",
    "Tuf": "TUF repository",
}


def files() -> dict[str, bytes]:
    """Path below docs/ to bytes, for each file that is made here."""
    found = {"json.md": page().encode()}
    for name in (*FORMS, *MESSAGES):
        if not schema_path(name).startswith(".."):
            text = json.dumps(schema(name), ensure_ascii=False, indent=2)
            found[schema_path(name)] = text.encode() + b"\n"
    return found


def main(folder: Path) -> None:
    """Write the files, and remove schemas of forms that are gone."""
    made = files()
    (folder / "schema").mkdir(exist_ok=True)
    for path, data in made.items():
        (folder / path).write_bytes(data)
    for found in (folder / "schema").iterdir():
        if f"schema/{found.name}" not in made:
            found.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
