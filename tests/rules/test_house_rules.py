# SPDX-License-Identifier: Apache-2.0
"""Every source file has a licence line, a docstring, and a size that can be read in one sitting."""

import ast
import functools
import re
import tomllib
from pathlib import Path

import pytest

import anchor

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted(
    p for p in (ROOT / "anchor").rglob("*.py") if p.parent.name != "versions"
)  # migrations are lists
ALL = sorted([*OURS, *(p for p in (ROOT / "tests").rglob("*.py") if "node_modules" not in p.parts)])
MOST_LINES = 600
MOST_FUNCTION_LINES = 60
OPEN_ENDS = re.compile(r"\b(?:TO(?:DO)|FIX(?:ME)|XX(?:X))\b")  # written so that it does not match itself


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def functions(path: Path) -> tuple[list[tuple[str, int]], set[str]]:
    """The functions of a file with their numbers of lines, and the names of those that it calls."""
    sizes, called = [], set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            sizes.append((node.name, (node.end_lineno or 0) - node.lineno))
        elif isinstance(node, ast.Call):
            called.add(
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            )
    return sizes, called


@pytest.mark.parametrize("path", ALL, ids=identify)
def test_a_file_has_its_licence_a_docstring_and_a_readable_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0] == "# SPDX-License-Identifier: Apache-2.0"
    assert len(lines) <= MOST_LINES
    assert lines[1].startswith(('"""', 'r"""'))
    assert not OPEN_ENDS.search(text)


@pytest.mark.parametrize("path", OURS, ids=identify)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    sizes, _ = functions(path)
    assert {name: size for name, size in sizes if size >= MOST_FUNCTION_LINES} == {}


def test_the_version_is_one_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## \[([^\]]+)\](?: - \d{4}-\d\d-\d\d)?$", log, re.MULTILINE)
    released = [h for h in heads if h != "Unreleased"]
    assert released
    assert project["version"] == anchor.__version__ == released[0]
    assert len(heads) == len(set(heads))


def test_one_module_prints_so_that_every_line_escapes_what_steers_a_terminal() -> None:
    printing = {"echo", "secho", "print"}
    allowed = {"anchor/cli/output.py"}
    for path in OURS:
        _, called = functions(path)
        assert identify(path) in allowed or not called & printing, path
