# SPDX-License-Identifier: Apache-2.0
"""A real Rekor v1 behind somebody who changes its answers: a proof's hash, the entry, the head, the tree.

A log that proves online signs its heads and nothing else, so no changed answer may raise an alarm: what
does not prove itself is a damaged source. What the real server signs goes on to count.
"""

import base64
import contextlib
import functools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from anchor.verdict import Class
from tests.interop.publication import AsTheyAre
from tests.interop.stack.front import Front, Handler
from tests.interop.stack.process import fetch
from tests.interop.stack.stack import Stack
from tests.interop.stack.trillian import RekorV1
from tests.interop.test_reverify_real import origin, published, run
from tests.support.process.anchor_cli import anchor

Lie = Callable[[str, Any], Any]


class Liar:
    """A release in the log that was seen good once, and what passes requests for it on to the log.

    `lie` changes the JSON of an answer, None hides it.
    """

    def __init__(self, stack: Stack, log: RekorV1, folder: Path) -> None:
        outer = self
        self.lie: Lie = _honest
        self.log, self.folder = log, folder

        class Routes(Handler):
            def do_GET(self) -> None:  # noqa: N802 - the name http.server calls
                status, body = fetch(f"{log.url}{self.path}")
                value = outer.lie(self.path, json.loads(body)) if status == 200 else None
                self.out(200 if value is not None else 404, value if value is not None else b"{}")

        self.front = Front(Routes)
        folder.mkdir()
        published(stack, log, folder)
        policy = folder / "policy.toml"
        policy.write_text(policy.read_text().replace(f'url = "{log.url}"', f'url = "{self.front.url}"'))
        assert f'origin = "{origin(log, folder)}"' in policy.read_text()
        assert run(folder).code == 0
        self.then = AsTheyAre(folder)
        self.grow(stack)

    def grow(self, stack: Stack) -> None:
        """Somebody publishes another release in the log."""
        other = Path(tempfile.mkdtemp(dir=self.folder))
        published(stack, self.log, other)


def _honest(_path: str, value: Any) -> Any:
    return value


@pytest.fixture(scope="module")
def prepared(
    stack: Stack, rekor_v1: RekorV1, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Liar]]:
    """The first test that calls it makes it: a test runs where the servers are."""
    folder = tmp_path_factory.mktemp("lies")
    with contextlib.ExitStack() as ends:

        @functools.cache
        def make() -> Liar:
            made = Liar(stack, rekor_v1, folder / "now")
            ends.callback(made.front.stop)
            return made

        yield make


@pytest.fixture
def liar(prepared: Callable[[], Liar]) -> Liar:
    """It is honest until now, and the log has grown since the run."""
    found = prepared()
    found.then.put_back()
    found.lie = _honest
    return found


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
def test_a_changed_answer_is_a_damaged_source(liar: Liar, lie: Lie) -> None:
    liar.lie = lie
    ran = run(liar.folder)
    assert (ran.document["verdict"], ran.code) == (Class.UNAVAILABLE, 3), ran.out
    unproven = lie is proof_hash  # the head that it hides the proof of is held, and stays open
    assert anchor("records", "check", "--home", liar.folder / "watcher").code == (3 if unproven else 0)
    liar.lie = _honest
    assert run(liar.folder).code == 0
    assert anchor("records", "check", "--home", liar.folder / "watcher").code == 0


def test_another_entry_with_its_own_true_proof_is_no_alarm(liar: Liar) -> None:
    """Asked for one entry, it answers with a neighbour, whose proof holds: nothing signed says a lie."""

    def neighbour(path: str, value: Any) -> Any:
        if "/log/entries" not in path:
            return value
        index = int(parse_qs(urlsplit(path).query)["logIndex"][0])
        other = index - 1 if index else index + 1
        status, data = fetch(f"{liar.log.url}/api/v1/log/entries?logIndex={other}")
        assert status == 200
        (key, entry), *_ = json.loads(data).items()
        return {key: {**entry, "logIndex": index}}

    liar.lie = neighbour
    ran = run(liar.folder)
    assert (ran.document["verdict"], ran.code) == (Class.UNAVAILABLE, 3), ran.out
    assert "another entry" in ran.out


def test_an_old_head_is_told_as_one(liar: Liar, stack: Stack) -> None:
    old = json.loads(fetch(f"{liar.log.url}/api/v1/log")[1])
    liar.grow(stack)
    assert run(liar.folder).code == 0
    liar.lie = lambda path, value: old if path.endswith("/log") else value
    ran = run(liar.folder)
    assert (ran.document["verdict"], ran.code) == (Class.UNAVAILABLE, 3), ran.out
    assert "old head served" in ran.out
