# SPDX-License-Identifier: Apache-2.0
"""`anchor verify`: a published release, from a path or a URL, under the verifier's trust."""

import time
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from anchor.app import named_release
from anchor.app.trust import trust_for
from anchor.errors import Misuse, RootNotHere
from anchor.net.budget import Budget
from anchor.verdict import Class
from anchor.verify.effort import Effort
from anchor.verify.release import ReferenceClient, ReleaseResult, Trust
from anchor.verify.release_files import Files

if TYPE_CHECKING:
    from anchor.format.file_lists import ListedFile

BUDGET = 120.0
"""Seconds for everything that is fetched."""


class Opened(NamedTuple):
    """A release that is about to be verified, and the trust of the verifier."""

    data: bytes
    """release.json."""
    files: Files
    trust: Trust | None
    notes: list[str]
    """About the trust."""
    effort: Effort
    reference_client: ReferenceClient | None


class TrustOptions(TypedDict, total=False):
    """The options that say which signatures count, and whether a connection may be made."""

    policy: Path | None
    ledger: str | None
    identity: str | None
    issuer: str | None
    trusted_root: str | None
    offline: bool


def open_release(release: str, *, second_opinion: bool = False, **given: Unpack[TrustOptions]) -> Opened:
    """The release and the trust. The policy is a file, or the four options that say the same."""
    budget, offline = Budget(BUDGET), given.get("offline", False)
    opened = cache(partial(named_release.load, release, budget, offline=offline))
    try:
        trust, notes = trust_for(
            release,
            policy=given.get("policy"),
            ledger=given.get("ledger"),
            identity=given.get("identity"),
            issuer=given.get("issuer"),
            trusted_root=given.get("trusted_root"),
            budget=budget,
            offline=offline,
            opened=opened,
        )
    except RootNotHere:
        opened()  # a release that cannot be read is told first
        raise
    data, files = opened()
    client = _reference_client() if second_opinion and trust is not None else None
    return Opened(data, files, trust, notes, Effort(stopwatch=time.thread_time), client)


def with_named_facts(
    result: ReleaseResult, data: bytes, files: Files, *, trust: Trust | None, effort: Effort
) -> ReleaseResult:
    """The result of verifying release.json (`data`), which names the facts that somebody changed, if any."""
    if result.verdict.verdict not in (Class.INVALID, Class.UNAVAILABLE):
        return result
    from anchor.verify import altered  # only for a release that does not verify

    return altered.named(result, data, files, trust=trust, now=datetime.now(UTC), effort=effort)


def with_listed(result: ReleaseResult, files: Files, folder: str) -> ReleaseResult:
    """The result with one more check: the files of a folder are those that the release lists."""
    from anchor.verify.listed_files import check_files  # only for a list of files

    if not folder:
        raise Misuse("an empty path", where="--files")
    return check_files(result, files, partial(_found, Path(folder)))


def with_documents(result: ReleaseResult, folder: str) -> ReleaseResult:
    """The result with the check of the source documents that a folder has."""
    from anchor.disk.document_files import digests_at_hand  # only who has the documents needs it
    from anchor.verify.source_documents import check_documents

    if not folder:
        raise Misuse("an empty path", where="--evidence")
    return check_documents(result, partial(digests_at_hand, Path(folder)))


def _found(folder: Path, listed: dict[str, str]) -> "list[ListedFile]":
    """The files of a folder.

    Its own rules leave something out only if the file of the rules is listed and was not changed. Whoever put
    files there could hide them otherwise.
    """
    from anchor.disk.file_tree import IGNORE_FILE, FileTree, rules_of

    tree = FileTree(folder)
    rules = tree.digest(IGNORE_FILE)
    if rules is not None and rules == listed.get(IGNORE_FILE):
        tree = FileTree(folder, rules=rules_of(folder))
    return tree.files(strict=False)


def _reference_client() -> ReferenceClient:
    """The sigstore client. Its import takes longer than the whole verification."""
    from anchor.signing.reference_client import second_opinion

    return second_opinion
