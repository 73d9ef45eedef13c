# SPDX-License-Identifier: Apache-2.0
"""Each test of the records runs on SQLite and on a real PostgreSQL."""

from tests.support.records import database, like, postgresql, url

__all__ = ["database", "like", "postgresql", "url"]
