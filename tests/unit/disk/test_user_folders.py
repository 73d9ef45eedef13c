# SPDX-License-Identifier: Apache-2.0
"""Our folders are those of platformdirs, whatever the environment says."""

import itertools
import sys

import platformdirs
import pytest

from anchor.disk import user_folders

VALUES = (None, "", " ", "relative", "/absolute", "/absolute/", "/a//b/../c", "~")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is asked")
@pytest.mark.parametrize(("xdg", "home"), list(itertools.product(VALUES, VALUES)))
def test_the_folders_are_those_of_platformdirs(
    monkeypatch: pytest.MonkeyPatch, xdg: str | None, home: str | None
) -> None:
    named = {"HOME": home} | dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"), xdg)
    for name, value in named.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert user_folders.config() == platformdirs.user_config_path("ledger-anchor")
    assert user_folders.state() == platformdirs.user_state_path("ledger-anchor")
    assert user_folders.cache() == platformdirs.user_cache_path("ledger-anchor")
