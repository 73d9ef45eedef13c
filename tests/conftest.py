# SPDX-License-Identifier: Apache-2.0
"""Helpers are importable, what is missing in CI is an error, and the user's folders are left alone."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The tests start hundreds of processes. Each would compile every module again if no bytecode was kept.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

gc.disable()  # until all tests are collected: that makes many objects, and frees few

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.support.process import (  # noqa: E402  needs the line above
    distribution,
    fork_server,
    on_demand,
    repeated,
    slow_files,
    surroundings,
)

# Deadlines measure the machine, not the code; a fixed seed in CI makes a red run repeatable.
settings.register_profile(  # CI tries more examples
    "default", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "default")
if os.environ.get("CI"):
    repeated.repeat()

_FOLDERS = surroundings.cut_off()

# A background job of a shell ignores Ctrl-C, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than processors, since many tests wait for servers; none besides for a single file.

    A run of the whole suite has the processes of the real servers besides, which wait for these most.
    """
    processors = len(os.sched_getaffinity(0))
    if _whole(config):
        return processors + distribution.HOSTS + 1
    files = {argument.partition("::")[0] for argument in config.args}
    single = len(files) == 1 and files.pop().endswith(".py")
    return 0 if single else processors + 1


def _whole(config: pytest.Config) -> bool:
    """A run of all folders. The slow tests are mostly attacks, so there each process runs any file."""
    testpaths = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return testpaths and config.getoption("markexpr") != "slow"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The run of the slow tests imports the files that have some."""
    if config.getoption("markexpr") != "slow" or not collection_path.match("test_*.py"):
        return None
    return None if slow_files.may_have(collection_path) else True


def pytest_configure_node(node: Any) -> None:
    """A process of a run of the whole suite imports a test file when its turn comes."""
    distribution.receive_at_once(node)
    config = node.config
    by_test = config.getoption("lf", False) or config.getoption("failedfirst", False)  # they know no files
    if _whole(config) and config.getoption("dist") == "loadfile" and not by_test:
        on_demand.ask(node)


def pytest_configure(config: pytest.Config) -> None:
    """A process says what it found in few messages."""
    distribution.send_at_once(config)
    on_demand.register(config)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> distribution.ByFile | None:
    """`--dist loadfile` is ours; any other `--dist` means what it says."""
    if config.getoption("dist") != "loadfile":
        return None
    return distribution.ByFile(config, len(config.getoption("tx")))


def pytest_collection_finish() -> None:
    """All tests stay until the end, so the garbage collector need not look at them again and again.

    It looks at new objects less often than Python would let it. Most of them are free without it.
    """
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """The longest work begins first, and files that wait alternate with files that compute."""
    slow_files.check(items)
    yield
    place = distribution.in_order(map(_file, items))
    items.sort(key=lambda item: (place[_file(item)], _file(item)))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server of forks, and remove the folders that stood in for the user's."""
    fork_server.stop()
    surroundings.remove(_FOLDERS)
