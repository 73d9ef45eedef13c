# SPDX-License-Identifier: Apache-2.0
"""The files below a folder, as a list of files names them: path, size and SHA-256. FORMAT.md section 17.7.

A link is refused, because it would say of one file what is true of another. Rules in the form of .gitignore
say what is left out. Nothing is followed out of the folder.
"""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from anchor.disk import files
from anchor.errors import Misuse
from anchor.format import names
from anchor.format.file_lists import ListedFile

IGNORE_FILE = ".anchorignore"
"""The rules of a folder, beside its files. One rule a line, in the form of .gitignore."""
MAX_RULES = 1 << 20
"""Bytes of a file of rules."""
_BUFFER = 1 << 20


class FileTree:
    """The files below one folder. `ignored` counts what the rules left out: files, and folders as a whole."""

    def __init__(self, folder: Path, *, rules: Sequence[str] = (), without: Path | None = None) -> None:
        self.folder = folder
        self.ignored = 0
        self._rules = _Rules(rules)
        self._without = without.resolve() if without is not None else None
        """A file that is not listed: the list itself, which is written beside the files."""

    def files(self, below: Iterable[Path] | None = None, *, strict: bool = True) -> list[ListedFile]:
        """All files in the order of their paths' bytes; with `below`, those files and folders of it alone.

        Raises `Misuse` for a link, for something that is neither file nor folder, for a name that a list
        cannot hold, and for two names that are one name in form NFC. If it is not `strict`, such a thing
        is given as a file without a digest, by its name as it may be shown.
        """
        found: dict[str, ListedFile] = {}
        for path in [self.folder] if below is None else below:
            for one, mode in self._walk(path):
                if strict:
                    self._check(one, mode)
                name = self._name(one, strict=strict)
                if not strict and (name in found or not stat.S_ISREG(mode)):
                    found[name] = ListedFile(name, None, "")
                    continue
                if name in found:
                    problem = (
                        "two names that are the same in form NFC of Unicode, or a file that is named twice"
                    )
                    raise Misuse(problem, where=str(one), remedy="rename one of them, or name it once")
                found[name] = ListedFile(name, *_digest(one))
        return sorted(found.values(), key=lambda f: f.path.encode())

    def digest(self, name: str) -> str | None:
        """SHA-256 (hex) of a file of this folder; None if there is no such file."""
        path = self.folder / name
        return _digest(path)[1] if path.is_file() and not path.is_symlink() else None

    def _walk(self, start: Path) -> Iterator[tuple[Path, int]]:
        """The path and the mode of everything that is no folder and that no rule leaves out."""
        waiting = [start]
        while waiting:
            path = waiting.pop()
            try:
                mode = (path.stat() if path == self.folder else path.lstat()).st_mode
                relative = path.relative_to(self.folder).as_posix()
                if relative != "." and self._rules.leave_out(relative, folder=stat.S_ISDIR(mode)):
                    self.ignored += 1
                elif stat.S_ISDIR(mode):
                    waiting += path.iterdir()
                elif self._without is None or path.resolve() != self._without:
                    yield path, mode
            except OSError as e:
                raise files.os_error(e, path, "read") from None

    def _check(self, path: Path, mode: int) -> None:
        if not stat.S_ISREG(mode):
            kind = "a link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
            rule = f"--ignore '/{path.relative_to(self.folder).as_posix()}'"
            remedy = f"put a file in its place, or leave it out: {rule}"
            raise Misuse(f"is {kind}, which a list of files cannot hold", where=str(path), remedy=remedy)

    def _name(self, path: Path, *, strict: bool) -> str:
        name = unicodedata.normalize("NFC", path.relative_to(self.folder).as_posix())
        if not strict:
            return name.encode("utf-8", "backslashreplace").decode()
        if problem := names.listed_path_problem(name):
            where = f"{self.folder}: {names.shown(name)}"
            raise Misuse(
                f"the name {problem}", where=where, remedy="rename the file, or leave it out with --ignore"
            )
        return name


class _Rules:
    """Rules in the form of .gitignore."""

    def __init__(self, lines: Sequence[str]) -> None:
        from pathspec import GitIgnoreSpec  # its patterns take a while to import

        self._spec = GitIgnoreSpec.from_lines(lines) if lines else None

    def leave_out(self, relative: str, *, folder: bool) -> bool:
        return self._spec is not None and self._spec.match_file(f"{relative}/" if folder else relative)


def rules_of(folder: Path) -> list[str]:
    """The rules that stand in a folder itself."""
    path = folder / IGNORE_FILE
    if not path.is_file():
        return []
    try:
        return files.read(path, limit=MAX_RULES).decode().splitlines()
    except UnicodeDecodeError:
        raise Misuse("is not UTF-8", where=str(path), remedy="save it as UTF-8") from None


def _digest(path: Path) -> tuple[int, str]:
    """Size and SHA-256 (hex) of the bytes that were read, which are one state of the file or none."""
    found, size = hashlib.sha256(), 0
    with files.open_input(path, limit=names.MAX_NUMBER) as f:
        before = os.fstat(f.fileno())
        while data := f.read(_BUFFER):
            found.update(data)
            size += len(data)
        after = os.fstat(f.fileno())
    if size != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise Misuse(
            "changed while it was read", where=str(path), remedy="run it again when nothing writes it"
        )
    return size, found.hexdigest()
