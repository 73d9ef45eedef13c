# SPDX-License-Identifier: Apache-2.0
"""Putting a verified release in place. The rename of the root release.json is the commit point.

A reader of the folder sees the old release or the new one at any moment, and each is whole. The folder of a
version appears by one rename. In a folder that exists, files are added before release.json names them.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from anchor import regex
from anchor.disk import files
from anchor.errors import AnchorError, Incomplete, Refused
from anchor.format import ledger_status as statuses
from anchor.format.names import RELEASE
from anchor.format.release import (
    Blob,
    File,
    Release,
    StatusFiles,
    dump,
    load,
    paths,
    relocate,
    with_status,
)
from anchor.net.release_files import Folder
from anchor.publish.documents import documents
from anchor.publish.plan import FOLDER, INCOMING, Plan, root_release
from anchor.verify.release_files import HashedStream

_HALF = regex.expression(r"\..+\.tmp")
"""Files on their way to their name (`files.write`) and the probe below."""
_PROBE = ".anchor-probe.tmp"


def clean(root: Path) -> None:
    """Remove the remains of an interrupted publication; the caller holds the lock."""
    folder = root / FOLDER
    for entry in folder.glob(f"{INCOMING}*"):
        shutil.rmtree(entry, ignore_errors=True)
    for path in (root / _PROBE, *root.glob(f".{RELEASE}.*.tmp"), *folder.rglob(".*.tmp")):
        if _HALF.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    if not _published(root):  # the documents of a version that was not published
        _remove_documents(folder)


def _published(root: Path) -> bool:
    return (root / RELEASE).exists() or any((root / FOLDER).glob(f"[!.]*/{RELEASE}"))


def _remove_documents(folder: Path) -> None:
    """Remove the files of `write_documents`, and the folders that are empty then."""
    for name, data in documents().items():
        with contextlib.suppress(OSError):
            if (folder / name).read_bytes() == data:
                (folder / name).unlink()
    for made in (*{(folder / name).parent for name in documents()} - {folder}, folder):
        with contextlib.suppress(OSError):
            made.rmdir()


@contextlib.contextmanager
def cleaned(root: Path) -> Iterator[None]:
    """`clean` before and after; the caller holds the lock. If a first release fails, the public side of the
    log is removed too: the log itself has it."""
    clean(root)
    logs = root / FOLDER / "log"
    there = logs.exists()
    try:
        yield
    finally:
        if not there and not _published(root):
            shutil.rmtree(logs, ignore_errors=True)
        clean(root)


def prepare(plan: Plan) -> Path:
    """The empty folder in which the version is made."""
    try:
        files.make_folder(plan.incoming, mode=files.PUBLIC, exist_ok=False)
    except OSError as e:
        raise files.os_error(e, plan.incoming, "make the folder") from None
    return plan.incoming


def move_into_place(plan: Plan) -> None:
    """Rename the made folder into place."""
    try:
        files.sync_folder(plan.incoming)
        os.replace(plan.incoming, plan.folder)
        files.sync_folder(plan.folder.parent)
    except OSError as e:
        raise files.os_error(e, plan.folder, "put the release in place") from None


def extend(plan: Plan, release: Release) -> None:
    """Add the made files to a version that is in place: new ones first, its release.json last."""
    assert plan.existing is not None
    for path in paths(release):
        if not (plan.folder / path).exists():
            files.write(plan.folder / path, (plan.incoming / path).read_bytes())
    files.write(plan.folder / RELEASE, dump(release))
    shutil.rmtree(plan.incoming, ignore_errors=True)


def write_documents(plan: Plan) -> None:
    """Put the specification and the schemas beside the versions."""
    for name, data in documents().items():
        path = plan.root / FOLDER / name
        if not path.is_file() or path.read_bytes() != data:
            files.write(path, data)


def log_folder(root: Path, name: str) -> Path:
    """The folder for the public side of an embedded log."""
    return root / FOLDER / "log" / name


def commit(plan: Plan, release: Release) -> None:
    """The commit point: the root release.json, unless it names a newer release already.

    If somebody published meanwhile, or it cannot be written, the new folder of the version is removed again.
    """
    status = plan.status.files if plan.status else None
    data = dump(with_status(relocate(release, f"{FOLDER}/{plan.ledger.version}/"), status))
    try:
        plan.check_unchanged()
        if plan.newest <= plan.ledger.number and data != plan.current:
            files.write(plan.root / RELEASE, data)
    except AnchorError:
        if plan.existing is None and root_release(plan.root) != data:
            shutil.rmtree(plan.incoming, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.replace(plan.folder, plan.incoming)
        raise


def commit_status(plan: Plan, named: StatusFiles) -> None:
    """The commit point of a status: the root release.json, which names the same release and this status.

    If somebody published meanwhile, the folder of the status stays, and nothing names it.
    """
    plan.check_unchanged()
    assert plan.current is not None
    files.write(plan.root / RELEASE, dump(with_status(load(plan.current), named)))


def status_folder(root: Path, sequence: int) -> Path:
    """The folder of a status."""
    return root / statuses.FOLDER / str(sequence)


def write_status(root: Path, named: StatusFiles, made: Mapping[str, bytes]) -> None:
    """Put the files of a status in its place: it appears by one rename. `made`: the bytes by path.

    What a killed publication left there of the very same status is replaced. Raises `Refused` for the files
    of another status.
    """
    folder = status_folder(root, named.sequence)
    there = folder / statuses.FILE
    if folder.exists():
        data = files.read(there, limit=statuses.MAX_STATUS) if there.exists() else b""
        if data and data != made[named.statement.path]:
            raise Refused(
                f"another status {named.sequence} lies there",
                where=str(folder),
                remedy="get the newest state of the published folder; nothing names that status here",
            )
    incoming = root / FOLDER / f"{INCOMING}status"
    shutil.rmtree(incoming, ignore_errors=True)
    for path, data in made.items():
        files.write(incoming / path.rpartition("/")[2], data)
    try:
        files.make_folder(folder.parent, mode=files.PUBLIC)
        shutil.rmtree(folder, ignore_errors=True)
        files.sync_folder(incoming)
        os.replace(incoming, folder)
        files.sync_folder(folder.parent)
    except OSError as e:
        raise files.os_error(e, folder, "put the status in place") from None


def check_whole(plan: Plan) -> None:
    """Raise `Refused` if a file in place is not the one that its release.json names."""
    existing = plan.existing
    assert existing is not None
    folder = Folder(plan.folder)
    named: list[File | Blob] = [*existing.files, existing.statement, *existing.trusted_roots]
    for file in (*named, *(a.bundle for a in existing.anchors)):
        try:
            with folder.open(file.path, size=file.size) as stream:
                HashedStream(stream).finish(
                    size=file.size, sha256=file.sha256, where=str(plan.folder / file.path)
                )
        except Incomplete as e:  # the publisher's own folder is not a site that is being copied
            raise Refused(e.problem, where=str(plan.folder / file.path)) from None


@contextlib.contextmanager
def made_root(root: Path) -> Iterator[None]:
    """Make the folder if only its last part is missing; remove it again if it stays empty."""
    try:
        made = not root.exists()
        root.mkdir(exist_ok=True)
        if made:
            root.chmod(files.PUBLIC | root.stat().st_mode & 0o2000)
    except OSError as e:
        raise files.os_error(e, root, "write") from None
    try:
        yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                root.rmdir()


def check_writable(root: Path) -> None:
    """Fail early when the folder cannot be written; the caller holds the lock."""
    probe = root / _PROBE
    try:
        probe.write_bytes(b"\n")
        probe.unlink()
    except OSError as e:
        raise files.os_error(e, root, "write") from None
