# SPDX-License-Identifier: Apache-2.0
"""A small ledger with one finding, for the commands that read one."""

from pathlib import Path

import pytest

from tests.support.releases.ledgers import GOOD


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.md"
    path.write_text(GOOD)
    return path
