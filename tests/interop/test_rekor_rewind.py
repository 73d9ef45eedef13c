# SPDX-License-Identifier: Apache-2.0
"""A real Rekor v2 server whose storage is wiped and that starts again with the same key, as re-verification
sees it: an old head while it is small, two histories as soon as it reaches what it had signed before.
"""

import contextlib
import functools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.interop.publication import AsTheyAre
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.stack import Stack
from tests.interop.test_stack_starts import post_all, request
from tests.support.attacks.attacked import Hook, hook
from tests.support.process.anchor_cli import Ran, anchor

OTHERS = 3
"""Entries of other people after the release's own."""


@dataclass
class Watched:
    """A release in a log of a real server, and a watcher with its records."""

    log: RekorV2
    folder: Path
    hook: Hook

    def publish(self, stack: Stack) -> None:
        (self.folder / "ledger.md").write_text("| Label | Value |\n|---|---|\n| A | 1 |\n")
        (self.folder / "token").write_text(stack.oidc.token())
        named = ("--name", "l", "--version", "1.0.0", "--root", self.folder / "site")
        instance = ("--instance", stack.instance(self.log), "--identity-token-file", self.folder / "token")
        home = ("--home", self.folder / "publisher")
        ran = anchor("publish", self.folder / "ledger.md", *named, *instance, *home, "--yes")
        assert ran.code == 0, ran.err
        place = f'\n[[log]]\norigin = "{self.log.origin}"\nurl = "{self.log.url}"\n'
        (self.folder / "policy.toml").write_text(ran.out + place)

    def grow(self, count: int, tag: str) -> None:
        """Entries of others; each is in the published checkpoint when this returns."""
        post_all(self.log.url, [request(f"{tag} {n}".encode()) for n in range(count)])

    def wipe(self) -> None:
        """Empty the storage and start the server again, with the key that it had."""
        self.log.server.stop()
        shutil.rmtree(self.log.storage)
        self.log.server.start()
        _until((self.log.storage / "checkpoint").exists)

    def run(self, *more: object) -> Ran:
        given = ("--policy", self.folder / "policy.toml", "--home", self.folder / "watcher")
        rule = ("--alarm-after", "2/0", "--notify", self.hook.notify_url)
        return anchor("reverify", self.folder / "site" / "release.json", *given, *rule, "--json", *more)

    def evidence(self) -> Path:
        """The one piece of evidence, exported."""
        out = self.folder / "evidence"
        ran = anchor("records", "export", "--evidence", "-o", out, "--home", self.folder / "watcher")
        (line,) = ran.out.splitlines()
        return Path(line)


class Prepared:
    """The log and the files that all tests here begin with. Made once, they are put back for each test."""

    def __init__(self, stack: Stack, folder: Path, server: Hook) -> None:
        self.found = Watched(stack.new_log("rewound.stack.internal"), folder / "now", server)
        self.found.folder.mkdir()
        self.found.grow(1, "earlier")
        self.found.publish(stack)
        self.found.grow(OTHERS, "before")
        first = self.found.run()
        assert _class(first) is Class.OK, _details(first)
        self.found.log.server.stop()
        self._then = AsTheyAre(self.found.folder, self.found.log.storage)

    def again(self) -> Watched:
        """The same log and files, with the server started anew."""
        self.found.log.server.stop()
        self._then.put_back()
        self.found.log.server.start()
        return self.found


@pytest.fixture(scope="module")
def prepared(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Prepared]]:
    """The first test that calls it makes it: a test runs where the servers are."""
    folder = tmp_path_factory.mktemp("rewound")
    with contextlib.ExitStack() as ends:

        @functools.cache
        def make() -> Prepared:
            made = Prepared(stack, folder, ends.enter_context(hook()))
            ends.callback(made.found.log.stop)
            return made

        yield make


@pytest.fixture
def watched(prepared: Callable[[], Prepared]) -> Watched:
    """A release between entries of others, seen good once."""
    found = prepared().again()
    found.hook.messages.clear()
    return found


def test_a_wiped_log_is_an_old_head_and_told_when_it_lasts(watched: Watched) -> None:
    watched.wipe()
    ran = watched.run()
    assert (_class(ran), ran.code) == (Class.UNAVAILABLE, 0)  # damped: a good run is young
    assert "old head served" in _details(ran)
    assert watched.hook.titles() == []
    assert watched.run().code == 3
    assert watched.hook.titles() == ["UNAVAILABLE"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_smaller_log_of_another_history_is_shown_by_the_tiles_that_were_kept(
    watched: Watched, *, kept: bool
) -> None:
    """Without them nothing proves more than that the log is small again: a doubt, and no alarm."""
    watched.wipe()
    watched.grow(1, "another history")
    if not kept:
        shutil.rmtree(watched.folder / "watcher" / "tiles")
    ran = watched.run()
    if kept:
        assert (_class(ran), ran.code) == (Class.EQUIVOCATION, 6), _details(ran)
        assert anchor("verify-evidence", watched.evidence(), "--log-key", watched.log.vkey).code == 6
    else:
        assert (_class(ran), ran.code) == (Class.UNAVAILABLE, 0), _details(ran)


@pytest.mark.parametrize(("grown", "kind"), [(OTHERS + 2, "log-equal-size"), (OTHERS + 5, "log-growth")])
def test_a_rewound_log_that_grows_again_has_two_histories(watched: Watched, grown: int, kind: str) -> None:
    watched.wipe()
    watched.grow(grown, "another history")
    ran = watched.run()
    assert (_class(ran), ran.code) == (Class.EQUIVOCATION, 6), ran.out
    assert watched.hook.titles() == ["EQUIVOCATION"]
    file = watched.evidence()
    assert json.loads(file.read_bytes())["kind"] == kind
    assert anchor("verify-evidence", file, "--log-key", watched.log.vkey).code == 6
    assert anchor("verify-evidence", file, "--policy", watched.folder / "policy.toml").code == 6
    assert anchor("records", "check", "--home", watched.folder / "watcher").code == 6


def test_a_log_put_back_from_its_own_backup_recovers(watched: Watched, tmp_path: Path) -> None:
    """The control: the same key, an older copy of the same history, and then all of it again."""
    watched.log.server.stop()
    shutil.copytree(watched.log.storage, tmp_path / "backup")
    watched.log.server.start()
    watched.grow(2, "later")
    assert _class(watched.run()) is Class.OK
    later = tmp_path / "later"
    watched.log.server.stop()
    watched.log.storage.rename(later)
    shutil.copytree(tmp_path / "backup", watched.log.storage)
    watched.log.server.start()
    ran = watched.run()
    assert _class(ran) is Class.UNAVAILABLE
    assert "old head served" in _details(ran)
    watched.log.server.stop()
    shutil.rmtree(watched.log.storage)
    later.rename(watched.log.storage)
    watched.log.server.start()
    assert _class(watched.run()) is Class.OK
    assert watched.hook.titles() == []  # two runs in a row were wanted


def _class(ran: Ran) -> Class:
    return Class(ran.document["verdict"])


def _details(ran: Ran) -> str:
    return "; ".join(c["detail"] for c in ran.document["checks"])


def _until(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.05)
