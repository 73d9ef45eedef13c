# SPDX-License-Identifier: Apache-2.0
"""Every document that the tree cites is in the tree: sections of FORMAT.md, files of docs, links."""

import re
from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

ROOT = Path(__file__).resolve().parents[2]
FORMAT = (ROOT / "release" / "FORMAT.md").read_text(encoding="utf-8")
HEADINGS = set(re.findall(r"^#{2,3} ([0-9]+(?:\.[0-9]+)?)\.? ", FORMAT, re.MULTILINE))
CODE = sorted(
    path
    for folder in ("anchor", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "node_modules" not in path.parts and path != Path(__file__).resolve()
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "release" / "FORMAT.md"])


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def sections(text: str) -> set[str]:
    """The sections of FORMAT.md that a text cites."""
    cited = re.findall(r"FORMAT\.md\)?,?\s+sections?\s+([0-9.]+(?:(?:, | and | to )[0-9.]+)*)", text)
    return {number for some in cited for number in re.findall(r"[0-9]+(?:\.[0-9]+)?", some)}


def test_every_section_of_the_format_that_is_cited_exists() -> None:
    """A clause of a check goes into `--json`, and stays in the records for years."""
    for path in [*CODE, *PAGES]:
        text = path.read_text(encoding="utf-8")
        assert sections(text) <= HEADINGS, identify(path)
        if path.is_relative_to(ROOT / "anchor"):
            assert not re.search(r"FORMAT\.md, [a-z]", text), identify(path)


def test_nothing_cites_a_design_that_is_not_here() -> None:
    """The plan that the first version was built from is not in the tree."""
    for path in [*CODE, *PAGES, ROOT / "pyproject.toml"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bdesign(?: sections?)?,? §?[0-9]|\bdesign\.md\b", text, re.IGNORECASE), (
            identify(path)
        )


def test_every_page_that_code_or_a_page_names_exists() -> None:
    for path in [*CODE, *PAGES]:
        if path.name == "CHANGELOG.md":
            continue  # it speaks of earlier trees
        text = re.sub(r"https?://\S+|\bFulcio, docs/\S+", "", path.read_text(encoding="utf-8"))
        for name in re.findall(r"(?<![\w/.])docs/[\w./-]*\w\.(?:md|yml|toml)\b", text):
            assert (ROOT / name).exists(), (identify(path), name)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_of_the_tree_that_a_page_for_contributors_names_exists(name: str) -> None:
    paths = re.findall(r"`([a-z_][\w*-]*(?:/[\w.*-]+)+/?)`", (ROOT / name).read_text(encoding="utf-8"))
    assert len(paths) > 8
    for path in paths:
        assert [*ROOT.glob(path), *(ROOT / "anchor").glob(path)], path


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    text = re.sub(
        r"^(`{3,})[^\n]*\n.*?^\1$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in re.findall(r"(?<!`)\]\(([^)\s]+)\)(?!`)", text):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_every_file_of_ours_that_a_page_names_exists(page: Path) -> None:
    """`anchor/...` and `tests/...` in back-ticks; a star stands for any name."""
    if page.name == "CHANGELOG.md":
        return  # it speaks of earlier trees
    for name in re.findall(r"`((?:anchor|tests)/[\w./*-]*)`", page.read_text(encoding="utf-8")):
        assert list(ROOT.glob(name.rstrip("/"))), name


def test_every_fence_names_a_language_that_the_site_can_show() -> None:
    """The build of the site ends at a name that Pygments does not know. It runs in CI only."""
    for path in PAGES:
        for language in re.findall(r"^```([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            try:
                get_lexer_by_name(language)
            except ClassNotFound:
                pytest.fail(f"{identify(path)}: ```{language}")
