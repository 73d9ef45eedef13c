# SPDX-License-Identifier: Apache-2.0
"""Whatever the bytes are: facts of equal width, or one refusal, and never another exception."""

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.format.readers import READERS, reader_for
from tests.support.releases import samples
from tests.support.releases.tables import open_table

SEEDS = {
    "markdown-table-v1": b"# t\n\n| A | `B` |\n| :-- | -: |\n| [t](u(a)) | **x** |\n| a\\|b | |\n\nend\n",
    "ledger-json-v1": b'{"columns":["b","a"],"facts":[\n{"a":"1","b":"\xc3\xa9"},\n{"a":"","b":"\\n"}\n],'
    b'"format":"urn:ledger-anchor:ledger:v1","ledger":{"name":"n","number":1,"version":"v"}}\n',
    "json-v1": b'[\n{"a":1,"b":"\\u00e9"} ,\n{"b":null,"a":true}]\n',
    "ledger-json-v2": samples.LEDGER_JSON_2,
    "jsonl-v1": b'{"a":1e5,"b":"\xc3\xa9"}\r\n {"b":"\\ud83d\\ude00","a":false}\n',
    "json-v2": b'[\n{"a":[1, {"\\u00e9":"x y"} ],"b":"\\u00e9"} ,\n{"b":null,"c":true}]\n',
    "jsonl-v2": b'{"a":1e5,"b":"\xc3\xa9"}\r\n {"b":"\\ud83d\\ude00","a":[false , "x y"]}\n{"c":null}\n',
    "lines-v1": b"one\r\n\ntwo \xc3\xa9\n\tthree",
    "markdown-table-v2": b"# t\n\n```\n|\n```\n| A | `B` |\n| :-- | -: |\n"
    b"| [t](u(a)) | **x** |\n| a\\|b |\n\nend\n",
    "files-v1": b"path,size,sha256\na,1," + b"0" * 64 + b"\nb/c,22," + b"f" * 64 + b"\n",
    "csv-v1": b'a,"b"\r\n1,"x\ny"\r\n"",\xc3\xa9\n"a""b",c\n',
    "delimited-v2": b'a,"b"\r\n1,"x\ny"\r\n"",\xc3\xa9\n"a""b",c\n',
}
PIECES = [
    *(
        b"|",
        b"\n",
        b"\r",
        b"\r\n",
        b'"',
        b",",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b" ",
        b"\t",
        b"-",
        b"`",
        b"**",
    ),
    *(
        b"<!--",
        b"```",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"null",
        b"1",
        b"\\u",
        b"\\ud800",
        b"(",
        b")",
        b"\xc2\x85",
    ),
]


def read(data: bytes, reader: str) -> None:
    table = open_table(io.BytesIO(data), reader, where="ledger")
    before = 0
    for line, row in table:
        assert len(row) == len(table.columns)
        assert all(type(value) is str or (reader.endswith("-v2") and not value) for value in row)
        assert line >= before > -1
        before = line
    assert before > 0


@pytest.mark.parametrize("reader", READERS)
@given(data=st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join))
def test_any_bytes_are_facts_or_refused(reader: str, data: bytes) -> None:
    with contextlib.suppress(Refused):
        read(data, reader)


@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_a_damaged_ledger_is_facts_or_refused(reader: str, data: st.DataObject) -> None:
    found = SEEDS[reader]
    read(found, reader)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(found)))
        cut = data.draw(st.integers(0, 3))
        found = found[:at] + data.draw(st.sampled_from([b"", *PIECES])) + found[at + cut :]
    with contextlib.suppress(Refused):
        read(found, reader)


@pytest.mark.parametrize("reader", READERS)
def test_a_stream_that_gives_its_bytes_one_by_one_is_read_the_same(reader: str) -> None:
    class Slow(io.RawIOBase):
        at = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = offset if whence == 0 else self.at + offset
            return self.at

        def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffer of a reader
            piece = SEEDS[reader][self.at : self.at + 1]
            buffer[: len(piece)] = piece
            self.at += len(piece)
            return len(piece)

    fast = open_table(io.BytesIO(SEEDS[reader]), reader, where="l")
    slow = open_table(io.BufferedReader(Slow(), 1), reader, where="l")
    assert list(fast) == list(slow)


@pytest.mark.parametrize(
    ("name", "head", "reader"),
    [
        ("ledger.md", b"", "markdown-table-v1"),
        ("LEDGER.MD", b"", "markdown-table-v1"),
        ("a.json", b"", "json-v1"),
        ("ledger.json", b"", "ledger-json-v1"),
        ("ledger.json", b" [", "json-v1"),
        ("a.json", b'{"columns"', "ledger-json-v1"),
        ("a.b.csv", b"", "csv-v1"),
    ],
)
def test_the_name_and_the_first_byte_choose_the_reader(name: str, head: bytes, reader: str) -> None:
    assert reader_for(name, head) == reader


def test_each_reader_is_found_by_its_own_name() -> None:
    assert {name: reader.name for name, reader in READERS.items()} == {name: name for name in READERS}
