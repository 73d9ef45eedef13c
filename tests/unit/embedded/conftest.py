# SPDX-License-Identifier: Apache-2.0
"""Logs of the embedded instance to try things on: an empty one, and copies of one with 258 entries."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.embedded.log import Log
from tests.support.embedded import entry_request
from tests.support.embedded_log import KEY, ORIGIN


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with Log.create(tmp_path / "log", origin=ORIGIN, key=KEY) as made:
        yield made


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 258 entries, closed: one full tile, a second level, two bundles."""
    folder = tmp_path_factory.mktemp("full") / "log"
    with Log.create(folder, origin=ORIGIN, key=KEY) as made:
        for i in range(258):
            made.append(entry_request(f"entry {i}"))
    return folder


@pytest.fixture
def copy(full: Path, tmp_path: Path) -> Path:
    shutil.copytree(full, tmp_path / "copy")
    return tmp_path / "copy"
