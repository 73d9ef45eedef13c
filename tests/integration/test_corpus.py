# SPDX-License-Identifier: Apache-2.0
"""Files of the kinds that people have: each goes in right, or its refusal leads to the right ledger.

The remedy is parsed out of the message and followed to the letter, and the ledger that comes out is compared.
"""

import gzip
import os
import re
import shlex
import shutil
import sys
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor.intake.foreign import packed_ending
from tests.support.process.anchor_cli import Ran, anchor

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

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


MANY = 7_000
ROW = "a text of some words,1\n"
LONG = ROW * MANY
"""More than the bytes that are looked at first."""
PACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstd.compress}


def write(folder: Path, name: str, text: str) -> None:
    """The file, compressed as its name says."""
    (folder / name).write_bytes(PACK[packed_ending(name)](text.encode()))


@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            f"a,b\n{LONG}Source: the office,\nx and y are provisional,\n",
            "'Source: the office' at the end seems to be",
        ),
        (f"a,b\n{LONG},\n,\n", "the last line has no value"),
        (f"a,b\n{LONG},\n \t, \n{ROW * 60}", "line 7002 has no value"),
        (f'a,b\r\n{LONG}"",""\r\n,\r\n{LONG}', "line 7002 has no value"),
    ],
    ids=["a note", "empty at the end", "empty in the middle", "empty and quoted"],
)
def test_a_long_file_is_looked_at_to_its_end(tmp_path: Path, packed: str, text: str, words: str) -> None:
    name = f"long.csv{packed}"
    write(tmp_path, name, text)
    ran = seal(name, tmp_path)
    assert (ran.code, words in ran.line) == (2, True), ran.line
    remedy = REMEDY.search(ran.line)
    assert remedy
    as_read = seal(name, tmp_path, "--as-read").document["reading"]["facts"]
    facts = as_read - 2
    wanted = {
        "columns": ["a", "b"],
        "facts": facts,
        "first": ROW[:-1].split(","),
        "last": ROW[:-1].split(","),
    }
    follow(remedy[1], name, tmp_path, wanted)


@pytest.mark.parametrize("packed", PACK)
def test_prose_that_looks_so_in_a_long_file_is_not_refused(tmp_path: Path, packed: str) -> None:
    """Lines of a quoted value."""
    name = f"prose.csv{packed}"
    write(tmp_path, name, f'a,b\n{LONG}"x\n,\na,b\n,\ny",1\n{LONG}"x\n,\n,\ny",1\n')
    assert seal(name, tmp_path).document["reading"]["facts"] == 2 * MANY + 2


def test_files_that_were_joined_are_found_wherever_the_header_stands_again(tmp_path: Path) -> None:
    write(tmp_path, "all.csv.gz", f"a,b\n{LONG}a,b\n{LONG}")
    ran = seal("all.csv.gz", tmp_path)
    assert (ran.code, "line 7002 is the header again" in ran.line) == (2, True), ran.line
    for name in ("one.csv", "two.csv"):
        write(tmp_path, name, f"a,b\n{LONG}")
    assert anchor("seal", "one.csv", "two.csv", *NAMED, "--json", cwd=tmp_path).document["tree"]["size"] == (
        2 * MANY
    )
    assert seal("all.csv.gz", tmp_path, "--as-read").document["reading"]["facts"] == 2 * MANY + 1


@pytest.mark.parametrize(
    ("end", "words"), [("", ""), (",\n,\n", "no value"), (",\nx,1\n", "line 7002 has no")]
)
def test_a_pipe_is_looked_at_to_its_end(tmp_path: Path, end: str, words: str) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(f"a,b\n{LONG}{end}"))
    writer.start()
    ran = seal("pipe.csv", tmp_path)
    writer.join()
    assert (ran.code, words in ran.err) == (2 if words else 0, True), ran.err


@pytest.mark.parametrize("packed", [".gz", ".zst"])
def test_a_compressed_file_is_named_with_its_ending_in_a_remedy(tmp_path: Path, packed: str) -> None:
    name = f"ort.csv{packed}"
    (tmp_path / name).write_bytes(PACK[packed]("ort,wert\nŁódź,1\nKraków,2\nŻółć,3\n".encode("cp1250")))
    ran = seal(name, tmp_path)
    remedy = REMEDY.search(ran.line)
    assert remedy
    assert remedy[1] == f"anchor convert {name} --encoding cp1250 -o ort.converted.csv"
    wanted = {"columns": ["ort", "wert"], "facts": 3, "first": ["Łódź", "1"], "last": ["Żółć", "3"]}
    follow(remedy[1], name, tmp_path, wanted)


def test_a_table_that_looks_like_two_can_be_one(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("name,score\nA,1\nB,2\n\nC,absent\nD,3\n")
    ran = seal("one.csv", tmp_path)
    assert (ran.code, "or give --empty-lines all --as-read if it is one table" in ran.line) == (2, True)
    found = seal("one.csv", tmp_path, "--empty-lines", "all", "--as-read").document["reading"]
    assert (found["facts"], found["last"]) == (4, {"name": "D", "score": "3"})
