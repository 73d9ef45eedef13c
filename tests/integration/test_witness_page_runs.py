# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/witness.md run in a story: a witness is made, served, copied, lost, and put back."""

import contextlib
import hashlib
import http.client
import re
import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.witness.held_store import MARK
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body
from tests.support.process import forked
from tests.support.process.anchor_cli import ROOT, Ran, anchor, says

TEXT = (ROOT / "docs" / "witness.md").read_text(encoding="utf-8")
PAGE = " ".join(TEXT.split())
BLOCKS = re.findall(r"^ {4}(anchor .*)$", TEXT, re.MULTILINE)
INIT, ADD, ADD_LIST, BACKUP = BLOCKS
(SERVE,) = re.findall(r"^ExecStart=\S*/(anchor .*)$", TEXT, re.MULTILINE)
(RELOAD,) = re.findall(r"^ExecReload=/bin/kill -(\w+) \$MAINPID$", TEXT, re.MULTILINE)
INLINE = [c for c in re.findall(r"`(anchor [^`]*)`", PAGE) if len(c.split()) > 3]
RESTORE, RESTORE_NEWEST, CATCH_UP = [c for c in INLINE if c.startswith("anchor witness")]


class Story:
    """The folder of a machine with a witness, and the logs that ask it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.home = folder / "var" / "w1"
        self.home.parent.mkdir(mode=0o700)
        self.a, self.b = (SimLog(origin=f"log-{n}.example", seed=s).grow(9) for n, s in (("a", 5), ("b", 6)))
        monkeypatch.setenv("ANCHOR_WITNESS_HOME", str(self.home))
        monkeypatch.chdir(folder)
        (folder / "network.txt").write_text(f"logs/v0\nvkey {self.b.key.vkey}\nqpd 9\ncontact me\n")
        self.port = 0

    def run(self, command: str, code: int = 0) -> Ran:
        """A command of the page, with this machine's places."""
        text = command.replace("/etc/anchor/witness-network.txt", str(self.folder / "network.txt"))
        text = text.replace("/media/safe/w1", str(self.folder / "safe")).replace("$LOG_VKEY", self.a.key.vkey)
        ran = anchor(*shlex.split(text)[1:])
        assert ran.code == code, (command, ran)
        return ran

    @contextlib.contextmanager
    def serving(self) -> Iterator[forked.ForkedCommand]:
        """The witness, as its unit starts it, at another port."""
        words = shlex.split(SERVE.replace("127.0.0.1:7380", "127.0.0.1:0"))[1:]
        running = forked.start(*words)
        try:
            found = re.search(r"at http://127\.0\.0\.1:(\d+), ", line := running.stdout.readline())
            assert found is not None, line
            self.port = int(found[1])
            yield running
        finally:
            running.kill()
            running.wait(60)
            running.stdout.close()

    def ask(self, method: str, path: str, data: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, data)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def cosign(self, log: SimLog, old: int, size: int) -> int:
        return self.ask("POST", "/add-checkpoint", body(log, old, size))[0]

    def fetch(self, log: SimLog, name: str) -> None:
        """The newest cosigned checkpoint, as a monitor gets it."""
        status, note = self.ask("GET", f"/{hashlib.sha256(log.origin.encode()).hexdigest()}/checkpoint")
        assert status == 200
        (self.folder / name).write_bytes(note)

    def sizes(self) -> dict[str, int]:
        logs = anchor("witness", "show", "--json").document["logs"]
        return {log["origin"]: log["size"] for log in logs}


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    found = Story(tmp_path, monkeypatch)
    for command in (INIT, ADD, ADD_LIST):
        found.run(command)
    return found


def copied(story: Story) -> None:
    """Both logs are cosigned, a copy is made while the witness runs, and they grow after that."""
    with story.serving():
        assert story.cosign(story.a, 0, 4) == story.cosign(story.b, 0, 4) == 200
        story.run(BACKUP)
        assert story.cosign(story.a, 4, 9) == story.cosign(story.b, 4, 8) == 200
        story.fetch(story.a, "log-a.txt")
        story.fetch(story.b, "log-b.txt")


def test_it_serves_takes_a_new_list_and_shows_two_histories(story: Story) -> None:
    other = SimLog(origin="log-c.example", seed=7).grow(5)
    with story.serving() as running:
        assert story.cosign(story.a, 0, 4) == story.cosign(story.b, 0, 4) == 200
        assert story.cosign(other, 0, 4) == 404
        story.run(ADD.replace("$LOG_VKEY", other.key.vkey))
        running.send_signal(getattr(signal, f"SIG{RELOAD}"))
        assert any("was read again: 3 logs" in line for line in iter(running.stdout.readline, ""))
        assert story.cosign(other, 0, 4) == 200
        assert story.cosign(story.a.fork(2), 0, 4) == 409
        assert story.cosign(story.a.fork(2), 4, 4) == 422
        shown = story.run("anchor witness show").out
    (evidence,) = re.findall(r"^TWO HISTORIES  (\S+)", shown, re.MULTILINE)
    assert Path(evidence).parent == story.home / "evidence"
    ran = anchor("verify-evidence", evidence, "--log-key", story.a.key.vkey)
    assert (ran.code, "EQUIVOCATION" in ran.out) == (6, True), ran


def test_a_lost_witness_goes_on_from_its_newest_checkpoints(story: Story) -> None:
    copied(story)
    shutil.rmtree(story.home)
    ran = story.run(RESTORE)
    assert f"{story.a.origin}: from size 4 to 9" in ran.out
    assert f"{story.b.origin}: from size 4 to 8" in ran.out
    with story.serving():
        assert story.cosign(story.a.fork(5), 4, 9) == 409
        assert story.cosign(story.b, 8, 9) == 200


def test_a_witness_that_was_stopped_before_the_copy_goes_on(story: Story) -> None:
    with story.serving():
        assert story.cosign(story.a, 0, 4) == 200
    story.run(BACKUP)
    shutil.rmtree(story.home)
    story.run(RESTORE_NEWEST)
    assert story.sizes() == {story.a.origin: 4, story.b.origin: None}
    with story.serving():
        assert story.cosign(story.a, 4, 9) == 200


def test_an_older_store_under_a_newer_mark_is_caught_up(story: Story) -> None:
    copied(story)
    for path in story.home.glob("store.sqlite*"):
        path.unlink()
    shutil.copy(story.folder / "safe" / "store.sqlite", story.home)
    assert (story.home / MARK).is_file()
    says(anchor("witness", "serve", "--listen", "127.0.0.1:0"), 2, "the store was rolled back")
    ran = story.run(CATCH_UP)
    assert f"{story.a.origin}: from size 4 to 9" in ran.out
    assert story.sizes() == {story.a.origin: 9, story.b.origin: 4}
    with story.serving():
        assert story.cosign(story.a.fork(5), 4, 9) == 409


def test_a_store_that_is_gone_stops_the_start(story: Story) -> None:
    copied(story)
    for path in story.home.glob("store.sqlite*"):
        path.unlink()
    says(anchor("witness", "serve", "--listen", "127.0.0.1:0"), 2, "store")
