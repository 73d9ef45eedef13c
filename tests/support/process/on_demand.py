# SPDX-License-Identifier: Apache-2.0
"""Import a test file when its turn comes.

The processes of a run of the whole suite share its files. To import a file takes longer than most of its
tests, and a process would import all files to run a fifth of them. So it collects one item for each file.
When it runs this item, it imports the file and runs the tests of it, one after the other.
"""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol


class Unread(pytest.File):
    """A test file that is not imported yet."""

    def collect(self) -> Iterator[pytest.Item]:
        yield Whole.from_parent(self, name="whole")


class Whole(pytest.Item):
    """All tests of a file, for pytest-xdist one item."""

    def __init__(self, name: str, parent: Unread) -> None:
        super().__init__(name, parent)
        self.add_marker(pytest.mark.timeout(0))  # each test has a time-out of its own

    def runtest(self) -> None:
        """Nothing: the tests of the file run for themselves."""

    def run_tests(self, following: pytest.Item | None) -> None:
        """Run the tests of the file that the command line asks for. `following` runs after them.

        pytest-xdist names a test by its place in the session, so each test stands in the place of this item
        while it runs.
        """
        items = self.session.items
        place = items.index(self)
        tests = self._tests()
        if not tests:  # the folder of the file is left like any other, for the fixtures of its conftest.py
            runtestprotocol(self, log=False, nextitem=following)
        for number, test in enumerate(tests):
            items[place] = test
            after = tests[number + 1] if number + 1 < len(tests) else following
            self.config.hook.pytest_runtest_protocol(item=test, nextitem=after)
            if self.session.shouldfail or self.session.shouldstop:
                break
        items[place] = self

    def _tests(self) -> list[pytest.Item]:
        assert self.parent is not None
        module = pytest.Module.from_parent(self.parent.parent, path=self.path)
        gc.disable()  # an import makes many objects, and frees few
        try:
            tests = list(self.session.genitems(module))
        finally:
            gc.enable()
        self.config.hook.pytest_collection_modifyitems(session=self.session, config=self.config, items=tests)
        return tests


# -- the hooks of pytest -----------------------------------------------------------------------------------


def ask(node: Any) -> None:
    """Let a process of pytest-xdist, which is about to start, import files on demand."""
    node.workerinput["on_demand"] = True


def register(config: pytest.Config) -> None:
    """Import files on demand, if this is such a process."""
    if getattr(config, "workerinput", {}).get("on_demand"):
        config.pluginmanager.register(Hooks())


class Hooks:
    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> Unread:
        return Unread.from_parent(parent, path=module_path)

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        if not isinstance(item, Whole):
            return None
        item.run_tests(nextitem)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        """Options that select tests do not see whole files. They are asked again when a file is read."""
        whole = [item for item in items if isinstance(item, Whole)]
        items[:] = [item for item in items if not isinstance(item, Whole)]
        yield
        items += whole
