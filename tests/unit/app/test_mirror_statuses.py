# SPDX-License-Identifier: Apache-2.0
"""The status that stands beside a release while it is the newest one of a mirror for a moment."""

import pytest

from anchor.app.mirror_statuses import History
from anchor.format.release import Blob, StatusFiles

BLOB = Blob(path="release/status/1/statement.json", size=1, sha256="0" * 64)


def status(sequence: int) -> StatusFiles:
    return StatusFiles(sequence=sequence, statement=BLOB, bundles=(BLOB,))


KNOWN = History(known=[(4, status(5)), (3, status(4)), (3, status(3)), (1, status(2)), (1, status(1))])


@pytest.mark.parametrize(
    ("number", "kept", "wanted"),
    [(4, 1, 5), (3, 1, 4), (2, 1, 2), (2, 2, 2), (2, 3, 3), (1, None, 2), (0, None, None), (5, 6, 6)],
)
def test_it_knows_of_no_later_release_and_is_not_older_than_the_one_that_is_kept(
    number: int, kept: int | None, wanted: int | None
) -> None:
    held = status(kept) if kept else None
    found = KNOWN.beside(number, held)
    assert (found.sequence if found else None) == wanted
