# SPDX-License-Identifier: Apache-2.0
"""A new format of ledgers is one file and one row: a copy of the program gets a reader that it never had.

The format is a table of fixed width whose directory stands at its end, so its reader must seek.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import ROOT

READER = '''
"""`fixed-v1`: records of fixed width, then a directory of columns, then its offset."""

import struct

from anchor.errors import Refused
from anchor.format.facts import check_columns
from anchor.format.readers.reader import NO_DIALECT, FileReader


class FixedWidth(FileReader):
    """The facts of a table of fixed width."""

    name = "fixed-v1"
    published = "ledger.fix"
    suffixes = (".fix",)
    unit = "record"

    def __init__(self, file, *, where, dialect=NO_DIALECT):
        self._file, self._where = file, where
        end = file.seek(-4, 2)
        (self._start,) = struct.unpack(">I", file.read(4))
        file.seek(self._start)
        names = file.read(end - self._start).decode().split(",")
        self._widths = [int(name.partition(":")[2]) for name in names]
        self.columns = check_columns([name.partition(":")[0] for name in names], where=where)

    def __iter__(self):
        width, self._number = sum(self._widths), 0
        self._file.seek(0)
        while self._file.tell() < self._start:
            self._number += 1
            record, row = self._file.read(width).decode(), []
            if "\\0" in record:
                raise Refused("a NUL", where=f"{self._where}: record {self._number}")
            for size in self._widths:
                row.append(record[:size].rstrip())
                record = record[size:]
            yield self._number, tuple(row)
'''


def table(*rows: tuple[str, str]) -> bytes:
    """A file of the new format, with two columns."""
    records = "".join(f"{label:8}{value:6}" for label, value in rows).encode()
    return records + b"label:8,value:6" + struct.pack(">I", len(records))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a copy of the program with the new reader, and of a ledger for it."""
    folder = tmp_path_factory.mktemp("program")
    shutil.copytree(ROOT / "anchor", folder / "anchor", ignore=shutil.ignore_patterns("__pycache__"))
    readers = folder / "anchor" / "format" / "readers"
    (readers / "fixed_width.py").write_text(READER)
    register = (readers / "__init__.py").read_text()
    last = '    "csv-v1": "csv_table.CsvTable",\n'
    register = register.replace(last, last + '    "fixed-v1": "fixed_width.FixedWidth",\n')
    assert register.count("FixedWidth") == 1
    (readers / "__init__.py").write_text(register)
    (folder / "ledger.fix").write_bytes(table(("Water", "1"), ("Power", "tbd"), ("Power", "3")))
    return folder


def run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "anchor", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_lint_words_the_positions_as_the_reader_does(program: Path) -> None:
    done = run(program, "lint", "ledger.fix")
    assert done.returncode == 0, done.stderr
    assert "record 2: value: 'tbd'" in done.stdout
    assert "3 facts" in done.stdout
    assert "(fixed-v1)" in done.stdout


def test_seal_names_the_reader(program: Path) -> None:
    done = run(program, "seal", "ledger.fix", "--name", "n", "--version", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["reader"], found["tree"]["size"]) == ("fixed-v1", 3)
    assert [f["name"] for f in found["files"]] == ["ledger.fix", "ledger.json"]


def test_a_bad_record_is_named_as_the_reader_names_it(program: Path) -> None:
    (program / "bad.fix").write_bytes(table(("Water", "1"), ("Po\0er", "2")))
    done = run(program, "seal", "bad.fix", "--name", "n", "--version", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.fix: record 2: a NUL" in done.stderr


def test_publish_and_verify_know_the_reader_and_hash_the_file_first(program: Path) -> None:
    named = ("--name", "n", "--version", "1", "--root", "site", "--home", "home")
    done = run(program, "publish", "ledger.fix", *named, "--json")
    assert done.returncode == 0, done.stderr
    (program / "policy.toml").write_text(json.loads(done.stdout)["policy"])
    verify = ("verify", "site/release.json", "--policy", "policy.toml")
    assert run(program, *verify).returncode == 0
    (ledger,) = (program / "site").rglob("ledger.fix")
    data = ledger.read_bytes()
    ledger.write_bytes(data[:-1] + bytes([data[-1] ^ 255]))  # an offset that the reader would stumble over
    done = run(program, *verify)
    assert done.returncode == 8
    assert "SHA-256" in done.stderr
    assert "facts" in done.stderr
