# SPDX-License-Identifier: Apache-2.0
"""The ledger file of a publisher. One read parses, hashes and copies it.

So exactly the parsed bytes are published, even if the file changes meanwhile. A malformed ledger is a mistake
in local input here (USAGE), not evidence.
"""

import contextlib
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from anchor import limits
from anchor.disk import files, user_files
from anchor.disk.spooled_stream import SpooledStream
from anchor.disk.zstd_file import unzstd
from anchor.errors import Malformed, Misuse, Refused
from anchor.format import index, names, table_schema
from anchor.format import statement as statements
from anchor.format.compression import gunzip
from anchor.format.concatenated import Concatenated, together
from anchor.format.facts import Ledger, Table, brief
from anchor.format.leaves import Sealed, seal
from anchor.format.names import GZ, OUR_FILE, original_name
from anchor.format.readers import READERS, check_effects, dialect_of, reader_for, reader_named, written
from anchor.format.readers.reader import NO_DIALECT, Dialect, FileReader, Reader, Stream, StreamReader
from anchor.format.source_evidence import Descriptor
from anchor.format.statement import KnownStatus, LedgerName, Previous, SourceFile, Statement, Tree
from anchor.intake.reading import Noted, Reading

_BUFFER = 1 << 20
_HEAD = 1024


@dataclass(frozen=True)
class FileDigest:
    """A file by its published name: size in bytes, SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class SchemaFile:
    """A Table Schema as its publisher gives it: its name for errors, and its bytes (JSON)."""

    where: str
    data: bytes

    @classmethod
    def read(cls, path: Path) -> "SchemaFile":
        """The file at this path; `-` is standard input. Raises `Misuse`."""
        return cls(str(path), user_files.read(path, limit=table_schema.MAX_SCHEMA))


@dataclass(frozen=True, kw_only=True)
class LedgerFile:
    """A file of a ledger as its publisher names it, and how it is read."""

    path: Path
    reader: str | None = None
    """None: by the name and the first bytes."""
    dialect: Dialect | None = None
    """None: the default of the reader."""
    compressed: bool | None = None
    """True for a gzip file, which is published as it is. None: by the name."""
    zstd: bool = False
    """A Zstandard file: what comes out of it is published."""
    stream: SpooledStream | None = None
    """The bytes of a path that can be read only once."""
    otherwise: str | None = None
    """The reader to try if that one refuses the file."""
    skipped: tuple[str, ...] = ()
    """The lines above its header that are not read, as far as they are known."""

    @property
    def gzip(self) -> bool:
        """True if what is read comes out of a gzip file."""
        by_name = self.path.name.lower().endswith(GZ)
        return by_name if self.compressed is None else self.compressed

    @property
    def where(self) -> str:
        """The file as the user named it."""
        return str(self.path)

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The bytes that are published, from the first one on: those of the file, or what comes out of a
        Zstandard file."""
        opened = self.stream.opened() if self.stream else user_files.opened(self.path, limit=limits.FILE_2)
        with opened as f:
            yield unzstd(f, where=self.where, limit=limits.FILE_2) if self.zstd else f


@dataclass(frozen=True, kw_only=True)
class Original:
    """A ledger file as it is published, byte for byte, and how it is read."""

    file: FileDigest
    reader: str
    dialect: Dialect = NO_DIALECT
    compressed: bool = False
    idle: frozenset[str] = frozenset()
    """The members of the dialect that had no effect on this file."""
    columns: tuple[str, ...] = ()
    needs_version_2: bool = False
    """True if no reader of version 1 reads the same facts."""

    @property
    def source(self) -> SourceFile:
        """The file as a statement names it."""
        return SourceFile.of(
            self.file.name, reader=self.reader, dialect=self.dialect, compressed=self.compressed
        )


@dataclass(frozen=True, kw_only=True)
class SealedFile:
    """The result of sealing a ledger: its tree, and the files to publish."""

    sealed: Sealed
    originals: tuple[Original, ...]
    """The ledger as received, in order, under the names by which it is published."""
    reading: Reading
    """How it was read."""
    ledger_json: FileDigest | None
    """The machine-readable copy, also if the statement leaves it out (`drop_left_out`). None if the ledger is
    confidential."""
    leaves: FileDigest | None = None
    """The leaf hashes of a confidential ledger; then there are no originals."""
    schema: FileDigest | None = None
    """The Table Schema beside it."""

    @property
    def files(self) -> tuple[FileDigest, ...]:
        """All files, sorted by name."""
        beside = (self.ledger_json, self.leaves, self.schema)
        named = (*(o.file for o in self.originals), *(f for f in beside if f is not None))
        return tuple(sorted(named, key=lambda f: f.name))

    def commit(
        self,
        ledger: LedgerName,
        previous: Previous | None,
        *,
        status: KnownStatus | None = None,
        evidence: Sequence[Descriptor] = (),
    ) -> Statement:
        """The statement over it. `status`: the one that was known. `evidence`: the source documents.

        Raises `Refused` when the parts do not fit each other.
        """
        return statements.commit(
            ledger=ledger,
            tree=Tree.of(self.sealed.root, self.sealed.size),
            columns=self.sealed.columns,
            encoding=self.sealed.encoding,
            originals=[o.source for o in self.originals],
            digests={f.name: f.sha256 for f in self.files},
            sizes={f.name: f.size for f in self.files},
            previous=previous,
            status=status,
            index=self.sealed.indexes,
            evidence=evidence,
        )


class OpenLedger:
    """An open file of a ledger: `table` streams its facts. After the last one there is its `original()`."""

    def __init__(self, table: Table, reader: str, read: LedgerFile, name: str, tee: "_HashingReader") -> None:
        self.table = table
        self.reader = reader
        self._read = read
        self._name = name
        self._tee = tee

    def originals(self) -> tuple[Original, ...]:
        """The one file, after its last fact."""
        return (self.original(),)

    def original(self) -> Original:
        """Name, size, SHA-256 and reader of the whole file."""
        return Original(
            file=FileDigest(self._name, self._tee.size, self._tee.sha256.hexdigest()),
            reader=self.reader,
            dialect=self._read.dialect or NO_DIALECT,
            compressed=self._read.gzip,
            columns=self.table.columns,
            needs_version_2=isinstance(self.table, Reader) and self.table.needs_version_2,
            idle=self.table.idle if isinstance(self.table, Reader) else frozenset(),
        )


@contextlib.contextmanager
def open_ledger(
    file: LedgerFile, *, copy: Callable[[str], BinaryIO] | None = None, number: int = 1, of: int = 1
) -> Iterator[OpenLedger]:
    """A ledger file, the `number`-th of several.

    Without a reader it gets the one that its name and first byte call for.

    `copy` opens a file by the published name; it gets the bytes as they are read.

    Raises `Misuse` for a file that cannot be read and for a ledger that is malformed, also while iterating.
    """
    path, where = file.path, file.where
    with as_misuse(), file.opened() as f:
        head = f.read(_HEAD)
        found = file.reader or _reader(path, _decompressed(head) if file.gzip else head)
        kind = reader_named(found, where=where)
        dialect = file.dialect if file.dialect is not None else dialect_of(kind, None, where=where)
        name = original_name(kind.published_as(dialect), number=number, of=of, compressed=file.gzip)
        tee = _HashingReader(f, head, copy(name) if copy else None)
        stream: Stream = io.BufferedReader(tee, _BUFFER)
        if file.gzip:
            stream = gunzip(stream, where=where)
        with _table(stream, kind, dialect, where=where) as table:
            yield OpenLedger(table, found, file, name, tee)


@contextlib.contextmanager
def as_misuse() -> Iterator[None]:
    """A malformed ledger is a mistake in local input here, not evidence."""
    try:
        yield
    except Refused as e:
        raise Malformed(e.problem, where=e.where, remedy=e.remedy) from None


@contextlib.contextmanager
def _table(
    stream: Stream, reader: type[StreamReader] | type[FileReader], dialect: Dialect, *, where: str
) -> Iterator[Table]:
    """The facts of a stream. A reader that needs a whole file gets a copy on the disk."""
    if not issubclass(reader, FileReader):
        yield reader(stream, where=where, dialect=dialect)
        return
    with files.temporary() as file:
        with _writing("temporary file"):
            while data := stream.read(_BUFFER):
                file.write(data)
            file.seek(0)
        yield reader(file, where=where, dialect=dialect)


def _decompressed(head: bytes) -> bytes:
    """The beginning of what a gzip file holds, as far as its own first bytes say it."""
    try:
        return zlib.decompressobj(31).decompress(head, _HEAD)
    except zlib.error:
        return b""


def _reader(path: Path, head: bytes) -> str:
    """The reader for a file by its name."""
    return reader_for(path.name[: -len(GZ)] if path.name.lower().endswith(GZ) else path.name, head)


@contextlib.contextmanager
def open_ledgers(
    given: Sequence[LedgerFile], *, copy: Callable[[str], BinaryIO] | None = None
) -> Iterator["OpenLedger | _OpenLedgers"]:
    """All files of a ledger as one table, as `open_ledger` does it for one."""
    if len(given) == 1:
        with open_ledger(given[0], copy=copy) as found:
            yield found
        return
    with as_misuse():
        yield _OpenLedgers(given, copy)


class _OpenLedgers:
    """Several files as one ledger. Each is opened when the facts of the one before are read."""

    def __init__(self, given: Sequence[LedgerFile], copy: Callable[[str], BinaryIO] | None) -> None:
        self._given = given
        self._copy = copy
        self._found: list[Original] = []
        self.reader = given[0].reader or ""
        columns, in_order = _columns(given)
        where = given[0].where
        self.table = Concatenated(self._tables(), where=where, columns=columns, in_order=in_order)

    def originals(self) -> tuple[Original, ...]:
        """The files that were read to their end."""
        return tuple(self._found)

    def _tables(self) -> Iterator[Table]:
        for number, file in enumerate(self._given, 1):
            with open_ledger(file, copy=self._copy, number=number, of=len(self._given)) as found:
                yield found.table
            self._found.append(found.original())


def _columns(given: Sequence[LedgerFile]) -> tuple[tuple[str, ...] | None, bool]:
    """The columns of several files together, None if they have to be the same in each, and True if they have
    to be in the same order."""
    found, readers = [], set()
    for file in given:
        if file.stream is None and user_files.is_stream(file.path):
            problem = "a pipe can be read only once"
            raise Misuse(problem, where=file.where, remedy="name one file, or save it first")
        with open_ledger(file) as ledger:
            found.append(ledger.table.columns)
            readers.add(ledger.reader)
    if len(readers) > 1:
        named = ", ".join(sorted(readers))
        raise Misuse(f"the files need different readers: {named}", where="ledger", remedy="seal them apart")
    reader = READERS[readers.pop()]
    return together(found) if reader.any_members else None, reader.has_header


def oldest_reader(originals: Sequence[Original]) -> tuple[Original, ...]:
    """The originals with the reader of version 1 that reads the same facts, if there is one."""
    first = originals[0]
    older = READERS[first.reader].like_version_1
    needed = any(o.needs_version_2 for o in originals) or len({frozenset(o.columns) for o in originals}) > 1
    if not older or written(first.dialect) or needed:
        return tuple(originals)
    return tuple(replace(o, reader=older) for o in originals)


def seal_file(
    given: Sequence[LedgerFile],
    *,
    ledger: Ledger,
    schema: SchemaFile | None = None,
    folder: Path | None = None,
    progress: Callable[[int], object] | None = None,
    keys: Sequence[Sequence[str]] = (),
) -> SealedFile:
    """Seal the files of a ledger; with `folder`, write their copies and ledger.json there, durably.

    `schema`: the Table Schema beside it, whose names and key columns must be those of the ledger. `keys` has
    the key columns of each index; those of the schema come first, also if no index is asked for. Raises
    `Misuse` for other columns. The folder is the caller's: after an error its content is to be thrown away
    (see `staged_folder.staged`).
    """
    with contextlib.ExitStack() as stack:

        def create(name: str) -> BinaryIO:
            assert folder is not None
            return stack.enter_context(create_file(folder / name))

        out = HashingWriter(create(OUR_FILE) if folder else None)
        with open_ledgers(given, copy=create if folder else None) as found:
            noted = Noted(found.table)
            if schema is not None:
                keys = _with_primary_key(keys, schema, noted.columns)
            _check_keys(keys, noted.columns)
            sealed = seal(
                noted,
                ledger=ledger,
                ledger_json=out,
                progress=progress,
                keys=keys,
                spool=lambda: stack.enter_context(files.temporary()),
            )
        originals = found.originals()
        beside = None if schema is None else beside_of(schema, create if folder else None)
    with as_misuse():
        check_effects([o.idle for o in originals], where=given[0].where)
    originals = oldest_reader(originals)
    ours = FileDigest(OUR_FILE, out.size, out.sha256.hexdigest())
    reading = reading_of(given, originals[0].reader, noted)
    return SealedFile(sealed=sealed, originals=originals, reading=reading, ledger_json=ours, schema=beside)


def _with_primary_key(
    keys: Sequence[Sequence[str]], schema: SchemaFile, columns: tuple[str, ...]
) -> Sequence[Sequence[str]]:
    """The key columns of each index, with those of the schema first.

    Raises `Misuse` for a schema that does not fit the columns of the ledger or the first of these indexes.
    """
    with as_misuse():
        found = table_schema.parse(schema.data, where=schema.where)
        table_schema.check(found, columns, where=schema.where)
    if not found.primary_key:
        return keys
    if keys and tuple(keys[0]) != found.primary_key:
        named = ", ".join(map(brief, found.primary_key))
        raise Misuse(
            f"the first index is not over the key columns of {schema.where}, {named}",
            where="--index",
            remedy="name these first, or leave primaryKey out of the schema",
        )
    return keys or [found.primary_key]


def beside_of(schema: SchemaFile, create: Callable[[str], BinaryIO] | None) -> FileDigest:
    """The schema as a published file."""
    out = HashingWriter(create(names.SCHEMA) if create else None)
    out.write(schema.data)
    return FileDigest(names.SCHEMA, out.size, out.sha256.hexdigest())


def _check_keys(keys: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Raise `Misuse` unless each of these lists has columns of the ledger, and no two are equal."""
    if len(keys) > limits.INDEXES:
        problem = f"{len(keys)} indexes, more than {limits.INDEXES}"
        raise Misuse(problem, where="--index", remedy="name fewer")
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise Misuse("the same columns twice", where="--index", remedy="name each index once")
        try:
            index.check_columns(key, columns, where="--index")
        except Refused as e:
            shown = ", ".join(map(brief, columns[:20])) + (" ..." if len(columns) > 20 else "")
            remedy = f"name columns of {shown}; if a name has a comma, write a JSON array of names"
            raise Misuse(e.problem, where=e.where, remedy=remedy) from None


def reading_of(given: Sequence[LedgerFile], reader: str, noted: Noted) -> Reading:
    """How the files were read, after their last fact."""
    first = given[0]
    words = list((first.dialect or NO_DIALECT).described())
    if first.gzip:
        words.append("gzip, published as it is")
    if first.zstd:
        words.append("Zstandard, published as what comes out of it")
    return Reading(
        files=tuple(file.where for file in given),
        reader=reader,
        read_as=tuple(words),
        skipped=first.skipped,
        columns=noted.columns,
        facts=noted.facts,
        first=noted.first,
        last=noted.last,
    )


def drop_left_out(folder: Path, statement: Statement) -> None:
    """Remove a ledger.json that is too large for the release (FORMAT.md section 18)."""
    if statement.ours is None and not statement.confidential:
        (folder / OUR_FILE).unlink()


def guard_input(path: Path, folder: Path, found: tuple[FileDigest, ...]) -> None:
    """Raise `Misuse` when writing these files into `folder` would overwrite the input with other bytes."""
    for file in found:
        target = folder / file.name
        if target.exists() and target.samefile(path) and digest_of(path) != file.sha256:
            raise Misuse(
                "the output would overwrite the input", where=str(target), remedy="choose another folder"
            )


def digest_of(path: Path) -> str:
    """SHA-256 in hex of a file, read in pieces."""
    found = hashlib.sha256()
    with files.open_input(path, limit=limits.FILE_2) as f:
        while data := f.read(_BUFFER):
            found.update(data)
    return found.hexdigest()


@contextlib.contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise files.os_error(e, path, "write") from None


@contextlib.contextmanager
def create_file(path: Path) -> Iterator[BinaryIO]:
    """A new file for writing, on the disk when the block ends."""
    with _writing(path), path.open("xb", buffering=_BUFFER) as f:
        os.fchmod(f.fileno(), 0o644)
        yield f
        f.flush()
        os.fsync(f.fileno())


class HashingWriter:
    """Takes bytes, counts and hashes them, and passes them on to a file, if there is one."""

    def __init__(self, target: BinaryIO | None) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()
        self._target = target

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self.sha256.update(data)
        if self._target is not None:
            with _writing(getattr(self._target, "name", "output")):
                self._target.write(data)
        return len(data)


class _HashingReader(io.RawIOBase):
    """A raw stream over `source` that hashes, counts and copies what is read through it."""

    def __init__(self, source: BinaryIO, head: bytes, copy: BinaryIO | None) -> None:
        self._source = source
        self._head = head
        """The first bytes, which were read before: a pipe cannot be read twice."""
        self._sink = HashingWriter(copy)

    @property
    def size(self) -> int:
        return self._sink.size

    @property
    def sha256(self) -> "hashlib._Hash":
        return self._sink.sha256

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffer of a reader
        size = len(buffer)
        data = self._head[:size] or self._source.read(size)
        self._head = self._head[size:]
        buffer[: len(data)] = data
        self._sink.write(data)
        return len(data)
