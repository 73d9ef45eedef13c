# SPDX-License-Identifier: Apache-2.0
"""The entry of a status from the words of a publisher: which release or fact, from the published folder."""

from pathlib import Path

from anchor.disk import files
from anchor.encoding import MAX_DIGITS
from anchor.errors import Misuse, Refused
from anchor.format import names
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.leaves import Leaves
from anchor.format.ledger_status import About, Entry, Fact, Kind
from anchor.format.names import RELEASE
from anchor.format.release import MAX_RELEASE, Release
from anchor.format.statement import Statement
from anchor.merkle.hashing import leaf_hash
from anchor.net.release_files import Folder
from anchor.publish.plan import FOLDER
from anchor.verify import ledger_checks
from anchor.words import several


def entry(
    root: Path, *, version: str, fact: int | None, kind: Kind, reason: str, replaced_by: str | None
) -> Entry:
    """The entry about a version of the ledger in a folder, or about one `fact` of it (its index from 0).

    `replaced_by`: a version, or VERSION#INDEX for a fact. Raises `Misuse` for what is not published there.
    """
    if problem := names.text_problem(reason):
        raise Misuse(f"{names.shown(reason)} {problem}", where="--reason", remedy="write it in one line")
    about = _about(root, version, fact, "--release")
    other = _replacement(root, replaced_by) if replaced_by is not None else None
    if other is not None and other == about:
        raise Misuse("is replaced by itself", where="--replaced-by", remedy="name another one")
    made = {"replaced_by": other} if other is not None else {}
    return Entry(
        number=about.number, statement=about.statement, fact=about.fact, kind=kind, reason=reason, **made
    )


def _replacement(root: Path, text: str) -> About:
    version, _, index = text.partition("#")
    if "#" in text and not (index.isascii() and index.isdigit() and len(index) <= MAX_DIGITS):
        raise Misuse(
            f"{names.shown(index)} is no index of a fact", where="--replaced-by", remedy="write VERSION#INDEX"
        )
    return _about(root, version, int(index) if index else None, "--replaced-by")


def _about(root: Path, version: str, fact: int | None, where: str) -> About:
    """The release of this version, or a fact of it, as its files in the folder say."""
    folder = root / FOLDER / version
    path = folder / RELEASE
    if names.version_problem(version) or not path.is_file():
        raise Misuse(
            f"no version {names.shown(version)} is published here", where=where, remedy=f"see {root / FOLDER}"
        )
    release = release_file.load(files.read(path, limit=MAX_RELEASE))
    newest = release_file.load(files.read(root / RELEASE, limit=MAX_RELEASE))
    if release.ledger.name != newest.ledger.name:
        problem = f"is a release of {names.shown(release.ledger.name)}"
        raise Misuse(problem, where=str(path), remedy="run anchor verify on it")
    from_folder = Folder(folder)
    signed = statements.decode(ledger_checks.read_statement(release, from_folder))
    ledger_checks.compare(release, signed)
    named = About(number=release.ledger.number, statement=release.statement.sha256)
    if fact is None:
        return named
    if not 0 <= fact < signed.tree.size:
        raise Misuse(
            f"version {version} has the facts 0 to {signed.tree.size - 1}, and not {fact}", where="--fact"
        )
    leaf = _leaf(release, signed, from_folder, fact)
    return About(number=named.number, statement=named.statement, fact=Fact(index=fact, leaf=leaf.hex()))


def _leaf(release: Release, signed: Statement, folder: Folder, index: int) -> bytes:
    """The leaf hash of a fact, read from the files that the statement names by their digests."""
    if signed.confidential:
        return ledger_checks.published_leaf(release, signed, folder, index)
    found, done = b"", 0
    with ledger_checks.open_facts(release, signed, folder) as table:
        for leaves in Leaves(table):
            if done <= index < done + len(leaves):
                found = leaf_hash(leaves[index - done])
            done += len(leaves)
    if not found:
        raise Refused(f"{several(done, 'fact')} where the statement has {signed.tree.size}", where="ledger")
    return found
