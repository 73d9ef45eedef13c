# SPDX-License-Identifier: Apache-2.0
"""Tests that try thousands of one kind: some of them by default, all of them in the slow tests."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings


def sampled(one_of: int) -> pytest.MarkDecorator:
    """`every` is the step of such a test: `one_of` by default, and 1 as a slow test of its own."""
    return pytest.mark.parametrize(
        "every", [pytest.param(one_of, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
    )


def sampled_in_parts(one_of: int, count: int) -> pytest.MarkDecorator:
    """The same for a test that takes so long that each of `count` parts of all is a test. Any process can run
    it. It takes `[::every][part]` of what it tries."""
    parts = [
        pytest.param(1, slice(n, None, count), id=f"{n}-all", marks=pytest.mark.slow) for n in range(count)
    ]
    return pytest.mark.parametrize(("every", "part"), [pytest.param(one_of, slice(None), id="some"), *parts])


def examples(count: int, *given: Callable[[Any], Any], one_of: int = 8) -> Callable[[Any], Any]:
    """A law of hypothesis that is tried with one of so many examples, and with all as a slow test.

    `given` are the decorators `given` and `example`, in the order in which they would stand.
    """

    def decorate(law: Callable[..., None]) -> Callable[[int], None]:
        def with_step(every: int) -> Callable[[], None]:
            found: Any = functools.reduce(lambda inner, outer: outer(inner), reversed(given), law)
            tried: Callable[[], None] = settings(max_examples=count // every)(found)
            return tried

        laws = {every: with_step(every) for every in (one_of, 1)}

        def test(every: int) -> None:
            laws[every]()

        test.__name__, test.__qualname__ = law.__name__, law.__qualname__
        test.__doc__, test.__module__ = law.__doc__, law.__module__
        return sampled(one_of)(test)

    return decorate
