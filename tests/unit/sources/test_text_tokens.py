# SPDX-License-Identifier: Apache-2.0
"""Tokens of a text: what is one number, one word, and what a value may not be inside of."""

import time

import pytest

from anchor.sources.numbers import readings
from anchor.sources.text_tokens import SEPARATOR, shown, tokens


def forms(text: str) -> list[str]:
    """The tokens; both readings, with `~` between, if they differ; `+` before an attached one."""
    found = []
    for token in tokens(shown(text).text):
        one, other = token.forms
        found.append(("+" if token.attached else "") + (one if one == other else f"{one}~{other}"))
    return found


@pytest.mark.parametrize(
    ("written", "grouped", "decimal"),
    [
        ("44010", "44010", "44010"),
        ("44,010", "44010", "44.010"),
        ("44.010", "44010", "44.010"),
        ("44 010", "44010", "44010"),
        ("44\u00a0010", "44010", "44010"),
        ("44\u202f010", "44010", "44010"),
        ("44\u2009010", "44010", "44010"),
        ("44'010", "44010", "44010"),
        ("44\u2019010", "44010", "44010"),
        ("1,234,567", "1234567", "1234567"),
        ("1.234.567", "1234567", "1234567"),
        ("1,234.50", "1234.50", "1234.50"),
        ("1.234,50", "1234.50", "1234.50"),
        ("1\u00a0234,50", "1234.50", "1234.50"),
        ("46,7", "46.7", "46.7"),
        ("46.70", "46.70", "46.70"),
        ("0,125", "0.125", "0.125"),
        ("0.5", "0.5", "0.5"),
        (".5", "0.5", "0.5"),
        ("１２", "12", "12"),
        ("٤٤", "44", "44"),
        ("\u0661\u066b\u0665", "1.5", "1.5"),
        ("1\u066b234", "1.234", "1.234"),
        ("44\u066c010", "44010", "44010"),
        ("1\u066c234\u066b5", "1234.5", "1234.5"),
        ("1\u066b234\u066b5", "1\u066b234\u066b5", "1\u066b234\u066b5"),
        # no number in any reading: as it is written
        ("510.748.9001", "510.748.9001", "510.748.9001"),
        ("12,34,567", "12,34,567", "12,34,567"),
        ("1,23,456", "1,23,456", "1,23,456"),
        ("1.2.3", "1.2.3", "1.2.3"),
        ("24/7", "24/7", "24/7"),
        ("12\u00b75", "12\u00b75", "12\u00b75"),
        ("1\u00b7234", "1\u00b7234", "1\u00b7234"),
        ("1:234", "1:234", "1:234"),
        ("5'10", "5'10", "5'10"),
        ("0,123,456", "0,123,456", "0,123,456"),
        ("1234,567.8", "1234,567.8", "1234,567.8"),
    ],
)
def test_a_number_is_read_with_group_marks_and_decimal_marks(
    written: str, grouped: str, decimal: str
) -> None:
    assert readings(written) == (grouped, decimal)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("in 2012, 12.5 and 12.", ["in", "2012", ",", "12.5", "and", "12", "."]),
        ("1,120 120", ["1120~1.120", "120"]),
        ("4 373 14 163 44 010", ["4373", "14163", "44010"]),
        ("2020 2021 2022", ["2020", "2021", "2022"]),
        ("12  345", ["12", "345"]),
        ("12\n345", ["12", "345"]),
        ("12\t345", ["12", "345"]),
        ("85 000€", ["85000", "€"]),
        ("€85,000.00", ["€", "85000.00"]),
        ("46,7 % +47%", ["46.7", "%", "+", "47", "%"]),
        ("−5 (-5) a-5 5-7", ["-5", "(", "-5", ")", "a-5", "5", "-", "7"]),
        ("2020–2021", ["2020", "-", "2021"]),
        ("2025-03-01 493-861-363-00012", ["2025-03-01", "493-861-363-00012"]),
        (
            "12\u00b75 12\u066b5 1\u066c234 col\u00b7lapse 5 \u00b7 7",
            ["12\u00b75", "12.5", "1234", "col", "\u00b7", "lapse", "5", "\u00b7", "7"],
        ),
        ("27/06/2025 24/7 12:30 1:1", ["27/06/2025", "24/7", "12:30", "1:1"]),
        ("12-month COVID-19 RNCP36370", ["12", "-", "month", "COVID-19", "RNCP36370"]),
        ("32kg 0.83kg 1,234kg 3D", ["32kg", "0.83kg", "1234kg~1.234kg", "3D"]),
        ("Bac+3 2+2", ["Bac", "+", "+3", "2", "+", "2"]),
        ("v1.2 p.12 ...5", ["v1.2", "p", ".", "12", ".", ".", ".", "5"]),
        ("Île-de-France l’accès", ["Île-de-France", "l", "'", "accès"]),
        ("acade-\nmic high-\r\n quality", ["academic~acade-mic", "highquality~high-quality"]),
        ("re-\n\nport un- \n12", ["re", "-", "port", "un", "-", "12"]),
        ("soft\u00adware acade\u00ad\nmic", ["software", "academic~acade-mic"]),
        ("ﬁn e\u0301te\u0301 été", ["fin", "été", "été"]),
        ("« oui » “non” …", ['"', "oui", '"', '"', "non", '"', SEPARATOR.join("...")]),
        ("CO₂ m² 10² ² 5½ ①", ["CO2", "m2", "10²", "²", "5½", "①"]),
        ("44\u200b,010 \ufeffx", ["44010~44.010", "x"]),
        ("a\0b", ["a", "\ufffd", "b"]),
        ("�44", ["�", "44"]),
        ("_12_ x12", ["_12_", "x12"]),
        ("", []),
    ],
)
def test_tokens(text: str, found: list[str]) -> None:
    assert forms(text) == found


PUMPS = (
    "1",
    "1 ",
    "1,",
    "1.",
    "123 ",
    "123,",
    "a-",
    "a-\n",
    "-",
    "-1",
    "1-",
    "1-1",
    "a1-",
    "+1",
    ".",
    "1'",
    "½",
    "\u0301",
)


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("head", ["", "12 "])
def test_the_time_for_a_hostile_text_does_not_explode(pump: str, head: str) -> None:
    began = time.process_time()
    for tail in ("!", "a"):
        assert list(tokens(head + pump * (20_000 // len(pump)) + tail))
    assert time.process_time() - began < 10
