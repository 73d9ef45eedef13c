# SPDX-License-Identifier: Apache-2.0
"""A watcher that has seen a site once, and found it good."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked, Hook, hook, make_site
from tests.support.releases.published import Site


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed reading is tried again at once: no test here needs the time to pass."""
    monkeypatch.setattr("anchor.app.readings.PAUSE", 0.0)
    monkeypatch.setattr("anchor.net.http._Call._pause", lambda _call, _tried, _asked: 0.0)


@pytest.fixture(autouse=True)
def one_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The requests that a log may be asked are counted for each hour of the clock. None begins in a test."""
    monkeypatch.setattr("anchor.records.name_scans.HOUR", 1 << 62)


@pytest.fixture(scope="session")
def three_releases(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with three releases, to be copied."""
    return make_site(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="session")
def webhook() -> Iterator[Hook]:
    with hook() as server:
        yield server


@pytest.fixture
def fresh(three_releases: Site, webhook: Hook, tmp_path: Path) -> Attacked:
    """A watcher that has seen nothing yet."""
    webhook.titles()
    return Attacked(tmp_path, three_releases.copy(tmp_path), webhook)


@pytest.fixture
def attacked(fresh: Attacked) -> Attacked:
    """A watcher that has seen the site once."""
    assert fresh.found() is Class.OK
    assert fresh.told() == []
    return fresh
