# SPDX-License-Identifier: Apache-2.0
"""The witness over HTTP: its routes, their types, its limits, and the lines for its operator."""

import contextlib
import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.tlog import add_checkpoint, evidence
from anchor.tlog.log_list import ListedLog
from anchor.witness import cosigning, known_logs
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body, cosigned
from tests.support.servers.own_witness import NAME, ServedWitness, listed, made, serving

TEXT = "text/plain; charset=utf-8"


@pytest.fixture
def log() -> SimLog:
    return SimLog().grow(20)


@pytest.fixture
def served(tmp_path: Path, log: SimLog) -> Iterator[ServedWitness]:
    with serving(made(tmp_path / "w1", log.key)) as found:
        yield found


def test_a_checkpoint_is_cosigned_by_both_keys_and_shown_to_monitors(
    served: ServedWitness, log: SimLog
) -> None:
    assert served.latest(log.origin).status == 404
    answer = served.add(body(log, 0, 7))
    assert (answer.status, answer.headers["Content-Type"]) == (200, TEXT)
    found = cosigned(log.sign(7), answer.body, *served.keys)
    latest = served.latest(log.origin)
    assert (latest.status, latest.body) == (200, found.raw)
    assert served.add(body(log, 7)).status == 200
    assert b"\n20\n" in served.latest(log.origin).body
    assert add_checkpoint.parse_cosignatures(answer.body)[0].name == NAME


def test_the_size_is_told_in_the_form_of_the_specification(served: ServedWitness, log: SimLog) -> None:
    served.add(body(log, 0, 7))
    answer = served.add(body(log, 0))
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (409, "text/x.tlog.size", b"7\n")
    assert add_checkpoint.parse_size(answer.body) == 7


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (body(SimLog(origin="other", seed=3).grow(3), 0), 404),
        (body(SimLog(seed=3).grow(3), 0), 403),
        (body(SimLog().grow(3), 4), 400),
        (body(SimLog().grow(3), 1), 409),
        (body(SimLog().grow(3), 0, hashes=(b"\0" * 32,)), 422),
        (b"", 400),
        (b"\0" * 5000, 400),
        (b"old 0\n\n" + b"\xff" * 5000, 400),
    ],
)
def test_each_status_is_a_line_of_text_and_changes_nothing(
    served: ServedWitness, log: SimLog, sent: bytes, status: int
) -> None:
    answer = served.add(sent)
    assert answer.status == status
    assert answer.body.count(b"\n") == 1
    assert served.latest(log.origin).status == 404


def test_the_page_for_people(served: ServedWitness, log: SimLog) -> None:
    served.add(body(log, 0))
    page = served.ask("GET", "/")
    assert (page.status, page.headers["Content-Type"]) == (200, TEXT)
    text = page.body.decode()
    assert text.startswith(f"witness {NAME}\nkey {served.keys[0].vkey}\nkey {served.keys[1].vkey}\nlogs 1\n")
    assert f"log {log.origin}: size 20, cosigned at 20" in text
    assert served.ask("HEAD", "/").body == b""


def test_an_origin_does_not_steer_the_terminal_of_whoever_reads_the_page(tmp_path: Path) -> None:
    """A list of the network has origins that strangers chose."""
    steering = SimLog(origin="log.example/\x9b2J\u202e", name="log.example").grow(3)
    home = made(tmp_path / "w1")
    log = ListedLog(steering.origin, (steering.key,), 5)
    known_logs.write(home.folder, known_logs.Listing({log.origin: log}))
    with serving(home) as served:
        assert served.add(body(steering, 0, 3)).status == 200
        page = served.ask("GET", "/").body.decode()
        assert all(line.isprintable() for line in page.splitlines())
        assert r"log log.example/\x9b2J\u202e: size 3" in page


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405),
        ("HEAD", "/add-checkpoint", 405),
        ("PUT", "/add-checkpoint", 405),
        ("DELETE", "/", 405),
        ("OPTIONS", "/", 405),
        ("FOO", "/", 405),
        ("POST", "/", 404),
        ("POST", "/checkpoint", 404),
        ("GET", "/nothing", 404),
        ("GET", "/" + "0" * 64 + "/checkpoint", 404),
        ("GET", "/" + "A" * 64 + "/checkpoint", 404),
        ("GET", "/../" + "0" * 64 + "/checkpoint", 404),
        ("GET", "/%2e%2e/store.sqlite", 404),
    ],
)
def test_other_methods_and_paths(served: ServedWitness, method: str, path: str, status: int) -> None:
    answer = served.ask(method, path, b"" if method == "POST" else None)
    assert answer.status == status
    assert "Allow" in answer.headers or status != 405
    assert b"<" not in answer.body, "no page that quotes the request"


def test_a_prefix_is_before_every_path(tmp_path: Path, log: SimLog) -> None:
    with serving(made(tmp_path / "w1", log.key), prefix="/a/w1") as served:
        assert served.add(body(log, 0)).status == 200
        assert served.latest(log.origin).status == 200
        assert served.ask("GET", "/a/w1/").status == 200
        assert served.ask("POST", "/add-checkpoint", body(log, 20)).status == 404
        assert served.ask("GET", "/").status == 404
        assert served.ask("GET", "/a/w1b/").status == 404


def test_connections_are_kept_alive(served: ServedWitness, log: SimLog) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.server.server_address[1], timeout=90)
    with contextlib.closing(connection):
        for old, size in ((0, 5), (0, 5), (5, 9), (9, 20)):
            connection.request("POST", "/add-checkpoint", body(log, old, size))
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 409)
            assert connection.sock is not None, "still open"


# Rate limits


def test_a_log_that_grows_too_often_is_429_until_later(tmp_path: Path, log: SimLog) -> None:
    with serving(made(tmp_path / "w1", log.key, qpd=3)) as served:
        for size in range(1, 4):
            assert served.add(body(log, size - 1, size)).status == 200
        answer = served.add(body(log, 3, 4))
        assert answer.status == 429
        assert 28000 < int(answer.headers["Retry-After"]) <= 28801
        assert b"\n3\n" in served.latest(log.origin).body, "it is not held"
        assert served.add(body(log, 3, 3)).status == 200, "the present tree is counted apart"
        assert served.add(body(log, 0)).status == 409, "another status costs nothing"


def test_a_client_that_asks_too_often_is_429_whatever_it_asks(tmp_path: Path, log: SimLog) -> None:
    with serving(made(tmp_path / "w1", log.key), client_rate=2.5) as served:
        statuses = [served.ask("GET", "/").status for _ in range(5)]
        assert statuses == [200] * 5
        answer = served.add(body(log, 0))
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")


# The operator


def test_the_lines_for_the_operator(served: ServedWitness, log: SimLog) -> None:
    for sent in (body(log, 0, 7), body(log, 0), body(log.fork(3), 7), body(SimLog(origin="\u202eevil"), 0)):
        served.add(sent)
    forked = served.add(body(log.fork(3, 7), 7))
    assert forked.status == 422
    told = [line.partition("Z add-checkpoint ")[2] for line in served.lines]
    assert told[:4] == [
        f"200 127.0.0.1 {log.origin}: 0 -> 7",
        f"409 127.0.0.1 {log.origin}: 7 -> 20",
        told[2],
        "404 127.0.0.1 unknown origin",
    ]
    assert told[4].startswith(f"422 127.0.0.1 {log.origin}: 7 -> 7; THIS LOG SIGNED TWO HISTORIES: ")
    path = Path(told[4].rpartition(": ")[2])
    assert evidence.check(path.read_bytes(), log=log.log).older.size == 7


def test_a_path_of_a_stranger_is_in_no_line(served: ServedWitness) -> None:
    served.ask("GET", "/\x1b[31m".replace("\x1b", "%1b"))
    served.ask("GET", "/x", None, **{"User-Agent": "evil\x7f"})
    assert served.lines == []


def test_quiet_tells_only_what_a_person_should_see(served: ServedWitness, log: SimLog) -> None:
    served.server.quiet = True
    served.add(body(log, 0))
    served.add(body(log, 3))
    assert served.lines == []
    served.add(body(log.fork(3), 20))
    assert len(served.lines) == 1
    assert "TWO HISTORIES" in served.lines[0]


# The list of logs


def test_a_list_that_is_read_again_counts_from_then_on(served: ServedWitness, log: SimLog) -> None:
    other = SimLog(origin="other.example", seed=3).grow(5)
    served.add(body(log, 0, 7))
    assert served.add(body(other, 0)).status == 404
    known_logs.write(served.home.folder, listed([other.key]))
    served.server.reload()
    assert served.add(body(other, 0)).status == 200
    assert served.add(body(log, 7)).status == 404
    assert served.latest(log.origin).status == 404
    known_logs.write(served.home.folder, listed([other.key, log.key]))
    served.server.reload()
    assert served.add(body(log, 0)).body == b"7\n", "what was cosigned is not forgotten"
    assert served.lines[-1].endswith("add-checkpoint 409 127.0.0.1 log.sim.invalid/a: 7 -> 20")


def test_a_bad_list_changes_nothing_and_is_told(served: ServedWitness, log: SimLog) -> None:
    (served.home.folder / known_logs.FILE).write_text("[[log]")
    served.server.reload()
    assert "the list of logs is not taken, the one before stays" in served.lines[-1]
    assert known_logs.FILE in served.lines[-1]
    assert served.add(body(log, 0)).status == 200


# Failures


def test_a_disk_that_takes_nothing_is_503_and_nothing_is_cosigned(
    served: ServedWitness, log: SimLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = served.server.witness._store
    store._db.execute("PRAGMA query_only=ON")
    answer = served.add(body(log, 0))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
    assert "—".encode() not in answer.body
    assert "UNAVAILABLE" in served.lines[-1]
    store._db.execute("PRAGMA query_only=OFF")
    assert served.add(body(log, 0)).status == 200


def test_a_defect_is_answered_and_the_server_lives(
    served: ServedWitness, log: SimLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosigning.Witness, "add_checkpoint", None)
    assert served.add(body(log, 0)).status == 500
    monkeypatch.undo()
    assert served.add(body(log, 0)).status == 200
