# SPDX-License-Identifier: Apache-2.0
"""Each test of the records runs on SQLite and on a real PostgreSQL."""

from tests.support.records import database, empty, like, postgresql, sqlite, url

__all__ = ["database", "empty", "like", "postgresql", "sqlite", "url"]
