# SPDX-License-Identifier: Apache-2.0
"""No expression of ours can be made to run for long by the text that it is tried on: strangers write it."""

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

import anchor
from anchor.regex import Expression

SIZE = 2_000
PUMPS = (
    *(
        "a",
        "A",
        "0",
        " ",
        "-",
        "_",
        ".",
        "/",
        "+",
        "=",
        ":",
        '"',
        "'",
        "\\",
        "[",
        "(",
        "|",
        "\t",
        "\n",
        "\r\n",
    ),
    *("a_", "a.", "a-", "a ", "a b", "0.", "--", '""', '\\"', "x/", "a@", "[a]", "](", "-----", "a\n", " \n"),
)
HEADS = (
    *("", "a", "_", ".", "https://", "[", "[a](", '"', "'''", '"""', "{", "-----BEGIN A-----\n", "/release/"),
    *("a@", "log ", "2026-01-01T00:00:00.", "a+00000000+"),
)
TAILS = ("", "!", "\0", "\n!")


def expressions() -> Iterator[tuple[str, Expression]]:
    for module in pkgutil.walk_packages(anchor.__path__, "anchor."):
        if module.name.endswith("__main__") or "migrations" in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            assert not isinstance(value, re.Pattern), f"{name} is compiled at import: use anchor.regex"
            if isinstance(value, Expression):
                yield f"{module.name}.{name}", value


ALL = dict(expressions())


def test_the_expressions_are_found() -> None:
    assert len(ALL) > 50


@pytest.mark.parametrize("name", sorted(ALL))
def test_its_time_does_not_explode(name: str) -> None:
    pattern = ALL[name]
    for head in HEADS:
        for pump in PUMPS:
            for tail in TAILS:
                text = head + pump * (SIZE // len(pump)) + tail
                began = time.process_time()
                for work in (pattern.fullmatch, pattern.match):
                    work(text.encode() if isinstance(pattern.pattern, bytes) else text)
                assert time.process_time() - began < 0.5, (head, pump, tail)
