# SPDX-License-Identifier: Apache-2.0
"""Projections of another version of their fold are made again before anybody reads them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from anchor.errors import Misuse
from anchor.records import store
from anchor.records.database import Database, open_database
from anchor.records.tables import FoldRow, Run, Target
from anchor.report.status import status
from anchor.verdict import Class
from tests.support.process.disks import mounts
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW

__all__ = ["mounts"]


def edited(database: Database) -> None:
    """A bad run was taken out, and the edited tables look like those of another version."""
    lease = outcomes.taken(database)
    record = outcomes.outcome(Class.INVALID)
    store.save_run(database, lease, record, now=NOW, rules=store.RunRules())
    with database.write() as connection:
        connection.execute(sa.delete(Run))
        connection.execute(sa.update(Target).values(last_class="OK", notified="OK"))
        connection.execute(sa.delete(FoldRow).where(FoldRow.name == "targets"))
        connection.execute(sa.update(FoldRow).where(FoldRow.name == "runs").values(version=99))


@pytest.mark.parametrize("create", [False, True])
def test_an_edit_of_tables_that_look_outdated_hides_nothing(
    database: Database, url: str, create: bool
) -> None:
    edited(database)
    opened = open_database(url, create=create)
    try:
        assert status(opened, now=NOW).verdict is Class.INVALID
        assert outcomes.changed(opened) == []
    finally:
        opened.close()


def test_outdated_tables_that_cannot_be_made_again_are_not_read(
    sqlite: str, tmp_path: Path, mounts: Callable[[Path], Path]
) -> None:
    with outcomes.opened(sqlite) as database:
        edited(database)
    mounts(tmp_path)
    with pytest.raises(
        Misuse, match="another version of this program made the tables; run 'anchor reverify'"
    ):
        open_database(sqlite, create=False)
    subprocess.run(["umount", tmp_path], check=True)
    open_database(sqlite).close()  # as each `anchor reverify` does it
    reading = open_database(sqlite, create=False)
    assert status(reading, now=NOW).verdict is Class.INVALID
    reading.close()
