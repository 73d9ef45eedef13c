# SPDX-License-Identifier: Apache-2.0
"""File systems that take nothing, for root too, whom permissions do not stop."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.process.need import need


def read_only(folder: Path) -> bool:
    """Make a folder read-only for everybody, root too; False where that is not possible."""
    if os.geteuid() != 0:
        return False
    bound = subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True).returncode == 0
    again = ["mount", "-o", "remount,ro,bind", str(folder)]
    return bound and subprocess.run(again, capture_output=True).returncode == 0


@pytest.fixture
def mounts() -> Iterator[Callable[[Path], Path]]:
    done: list[Path] = []

    def make(folder: Path) -> Path:
        done.append(folder)
        need(read_only(folder), "run as root, with mount allowed")
        return folder

    yield make
    for folder in reversed(done):
        subprocess.run(["umount", folder], capture_output=True)
