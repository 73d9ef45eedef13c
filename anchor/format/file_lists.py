# SPDX-License-Identifier: Apache-2.0
"""Lists of files: written as the CSV of FORMAT.md section 17.7, and compared with the files of a folder."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO

from anchor.format.facts import Fact
from anchor.format.readers.file_list import COLUMNS, PATH, SHA256, SIZE


@dataclass(frozen=True)
class ListedFile:
    """A file by its path below a folder: `/` between the parts, Unicode form NFC.

    `size` is None if the list does not say it, as that of sha256sum. `sha256` is hex, and empty for a link or
    another thing that is no file.
    """

    path: str
    size: int | None
    sha256: str


@dataclass(frozen=True)
class Differences:
    """The files of a folder that are not as a list says: paths in the order of their bytes."""

    same: int
    """Files that are as the list says."""
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    new: tuple[str, ...]


def to_csv(files: Iterable[ListedFile]) -> Iterator[bytes]:
    """The list as `files-v1` reads it, a line at a time. The files are in the order of their paths' bytes."""
    import csv  # who reads a list does not write one

    yield ",".join(COLUMNS).encode() + b"\n"
    for file in files:
        line = StringIO()
        csv.writer(line, lineterminator="\n").writerow((file.path, file.size, file.sha256))
        yield line.getvalue().encode()


def from_facts(columns: tuple[str, ...], facts: Iterable[tuple[int, Fact]]) -> Iterator[ListedFile]:
    """The files that the facts of a `files-v1` ledger name."""
    path, sha256 = columns.index(PATH), columns.index(SHA256)
    size = columns.index(SIZE) if SIZE in columns else None
    for _, fact in facts:
        yield ListedFile(
            str(fact[path]), int(str(fact[size])) if size is not None else None, str(fact[sha256])
        )


def compare(listed: Iterable[ListedFile], found: Iterable[ListedFile]) -> Differences:
    """The differences between a list and the files that are there."""
    there = {file.path: file for file in found}
    same, missing, changed = 0, [], []
    for file in listed:
        one = there.pop(file.path, None)
        if one is None:
            missing.append(file.path)
        elif one.sha256 != file.sha256 or file.size not in (None, one.size):
            changed.append(file.path)
        else:
            same += 1

    def ordered(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(paths, key=str.encode))

    return Differences(same, ordered(missing), ordered(changed), ordered(there))
