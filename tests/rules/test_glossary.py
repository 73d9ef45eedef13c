# SPDX-License-Identifier: Apache-2.0
"""The glossary defines each term once, shortly, and the pages keep to its words."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "glossary.md"
TERMS, AVOIDED = PAGE.read_text(encoding="utf-8").split("## Words that we do not use")
ROWS = [
    row
    for row in re.findall(r"^\| (.+?) \| (.+) \| (.+) \|$", TERMS, re.MULTILINE)
    if row[0] not in ("term", "---")
]
BANNED = [
    word
    for word, _ in re.findall(r"^\| (.+?) \| (.+) \|$", AVOIDED, re.MULTILINE)
    if word not in ("not", "---")
]
PAGES = sorted(p for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if p.name != "CHANGELOG.md")


def test_there_are_terms_and_banned_words() -> None:
    assert 40 <= len(ROWS) <= 70
    assert len(BANNED) >= 8


def test_each_term_stands_once_with_one_to_three_sentences_and_a_source() -> None:
    terms = [term for term, *_ in ROWS]
    assert len(terms) == len(set(terms))
    for term, meaning, source in ROWS:
        assert meaning.endswith("."), term
        assert len(re.findall(r"[.:](?: |$)", meaning)) <= 4, term
        assert source.strip(), term


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_a_page_keeps_to_the_words_of_the_glossary(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if page == PAGE:
        text = TERMS
    if page.name == "CONTRIBUTING.md":
        text = text.split("\n## Prose\n")[0]  # it quotes what not to write
    for word in BANNED:
        pattern = r"\b" + re.escape(word).replace(r"\ ", r"\s+") + r"\b"
        assert not re.search(pattern, text, re.IGNORECASE), word
