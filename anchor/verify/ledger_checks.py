# SPDX-License-Identifier: Apache-2.0
"""The checks of a release that need no trust: is it whole, and does it follow from the ledger that it names?

Each function is one numbered step of `release`. It returns the line that says what was compared with what.
It raises `Refused` for a contradiction, and `Incomplete` for a file that is missing or cut off.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import BinaryIO

import msgspec

from anchor.errors import Refused
from anchor.format import leaves, statement
from anchor.format.facts import Table
from anchor.format.readers import reader_named
from anchor.format.readers.reader import FileReader, Stream
from anchor.format.release import File, Release
from anchor.format.statement import OUR_FILE, Statement
from anchor.verify.release_files import Files, HashedSink, HashedStream, read_whole

_LARGE = 1 << 20
MAX_SHOWN = 300
"""Characters of a value in an error."""


def read_statement(release: Release, files: Files) -> bytes:
    """The statement's bytes, with the size and digest that release.json names."""
    blob = release.statement
    return read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=statement.MAX_STATEMENT)


def compare(release: Release, signed: Statement) -> str:
    """Return if release.json and the statement agree on ledger, tree, previous and files."""
    pairs = (
        ("ledger", release.ledger, signed.ledger),
        ("tree", release.tree, signed.tree),
        ("previous", release.previous, signed.previous),
        ("files", {f.name: f.sha256 for f in release.files}, signed.digests),
    )
    for name, shown, bound in pairs:
        if shown != bound:
            raise Refused(f"says {_brief(shown)} where the signed statement says {_brief(bound)}", where=name)
    return "what release.json says of ledger, tree, previous and files is what the statement says"


def ledger_file(release: Release, signed: Statement) -> File | None:
    """The file of the ledger itself, as the statement names it."""
    return next((f for f in release.files if f.name == signed.original.name), None)


def _brief(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


def recompute(
    release: Release, signed: Statement, files: Files, progress: Callable[[int], object] | None
) -> str:
    """Read the original ledger, hash every fact, rebuild root and ledger.json, and compare all of them."""
    original = signed.original
    entry = _file(release, original.name)
    sink = HashedSink()
    with files.open(entry.path, size=entry.size) as raw, ExitStack() as stack:
        _check_large(raw, entry)
        stream = HashedStream(raw)
        try:
            table = _table(stream, original.reader, entry, lambda: stack.enter_context(files.spool()))
            sealed = leaves.seal(table, ledger=signed.ledger, ledger_json=sink, progress=progress)
        except Refused:
            stream.check_whole(size=entry.size, where=entry.path)
            raise
        stream.finish(size=entry.size, sha256=entry.sha256, where=entry.path)
    if sealed.columns != signed.facts.columns:
        raise Refused(f"columns are {list(sealed.columns)}, not those of the statement", where=entry.path)
    if sealed.size != signed.tree.size or sealed.root.hex() != signed.tree.root:
        raise Refused(
            f"{sealed.size} facts with root {sealed.root.hex()} where the statement has {signed.tree.size} "
            f"with {signed.tree.root}",
            where=entry.path,
        )
    ours = _file(release, OUR_FILE)
    if (sink.size, sink.sha256) != (ours.size, ours.sha256):
        raise Refused("the ledger gives a ledger.json of another size or digest", where=ours.path)
    return f"{sealed.size} facts of {original.name} give root {sealed.root.hex()}, as the statement says"


def _table(stream: HashedStream, name: str, entry: File, spool: Callable[[], BinaryIO]) -> Table:
    """The facts of a ledger. A reader that needs a whole file gets a copy that has the promised digest."""
    reader = reader_named(name, where=entry.path)
    if not issubclass(reader, FileReader):
        return reader(stream, where=entry.path)
    file = spool()
    stream.copy(file, size=entry.size)
    stream.finish(size=entry.size, sha256=entry.sha256, where=entry.path)
    file.seek(0)
    return reader(file, where=entry.path)


def _check_large(raw: Stream, entry: File) -> None:
    """Hash a large file before it is parsed, since parsing takes a hundred times as long.

    So nobody can make us parse a large file that was not signed. It is hashed again while it is parsed.
    """
    seek, seekable = getattr(raw, "seek", None), getattr(raw, "seekable", None)
    if entry.size > _LARGE and seek is not None and seekable is not None and seekable():
        HashedStream(raw).finish(size=entry.size, sha256=entry.sha256, where=entry.path)
        seek(0)


def compare_ours(release: Release, files: Files) -> str:
    """Return if ledger.json has the digest that release.json names. `recompute` has compared that digest."""
    ours = _file(release, OUR_FILE)
    with files.open(ours.path, size=ours.size) as raw:
        HashedStream(raw).finish(size=ours.size, sha256=ours.sha256, where=ours.path)
    return "ledger.json has the size and digest of the one made again from the ledger"


def _file(release: Release, name: str) -> File:
    file = next((f for f in release.files if f.name == name), None)
    if file is None:
        raise Refused(f"names no {name}", where="release.json")
    return file
