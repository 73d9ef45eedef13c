# SPDX-License-Identifier: Apache-2.0
"""The Python that the documents show runs, from the root of the repository."""

import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "release" / "FORMAT.md"])
SHOWN = [
    pytest.param(code, id=f"{path.relative_to(ROOT)}-{number}")
    for path in DOCUMENTS
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S), 1)
]


def test_there_is_python_to_run() -> None:
    assert SHOWN


@pytest.mark.parametrize("code", SHOWN)
def test_shown_python_runs(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(code, "document", "exec"), {})


def test_the_public_names_exist_and_no_module_stands_where_one_was_moved_from() -> None:
    rows = [
        line.split("|")[1] for line in (ROOT / "docs/python.md").read_text().splitlines() if "| `" in line
    ]
    names = [name for row in rows for name in re.findall(r"`(anchor[\w.]+)`", row)]
    assert len(names) == 10
    for name in names:
        assert pkgutil.resolve_name(name), name
    for gone in ("edge", "wiring", "ledger", "release", "bundle", "trust", "reverify", "worker", "naming"):
        found = importlib.util.find_spec(f"anchor.{gone}")
        # a folder with nothing but old bytecode is a namespace, which has no origin
        assert found is None or found.origin is None, gone


PAGES = [
    path.name
    for path in sorted((ROOT / "docs").glob("*.md"))
    if re.search(r"^ {4}anchor ", path.read_text(encoding="utf-8"), re.M)
]


@pytest.mark.parametrize("page", PAGES)
def test_a_test_reads_each_page_that_shows_commands(page: str) -> None:
    """And runs them: a test of tests/rules only looks up their options. No rule can tell more."""
    named = re.compile(
        rf'"docs" / "{re.escape(page)}"|"docs/{re.escape(page)}"|^"""docs/{re.escape(page)} ', re.M
    )
    readers = [p for p in ROOT.glob("tests/*/test_*.py") if named.search(p.read_text(encoding="utf-8"))]
    assert any(path.parent.name != "rules" for path in readers)
