# SPDX-License-Identifier: Apache-2.0
"""The sealed ledger of a planned release: facts, root and statement. Nothing is signed.

This module imports no signing client, so `--dry-run` starts fast.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anchor.disk import ledger_file
from anchor.disk.ledger_file import SealedFile
from anchor.errors import Refused
from anchor.format import statement as statements
from anchor.format.statement import SourceFile, Statement, Tree
from anchor.publish import install
from anchor.publish.plan import Plan, plan


@dataclass(frozen=True, kw_only=True)
class PublishRequest:
    """The ledger to publish, and its version, folder and home."""

    ledger: Path
    name: str
    version: str
    root: Path
    home: Path
    reader: str | None = None
    """The reader of the ledger; None: by its file name."""
    abandon: bool = False
    """Give up an interrupted publication that stands in the way."""
    new_signer: bool = False
    """Go on as another signer than that of the release before."""
    progress: Callable[[int], object] | None = None
    """Called with the number of facts sealed, now and then."""


@dataclass(frozen=True, kw_only=True)
class Sealing:
    """A planned release with its statement; nothing is signed yet."""

    plan: Plan
    sealed: SealedFile
    statement: Statement
    data: bytes
    """The statement's bytes."""

    @property
    def digest(self) -> str:
        """SHA-256 of the statement's bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


def seal(request: PublishRequest, *, folder: Path | None, planned: Plan) -> Sealing:
    """Facts, root and statement; with `folder`, the ledger files in it."""
    sealed = ledger_file.seal_file(
        request.ledger,
        ledger=planned.ledger,
        folder=folder,
        reader=request.reader,
        progress=request.progress,
    )
    statement = statements.commit(
        ledger=planned.ledger,
        tree=Tree.of(sealed.sealed.root, sealed.sealed.size),
        columns=sealed.sealed.columns,
        original=SourceFile(name=sealed.source.name, reader=sealed.reader),
        digests={f.name: f.sha256 for f in sealed.files},
        previous=planned.previous,
    )
    found = Sealing(plan=planned, sealed=sealed, statement=statement, data=statements.encode(statement))
    _check_same(found)
    return found


def dry_run(request: PublishRequest) -> Sealing:
    """Everything that would be signed; nothing is written or sent."""
    return seal(request, folder=None, planned=plan(request.root, name=request.name, version=request.version))


def _check_same(sealing: Sealing) -> None:
    """Raise `Refused` if this version is published with another statement, or not whole any more."""
    existing = sealing.plan.existing
    if existing is None:
        return
    if sealing.digest != existing.statement.sha256:
        raise Refused(
            f"version {existing.ledger.version} is published with other facts or files",
            where=str(sealing.plan.folder),
            remedy="a published version never changes: publish the new ledger as the next --version",
        )
    signed = sealing.statement
    if existing.tree != signed.tree or {f.name: f.sha256 for f in existing.files} != signed.digests:
        raise Refused(
            "is not what the statement beside it says", where=str(sealing.plan.folder / install.RELEASE)
        )
    install.check_whole(sealing.plan)
