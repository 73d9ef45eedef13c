# SPDX-License-Identifier: Apache-2.0
"""docs/index.md leads to every page once, under tutorial, how-to, reference or explanation."""

from collections import Counter

from anchor.cli.commands import COMMANDS
from tests.support.generate import site
from tests.support.process.anchor_cli import ROOT

DOCS = ROOT / "docs"
INDEX = (DOCS / "index.md").read_text(encoding="utf-8")


def test_every_page_is_listed_once_and_the_four_kinds_are_apart() -> None:
    lists = site.listed(INDEX)
    assert [*lists] == ["Tutorial", "How to", "Reference", "Explanation", "The project"]
    found = Counter(page for pages in lists.values() for page in pages)
    assert set(found.values()) == {1}
    own = {page for page in found if not page.startswith("../")}
    real = {str(p.relative_to(DOCS)) for p in (*DOCS.glob("*.md"), *DOCS.glob("*/README.md"))} - {"index.md"}
    assert own == real
    assert all((DOCS / page).is_file() for page in found)


def test_there_is_a_page_for_each_command() -> None:
    pages = dict(site.command_pages())
    assert set(pages) == {"anchor.rst", *(f"anchor-{name}.rst" for name in COMMANDS)}
    assert all(f"anchor-{name}" in pages["anchor.rst"] for name in COMMANDS)
