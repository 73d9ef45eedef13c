# SPDX-License-Identifier: Apache-2.0
"""Statements, release.json and statuses of version 2, written only from FORMAT.md, sections 15 to 25.

What they say about each other and about themselves is checked; signatures and files are not.
"""

import hashlib
import json
import re
from typing import Any

from tests.support.second.readers import Unsupported, Wrong, must

HEX = re.compile("[0-9a-f]{64}")
NAME = re.compile(
    "(?! )[^\x00-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u3000\ud800-\uf8ff\ufe00-\ufe0f\ufeff\ufff0-\U0010ffff]+(?<! )"
)
VERSION = re.compile(r"(?!(?:log|schema|format\.md)$)[0-9A-Za-z][0-9A-Za-z._+-]{0,63}", re.IGNORECASE)
V1, V2, STATUS = (f"urn:ledger-anchor:{name}" for name in ("commitment:v1", "commitment:v2", "status:v1"))
OLD = {"markdown-table-v1", "json-v1", "jsonl-v1", "csv-v1", "ledger-json-v1"}
NEW = {"delimited-v2", "json-v2", "jsonl-v2", "markdown-table-v2", "lines-v1", "files-v1", "ledger-json-v2"}
JSON = {"json-v1", "json-v2", "ledger-json-v1", "ledger-json-v2"}
EXTENSION = {"markdown-table-v2": "md", "files-v1": "csv|sha256"}
SEGMENT = "[0-9A-Za-z_][0-9A-Za-z._+-]{0,199}"
MEDIA_TYPE = re.compile("[0-9A-Za-z][0-9A-Za-z!#$&^_.+-]{0,126}/[0-9A-Za-z][0-9A-Za-z!#$&^_.+-]{0,126}")
KINDS = {"withdrawn", "corrected", "replaced", "reinstated"}


def parse(data: bytes) -> Any:
    """Section 1: JSON without duplicate names."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        must(len(dict(items)) == len(items), "duplicate member")
        return dict(items)

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs)
    except ValueError as e:
        raise Wrong(f"no JSON: {e}") from e


def canonical(data: bytes) -> Any:
    must(len(data) <= 2_097_152, "size")
    value = parse(data)
    form = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    must(form.encode() == data, "RFC 8785")
    return value


def members(value: Any, wanted: set[str], perhaps: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    must(isinstance(value, dict), "an object")
    if more := set(value) - wanted - perhaps:
        raise Unsupported(f"member {sorted(more)}")
    must(wanted <= set(value), f"members of {sorted(wanted)}")
    must(all(value[m] not in (None, [], {}) for m in set(value) & set(perhaps)), "a member that is not used")


def text(value: Any, most: int) -> None:
    must(isinstance(value, str) and len(value) <= most and NAME.fullmatch(value), "text")


def digest(value: Any) -> None:
    must(isinstance(value, str) and HEX.fullmatch(value), "digest")


def number(value: Any, least: int, most: int = 2**53 - 1) -> None:
    must(type(value) is int and least <= value <= most, "number")


def ledger(value: Any) -> None:
    members(value, {"name", "number", "version"})
    text(value["name"], 128)
    number(value["number"], 1)
    must(isinstance(value["version"], str) and VERSION.fullmatch(value["version"]), "version")


# Sections 15, 18 and 19


def statement(data: bytes) -> Any:
    value = canonical(data)
    members(value, {"_type", "predicate", "predicateType", "subject"})
    if value["_type"] != "https://in-toto.io/Statement/v1" or value["predicateType"] != V2:
        raise Unsupported("type")
    p = value["predicate"]
    members(p, {"facts", "ledger", "tree"}, {"evidence", "index", "previous", "status"})
    ledger(p["ledger"])
    previous(p)
    members(p["tree"], {"algorithm", "root", "size"})
    supported(p["tree"]["algorithm"], {"rfc9162-sha256"})
    digest(p["tree"]["root"])
    number(p["tree"]["size"], 1)
    subjects = value["subject"]
    for s in subjects:
        members(s, {"digest", "name"})
        members(s["digest"], {"sha256"})
        digest(s["digest"]["sha256"])
    names = [s["name"] for s in subjects]
    must(names == sorted(names, key=str.encode) and 1 <= len(names) <= 4_096, "order of subject")
    must(len({n.lower() for n in names}) == len(names), "subjects of one name")
    new = facts(p, names)
    for member, check in (("index", indexes), ("evidence", evidence), ("status", known_status)):
        if member in p:
            check(p[member], p)
            new = True
    must(new, "nothing that version 1 does not have")
    return value


def previous(p: Any) -> None:
    must(("previous" in p) == (p["ledger"]["number"] > 1), "previous")
    if before := p.get("previous"):
        members(before, {"number", "statement", "version"})
        must(before["number"] == p["ledger"]["number"] - 1, "number of the release before")
        must(VERSION.fullmatch(before["version"]), "version")
        must(before["version"].lower() != p["ledger"]["version"].lower(), "version")
        digest(before["statement"])


def supported(value: Any, known: set[str]) -> None:
    must(isinstance(value, str), "text")
    if value not in known:
        raise Unsupported(value)


def facts(p: Any, names: list[str]) -> bool:
    """Whatever `facts` and the names of the subjects say; true if something of it is new."""
    members(p["facts"], {"columns", "encoding", "files"})
    columns, encoding, files = p["facts"]["columns"], p["facts"]["encoding"], p["facts"]["files"]
    must(1 <= len(columns) <= 16_384 and len(set(columns)) == len(columns), "columns")
    must(
        all(
            isinstance(c, str) and re.fullmatch("[^\ud800-\udfff\U00010000-\U0010ffff]{1,1024}", c)
            for c in columns
        ),
        "column",
    )
    supported(encoding, {"rfc8785-strings", "rfc8785-strings-or-null", "salted-cells-v1"})
    for f in files:
        members(f, {"name", "reader"}, {"compression", "dialect"})
        supported(f["reader"], OLD | NEW | {"leaves-v1"})
        must("dialect" not in f or isinstance(f["dialect"], dict), "dialect")
        supported(f.get("compression", "gzip"), {"gzip"})
    salted = encoding == "salted-cells-v1"
    must(salted == (files == [{"name": "ledger.leaves", "reader": "leaves-v1"}]), "ledger.leaves")
    must(not (salted and "index" in p), "an index over salted cells")
    copy = [f for f in files if f["name"] == "ledger.json"]
    must(len(copy) < 2 and files[-len(copy) :] == copy if copy else True, "ledger.json is the last file")
    originals = [] if salted else files[: len(files) - len(copy)]
    must(salted or originals, "no original")
    if copy:
        old = encoding == "rfc8785-strings" and len(columns) <= 256 and p["tree"]["size"] <= 10**8
        must(copy[0] == {"name": "ledger.json", "reader": f"ledger-json-v{1 if old else 2}"}, "ledger.json")
    same = [(f["reader"], f.get("dialect")) for f in originals]
    must(all(s == same[0] for s in same), "one reader and one dialect")
    must(len(same) < 2 or not same[0][0].startswith("ledger-json"), "ledger.json as one of several originals")
    for n, f in enumerate(originals, 1):
        must(re.fullmatch(original(f, n if len(originals) > 1 else None), f["name"]), f"name {f['name']}")
    beside = {"schema.json"} | ({"ledger.parts.json"} if len(originals) > 1 else set())
    left = set(names) - {f["name"] for f in files}
    must({f["name"] for f in files} <= set(names), "a file that is no subject")
    must(not (salted and "ledger.parts.json" in left), "parts without originals")
    if left - beside:
        raise Unsupported(f"subject {sorted(left - beside)}")
    return bool(
        len(columns) > 256
        or p["tree"]["size"] > 10**8
        or encoding != "rfc8785-strings"
        or len(originals) > 1
        or "schema.json" in left
        or any(f["reader"] in NEW or "compression" in f for f in originals)
    )


def original(f: Any, n: int | None) -> str:
    """The names that an original may have, as an expression."""
    end = r"\.gz" if "compression" in f else ""
    if f["reader"] in JSON:
        return ("source" if n is None else f"ledger-{n}") + r"\.json" + end
    other = "(?!(?:[jJ][sS][oO][nN]|[lL][eE][aA][vV][eE][sS]|[gG][zZ])(?:\\.|$))[0-9A-Za-z]{1,16}"
    extension = EXTENSION.get(f["reader"], other)
    return f"ledger{'' if n is None else f'-{n}'}\\.(?:{extension}){end}"


def indexes(found: Any, p: Any) -> None:
    must(isinstance(found, list) and len(found) <= 8, "index")
    for index in found:
        members(index, {"algorithm", "columns", "keys", "root"})
        supported(index["algorithm"], {"csmt-sha256-v1"})
        columns = index["columns"]
        must(1 <= len(columns) <= 16 and len(set(columns)) == len(columns), "columns of an index")
        must(set(columns) <= set(p["facts"]["columns"]), "columns of an index")
        number(index["keys"], 1, p["tree"]["size"])
        digest(index["root"])
    lists = [index["columns"] for index in found]
    must(all(columns not in lists[:n] for n, columns in enumerate(lists)), "one index twice")


def evidence(found: Any, p: Any) -> None:
    must(isinstance(found, list) and len(found) <= 1_024, "evidence")
    names = [e["name"] for e in found]
    must(names == sorted(set(names), key=str.encode), "order of evidence")
    for e in found:
        members(e, {"digest", "name"}, {"annotations", "mediaType", "uri"})
        members(e["digest"], {"sha256"})
        digest(e["digest"]["sha256"])
        must(
            not re.search("[\x00-\x1f\x7f-\x9f\\\\]", e["name"]) and len(e["name"].encode()) <= 4_096, "name"
        )
        must(not {"", ".", ".."} & set(e["name"].split("/")), "name")
        text(e.get("uri", "x"), 2_048)
        must(MEDIA_TYPE.fullmatch(e.get("mediaType", "a/b")), "mediaType")
        notes = e.get("annotations", {})
        must(isinstance(notes, dict) and all(isinstance(v, str) for v in notes.values()), "annotations")
        must(notes or "annotations" not in e, "annotations")
        for note in (*notes, *notes.values()):
            text(note, 2_048)
        must(
            re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", notes.get("retrieved_at", "2026-01-01T00:00:00Z")
            ),
            "time",
        )
        source = notes.get("extracted_from")
        must(not any(o.get("uri") == source and o["digest"] == e["digest"] for o in found if source), "uri")


def known_status(value: Any, p: Any) -> None:
    members(value, {"sequence", "statement"})
    number(value["sequence"], 1)
    digest(value["statement"])


# Section 20


def release(data: bytes, *, statement_version: int = 2) -> Any:
    must(len(data) <= 4_194_304, "size")
    value = parse(data)
    form = json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
    must(form == data, "form")
    if value["format"] != "urn:ledger-anchor:release:v2":
        raise Unsupported("format")
    wanted = [
        "format",
        "ledger",
        "tree",
        "previous",
        "files",
        "statement",
        "anchors",
        "trusted_roots",
        "status",
    ]
    members(value, set(wanted) - {"previous", "status"}, {"previous", "status"})
    must(list(value) == [m for m in wanted if m in value], "order of members")
    must(statement_version == 2 or "status" in value, "version 1 without a status")
    ledger(value["ledger"])
    previous(value)
    paths = [f["path"] for f in value["files"]] + [value["statement"]["path"]]
    names = [f["name"] for f in value["files"]]
    must(names == sorted(set(names), key=str.encode) and 1 <= len(names) <= 4_096, "files")
    for f in value["files"]:
        named(f, ["name", "path", "size", "sha256"], 2**43)
    named(value["statement"], ["path", "size", "sha256"], 2_097_152)
    roots = value["trusted_roots"]
    for r in roots:
        named(r, ["path", "size", "sha256"], 8_388_608)
    digests = [r["sha256"] for r in roots]
    must(1 <= len(roots) <= 64 and len(set(digests)) == len(digests), "trusted_roots")
    must([r["path"] for r in roots] == sorted(r["path"] for r in roots), "order of trusted_roots")
    anchors = value["anchors"]
    must(1 <= len(anchors) <= 64, "anchors")
    for a in anchors:
        must(
            list(a) == ["bundle", "log", "identity", "issuer", "time", "trusted_root"], "members of an anchor"
        )
        named(a["bundle"], ["path", "size", "sha256"], 16_777_216)
        must(list(a["log"]) == ["origin", "url", "id", "index"], "members of a log")
    must({a["trusted_root"] for a in anchors} == set(digests), "a trusted root without an anchor")
    order = [(a["log"]["origin"], a["log"]["index"]) for a in anchors]
    must(order == sorted(order), "order of anchors")
    paths += [r["path"] for r in roots] + [a["bundle"]["path"] for a in anchors]
    if shown := value.get("status"):
        must(list(shown) == ["sequence", "statement", "bundles"], "members of status")
        number(shown["sequence"], 1)
        named(shown["statement"], ["path", "size", "sha256"], 2_097_152)
        must(1 <= len(shown["bundles"]) <= 64, "bundles of the status")
        for b in shown["bundles"]:
            named(b, ["path", "size", "sha256"], 16_777_216)
        paths += [shown["statement"]["path"], *[b["path"] for b in shown["bundles"]]]
    must(len({p.lower() for p in paths}) == len(paths), "two files of one path")
    return value


def named(value: Any, order: list[str], most: int) -> None:
    must(list(value) == order, f"members {order}")
    must(re.fullmatch(f"{SEGMENT}(/{SEGMENT})*", value["path"]) and len(value["path"]) <= 512, "path")
    number(value["size"], 1, most)
    digest(value["sha256"])


# Sections 23 and 24


def status(data: bytes, before: bytes | None = None) -> Any:
    """A status, and what it may say after the one before."""
    value = canonical(data)
    members(value, {"_type", "predicate", "predicateType", "subject"})
    if value["_type"] != "https://in-toto.io/Statement/v1" or value["predicateType"] != STATUS:
        raise Unsupported("type")
    p = value["predicate"]
    members(p, {"ledger", "newest", "sequence"}, {"previous", "withdrawn"})
    text(p["ledger"], 128)
    number(p["sequence"], 1)
    must(("previous" in p) == (p["sequence"] > 1), "previous")
    members(p["newest"], {"number", "statement", "version"})
    number(p["newest"]["number"], 1)
    digest(p["newest"]["statement"])
    must(VERSION.fullmatch(p["newest"]["version"]), "version")
    wanted = [{"digest": {"sha256": p["newest"]["statement"]}, "name": "statement.json"}]
    must(value["subject"] == wanted, "subject")
    for entry in p.get("withdrawn", []):
        members(entry, {"kind", "number", "reason", "statement"}, {"fact", "replaced_by"})
        about(entry, p)
        must(entry["kind"] in KINDS, "kind")
        text(entry["reason"], 2_048)
        if "replaced_by" in entry:
            members(entry["replaced_by"], {"number", "statement"}, {"fact"})
            about(entry["replaced_by"], p)
    if before is not None:
        old = status(before)["predicate"]
        listed = old.get("withdrawn", [])
        must(p["sequence"] == old["sequence"] + 1 and p["ledger"] == old["ledger"], "sequence")
        must(p["previous"] == hashlib.sha256(before).hexdigest(), "previous")
        must(p.get("withdrawn", [])[: len(listed)] == listed, "an entry vanished")
        must(p["newest"]["number"] >= old["newest"]["number"], "newest")
        must(p["newest"]["number"] > old["newest"]["number"] or p["newest"] == old["newest"], "one newest")
    return value


def about(entry: Any, p: Any) -> None:
    number(entry["number"], 1, p["newest"]["number"])
    digest(entry["statement"])
    if "fact" in entry:
        members(entry["fact"], {"index", "leaf"})
        number(entry["fact"]["index"], 0)
        digest(entry["fact"]["leaf"])


def schema(data: bytes, predicate: Any) -> Any:
    must(len(data) <= 1_048_576, "size")
    value = parse(data)
    must(isinstance(value, dict) and isinstance(value["fields"], list), "fields")
    must([f["name"] for f in value["fields"]] == predicate["facts"]["columns"], "fields")
    if "primaryKey" in value:
        key = value["primaryKey"] if isinstance(value["primaryKey"], list) else [value["primaryKey"]]
        must(1 <= len(key) <= 16 and len(set(key)) == len(key), "primaryKey")
        must(set(key) <= set(predicate["facts"]["columns"]), "primaryKey")
        must("index" not in predicate or key == predicate["index"][0]["columns"], "primaryKey and index")
    return value
