# SPDX-License-Identifier: Apache-2.0
"""json-v2 and jsonl-v2, written only from sections 17.3 and 17.4 of FORMAT.md.

The JSON parser keeps the text of each value.
"""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.second.readers import ARRAY, LINE, must

Fact = dict[str, str | None]
Table = tuple[list[str], list[Fact]]
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
SPACE = re.compile("[ \t\r\n]*")
ITEM = MEMBERS = 1_048_576


@dataclass(frozen=True)
class Value:
    """A JSON value: its kind, its text without white space, its length as written, and what is inside."""

    kind: str
    text: str
    size: int
    members: list[tuple[str, "Value"]] = field(default_factory=list)
    items: list["Value"] = field(default_factory=list)


def parse(text: str) -> Value:
    value, at = _value(text, _space(text, 0))
    must(_space(text, at) == len(text), "text after the value")
    return value


def _space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int) -> tuple[Value, int]:
    start = at
    if text.startswith(("{", "["), at):
        return _container(text, at)
    for word in ("true", "false", "null"):
        if text.startswith(word, at):
            return Value(word, word, len(word)), at + len(word)
    for kind, pattern in (("string", STRING), ("number", NUMBER)):
        if found := pattern.match(text, at):
            must(kind == "string" or len(found[0]) <= 1_000, "number")
            if kind == "string":
                _string(found[0])
            return Value(kind, found[0], found.end() - start), found.end()
    must(condition=False, why="no JSON value")
    raise AssertionError


def _container(text: str, at: int) -> tuple[Value, int]:
    start, is_object = at, text[at] == "{"
    close = "}" if is_object else "]"
    members: list[tuple[str, Value]] = []
    items: list[Value] = []
    shown: list[str] = []
    at = _space(text, at + 1)
    while not text.startswith(close, at) or shown:
        name = STRING.match(text, at) if is_object else None
        if is_object:
            must(name, "no name of a member")
            at = _space(text, name.end() if name else at)
            must(text.startswith(":", at), "no colon")
            at = _space(text, at + 1)
        value, at = _value(text, at)
        if name:
            members.append((_string(name[0]), value))
        items.append(value)
        shown.append((name[0] + ":" if name else "") + value.text)
        at = _space(text, at)
        if text.startswith(close, at):
            break
        must(text.startswith(",", at), "no comma")
        at = _space(text, at + 1)
    names = [name for name, _ in members]
    must(len(set(names)) == len(names) <= MEMBERS, "members of an object")
    inside = text[start] + ",".join(shown) + close
    kind = "object" if is_object else "array"
    return Value(kind, inside, at + 1 - start, members, [] if is_object else items), at + 1


def _string(text: str) -> str:
    value = str(json.loads(text))
    must(not re.search("[\ud800-\udfff]", value), "lone surrogate")
    return value


def depth(value: Value) -> int:
    inside = value.items + [v for _, v in value.members]
    return (value.kind in ("object", "array")) + max(map(depth, inside), default=0)


def pointed(value: Value, pointer: str) -> Value:
    """RFC 6901."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if value.kind == "object":
            found = [v for n, v in value.members if n == name]
        else:
            index = int(name) if value.kind == "array" and re.fullmatch("0|[1-9][0-9]{0,18}", name) else -1
            found = value.items[index : index + 1] if index >= 0 else []
        must(found, "the pointer leads to nothing")
        (value,) = found
    return value


def fact_of(item: Value, key: tuple[str, str] | None = None) -> Fact:
    must(item.kind == "object" and item.size <= ITEM and depth(item) <= 64, "an item that is no fact")
    fact: Fact = dict([key] if key else [])
    for name, value in item.members:
        must(name not in fact, "a member with the name of the key column")
        fact[name] = None if value.kind == "null" else value.text
        if value.kind == "string":
            fact[name] = _string(value.text)
    must(item.members, "no members")
    return fact


def around(value: Value, facts: Value) -> Value:
    """The document without its facts."""
    if value is facts:
        return replace(value, items=[], members=[])
    return replace(
        value,
        items=[around(v, facts) for v in value.items],
        members=[(n, around(v, facts)) for n, v in value.members],
    )


def strings(value: Value) -> list[int]:
    here = [value.size] if value.kind == "string" else [len(n) for n, _ in value.members]
    return here + [size for v in value.items + [v for _, v in value.members] for size in strings(v)]


def json_document(dialect: dict[str, Any], files: list[bytes]) -> list[Table]:
    tables, old = [], True
    for data in files:
        document = parse(data.decode("utf-8"))
        facts = pointed(document, dialect.get("at", ""))
        rest = around(document, facts)
        must(depth(rest) <= 64 and all(size <= ITEM for size in strings(rest)), "around the facts")
        if "key_column" in dialect:
            must(facts.kind == "object", "no object of facts")
            found = [fact_of(v, (dialect["key_column"], name)) for name, v in facts.members]
        else:
            must(facts.kind == "array", "no array of facts")
            found = [fact_of(v) for v in facts.items]
        old = old and len(data) <= ARRAY and plain(facts.items)
        tables.append((list[str](), found))
    must(dialect or not (old and one_shape(tables)), "json-v1 reads the same")
    return tables


def json_lines(dialect: dict[str, Any], files: list[bytes]) -> list[Table]:
    tables, old = [], True
    for data in files:
        found = []
        for line in data.decode("utf-8").removesuffix("\n").split("\n"):
            must(len(line.removesuffix("\r").encode()) <= LINE, "line")
            value = parse(line)
            item = pointed(value, dialect.get("at", ""))
            must(depth(around(value, item)) <= 64, "around the fact")
            old = old and plain([item])
            found.append(fact_of(item))
        tables.append((list[str](), found))
    must(dialect or not (old and one_shape(tables)), "jsonl-v1 reads the same")
    return tables


def plain(items: list[Value]) -> bool:
    return not any(v.kind in ("null", "array", "object") for item in items for _, v in item.members)


def one_shape(tables: list[Table]) -> bool:
    first = set(tables[0][1][0]) if tables[0][1] else set()
    return all(set(fact) == first for _, facts in tables for fact in facts)
