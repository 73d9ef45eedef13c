# SPDX-License-Identifier: Apache-2.0
"""The site that `python3 tasks.py site` built, and a link that leads nowhere."""

import re
from pathlib import Path

import pytest

from tests.support.generate import site
from tests.support.process.anchor_cli import ROOT
from tests.support.process.need import need

pytestmark = pytest.mark.site

BUILT = ROOT / "build"


def test_the_site_has_every_page_and_fetches_nothing() -> None:
    need((BUILT / "site").is_dir(), "python3 tasks.py site")
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for pages in site.listed(index).values():
        for page in pages:
            path = (ROOT / "docs" / page).resolve().relative_to(ROOT).with_suffix(".html")
            assert (BUILT / "site" / path).is_file(), page
    for path in (BUILT / "site").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"(https?:[^\"]*)", text)
        assert loaded == [], path
    contents = (BUILT / "site" / "docs" / "index.html").read_text(encoding="utf-8")
    places = [contents.index(f">{title}<") for title in ("Tutorial", "How to", "Reference", "Explanation")]
    assert places == sorted(places)


def test_a_link_to_no_page_and_one_to_no_heading_end_the_build(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    site.stage(source)
    page = source / "docs" / "diff.md"
    page.write_text(page.read_text() + "\n[a](no-such-page.md) and [b](policy.md#no-such-heading)\n")
    for other in (source / "docs").glob("decisions/0*.md"):
        other.unlink()
    done = site.sphinx("dummy", source, tmp_path / "out")
    assert done.returncode != 0
    assert "no-such-page" in done.stderr
    assert "no-such-heading" in done.stderr
