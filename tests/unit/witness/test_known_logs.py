# SPDX-License-Identifier: Apache-2.0
"""The logs of a witness: its own file, the lists that this names, and what is refused."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from anchor.errors import Missing, Misuse, Unavailable
from anchor.tlog.log_list import ListedLog
from anchor.witness import known_logs
from anchor.witness.known_logs import FILE, Listing
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import ED25519

ONE, TWO, THREE = (SimLog(origin=f"log-{n}.example", seed=n).key for n in (1, 2, 3))


def public(path: Path, *logs: tuple[str, str]) -> Path:
    lines = "".join(f"vkey {vkey}\norigin {origin}\nqpd 24\ncontact me\n" for vkey, origin in logs)
    path.write_text("logs/v0\n" + lines)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    logs = {
        "a": ListedLog("a", (ONE, TWO), 24, 'says "hello" \\ \u2028'),
        "rekor.example - 123": ListedLog("rekor.example - 123", (THREE,), 1),
    }
    public(tmp_path / "network", (ONE.vkey, "b"))
    known_logs.write(tmp_path, Listing(logs, ("network",)))
    assert known_logs.read(tmp_path) == Listing(logs, ("network",))
    known = known_logs.load(tmp_path)
    assert len(known) == 3
    assert known.sources == {"a": FILE, "rekor.example - 123": FILE, "b": "network"}
    assert known.get("nobody") is None


def test_a_log_needs_no_more_than_its_key(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f'[[log]]\nvkeys = ["{ONE.vkey}"]\n')
    assert known_logs.load(tmp_path).logs == {ONE.name: ListedLog(ONE.name, (ONE,), 86400)}


def test_the_operator_comes_before_a_list(tmp_path: Path) -> None:
    public(tmp_path / "network", (TWO.vkey, ONE.name), (THREE.vkey, "c"))
    known_logs.write(tmp_path, Listing({ONE.name: ListedLog(ONE.name, (ONE,), 5)}, ("network",)))
    known = known_logs.load(tmp_path)
    assert known.logs[ONE.name].keys == (ONE,)
    assert known.logs["c"].keys == (THREE,)


def test_two_lists_with_one_log_must_agree(tmp_path: Path) -> None:
    public(tmp_path / "a", (ONE.vkey, "x"))
    public(tmp_path / "b", (ONE.vkey, "x"))
    known_logs.write(tmp_path, Listing({}, ("a", "b")))
    assert len(known_logs.load(tmp_path)) == 1
    public(tmp_path / "b", (TWO.vkey, "x"))
    with pytest.raises(Misuse, match="another key of x than in a"):
        known_logs.load(tmp_path)


def test_what_is_served_is_kept_for_a_start_with_a_bad_file(tmp_path: Path) -> None:
    public(tmp_path / "a", (ONE.vkey, "x"))
    logs = {"own": ListedLog("own", (TWO, THREE), 7, 'says "hello"')}
    known_logs.write(tmp_path, Listing(logs, ("a",)))
    served, said = known_logs.to_serve(tmp_path)
    assert (sorted(served.logs), said) == (["own", "x"], "")
    for name, text in ((FILE, "[[log]"), ("a", "logs/v0\nvkey\n"), ("a", "")):
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_text(text)
        kept, said = known_logs.to_serve(tmp_path)
        assert (dict(kept.logs), set(kept.sources.values())) == (dict(served.logs), {known_logs.ACCEPTED})
        assert said.startswith("the list of logs is not taken, the one before stays: ")
        assert known_logs.to_serve(tmp_path, served)[0] is served
        (tmp_path / name).write_bytes(before)
    (tmp_path / known_logs.ACCEPTED).write_text("[[log]")
    (tmp_path / "a").unlink()
    with pytest.raises(Missing, match="a"):
        known_logs.to_serve(tmp_path)


def test_a_list_that_cannot_be_kept_is_served_and_told(tmp_path: Path) -> None:
    known_logs.write(tmp_path, Listing({ONE.name: ListedLog(ONE.name, (ONE,), 5)}))
    (tmp_path / known_logs.ACCEPTED).mkdir()
    served, said = known_logs.to_serve(tmp_path)
    assert list(served.logs) == [ONE.name]
    assert said.startswith("the list of logs is not kept for the next start: ")


def test_a_list_that_is_gone_or_wrong_names_itself(tmp_path: Path) -> None:
    public(tmp_path / "network")
    known_logs.write(tmp_path, Listing({}, ("network",)))
    (tmp_path / "network").unlink()
    with pytest.raises(Missing, match="network"):
        known_logs.load(tmp_path)
    (tmp_path / "network").write_text("logs/v0\nvkey\n")
    with pytest.raises(Misuse, match="network line"):
        known_logs.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "not TOML"),
        ("logs = 1", "unknown key 'logs'"),
        ("log = 1", r"\[\[log\]\] is wanted"),
        ("log = [1]", "log 1: a table is wanted"),
        ("[[log]]", "vkeys: a list of strings is wanted"),
        ("[[log]]\nvkeys = []", "an origin is one line"),
        ('[[log]]\nvkeys = []\norigin = "a"', "a log without a key"),
        ('[[log]]\nvkeys = ["a"]', "log 1: vkeys: a key is written name"),
        (f'[[log]]\nvkeys = ["{ED25519.key.vkey}"]', "a key of type 0x04 is no log's"),
        (f'[[log]]\nvkeys = ["{ONE.vkey}", "{ONE.vkey}"]', "two keys with one name and id"),
        (f'[[log]]\nvkeys = ["{ONE.vkey}"]\nqpd = 0', "qpd is from 1"),
        (f'[[log]]\nvkeys = ["{ONE.vkey}"]\nqpd = "24"', "qpd is a number"),
        (f'[[log]]\nvkeys = ["{ONE.vkey}"]\nurl = "a"', "unknown key 'url'"),
        (f'[[log]]\nvkeys = ["{ONE.vkey}"]\norigin = "a\\nb"', "an origin is one line"),
        (f'[[log]]\nvkeys = ["{ONE.vkey}"]\norigin = "a\\tb"', "without control characters"),
        (f'[[log]]\nvkeys = ["{ONE.vkey}"]\n[[log]]\nvkeys = ["{ONE.vkey}"]', "log 2: a second log"),
        ("lists = 1", "lists: a list of strings"),
        ('lists = [""]', "lists: a list of strings"),
        ('lists = ["a", "a"]', "each once"),
    ],
)
def test_a_bad_file_names_the_place(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(Misuse, match=problem) as caught:
        known_logs.load(tmp_path)
    assert FILE in str(caught.value)


def test_two_changes_at_once_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    known_logs.write(tmp_path, Listing())
    logs = {log.origin: log for log in (listed_log(n) for n in range(12))}

    def add(log: ListedLog) -> None:
        while True:
            with contextlib.suppress(Unavailable):
                known_logs.change(tmp_path, lambda old: Listing({**old.logs, log.origin: log}, old.lists))
                return

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, logs.values()))
    assert known_logs.read(tmp_path).logs == logs


def listed_log(number: int) -> ListedLog:
    key = SimLog(origin=f"log-{number}.example", seed=number + 1).key
    return ListedLog(key.name, (key,), 5)
