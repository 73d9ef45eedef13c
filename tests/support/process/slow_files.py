# SPDX-License-Identifier: Apache-2.0
"""Which test files have slow tests, by their text: the run of the slow tests imports only these.

Each process of that run would import five times as many files, and have them in its memory at each fork. A
slow test in a file without these words is an error in any run that imports the file, so none is left out.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

WORDS = ("mark.slow", "tests.support.process.sampled", "SLOW_ON_POSTGRESQL", "on_both(")
"""Each way in which a test becomes a slow one."""


def may_have(path: Path) -> bool:
    """True if a test file says in one of these ways that a test is slow."""
    text = path.read_text(encoding="utf-8")
    return any(word in text for word in WORDS)


def check(tests: Iterable[pytest.Item]) -> None:
    """Refuse a slow test that the run of the slow tests would not find."""
    for path in {test.path for test in tests if test.get_closest_marker("slow")}:
        if not may_have(path):
            raise pytest.UsageError(f"{path}: a slow test, and none of the words {WORDS}")
