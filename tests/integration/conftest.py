# SPDX-License-Identifier: Apache-2.0
"""One small published ledger, which each test may copy and change."""

from pathlib import Path

import pytest

from tests.support.releases.published import Site, published


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that does not verify is read again at once: no test here needs the time to pass."""
    monkeypatch.setattr("anchor.app.readings.PAUSE", 0.0)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with one release. Tests change a copy of it, never the site itself."""
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def site(original: Site, tmp_path: Path) -> Site:
    """A copy with its home, from which a test can go on publishing."""
    return original.copy(tmp_path)
