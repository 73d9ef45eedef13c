# SPDX-License-Identifier: Apache-2.0
"""A header that looks like a fact, and headers that look odd and are right."""

import pytest

from anchor.intake.header import kind_of, like_data

FACTS = {
    "e-mail addresses": [["a@example.com"], ["b@example.com"], ["c@example.com"]],
    "rank and domain": [["1", "example.com"], ["2", "example.org"]],
    "dates": [["2024-01-01", "5"], ["2024-01-02", "6"]],
    "times": [["01.02.2024 10:30", "wet"], ["01.02.2024 10:40", "dry"]],
    "numbers": [["Bern", "133883"], ["Genf", "203856"]],
    "coordinates": [["47.37", "8.54"], ["46.20", "6.14"]],
    "digests": [["a" * 64], ["b" * 64]],
    "addresses": [["10.0.0.1", "up"], ["10.0.0.2", "down"]],
    "URLs": [["https://example.com/a"], ["https://example.com/b"]],
    "years of birth": [["Anna", "1987"], ["Ben", "2001"], ["Carl", "1999"]],
    "a sorted list": [[f"a{c}"] for c in "abcdefghi"],
    "a category": [["DE", "Berlin"], ["DE", "Ulm"], ["FR", "Paris"], ["FR", "Metz"], ["FR", "Lyon"]],
    "one number from 0": [["user_0", "0"], ["user_1", "37"], ["user_2", "74"]],
    "a matrix that rises": [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]],
    "rising numbers everywhere": [["1.5", "2.5", "3.5"], ["4.5", "5.5", "6.5"], ["7.5", "8.5", "9.5"]],
}
HEADERS = {
    "names": [["name", "value"], ["a", "1"]],
    "names of text columns": [["word", "sense"], ["a", "b"], ["c", "d"]],
    "a word above dates": [["Tag"], ["2024-01-01"], ["2024-01-02"]],
    "years": [["country", "2019", "2020"], ["CH", "1", "2"], ["FR", "3", "4"]],
    "years alone": [["2019", "2020"], ["1", "2"]],
    "one year": [["Land", "2020"], ["CH", "8606033"]],
    "dates of a time series": [["Land", "2020-01-22", "2020-01-23"], ["CH", "0", "1"]],
    "a count from 0": [["0", "1", "2"], ["0.5", "0.1", "0.2"]],
    "a count from 1": [["1", "2", "3"], ["7", "3", "9"]],
    "wavelengths": [["s", "400.5", "401.0", "401.5"], ["A", "0.1", "0.3", "0.2"]],
    "a dictionary of data": [["name", "type"], ["id", "integer"], ["name", "string"], ["name", "text"]],
    "codes": [["ISO", "Land"], ["CHE", "Schweiz"], ["FRA", "Frankreich"]],
    "a header that begins no sorted list": [["area"], *([f"b{c}"] for c in "abcdefghi")],
    "a header above a list that is not sorted": [["aa"], *([f"a{c}"] for c in "bcdefghcz")],
    "a header above few words": [["aa"], ["ab"], ["ac"]],
    "a header of its own letters": [["aa"], *([f"A{c}"] for c in "bcdefghij")],
    "a sorted column beside others": [["aa", "zz"], *([f"a{c}", c] for c in "bcdefghij")],
    "no record": [["1", "example.com"]],
    "the header again in the middle": [["from", "to"], ["a", "b"], ["from", "to"], ["c", "d"]],
    "empty values": [["Land", "5"], ["CH", ""], ["FR", ""]],
}


@pytest.mark.parametrize("what", FACTS)
def test_a_fact_in_the_first_line_is_recognised(what: str) -> None:
    header, *rows = FACTS[what]
    assert like_data(header, rows)


@pytest.mark.parametrize("what", HEADERS)
def test_an_odd_header_is_a_header(what: str) -> None:
    header, *rows = HEADERS[what]
    assert like_data(header, rows) == ""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2024-01-31", "date"),
        ("2024-01-31T10:00:00Z", "date"),
        ("31.1.2024", "date"),
        ("12:30", "time"),
        ("-12", "integer"),
        ("1.5e-3", "number"),
        ("12,5", "number"),
        ("1'234'567", "number"),
        ("3.5 %", "number"),
        ("550e8400-e29b-41d4-a716-446655440000", "UUID"),
        ("Bern", ""),
        ("", ""),
        ("a.b", ""),
    ],
)
def test_the_kind_of_a_value(value: str, kind: str) -> None:
    assert kind_of(value) == kind
