# SPDX-License-Identifier: Apache-2.0
"""Sphinx: the site. `python3 tasks.py site` builds it; it stages the pages first."""

import re
from typing import Any

import anchor

project = "Anchor"
author = "the maintainers of Anchor"
copyright = author  # noqa: A001  Sphinx reads this name
release = version = anchor.__version__

root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**.md",
    "docs/commands/*.rst",
    "release/FORMAT.md",
    "tests/support/README.md",
]
extensions = ["myst_parser", "sphinx_click"]
myst_heading_anchors = 4
smartquotes = False  # two hyphens are an option, not a dash
html_theme = "furo"
html_title = f"Anchor {release}"
html_show_sourcelink = False
html_copy_source = False

_EXAMPLE = re.compile(r"Example: (anchor .*)")


def _plain(lines: list[str]) -> list[str]:
    """Help text as reStructuredText: what would be markup there is text, and examples are not wrapped."""
    found: list[str] = []
    for line in lines:
        if example := _EXAMPLE.match(line.strip()):
            found += ["Example::", "", f"    {example[1]}", ""]
        elif line.lstrip().startswith(("..", ":")):  # a directive of sphinx-click itself
            found.append(line)
        else:
            found.append(
                line.replace("\\", "\\\\").replace("*", "\\*").replace("`", "``").replace("|", "\\|")
            )
    return found


def _process(_app: Any, _context: Any, lines: list[str]) -> None:
    lines[:] = _plain(lines)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    for part in ("description", "epilog", "options", "arguments"):
        app.connect(f"sphinx-click-process-{part}", _process)
