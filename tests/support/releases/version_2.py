# SPDX-License-Identifier: Apache-2.0
"""Releases of version 2 in memory, honest or changed and signed all the same."""

import functools
import gzip
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from anchor.disk.confidential_ledger import seal_confidential
from anchor.disk.ledger_file import LedgerFile, SchemaFile, seal_file
from anchor.embedded.instance import Instance
from anchor.encoding import jcs
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.members import Digests
from anchor.format.readers.delimited_dialect import DelimitedDialect
from anchor.format.readers.file_list import FilesDialect
from anchor.format.readers.json_dialect import JsonDialect
from anchor.format.readers.markdown_v2 import MarkdownDialect
from anchor.format.readers.reader import Dialect
from anchor.format.source_evidence import Descriptor
from anchor.format.statement import LedgerName
from anchor.publish import release_json
from anchor.sigstore import trusted_root
from anchor.verify.policy import Policy, Signer
from anchor.verify.release import Trust
from tests.support.forge.signed import described, sign
from tests.support.releases.in_memory import Held
from tests.support.releases.samples import LEDGER_JSON_2

NAME = LedgerName(name="second", number=1, version="1.0.0")
CSV = b"label,value\nA,1\nB,2\n"
MORE = b"label,value\nC,3\n"
REPORT = Descriptor(
    name="report.txt",
    digest=Digests(sha256=hashlib.sha256(b"A is 1\n").hexdigest()),
    media_type="text/plain",
    annotations={"extracted_from": "https://example.org/report.pdf", "retrieved_at": "2026-01-31T23:59:59Z"},
)
"""A text of 7 bytes that was taken out of a document."""


class Kind(NamedTuple):
    """The files of a ledger, and how they are read."""

    files: dict[str, bytes]
    reader: str | None = None
    dialect: Dialect | None = None
    schema: bytes | None = None
    keys: tuple[tuple[str, ...], ...] = ()
    """The key columns of each index."""
    evidence: tuple[Descriptor, ...] = ()
    secret: bytes = b""
    """The secret of a confidential ledger."""


KINDS: dict[str, Kind] = {
    "gzip": Kind({"a.csv.gz": gzip.compress(CSV, mtime=0)}),
    "two files": Kind({"a.csv": CSV, "b.csv": MORE}),
    "two gzip files": Kind({"a.csv.gz": gzip.compress(CSV), "b.csv.gz": gzip.compress(MORE)}),
    "members in another order": Kind(
        {"a.jsonl": b'{"b":1,"a":0}\n', "b.jsonl": b'{"a":2,"b":3}\n'}, "jsonl-v1"
    ),
    "other members": Kind({"a.jsonl": b'{"b":1}\n', "b.jsonl": b'{"a":2,"b":[3]}\n'}, "jsonl-v2"),
    "ledger.json with null": Kind({"a.json": LEDGER_JSON_2}, "ledger-json-v2"),
    "three hundred columns": Kind(
        {"a.csv": b",".join(b"c%d" % i for i in range(300)) + b"\n" + b"," * 299 + b"\n"}
    ),
    "semicolons": Kind(
        {"a.csv": "Stand 2026\nOrt;Wert\nKöln;1\n".encode("cp1252")},
        "delimited-v2",
        DelimitedDialect(delimiter=";", encoding="windows-1252", skip=1),
    ),
    "null in the second of two files": Kind(
        {"a.csv": CSV, "b.csv": MORE + b"D,NA\n"}, "delimited-v2", DelimitedDialect(null="NA")
    ),
    "JSON with null": Kind({"a.json": b'[{"a":null,"b":{"c": 1}},{"b":"x"}]'}, "json-v2"),
    "JSON in an object": Kind(
        {"a.json": b'{"data":{"x":{"v":1},"y":{"v":2}}}'},
        "json-v2",
        JsonDialect(at="/data", key_column="key"),
    ),
    "the second table": Kind(
        {"a.md": b"# One\n\n| A |\n|---|\n| 1 |\n\n# Two\n\n| B |\n|---|\n| 2 |\n"},
        "markdown-table-v2",
        MarkdownDialect(table="Two"),
    ),
    "lines": Kind({"a.txt": b"one\n\nthree\n"}, "lines-v1"),
    "sha256sum": Kind(
        {"a.sha256": b"%b  b.csv\n%b  a.csv\n" % (b"0" * 64, b"1" * 64)},
        "files-v1",
        FilesDialect(form="sha256sum"),
    ),
    "schema": Kind(
        {"a.csv": CSV},
        schema=b'{"fields": [{"name": "label"}, {"name": "value"}], "primaryKey": "label"}\n',
    ),
    "source documents": Kind({"a.csv": CSV}, evidence=(REPORT,)),
    "index": Kind({"a.csv": CSV + b"A,3\n"}, keys=(("label",), ("value", "label"))),
    "confidential": Kind({"a.csv": CSV + b"C,2\n"}, secret=b"s" * 32),
}
"""The files of a ledger for each thing that only version 2 can hold."""


def written(folder: Path, kind: Kind) -> list[LedgerFile]:
    """The files of a ledger on the disk, in order."""
    for name, data in kind.files.items():
        (folder / name).write_bytes(data)
    return [LedgerFile(path=folder / name, reader=kind.reader, dialect=kind.dialect) for name in kind.files]


def release_of(
    folder: Path,
    given: Sequence[LedgerFile],
    *,
    schema: bytes | None = None,
    evidence: tuple[Descriptor, ...] = (),
    keys: Sequence[Sequence[str]] = (),
    secret: bytes = b"",
    change: Callable[[Any, dict[str, bytes]], object] | None = None,
    instances: int = 1,
) -> Held:
    """A release of these files, signed by `instances` embedded instances, with its files in memory.

    `change` may edit the statement (as JSON) and the files (by name) before they are signed. Digests of files
    that it changed are put right.
    """
    out = folder / "out"
    out.mkdir()
    beside = SchemaFile("schema.json", schema) if schema else None
    if secret:
        sealed = seal_confidential(given, ledger=NAME, secret=secret, schema=beside, folder=out)
    else:
        sealed = seal_file(given, ledger=NAME, schema=beside, folder=out, keys=keys)
    honest = sealed.commit(NAME, None, evidence=evidence)
    files = {name: (out / name).read_bytes() for name in honest.digests}
    value = json.loads(statements.encode(honest))
    if change is not None:
        change(value, files)
        for subject in value["subject"]:
            subject["digest"]["sha256"] = hashlib.sha256(files[subject["name"]]).hexdigest()
    data = jcs(value)
    anchors, roots = [], []
    for number in range(instances):
        with closing(Instance.create(folder / f"instance-{number}")) as instance:
            path, root = f"{number}.sigstore.json", instance.trusted_root()
            bundle = sign(instance, data)
        files |= {path: bundle, f"root-{number}.json": root}
        anchors.append(described(bundle, root, path))
        roots.append(release_json.blob(f"root-{number}.json", root))
    made = json.loads(releases.dump(release_json.release(honest, data, sealed, anchors, roots)))
    held = Held(
        b"",
        {**files, "statement.json": data},
        _trust(made, [files[r.path] for r in roots]),
        datetime.now(UTC),
    )
    return held.with_value(_fitting(made, value, files))


def _fitting(made: Any, statement: Any, files: Mapping[str, bytes]) -> Any:
    """The release.json of a changed statement."""
    named = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    made["files"] = [
        {"name": name, "path": name, "size": len(files[name]), "sha256": digest}
        for name, digest in sorted(named.items())
    ]
    predicate = statement["predicate"]
    return {**made, "ledger": predicate["ledger"], "tree": predicate["tree"]}


def _trust(made: Any, raw: Sequence[bytes]) -> Trust:
    signers = {(a["identity"], a["issuer"]) for a in made["anchors"]}
    policy = Policy(ledger=NAME.name, signers=tuple(Signer(identity=i, issuer=s) for i, s in sorted(signers)))
    return Trust(policy=policy, raw=raw, root=trusted_root.union(map(trusted_root.parse, raw)))


def release_of_kind(folder: Path, kind: str, **more: Any) -> Held:
    """A release of one of the `KINDS`; `more` is for `release_of`."""
    given = KINDS[kind]
    return release_of(
        folder,
        written(folder, given),
        schema=given.schema,
        keys=given.keys,
        evidence=given.evidence,
        secret=given.secret,
        **more,
    )


@functools.cache
def held_of_kind(kind: str, *, instances: int = 1) -> Held:
    """A release of one of the `KINDS`, made once in a process. Nothing of it stays on the disk.

    Do not call it under changed limits: other tests get the same release.
    """
    with tempfile.TemporaryDirectory() as folder:
        return release_of_kind(Path(folder), kind, instances=instances)
