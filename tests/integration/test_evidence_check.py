# SPDX-License-Identifier: Apache-2.0
"""`anchor evidence check`: the ledger of this repository with the report that it cites, and the command."""

import hashlib
import json
from pathlib import Path

import pytest

from anchor.sources.matching import Document, Sought
from tests.support.process.anchor_cli import ROOT, Ran, anchor
from tests.support.releases.documents import page, pdf

LIST = ROOT / "evidence" / "evidence.toml"
REPORT = "rapportdemission-23-en.txt"
URL = "https://rapportdemission.openclassrooms.com/rapportdemission-23-en.pdf"
GRADUATION, PLACEMENT = "Graduation rate", "Job placement rate"
AREAS = "students from underserved areas"
BY_EYE: dict[tuple[str, str, str], tuple[str, int, int, str]] = {
    (f"{GRADUATION} for all students (average)", "41", "2023"): ("as-it-stands", 3, 462, "unit label"),
    (f"{GRADUATION} for job seekers", "43", "2023"): ("as-it-stands", 2, 686, "unit label"),
    (f"{GRADUATION} for non underserved students", "42", "2023"): ("as-it-stands", 1, 684, "unit label"),
    (f"{GRADUATION} for refugees", "44", "2023"): ("as-it-stands", 1, 692, "unit label"),
    (f"{GRADUATION} for {AREAS}", "45", "2023"): ("as-it-stands", 1, 688, "unit label"),
    (f"{GRADUATION} for students with disabilities", "31", "2023"): ("as-it-stands", 1, 694, "unit label"),
    (f"{GRADUATION} for students with low or no qualifications", "30", "2023"): (
        "as-it-stands", 3, 690, "unit label"
    ),
    (f"{GRADUATION} of students", "41", "2022"): ("as-it-stands", 3, 462, "unit label"),
    # In the report 41 % is the graduation rate. The text occurs; what it means is not asked.
    (PLACEMENT, "41", "2022"): ("as-it-stands", 3, 462, "unit"),
    # The 50 of the report are training paths.
    (PLACEMENT, "50", "2023"): ("as-it-stands", 2, 111, ""),
    (f"{PLACEMENT} for all students (average)", "48", "2023"): ("as-it-stands", 1, 705, "unit label"),
    (f"{PLACEMENT} for job seekers", "40", "2023"): ("as-it-stands", 1, 709, "unit label"),
    (f"{PLACEMENT} for non underserved students", "53", "2023"): ("as-it-stands", 1, 707, "unit label"),
    # The best place is about the orientation rate. The right one is the third, on line 715.
    (f"{PLACEMENT} for refugees", "29", "2023"): ("as-it-stands", 3, 659, "unit label"),
    (f"{PLACEMENT} for {AREAS}", "37", "2023"): ("as-it-stands", 1, 711, "unit label"),
    (f"{PLACEMENT} for students with disabilities", "39", "2023"): ("as-it-stands", 1, 717, "unit label"),
    # The best place is about the graduation rate of job seekers. The right one is the second, on line 713.
    (f"{PLACEMENT} for students with low or no qualifications", "43", "2023"): (
        "as-it-stands", 2, 686, "unit label"
    ),
    ("Number of candidates to a paid training path", "16940", "2022"): ("after-reading", 1, 426, "label"),
    ("Number of career outcomes delivered", "44010", "2022"): ("after-reading", 3, 29, "unit label"),
    ("Number of career outcomes registered for path students", "3885", "2022"): (
        "after-reading", 1, 450, "label"
    ),
    ("Number of paying job seekers", "7300", "2022"): ("after-reading", 1, 742, "label"),
    ("Number of paying students with disabilities", "661", "2022"): ("as-it-stands", 1, 750, "label"),
    ("Number of people applying to a paid training path", "37218", "2022"): (
        "after-reading", 1, 415, "label"
    ),
    ("Number of positive career outcomes for apprentices", "1679", "2022"): (
        "after-reading", 1, 887, "unit label"
    ),
    ("Percentage of paying job seekers among total paying students", "68", "2022"): (
        "as-it-stands", 1, 742, "unit label"
    ),
    ("Percentage of students from underserved populations", "79", "2022"): (
        "as-it-stands", 3, 37, "unit label"
    ),
    ("Positive career outcomes", "44010", "2022"): ("after-reading", 3, 29, "label"),
    ("Total number of students subscribing to paid training paths", "10915", "2022"): (
        "after-reading", 1, 432, "label"
    ),
}  # fmt: skip
"""Facts whose places were compared with the report by eye: label, value and period; state, how often the
value occurs, the line of the best place, and what is nearby there."""


def check(*words: object) -> Ran:
    return anchor("evidence", "check", *words)


@pytest.fixture(scope="module")
def ours() -> Ran:
    return check(ROOT / "release" / "1.0.0" / "ledger.md", "--evidence", LIST, "--json")


def test_the_ledger_of_this_repository_has_these_numbers(ours: Ran) -> None:
    report = ours.document["report"]
    total = report["total"]
    assert ours.code == 0
    assert total["facts"] == 681
    assert total["states"] == {
        "as-it-stands": 21, "after-reading": 11, "absent": 0, "no-document": 649, "no-value": 0
    }  # fmt: skip
    assert total["weak"] == 1
    (group,) = [g for g in report["groups"] if g["files"]]
    assert (group["source"], group["files"], group["facts"]) == (URL, [REPORT], 32)
    assert len(report["groups"]) == 13


def test_places_that_were_compared_by_eye_are_found(ours: Ran) -> None:
    assert len(BY_EYE) >= 20
    ledger = json.loads((ROOT / "release" / "1.0.0" / "ledger.json").read_bytes())["facts"]
    seen = {}
    for fact in ours.document["report"]["facts"]:
        if fact["files"]:
            assert (ledger[fact["index"]]["label"], ledger[fact["index"]]["value"]) == (
                fact["label"], fact["value"]
            )  # fmt: skip
            best = fact["places"][0]
            near = " ".join(name for name in ("unit", "label") if best[name])
            key = (fact["label"], fact["value"], ledger[fact["index"]]["period"])
            seen[key] = (fact["state"], fact["count"], best["place"]["line"], near)
    assert len(seen) == 32
    assert {key: seen[key] for key in BY_EYE} == BY_EYE


def test_each_place_is_where_the_report_says_so(ours: Ran) -> None:
    lines = (LIST.parent / REPORT).read_text().split("\n")
    for fact in ours.document["report"]["facts"]:
        for found in fact["places"]:
            written = found["place"]["text"]
            assert written in lines[found["place"]["line"] - 1]
            assert written.replace(",", "") == fact["value"]


def test_the_texts_are_those_that_were_handed_over() -> None:
    assert hashlib.sha256((LIST.parent / REPORT).read_bytes()).hexdigest() == (
        "d72d97338c14cba33075fe71ec24b4f499f7f8cc34d285d00f01cb6d2919ccad"
    )


def test_the_french_edition_has_the_same_numbers_with_spaces() -> None:
    """No fact cites it. The numbers that the two editions share are found in both."""
    facts = json.loads((ROOT / "release" / "1.0.0" / "ledger.json").read_bytes())["facts"]
    cited = [f for f in facts if f["source_url"] == URL and len(f["value"]) >= 4]
    assert len(cited) == 11
    french = Document((LIST.parent / "rapportdemission-23-fr.txt").read_text())
    found = {f["value"]: french.find(Sought(value=f["value"])) for f in cited}
    assert {value for value, places in found.items() if places} == set(found)
    assert not any(place.exact for places in found.values() for place in places)


def test_so_many_values_are_found_in_a_report_that_their_facts_do_not_cite() -> None:
    """The coincidences that docs/evidence.md tells: for each kind of value how many facts, how many found,
    and how many of these weak."""
    facts = json.loads((ROOT / "release" / "1.0.0" / "ledger.json").read_bytes())["facts"]
    report = Document((LIST.parent / REPORT).read_text())
    counts = {kind: [0, 0, 0] for kind in ("short", "long", "text")}
    for fact in facts:
        if fact["source_url"] == URL:
            continue
        sought = Sought(value=fact["value"], unit=fact["unit"], label=fact["label"])
        places = report.find(sought)
        near = [report.nearby(one, sought) for one in places]
        kind = "short" if len(fact["value"]) <= 2 else "long"
        kind = kind if fact["value"].replace(".", "").isdecimal() else "text"
        counts[kind][0] += 1
        counts[kind][1] += bool(places)
        counts[kind][2] += len(places) > 1 and not any(n.unit or n.label for n in near)
    assert counts == {"short": [160, 91, 29], "long": [147, 29, 0], "text": [342, 11, 2]}
    page = (ROOT / "docs" / "evidence.md").read_text()
    for number, found, weak in counts.values():
        assert f"| {number} | {found} | {weak} |" in page


def test_people_read_a_table_the_claim_and_what_is_weak() -> None:
    ran = check(ROOT / "release" / "1.0.0" / "ledger.md", "--evidence", LIST, "--strict")
    assert ran.code == 9
    assert "says nothing about what the document means" in ran.out
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["32", "21", "11", "0", "0", "0", "1", URL] in lines
    assert ["681", "21", "11", "0", "649", "0", "1", "all"] in lines
    assert "weak: 1" in ran.out
    assert "'Job placement rate': '50' %" in ran.out
    every = check(ROOT / "release" / "1.0.0" / "ledger.md", "--evidence", LIST, "--all")
    assert every.code == 0
    assert "[44,010] career outcomes in 2022" in every.out
    assert every.out.count(f"{REPORT}, line ") == 32


LEDGER = """what,value,unit,source
Graduation,41,%,https://example.org/report#page=2
Outcomes,44010,,https://example.org/report
Missing,7,,https://example.org/report
Empty,,,https://example.org/report
Page,Déploiement en cours,,https://example.org/page/
Other,1,,https://example.org/other
"""


def documents(folder: Path, extra: str = "") -> Path:
    (folder / "report.pdf").write_bytes(
        pdf([page("Report 2023"), page("Graduation rate: 41 %", "44 010 in all")])
    )
    (folder / "page.html").write_text("<h1>RNCP</h1><p>Déploiement en&nbsp;cours</p>")
    (folder / "ledger.csv").write_text(LEDGER)
    listed = '[[document]]\nfile = "report.pdf"\nsource = "https://example.org/report"\n'
    listed += '[[document]]\nfile = "page.html"\nsource = "https://example.org/page"\n'
    (folder / "evidence.toml").write_text(listed + extra)
    return folder / "evidence.toml"


def test_a_pdf_and_a_page_are_read(tmp_path: Path) -> None:
    given = documents(tmp_path)
    words = (tmp_path / "ledger.csv", "--evidence", given, "--label-column", "what")
    found = check(*words, "--json").document
    states = [(f["label"], f["state"]) for f in found["report"]["facts"]]
    assert states == [
        ("Graduation", "as-it-stands"),
        ("Outcomes", "after-reading"),
        ("Missing", "absent"),
        ("Empty", "no-value"),
        ("Page", "after-reading"),
        ("Other", "no-document"),
    ]
    graduation = found["report"]["facts"][0]["places"][0]
    assert (graduation["place"]["page"], graduation["place"]["line"]) == (2, 1)
    assert (graduation["unit"], graduation["label"]) == (True, True)
    ran = check(*words)
    assert "absent: 1\n  line 4: 'Missing': '7'" in ran.out
    assert check(*words, "--strict").code == 9
    assert check(tmp_path / "ledger.csv", "--evidence", given).code == 0, "a ledger may have no label"


def test_strict_is_about_absent_and_weak_values_alone(tmp_path: Path) -> None:
    given = documents(tmp_path)
    (tmp_path / "ledger.csv").write_text(
        "".join(LEDGER.splitlines(keepends=True)[:3] + LEDGER.splitlines(keepends=True)[6:])
    )
    assert check(tmp_path / "ledger.csv", "--evidence", given, "--strict").code == 0


def test_columns_are_named_by_options(tmp_path: Path) -> None:
    given = documents(tmp_path)
    (tmp_path / "ledger.csv").write_text(LEDGER.replace("source", "origin", 1).replace("value", "n", 1))
    ran = check(tmp_path / "ledger.csv", "--evidence", given)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert "no column value; name it with --value-column; the columns are 'what', 'n'" in ran.err
    words = ("--value-column", "n", "--source-column", "origin")
    assert "2" in check(tmp_path / "ledger.csv", "--evidence", given, *words).out
    ran = check(tmp_path / "ledger.csv", "--evidence", given, "--value-column", "n", "--source-column", "x")
    assert "no column 'x'" in ran.err


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("missing.txt", None, "missing.txt: cannot read: No such file"),
        ("a.pdf", b"%PDF-1.7\n", "a.pdf: not a readable PDF"),
        ("a.txt", b"\xff", "a.txt: byte 0 is not UTF-8"),
        ("a.bin", b"x", "a.bin: no text, HTML or PDF"),
    ],
)
def test_a_document_that_cannot_be_read_is_one_line(
    name: str, data: bytes | None, said: str, tmp_path: Path
) -> None:
    given = documents(tmp_path, f'[[document]]\nfile = "{name}"\n')
    if data is not None:
        (tmp_path / name).write_bytes(data)
    ran = check(tmp_path / "ledger.csv", "--evidence", given)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1), ran
    assert "line 7" in ran.err
    assert said in ran.err


def test_a_document_with_another_digest_than_the_list_is_refused(tmp_path: Path) -> None:
    given = documents(tmp_path, f'[[document]]\nfile = "a.txt"\nsha256 = "{"0" * 64}"\n')
    (tmp_path / "a.txt").write_text("x")
    ran = check(tmp_path / "ledger.csv", "--evidence", given)
    assert ran.code == 2
    assert "a.txt: changed: its SHA-256 is" in ran.err


def test_a_release_is_checked_with_the_documents_that_it_commits_to(tmp_path: Path) -> None:
    given = documents(tmp_path)
    named = ("--name", "test", "--version", "1", "--root", tmp_path / "site", "--home", tmp_path / "home")
    assert anchor("publish", tmp_path / "ledger.csv", *named, "--evidence", given).code == 0
    release = tmp_path / "site" / "release.json"
    found = check(release, "--evidence", given, "--json").document
    assert [(d["file"], d["committed"]) for d in found["documents"]] == [
        ("page.html", True),
        ("report.pdf", True),
    ]
    assert found["report"]["total"]["states"]["absent"] == 1
    (tmp_path / "more.txt").write_text("7")
    given.write_text(
        given.read_text() + '[[document]]\nfile = "more.txt"\nextracted_from = "https://example.org/report"\n'
    )
    ran = check(tmp_path / "site", "--evidence", given)
    assert ran.code == 0
    assert "document more.txt: 1 characters, not committed to by the release" in ran.out
    (tmp_path / "page.html").write_text("<p>Déploiement en cours.</p>")
    ran = check(release, "--evidence", given)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (8, "", 1)
    assert "page.html: its SHA-256 is" in ran.err
    (tmp_path / "site" / "release" / "1" / "ledger.csv").write_text(LEDGER + "A,1,,x\n")
    documents(tmp_path)
    assert check(release, "--evidence", given).code == 8
    assert check(release, "--evidence", given, "--delimiter", ";").code == 2
