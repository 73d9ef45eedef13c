# SPDX-License-Identifier: Apache-2.0
"""Helpers are importable, what is missing in CI is an error, and the user's folders are left alone."""

import os
import signal
import sys
from pathlib import Path

# The tests start hundreds of processes. Each would compile every module again if no bytecode was kept.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from xdist.remote import Producer  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.support.process import surroundings  # noqa: E402  needs the line above

# Deadlines measure the machine, not the code; a fixed seed in CI makes a red run repeatable.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_FOLDERS = surroundings.cut_off()

# A background job of a shell ignores Ctrl-C, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than processors, since many tests wait for servers; none besides for a single file."""
    files = {argument.partition("::")[0] for argument in config.args}
    single = len(files) == 1 and files.pop().endswith(".py")
    return 0 if single else len(os.sched_getaffinity(0)) + 1


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """All tests of a file run in one process, so fixtures are made once.

    The folder `tests/interop` counts as one file, because its tests share one stack of real servers.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "tests/interop" if path.startswith("tests/interop/") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    """`--dist loadfile` as above; any other `--dist` means what it says."""
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest piece of work begins first: the others can go on beside it."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/interop/"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folders that stood in for the user's."""
    surroundings.remove(_FOLDERS)
