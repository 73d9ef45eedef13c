# SPDX-License-Identifier: Apache-2.0
"""A reader of ledgers: its names, its dialect, and the kind of input that it needs.

A reader is a subclass of `StreamReader` or `FileReader` in a file of its own, and a row of `readers.READERS`.
Everything else follows from the class: `--reader`, the suffixes, the published name, the statement's schema.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Final, Protocol

import msgspec

from anchor.format.facts import Chunk, Fact


class Stream(Protocol):
    """Bytes that are read once, in order."""

    def read(self, size: int = -1, /) -> bytes: ...
    def readline(self, limit: int = -1, /) -> bytes: ...


class SeekableFile(Stream, Protocol):
    """A whole file. Its bytes were hashed before, and nobody else can change them."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


class Dialect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The settings of a reader that a statement names (FORMAT.md section 17): none, in this base.

    A reader with settings has a subclass. Each member has a default, which is never written.
    """

    def check(self, *, where: str) -> None:
        """Raise `Refused` unless the members are allowed, each by itself and together."""

    def described(self) -> tuple[str, ...]:
        """Each member that is not the default, in words for people: "delimiter ';'"."""
        return ()


NO_DIALECT: Final = Dialect()


class Reader(ABC):
    """A `facts.Table` over one format. Iterating gives the position of each fact (from 1) and its values."""

    name: ClassVar[str]
    """As a statement names it."""
    published: ClassVar[str]
    """The name under which a ledger that it reads is published (FORMAT.md section 6)."""
    suffixes: ClassVar[tuple[str, ...]]
    """The endings of the names of files that it reads, in lower case."""
    unit: ClassVar[str] = "line"
    """The thing that a position counts, in the singular."""

    dialect_type: ClassVar[type[Dialect]] = Dialect
    """The settings that it has."""
    has_header: ClassVar[bool] = False
    """The columns stand before the facts: all files of one ledger have the same (FORMAT.md section 17.9)."""
    any_members: ClassVar[bool] = False
    """Facts, and so files of one ledger, may have different columns."""
    like_version_1: ClassVar[str] = ""
    """The reader of version 1 that reads the same facts, if no dialect is given and none needs version 2."""

    columns: tuple[str, ...]

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """True if a file with one of the suffixes is of this format; `head` are its first bytes, if known."""
        return True

    @classmethod
    def published_as(cls, dialect: Dialect) -> str:
        """The name under which a ledger of this dialect is published."""
        return cls.published

    @property
    def needs_version_2(self) -> bool:
        """True if the facts need version 2 of the format. It is known after the last fact (FORMAT.md section
        17)."""
        return False

    @property
    def idle(self) -> frozenset[str]:
        """The members of the dialect that had no effect on this file. They are known after the last fact.

        One that is idle in all files of a ledger is refused: see `readers.check_effects`.
        """
        return frozenset()

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[int, Fact]]: ...


class StreamReader(Reader):
    """A reader that needs no more than a stream."""

    @abstractmethod
    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None: ...


class FileReader(Reader):
    """A reader that goes back and forth: its file is copied and hashed before it is read."""

    @abstractmethod
    def __init__(self, file: SeekableFile, *, where: str, dialect: Dialect = NO_DIALECT) -> None: ...


class _InChunks(Reader):
    """A reader that takes its input in blocks, and gives the facts of a block at once."""

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """The facts, as `facts.ChunkedTable` says."""

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for positions, facts in self.chunks():
            yield from zip(positions, map(tuple, facts), strict=True)


class ChunkReader(_InChunks, StreamReader):
    """A `StreamReader` that gives chunks."""


class ChunkFileReader(_InChunks, FileReader):
    """A `FileReader` that gives chunks."""
