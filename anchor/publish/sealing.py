# SPDX-License-Identifier: Apache-2.0
"""The sealed ledger of a planned release: facts, root and statement. Nothing is signed.

This module imports no signing client, so `--dry-run` starts fast.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anchor.disk import confidential_ledger, ledger_file
from anchor.disk.ledger_file import LedgerFile, SchemaFile, SealedFile
from anchor.errors import Misuse, Refused
from anchor.format import names
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.names import RELEASE
from anchor.format.source_evidence import Descriptor
from anchor.format.statement import Statement
from anchor.publish import install, release_secrets
from anchor.publish.online import Online
from anchor.publish.plan import Plan, plan
from anchor.publish.release_secrets import Draft


@dataclass(frozen=True, kw_only=True)
class PublishRequest:
    """The ledger to publish, and its version, folder and home."""

    ledger: tuple[LedgerFile, ...]
    """The files of the ledger, in order."""
    name: str
    version: str
    root: Path
    home: Path
    schema: SchemaFile | None = None
    """A Table Schema to publish beside the ledger."""
    evidence: tuple[Descriptor, ...] = ()
    """The source documents to commit to."""
    abandon: bool = False
    """Give up an interrupted publication that stands in the way."""
    online: Online | None = None
    """The newest release online, which this one must not contradict."""
    new_signer: bool = False
    """Go on as another signer than that of the release before."""
    blind: bool | None = None
    """True: publish leaf hashes, and no facts. False: publish the facts, also if the release before did not.
    None: publish them, unless the release before, or a draft of this one, did not."""
    index: tuple[tuple[str, ...], ...] = ()
    """The key columns of each index."""
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
    draft: Draft | None = None
    """The secret of a confidential release, which may not be kept yet."""

    @property
    def digest(self) -> str:
        """SHA-256 of the statement's bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


def seal(request: PublishRequest, *, folder: Path | None, planned: Plan) -> Sealing:
    """Facts, root and statement; with `folder`, the ledger files in it."""
    check_blind(request, planned)
    if request.blind:
        found = _seal_blind(request, folder, planned)
        _check_same(found)
        return found
    sealed = ledger_file.seal_file(
        request.ledger,
        ledger=planned.ledger,
        schema=request.schema,
        folder=folder,
        progress=request.progress,
        keys=request.index,
    )
    statement = sealed.commit(
        planned.ledger, planned.previous, status=planned.known, evidence=request.evidence
    )
    if folder is not None:
        ledger_file.drop_left_out(folder, statement)
    found = Sealing(plan=planned, sealed=sealed, statement=statement, data=statements.encode(statement))
    _check_same(found)
    return found


def check_blind(request: PublishRequest, planned: Plan) -> None:
    """Raise `Misuse` if the release before, or a draft of this one, is confidential, and nobody said whether
    this one is."""
    if request.blind is not None or planned.existing is not None:
        return
    before = release_file.load(planned.current).files if planned.current is not None else ()
    if any(file.name == names.LEAVES for file in before):
        what = "the release before"
    elif release_secrets.drafts(request.home, planned.ledger):
        what = "a draft of this release"
    else:
        return
    raise Misuse(
        f"{what} is confidential, and this would publish every fact",
        where=request.name,
        remedy="give --blind; or --no-blind, if the facts are meant to be public",
    )


def _seal_blind(request: PublishRequest, folder: Path | None, planned: Plan) -> Sealing:
    """Seal with the secret of this very draft, if the home has it, else with a new one.

    The draft is the same if the statement is the same, so each secret of this number is tried.
    """
    known = release_secrets.drafts(request.home, planned.ledger)
    if planned.existing is not None:
        known = [d for d in known if d.statement == planned.existing.statement.sha256]
        if not known:
            raise Misuse(
                "this version is published, and this home does not have its secret",
                where=str(release_secrets.path(request.home, planned.existing.statement.sha256)),
                remedy="name the home that published it with --home; 'anchor verify' needs no secret",
            )
    for draft in known:
        found = _sealed_with(draft.key, request, folder, planned)
        if found.digest == draft.statement or planned.existing is not None:
            return found
        if folder is not None:
            for file in found.sealed.files:
                (folder / file.name).unlink()
    return _sealed_with(confidential_ledger.new_secret(), request, folder, planned)


def _sealed_with(secret: bytes, request: PublishRequest, folder: Path | None, planned: Plan) -> Sealing:
    sealed = confidential_ledger.seal_confidential(
        request.ledger,
        ledger=planned.ledger,
        secret=secret,
        schema=request.schema,
        folder=folder,
        progress=request.progress,
    )
    statement = sealed.commit(
        planned.ledger, planned.previous, status=planned.known, evidence=request.evidence
    )
    data = statements.encode(statement)
    digest = hashlib.sha256(data).hexdigest()
    draft = Draft(ledger=planned.ledger, statement=digest, secret=secret.hex())
    return Sealing(plan=planned, sealed=sealed, statement=statement, data=data, draft=draft)


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
            f"version {existing.ledger.version} is published with other facts, files or indexes, or other "
            "source documents",
            where=str(sealing.plan.folder),
            remedy="a published version never changes: publish the new ledger as the next --version",
        )
    signed = sealing.statement
    if existing.tree != signed.tree or {f.name: f.sha256 for f in existing.files} != signed.digests:
        raise Refused("is not what the statement beside it says", where=str(sealing.plan.folder / RELEASE))
    install.check_whole(sealing.plan)
