# SPDX-License-Identifier: Apache-2.0
"""A reader of ledgers: its names, and the kind of input that it needs.

A reader is a subclass of `StreamReader` or `FileReader` in a file of its own, and a row of `readers.READERS`.
Everything else follows from the class: `--reader`, the suffixes, the published name, the statement's schema.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Protocol

from anchor.format.facts import Row


class Stream(Protocol):
    """Bytes that are read once, in order."""

    def read(self, size: int = -1, /) -> bytes: ...
    def readline(self, limit: int = -1, /) -> bytes: ...


class SeekableFile(Stream, Protocol):
    """A whole file. Its bytes were hashed before, and nobody else can change them."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


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

    columns: tuple[str, ...]

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """True if a file with one of the suffixes is of this format; `head` are its first bytes, if known."""
        return True

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[int, Row]]: ...


class StreamReader(Reader):
    """A reader that needs no more than a stream."""

    @abstractmethod
    def __init__(self, stream: Stream, *, where: str) -> None: ...


class FileReader(Reader):
    """A reader that goes back and forth: its file is copied and hashed before it is read."""

    @abstractmethod
    def __init__(self, file: SeekableFile, *, where: str) -> None: ...
