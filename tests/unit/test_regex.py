# SPDX-License-Identifier: Apache-2.0
"""Expressions that are compiled when they are first used."""

import re

import pytest

from anchor import regex


def test_it_behaves_like_the_compiled_expression() -> None:
    made, compiled = regex.expression("([a-z])=([0-9]+)", re.IGNORECASE), re.compile("([a-z])=([0-9]+)", re.I)
    text = "A=1, b=22"
    assert made.findall(text) == compiled.findall(text) == [("A", "1"), ("b", "22")]
    assert made.sub("x", text) == "x, x"
    assert made.fullmatch("a=1")
    assert not made.fullmatch("a=")
    assert (made.pattern, made.flags, made.groups) == (compiled.pattern, compiled.flags, compiled.groups)
    assert regex.expression(b"[0-9]+").findall(b"1 22") == [b"1", b"22"]


def test_it_is_compiled_when_it_is_first_used() -> None:
    faulty = regex.expression("(")
    with pytest.raises(re.error):
        faulty.search("")
