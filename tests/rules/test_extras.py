# SPDX-License-Identifier: Apache-2.0
"""The extras that messages and documents name are those of pyproject.toml, and none is taken from an index.

No package index has Anchor. Whoever followed such a remedy would install what a stranger registered there.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
SOURCES = [*ROOT.glob("anchor/**/*.py")]
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/man/*")]


def test_nothing_tells_people_to_install_anchor_from_an_index() -> None:
    from_index = re.compile(r"ledger-anchor\[|install '?\"?ledger-anchor\b")
    assert [p for p in (*SOURCES, *DOCUMENTS) if from_index.search(p.read_text(encoding="utf-8"))] == []


def test_a_message_names_an_extra_that_there_is() -> None:
    named = {n for p in SOURCES for n in re.findall(r"with_extra\([\"']([a-z]+)", p.read_text("utf-8"))}
    assert named == EXTRAS


def test_the_readme_lists_all_extras() -> None:
    (listed,) = re.findall(r"The extras are ([^.]*)\.", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert set(re.findall(r"`([a-z]+)`", listed)) == EXTRAS
