# SPDX-License-Identifier: Apache-2.0
"""The folder of a mirror: files that are kept, and new ones that wait until everything is verified.

New files wait in a hidden folder on the same file system. Each is put in its place by one rename. No path
leads out of the folder. A file that waits survives a crash, and is used again if its digest fits.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from anchor.disk import files, lock
from anchor.errors import Misuse, Refused

STATE = ".anchor-mirror"
"""The hidden folder. It also says that the folder is a mirror."""
_CHUNK = 1 << 20


class MirrorFolder:
    """A mirror that this process holds; made by `held`. Paths are relative, with `/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept = files.ConfinedFolder(folder)
        self._waiting = files.ConfinedFolder(folder / STATE / "new")
        self._fitting: set[tuple[str, str]] = set()

    def kept(self, path: str) -> Path:
        """The place of a file in the mirror. Raises Refused for a path that leads elsewhere."""
        if path.split("/", maxsplit=1)[0] == STATE:
            raise Refused("a path into the mirror's own folder", where=path)
        return self._kept.path(path)

    def waiting(self, path: str) -> Path:
        """The place of a new file until it is put in its place."""
        return self._waiting.path(path)

    def has(self, path: str, *, size: int, sha256: str) -> bool:
        """True if the mirror has this file with these bytes."""
        return self._fits(self.kept(path), path, size, sha256)

    def is_waiting(self, path: str, *, size: int, sha256: str) -> bool:
        """True if the new file with these bytes is there."""
        return self._fits(self.waiting(path), f"{STATE}/{path}", size, sha256)

    def _fits(self, place: Path, name: str, size: int, sha256: str) -> bool:
        """Each file is hashed once in a run: nobody else writes here meanwhile."""
        if (name, sha256) in self._fitting:
            return True
        if not place.is_file() or place.stat().st_size != size:
            return False
        digest = hashlib.sha256()
        with files.open_input(place, limit=size) as stream:
            while data := stream.read(_CHUNK):
                digest.update(data)
        if digest.hexdigest() == sha256:
            self._fitting.add((name, sha256))
        return (name, sha256) in self._fitting

    def add(self, path: str, chunks: Iterable[bytes]) -> Path:
        """Write a new file, durably. If the source of its bytes fails, nothing is left of it."""
        self.kept(path)
        place = self.waiting(path)
        self._fitting = {one for one in self._fitting if one[0] != f"{STATE}/{path}"}
        try:
            files.make_folder(place.parent, mode=files.PRIVATE)
            with place.open("wb") as out:
                for data in chunks:
                    out.write(data)
                out.flush()
                os.fchmod(out.fileno(), 0o644)
                os.fsync(out.fileno())
        except OSError as e:
            place.unlink(missing_ok=True)
            raise files.os_error(e, place, "write") from None
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        return place

    def put(self, path: str) -> bool:
        """Put a new file in its place, durably. False if no new file of this name waits."""
        place, new = self.kept(path), self.waiting(path)
        if not new.is_file():
            return False
        try:
            files.make_folder(place.parent, mode=files.PUBLIC)
            os.replace(new, place)
            files.sync_folder(place.parent)
        except OSError as e:
            raise files.os_error(e, place, "put in place") from None
        return True

    def write(self, path: str, data: bytes) -> None:
        """Replace a small file as a whole, unless it has these bytes already."""
        place = self.kept(path)
        if self.read(path, limit=len(data)) != data:
            files.make_folder(place.parent, mode=files.PUBLIC)
            files.write(place, data)

    def read(self, path: str, *, limit: int) -> bytes | None:
        """The bytes of a kept file of at most this size; None if there is no such file."""
        place = self.kept(path)
        if not place.is_file() or place.stat().st_size > limit:
            return None
        return files.read(place, limit=limit)

    def waiting_size(self) -> int:
        """The bytes of all new files that wait."""
        waiting = self.folder / STATE / "new"
        return sum(path.lstat().st_size for path in waiting.rglob("*") if path.is_file())

    def forget_waiting(self) -> None:
        """Remove the new files that were not put in place."""
        shutil.rmtree(self.folder / STATE / "new", ignore_errors=True)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[MirrorFolder]:
    """The mirror in a folder, for this process alone; an empty or missing folder becomes one.

    Raises Misuse for a folder with other files in it, Unavailable if another process works there.
    """
    try:
        files.make_folder(folder, mode=files.PUBLIC)
        if not (folder / STATE).is_dir() and any(folder.iterdir()):
            raise Misuse("is not empty, and no mirror", where=str(folder), remedy="name an empty folder")
        files.make_folder(folder / STATE, mode=files.PRIVATE)
    except FileExistsError:
        raise Misuse("is no folder", where=str(folder), remedy="name another one") from None
    except OSError as e:
        raise files.os_error(e, folder, "make the mirror") from None
    with lock.exclusive(folder, doing="mirroring"):
        for half in folder.rglob(".*.tmp"):  # of `files.write`, from a run that was killed
            half.unlink(missing_ok=True)
        yield MirrorFolder(folder)
