# SPDX-License-Identifier: Apache-2.0
"""Numbers and durations as people write them."""

from datetime import timedelta

import pytest

from anchor.words import are, of_at_least, several, span


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "log", "0 logs"),
        (1, "log", "1 log"),
        (2, "log", "2 logs"),
        (1, "entry", "1 entry"),
        (2, "entry", "2 entries"),
        (3, "witness", "3 witnesses"),
        (3, "hash", "3 hashes"),
        (2, "key", "2 keys"),
        (2, "new file", "2 new files"),
    ],
)
def test_a_number_has_the_form_of_the_noun_that_it_needs(number: int, noun: str, said: str) -> None:
    assert several(number, noun) == said


def test_a_verb_follows_the_number() -> None:
    assert [are(n, "file") for n in (0, 1, 2)] == ["0 files are", "1 file is", "2 files are"]


def test_a_single_one_that_is_demanded_is_not_said() -> None:
    assert of_at_least(1, 1, "log") == "1 log"
    assert of_at_least(1, 2, "log") == "1 of at least 2 logs"


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(days=30), "30 days"),
        (timedelta(days=30, seconds=5), "30 days 5 seconds"),
        (timedelta(days=1, hours=3, minutes=9), "1 day 3 hours"),
        (timedelta(hours=12), "12 hours"),
        (timedelta(minutes=1, seconds=30), "1 minute 30 seconds"),
        (timedelta(seconds=59.7), "1 minute"),
        (timedelta(milliseconds=20), "0 seconds"),
        (90, "1 minute 30 seconds"),
        (86400 * 365.0, "365 days"),
    ],
)
def test_a_duration_has_its_two_largest_units(length: timedelta | float, said: str) -> None:
    assert span(length) == said
