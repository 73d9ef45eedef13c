# SPDX-License-Identifier: Apache-2.0
"""Copies of the home of a witness, and the way back from one.

The danger is a store that is older than what the keys have cosigned since: with it, a witness can cosign a
second history. Nothing in the copy shows that. So the operator who puts a copy back says that nothing was
cosigned since. Or he gives the newest checkpoints with the witness's own cosignatures. Then the store is
raised to these.
"""

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from anchor.disk.lock import exclusive
from anchor.disk.new_folder import new_folder
from anchor.disk.private_copy import copy_file, copy_tree
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.tlog import checkpoint, note, witnessing
from anchor.witness import held_store, known_logs, witness_home
from anchor.witness.held_store import FILE, MARK, WAL, Store
from anchor.witness.known_logs import KnownLogs
from anchor.witness.witness_home import Home


@dataclass(frozen=True)
class Raised:
    """A log whose held tree was raised to one that this witness had cosigned; `before` is 0 for no tree."""

    origin: str
    before: int
    after: int


def back_up(home: Home, target: Path) -> None:
    """Copy a home, which may be in use, to a folder that does not exist yet. It holds the private keys."""
    _check_outside(target, home.folder)
    with _new(target) as made:
        copy_tree(home.folder, made, _wanted)
        held_store.copy(home.folder, made / FILE)


def restore(
    source: Path, target: Path, notes: Iterable[tuple[str, bytes]], *, rolled_back: bool
) -> tuple[Home, list[Raised]]:
    """Make a home from a copy, and raise its store to `notes`, each with its name for messages.

    `rolled_back`: accept a store that is behind the mark in the copy. Raises `Misuse` if something is in the
    place of the home, or if the copy is damaged; `Unavailable` if a witness is running in the copy.
    """
    witness_home.with_publisher(target)
    witness_home.load(source)
    _check_outside(target, source)
    with _new(target) as made, exclusive(source, doing="running a witness"):
        copy_tree(source, made, _wanted)
        _copy_store(source, made)
        home = witness_home.load(made)
        if not (made / MARK).exists():
            held_store.first_mark(made, home.identity)
        held_store.check(made, home.identity)
        raised = catch_up(home, notes, rolled_back=rolled_back)
    return witness_home.load(target), raised


def catch_up(home: Home, notes: Iterable[tuple[str, bytes]], *, rolled_back: bool) -> list[Raised]:
    """Raise the store of a home to checkpoints that bear its own cosignature.

    `rolled_back`: accept a store that is behind its mark, once every checkpoint was taken. Raises `Misuse`
    for a checkpoint that is not of a log in the list, or that this witness did not cosign, or that
    contradicts the store.
    """
    logs = known_logs.load(home.folder)
    with contextlib.closing(home.store(rolled_back=rolled_back)) as store:
        found = [_raise(home, store, logs, name, raw) for name, raw in notes]
        if store.behind:
            store.accept()
        return [raised for raised in found if raised is not None]


def _raise(home: Home, store: Store, logs: KnownLogs, name: str, raw: bytes) -> Raised | None:
    try:
        found = checkpoint.parse(raw)
    except Refused as e:
        raise Misuse(str(e), where=name) from None
    log = logs.get(found.origin)
    if log is None:
        raise Misuse(
            f"of {found.origin!r}, a log that is not in the list",
            where=name,
            remedy="add it first ('anchor witness logs add')",
        )
    try:
        note.verify(found.note, log.keys)
    except AnchorError as e:
        raise Misuse(f"not signed by the log: {e}", where=name) from None
    if not witnessing.own_cosignatures(found, home.signers)[0]:
        raise Misuse("this witness did not cosign it", where=name)
    held = store.get(found.origin)
    if held is not None and (held.size, held.root) != (found.size, found.root) and held.size == found.size:
        raise Misuse(
            f"this witness cosigned two roots of size {held.size} of {found.origin}",
            where=name,
            remedy=f"stop it: {held_store.NEW_WITNESS}",
        )
    after = witnessing.signed_before(found, witnessing.only(found, log.keys), held, home.signers)
    if after is None:
        return None
    if not store.replace(found.origin, held, after):
        raise Unavailable("another process changed the store", where=str(home.folder))
    return Raised(found.origin, held.size if held else 0, after.size)


def _check_outside(target: Path, source: Path) -> None:
    """A copy in the folder itself would be lost with it, and be in the next copy."""
    if target.resolve().is_relative_to(source.resolve()):
        raise Misuse("is inside of the home that is copied", where=str(target), remedy="name another folder")


def _wanted(path: str) -> bool:
    """True for everything in a home except the store, and what a killed process left."""
    name = Path(path).name
    return not path.startswith(FILE) and path != MARK and not (name.startswith(".") and name.endswith(".tmp"))


def _copy_store(source: Path, target: Path) -> None:
    """Copy the files of a store, byte for byte. A witness that was killed has its newest trees beside the
    file. `back_up` makes a copy without a mark."""
    for name in (FILE, WAL, MARK):
        if name == FILE or (source / name).exists():
            copy_file(source / name, target / name)


def _new(target: Path) -> AbstractContextManager[Path]:
    return new_folder(target, doing="copying a witness", remedy="name another folder")
