# SPDX-License-Identifier: Apache-2.0
"""The folders of this user for configuration, state, data and cache.

On Linux the XDG Base Directory Specification says where they are, and two variables decide. The import of
platformdirs takes as long as a whole verification, so it is asked only elsewhere, or where HOME is not set.
"""

import os
import sys
from pathlib import Path

APP = "ledger-anchor"


def config() -> Path:
    """The folder of the configuration file and of the trust policy."""
    return _folder("config", "XDG_CONFIG_HOME", ".config")


def state() -> Path:
    """The folder of homes: keys, journals and records."""
    return _folder("state", "XDG_STATE_HOME", ".local/state")


def data() -> Path:
    """The folder of trusted roots that a policy pins by their digests."""
    return _folder("data", "XDG_DATA_HOME", ".local/share")


def cache() -> Path:
    """The folder of what can be fetched again."""
    return _folder("cache", "XDG_CACHE_HOME", ".cache")


def _folder(kind: str, variable: str, below_home: str) -> Path:
    """A relative path in either variable counts as absent."""
    named, home = os.environ.get(variable, ""), os.environ.get("HOME", "")
    if sys.platform == "linux" and named.startswith("/"):
        return Path(named, APP)
    if sys.platform == "linux" and home.startswith("/"):
        return Path(home, below_home, APP)
    import platformdirs

    return Path(getattr(platformdirs, f"user_{kind}_path")(APP))
