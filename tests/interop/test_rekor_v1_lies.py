# SPDX-License-Identifier: Apache-2.0
"""A real Rekor v1 behind somebody who changes its answers: a proof's hash, the entry, the head, the tree.

A log that proves online signs its heads and nothing else, so no changed answer may raise an alarm: what
does not prove itself is a damaged source. What the real server signs goes on to count.
"""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from anchor.verdict import Class
from tests.interop.stack.front import Front, Handler
from tests.interop.stack.process import fetch
from tests.interop.stack.stack import Stack
from tests.interop.stack.trillian import RekorV1
from tests.interop.test_reverify_real import origin, published, run
from tests.support.process.anchor_cli import anchor

Lie = Callable[[str, Any], Any]


class Liar:
    """Passes requests on; `lie` changes the JSON of an answer, None hides it."""

    def __init__(self, log: RekorV1) -> None:
        outer = self
        self.lie: Lie = lambda _path, value: value
        self.log = log

        class Routes(Handler):
            def do_GET(self) -> None:  # noqa: N802 - the name http.server calls
                status, body = fetch(f"{log.url}{self.path}", 10)
                value = outer.lie(self.path, json.loads(body)) if status == 200 else None
                self.out(200 if value is not None else 404, value if value is not None else b"{}")

        self.front = Front(Routes)


@pytest.fixture
def liar(rekor_v1: RekorV1, stack: Stack, tmp_path: Path) -> Iterator[Liar]:
    """A release in the log, seen good once through a front that is honest until now."""
    published(stack, rekor_v1, tmp_path)
    found = Liar(rekor_v1)
    policy = tmp_path / "policy.toml"
    policy.write_text(policy.read_text().replace(f'url = "{rekor_v1.url}"', f'url = "{found.front.url}"'))
    assert f'origin = "{origin(rekor_v1, tmp_path)}"' in policy.read_text()
    assert run(tmp_path).code == 0
    other = tmp_path / "other"  # the log has grown since
    other.mkdir()
    published(stack, rekor_v1, other)
    yield found
    found.front.stop()


def flipped(text: str) -> str:
    """Hex with one bit changed."""
    return f"{int(text[0], 16) ^ 1:x}{text[1:]}"


def proof_hash(path: str, value: Any) -> Any:
    if "/log/proof" in path:
        value["hashes"][0] = flipped(value["hashes"][0])
    return value


def inclusion_hash(path: str, value: Any) -> Any:
    if "/log/entries" in path:
        (entry,) = value.values()
        proof = entry["verification"]["inclusionProof"]
        proof["hashes"] = [flipped(h) for h in proof["hashes"]] or ["00" * 32]
    return value


def place(path: str, value: Any) -> Any:
    if "/log/entries" in path:
        (entry,) = value.values()
        entry["verification"]["inclusionProof"]["logIndex"] += 1
    return value


def body(path: str, value: Any) -> Any:
    if "/log/entries" in path:
        (entry,) = value.values()
        data = base64.b64decode(entry["body"]).replace(b'"kind":"dsse"', b'"kind":"else"')
        entry["body"] = base64.b64encode(data).decode()
    return value


def hidden(path: str, value: Any) -> Any:
    return None if "/log/entries" in path else value


def another_tree(path: str, value: Any) -> Any:
    return {**value, "treeID": "1"} if path.endswith("/log") else value


def no_note(path: str, value: Any) -> Any:
    return {**value, "signedTreeHead": value["signedTreeHead"][:-9]} if path.endswith("/log") else value


def other_size(path: str, value: Any) -> Any:
    if path.endswith("/log"):
        origin_line, size, rest = value["signedTreeHead"].split("\n", 2)
        value["signedTreeHead"] = f"{origin_line}\n{int(size) + 1}\n{rest}"
    return value


@pytest.mark.parametrize(
    "lie", [proof_hash, inclusion_hash, place, body, hidden, another_tree, no_note, other_size]
)
def test_a_changed_answer_is_a_damaged_source(liar: Liar, tmp_path: Path, lie: Lie) -> None:
    liar.lie = lie
    ran = run(tmp_path)
    assert (ran.document["verdict"], ran.code) == (Class.UNAVAILABLE, 3), ran.out
    unproven = lie is proof_hash  # the head that it hides the proof of is held, and stays open
    assert anchor("records", "check", "--home", tmp_path / "watcher").code == (3 if unproven else 0)
    liar.lie = lambda _path, value: value
    assert run(tmp_path).code == 0
    assert anchor("records", "check", "--home", tmp_path / "watcher").code == 0


def test_another_entry_with_its_own_true_proof_is_no_alarm(liar: Liar, tmp_path: Path) -> None:
    """Asked for one entry, it answers with a neighbour, whose proof holds: nothing signed says a lie."""

    def neighbour(path: str, value: Any) -> Any:
        if "/log/entries" not in path:
            return value
        index = int(parse_qs(urlsplit(path).query)["logIndex"][0])
        other = index - 1 if index else index + 1
        status, data = fetch(f"{liar.log.url}/api/v1/log/entries?logIndex={other}", 10)
        assert status == 200
        (key, entry), *_ = json.loads(data).items()
        return {key: {**entry, "logIndex": index}}

    liar.lie = neighbour
    ran = run(tmp_path)
    assert (ran.document["verdict"], ran.code) == (Class.UNAVAILABLE, 3), ran.out
    assert "another entry" in ran.out


def test_an_old_head_is_told_as_one(liar: Liar, tmp_path: Path, stack: Stack) -> None:
    old = json.loads(fetch(f"{liar.log.url}/api/v1/log", 10)[1])
    other = tmp_path / "later"
    other.mkdir()
    published(stack, liar.log, other)
    assert run(tmp_path).code == 0
    liar.lie = lambda path, value: old if path.endswith("/log") else value
    ran = run(tmp_path)
    assert (ran.document["verdict"], ran.code) == (Class.UNAVAILABLE, 3), ran.out
    assert "old head served" in ran.out
