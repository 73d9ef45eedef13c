# SPDX-License-Identifier: Apache-2.0
"""A URL of another document is the user's slip only while nothing was ever found there.

Whoever controls a server could otherwise put a statement in the place of a release, and turn INVALID into
USAGE. Each story is played over time, with new processes, lost records, and records that were put back.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.releases.published import Site, published
from tests.support.servers.folder_server import FolderServer, serve_folder

NAME = "newest.json"
"""The publisher names his release so on his server. Under the name release.json each document is judged."""


class Story(NamedTuple):
    """A site on a server, and the records of somebody who watches it."""

    site: Site
    web: FolderServer
    home: Path

    @property
    def url(self) -> str:
        return f"{self.web.url}/{NAME}"

    def serve(self, data: bytes) -> None:
        (self.site.root / NAME).write_bytes(data)

    def run(self, *more: object) -> Ran:
        words = ("--policy", self.site.policy, "--home", self.home)
        return anchor("reverify", *(more or (self.url,)), *words)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    site = published(tmp_path)
    with serve_folder(site.root) as web:
        found = Story(site, web, tmp_path / "records")
        found.serve(site.release.read_bytes())
        yield found


def remove_database(story: Story) -> None:
    """The mark beside it stays."""
    found = list(story.home.glob("records.db*"))
    assert found
    for path in found:
        path.unlink()


DOCUMENTS = ["statement", "bundle", "ledger.json"]


def document(story: Story, name: str) -> bytes:
    return story.site.path(name).read_bytes()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_new_url_of_another_document_is_a_slip_and_is_not_watched(story: Story, name: str) -> None:
    story.serve(document(story, name))
    for _ in range(2):
        ran = story.run()
        says(ran, 2, "where a release.json is wanted; give the release.json of a site, its folder or its URL")
        assert story.url in ran.line
        assert "INVALID" not in ran.out + ran.err
    assert NAME not in anchor("status", "--home", story.home).out
    story.serve(story.site.release.read_bytes())
    assert story.run().code == 0, "it was the wrong document, and now it is the right one"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_release_that_was_replaced_stays_invalid(story: Story, name: str) -> None:
    """Good, replaced, restarted, good again, replaced again, forgotten and named anew."""
    good, other = story.site.release.read_bytes(), document(story, name)
    bad = 7 if name == "ledger.json" else 8
    assert story.run().code == 0
    for _ in range(2):
        story.serve(other)
        assert [story.run().code, story.run().code] == [bad, bad]
        story.serve(good)
        assert story.run().code == 0
    story.serve(other)
    assert story.run("--forget", story.url).code == 0
    assert story.run().code == bad


def test_a_bad_release_does_not_become_a_slip(story: Story) -> None:
    """Nothing good was ever seen, but a refusal was: the server answers with a statement since."""
    good = story.site.release.read_bytes()
    story.serve(good.replace(b'"size": 3', b'"size": 4'))
    assert story.run().code == 8
    story.serve(document(story, "statement"))
    assert story.run().code == 8
    story.serve(b"")
    assert story.run().code == 3
    story.serve(document(story, "statement"))
    assert story.run().code == 8


def test_a_server_that_was_down_at_first_leaves_it_a_slip(story: Story) -> None:
    story.web.status = 503
    assert story.run().code == 3
    story.web.status = 200
    story.serve(document(story, "statement"))
    says(story.run(), 2, "a statement, where a release.json is wanted")


def test_lost_records_do_not_turn_it_into_a_slip(story: Story) -> None:
    """The database is deleted, and its mark still names the target."""
    assert story.run().code == 0
    remove_database(story)
    story.serve(document(story, "statement"))
    ran = story.run()
    assert ran.code not in (0, 2), ran
    assert "where a release.json is wanted" not in ran.err


def test_records_that_were_put_back_do_not_turn_it_into_a_slip(story: Story) -> None:
    story.web.status = 503
    assert story.run().code == 3
    old = story.home.parent / "old"
    shutil.copytree(story.home, old)
    story.web.status = 200
    assert story.run().code == 0
    remove_database(story)
    for path in old.glob("records.db*"):
        shutil.copy(path, story.home)
    story.serve(document(story, "statement"))
    ran = story.run()
    assert ran.code not in (0, 2), ran


def test_a_slip_leaves_the_other_targets(story: Story, tmp_path: Path) -> None:
    """One server must not keep the releases of another from being verified, or a refusal from being seen."""
    story.serve(document(story, "statement"))
    ran = story.run(story.url, story.site.release)
    assert ran.code == 2, ran
    assert "a statement, where a release.json is wanted" in ran.out + ran.err
    shown = anchor("history", "--home", story.home)
    assert str(story.site.release) in shown.out
    assert NAME not in shown.out
    story.site.path("ledger.md").write_text("| Label | Value |\n|---|---|\n| A | 9 |\n")
    ran = story.run(story.url, story.site.release)
    assert ran.code == 8, ran


def test_under_its_own_name_it_is_judged(story: Story) -> None:
    story.site.release.write_bytes(document(story, "statement"))
    for target in (f"{story.web.url}/release.json", f"{story.web.url}/"):
        assert story.run(target).code == 8
