# SPDX-License-Identifier: Apache-2.0
"""The environment of the tests: cut off from the user's folders, with what build tools had before."""

import os
import shutil
import tempfile
from pathlib import Path

ORIGINAL = dict(os.environ)
"""As it was when the first test file asked: for build tools, which find caches and mirrors in it."""

MEMORY = Path("/dev/shm")
"""A file system in memory. We sync each file that we write, and a disk needs milliseconds for that."""
ENOUGH = 4 << 30
"""Bytes that must be free there."""

_GIT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
"""The repository of whoever runs the tests from a hook of git. A test means that of its own folder."""

_XDG = {"CONFIG": ".config", "STATE": ".local/state", "CACHE": ".cache", "DATA": ".local/share"}


def cut_off() -> Path:
    """Point this process and all below it to folders of their own; returns the one to remove at the end.

    HOME stays: it is where compilers and package clients of some tests are found. Nothing of ours reads it
    while the XDG variables are set. Temporary folders are in memory if it has room, unless TMPDIR is set.
    """
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # it is looked for again
    base = Path(tempfile.mkdtemp(prefix="anchor-tests-"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    os.environ.setdefault("GOCACHE", str(cache / "go-build"))
    os.environ.setdefault("GOENV", str(config / "go" / "env"))
    for name in [n for n in os.environ if n.startswith("ANCHOR_") and not n.startswith("ANCHOR_STACK_")]:
        del os.environ[name]
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):  # CI systems set them; a test sets what it needs
        os.environ.pop(name, None)
    for name in _GIT:
        os.environ.pop(name, None)
    for name, place in _XDG.items():
        folder = base / place
        folder.mkdir(parents=True)
        os.environ[f"XDG_{name}_HOME"] = str(folder)
    return base


def _has_room(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK) and found.f_bavail * found.f_frsize >= ENOUGH


def remove(base: Path) -> None:
    """Remove what `cut_off` made."""
    shutil.rmtree(base, ignore_errors=True)
