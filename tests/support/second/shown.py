# SPDX-License-Identifier: Apache-2.0
"""How GitHub's own parser (cmark-gfm) shows a document, and a browser's parser (html5lib) reads that."""

from dataclasses import dataclass
from typing import Any

import cmarkgfm
import html5lib
from cmarkgfm.cmark import Options

OPTIONS = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
"""Nothing is taken out of the HTML: the reader has to refuse it."""


@dataclass(frozen=True)
class Shown:
    """A cell as it is shown: its text, the target of its one link, and the names of the elements inside."""

    text: str
    link: str
    elements: tuple[str, ...]


def tables(document: str) -> list[list[list[Shown]] | None]:
    """Every table of the page; None for one that does not stand at the top level of the body."""
    html = cmarkgfm.github_flavored_markdown_to_html(document, options=OPTIONS)
    page = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    top = list(page.find("body"))
    return [_rows(t) if t in top else None for t in page.iter("table")]


def _rows(table: Any) -> list[list[Shown]]:
    return [[_cell(cell) for cell in row if cell.tag in ("th", "td")] for row in table.iter("tr")]


def _cell(cell: Any) -> Shown:
    inside = [e for e in cell.iter() if e is not cell]
    link = [e.get("href", "") for e in inside if e.tag == "a"]
    return Shown(
        "".join(cell.itertext()), link[0] if len(link) == 1 else "", tuple(str(e.tag) for e in inside)
    )
