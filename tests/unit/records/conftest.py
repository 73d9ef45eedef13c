# SPDX-License-Identifier: Apache-2.0
"""Each test of the records runs on SQLite and on a real PostgreSQL; what logs do is tried on SQLite alone."""

from collections.abc import Iterator

import pytest

from tests.support.records.outcomes import database, empty, lender, like, opened, postgresql, sqlite, url
from tests.support.records.reverified import WatchedRelease

__all__ = ["database", "empty", "lender", "like", "postgresql", "sqlite", "url"]


@pytest.fixture
def world(sqlite: str) -> Iterator[WatchedRelease]:
    """On SQLite alone: what logs do is the same on both engines."""
    with opened(sqlite) as database:
        yield WatchedRelease(database)
