# SPDX-License-Identifier: Apache-2.0
"""The code is written in plain English: no metaphors, and docstrings that begin with their subject."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "anchor").rglob("*.py"))
TESTS = sorted(p for p in (ROOT / "tests").rglob("*.py") if "node_modules" not in p.parts)
BANNED = {
    "is none": r"(?<!there )\bis none\b",
    "but for": r"\bbut\s+for\b",
    "weather": r"\b[Ww]eather\b",
    "sings": r"\bsings?\b",
    "rival": r"[Rr]ivals?(?![a-z])",
    "trouble": r"[Tt]roubles?(?![a-z])",
    "a docstring that begins with What or Whether": r'"""(?:What|Whether) ',
    "a design that is not in the tree": r"\bdesign section\b",
}
PUBLISHED = frozenset({"anchor/format/statement_1.py"})
"""Its docstrings are descriptions in the schemas of the published release 1.0.0, whose bytes stay."""


QUOTING = frozenset(
    {"tests/rules/test_prose.py", "tests/vectors/cases_format.py", "tests/vectors/cases_statement.py"}
)
"""This file, and sentences that are part of published vectors, which stay."""


def banned(text: str) -> list[str]:
    """The names of the banned phrases that a text contains."""
    return [name for name, pattern in BANNED.items() if re.search(pattern, text)]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_is_written_in_plain_english(path: Path) -> None:
    assert path.relative_to(ROOT).as_posix() in PUBLISHED or not banned(path.read_text(encoding="utf-8"))


def test_the_tests_are_written_in_plain_english_too() -> None:
    texts = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in TESTS}
    assert {
        name: found for name, text in texts.items() if name not in QUOTING and (found := banned(text))
    } == {}
