# SPDX-License-Identifier: Apache-2.0
"""A damaged document of each kind of ours, given to each command that reads it: one line names the file once.

Whoever gives many files to a command must see which one is meant. A command that is named in the line, behind
the semicolon, may name the file again.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from anchor import limits
from tests.support.process.anchor_cli import anchor
from tests.support.releases import given_files
from tests.support.releases.given_files import Given

NAME = "the-given-one.json"
"""No message and no other file has this name."""
_DEEP = b"[" * 100 + b"]" * 100
_LARGEST = max(limits.RECEIPT, limits.RELEASE_2, limits.BUNDLE, limits.TRUSTED_ROOT)


def _behind_the_first(text: bytes, data: bytes) -> bytes:
    """The data with a text behind its first brace."""
    before, brace, after = data.partition(b"{")
    return before + brace + text + after


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "too deep": lambda data: _behind_the_first(b'"deep": ' + _DEEP + b",", data),
    "too large": lambda data: _behind_the_first(b" " * (_LARGEST + 1), data),
    "not UTF-8": lambda data: _behind_the_first(b'"\xff": 1,', data),
    "not JSON": lambda data: _behind_the_first(b",", data),
    "an array": lambda data: b"[" + data.rstrip(b"\n") + b"]\n",
    "a member twice": lambda data: _behind_the_first(b'"twice": 1, "twice": 2,', data),
}
TEXT_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "too large": lambda data: data + b"\n" * (_LARGEST + 1),
    "not UTF-8": lambda data: b"\xff" + data,
    "no form of it": lambda data: b"=" + data,
    "all twice": lambda data: data + data,
}

_Words = Callable[[Given, Path], tuple[object, ...]]


def _policy(given: Given) -> tuple[object, ...]:
    return ("--policy", given.site.policy)


def _bundle(given: Given, bundle: Path, root: Path) -> tuple[object, ...]:
    who = ("--certificate-identity", "a", "--certificate-oidc-issuer", "b")
    return ("verify-bundle", "--bundle", bundle, *who, "--trusted-root", root, given.files["a statement"])


def _seal(given: Given, *words: object) -> tuple[object, ...]:
    return ("seal", *words, "--name", "small-ledger", "--version", "1.0.1", given.files["a ledger"])


def _under_root(given: Given, root: Path) -> tuple[object, ...]:
    who = ("--ledger", "x", "--identity", "y", "--issuer", "z")
    return ("verify", given.site.release, *who, "--trusted-root", root)


COMMANDS: dict[str, tuple[str, _Words]] = {
    "verify": ("a release", lambda g, f: ("verify", f, *_policy(g))),
    "verify without policy": ("a release", lambda _, f: ("verify", f)),
    "chain": ("a release", lambda g, f: ("chain", f, *_policy(g))),
    "policy": ("a release", lambda _, f: ("policy", f)),
    "prove": ("a release", lambda g, f: ("prove", f, "--fact", "1", "-o", g.folder / "p.json", *_policy(g))),
    "find": ("a release", lambda g, f: ("find", f, "--where", "label=A", *_policy(g))),
    "log": ("a release", lambda g, f: ("log", f, "--where", "label=A", *_policy(g))),
    "mirror": ("a release", lambda g, f: ("mirror", f, g.folder / "mirror", *_policy(g))),
    "reverify": (
        "a release",
        lambda g, f: ("reverify", f, *_policy(g), "--home", g.folder / "watcher", "--offline"),
    ),
    "verify-bundle": ("a bundle", lambda g, f: _bundle(g, f, g.files["a trusted root"])),
    "verify-receipt": ("a receipt", lambda g, f: ("verify-receipt", f, *_policy(g))),
    "verify-receipt, two": (
        "a receipt",
        lambda g, f: ("verify-receipt", f, g.files["a receipt"], *_policy(g)),
    ),
    "verify-receipt --bundles": (
        "bundles of receipts",
        lambda g, f: ("verify-receipt", "--bundles", f, g.files["a receipt"], *_policy(g)),
    ),
    "verify-evidence": ("evidence", lambda _, f: ("verify-evidence", f)),
    "verify-history": ("a proof of runs", lambda g, f: ("verify-history", f, *_policy(g))),
    "compare a release": ("a release", lambda g, f: ("compare", f, *_policy(g), "--home", g.folder / "none")),
    "compare a bundle": ("a bundle", lambda g, f: ("compare", f, *_policy(g), "--home", g.folder / "none")),
    "compare a receipt": ("a receipt", lambda g, f: ("compare", f, *_policy(g), "--home", g.folder / "none")),
    "trust show": ("a trusted root", lambda _, f: ("trust", "show", f)),
    "trust pin": ("a trusted root", lambda _, f: ("trust", "pin", f)),
    "verify --trusted-root": ("a trusted root", _under_root),
    "verify-bundle --trusted-root": ("a trusted root", lambda g, f: _bundle(g, g.files["a bundle"], f)),
    "seal --previous": ("a statement", lambda g, f: _seal(g, "--previous", f)),
    "seal --schema": ("a schema", lambda g, f: _seal(g, "--schema", f)),
    "verify --opened": ("an opening", lambda g, f: ("verify", g.site.release, "--opened", f, *_policy(g))),
}
TEXTS: dict[str, tuple[str, _Words]] = {
    "verify --policy": ("a policy", lambda g, f: ("verify", g.site.release, "--policy", f)),
    "verify-bundle --tlog-policy": (
        "a witness policy",
        lambda g, f: (*_bundle(g, g.files["a bundle"], g.files["a trusted root"]), "--tlog-policy", f),
    ),
    "compare": ("a checkpoint", lambda g, f: ("compare", f, *_policy(g), "--home", g.folder / "none")),
    "seal --evidence": ("a list of documents", lambda g, f: _seal(g, "--evidence", f)),
}
OTHERS = {
    "a schema": b'{"fields": [{"name": "Label", "type": "string"}, {"name": "Value", "type": "string"}]}\n',
    "an opening": b'{"format": "urn:ledger-anchor:opening:v1", "ledger": {"name": "x"}}\n',
    "evidence": b'{"format": "urn:ledger-anchor:evidence:v1", "kind": "x"}\n',
    "bundles of receipts": b'{"format": "urn:ledger-anchor:receipt-bundles:v1", "bundles": [{}]}\n',
    "a witness policy": b"log example.org/log+0f9fcb0b+AQ\nquorum none\n",
    "a list of documents": b'[[document]]\nfile = "a.txt"\n',
}
"""Files that need not be whole: the damage is found before what is in them."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return given_files.made(tmp_path_factory.mktemp("given"), tmp_path_factory.mktemp("work"))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anchor.app.readings.PAUSE", 0.0)


def _damaged(given: Given, kind: str, damage: Callable[[bytes], bytes], folder: Path) -> Path:
    data = OTHERS[kind] if kind in OTHERS else given.files[kind].read_bytes()
    file = folder / NAME
    file.write_bytes(damage(data))
    return file


def _is_named_once(*words: object) -> None:
    ran = anchor(*words)
    assert ran.code not in (0, 70), ran
    line = ran.err.splitlines()[-1]
    problem, _, _ = line.partition("; ")
    assert problem.count(NAME) == 1, ran


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_line_names_the_damaged_document_once(
    command: str, damage: str, given: Given, tmp_path: Path
) -> None:
    kind, words = COMMANDS[command]
    _is_named_once(*words(given, _damaged(given, kind, DAMAGES[damage], tmp_path)))


@pytest.mark.parametrize("damage", TEXT_DAMAGES)
@pytest.mark.parametrize("command", TEXTS)
def test_the_line_names_the_damaged_text_once(
    command: str, damage: str, given: Given, tmp_path: Path
) -> None:
    kind, words = TEXTS[command]
    _is_named_once(*words(given, _damaged(given, kind, TEXT_DAMAGES[damage], tmp_path)))
