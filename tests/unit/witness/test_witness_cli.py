# SPDX-License-Identifier: Apache-2.0
"""`anchor witness`: made, listed, shown, copied and put back, and one line for what is refused."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.cli import witness as command
from anchor.disk.lock import exclusive
from anchor.tlog.keys import Algorithm, parse_vkey
from anchor.witness import held_store, known_logs, witness_home
from anchor.witness.cosigning import Witness
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body
from tests.support.process.anchor_cli import ROOT, anchor, says
from tests.support.servers.own_witness import NAME, made, serving

LOG = SimLog().grow(20)
OTHER = SimLog(origin="rekor.example - 123", name="rekor.example", seed=3).grow(5)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made(tmp_path / "w1", LOG.key)
    return tmp_path / "w1"


def witness(home: Path, *words: object, code: int = 0) -> str:
    ran = anchor("witness", *words, "--home", home)
    assert ran.code == code, ran
    return ran.out


def cosign(home: Path, *sizes: int, log: SimLog = LOG) -> bytes:
    """The cosigned checkpoint after these trees."""
    with serving(witness_home.load(home)) as served:
        for size in sizes:
            old = served.add(body(log, 0, size))
            known = int(old.body) if old.status == 409 else size
            assert served.add(body(log, known, size)).status == 200
        return served.latest(log.origin).body


# init


@pytest.mark.parametrize(
    ("algorithm", "kinds"),
    [
        ((), [Algorithm.COSIGNATURE_V1, Algorithm.SUBTREE_V1]),
        (("--algorithm", "ed25519"), [Algorithm.COSIGNATURE_V1]),
        (("--algorithm", "ml-dsa-44"), [Algorithm.SUBTREE_V1]),
    ],
)
def test_a_witness_is_made_with_its_keys(
    tmp_path: Path, algorithm: tuple[str, ...], kinds: list[Algorithm]
) -> None:
    home = tmp_path / "a" / "w1"
    found = json.loads(witness(home, "init", "--name", NAME, *algorithm, "--json"))
    keys = [parse_vkey(text) for text in found["keys"]]
    assert [key.algorithm for key in keys] == kinds
    assert {key.name for key in keys} == {NAME}
    assert (home.stat().st_mode & 0o777, (home / "keys").stat().st_mode & 0o777) == (0o700, 0o700)
    assert {p.stat().st_mode & 0o777 for p in home.rglob("*") if p.is_file()} == {0o600}


def test_a_witness_is_never_made_over_another_one_or_over_anything(home: Path, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    says(
        anchor("witness", "init", "--name", NAME, "--home", home),
        2,
        "is there already and is not overwritten",
    )
    assert {p: p.read_bytes() for p in home.rglob("*") if p.is_file()} == before
    (tmp_path / "file").write_text("x")
    says(anchor("witness", "init", "--name", NAME, "--home", tmp_path / "file"), 2, "is there already")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "w1"], "nothing half made is left"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a" * 256, "a\nb", "é" * 128])
def test_a_name_that_no_note_can_have(tmp_path: Path, name: str) -> None:
    ran = anchor("witness", "init", "--name", name, "--home", tmp_path / "w1")
    assert ran.code != 0
    assert ran.line
    assert list(tmp_path.iterdir()) == []


def test_the_home_of_a_publisher_is_refused(tmp_path: Path) -> None:
    publisher = tmp_path / "publisher"
    assert anchor("instance", "init", "--root", tmp_path, "--home", publisher).code == 0
    for home in (publisher, publisher / "w1", publisher / "instance" / "w1"):
        ran = anchor("witness", "init", "--name", NAME, "--home", home)
        says(ran, 2, "no independent evidence")
        assert not (home / "witness.json").exists()


@pytest.mark.parametrize("words", [("show",), ("serve",), ("logs", "list"), ("backup", "x"), ("catch-up",)])
def test_there_must_be_a_witness(tmp_path: Path, words: tuple[str, ...]) -> None:
    says(anchor("witness", *words, "--home", tmp_path / "none", cwd=tmp_path), 2, "no witness is here")


def test_keys_that_others_can_read_are_refused(home: Path) -> None:
    (home / "keys" / "ed25519.pem").chmod(0o644)
    says(anchor("witness", "show", "--home", home), 2, "others can read it")


def test_keys_that_are_gone_or_another_kind(home: Path) -> None:
    keys = home / "keys"
    shutil.copy(keys / "ed25519.pem", keys / "ml-dsa-44.pem")
    says(anchor("witness", "show", "--home", home), 2, "is no ml-dsa-44 key")
    (keys / "ml-dsa-44.pem").unlink()
    says(anchor("witness", "show", "--home", home), 2, "is the store of a witness with other keys")
    (keys / "ed25519.pem").unlink()
    says(anchor("witness", "show", "--home", home), 2, "no key of this witness is here")


# logs


def test_logs_are_added_listed_and_removed(home: Path, tmp_path: Path) -> None:
    second = SimLog(seed=9).key
    witness(home, "logs", "add", second.vkey, "--qpd", "24")
    witness(home, "logs", "add", OTHER.key.vkey, "--origin", OTHER.origin, "--contact", "them")
    (tmp_path / "list").write_text(
        f"logs/v0\nvkey {SimLog(origin='n', seed=7).key.vkey}\nqpd 1\ncontact me\n"
    )
    witness(home, "logs", "add", "--list", tmp_path / "list")
    found = {log["origin"]: log for log in json.loads(witness(home, "logs", "list", "--json"))["logs"]}
    assert found[LOG.origin]["keys"] == [LOG.key.vkey, second.vkey]
    assert found[LOG.origin]["qpd"] == 24
    assert (found[OTHER.origin]["contact"], found[OTHER.origin]["source"]) == ("them", known_logs.FILE)
    assert found["n"]["source"] == str(tmp_path / "list")
    left = witness(home, "logs", "remove", OTHER.origin, "--list", tmp_path / "list")
    assert left == "1 log is in the list\n"
    assert list(known_logs.load(home).logs) == [LOG.origin]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("add",), "name a key of the log"),
        (("add", "x"), "a key is written name+hash+base64"),
        (("add", LOG.key.vkey, "--origin", "a\nb"), "an origin is one line"),
        (("add", LOG.key.vkey, "--origin", "a" * 256), "an origin is one line"),
        (("add", "--list", "/nowhere"), "/nowhere"),
        (("remove", "nobody"), "'nobody' is not in logs.toml"),
        (("remove", "--list", "/nowhere"), "is not one of the lists"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(home: Path, words: tuple[str, ...], problem: str) -> None:
    before = (home / known_logs.FILE).read_bytes()
    says(anchor("witness", "logs", *words, "--home", home), 2, problem)
    assert (home / known_logs.FILE).read_bytes() == before


def test_a_list_that_contradicts_another_one_is_not_added(home: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 8)):
        key = SimLog(origin="n", seed=seed).key
        (tmp_path / name).write_text(f"logs/v0\nvkey {key.vkey}\nqpd 1\ncontact me\n")
    witness(home, "logs", "add", "--list", tmp_path / "a")
    before = (home / known_logs.FILE).read_bytes()
    says(anchor("witness", "logs", "add", "--list", tmp_path / "b", "--home", home), 2, "another key of n")
    assert (home / known_logs.FILE).read_bytes() == before


def test_lists_that_contradict_each_other_later_stop_no_start(home: Path, tmp_path: Path) -> None:
    """Whoever publishes one of the lists would decide whether the witness runs."""
    import requests

    for name in ("a", "b"):
        text = f"logs/v0\nvkey {OTHER.key.vkey}\norigin {OTHER.origin}\nqpd 9\ncontact me\n"
        (tmp_path / name).write_text(text)
        witness(home, "logs", "add", "--list", tmp_path / name)
    with process(home) as (running, about):
        assert about["logs"] == 2
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
    wrong = SimLog(origin=OTHER.origin, seed=8, name=OTHER.name).key.vkey
    (tmp_path / "b").write_text(text.replace(OTHER.key.vkey, wrong))
    for _ in range(2):
        with process(home) as (running, about):
            assert about["logs"] == 2
            answer = requests.post(f"{about['url']}/add-checkpoint", body(OTHER, 0), timeout=90)
            assert answer.status_code in (200, 409)
            running.send_signal(signal.SIGTERM)
            _, err = running.communicate(timeout=60)
        assert running.returncode == 0
        assert "the list of logs is not taken, the one before stays" in err
        assert f"another key of {OTHER.origin}" in err
    says(anchor("witness", "logs", "list", "--home", home), 2, "another key of")
    (home / known_logs.ACCEPTED).unlink()
    says(anchor("witness", "serve", "--home", home), 2, "another key of")


# show, and what was found


def test_what_speaks_against_a_log_is_shown_and_can_be_checked(home: Path) -> None:
    with serving(witness_home.load(home)) as served:
        served.add(body(LOG, 0))
        served.add(body(LOG.fork(4), 20))
    found = json.loads(witness(home, "show", "--json"))
    assert found["logs"] == [
        {
            "origin": LOG.origin,
            "listed": True,
            "own": False,
            "contact": "",
            "size": 20,
            "root": LOG.tree.root(20).hex(),
            "time": found["logs"][0]["time"],
            "refused": 1,
            "returned": [],
        }
    ]
    (path,) = found["evidence"]
    assert anchor("verify-evidence", path, "--log-key", LOG.key.vkey).code == 6
    assert f"TWO HISTORIES  {path}" in witness(home, "show")


# serve


@contextlib.contextmanager
def process(home: Path, *words: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, object]]]:
    """The command as a process; the document that it printed when it was ready."""
    run = [sys.executable, "-m", "anchor", "witness", "serve", "--listen", "127.0.0.1:0", "--json", *words]
    started = subprocess.Popen(
        [*run, "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(home.parent / "state")},
    )
    try:
        assert started.stdout is not None
        text = ""
        while not text.endswith("\n}\n"):
            line = started.stdout.readline()
            assert line, started.stderr and started.stderr.read()
            text += line
        yield started, json.loads(text)
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate()


def test_the_process_serves_reloads_and_ends(home: Path) -> None:
    import requests

    with process(home) as (running, about):
        url = str(about["url"])
        assert (about["name"], about["logs"]) == (NAME, 1)
        assert requests.post(f"{url}/add-checkpoint", body(LOG, 0, 7), timeout=90).status_code == 200
        assert requests.post(f"{url}/add-checkpoint", body(OTHER, 0), timeout=90).status_code == 404
        witness(home, "logs", "add", OTHER.key.vkey, "--origin", OTHER.origin)
        running.send_signal(signal.SIGHUP)
        until = time.monotonic() + 60
        while requests.post(f"{url}/add-checkpoint", body(OTHER, 0), timeout=90).status_code != 200:
            assert time.monotonic() < until
        says(anchor("witness", "serve", "--home", home), 3, "another process is running this witness")
        assert json.loads(witness(home, "show", "--json"))["logs"][0]["size"] == 7, (
            "it can be shown meanwhile"
        )
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 0
        assert "the list of logs was read again: 2 logs" in err


def test_a_log_that_this_user_runs_is_told(home: Path) -> None:
    publisher = home.parent / "state" / "ledger-anchor" / "p"
    assert anchor("instance", "init", "--root", home.parent, "--home", publisher).code == 0
    (key,) = (json.loads(p.read_text())["origin"] for p in publisher.glob("instance/instance.json"))
    witness(home, "logs", "add", SimLog(origin=key, seed=4).key.vkey)
    with process(home) as (running, about):
        import requests

        page = requests.get(f"{about['url']}/", timeout=60).text
        assert f"log {key}: nothing cosigned yet, run by the operator of this witness: no independent" in page
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)
    assert f"this user runs the log {key} too: here this witness gives no independent evidence" in err


@pytest.mark.parametrize(
    "listen", ["", "127.0.0.1", "127.0.0.1:", ":7380", "127.0.0.1:99999", "127.0.0.1:x", f"h:{'9' * 5000}"]
)
def test_a_wrong_address_is_one_line(home: Path, listen: str) -> None:
    ran = anchor("witness", "serve", "--home", home, "--listen", listen)
    says(ran, 2, "is not an address and a port")


@pytest.mark.parametrize("rate", ["nan", "inf", "0", "-1", "x"])
def test_a_rate_that_is_none_is_one_line(home: Path, rate: str) -> None:
    says(anchor("witness", "serve", "--home", home, "--client-rate", rate), 2, "--client-rate")


@pytest.mark.parametrize(
    ("listen", "address"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:7380", ("::1", 7380)), ("localhost:80", ("localhost", 80))],
)
def test_an_address(listen: str, address: tuple[str, int]) -> None:
    assert command._address(listen) == address


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_an_address_of_this_machine_needs_no_proxy(home: Path, host: str) -> None:
    assert command._warnings(witness_home.load(home), known_logs.load(home), host, frozenset()) == []


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "::", "127.example.com"])
def test_any_other_address_does(home: Path, host: str) -> None:
    (line,) = command._warnings(witness_home.load(home), known_logs.load(home), host, frozenset())
    assert line.startswith(f"{host} is not loopback")


@pytest.mark.parametrize("prefix", ["a", "/", "/a/", "/a\n"])
def test_a_wrong_prefix_is_one_line(home: Path, prefix: str) -> None:
    says(anchor("witness", "serve", "--home", home, "--prefix", prefix), 2, "--prefix")


def test_root_leaves_no_files_that_the_witness_cannot_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {p: p.stat().st_ino for p in home.rglob("*")}
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
        for words in (
            ("logs", "add", OTHER.key.vkey),
            ("logs", "remove", LOG.origin),
            ("serve",),
            ("catch-up",),
        ):
            says(anchor("witness", *words, "--home", home), 2, "and only he changes it; run it as this user")
        assert witness(home, "show").startswith("witness ")
        witness(home, "logs", "list")
    assert {p: p.stat().st_ino for p in home.rglob("*")} == names


# backup, restore, catch-up


def test_a_copy_that_is_put_back_holds_what_was_cosigned(home: Path, tmp_path: Path) -> None:
    cosign(home, 7)
    witness(home, "backup", tmp_path / "copy")
    assert {p.stat().st_mode & 0o77 for p in (tmp_path / "copy").rglob("*")} == {0}
    says(anchor("witness", "backup", tmp_path / "copy", "--home", home), 2, "is there already")
    says(anchor("witness", "backup", home / "copy", "--home", home), 2, "is inside of the home")
    again = tmp_path / "again"
    says(anchor("witness", "restore", tmp_path / "copy", "--home", again), 2, "may be older")
    assert not again.exists()
    witness(again, "restore", tmp_path / "copy", "--newest")
    assert b"\n20\n" in cosign(again, 20)
    says(anchor("witness", "restore", tmp_path / "copy", "--newest", "--home", again), 2, "is there already")


def test_a_copy_is_raised_to_what_was_cosigned_since(home: Path, tmp_path: Path) -> None:
    cosign(home, 7)
    witness(home, "backup", tmp_path / "copy")
    (tmp_path / "newest.txt").write_bytes(cosign(home, 13))
    again = tmp_path / "again"
    found = json.loads(
        witness(again, "restore", tmp_path / "copy", "--seen", tmp_path / "newest.txt", "--json")
    )
    assert found["raised"] == [{"origin": LOG.origin, "before": 7, "after": 13}]
    with serving(witness_home.load(again)) as served:
        assert served.add(body(LOG.fork(9), 7)).body == b"13\n"
        assert served.latest(LOG.origin).body == (tmp_path / "newest.txt").read_bytes()


def test_a_checkpoint_that_proves_nothing_about_this_witness_is_refused(home: Path, tmp_path: Path) -> None:
    cosign(home, 7)
    witness(home, "backup", tmp_path / "copy")
    cases = {
        "did not cosign it": LOG.sign(13),
        "not signed by the log": SimLog(seed=2).grow(13).sign(),
        "a log that is not in the list": OTHER.sign(),
        "no empty line": b"x",
    }
    for problem, raw in cases.items():
        (tmp_path / "seen").write_bytes(raw)
        words = (
            "witness",
            "restore",
            tmp_path / "copy",
            "--seen",
            tmp_path / "seen",
            "--home",
            tmp_path / "again",
        )
        says(anchor(*words), 2, problem)
        assert not (tmp_path / "again").exists(), "nothing half made is left"


def test_a_store_that_was_rolled_back_is_caught_up_only_when_told_so(home: Path, tmp_path: Path) -> None:
    cosign(home, 7)
    shutil.copy(home / held_store.FILE, tmp_path / "older")
    newest = cosign(home, 13)
    (tmp_path / "newest.txt").write_bytes(newest)
    shutil.copy(tmp_path / "older", home / held_store.FILE)
    for words in (("serve",), ("show",), ("catch-up", tmp_path / "newest.txt")):
        says(anchor("witness", *words, "--home", home), 2, "the store was rolled back")
    assert "from size 7 to 13" in witness(home, "catch-up", tmp_path / "newest.txt", "--accept-store")
    assert cosign(home, 13).startswith(newest.partition(b"\n\n")[0])


def test_a_catch_up_that_fails_accepts_nothing(home: Path, tmp_path: Path) -> None:
    cosign(home, 7)
    shutil.copy(home / held_store.FILE, tmp_path / "older")
    (tmp_path / "newest.txt").write_bytes(cosign(home, 13))
    (tmp_path / "stranger.txt").write_bytes(LOG.sign(20))
    shutil.copy(tmp_path / "older", home / held_store.FILE)
    both = tmp_path / "newest.txt", tmp_path / "stranger.txt"
    for _ in range(2):
        ran = anchor("witness", "catch-up", *both, "--accept-store", "--home", home)
        says(ran, 2, "stranger.txt: this witness did not cosign it")
        says(anchor("witness", "serve", "--home", home), 2, "the store was rolled back")


def grow_and_be_killed(home: Path, *sizes: int) -> None:
    """Cosign these trees in a process that is killed: the newest trees are not in the file of its store."""
    if pid := os.fork():
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        return
    found = witness_home.load(home)  # pragma: no cover - in the child
    cosigning = Witness(found, found.store(), known_logs.load(home))
    for old, size in itertools.pairwise(sizes):
        assert cosigning.add_checkpoint(body(LOG, old, size)).status == 200
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_files_of_a_witness_that_was_killed_are_put_back_with_its_newest_trees(
    home: Path, tmp_path: Path
) -> None:
    """As from the disk of a machine that died, or by `cp -r`."""
    cosign(home, 3)
    grow_and_be_killed(home, 3, 7, 13)
    shutil.copytree(home, tmp_path / "copy")
    witness(tmp_path / "again", "restore", tmp_path / "copy", "--newest")
    with serving(witness_home.load(tmp_path / "again")) as served:
        assert served.add(body(LOG.fork(2), 0, 20)).body == b"13\n"
    (tmp_path / "copy" / held_store.WAL).unlink()  # whoever copied the file alone
    ran = anchor("witness", "restore", tmp_path / "copy", "--newest", "--home", tmp_path / "third")
    says(ran, 2, "the store was rolled back: it has taken 1 trees, and its mark says 3")
    assert not (tmp_path / "third").exists()


def test_a_copy_does_not_lie_in_what_is_copied(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    names = sorted(home.rglob("*"))
    for folder in (home / "copy", home / "keys" / "copy", tmp_path / "link" / "copy"):
        says(anchor("witness", "backup", folder, "--home", home), 2, "is inside of the home that is copied")
        ran = anchor("witness", "restore", home, "--newest", "--home", folder)
        says(ran, 2, "is inside of the home that is copied")
    assert sorted(home.rglob("*")) == names


def test_a_witness_that_runs_is_no_copy(home: Path, tmp_path: Path) -> None:
    with exclusive(home, doing="running this witness"):
        ran = anchor("witness", "restore", home, "--newest", "--home", tmp_path / "again")
        says(ran, 3, "another process is running a witness here")
    assert not (tmp_path / "again").exists()


def test_two_roots_that_this_witness_cosigned_are_told(home: Path, tmp_path: Path) -> None:
    """As when the keys were used in two places."""
    shutil.copytree(home, tmp_path / "twin")
    cosign(home, 7)
    forked = LOG.fork(3, 7)
    (tmp_path / "seen").write_bytes(cosign(tmp_path / "twin", 7, log=forked))
    says(anchor("witness", "catch-up", tmp_path / "seen", "--home", home), 2, "cosigned two roots of size 7")
    with serving(witness_home.load(home)) as served:
        served.add(body(forked, 7, signed=(tmp_path / "seen").read_bytes()))
        assert "THE STORE OF THIS WITNESS WAS ROLLED BACK, or its keys are used elsewhere" in served.lines[-1]
        assert f"ROLLED BACK, or keys used elsewhere  {LOG.origin}" in witness(home, "show")
        (log,) = json.loads(witness(home, "show", "--json"))["logs"]
        assert log["returned"] == [(tmp_path / "seen").read_text()]


def test_the_store_that_is_gone_is_one_line_everywhere(home: Path, tmp_path: Path) -> None:
    (home / held_store.FILE).unlink()
    for words in (("serve",), ("show",), ("backup", tmp_path / "c"), ("catch-up", "--accept-store")):
        says(anchor("witness", *words, "--home", home), 2, "the store of this witness is gone")
    assert not (home / held_store.FILE).exists()
