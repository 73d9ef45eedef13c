# SPDX-License-Identifier: Apache-2.0
"""Formats of numbers and dates in a column, cut values, and codes that lost their zeros."""

import pytest

from anchor.inspect.lint.findings import Finding
from anchor.inspect.lint.formats import ColumnFormats
from anchor.inspect.lint.value_blocks import Block


def findings(*values: str) -> list[Finding]:
    """The findings about a column, whether its values come one by one or together."""
    together, single = ColumnFormats("c"), ColumnFormats("c")
    together.add(range(1, len(values) + 1), Block(values))
    for line, value in enumerate(values, 1):
        single.add((line,), Block((value,)))
    found = list(together.findings())
    assert [f.kind for f in single.findings()] == [f.kind for f in found]
    return found


@pytest.mark.parametrize(
    "values",
    [
        ("1,234.5", "1.234,5"),
        ("1,234.5", "1 234"),
        ("1.5", "1,5"),
        ("12.25", "1.234.567"),
        ("1\u202f234", "12345"),
        ("1'234.50", "1 234"),
        ("1,234,567", "1234567"),
        ("5 %", "1.5 %", "1,5 %"),
    ],
)
def test_numbers_in_two_formats_are_found(values: tuple[str, ...]) -> None:
    assert [(f.kind, f.severity) for f in findings(*values)] == [("mixed-numbers", "warning")]


@pytest.mark.parametrize(
    "values",
    [
        ("1,234", "1,234.5", "12"),
        ("1 234", "12,5", "7"),
        ("1.234", "1,5"),
        ("2024", "1,234", "5"),
        ("1.5", "123456", "-0.25"),
        ("1.2.3", "10.4.1"),
        ("192.168.0.1", "1.5"),
        ("a 1,5", "1.5"),
        ("", "", ""),
        ("12", "x", ""),
    ],
)
def test_numbers_in_one_format_are_not(values: tuple[str, ...]) -> None:
    assert findings(*values) == []


def test_the_lines_are_those_of_the_rarer_format() -> None:
    (found,) = findings("1.5", "2.5", "3,5", "4.5")
    assert (found.lines, found.column) == ((3,), "c")
    assert "a decimal comma ('3,5')" in found.message


@pytest.mark.parametrize(
    ("values", "severity"),
    [
        (("31/12/2024", "01/02/2024"), "note"),
        (("12/31/2024", "1/2/24"), "note"),
        (("01/02/2024", "03/04/2024"), "warning"),
        (("31/12/2024", "12/31/2024"), "warning"),
        (("31.12.2024",), "note"),
        (("2024/1/31", "2024.01.31"), "note"),
        (("2024-1-5",), "note"),
        (("31/12/2024 10:30",), "note"),
    ],
)
def test_dates_that_are_not_iso_8601_are_found(values: tuple[str, ...], severity: str) -> None:
    assert [(f.kind, f.severity) for f in findings(*values)] == [("date-format", severity)]


@pytest.mark.parametrize(
    "values",
    [
        ("2024-01-31", "2024-01-31T10:00:00Z"),
        ("2024-01-31 10:00", "2024"),
        ("20240131", "20240228"),
        ("1/2", "3/4"),
        ("1.2.10", "1.2.11"),
        ("99/99/2024",),
        ("Q1 2024", "December 2024"),
    ],
)
def test_other_dates_are_not(values: tuple[str, ...]) -> None:
    assert findings(*values) == []


def test_values_of_the_length_at_which_programs_cut_are_found() -> None:
    assert [f.kind for f in findings("x" * 255, "y" * 255, "z")] == ["truncated"]
    assert [f.kind for f in findings("x" * 32_767)] == ["truncated"]
    assert findings("x" * 255, "y" * 255, "z" * 256) == []
    assert findings("x" * 255, "y") == []


def test_codes_that_lost_their_zeros_are_found() -> None:
    (found,) = findings("01234", "75001", "1234", "69001")
    assert (found.kind, found.severity, found.lines) == ("lost-zeros", "note", (3,))
    assert findings("01234", "75001", "69001") == []
    assert findings("1234", "75001") == []
    assert findings("007", "12345", "12") == []
