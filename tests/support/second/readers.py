# SPDX-License-Identifier: Apache-2.0
"""The readers of the second verifier, written only from section 3 of release/FORMAT.md.

`Wrong` is its one error.
"""

import csv
import io
import json
import re
from typing import Any

Facts = tuple[list[str], list[list[str]]]


class Wrong(Exception):
    """The release is refused."""


class Unsupported(Exception):
    """Well-formed, and of a kind that this verifier does not know."""


def must(condition: object, why: str) -> None:
    """Refuse the release unless the condition holds."""
    if not condition:
        raise Wrong(why)


def markdown(data: bytes) -> Facts:
    """3.1"""
    must(not data.startswith(b"\xef\xbb\xbf"), "byte order mark")
    lines = [line.removesuffix("\r") for line in data.decode("utf-8").split("\n")]
    must(not re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f]", "".join(lines)), "control character")
    start = next((i for i, line in enumerate(lines) if line.startswith("|")), None)
    must(start is not None, "no table")
    end = next((i for i in range(start or 0, len(lines)) if not lines[i].startswith("|")), len(lines))
    for line in lines[:end]:
        must("<!--" not in line and not line.lstrip(" \t").startswith(("```", "~~~")), "hidden table")
    must(end == len(lines) or not lines[end].strip(" \t"), "text after the table")
    must(not any(line.startswith("|") for line in lines[end:]), "second table")
    table = [cells(line) for line in lines[start:end]]
    must(len(table) > 2 and len({len(row) for row in table}) == 1, "ragged table")
    must(all(re.fullmatch(":?-+:?", c) for c in table[1]), "delimiter row")
    links = [link(c) is not None for c in table[2]]
    columns: list[str] = []
    for cell, linked in zip(table[0], links, strict=True):
        name = re.sub("[A-Z ]", lambda m: m[0].lower().replace(" ", "_"), plain(cell))
        columns += [name, name + "_url"] if linked else [name]
    return columns, [
        [v for c, linked in zip(row, links, strict=True) for v in (linked_cell(c) if linked else [plain(c)])]
        for row in table[2:]
    ]


def cells(line: str) -> list[str]:
    must(line.endswith("|") and len(line) > 1 and "\\\\|" not in line, "row")
    parts = re.split(r"(?<!\\)\|", line)
    must(parts[0] == "" and parts[-1] == "", "row")
    return [p.strip(" \t").replace("\\|", "|") for p in parts[1:-1]]


def plain(cell: str) -> str:
    for pattern in (r"\*\*((?:(?!\*\*).)+)\*\*", "`([^`]+)`"):
        if found := re.fullmatch(pattern, cell):
            return found[1]
    return cell


def link(cell: str) -> list[str] | None:
    found = re.fullmatch(r'\[([^\[\]]+)\]\(([^ \t<>"]+)\)', cell)
    depth = 0
    for c in found[2] if found else "":
        depth += {"(": 1, ")": -1}.get(c, 0)
        if depth < 0:
            return None
    return [found[1], found[2]] if found and depth == 0 else None


def linked_cell(cell: str) -> list[str]:
    must(link(cell) or plain(cell) != cell or "](" not in cell, "malformed link")
    return link(cell) or [plain(cell), ""]


def objects(items: list[Any]) -> Facts:
    """3.2"""
    must(items and all(isinstance(item, list) and item for item in items), "no objects")
    columns = [name for name, _ in items[0]]
    must(len(set(columns)) == len(columns), "duplicate column")
    words = {True: "true", False: "false", None: ""}
    rows = []
    for item in items:
        must(sorted(name for name, _ in item) == sorted(columns), "other members")
        values = {k: v if isinstance(v, str) else words[v] for k, v in item}
        rows.append([values[c] for c in columns])
    return columns, rows


def number(text: str) -> str:
    """3.2 rule 2"""
    must(len(text) <= 1_000, "number")
    return text


LINE, ARRAY, VALUE = 1_048_576, 67_108_864, 262_144


def read(reader: str, data: bytes) -> Facts:
    """Columns and facts of a file, within the limits of sections 2, 3 and 13."""
    if reader in ("markdown-table-v1", "jsonl-v1", "csv-v1"):
        must(all(len(line.removesuffix(b"\r")) <= LINE for line in data.split(b"\n")), "line")
    must(reader != "json-v1" or len(data) <= ARRAY, "array")
    columns, facts = parsed(reader, data)
    must(len(columns) <= 256 and all(len(v) <= VALUE for fact in facts for v in fact), "columns, value")
    must(not re.search("[\ud800-\udfff]", "".join([*columns, *(v for f in facts for v in f)])), "surrogate")
    return columns, facts


def parsed(reader: str, data: bytes) -> Facts:
    """The same. Objects are decoded to lists of pairs, numbers to the text they are."""
    text = data.decode("utf-8")
    pairs = json.JSONDecoder(object_pairs_hook=list, parse_int=number, parse_float=number)
    match reader:
        case "markdown-table-v1":
            return markdown(data)
        case "json-v1":
            return objects(pairs.decode(text))
        case "jsonl-v1":
            return objects([pairs.decode(line) for line in text.removesuffix("\n").split("\n")])
        case "csv-v1":
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
            must(len(rows) > 1 and len({len(r) for r in rows}) == 1, "ragged records")
            return rows[0], rows[1:]
        case "ledger-json-v1":
            value = json.loads(text)
            return value["columns"], [[fact[c] for c in value["columns"]] for fact in value["facts"]]
    raise Wrong(f"unsupported reader {reader}")
