# SPDX-License-Identifier: Apache-2.0
"""Tests that try thousands of one kind: some of them by default, all of them in the slow tests."""

import pytest


def sampled(one_of: int) -> pytest.MarkDecorator:
    """`every` is the step of such a test: `one_of` by default, and 1 as a slow test of its own."""
    return pytest.mark.parametrize(
        "every", [pytest.param(one_of, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
    )
