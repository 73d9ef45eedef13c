# SPDX-License-Identifier: Apache-2.0
"""The receipts of a fact's life: one for each span, of the facts of its key in the first release of the span.

The releases were verified when the life was followed. Their files are read again, held to the digests that
were verified. FORMAT.md section 22.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from anchor.app import prove
from anchor.app.chain import Chain
from anchor.app.search import Followed, Readable
from anchor.compare.lives import Span
from anchor.disk import files
from anchor.disk.staged_folder import staged
from anchor.encoding import parse_json
from anchor.errors import AnchorError, Misuse
from anchor.format.fact_search import ByIndex
from anchor.format.receipt import JsonObject
from anchor.verify.anchors import Trust

MOST = 100
"""Receipts of one command: each reads its ledger once more."""


class Place(NamedTuple):
    """A span: the life that it is of, and its place there, both from 0."""

    life: int
    span: int


def write(followed: Followed, chain: Chain, folder: Path) -> dict[Place, str]:
    """Write the receipts into a folder, all or none. Returns the name of each file.

    The accepted status beside the newest release of the chain, if there is one, is stapled to each.

    Raises `Misuse` for more than `MOST`, and the errors of a release that is served differently now.
    """
    wanted = list(_wanted(followed))
    if len(wanted) > MOST:
        raise Misuse(
            f"{len(wanted)} receipts, more than {MOST}", where="--receipts", remedy="say more with --where"
        )
    found: dict[Place, str] = {}
    status = chain.status.bundles if chain.status else ()
    stapled = tuple(parse_json(one.data, where="status") for one in status)
    with staged(folder) as stage:
        for place, span, source in wanted:
            release = source.signed.ledger
            name = f"{place.life + 1}-{place.span + 1}-{release.version}.json"
            try:
                files.write(stage / name, _receipt(source, span, chain.trust, stapled))
            except AnchorError as e:
                raise e.at(f"release {release.number}") from None
            found[place] = name
    return found


def _wanted(followed: Followed) -> Iterator[tuple[Place, Span, Readable]]:
    for number, life in enumerate(followed.lives):
        for at, span in enumerate(life.spans):
            source = followed.answer.releases[span.first].source
            if span.facts[0] and source is not None:
                yield Place(number, at), span, source


def _receipt(source: Readable, span: Span, trust: Trust | None, status: tuple[JsonObject, ...]) -> bytes:
    verified = prove.VerifiedRelease(
        release=source.release,
        statement=source.signed,
        sha256=hashlib.sha256(source.payload).hexdigest(),
        bundles=prove.bundles_of(source.release, source.files),
        files=source.files,
        trust=trust,
        status=status,
    )
    indexes = [match.index for match in span.facts[0]]
    return prove.receipt_of(verified, prove.search(verified, ByIndex(indexes, source.signed.columns)))
