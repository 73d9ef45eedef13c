# SPDX-License-Identifier: Apache-2.0
"""A server answers with an error page, a log-in form, nothing or half a file, again and again.

None of it is tampering: each run is UNAVAILABLE, and the watch tells nobody of another class. A release.json
that is JSON and contradicts what was signed stays INVALID, however often pages came before it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import Site, published
from tests.support.servers.folder_server import FolderServer, serve_folder

PAGES = {
    "an error page": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "a log-in form": b"\n\n<!DOCTYPE html>\n<form action='/login'><input name='user'></form>",
    "nothing": b"",
    "spaces": b" \n\n",
    "a line of text": b"upstream connect error or disconnect/reset before headers\n",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def site(original: Site, tmp_path: Path) -> Site:
    return original.copy(tmp_path)


@pytest.fixture
def web(site: Site) -> Iterator[FolderServer]:
    with serve_folder(site.root) as server:
        yield server


def reverify(web: FolderServer, site: Site) -> Ran:
    home = site.home.parent / "watcher"
    return anchor("reverify", f"{web.url}/release.json", "--policy", site.policy, "--home", home, "--json")


def found(ran: Ran) -> tuple[int, str]:
    return ran.code, ran.document["verdict"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_comes_goes_and_comes_again_is_no_tampering(
    page: str, web: FolderServer, site: Site
) -> None:
    half = site.release.read_bytes()[:500]
    assert found(reverify(web, site)) == (0, "OK")
    for body in (PAGES[page], None, half, PAGES[page], None):
        if body is None:
            web.bodies.pop("release.json")
            assert found(reverify(web, site)) == (0, "OK")
        else:
            web.bodies["release.json"] = body
            assert found(reverify(web, site)) == (3, "UNAVAILABLE")
    value = json.loads(site.release.read_bytes())
    value["tree"]["size"] += 1
    web.bodies["release.json"] = json.dumps(value, indent=2).encode() + b"\n"
    assert found(reverify(web, site)) == (8, "INVALID")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("path", ["/release.json", "/", "/some/where"])
def test_who_verifies_is_told_that_no_release_came(
    page: str, path: str, web: FolderServer, site: Site
) -> None:
    web.bodies |= {"release.json": PAGES[page], "some/where": PAGES[page]}
    ran = anchor("verify", f"{web.url}{path}", "--policy", site.policy)
    assert ran.code == 3, ran
    assert "INVALID" not in ran.out + ran.err
    assert "no whole release.json: " in ran.err
    if PAGES[page].lstrip().startswith(b"<"):
        assert "a web page, as a server sends it for a log-in or an error" in ran.err


def test_a_known_document_under_another_address_is_a_slip(web: FolderServer, site: Site) -> None:
    ran = anchor("verify", f"{web.url}/release/1.0.0/statement.json", "--policy", site.policy)
    assert ran.code == 2, ran
    assert "a statement, where a release.json is wanted" in ran.line


def test_a_watched_release_that_becomes_another_document_is_no_slip(web: FolderServer, site: Site) -> None:
    assert found(reverify(web, site)) == (0, "OK")
    web.bodies["release.json"] = site.path("statement").read_bytes()
    assert found(reverify(web, site)) == (8, "INVALID")
