# SPDX-License-Identifier: Apache-2.0
"""Several files into a folder, whole or not at all: written beside it, synced, then renamed into place.

A folder that does not exist yet appears by one rename. In one that exists, files are replaced one by one, and
an error puts the old ones back; only a crash between two of these renames can leave old and new side by side.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from anchor.disk import files
from anchor.errors import AnchorError, Misuse


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new, empty folder to write files into; when the block ends well, its files are in `folder`.

    Raises `Misuse` or `Unavailable` when that cannot be; nothing is left behind then.
    """
    try:
        base = folder
        while not os.path.lexists(base):
            base = base.parent
        stage = Path(tempfile.mkdtemp(prefix=".anchor-", suffix=".tmp", dir=base))
    except OSError as e:
        raise files.os_error(e, folder, "write") from None
    try:
        yield stage
        try:
            _install(stage, folder)
        except OSError as e:
            raise files.os_error(e, folder, "write") from None
    except AnchorError as e:  # the folder that was asked for says more than one that is gone
        raise type(e)(e.problem, where=e.where.replace(str(stage), str(folder)), remedy=e.remedy) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _install(stage: Path, folder: Path) -> None:
    files.sync_folder(stage)
    if folder.is_dir():
        _replace(stage, folder)
        files.sync_folder(folder)
        return
    missing = [p for p in folder.parents if not p.exists()]
    files.make_folder(folder.parent, mode=files.PUBLIC)
    try:
        stage.chmod(files.PUBLIC)
        os.replace(stage, folder)
    except BaseException:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise
    for path in [*missing, folder]:
        files.sync_folder(path.parent)


def _replace(stage: Path, folder: Path) -> None:
    """Rename every file of the stage into the folder, or none."""
    names = sorted(p.name for p in stage.iterdir())
    for name in names:
        if (folder / name).is_dir():
            raise Misuse(
                "a folder is where a file should go", where=str(folder / name), remedy="choose another"
            )
    aside = stage / "aside"
    aside.mkdir()
    done: list[str] = []
    try:
        for name in names:
            done.append(name)
            if os.path.lexists(folder / name):
                os.replace(folder / name, aside / name)
            os.replace(stage / name, folder / name)
    except BaseException:
        for name in done:
            with contextlib.suppress(OSError):
                if os.path.lexists(aside / name):
                    os.replace(aside / name, folder / name)
                elif not (stage / name).exists():
                    os.unlink(folder / name)
        raise
