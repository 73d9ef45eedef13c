# SPDX-License-Identifier: Apache-2.0
"""Everything that `anchor compare` reads checkpoints from: files, pasted text, URLs, witnesses, documents."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor.tlog.keys import Algorithm, VerifierKey
from tests.support.logs.simlog import SimLog, key
from tests.support.process.anchor_cli import Ran, anchor, apart
from tests.support.releases.published import Site
from tests.support.servers.folder_server import FolderServer, serve_folder
from tests.support.servers.log_server import serve_logs


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("anchor.net.http._Call._pause", lambda _call, _tried, _asked: 0.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FolderServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    with serve_folder(folder) as found:
        yield found


def compare(home: Path, *words: object) -> Ran:
    return anchor("compare", *words, "--home", home / "watch", "--json")


def relations(ran: Ran) -> list[tuple[int, str]]:
    return [(one["size"], one["relation"]) for one in ran.document["facts"]["checkpoints"]]


def test_several_in_one_file_beside_a_log_at_a_url(tmp_path: Path) -> None:
    log = SimLog().grow(700)
    notes = tmp_path / "notes"
    notes.write_bytes(log.sign(300) + b"\n" + log.sign(700) + log.fork(500).sign(600))
    with serve_logs(a=log) as server:
        ran = compare(tmp_path, notes, "--vkey", log.key.vkey, "--log", server.log_url("a"))
        assert ran.code == 6, ran
        assert relations(ran) == [(300, "consistent"), (700, "consistent"), (600, "contradicts")]
        assert [c["name"] for c in ran.document["checks"]] == [f"checkpoint {notes} ({n})" for n in (1, 2, 3)]
        server.status = 503
        ran = compare(tmp_path / "other", notes, "--vkey", log.key.vkey, "--log", server.log_url("a"))
        assert ran.code == 3, ran
        assert "not read" in ran.document["checks"][0]["detail"]


def test_pasted_into_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SimLog().grow(5)
    pasted = (b"\n" + log.sign(5) + b"\n" + log.sign(5)).replace(b"\n", b"\r\n").rstrip()
    path = tmp_path / "pasted"
    path.write_bytes(pasted)
    ran = apart(
        "compare", "-", "--vkey", log.key.vkey, "--json", prefix=("sh", "-c", f'exec "$@" < {path}', "sh")
    )
    assert ran.code == 3, ran  # one tree, pasted twice: there is nothing to compare it with
    assert relations(ran) == [(5, "unknown")]


def test_a_witness_is_asked_for_each_known_log(tmp_path: Path, server: FolderServer) -> None:
    log, other = SimLog().grow(5), SimLog(origin="other.example/log", seed=2).grow(3)
    log.cosigners = [("witness.example/w", key(7), 1_700_000_000)]
    digest = hashlib.sha256(log.origin.encode()).hexdigest()
    server.bodies[f"w/{digest}/checkpoint"] = log.sign()
    words = ("--vkey", log.key.vkey, "--vkey", other.key.vkey, "--witness", f"{server.url}/w/")
    with serve_logs(a=log.clone().grow(4)) as logs:
        ran = compare(tmp_path, *words, "--log", logs.log_url("a"))
        assert ran.code == 0, ran
        assert relations(ran) == [(5, "consistent")]
        server.bodies[f"w/{digest}/checkpoint"] = log.fork(2).sign()
        assert compare(tmp_path, *words, "--log", logs.log_url("a")).code == 6
    place = f"w/{hashlib.sha256(other.origin.encode()).hexdigest()}/checkpoint"
    server.bodies[place] = log.sign()  # of the other log
    ran = compare(tmp_path / "b", *words)
    assert ran.code == 8
    assert f"the witness gave a head of '{log.origin}'" in ran.out
    server.bodies.clear()
    server.answers[place] = (503, {}, b"")
    ran = compare(tmp_path / "c", *words)
    assert ran.code == 3
    assert [c["name"] for c in ran.document["checks"]] == [f"checkpoint of {other.origin} at {server.url}/w/"]
    server.answers.clear()
    ran = compare(tmp_path / "c", *words)
    assert ran.code == 3
    assert "it has no head of the 2 known logs" in ran.out
    assert compare(tmp_path / "c", *words, "--offline").code == 2


def test_who_cosigned_is_said_by_the_verifiers_own_witnesses(site: Site, tmp_path: Path) -> None:
    from tests.support.attacks.attacked import log_of

    log = log_of(site)
    log.cosigners = [("w.example/one", key(7), 1_700_000_000), ("w.example/two", key(8), 1_700_000_000)]
    head = tmp_path / "head"
    head.write_bytes(log.sign())
    ours = [
        VerifierKey(n, Algorithm.COSIGNATURE_V1, key(s).public_key().public_bytes_raw())
        for n, s in (("w.example/one", 7), ("w.example/three", 9))
    ]
    lines = [f"log {log.key.vkey}", *(f"witness {w.name[10:]} {w.vkey}" for w in ours)]
    (tmp_path / "witnesses").write_text("\n".join([*lines, "group g any one three", "quorum g", ""]))
    policy = tmp_path / "own.toml"
    policy.write_text(f'tlog_policy = "witnesses"\n{site.policy.read_text()}')
    ran = compare(tmp_path, head, "--policy", policy, "--log", site.root / "release" / "log" / log.origin)
    assert ran.code == 0, ran
    (found,) = ran.document["facts"]["checkpoints"]
    independence = found["independence"]
    assert [w["name"] for w in independence["witnesses"]] == ["one"]
    assert (independence["named"], independence["witnessed"]) == (2, True)
    assert "witnessed by 1 of 2 (one)" in ran.document["checks"][0]["detail"]
    forged = log.sign().replace(log.sign().splitlines()[-2][-20:], b"A" * 18 + b"==")
    head.write_bytes(forged)
    assert compare(tmp_path, head, "--policy", policy).code == 8


def test_the_checkpoints_inside_of_documents(site: Site, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    made = anchor("prove", site.release, "--fact", 0, "-o", receipt, "--policy", site.policy)
    assert made.code == 0, made
    named: list[object] = [site.path("bundle"), receipt, site.release, site.root]
    named += [f"{site.root}/release/1.0.0", *site.root.glob("release/log/*")]
    for one in named:
        ran = compare(tmp_path, one, "--policy", site.policy, "--log", *site.root.glob("release/log/*"))
        assert ran.code == 0, (one, ran)
        assert relations(ran) == [(1, "consistent")], one


def test_a_release_by_url_brings_its_own_log(site: Site, tmp_path: Path) -> None:
    with serve_folder(site.root) as server:
        ran = compare(tmp_path, f"{server.url}/", "--policy", site.policy)
        assert ran.code == 0, ran
        assert "of the log now, at http://" in ran.document["checks"][0]["detail"]
        assert compare(tmp_path, f"{server.url}/", "--policy", site.policy, "--offline").code == 2


def test_the_two_notes_of_evidence(tmp_path: Path) -> None:
    log = SimLog().grow(5)
    notes = tmp_path / "notes"
    notes.write_bytes(log.sign() + log.fork(2).sign())
    assert compare(tmp_path, notes, "--vkey", log.key.vkey).code == 6
    (path,) = (tmp_path / "watch" / "evidence").iterdir()
    other = tmp_path / "elsewhere"
    ran = compare(other, path, "--vkey", log.key.vkey)
    assert ran.code == 6, ran
    assert [p.name for p in (other / "watch" / "evidence").iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--vkey", SimLog().key.vkey), "no checkpoint is named"),
        (("nosuch", "--vkey", SimLog().key.vkey), "nosuch"),
        (("nosuch",), "--policy"),
        (("nosuch", "--vkey", "a+b+c"), "--vkey"),
        ((".", "--vkey", SimLog().key.vkey), "without checkpoint and release.json"),
        (("http://example.org/checkpoint", "--vkey", SimLog().key.vkey), "https"),
    ],
)
def test_wrong_words_are_usage(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    ran = anchor("compare", *words, cwd=tmp_path)
    assert (ran.code, ran.out) == (2, ""), ran
    assert says in ran.line
    assert list(tmp_path.iterdir()) == []


def test_a_huge_answer_and_a_redirect_elsewhere_end(tmp_path: Path, server: FolderServer) -> None:
    server.huge.add("huge")
    server.moved["moved"] = "https://example.org/checkpoint"
    for path in ("huge", "moved", "nosuch"):
        ran = compare(tmp_path, f"{server.url}/{path}", "--vkey", SimLog().key.vkey)
        assert ran.code == 3, ran
    assert server.sent < 100 << 20


def test_the_document_has_what_was_compared(tmp_path: Path) -> None:
    log = SimLog().grow(5)
    notes = tmp_path / "notes"
    notes.write_bytes(log.sign())
    found: Any = json.loads(compare(tmp_path, notes, "--vkey", log.key.vkey).out)
    assert (found["format"], found["kind"]) == ("urn:ledger-anchor:verdict:v1", "checkpoints")
    (one,) = found["facts"]["checkpoints"]
    assert one == {
        "name": str(notes),
        "origin": log.origin,
        "size": 5,
        "root": log.tree.root(5).hex(),
        "relation": "unknown",
    }
