# SPDX-License-Identifier: Apache-2.0
"""A private folder that is new: made beside its place, and put in place by one rename, or not at all."""

import contextlib
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from anchor.disk import files
from anchor.disk.lock import exclusive
from anchor.errors import Misuse, Unavailable


@contextlib.contextmanager
def new_folder(folder: Path, *, doing: str, remedy: str) -> Iterator[Path]:
    """An empty folder with mode 0700 to fill with files that are on the disk; it is `folder` when the block
    has ended well.

    `doing` says what is made, `remedy` what to do where something is in its place already, which is never
    overwritten. Raises `Misuse` or `Unavailable`. A process that was killed leaves a folder with a dot; the
    next call removes it, unless it is in use.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Misuse("is there already and is not overwritten", where=str(folder), remedy=remedy)
        files.make_folder(folder.parent, mode=files.PRIVATE)
        _sweep(folder, doing)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
        try:
            with exclusive(made, doing=doing):
                yield made
                made.rename(folder)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        files.sync_folder(folder.parent)
    except OSError as e:
        raise files.os_error(e, folder, "write") from None


def _sweep(folder: Path, doing: str) -> None:
    """Remove folders that killed processes left: a folder in use is locked."""
    for left in folder.parent.glob(f".{folder.name}.*.tmp"):
        if not stat.S_ISDIR(left.lstat().st_mode):
            continue
        try:
            with exclusive(left, doing=doing):
                shutil.rmtree(left, ignore_errors=True)
        except Unavailable:
            continue
