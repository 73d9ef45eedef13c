# SPDX-License-Identifier: Apache-2.0
"""Writes FORMAT.md with the test values of sections 28 and 29.5, made by the second implementation.

`python -m tests.support.generate.format_values > anchor/FORMAT.md`.
"""

import base64
import json
import sys
import zlib
from pathlib import Path
from typing import Any

from tests.support.second import history2, index2, leaves2, receipts2
from tests.support.second.leaves2 import jcs, leaf_hash, sha256
from tests.support.second.merkle import mth
from tests.support.second.readers2 import read

FORMAT = Path(__file__).resolve().parents[3] / "anchor" / "FORMAT.md"
LISTED = (
    f"path,size,sha256,media_type\na b/c.txt,0,{sha256(b'').hex()},text/plain\n"
    f"\u00e9,1,{sha256(b'x').hex()},\n"
)
READ: list[tuple[str, Any, list[str]]] = [
    (
        "delimited-v2",
        {"delimiter": ";", "encoding": "windows-1252", "skip": 1},
        ['x y\r\na;b\r\n1,5 \x80;"""\r\n"\r\n'],
    ),
    (
        "delimited-v2",
        {"empty_lines": "all", "null": "NA", "rename": True},
        ['\n,a,a,a_2,,column_5\n\n1,NA,"NA",,5,6\n\n'],
    ),
    (
        "delimited-v2",
        {"columns": ["a", "b"], "delimiter": "\t", "header": False, "quote": None},
        ['"x\t1\n', "y\t2"],
    ),
    ("delimited-v2", {"bom": True, "line_ends": "cr"}, ['\ufeffa,b\r1,"\n"\r']),
    ("delimited-v2", {"encoding": "utf-16", "null": ""}, ["a,b\n,\u20ac"]),
    ("delimited-v2", {"encoding": "macintosh", "quote": "'"}, ["a\n''\n'\xdb'\n"]),
    (
        "delimited-v2",
        {"columns": ["a"], "empty_lines": "all", "header": False, "line_ends": "cr", "quote": "'"},
        ["\r'1'"],
    ),
    ("json-v2", None, ['[{"a": 1.0, "b": [1, {"x" : "y \\u00e9"}]}, {"c": null, "a": ""}]']),
    ("json-v2", {"at": "/a~1b/1"}, ['{"a/b": [0, [{"x": true}]], "n": {"x": [], "y": {}}}']),
    ("json-v2", {"key_column": "id"}, ['{"k": {"n": 1}, "": {"n": null}}']),
    ("jsonl-v2", None, ['{"a":"1"}\r\n {"b":{ }} \n', '{"c":null}']),
    ("jsonl-v2", {"at": "/f/0"}, ['{"f": [{"a": "x"}], "g": "y"}\n']),
    ("markdown-table-v2", None, ["| A b | C |\n|:-|--|\n| **x** | [t](u_(v)) |\n| \\*\\| |\n|| ` a ` |"]),
    (
        "markdown-table-v2",
        {"table": "T"},
        ["---\nt: 1\n---\n<!-- | -->\n|a|\n|-|\n|1|\n\n# T\n```\n|x|\n```\n|a|\n|-|\n|`b \\| c` d|\n|-|\n"],
    ),
    ("markdown-table-v2", {"table": 2}, ["|a|\n|-|\n|1|\n\n|b|\n|-|\n|~5 < 6, \\# 7|\n"]),
    ("lines-v1", None, ["a\r\n\n b"]),
    ("lines-v1", None, ["\n", "x\n"]),
    (
        "files-v1",
        None,
        [
            LISTED,
        ],
    ),
    ("files-v1", {"form": "sha256sum"}, [f"{sha256(b'').hex()}  ./b\n{sha256(b'x').hex()} *a\n"]),
]
"""Reader, dialect, and the text of each file."""

CODECS = {"windows-1252": "latin-1", "macintosh": "latin-1", "utf-16": "utf-16"}
"""In the text above the bytes of a one-byte encoding stand as U+0000 to U+00FF."""

LEDGER = {"name": "example-ledger", "number": 2, "version": "2.0.0"}
FACTS = [
    '{"id":"a","n":1}',
    '{"id":"b","n":null}',
    '{"id":"a"}',
    '{"id":null,"n":"1"}',
    '{"id":"c","n":[1, {"x" : "y z"}]}',
]
SECRET = bytes(range(32))
SALTED: list[leaves2.Fact] = [{"id": "a", "n": "1"}, {"id": "b", "n": None}, {"id": "a", "n": ""}]
PARTS = [b"id,n\na,1\nb,2\nc,3\n", b"id,n\nd,4\ne,5\n"]
REFUSED: list[tuple[str, Any, str]] = [
    ("delimited-v2", None, "a\n1\n"),
    ("delimited-v2", {"delimiter": ","}, "a\n1\n"),
    ("delimited-v2", {"null": ""}, "a\n1\n\n"),
    ("delimited-v2", {"null": "NA"}, 'a,b\n"NA",1\n'),
    ("delimited-v2", {"skip": 3}, "x\na\n"),
    ("delimited-v2", {"skip": 1}, "x\na\n"),
    ("delimited-v2", {"quote": None}, "a\n1\n"),
    ("delimited-v2", {"encoding": "iso-8859-1"}, "a\n1\n"),
    ("delimited-v2", {"empty_lines": "all"}, "a\n1\n\n"),
    ("delimited-v2", {"rename": True}, "a\n1\n"),
    ("json-v2", None, '[{"a": 1}]'),
    ("json-v2", {"at": ""}, '[{"a": null}]'),
    ("json-v2", {"at": "/x/01"}, '{"x": [0, [{"a": 1}]]}'),
    ("json-v2", {"at": "/x"}, '{"x": [{"a": 1}], "y": {"b": 1, "\\u0062": 2}}'),
    ("json-v2", {"key_column": "a"}, '{"x": {"a": 1}}'),
    ("json-v2", None, "[{}]"),
    ("json-v2", {"key_column": "a"}, '{"x": {}}'),
    ("jsonl-v2", None, '{"a": null}\n\n'),
    ("markdown-table-v2", {"table": 1}, "|a|\n|-|\n|1|\n"),
    ("markdown-table-v2", None, "|a|\n|-|\n|1|\n\n> |b|\n> |-|\n"),
    ("markdown-table-v2", None, "|a|\n|-|\n|~1~|\n"),
    ("lines-v1", None, ""),
    ("files-v1", {"form": "sha256sum"}, f"{sha256(b'').hex()}  ././b\n"),
]
"""Reader, dialect, and the text of a file that is refused, or whose dialect is."""


def file_of(text: str, dialect: Any) -> bytes:
    codec = CODECS.get((dialect or {}).get("encoding", ""), "utf-8")
    return b"\xfe\xff" + text.encode("utf-16-be") if codec == "utf-16" else text.encode(codec)


def one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\ufeff", "\\ufeff")


def block(info: str, lines: list[str]) -> str:
    return f"```{info}\n" + "\n".join(lines) + "\n```\n"


def listed(values: list[Any]) -> list[str]:
    return ["[", *[f"  {one_line(v)}{',' if n < len(values) else ''}" for n, v in enumerate(values, 1)], "]"]


def reader_values() -> list[Any]:
    """Each case: what is read, and what it gives."""
    values = []
    for reader, dialect, texts in READ:
        files = [file_of(text, dialect) for text in texts]
        columns, facts = read(reader, dialect, files)
        leaves = [jcs(fact) for fact in facts]
        case = {"reader": reader} | ({"dialect": dialect} if dialect else {})
        case |= {
            "files": [data.hex() if dialect and "encoding" in dialect else data.decode() for data in files]
        }
        case |= {"columns": columns, "encoding": leaves2.encoding(columns, facts)}
        case |= {
            "leaves": [leaf.decode() for leaf in leaves],
            "leaf_hashes": [leaf_hash(x).hex() for x in leaves],
        }
        values.append(case)
    return values


def refused_values() -> list[Any]:
    return [
        {"reader": reader} | ({"dialect": dialect} if dialect else {}) | {"file": text}
        for reader, dialect, text in REFUSED
    ]


def table() -> tuple[list[str], list[leaves2.Fact], list[bytes]]:
    """The ledger of the values below: columns, facts, leaf hashes."""
    columns, facts = read("jsonl-v2", None, [original()])
    return columns, facts, [leaf_hash(jcs(fact)) for fact in facts]


def original() -> bytes:
    return ("\n".join(FACTS) + "\n").encode()


def salted_value() -> Any:
    columns = ["id", "n"]
    leaves = [leaves2.salted_leaf(SECRET, LEDGER, columns, i, fact) for i, fact in enumerate(SALTED)]
    salts = [[leaves2.salt(SECRET, LEDGER, i, c).hex() for c in columns] for i in range(len(SALTED))]
    return {
        "secret": SECRET.hex(),
        "ledger": LEDGER,
        "columns": columns,
        "facts": SALTED,
        "salts": salts,
        "leaves": [leaf.hex() for leaf in leaves],
        "ledger.leaves": b"".join(map(leaf_hash, leaves)).hex(),
        "root": mth([leaf_hash(leaf) for leaf in leaves]).hex(),
    }


def path_value(found: list[index2.Entry], key: list[str | None]) -> Any:
    siblings, end = index2.path(found, index2.key_hash(key))
    shown: dict[str, Any] = {"columns": ["id"], "key": key}
    shown["path"] = [None if h == index2.EMPTY else h.hex() for h in siblings]
    if end and end.key_hash != index2.key_hash(key):
        shown["other"] = {"key_hash": end.key_hash.hex(), "n": end.n, "inner": end.inner.hex()}
    return shown


def absent_keys(found: list[index2.Entry]) -> tuple[list[str | None], list[str | None]]:
    """A key whose path ends in `empty`, and one whose path ends in the leaf of another key."""
    keys: list[list[str | None]] = [[f"absent {n}"] for n in range(64)]
    ends = [(key, index2.path(found, index2.key_hash(key))[1]) for key in keys]
    return next(k for k, end in ends if end is None), next(k for k, end in ends if end is not None)


def index_value() -> Any:
    _, facts, hashes = table()
    found = index2.entries(["id"], facts, hashes)
    keys: list[list[str | None]] = [["a"], ["b"], [None], ["c"]]
    return {
        "columns": ["id"],
        "empty": index2.EMPTY.hex(),
        "keys": [
            {"key": k, "key_hash": e.key_hash.hex(), "n": e.n, "inner": e.inner.hex(), "leaf": e.hash().hex()}
            for k, e in zip(keys, found, strict=True)
        ],
        "root": index2.root(found).hex(),
        "present": path_value(found, ["a"]),
    }


def schema() -> bytes:
    fields = [{"name": "id", "type": "string"}, {"name": "n", "type": "any"}]
    return jcs({"fields": fields, "primaryKey": "id"})


def status() -> bytes:
    release = sha256(b"a statement of release 1").hex()
    fact = {"index": 0, "leaf": leaf_hash(jcs({"id": "a"})).hex()}
    entry = {"fact": fact, "kind": "withdrawn", "number": 1, "reason": "measured twice", "statement": release}
    return jcs(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "urn:ledger-anchor:status:v1",
            "subject": [{"name": "statement.json", "digest": {"sha256": release}}],
            "predicate": {
                "ledger": LEDGER["name"],
                "sequence": 1,
                "newest": {"number": 1, "version": "1.0.0", "statement": release},
                "withdrawn": [entry],
            },
        }
    )


def member(data: bytes) -> bytes:
    """A member of a gzip file that holds the data as it is, so that no version of zlib decides its bytes."""
    size = len(data).to_bytes(2, "little")
    stored = b"\x01" + size + bytes(0xFF - b for b in size) + data
    return (
        b"\x1f\x8b\x08"
        + bytes(6)
        + b"\xff"
        + stored
        + zlib.crc32(data).to_bytes(4, "little")
        + size
        + bytes(2)
    )


def files() -> dict[str, bytes]:
    """The subjects of the statement. The original is a gzip file of two members."""
    columns, facts, _ = table()
    return {
        "ledger.json": leaves2.ledger_json(columns, facts, LEDGER),
        "ledger.jsonl.gz": member(original()[:17]) + member(original()[17:]),
        "schema.json": schema(),
    }


def statement() -> bytes:
    columns, facts, hashes = table()
    found = index2.entries(["id"], facts, hashes)
    note = {"extracted_from": "https://example.org/report.pdf", "retrieved_at": "2026-01-31T23:59:59Z"}
    evidence = {
        "annotations": note,
        "digest": {"sha256": sha256(b"text").hex()},
        "mediaType": "text/plain",
        "name": "report.txt",
    }
    return jcs(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "urn:ledger-anchor:commitment:v2",
            "subject": [{"name": n, "digest": {"sha256": sha256(data).hex()}} for n, data in files().items()],
            "predicate": {
                "ledger": LEDGER,
                "tree": {"algorithm": "rfc9162-sha256", "root": mth(hashes).hex(), "size": len(hashes)},
                "facts": {
                    "columns": columns,
                    "encoding": leaves2.encoding(columns, facts),
                    "files": [
                        {"name": "ledger.jsonl.gz", "reader": "jsonl-v2", "compression": "gzip"},
                        {"name": "ledger.json", "reader": "ledger-json-v2"},
                    ],
                },
                "previous": {
                    "number": 1,
                    "version": "1.0.0",
                    "statement": sha256(b"a statement of release 1").hex(),
                },
                "index": [
                    {
                        "algorithm": "csmt-sha256-v1",
                        "columns": ["id"],
                        "keys": len(found),
                        "root": index2.root(found).hex(),
                    }
                ],
                "evidence": [evidence],
                "status": {"sequence": 1, "statement": sha256(status()).hex()},
            },
        }
    )


def named(path: str, data: bytes) -> dict[str, Any]:
    return {"path": path, "size": len(data), "sha256": sha256(data).hex()}


def release() -> str:
    predicate = json.loads(statement())["predicate"]
    roots = {f"trusted_root-{n}.json": f"root of {n}".encode() for n in ("a", "b")}
    anchors = [
        {
            "bundle": named(f"log.{n}.example.org.sigstore.json", f"bundle in {n}".encode()),
            "log": {
                "origin": f"log.{n}.example.org",
                "url": f"https://log.{n}.example.org",
                "id": sha256(f"key of {n}".encode()).hex(),
                "index": 7,
            },
            "identity": "someone@example.org",
            "issuer": "https://issuer.example.org",
            "time": "2026-01-31T23:59:59Z",
            "trusted_root": sha256(f"root of {n}".encode()).hex(),
        }
        for n in ("a", "b")
    ]
    folder = "release/status/1"
    tree = predicate["tree"]
    before = predicate["previous"]
    value = {
        "format": "urn:ledger-anchor:release:v2",
        "ledger": LEDGER,
        "tree": {"algorithm": tree["algorithm"], "root": tree["root"], "size": tree["size"]},
        "previous": {m: before[m] for m in ("number", "version", "statement")},
        "files": [{"name": n, **named(f"release/2.0.0/{n}", data)} for n, data in files().items()],
        "statement": named("release/2.0.0/statement.json", statement()),
        "anchors": anchors,
        "trusted_roots": [named(f"release/2.0.0/{path}", data) for path, data in roots.items()],
        "status": {
            "sequence": 1,
            "statement": named(f"{folder}/statement.json", status()),
            "bundles": [named(f"{folder}/log.a.example.org.sigstore.json", b"bundle of a status")],
        },
    }
    for anchor in anchors:
        bundle = anchor["bundle"]
        assert isinstance(bundle, dict)
        bundle["path"] = f"release/2.0.0/{bundle['path']}"
    return json.dumps(value, indent=2, ensure_ascii=False)


def bundles() -> list[Any]:
    """Made up: no verifier accepts them. Their payload is the statement."""
    payload = base64.b64encode(statement()).decode()
    return [{"dsseEnvelope": {"payload": payload, "payloadType": "application/vnd.in-toto+json"}}]


def receipt_values() -> list[Any]:
    _, facts, hashes = table()
    found = index2.entries(["id"], facts, hashes)
    empty, other = absent_keys(found)

    def receipt(kind: str, places: list[int], key: list[str | None] | None) -> Any:
        sealed = sha256(statement()).hex()
        value: dict[str, Any] = {"format": "urn:ledger-anchor:receipt:v1", "kind": kind, "release": sealed}
        if places:
            value["facts"] = [{"index": i, "fact": facts[i]} for i in places]
            value["proof"] = [h.hex() for h in receipts2.multiproof(hashes, places)]
        return value | ({"index": path_value(found, key)} if key else {})

    return [
        receipt("inclusion", [1], None),
        receipt("inclusion", [0, 3, 4], None),
        receipt("completeness", [0, 2], ["a"]),
        receipt("completeness", [3], [None]),
        receipt("absence", [], empty),
        receipt("absence", [], other),
    ]


def parts() -> str:
    _, facts = read("csv-v1", None, PARTS)
    sizes = [len(data.splitlines()) - 1 for data in PARTS]
    named_parts = [(f"ledger-{n}.csv", d, k) for n, (d, k) in enumerate(zip(PARTS, sizes, strict=True), 1)]
    return leaves2.parts_json(named_parts, [leaf_hash(jcs(fact)) for fact in facts]).decode()


TEXTS = {
    "json readers 2": "Readers. `files` has the text of each file; with `encoding`, its bytes in hex.",
    "json refused 2": "Files that are refused, and files whose dialect is INVALID:",
    "text ledger.jsonl 2": "A ledger whose facts have null and absent values; each line has a LF:",
    "text ledger.json 2": "Its `ledger.json`, as version `2.0.0`, number 2, of `example-ledger`:",
    "json salted 2": "A ledger of salted cells (section 16.3):",
    "json index 2": "The index over `id` of `ledger.jsonl` (section 21), with the path of a key in it:",
    "json parts 2": "Two files of `csv-v1`, and their `ledger.parts.json` (section 18.2):",
    "text ledger.parts.json 2": "",
    "text status 2": "A status (section 23), one line without a LF; what it withdraws is made up:",
    "text schema.json 2": "`schema.json`, one line without a LF:",
    "text ledger.jsonl.gz 2": "`ledger.jsonl` is published as `ledger.jsonl.gz`, two members, in hex:",
    "text statement.json 2": "`statement.json`, one line without a LF:",
    "text release.json 2": "The root `release.json`, with made-up bundles and trusted roots:",
    "json receipts 2": """Receipts of that release, as lines of one file (section 22, rule 6): two of
inclusion, two of completeness, an absence that ends in `empty`, and one in the leaf of another key.""",
}
"""The sentence before each block."""


def blocks() -> dict[str, list[str]]:
    """The lines of each block."""
    columns, facts, _ = table()
    return {
        "json readers 2": listed(reader_values()),
        "json refused 2": listed(refused_values()),
        "text ledger.jsonl 2": FACTS,
        "text ledger.json 2": leaves2.ledger_json(columns, facts, LEDGER).decode().splitlines(),
        "json salted 2": [one_line(salted_value())],
        "json index 2": [one_line(index_value())],
        "json parts 2": listed([data.decode() for data in PARTS]),
        "text ledger.parts.json 2": parts().splitlines(),
        "text status 2": [status().decode()],
        "text schema.json 2": [schema().decode()],
        "text ledger.jsonl.gz 2": [files()["ledger.jsonl.gz"].hex()],
        "text statement.json 2": [statement().decode()],
        "text release.json 2": release().splitlines(),
        "json receipts 2": listed(receipt_values()),
    }


def section() -> str:
    """Section 28."""
    made = blocks()
    shown = [f"{text}\n\n{block(info, made[info])}".lstrip("\n") for info, text in TEXTS.items()]
    return "## 28. Test values of version 2\n\n" + "\n".join(shown)


def history_blocks() -> dict[str, list[str]]:
    """The lines of each block of section 29.5."""
    origin, at = "ledger-anchor/0123456789abcdef", "2027-01-01T06:00:00.{:03}Z"
    events = [history2.event("records-began", at.format(0), "00" * 16, origin=origin)]
    release = {"ledger": "example", "number": 3, "version": "3.0", "root": "cd" * 32, "size": 9}
    events.append(history2.event("release-seen", at.format(1), "11" * 16, **release, statement="ab" * 32))
    first = history2.statement(origin, 2, history2.root(events))
    run = {"target": "site/release.json", "worker": "w", "state": "finished", "statement": "ab" * 32}
    times = {"slot": at.format(2), "started": at.format(3), "verdict": "OK"}
    events.append(history2.event("run-ended", at.format(4), "22" * 16, **run, **times))
    events.append(history2.event("trust-changed", at.format(5), "33" * 16, document="ef" * 32))
    second = history2.statement(origin, 4, history2.root(events), first)
    head, before = history2.signed(second, [{}]), history2.signed(first, [{}])
    return {
        "json events 29": [one.decode() for one in events],
        "json hashes 29": listed([leaf_hash(one).hex() for one in events]),
        "json heads 29": [first.decode(), second.decode()],
        "json complete 29": [one.decode() for one in history2.complete(events, head, before, 2)],
        "json single 29": [one.decode() for one in history2.single(events, head, [1, 2])],
        "json pruned 29": [history2.removed(events[2]).decode()],
    }


HISTORY_TEXTS = {
    "json events 29": "Four events, one a line; the line ends are not part of them:",
    "json hashes 29": "Their leaf hashes:",
    "json heads 29": "The statements of a head of the first two events, and of the next head, of all four:",
    "json complete 29": "A complete proof between these heads, whose bundles are made up:",
    "json single 29": "A proof of the second and the third event, under the second head:",
    "json pruned 29": "The line of the third event, if it was pruned:",
}


def history_section() -> str:
    """Section 29.5."""
    made = history_blocks()
    shown = [f"{text}\n\n{block(info, made[info])}" for info, text in HISTORY_TEXTS.items()]
    return "### 29.5 Test values\n\n" + "\n".join(shown)


def document() -> str:
    """FORMAT.md, with sections 28 and 29.5 as they are made."""
    before, _, rest = FORMAT.read_text(encoding="utf-8").partition("\n## 28. ")
    history = rest.partition("\n## 29. ")[2].partition("\n### 29.5 ")[0].strip("\n")
    return f"{before.rstrip()}\n\n{section()}\n## 29. {history}\n\n{history_section()}"


if __name__ == "__main__":
    sys.stdout.write(document())
