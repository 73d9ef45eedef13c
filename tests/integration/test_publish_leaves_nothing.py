# SPDX-License-Identifier: Apache-2.0
"""A publication that fails before anything is signed leaves no home, and no folder above one."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from anchor.app import publisher_homes
from anchor.disk import lock, user_homes
from anchor.errors import Refused
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER, NAME, published, snapshot

NAMED = ("--name", NAME, "--version", "1.0.0")


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty HOME of a new user, who is in a folder with a ledger."""
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ANCHOR_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "ledger.md").write_text(LEDGER)
    (work / "broken.md").write_bytes(b"| Label |\n|---|\n| \xff |\n")
    (work / "broken.json").write_text("{")
    return home


def publish(*words: object, ledger: str = "ledger.md") -> Ran:
    return anchor("publish", ledger, *NAMED, "--root", "site", *words)


@pytest.mark.parametrize(
    ("ledger", "words"),
    [
        ("none.md", ()),
        ("broken.md", ()),
        ("ledger.md", ("--policy", "none.toml")),
        ("ledger.md", ("--policy", "broken.json")),
        ("ledger.md", ("--witness-policy", "none")),
        ("ledger.md", ("--witness-policy", "broken.json")),
        ("ledger.md", ("--instance", "none")),
        ("ledger.md", ("--instance", "broken.json")),
        ("ledger.md", ("--also", "broken.json")),
        ("ledger.md", ("--blind", "--instance", "broken.json")),
        ("ledger.md", ("--resume",)),
        ("ledger.md", ("--root", "ledger.md")),
        ("ledger.md", ("--home", "../user/deep/er/home", "--instance", "none")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_nothing_is_left(user: Path, ledger: str, words: tuple[str, ...]) -> None:
    ran = publish(*words, ledger=ledger)
    assert ran.code == 2, ran
    assert not list(user.rglob("*"))
    assert {p.name for p in Path().iterdir()} == {"broken.json", "broken.md", "ledger.md"}


def test_nothing_is_left_where_the_folder_has_releases_of_another_home(user: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    site = published(tmp_path / "theirs")
    shutil.rmtree(user / ".local")  # their own machine has the trusted root
    before = snapshot(site.root)
    words = ("publish", "ledger.md", "--name", NAME, "--root", site.root, "--version", "1.0.1")
    for more in ((), ("--new-signer", "--instance", "none")):
        ran = anchor(*words, *more)
        assert ran.code == 2, ran
        assert not list(user.rglob("*")), more
    ran = anchor("withdraw", site.root, "1.0.0", "--kind", "withdrawn", "--reason", "a trial")
    assert ran.code == 2, ran
    assert not list(user.rglob("*"))
    assert snapshot(site.root) == before


def test_a_stop_before_the_signature_leaves_nothing(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the ledger is read."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anchor.publish.run.seal", stopped)
    assert publish().code == 130
    assert not list(user.rglob("*"))


def test_what_was_there_before_stays(user: Path) -> None:
    """A folder of the user's own, even an empty one, and the home of another ledger."""
    (user / ".local" / "state").mkdir(parents=True)
    assert publish("--instance", "none").code == 2
    assert list(user.rglob("*")) == [user / ".local", user / ".local" / "state"]
    (user / "home").mkdir()
    assert publish("--home", user / "home", "--instance", "none").code == 2
    assert (user / "home").is_dir()
    assert publish().code == 0
    kept = snapshot(user)
    other = ("publish", "ledger.md", "--name", "other", "--version", "1", "--root", "elsewhere")
    assert anchor(*other, "--instance", "none").code == 2
    assert snapshot(user) == kept
    assert not user_homes.of_ledger("other").exists()


def test_what_was_signed_stays(user: Path) -> None:
    """One log has the entry, and the other one is down: the home is needed to complete it."""
    down = json.loads(anchor_config(user))
    Path("down.json").write_text(json.dumps(down))
    ran = publish("--also", "down.json")
    assert ran.code == 5, ran
    home = user_homes.of_ledger(NAME)
    assert (home / "instance").is_dir()
    assert (home / "signed.jsonl").read_bytes()
    again = publish()
    assert again.code in (0, 5), again


def anchor_config(user: Path) -> str:
    """The trust config of an instance that nobody serves."""
    home = user.parent / "instance"
    assert anchor("instance", "init", "--home", home).code == 0
    out = user.parent / "exported"
    assert anchor("instance", "export", "--root", out, "--home", home).code == 0
    (config,) = out.rglob("*trust_config*.json")
    return config.read_text()


def failed(home: Path, work: Callable[..., object], **more: object) -> None:
    """A publication with a new home that does this work, and then fails."""

    def block() -> None:
        with publisher_homes.made(home):
            work(**more)
            raise Refused("a failure")

    with pytest.raises(Refused):
        block()


def test_a_home_that_another_process_uses_by_now_stays(user: Path) -> None:
    home = user / "state" / "home"
    with contextlib.ExitStack() as held:

        def other_process() -> None:
            (home / "journal").mkdir()
            (home / "other").write_text("of the other process")
            held.enter_context(lock.exclusive(home / "journal", doing="publishing"))

        failed(home, other_process)
        assert (home / "other").exists()


def test_a_journal_that_was_begun_stays(user: Path) -> None:
    home = user / "home"
    failed(home, (home / "journal" / "one").mkdir, parents=True)
    assert (home / "journal" / "one").is_dir()
    assert home.stat().st_mode & 0o777 == 0o700
