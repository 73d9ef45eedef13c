# SPDX-License-Identifier: Apache-2.0
"""The checks of a release that need no trust: is it whole, and does it follow from the ledger that it names?

Each function is one numbered step of `release`. It returns the line that says what was compared with what.
It raises `Refused` for a contradiction, and `Incomplete` for a file that is missing or cut off.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from msgspec import UNSET

from anchor import limits
from anchor.errors import Misuse, Refused, Unavailable
from anchor.format import leaves, names, statement, table_schema
from anchor.format.compression import gunzip
from anchor.format.concatenated import Concatenated, chunks_of
from anchor.format.facts import Chunk, Fact, Table, Value
from anchor.format.index import Index
from anchor.format.readers import check_effects, reader_named
from anchor.format.readers.reader import FileReader, Reader, Stream
from anchor.format.release import File, Release
from anchor.format.statement import OUR_FILE, SourceFile, Statement
from anchor.format.table_schema import TableSchema
from anchor.merkle.hashing import HASH_SIZE
from anchor.verify.release_files import CHUNK, Files, HashedSink, HashedStream, read_whole
from anchor.words import several

if TYPE_CHECKING:
    from anchor.format.file_lists import ListedFile

_LARGE = 1 << 20
_UNSIGNED = "nobody whom you trust signed this"
_ACCEPT = "name a policy that accepts its signer"
NOT_PUBLISHED = "its facts are not published: the ledger is confidential"
"""The reason why something that needs facts is not done."""
_ASK = "ask its publisher for receipts, or for the opening of the release"
MAX_SHOWN = 300
"""Characters of a value in an error."""


def read_statement(release: Release, files: Files) -> bytes:
    """The statement's bytes, with the size and digest that release.json names."""
    blob = release.statement
    return read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=statement.MAX_STATEMENT)


def compare(release: Release, signed: Statement) -> str:
    """Return if release.json and the statement agree on version, ledger, tree, previous and files."""
    pairs = (
        ("format", release.version, 2 if release.status is not None else signed.version),
        ("ledger", release.ledger, signed.ledger),
        ("tree", release.tree, signed.tree),
        ("previous", release.previous, signed.previous),
        ("files", {f.name: f.sha256 for f in release.files}, signed.digests),
    )
    for name, shown, bound in pairs:
        if shown != bound:
            raise Refused(f"says {_brief(shown)} where the signed statement says {_brief(bound)}", where=name)
    if signed.version == 2 and signed.ours is not None:
        sizes = {f.name: f.size for f in release.files}
        if sizes[OUR_FILE] > limits.LEDGER_JSON:
            problem = f"{sizes[OUR_FILE]} bytes, so that version 2 leaves it out"
            raise Refused(problem, where=_file(release, OUR_FILE).path)
        _check_version(signed, sizes)
    return "what release.json says of ledger, tree, previous and files is what the statement says"


def _check_version(signed: Statement, sizes: Mapping[str, int]) -> None:
    """One ledger has one statement (FORMAT.md section 15). `sizes` has the bytes of each file."""
    if not signed.needs_version_2(sizes):
        raise Refused("of version 2, and version 1 can say the same", where="statement")


def original_files(release: Release, signed: Statement) -> tuple[File, ...]:
    """The files of the ledger itself, in order: of a confidential one its leaf hashes."""
    files = signed.files if signed.confidential else signed.originals
    return tuple(_file(release, file.name) for file in files)


def _brief(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


def recompute(
    release: Release,
    signed: Statement,
    files: Files,
    progress: Callable[[int], object] | None,
    unsigned: bool = False,  # noqa: FBT001, FBT002  passed on by `Checks.run`
) -> tuple[str, tuple[Index, ...]]:
    """Read the originals, hash every fact, rebuild root and ledger.json, and compare all of them.

    Returns the indexes of these facts, over the columns that the statement names for each. `unsigned`: nobody
    whom the verifier trusts vouches for them. Less may come out of compressed ones, and no index is made.
    """
    sink, where = HashedSink(), _file(release, signed.originals[0].name).path
    keys = [] if unsigned else [index.columns for index in signed.index]
    with (
        ExitStack() as stack,
        contextlib.closing(_tables(release, signed, files, unsigned=unsigned)) as tables,
    ):
        try:
            table = one_table(tables, signed, where=where)
            table = Bounded(table, limits.UNSIGNED) if unsigned else table
            _check_columns(table, signed, where=where)
            sealed = leaves.seal(
                table,
                ledger=signed.ledger,
                ledger_json=sink,
                progress=progress,
                keys=keys,
                spool=partial(_spool, stack, files),
            )
        except Refused as e:
            tables.throw(e)  # the file that is being read is perhaps cut off: then its content means nothing
        next(tables, None)
    if sealed.size != signed.tree.size or sealed.root.hex() != signed.tree.root:
        raise Refused(
            f"{several(sealed.size, 'fact')} with root {sealed.root.hex()} where the statement has "
            f"{signed.tree.size} with {signed.tree.root}",
            where=where,
        )
    if sealed.encoding != signed.encoding:
        raise Refused(f"encoded as {sealed.encoding}, where the statement has {signed.encoding}", where=where)
    if signed.version == 1 and sealed.needs_version_2:
        raise Refused("more columns or facts than a ledger of version 1 has", where=where)
    _compare_sink(release, signed, sink)
    read = signed.originals
    of = read[0].name if len(read) == 1 else f"{len(read)} files"
    give = "gives" if sealed.size == 1 else "give"
    line = f"{several(sealed.size, 'fact')} of {of} {give} root {sealed.root.hex()}, as the statement says"
    return line, sealed.indexes


def check_leaves(
    release: Release, signed: Statement, files: Files, progress: Callable[[int], object] | None
) -> str:
    """Return if the leaf hashes of a confidential ledger give the signed root (FORMAT.md section 16.3)."""
    from anchor.format.salted_cells import LeafHashes  # few ledgers are confidential

    entry, tree, hashes = _file(release, names.LEAVES), signed.tree, LeafHashes()
    if entry.size != tree.size * HASH_SIZE:
        hashed = several(tree.size, "leaf hash")
        problem = f"has {entry.size} bytes, where {hashed} would have {tree.size * HASH_SIZE}"
        raise Refused(problem, where=entry.path)
    with files.open(entry.path, size=entry.size) as raw:
        _check_large(raw, entry)
        stream, done = HashedStream(raw), 0
        while done <= entry.size and (data := stream.read(CHUNK)):
            hashes.write(data)
            done += len(data)
            if progress:
                progress(done // HASH_SIZE)
        stream.finish(size=entry.size, sha256=entry.sha256, where=entry.path)
    if (root := hashes.root().hex()) != tree.root:
        problem = f"{several(tree.size, 'leaf hash')} with root {root} where the statement has {tree.root}"
        raise Refused(problem, where=entry.path)
    return f"{several(tree.size, 'leaf hash')} of {names.LEAVES} with root {root}, as the statement says"


def published_leaf(release: Release, signed: Statement, files: Files, index: int) -> bytes:
    """The leaf hash (32 bytes) of a fact of a confidential ledger, by its index, out of `ledger.leaves`."""
    check_leaves(release, signed, files, None)
    entry, start = _file(release, names.LEAVES), index * HASH_SIZE
    with files.open(entry.path, size=entry.size) as raw:
        stream, done, found = HashedStream(raw), 0, b""
        while done <= entry.size and (data := stream.read(CHUNK)):
            found += data[max(0, start - done) : max(0, start + HASH_SIZE - done)]
            done += len(data)
        stream.finish(size=entry.size, sha256=entry.sha256, where=entry.path)
    return found


def compare_index(signed: Index, found: Index) -> str:
    """Return if an index that was made from the facts is the signed one over the same columns."""
    if (found.keys, found.root) != (signed.keys, signed.root):
        raise Refused(
            f"the facts give {found.keys} keys with root {found.root} where the statement has {signed.keys} "
            f"with {signed.root}",
            where=f"index over {signed.name}",
        )
    return f"the index over {signed.name}, made again from all facts, has {found.keys} keys and the same root"


def _check_columns(table: Table, signed: Statement, *, where: str) -> None:
    if table.columns != signed.columns:
        raise Refused(f"columns are {_brief(table.columns)}, not those of the statement", where=where)


def listed_files(release: Release, signed: Statement, files: Files) -> "Iterator[ListedFile]":
    """The files that the facts of a verified list of files name. The bytes are compared once more."""
    from anchor.format import file_lists  # few ledgers are lists of files

    for table in _tables(release, signed, files, unsigned=False):
        yield from file_lists.from_facts(table.columns, table)


@contextlib.contextmanager
def open_facts(release: Release, signed: Statement, files: Files) -> Iterator[Table]:
    """The facts of a verified release. The bytes of its originals are compared once more.

    Raises `Misuse` if the ledger is confidential.
    """
    if signed.confidential:
        raise Misuse(NOT_PUBLISHED, where=signed.ledger.name, remedy=_ASK)
    where = _file(release, signed.originals[0].name).path
    with contextlib.closing(_tables(release, signed, files, unsigned=False)) as tables:
        yield one_table(tables, signed, where=where)
        next(tables, None)


def facts_with_leaves(
    release: Release, signed: Statement, files: Files
) -> Iterator[tuple[Sequence[Sequence[Value]], list[bytes]]]:
    """The facts of a verified release beside their leaf bytes, in order and in lists.

    They are read once more, as by `open_facts`, and the caller compares the root.
    """
    with open_facts(release, signed, files) as table:
        _check_columns(table, signed, where=_file(release, signed.originals[0].name).path)
        yield from leaves.Leaves(table).with_facts()


def _compare_sink(release: Release, signed: Statement, sink: HashedSink) -> None:
    """The ledger.json that was made again is the published one, or is left out by the rule of section 18."""
    if signed.ours is not None:
        ours = _file(release, OUR_FILE)
        if (sink.size, sink.sha256) != (ours.size, ours.sha256):
            raise Refused("the ledger gives a ledger.json of another size or digest", where=ours.path)
        return
    if sink.size <= limits.LEDGER_JSON:
        raise Refused(f"it would have {sink.size} bytes, and is left out all the same", where=OUR_FILE)
    _check_version(signed, {**{f.name: f.size for f in release.files}, OUR_FILE: sink.size})


def one_table(tables: Iterator[Table], signed: Statement, *, where: str, number: int | None = None) -> Table:
    """The originals as one table. `number`: of the tables, if it is not that of the originals."""
    if (number or len(signed.originals)) == 1:
        return next(tables)
    reader = reader_named(signed.originals[0].reader, where=where)
    columns = signed.columns if reader.any_members else None
    return Concatenated(tables, where=where, columns=columns, in_order=reader.has_header)


class Bounded:
    """A table with a limit on its facts times its columns, absent ones counted: each costs time."""

    def __init__(self, table: Table, most: int) -> None:
        self._table = table
        self._most = most
        self.columns = table.columns

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for positions, facts in self.chunks():
            yield from zip(positions, map(tuple, facts), strict=True)

    def chunks(self) -> Iterator[Chunk]:
        """As `facts.ChunkedTable`."""
        left = self._most
        for positions, facts in chunks_of(self._table):
            left -= len(facts) * len(self.columns)
            if left < 0:
                raise Unavailable(f"{_UNSIGNED}, and it has more than {self._most} values", remedy=_ACCEPT)
            yield positions, facts


def _tables(
    release: Release, signed: Statement, files: Files, *, unsigned: bool
) -> Generator[Table, None, None]:
    """The table of each original in order. The bytes of each are compared when the next one is asked for.

    An error that is thrown in was met in the facts of the file that is open. It is raised again, unless that
    file is cut off.
    """
    most = limits.UNSIGNED // len(signed.originals) if unsigned else limits.FILE_2
    idle: list[frozenset[str]] = []
    needed, columns = False, set[frozenset[str]]()
    for original in signed.originals:
        entry = _file(release, original.name)
        with files.open(entry.path, size=entry.size) as raw, ExitStack() as stack:
            _check_large(raw, entry)
            stream = HashedStream(raw)
            inner: Stream = stream
            if original.compressed:
                inner = gunzip(
                    stream, where=entry.path, limit=most, beyond=_beyond(most) if unsigned else None
                )
            try:
                table = _table(original, inner, stream, entry, partial(_spool, stack, files))
                yield table
                while original.compressed and inner.read(CHUNK):
                    pass
            except Refused:
                stream.check_whole(size=entry.size, where=entry.path)
                raise
            stream.finish(size=entry.size, sha256=entry.sha256, where=entry.path)
        idle.append(table.idle if isinstance(table, Reader) else frozenset())
        needed = needed or (isinstance(table, Reader) and table.needs_version_2)
        columns.add(frozenset(table.columns))
    check_effects(idle, where=entry.path)
    _check_named(signed.originals[0], needed=needed or len(columns) > 1, where=entry.path)


def _spool(stack: ExitStack, files: Files) -> BinaryIO:
    return stack.enter_context(files.spool())


def _beyond(most: int) -> Unavailable:
    return Unavailable(f"{_UNSIGNED}, and more than {most} bytes come out of it", remedy=_ACCEPT)


def _check_named(original: SourceFile, *, needed: bool, where: str) -> None:
    """One reading has one name (FORMAT.md section 17). `needed`: the files need a reader of version 2."""
    older = reader_named(original.reader, where=where).like_version_1
    if older and original.dialect is UNSET and not needed:
        raise Refused(f"{original.reader} without a dialect, where {older} reads the same", where=where)


def _table(
    original: SourceFile, stream: Stream, whole: HashedStream, entry: File, spool: Callable[[], BinaryIO]
) -> Table:
    """The facts of a ledger. A reader that needs a whole file gets a copy of what has the promised digest.

    `stream`: what the reader reads; `whole`: the published bytes that it comes from.
    """
    reader, dialect = reader_named(original.reader, where=entry.path), original.read_with(where=entry.path)
    if not issubclass(reader, FileReader):
        return reader(stream, where=entry.path, dialect=dialect)
    file = spool()
    if stream is whole:
        whole.copy(file, size=entry.size)
    else:
        while data := stream.read(CHUNK):
            file.write(data)
    whole.finish(size=entry.size, sha256=entry.sha256, where=entry.path)
    file.seek(0)
    return reader(file, where=entry.path, dialect=dialect)


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


def check_schema(release: Release, signed: Statement, files: Files) -> str:
    """Return if schema.json names the columns of the ledger, in order, and its key columns are among them."""
    found, where = _schema(release, files), _file(release, names.SCHEMA).path
    table_schema.check(found, signed.columns, where=where)
    if found.primary_key and signed.index and signed.index[0].columns != found.primary_key:
        problem = f"the first index is over {signed.index[0].name}, and not over {_brief(found.primary_key)}"
        raise Refused(problem, where=f"{where}: primaryKey")
    keys = f", and the key columns {_brief(found.primary_key)}" if found.primary_key else ""
    return f"{names.SCHEMA} names the columns of the ledger{keys}; types, units and constraints: not checked"


def _schema(release: Release, files: Files) -> TableSchema:
    file = _file(release, names.SCHEMA)
    data = read_whole(files, file.path, size=file.size, sha256=file.sha256, limit=table_schema.MAX_SCHEMA)
    return table_schema.parse(data, where=file.path)


def sealed_key(release: Release, signed: Statement, files: Files) -> tuple[str, ...]:
    """The key columns that are sealed with a ledger: of its first index, else of its schema, if any."""
    if signed.index:
        return signed.index[0].columns
    return _schema(release, files).primary_key if names.SCHEMA in signed.digests else ()


def _file(release: Release, name: str) -> File:
    file = next((f for f in release.files if f.name == name), None)
    if file is None:
        raise Refused(f"names no {name}", where="release.json")
    return file
