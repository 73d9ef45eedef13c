# SPDX-License-Identifier: Apache-2.0
"""Files of the kinds that people have: each goes in right, or its refusal leads to the right ledger.

The remedy is parsed out of the message and followed to the letter, and the ledger that comes out is compared.
"""

import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.process.anchor_cli import Ran, anchor

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
FOUND: dict[str, dict[str, Any]] = tomllib.loads((CORPUS / "index.toml").read_text(encoding="utf-8"))
ODD = sorted(path.name for path in (CORPUS / "odd").iterdir())
NAMED = ("--name", "n", "--version", "1")
REMEDY = re.compile(
    r"; (?:give |it looks like |[a-z ]+: )?((?:--|anchor |mv |git |unzip ).*?)(?: \(or --as-read.*)?$"
)


def seal(name: str, folder: Path, *options: str) -> Ran:
    return anchor("seal", name, *NAMED, *options, "--json", cwd=folder)


def check(ran: Ran, wanted: dict[str, Any]) -> None:
    """The ledger is the one of the index."""
    assert ran.code == 0, ran.err
    found = ran.document["reading"]
    assert (found["columns"], found["facts"]) == (wanted["columns"], wanted["facts"])
    for place in ("first", "last"):
        values = [found[place].get(c, {"absent": True}) for c in found["columns"]]
        assert [{"null": True} if v is None else v for v in values] == wanted[place]
    for word in wanted.get("read_as", ()):
        assert any(word in words for words in found["read_as"]), found["read_as"]


@pytest.mark.parametrize("name", FOUND)
def test_a_file_is_read_right_or_its_remedy_gives_the_right_ledger(name: str, tmp_path: Path) -> None:
    wanted = FOUND[name]
    shutil.copy(CORPUS / "found" / name, tmp_path)
    ran = seal(name, tmp_path)
    if "refused" not in wanted:
        check(ran, wanted)
        return
    assert ran.code == 2, ran
    assert wanted["refused"] in ran.line
    assert ran.line.startswith(f"anchor: {name}")
    if " (or --as-read" in ran.line:
        assert seal(name, tmp_path, "--as-read").code == 0
    if "by_hand" in wanted:
        return
    remedy = REMEDY.search(ran.line)
    assert remedy, ran.line
    assert remedy[1] == wanted["remedy"]
    if "needs" not in wanted:
        follow(remedy[1], name, tmp_path, wanted)


def follow(remedy: str, name: str, folder: Path, wanted: dict[str, Any]) -> None:
    """Do what the message says, and compare the ledger that comes out."""
    words = shlex.split(remedy)
    options: list[str] = []
    if words[0] == "mv":
        shutil.move(folder / words[1], folder / words[2])
        name = words[2]
    elif words[0] == "anchor":
        ran = anchor(*words[1:], cwd=folder)
        assert ran.code == 0, ran.err
        name = words[words.index("-o") + 1]
        options = ["--reader", "files-v1"] if words[1] == "files" else []
    else:
        options = words
    check(seal(name, folder, *options), wanted)


def test_the_index_has_every_file() -> None:
    assert sorted(FOUND) == sorted(path.name for path in (CORPUS / "found").iterdir())
    assert len(ODD) >= 40


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_that_is_right_is_not_refused(name: str, tmp_path: Path) -> None:
    shutil.copy(CORPUS / "odd" / name, tmp_path)
    ran = seal(name, tmp_path, "-o", "sealed")
    assert ran.code == 0, ran.err
    assert ran.document["reading"]["facts"] >= 1
    assert anchor("lint", name, cwd=tmp_path).code == 0


def test_one_of_two_tables_is_chosen(tmp_path: Path) -> None:
    shutil.copy(CORPUS / "found" / "two-tables.md", tmp_path)
    for table, column in (("1", "a"), ("2", "b"), ("Second", "b")):
        assert seal("two-tables.md", tmp_path, "--table", table).document["reading"]["columns"] == [column]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("Source: the office,\nx and y are provisional,\n", "'Source: the office' at the end seems to be"),
        (",\n,\n", "the last line has no value"),
    ],
)
def test_the_end_of_a_long_file_is_looked_at(tmp_path: Path, end: str, words: str) -> None:
    (tmp_path / "long.csv").write_text("a,b\n" + "x,1\n" * 50_000 + end)
    (tmp_path / "prose.csv").write_text("a,b\n" + "x,1\n" * 50_000 + '"x\n,\n,\ny",1\n')
    assert seal("prose.csv", tmp_path).code == 0
    ran = seal("long.csv", tmp_path)
    assert (ran.code, words in ran.line) == (2, True), ran.line
    remedy = REMEDY.search(ran.line)
    assert remedy
    assert seal("long.csv", tmp_path, "--as-read").document["reading"]["facts"] == 50_002
    wanted = {"columns": ["a", "b"], "facts": 50_000, "first": ["x", "1"], "last": ["x", "1"]}
    follow(remedy[1], "long.csv", tmp_path, wanted)


def test_a_table_that_looks_like_two_can_be_one(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("name,score\nA,1\nB,2\n\nC,absent\nD,3\n")
    ran = seal("one.csv", tmp_path)
    assert (ran.code, "or give --empty-lines all --as-read if it is one table" in ran.line) == (2, True)
    found = seal("one.csv", tmp_path, "--empty-lines", "all", "--as-read").document["reading"]
    assert (found["facts"], found["last"]) == (4, {"name": "D", "score": "3"})
