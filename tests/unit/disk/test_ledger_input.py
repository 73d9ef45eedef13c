# SPDX-License-Identifier: Apache-2.0
"""The files that a user names: compressed, from a pipe, several as one, and with options."""

import gzip
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor.disk.ledger_file import LedgerFile, SealedFile, seal_file
from anchor.disk.ledger_input import with_ledger
from anchor.errors import Misuse
from anchor.format.statement import LedgerName
from anchor.intake.choice import Choice

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEDGER = LedgerName(name="n", number=1, version="v")
CSV = b"name,value\nA,1\nB,2\n"


def sealed(*paths: Path, folder: Path | None = None, **choice: Any) -> SealedFile:
    def use(given: tuple[LedgerFile, ...]) -> SealedFile:
        for made in folder.iterdir() if folder else ():
            made.unlink()
        return seal_file(given, ledger=LEDGER, folder=folder)

    return with_ledger(paths, Choice(**choice), use)


def refused(*paths: Path, **choice: Any) -> str:
    with pytest.raises(Misuse) as found:
        sealed(*paths, **choice)
    return str(found.value)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def written(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return written


def test_a_csv_file_without_options_is_read_as_in_version_1(write: Callable[[str, bytes], Path]) -> None:
    found = sealed(write("x.csv", CSV))
    assert [o.reader for o in found.originals] == ["csv-v1"]
    reading = found.reading
    assert (reading.reader, reading.read_as, reading.skipped) == ("csv-v1", (), ())
    assert (reading.columns, reading.facts) == (("name", "value"), 2)
    assert (reading.first, reading.last) == ({"name": "A", "value": "1"}, {"name": "B", "value": "2"})


def test_a_gzip_file_is_published_as_it_is(write: Callable[[str, bytes], Path], tmp_path: Path) -> None:
    data = gzip.compress(CSV)
    (tmp_path / "out").mkdir()
    found = sealed(write("x.csv.gz", data), folder=tmp_path / "out")
    assert (tmp_path / "out/ledger.csv.gz").read_bytes() == data
    assert found.sealed == sealed(write("x.csv", CSV)).sealed
    assert found.reading.read_as == ("gzip, published as it is",)


def test_what_comes_out_of_a_zstandard_file_is_published(
    write: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    found = sealed(write("x.csv.zst", zstd.compress(CSV)), folder=tmp_path / "out")
    assert (tmp_path / "out/ledger.csv").read_bytes() == CSV
    assert found.sealed == sealed(write("x.csv", CSV)).sealed
    assert found.reading.read_as == ("Zstandard, published as what comes out of it",)


def test_a_damaged_compressed_file_is_refused(write: Callable[[str, bytes], Path]) -> None:
    packed = {"gz": gzip.compress(CSV), "zst": zstd.compress(CSV)}
    for ending, data in packed.items():
        for damaged in (b"", CSV, data[:-3], data[:5], data + b"more"):
            assert refused(write(f"x.csv.{ending}", damaged))


def test_a_stream_is_read_from_its_beginning_though_it_was_looked_at(tmp_path: Path) -> None:
    for data in (CSV, gzip.compress(CSV), zstd.compress(CSV)):
        pipe = tmp_path / "pipe.csv"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        found = sealed(pipe)
        writer.join()
        assert (found.sealed.size, found.reading.files) == (2, (str(pipe),))
        pipe.unlink()


def test_an_endless_stream_is_refused_without_being_stored() -> None:
    assert "/dev/zero" in refused(Path("/dev/zero"))
    assert "a line of more than" in refused(Path("/dev/zero"), reader="jsonl-v1")


def test_several_files_are_one_ledger_in_the_order_that_is_given(
    write: Callable[[str, bytes], Path],
) -> None:
    one, two = write("a.csv", CSV), write("b.csv", b"name,value\nC,3\n")
    found = sealed(one, two)
    assert [o.file.name for o in found.originals] == ["ledger-1.csv", "ledger-2.csv"]
    assert (found.reading.facts, found.reading.last) == (3, {"name": "C", "value": "3"})
    assert sealed(two, one).reading.last == {"name": "B", "value": "2"}
    assert sealed(two, one).sealed.root != found.sealed.root


def test_a_file_that_is_named_twice_is_refused_unless_it_is_meant(
    write: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    path = write("a.csv", CSV)
    link = tmp_path / "b.csv"
    link.symlink_to(path)
    assert "named twice, so each fact of this file would be in the ledger twice" in refused(path, path)
    for other in (link, path.parent / ".." / path.parent.name / path.name):
        assert f"also named as {path}, so each fact" in refused(path, other)
    assert sealed(path, path, as_read=True).reading.facts == 4


def test_two_files_with_equal_bytes_are_two_parts(
    write: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    one, two = write("a.csv", CSV), write("b.csv", CSV)
    assert sealed(one, two).reading.facts == 4
    (tmp_path / "c.csv").hardlink_to(one)
    assert sealed(one, tmp_path / "c.csv").reading.facts == 4


def test_files_that_are_read_in_different_ways_are_not_one_ledger(
    write: Callable[[str, bytes], Path],
) -> None:
    one, two = write("a.csv", CSV), write("b.jsonl", b'{"name":"C","value":"3"}\n')
    assert "is read as jsonl" in refused(one, two)


def test_an_option_that_the_reader_does_not_have_names_the_readers_that_have_it(
    write: Callable[[str, bytes], Path],
) -> None:
    assert "the reader csv-v1 has no --delimiter" in refused(
        write("x.csv", CSV), reader="csv-v1", members={"delimiter": ";"}
    )


def test_defaults_that_are_given_change_nothing(write: Callable[[str, bytes], Path]) -> None:
    path = write("x.csv", CSV)
    members = {"delimiter": ",", "quote": '"', "encoding": "utf-8", "skip": 0, "header": True}
    assert sealed(path, members=members).originals == sealed(path).originals


def test_a_default_that_is_given_says_that_it_is_meant(write: Callable[[str, bytes], Path]) -> None:
    path = write("x.csv", b"a;b\n1;2\n3;4\n")
    assert "--delimiter ';'" in refused(path)
    assert sealed(path, members={"delimiter": ","}).reading.columns == ("a;b",)
    assert sealed(path, as_read=True).reading.columns == ("a;b",)
    path = write("y.csv", b"2024-01-01,1\n2024-01-02,2\n")
    assert "--no-header" in refused(path)
    assert sealed(path, members={"header": True}).reading.columns == ("2024-01-01", "1")


def test_a_remedy_that_is_not_enough_names_the_rest(write: Callable[[str, bytes], Path]) -> None:
    rows = "".join(f"{n};{n}\n" for n in range(50))
    line = refused(write("x.csv", f"a;b\n{rows}1;2;3\n{rows}".encode()))
    assert "--delimiter ';'" in line
    assert "line 52: 3 fields in a table of 2 columns" in line


def test_a_fault_far_down_is_explained_as_one_at_the_beginning(write: Callable[[str, bytes], Path]) -> None:
    rows = "".join(f"{n},x\n" for n in range(40_000)).encode()
    line = refused(write("x.csv", b"a,b\n" + rows + "1,ü\n".encode("cp1252") + b"\n\n"))
    assert "--encoding windows-1252 --empty-lines end" in line


def test_the_lines_above_the_header_are_shown(write: Callable[[str, bytes], Path]) -> None:
    path = write("x.csv", "Übersicht\r\n\r\na;b\r\n1;2\r\n".encode("cp1252"))
    members = {"skip": 2, "delimiter": ";", "encoding": "windows-1252"}
    assert sealed(path, members=members).reading.skipped == ("Übersicht", "")


def test_without_a_header_and_without_names_the_columns_are_numbered(
    write: Callable[[str, bytes], Path],
) -> None:
    assert sealed(write("x.csv", CSV), members={"header": False}).reading.columns == ("column_1", "column_2")


NULLS = {
    "x.json": b'[{"a":"1"},{"a":null}]',
    "x.jsonl": b'{"a":"1"}\n{"a":null}\n',
    "y.json": b'[{"a":"1"},{"a":"2","b":"3"}]',
    "y.ndjson": b'{"a":"1"}\n{"a":[1, 2]}\n',
}


@pytest.mark.parametrize("name", NULLS)
@pytest.mark.parametrize("facts", [1, 9000])
def test_null_missing_and_nested_members_are_kept_wherever_they_are(
    name: str, facts: int, write: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    data = NULLS[name]
    first = data[: data.index(b"}") + 2].lstrip(b"[")
    path = write(name, data.replace(first, first * facts, 1))
    (tmp_path / "out").mkdir()
    found = sealed(path, folder=tmp_path / "out")
    assert found.originals[0].reader in ("json-v2", "jsonl-v2")
    assert found.reading.facts == facts + 1
    assert found.reading.last in ({"a": None}, {"a": "2", "b": "3"}, {"a": "[1,2]"})
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(f.name for f in found.files)


def test_a_reader_of_version_1_that_is_named_keeps_its_reading(write: Callable[[str, bytes], Path]) -> None:
    found = sealed(write("x.json", NULLS["x.json"]), reader="json-v1")
    assert (found.originals[0].reader, found.reading.last) == ("json-v1", {"a": ""})
    assert "which the first fact does not have" in refused(write("y.json", NULLS["y.json"]), reader="json-v1")


def test_the_word_null_in_a_text_needs_no_version_2(write: Callable[[str, bytes], Path]) -> None:
    for name, data in (("x.json", b'[{"a":"null"}]'), ("x.jsonl", b'{"a":"annulled"}\n')):
        assert not sealed(write(name, data)).originals[0].reader.endswith("v2")


def test_of_several_files_one_may_need_version_2(write: Callable[[str, bytes], Path]) -> None:
    one, two = write("a.json", b'[{"a":"1"}]'), write("b.json", b'[{"a":null}]')
    assert sealed(one, two).reading.last == {"a": None}
    assert sealed(two, one).reading.first == {"a": None}
