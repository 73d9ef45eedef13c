# SPDX-License-Identifier: Apache-2.0
"""Errors: one line for a person, whatever a stranger put into it."""

import pytest

from anchor.errors import AnchorError, Misuse, Refused, Unavailable, Unsupported
from anchor.verdict import Class, class_of

KINDS = (Refused, Unavailable, Unsupported, Misuse)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_says_where_what_and_what_to_do(kind: type[AnchorError]) -> None:
    error = kind("is wrong", where="file.json: line 3", remedy="mend it")
    assert str(error) == "file.json: line 3: is wrong; mend it"
    assert str(kind("is wrong")) == "is wrong"
    assert (error.problem, error.where, error.remedy) == ("is wrong", "file.json: line 3", "mend it")


@pytest.mark.parametrize("kind", KINDS)
def test_an_outer_place_comes_before_the_inner_one_and_the_kind_stays(kind: type[AnchorError]) -> None:
    outer = kind("is wrong", where="line 3", remedy="mend it").at("file.json")
    assert type(outer) is kind
    assert str(outer) == "file.json: line 3: is wrong; mend it"
    assert str(kind("is wrong").at("file.json")) == "file.json: is wrong"


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x00b", "a\x9bb", "a\u202eb", "a\u2028b", "a\ud800b", "a\tb", "a\x85b"],
)
def test_no_text_breaks_the_line_or_steers_the_terminal(text: str) -> None:
    for error in (Refused(text), Refused("x", where=text), Refused("x", remedy=text)):
        line = str(error)
        assert line.isprintable()
        assert line.encode("utf-8")


def test_a_long_quotation_is_cut() -> None:
    assert len(str(Refused("x" * 10_000_000))) < 1100


@pytest.mark.parametrize("length", [100, 900, 1000, 4000, 100_000])
def test_a_long_path_leaves_the_reason_and_the_remedy_in_the_line(length: int) -> None:
    """A home may lie at the end of a path of 4,000 characters, and the reason stood behind it."""
    path = "/" + "d" * length + "/home"
    for where, remedy in ((path, "make room"), ("home", f"write to {path}")):
        line = str(Unavailable("cannot write: No space left on device", where=where, remedy=remedy))
        assert "cannot write: No space left on device" in line
        assert line.startswith(where[:50])
        assert line.endswith(remedy[-9:])
        assert len(line) <= 1000
    outer = str(Refused("x" * 5000, where="field").at(path))
    assert "xxx" in outer
    assert len(outer) <= 1000


def test_the_four_kinds_never_mix() -> None:
    classes = [class_of(kind("x")) for kind in KINDS]
    assert classes == [Class.INVALID, Class.UNAVAILABLE, Class.UNSUPPORTED, Class.USAGE]
    for kind in KINDS:
        assert kind.__mro__[1] is AnchorError


def test_a_stray_error_is_a_defect_of_ours() -> None:
    assert class_of(AnchorError("x")) is Class.ERROR


def test_exit_codes_are_those_of_the_design_and_1_is_none() -> None:
    codes = {c.value: c.exit_code for c in Class}
    assert codes == {
        "OK": 0,
        "USAGE": 2,
        "UNAVAILABLE": 3,
        "STALE": 4,
        "PENDING": 5,
        "EQUIVOCATION": 6,
        "UNSUPPORTED": 7,
        "INVALID": 8,
        "FINDINGS": 9,
        "NOT-FOUND": 10,
        "ERROR": 70,
    }
