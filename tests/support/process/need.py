# SPDX-License-Identifier: Apache-2.0
"""The outside needs of tests: a missing one is a skip that says what to install, and a failure in CI."""

import os

import pytest


def need(condition: object, remedy: str) -> None:
    """Go on if `condition` holds; else skip with `remedy` ("install X"), or fail when CI is set."""
    if condition:
        return
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(remedy)
    pytest.fail(f"needed in CI: {remedy}", pytrace=False)
