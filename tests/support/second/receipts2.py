# SPDX-License-Identifier: Apache-2.0
"""Multiproofs and receipts, written only from section 22 of FORMAT.md. Signatures are not checked.

Bundles are only decoded.
"""

import base64
import json
from typing import Any

from tests.support.second import index2, statement2
from tests.support.second.leaves2 import cell, jcs, leaf_hash, sha256
from tests.support.second.merkle import mth
from tests.support.second.readers import Unsupported, must
from tests.support.second.statement2 import HEX, members, parse

KINDS = ("inclusion", "completeness", "absence")


def split(n: int) -> int:
    return 1 << ((n - 1).bit_length() - 1)


def multiproof(hashes: list[bytes], wanted: list[int]) -> list[bytes]:
    if not wanted:
        return [mth(hashes)]
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    left = multiproof(hashes[:k], [i for i in wanted if i < k])
    return left + multiproof(hashes[k:], [i - k for i in wanted if i >= k])


def root_of(size: int, leaves: dict[int, bytes], proof: list[bytes]) -> bytes:
    """The root that the leaves and the proof give."""
    left = list(proof)

    def walk(first: int, n: int) -> bytes:
        inside = [i for i in leaves if first <= i < first + n]
        if not inside:
            must(left, "proof too short")
            return left.pop(0)
        if n == 1:
            return leaves[first]
        k = split(n)
        return sha256(b"\x01" + walk(first, k) + walk(first + k, n - k))

    must(all(0 <= i < size for i in leaves), "index")
    root = walk(0, size)
    must(not left, "proof too long")
    return root


def payload(bundles: Any) -> bytes:
    must(isinstance(bundles, list) and 1 <= len(bundles) <= 64, "bundles")
    (data,) = {base64.b64decode(b["dsseEnvelope"]["payload"], validate=True) for b in bundles}
    return data


def leaf_of(fact: Any, predicate: Any) -> bytes:
    columns = predicate["facts"]["columns"]
    if predicate["facts"]["encoding"] == "salted-cells-v1":
        must(isinstance(fact, dict) and set(fact) == {"cells"}, "form of a fact with salted cells")
        must(len(fact["cells"]) == len(columns), "cells")
        return b"".join(salted(c, column) for c, column in zip(fact["cells"], columns, strict=True))
    must(isinstance(fact, dict) and fact and set(fact) <= set(columns), "columns of a fact")
    nulls = predicate["facts"]["encoding"] == "rfc8785-strings-or-null"
    must(nulls or set(fact) == set(columns), "an absent column")
    must(all(isinstance(v, str) or (nulls and v is None) for v in fact.values()), "value")
    return jcs(fact)


def salted(shown: Any, column: str) -> bytes:
    if not set(shown) <= {"cell", "salt", "value"}:
        raise Unsupported("member of a cell")
    must(set(shown) in ({"cell"}, {"salt", "value"}), "a cell is shown or hidden")
    if "cell" in shown:
        must(HEX.fullmatch(shown["cell"]), "cell")
        return bytes.fromhex(shown["cell"])
    must(HEX.fullmatch(shown["salt"]) and isinstance(shown["value"], str | None), "salt, value")
    return cell(bytes.fromhex(shown["salt"]), column, shown["value"])


def check(data: bytes, bundles: Any = None) -> Any:
    """The predicate that a receipt is about, if everything holds that needs no signature.

    A line of a file of receipts has no bundles of its own: they are given beside it.
    """
    receipt = parse(data)
    if receipt["format"] != "urn:ledger-anchor:receipt:v1" or receipt["kind"] not in KINDS:
        raise Unsupported("format or kind")
    absent, keyed = receipt["kind"] == "absence", receipt["kind"] != "inclusion"
    source = "release" if bundles else "bundles"
    facts = set() if absent else {"facts", "proof"}
    members(receipt, {"format", "kind", source} | facts | ({"index"} if keyed else set()), {"status"})
    statement = payload(bundles or receipt["bundles"])
    must(not bundles or receipt["release"] == sha256(statement).hex(), "bundles of another release")
    if "status" in receipt:
        members(receipt["status"], {"bundles"})
        statement2.status(payload(receipt["status"]["bundles"]))
    predicate = json.loads(statement)["predicate"]
    leaves: dict[int, bytes] = {}
    if not absent:
        must(isinstance(receipt["facts"], list), "a list of facts")
        places = [f["index"] for f in receipt["facts"]]
        must(places and places == sorted(set(places)) and all(type(i) is int for i in places), "order")
        for f in receipt["facts"]:
            members(f, {"index", "fact"})
            leaves[f["index"]] = leaf_hash(leaf_of(f["fact"], predicate))
        root = root_of(predicate["tree"]["size"], leaves, hashes(receipt["proof"]))
        must(root.hex() == predicate["tree"]["root"], "root")
    if keyed:
        check_index(receipt, predicate, leaves)
    return predicate


def hashes(given: Any) -> list[bytes]:
    must(isinstance(given, list), "a list of hashes")
    must(all(isinstance(h, str) and HEX.fullmatch(h) for h in given), "hash")
    return [bytes.fromhex(h) for h in given]


def check_index(receipt: Any, predicate: Any, leaves: dict[int, bytes]) -> None:
    shown = receipt["index"]
    members(shown, {"columns", "key", "path"}, {"other"} if receipt["kind"] == "absence" else set())
    (index,) = [i for i in predicate.get("index") or [] if i["columns"] == shown["columns"]]
    key, columns = shown["key"], shown["columns"]
    must(len(key) == len(columns) and all(isinstance(v, str | None) for v in key), "key")
    must(isinstance(shown["path"], list), "a list of siblings")
    must(index2.EMPTY.hex() not in shown["path"], "empty has one form")
    siblings = [index2.EMPTY if h is None else hashes([h])[0] for h in shown["path"]]
    end = None
    if receipt["kind"] == "completeness":
        must(all(index2.key_of(f["fact"], columns) == key for f in receipt["facts"]), "another key")
        end = index2.entry(key, sorted(leaves.items()))
    elif "other" in shown:
        members(shown["other"], {"key_hash", "n", "inner"})
        other, inner = hashes([shown["other"]["key_hash"], shown["other"]["inner"]])
        must(type(shown["other"]["n"]) is int and 1 <= shown["other"]["n"] < 2**53, "n")
        must(other != index2.key_hash(key), "the key itself")
        end = index2.Entry(other, shown["other"]["n"], inner)
    root = index2.root_of_path(index2.key_hash(key), siblings, end)
    must(root.hex() == index["root"], "root of the index")
