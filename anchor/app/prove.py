# SPDX-License-Identifier: Apache-2.0
"""`anchor prove`: receipts of the facts of a release, which is verified first.

No receipt is made of what was not checked: of a release that is refused, or of facts that do not give the
root of its signed statement.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, Unpack

from anchor.app import root_status
from anchor.app.verify import Opened, TrustOptions, open_release
from anchor.disk.spooled_files import SpooledFiles
from anchor.encoding import parse_json
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.format import receipt as receipts
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.fact_search import FactSearch
from anchor.format.facts import Value
from anchor.format.readers.reader import Stream
from anchor.format.receipt import JsonObject, ProvenFact, Receipt
from anchor.format.release import MAX_BUNDLE, Blob, Release
from anchor.format.statement import Statement
from anchor.merkle import MultiproofBuilder, leaf_hashes
from anchor.net.release_files import Remote
from anchor.verdict import Check, Class, Verdict
from anchor.verify import ledger_checks, steps
from anchor.verify.anchors import Trust
from anchor.verify.receipt import examine_receipt
from anchor.verify.release import ReleaseResult, examine_release
from anchor.verify.release_files import Files, read_whole
from anchor.words import several

_ACCEPTED = (None, Class.STALE, Class.WITHDRAWN)
"""Demotions of a release whose facts can be proven all the same: each is about the present."""


class VerifiedRelease(NamedTuple):
    """A release that was verified, and what its receipts need."""

    release: Release
    statement: Statement
    sha256: str
    """The digest of the statement, in hex."""
    bundles: tuple[JsonObject, ...]
    files: Files
    """The files, as they were read for the verification."""
    trust: Trust | None
    status: tuple[JsonObject, ...] = ()
    """The bundles of the status that is stapled to each receipt; empty if none is asked for."""
    opened: Path | None = None
    """The opening of a confidential ledger, as its user named it."""


class Examined(NamedTuple):
    """The verdict of a release, and the release if receipts can be made of it."""

    verdict: Verdict
    verified: VerifiedRelease | None
    notes: list[str]
    """About the trust, beside those of the verdict."""
    remarks: tuple[str, ...]
    """All notes about the trust: a receipt is made without the verdict being shown."""


class Proof(NamedTuple):
    """Facts that were found, and their multiproof. Without a fact the proof is empty."""

    facts: tuple[ProvenFact, ...]
    leaves: tuple[bytes, ...]
    """The leaf hash of each fact, 32 bytes."""
    hashes: tuple[bytes, ...]


class _ReadAgain:
    """Files of a release out of what was spooled of them."""

    def __init__(self, files: SpooledFiles) -> None:
        self._files = files

    def spool(self) -> AbstractContextManager[BinaryIO]:
        return self._files.spool()

    def open(self, path: str, *, size: int) -> AbstractContextManager[Stream]:
        return self._files.reopen(path, size=size)

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        return self._files.read_up_to(path, limit=limit)


@contextlib.contextmanager
def open_verified(
    release: str,
    *,
    staple: bool = False,
    opened_file: Path | None = None,
    progress: Callable[[int], object] | None = None,
    **given: Unpack[TrustOptions],
) -> Iterator[Examined]:
    """Verify a release (path or URL), under a policy if there is one. Each file is fetched once.

    Without a policy every check is made that needs none: bundles, statement and facts agree with each other,
    and nobody has said whose signature counts.
    """
    opened = open_release(release, **given)
    held = SpooledFiles(opened.files) if isinstance(opened.files, Remote) else None
    with contextlib.closing(held) if held else contextlib.nullcontext():
        result = examine_release(
            release,
            opened.data,
            held or opened.files,
            trust=opened.trust,
            now=datetime.now(UTC),
            progress=progress,
            effort=opened.effort,
        )
        verified = None
        if result.release is not None and _problem(result.verdict, opened.trust) is None:
            files = _ReadAgain(held) if held else opened.files
            verified = VerifiedRelease(
                release=result.release,
                statement=statements.decode(result.statement),
                sha256=hashlib.sha256(result.statement).hexdigest(),
                bundles=bundles_of(result.release, files),
                files=files,
                trust=opened.trust,
                status=_status(release, result, files, opened, given) if staple else (),
                opened=opened_file,
            )
        remarks = opened.trust.remarks if opened.trust else ()
        yield Examined(result.verdict, verified, opened.notes, (*remarks, *opened.notes))


def local_files(target: str, release: Release) -> list[Path]:
    """The paths of the files that a release on this machine consists of; none of one at a URL."""
    if "://" in target:
        return []
    folder = Path(target) if Path(target).is_dir() else Path(target).parent
    return [folder / path for path in release_file.paths(release)]


def _problem(verdict: Verdict, trust: Trust | None) -> Check | None:
    """The first check that did not pass, without that of a missing policy: it says nothing about what was
    signed."""
    absent = steps.POLICY.name if trust is None else ""
    return next((c for c in verdict.checks if c.demotes not in _ACCEPTED and c.name != absent), None)


def _status(
    target: str, result: ReleaseResult, files: Files, opened: Opened, given: TrustOptions
) -> tuple[JsonObject, ...]:
    """Every bundle of the status that a release.json names, as it is in its file. That of an earlier version
    names none; then it is the one that the root release.json names.

    Raises `Misuse` if there is none, or if it is by nobody whom the policy accepts. Without a policy it is as
    much a claim as the release.
    """
    assert result.release is not None
    if (named := result.release.status) is None:
        ledger, offline = result.release.ledger.name, given.get("offline", False)
        return root_status.bundles(target, ledger, trust=opened.trust, offline=offline)
    if result.anchors and result.status is None:
        remedy = "name the root release.json of a ledger with a status, or leave --staple out"
        raise Misuse("nobody whom you trust signed its status", where="--staple", remedy=remedy)
    return _parsed(named.bundles, files)


def bundles_of(release: Release, files: Files) -> tuple[JsonObject, ...]:
    """Every bundle of the release, as it is in its file."""
    return _parsed([anchor.bundle for anchor in release.anchors], files)


def _parsed(blobs: Sequence[Blob], files: Files) -> tuple[JsonObject, ...]:
    """The bundles of these entries of release.json."""
    found = []
    for blob in blobs:
        data = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=MAX_BUNDLE)
        found.append(parse_json(data, where=blob.path))
    return tuple(found)


def chunks(
    verified: VerifiedRelease, progress: Callable[[int], object] | None = None
) -> Iterator[tuple[Sequence[Sequence[Value]], list[bytes]]]:
    """The facts of a release beside their leaf bytes, in order and in lists."""
    done = 0
    if verified.statement.confidential and verified.opened is not None:
        from anchor.app.opened_ledger import facts_of_opening  # few ledgers are confidential

        found = facts_of_opening(verified.statement, verified.opened)
    else:
        found = ledger_checks.facts_with_leaves(verified.release, verified.statement, verified.files)
    for facts, leaves in found:
        yield facts, leaves
        done += len(leaves)
        if progress:
            progress(done)


def check_root(verified: VerifiedRelease, size: int, root: bytes) -> None:
    """Return if these are size and root of the signed tree. Raises `Unavailable`: both were right before.

    Of a confidential ledger the facts are those of its opening: then it raises `Refused`.
    """
    tree = verified.statement.tree
    if (size, root.hex()) != (tree.size, tree.root):
        if verified.statement.confidential:
            problem = (
                f"its {several(size, 'fact')} and its secret give root {root.hex()}, and not the signed one"
            )
            raise Refused(problem, where=str(verified.opened), remedy="name the opening of this release")
        raise Unavailable(
            "the facts are others than a moment ago: somebody changes the release",
            where=verified.release.files[0].path,
            remedy="try again when that is done",
        )


def search(
    verified: VerifiedRelease, wanted: FactSearch, progress: Callable[[int], object] | None = None
) -> Proof:
    """The facts that a search finds, and their proof. The facts are read once more, in bounded memory."""
    builder, leaves = MultiproofBuilder(), list[bytes]()
    for facts, leaf_bytes in chunks(verified, progress):
        hashes = leaf_hashes(leaf_bytes)
        first = builder.size()
        chosen = wanted.extend(facts, hashes)
        builder.extend(hashes, chosen)
        leaves += [hashes[index - first] for index in chosen]
    check_root(verified, builder.size(), builder.root())
    found = tuple(wanted.found)
    return Proof(found, tuple(leaves), tuple(builder.proof()) if found else ())


def receipt_of(verified: VerifiedRelease, proof: Proof) -> bytes:
    """The bytes of a receipt of the facts that were found, verified as its reader will verify it."""
    receipt = Receipt(
        kind="inclusion",
        bundles=verified.bundles,
        facts=proof.facts,
        proof=proof.hashes,
        status=verified.status,
    )
    return dumped(verified, receipt, remedy="ask for fewer facts, or make a receipt of each with --all")


def dumped(verified: VerifiedRelease, receipt: Receipt, *, remedy: str) -> bytes:
    """The bytes of a receipt, verified as its reader will verify it. `remedy`: of one that is too large."""
    try:
        data = receipts.dump(receipt)
    except Refused as e:
        raise Misuse(e.problem, where=e.where, remedy=remedy) from None
    check(verified, data)
    return data


def check(verified: VerifiedRelease, data: bytes) -> None:
    """Return if a receipt that was just made verifies. Raises `AnchorError`: its maker has a defect."""
    verdict = examine_receipt("receipt", data, trust=verified.trust, now=datetime.now(UTC)).verdict
    if (bad := _problem(verdict, verified.trust)) is not None:
        raise AnchorError(f"the receipt that was made does not verify: {bad.name}: {bad.detail}")


def source(verified: VerifiedRelease) -> str:
    """The release, for a person."""
    named = verified.release.ledger
    return f"{named.name} {named.version}, release number {named.number}"
