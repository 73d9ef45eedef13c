# SPDX-License-Identifier: Apache-2.0
"""Evidence of bundles that a publisher padded with blanks: it is never written larger than it is read."""

import pytest

from anchor import limits
from anchor.encoding import parse_json, unbase64
from anchor.monitor import conflicting_statements
from anchor.monitor.run_record import ObservedAnchor, ObservedRelease


def seen(statement: bytes, *sizes: int) -> ObservedRelease:
    anchors = tuple(
        ObservedAnchor(origin=str(i), log_key="", log_index=0, bundle=b"{}" + b" " * (size - 2))
        for i, size in enumerate(sizes)
    )
    return ObservedRelease(
        ledger="\u00e9" * limits.LEDGER_NAME,
        number=1,
        version="1",
        root="",
        size=1,
        statement=statement,
        anchors=anchors,
    )


def kept(document: bytes) -> list[list[int]]:
    releases = parse_json(document)["releases"]
    return [sorted(len(unbase64(text)) for text in r["bundles"]) for r in releases]


@pytest.mark.parametrize("count", [1, 2, pytest.param(64, marks=pytest.mark.slow)])
def test_the_largest_evidence_is_as_large_as_is_read(count: int) -> None:
    largest = [limits.BUNDLE] * count
    one, two = (seen(c * limits.STATEMENT, *largest) for c in (b"a", b"b"))
    document = conflicting_statements.build(one, two).document
    assert len(document) <= conflicting_statements.MAX_SIZE
    assert kept(document) == [[limits.BUNDLE], [limits.BUNDLE]], "one bundle of each is always kept"


def test_a_padded_bundle_does_not_take_the_place_of_one_that_is_not() -> None:
    one = seen(b"a", limits.BUNDLE, 4000, limits.BUNDLE - 9000, 5000)
    document = conflicting_statements.build(one, seen(b"b", 4000)).document
    assert sorted(kept(document)) == [[4000], [4000, 5000, limits.BUNDLE - 9000]]
