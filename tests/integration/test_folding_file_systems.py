# SPDX-License-Identifier: Apache-2.0
"""A release is the same on a file system that folds case, normalises Unicode, or drops dots at the end.

By logic alone: no such file system can be mounted where these tests were written (a kernel without
CONFIG_UNICODE, and so no ext4 or tmpfs with casefold; no vfat). What is published has ASCII paths, of which
no two are one after folding; so there is nothing that such a file system could confuse.
"""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from anchor.format import names
from tests.support.process.anchor_cli import anchor, says
from tests.support.releases.published import LEDGER, Site, published, snapshot


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("published"), version="1.0.0-rc")


@pytest.fixture
def site(original: Site, tmp_path: Path) -> Site:
    return original.copy(tmp_path)


@pytest.mark.parametrize("version", ["1.0.0-RC", "1.0.0-Rc", "1.0.0-rc.", "1.0.0-RC.."])
def test_a_version_that_such_a_file_system_would_put_into_another_ones_folder(
    site: Site, version: str
) -> None:
    before = snapshot(site.root)
    ran = site.publish(f"{LEDGER}| D | 4 |\n", version)
    assert ran.code == 2
    assert "only in case" in ran.line or "differs" in ran.line
    assert snapshot(site.root) == before


@pytest.mark.parametrize("version", ["LOG", "Log", "Schema", "SCHEMA"])
def test_a_version_that_would_be_a_folder_of_ours(site: Site, version: str) -> None:
    assert site.publish(LEDGER, version).code == 2


BLOBS = ("files/0", "files/1", "statement", "trusted_root", "anchors/0/bundle")


def blob(value: Any, place: str) -> Any:
    for step in place.split("/"):
        value = value[int(step)] if step.isdecimal() else value[step]
    return value


@pytest.mark.parametrize("other", BLOBS)
@pytest.mark.parametrize("one", BLOBS)
def test_no_two_paths_of_a_release_are_one_after_folding(one: str, other: str, site: Site) -> None:
    if one == other:
        return
    value = site.value
    path = str(blob(value, other)["path"])
    for clash in (path.upper(), path.replace("release/", "RELEASE/"), path.swapcase()):
        blob(value, one)["path"] = clash
        site.release.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        says(anchor("verify", site.release, "--policy", site.policy), 8, "release-json")


def test_no_path_changes_by_normalisation() -> None:
    """NFC (as most systems write), NFD (as HFS+ writes) and the compatibility forms."""
    for name in ("caf\u00e9.md", "cafe\u0301.md", "\ufb01le.md", "\u2126.md", "\u017fale.md", "\u0130.md"):
        forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")}
        for form in forms:
            if not form.isascii():
                assert names.path_problem(f"release/1/{form}")
                assert names.version_problem(form)
    for name in ("release/1.0.0/ledger.md", "a/B_c+d-e.f"):
        assert not names.path_problem(name)
        assert {unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")} == {name}
