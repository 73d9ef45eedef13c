# SPDX-License-Identifier: Apache-2.0
"""Leaves, ledger.json and parts of version 2, written only from sections 16 and 18 of FORMAT.md."""

import hashlib
import hmac
import json
from typing import Any

from tests.support.second.merkle import mth
from tests.support.second.readers import must

Fact = dict[str, str | None]
V1, V2 = "urn:ledger-anchor:ledger:v1", "urn:ledger-anchor:ledger:v2"
PARTS = "urn:ledger-anchor:parts:v1"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def jcs(value: Any) -> bytes:
    """RFC 8785 where no name is above U+FFFF and numbers are integers."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf)


def encoding(columns: list[str], facts: list[Fact]) -> str:
    """16.2"""
    full = all(set(fact) == set(columns) and None not in fact.values() for fact in facts)
    return "rfc8785-strings" if full else "rfc8785-strings-or-null"


# 16.3


def salt(secret: bytes, ledger: Any, index: int, column: str) -> bytes:
    message = jcs([ledger["name"], ledger["number"], index, column])
    return hmac.new(secret, message, hashlib.sha256).digest()


def cell(salt: bytes, column: str, value: str | None) -> bytes:
    return sha256(b"\x05" + salt + jcs([column, value]))


def salted_leaf(secret: bytes, ledger: Any, columns: list[str], index: int, fact: Fact) -> bytes:
    must(set(fact) == set(columns), "an absent column")
    return b"".join(cell(salt(secret, ledger, index, c), c, fact[c]) for c in columns)


def leaves_file(data: bytes) -> list[bytes]:
    must(data and len(data) % 32 == 0, "size of ledger.leaves")
    return [data[i : i + 32] for i in range(0, len(data), 32)]


# 18.1


def ledger_json(columns: list[str], facts: list[Fact], ledger: Any) -> bytes:
    old = encoding(columns, facts) == "rfc8785-strings" and len(columns) <= 256 and len(facts) <= 10**8
    end = jcs({"format": V1 if old else V2, "ledger": ledger})[1:]
    leaves = b",\n".join(jcs(fact) for fact in facts)
    return b'{"columns":' + jcs(columns) + b',"facts":[\n' + leaves + b"\n]," + end + b"\n"


def read_ledger_json(data: bytes, *, version: int) -> tuple[list[str], list[Fact]]:
    value = json.loads(data.decode("utf-8"))
    columns, facts = value["columns"], value["facts"]
    must(all(fact and set(fact) <= set(columns) for fact in facts), "members of a fact")
    must(all(any(c in fact for fact in facts) for c in columns), "a column that no fact has")
    must(ledger_json(columns, facts, value["ledger"]) == data, "form of ledger.json")
    must(value["format"] == {1: V1, 2: V2}[version], "the other format")
    return columns, facts


# 18.2


def compact_range(hashes: list[bytes], first: int, end: int) -> list[bytes]:
    """The roots of the largest perfect subtrees inside, from left to right."""
    out = []
    while first < end:
        size = 1
        while first % (2 * size) == 0 and first + 2 * size <= end:
            size *= 2
        out.append(mth(hashes[first : first + size]))
        first += size
    return out


def parts_json(originals: list[tuple[str, bytes, int]], hashes: list[bytes]) -> bytes:
    """`originals`: the name, the bytes and the number of facts of each."""
    parts, first = [], 0
    for name, data, facts in originals:
        found = [h.hex() for h in compact_range(hashes, first, first + facts)]
        numbers = {"first": first, "facts": facts, "size": len(data)}
        parts.append({"name": name, "sha256": sha256(data).hex(), "range": found, **numbers})
        first += facts
    must(len(parts) > 1 and first == len(hashes), "parts")
    return jcs({"format": PARTS, "parts": parts}) + b"\n"


def joined(parts: list[tuple[int, int, list[bytes]]]) -> bytes:
    """The root that the ranges give: first fact, number of facts and hashes of each part."""
    stack: list[tuple[int, bytes]] = []
    at = 0
    for first, facts, hashes in parts:
        must(first == at and facts > 0, "first")
        left = list(hashes)
        while at < first + facts:
            size = 1
            while at % (2 * size) == 0 and at + 2 * size <= first + facts:
                size *= 2
            must(left, "range")
            stack.append((size, left.pop(0)))
            at += size
            while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
                (n, a), (_, b) = stack[-2:]
                stack[-2:] = [(2 * n, sha256(b"\x01" + a + b))]
        must(not left, "range")
    root = stack.pop()[1]
    while stack:
        root = sha256(b"\x01" + stack.pop()[1] + root)
    return root
