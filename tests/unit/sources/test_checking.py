# SPDX-License-Identifier: Apache-2.0
"""The state of each fact against the documents at hand, and the sums."""

import pytest
from msgspec import UNSET

from anchor.format.facts import Value
from anchor.sources.checking import CheckedFact, SourceText, check
from anchor.sources.citations import columns, normal
from anchor.sources.matching import Document

URL = "https://example.org/report"
NAMES = ("label", "value", "unit", "source")
TEXT = "In 2022 we had 44,010 outcomes. A rate of 41% and 50 paths, 50 doors. Paris."


def source(text: str, *, file: str = "report.txt", urls: tuple[str, ...] = (URL,)) -> SourceText:
    return SourceText(file=file, urls=frozenset(map(normal, urls)), document=Document(text))


def one(*cells: Value, texts: tuple[SourceText, ...] | None = None) -> CheckedFact:
    given = (source(TEXT),) if texts is None else texts
    return check([(7, cells)], columns(NAMES, {}, where="l"), given).facts[0]


@pytest.mark.parametrize(
    ("value", "unit", "state", "weak"),
    [
        ("44010", "", "after-reading", False),
        ("2022", "", "as-it-stands", False),
        ("41", "%", "as-it-stands", False),
        ("50", "%", "as-it-stands", True),
        ("51", "%", "absent", False),
        ("Paris", "", "as-it-stands", False),
        ("paris", "", "absent", False),
        ("", "", "no-value", False),
        (None, "", "no-value", False),
        (UNSET, "", "no-value", False),
        ("—", "", "no-value", False),
        ("N/A", "", "no-value", False),
        ("To be  confirmed", "", "no-value", False),
    ],
)
def test_the_state_of_a_fact(value: Value, unit: str, state: str, weak: bool) -> None:
    found = one("Graduation", value, unit, URL)
    assert (found.state, found.weak) == (state, weak)
    assert bool(found.places) == bool(found.count) == state.startswith(("as-", "after-"))


def test_a_word_of_the_label_makes_a_value_that_occurs_twice_strong() -> None:
    assert not one("Number of doors", "50", "", URL).weak


def test_a_fact_that_cites_nothing_at_hand_has_no_document() -> None:
    for cell in ("", None, UNSET, "https://example.org/other", "Report", f"{URL}?page=2"):
        found = one("a", "44010", "", cell)
        assert (found.state, found.files) == ("no-document", ())
    assert one("a", "44010", "", "report.txt").state == "after-reading"
    assert one("a", "", "", "elsewhere").state == "no-document"


def test_a_url_that_two_documents_have_is_looked_up_in_both() -> None:
    texts = (source("nothing", file="a.txt"), source(TEXT, file="b.txt"))
    found = one("a", "44010", "", URL, texts=texts)
    assert (found.state, found.files, found.count) == ("after-reading", ("a.txt", "b.txt"), 1)
    assert found.places[0].file == "b.txt"


def test_one_document_in_two_forms_makes_no_value_weak() -> None:
    once, twice = source("7 doors", file="a.txt"), source("7 doors, 7 cats", file="b.txt")
    assert not one("Paths", "7", "", URL, texts=(once, source("7 doors", file="c.txt"))).weak
    assert not one("Paths", "7", "", URL, texts=(twice, once)).weak
    assert one("Paths", "7", "", URL, texts=(twice, source("none", file="c.txt"))).weak
    assert not one("Doors", "7", "", URL, texts=(twice,)).weak


def test_the_best_places_come_first() -> None:
    text = source("6 months. " * 5 + "Women 6% of all. " + "6 times. " * 5)
    found = one("Share of women", "6", "%", URL, texts=(text,))
    assert found.count == 11
    assert len(found.places) == 3
    assert found.places[0].unit
    assert found.places[0].label


def test_sums_are_told_for_each_source_and_for_all() -> None:
    facts = [
        (1, ("a", "2022", "", f"{URL}#x")),
        (2, ("a", "44010", "", f"{URL}/")),
        (3, ("a", "50", "", URL)),
        (4, ("a", "7", "", URL)),
        (5, ("a", "7", "", "elsewhere")),
        (6, ("a", "", "", URL)),
    ]
    report = check(facts, columns(NAMES, {}, where="l"), (source(TEXT),))
    first, second = report.groups
    assert (first.source, first.facts, first.files, first.weak) == (f"{URL}#x", 5, ("report.txt",), 1)
    assert first.states == {
        "as-it-stands": 2,
        "after-reading": 1,
        "absent": 1,
        "no-document": 0,
        "no-value": 1,
    }
    assert (second.source, second.facts, second.files) == ("elsewhere", 1, ())
    assert (report.total.facts, report.total.states["no-document"], report.doubtful) == (6, 1, 2)
    assert [f.index for f in report.facts] == [0, 1, 2, 3, 4, 5]
