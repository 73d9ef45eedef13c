# SPDX-License-Identifier: Apache-2.0
"""An instance whose clock stands still, an empty log, and copies of a log with 258 entries."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.embedded.instance import Instance
from anchor.embedded.log import Log
from tests.support.forge.embedded_signer import Clock, entry_request
from tests.support.logs.embedded_log import KEY, ORIGIN


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return Instance.create(tmp_path_factory.mktemp("home") / "instance", clock=Clock())


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
