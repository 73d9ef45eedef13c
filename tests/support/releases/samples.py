# SPDX-License-Identifier: Apache-2.0
"""One well-formed statement and release.json, and how to spoil a copy of them."""

import copy
import hashlib
import json
from typing import Any

import msgspec

from anchor.encoding import jcs
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.statement import LedgerName, Previous, SourceFile, Statement, Tree

LEDGER_JSON_1 = (
    b'{"columns":["a"],"facts":[\n{"a":"1"}\n],"format":"urn:ledger-anchor:ledger:v1",'
    b'"ledger":{"name":"n","number":1,"version":"1"}}\n'
)
LEDGER_JSON_2 = (
    b'{"columns":["b","a"],"facts":[\n{"a":"1","b":null},\n{"b":"2"}\n],'
    b'"format":"urn:ledger-anchor:ledger:v2","ledger":{"name":"n","number":1,"version":"1"}}\n'
)
"""A ledger.json in which one value is null, and one is absent."""
HEX = "0123456789abcdef" * 4
OTHER_HEX = "fedcba9876543210" * 4


class _Gone:
    def __repr__(self) -> str:  # the same in every process, as names of tests must be
        return "GONE"


GONE = _Gone()
"""As a new value: the member is taken out."""


def statement(*, number: int = 1, version: str = "1.0.0", previous: Previous | None = None) -> Statement:
    """A statement over two columns and three facts."""
    return statements.commit(
        ledger=LedgerName(name="sample-ledger", number=number, version=version),
        tree=Tree.of(bytes.fromhex(HEX), 3),
        columns=("label", "value"),
        originals=[SourceFile(name="ledger.md", reader="markdown-table-v1")],
        digests={"ledger.json": HEX, "ledger.md": OTHER_HEX},
        previous=previous,
    )


def digest(text: str) -> str:
    """SHA-256 in hex of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def anchor(origin: str = "log.example", index: int = 7) -> releases.Anchor:
    """An anchor in a log of this origin."""
    return releases.Anchor(
        bundle=releases.Blob(path=f"{origin}.sigstore.json", size=10, sha256=HEX),
        log=releases.Log(origin=origin, url=f"https://{origin}", id=digest(origin), index=index),
        identity="someone@example.org",
        issuer="https://issuer.example",
        time="2026-01-31T23:59:59Z",
        trusted_root=HEX,
    )


def release(*anchors: releases.Anchor) -> releases.Release:
    """The release.json beside the files of `statement()`."""
    signed = statement()
    return releases.Release(
        version=1,
        ledger=signed.ledger,
        tree=signed.tree,
        previous=signed.previous,
        files=tuple(
            releases.File(name=n, path=n, size=100, sha256=d) for n, d in sorted(signed.digests.items())
        ),
        statement=releases.Blob(path="statement.json", size=500, sha256=HEX),
        anchors=anchors or (anchor(),),
        trusted_roots=(releases.Blob(path="trusted_root.json", size=900, sha256=HEX),),
    )


def statement_2(*, number: int = 1, previous: Previous | None = None) -> Statement:
    """A statement of version 2: two gzip files as one ledger."""
    return statements.commit(
        ledger=LedgerName(name="sample-ledger", number=number, version="1.0.0"),
        tree=Tree.of(bytes.fromhex(HEX), 3),
        columns=("label", "value"),
        originals=[
            SourceFile(name=f"ledger-{n}.csv.gz", reader="csv-v1", compression="gzip") for n in (1, 2)
        ],
        digests={"ledger.json": HEX, "ledger-1.csv.gz": OTHER_HEX, "ledger-2.csv.gz": HEX},
        previous=previous,
    )


def release_2(*anchors: releases.Anchor) -> releases.Release:
    """The release.json beside the files of `statement_2()`, with a copy of a trusted root for each anchor."""
    signed, found = statement_2(), anchors or (anchor(), other_anchor())
    roots = {a.trusted_root: f"root-{n}.json" for n, a in enumerate(found)}
    return releases.Release(
        version=2,
        ledger=signed.ledger,
        tree=signed.tree,
        previous=signed.previous,
        files=tuple(
            releases.File(name=n, path=n, size=100, sha256=d) for n, d in sorted(signed.digests.items())
        ),
        statement=releases.Blob(path="statement.json", size=500, sha256=HEX),
        anchors=found,
        trusted_roots=tuple(releases.Blob(path=p, size=900, sha256=d) for d, p in roots.items()),
    )


def other_anchor() -> releases.Anchor:
    """An anchor of another instance than that of `anchor()`."""
    return msgspec.structs.replace(anchor("log.other.example"), trusted_root=OTHER_HEX)


def spoil(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """A copy of a JSON value in which the member at `path` is `new`, or gone."""
    result = copy.deepcopy(value)
    if not path:
        return new
    inner = result
    for step in path[:-1]:
        inner = inner[step]
    if new is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return result


def spoiled_statement(path: tuple[str | int, ...], new: Any) -> bytes:
    """The canonical bytes of a statement with one member replaced."""
    return jcs(spoil(json.loads(statements.encode(statement())), path, new))


def spoiled_statement_2(path: tuple[str | int, ...], new: Any) -> bytes:
    """The same of a statement of version 2."""
    return jcs(spoil(json.loads(statements.encode(statement_2())), path, new))


def spoiled_release(path: tuple[str | int, ...], new: Any, *, of: releases.Release | None = None) -> bytes:
    """A release.json with one member replaced, written as `dump` writes it."""
    value = spoil(json.loads(releases.dump(of or release())), path, new)
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
