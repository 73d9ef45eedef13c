# SPDX-License-Identifier: Apache-2.0
"""The facts of a release as they are compared: those that its statement commits to, or none."""

from typing import BinaryIO

from anchor.compare.stored import StoredFacts, store, store_ledger_json
from anchor.errors import Misuse, Refused
from anchor.format.release import Release
from anchor.format.statement import OUR_FILE, Statement
from anchor.verify import ledger_checks
from anchor.verify.release_files import Files, HashedStream


def read(release: Release, signed: Statement, files: Files, spool: BinaryIO) -> StoredFacts:
    """The facts of a release, from the lines of its ledger.json, which are their leaves.

    Without a ledger.json they are read from the originals. `spool` is empty, and gets the leaves. Raises
    `Refused` if they are not those of the statement, `Misuse` if the facts are not published.
    """
    if signed.confidential:
        remedy = "compare releases whose facts are published"
        raise Misuse(ledger_checks.NOT_PUBLISHED, where=release.ledger.version, remedy=remedy)
    ours = next((file for file in release.files if file.name == OUR_FILE), None)
    if signed.ours is None or ours is None:
        with ledger_checks.open_facts(release, signed, files) as table:
            facts, _ = store(table, spool)
    else:
        with files.open(ours.path, size=ours.size) as raw:
            stream = HashedStream(raw)
            facts = store_ledger_json(stream, signed.columns, spool, where=ours.path)
            stream.finish(size=ours.size, sha256=signed.digests[OUR_FILE], where=ours.path)
    if (facts.root.hex(), len(facts)) != (signed.tree.root, signed.tree.size):
        raise Refused("its facts are not those of its statement", where=OUR_FILE)
    return facts
