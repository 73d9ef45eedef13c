# SPDX-License-Identifier: Apache-2.0
"""The files of a ledger as the user named them: opened, recognised, and refused if they are implausible.

`intake` decides on bytes; this module gets them. A stream, such as standard input, is stored first, because a
file is looked at before it is read.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from anchor import limits
from anchor.disk import user_files
from anchor.disk.ledger_file import LedgerFile, as_misuse, open_ledger
from anchor.disk.spooled_stream import spooled
from anchor.errors import Malformed, Misuse
from anchor.format.compression import gunzip
from anchor.format.names import GZ
from anchor.format.readers import READERS, written
from anchor.format.readers.reader import NO_DIALECT, Dialect, Stream
from anchor.intake.charset import decoded, encoding_of
from anchor.intake.choice import Choice, ReadAs, check_stated, members_of, read_as, reader_with
from anchor.intake.foreign import ZST, packed_ending, packed_with
from anchor.intake.implausible import Doubt, refusal
from anchor.intake.later_lines import LaterLines, later_doubts
from anchor.intake.layout import FIRST
from anchor.intake.recognise import DELIMITED, HEAD, Proposal, recognise

T = TypeVar("T")
_AS_WRITTEN, _AS_SHOWN = "markdown-table-v1", "markdown-table-v2"
_BUFFER = 1 << 20
_END = 1 << 14
"""Bytes at the end of a long file that are looked at for a note below the table."""
_DEEP = 1 << 24
"""Bytes that are looked at to explain a refusal."""


class Unread(Malformed):
    """The refusal of a ledger's reader, if no option resolves its cause."""

    def __init__(
        self, problem: str, *, where: str = "", remedy: str = "", file: LedgerFile | None = None
    ) -> None:
        super().__init__(problem, where=where, remedy=remedy)
        self.file = file
        """The refused file, with its reader and its dialect; None once an outer place was put before it."""


class GivenLedger:
    """The files of one ledger as the user named them, while they can be read (`given_ledger`)."""

    def __init__(self, inputs: "Sequence[_Input]", choice: Choice) -> None:
        self._inputs = inputs
        self._choice = choice

    def read(self, use: Callable[[tuple[LedgerFile, ...]], T]) -> T:
        """The result of `use`, which gets the files with their reader and dialect.

        `use` is called a second time if a reader of version 1 refuses a file, and that of version 2 may read
        it. Raises `Misuse` for a file that is implausible, and for one that is refused: with its cause, if
        there is one that an option resolves, else as `Unread`.
        """
        ready = tuple(_settled(source, self._choice) for source in self._inputs)
        newer = {file.reader for file in ready}
        if any(file.otherwise in newer for file in ready):  # one file needs version 2, so all have it
            ready = tuple(_otherwise(file) for file in ready)
        _check_one_way(ready)
        try:
            return use(ready)
        except Malformed as error:
            problem = error
        if any(file.otherwise for file in ready):
            ready = tuple(_otherwise(file) for file in ready)
            try:
                return use(ready)
            except Malformed as error:
                problem = error
        for source, file in zip(self._inputs, ready, strict=True):
            if problem.where.startswith(file.where):
                explained = _explained(source, file, self._choice, problem)
                if explained is problem:
                    raise Unread(problem.problem, where=problem.where, remedy=problem.remedy, file=file)
                raise explained
        raise problem


@contextlib.contextmanager
def given_ledger(paths: Sequence[Path], choice: Choice) -> Iterator[GivenLedger]:
    """The files of these paths. A stream is stored until the end. Raises `Misuse` for a path twice."""
    if not choice.as_read:
        _check_named_once(paths)
    with contextlib.ExitStack() as stack:
        yield GivenLedger([_input(path, stack) for path in paths], choice)


def with_ledger(paths: Sequence[Path], choice: Choice, use: Callable[[tuple[LedgerFile, ...]], T]) -> T:
    """The result of `use` for the files of these paths (`GivenLedger.read`)."""
    with given_ledger(paths, choice) as given:
        return given.read(use)


@dataclass(frozen=True, kw_only=True)
class _Input:
    """A file that can be read several times."""

    file: LedgerFile
    name: str
    """As the user typed it."""

    def beginning(self, size: int) -> tuple[bytes, bool]:
        """The first bytes of what is read, and whether they are all of it."""
        where = self.file.where
        with as_misuse(), self.file.opened() as f:
            stream: Stream = gunzip(f, where=where) if self.file.gzip else f
            data = b""
            while len(data) <= size and (more := stream.read(size + 1 - len(data))):
                data += more
        return data[:size], len(data) <= size

    def look_through(self, lines: LaterLines) -> None:
        """Give all that is read to `lines`."""
        with as_misuse(), self.file.opened() as f:
            stream: Stream = gunzip(f, where=self.file.where) if self.file.gzip else f
            while data := stream.read(_BUFFER):
                lines.add(data)
        lines.finish()

    def has(self, word: bytes) -> bool:
        """True if the bytes have this word somewhere. A stream is not searched, and is taken to have it."""
        if self.file.stream is not None:
            return True
        with as_misuse(), self.file.opened() as f:
            stream: Stream = gunzip(f, where=self.file.where) if self.file.gzip else f
            end = b""
            while data := stream.read(_BUFFER):
                if word in data or word in end + data[: len(word)]:
                    return True
                end = data[-len(word) :]
        return False


def _input(path: Path, stack: contextlib.ExitStack) -> _Input:
    shown = str(path)
    if user_files.is_stream(path):
        source = stack.enter_context(user_files.opened(path, limit=limits.FILE_2))
        stream = stack.enter_context(spooled(source))
        with stream.opened() as f:
            head = f.read(4)
        # A stream has no name that says how it is compressed.
        ending = packed_with(head)
        file = LedgerFile(path=path, stream=stream, compressed=ending == GZ, zstd=ending == ZST)
        return _Input(file=file, name="-" if path == user_files.STDIN else shown)
    ending = packed_ending(path.name)
    file = LedgerFile(path=path, compressed=ending == GZ, zstd=ending == ZST)
    return _Input(file=file, name=shown)


def _settled(source: _Input, choice: Choice) -> LedgerFile:
    """The file with the reader and the dialect that it is read with."""
    data, whole = source.beginning(HEAD)
    proposal = recognise(source.name, data, whole=whole, choice=choice)
    if not proposal.doubts and not choice.as_read and set(proposal.readers) & set(DELIMITED):
        proposal = _looked_through(source, data, proposal, choice, whole=whole)
    if proposal.doubts:
        raise _refused(source, proposal, choice)
    readers = proposal.readers
    if len(readers) > 1 and proposal.lost and source.has(proposal.lost.encode()):
        readers = readers[1:]
    check_stated(readers[0], proposal.members, choice.members, where=source.file.where)
    way = read_as(readers[0], proposal.members, where=source.file.where)
    file = replace(source.file, reader=way.reader, dialect=way.dialect, skipped=_skipped(data, way.dialect))
    if way.reader == _AS_WRITTEN and not choice.reader and not choice.as_read:
        _check_shown(file)
    return replace(file, otherwise=readers[1] if len(readers) > 1 else None)


def _looked_through(
    source: _Input, data: bytes, proposal: Proposal, choice: Choice, *, whole: bool
) -> Proposal:
    """The proposal for a delimited file whose first bytes are as they should be, with the doubts about the
    rest of it."""
    if whole and data.count(b"\n") + data.count(b"\r") <= FIRST:
        return proposal
    way = read_as(proposal.readers[0], proposal.members, where=source.file.where)
    lines = LaterLines(written(way.dialect), data, end=_END)
    source.look_through(lines)
    found = recognise(source.name, data, whole=whole, choice=choice, end=lines.end)
    if found.doubts or not lines.are_odd:
        return found
    try:
        with open_ledger(_read_with(source.file, way)) as ledger:
            doubts = later_doubts(source.name, ledger.table, choice.members)
    except Malformed:  # whoever reads the file says so
        return found
    return msgspec.structs.replace(found, doubts=doubts)


def _check_shown(file: LedgerFile) -> None:
    """Raise `Misuse` if GitHub shows another table than the one that the text has.

    `markdown-table-v1` reads the text alone. People look at the rendered page, so `markdown-table-v2`, which
    follows it, has to read the same.
    """
    facts: list[Any] = []
    try:
        with open_ledger(file) as ledger:
            facts = [ledger.table.columns, *ledger.table]
    except Malformed:
        return  # it is not read this way
    meant = f"give --reader {_AS_WRITTEN} if the text is meant, and not what is shown"
    try:
        with open_ledger(replace(file, reader=_AS_SHOWN)) as ledger:
            shown: list[Any] = [ledger.table.columns, *ledger.table]
    except Malformed as e:
        remedy = f"write it as plain text, or {meant}"
        raise Misuse(f"{e.problem}: what GitHub shows is not certain", where=e.where, remedy=remedy) from None
    if shown != facts:
        line = next((a[0] for a, b in zip(shown[1:], facts[1:], strict=False) if a != b), 1)
        remedy = f"give --reader {_AS_SHOWN} to read what is shown, or {meant}"
        raise Misuse(
            "GitHub shows another text than stands there", where=f"{file.where}: line {line}", remedy=remedy
        )


def _otherwise(file: LedgerFile) -> LedgerFile:
    return replace(file, reader=file.otherwise or file.reader, otherwise=None)


def _read_with(file: LedgerFile, way: ReadAs) -> LedgerFile:
    return replace(file, reader=way.reader, dialect=way.dialect)


def _check_named_once(paths: Sequence[Path]) -> None:
    """Raise `Misuse` if one file is named twice: all its facts would be in the ledger twice.

    Two files with equal bytes are two parts of a ledger (FORMAT.md section 17.9). So are two hard links.
    """
    found = dict[str, Path]()
    for path in paths:
        if user_files.is_stream(path):
            continue
        real = os.path.realpath(path)
        if real in found:
            before = found[real]
            named = "named twice" if path == before else f"also named as {before}"
            raise Misuse(
                f"{named}, so each fact of this file would be in the ledger twice",
                where=str(path),
                remedy="name it once, or give --as-read if it is meant",
            )
        found[real] = path


def _check_one_way(ready: Sequence[LedgerFile]) -> None:
    """Several files of one ledger have one reader and one dialect (FORMAT.md section 17.9)."""
    first = ready[0]
    for file in ready[1:]:
        if (file.reader, file.dialect) != (first.reader, first.dialect):
            raise Misuse(
                f"is read as {_how(file)}, and {first.where} as {_how(first)}",
                where=file.where,
                remedy="one ledger is read in one way: save the files in one form, or publish each alone",
            )


def _how(file: LedgerFile) -> str:
    return ", ".join((str(file.reader), *(file.dialect or NO_DIALECT).described()))


def _skipped(data: bytes, dialect: Dialect) -> tuple[str, ...]:
    """The lines above the header that stand in these first bytes."""
    members = written(dialect)
    count = members.get("skip", 0)
    if not count:
        return ()
    text = decoded(data, encoding_of(data, whole=False, name=members.get("encoding")))
    lines = text.split("\r" if members.get("line_ends") else "\n")
    return tuple(line.rstrip("\r") for line in lines[:count])


def _refused(source: _Input, proposal: Proposal, choice: Choice) -> Misuse:
    """The refusal with all its causes. The options that it names were tried on the whole file."""
    left = _left(source, proposal)
    if left is not None:
        deep = _looked_at_deeply(source, choice)
        if deep.doubts:
            proposal, left = deep, _left(source, deep)
    return refusal(
        proposal.doubts,
        where=source.file.where,
        reader=choice.reader,
        left=left,
        can_be_meant=_can_be_meant(source, choice),
    )


def _left(source: _Input, proposal: Proposal) -> Malformed | None:
    """The reason why the file cannot be read even with the options that its refusal names."""
    if any(d.remedy for d in proposal.doubts):
        return None
    reader = next((d.reader for d in proposal.doubts if d.reader), proposal.readers[-1])
    if not set(proposal.resolved) <= set(members_of(reader)):
        reader = reader_with(proposal.resolved)
    return _problem(source, reader, proposal.resolved)


def _can_be_meant(source: _Input, choice: Choice) -> bool:
    """True if the file can be read as it stands."""
    data, whole = source.beginning(HEAD)
    try:
        proposal = recognise(
            source.name, data, whole=whole, choice=msgspec.structs.replace(choice, as_read=True)
        )
        return any(_problem(source, reader, proposal.members) is None for reader in proposal.readers)
    except Misuse:
        return False


def _problem(source: _Input, reader: str, members: Mapping[str, Any]) -> Malformed | None:
    """The refusal of a reader that reads the whole file."""
    way = read_as(reader, members, where=source.file.where)
    try:
        with open_ledger(_read_with(source.file, way)) as ledger:
            for _ in ledger.table:
                pass
    except Malformed as e:
        return e
    return None


def _looked_at_deeply(source: _Input, choice: Choice) -> Proposal:
    data, whole = source.beginning(_DEEP)
    return recognise(source.name, data, whole=whole, choice=choice, most=len(data))


def _explained(source: _Input, file: LedgerFile, choice: Choice, error: Malformed) -> Misuse:
    """The refusal of a reader, by its cause if an option or a command resolves it."""
    if choice.as_read:
        return error
    proposal = _looked_at_deeply(source, choice)
    if proposal.doubts:
        return _refused(source, proposal, choice)
    for reader in proposal.readers:
        if reader != file.reader and reader in READERS and not choice.reader:
            doubt = Doubt(error.problem, reader=reader)
            other = Proposal((reader,), proposal.members, (doubt,))
            if _left(source, other) is None:
                return refusal((doubt,), where=error.where)
    return error
