# SPDX-License-Identifier: Apache-2.0
"""The tables of the encodings are Unicode's mapping files, whatever a library calls by the same name."""

from typing import get_args

import pytest

from anchor.format.encodings import TABLES, UNDEFINED, Name, decoder

CODECS = {
    "windows-1252": "cp1252",
    "iso-8859-1": "iso8859-1",
    "iso-8859-15": "iso8859-15",
    "macintosh": "mac_roman",
}
"""The codecs of Python that were made from the same files."""
BROWSERS = {0x81: "\x81", 0x8D: "\x8d", 0x8F: "\x8f", 0x90: "\x90", 0x9D: "\x9d"}
"""The bytes that a browser's windows-1252 has and Unicode's file has not."""


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_that_of_the_codec_which_was_made_from_the_same_file(name: str) -> None:
    wanted = [bytes([b]).decode(CODECS[name], "replace").replace("\ufffd", UNDEFINED) for b in range(256)]
    assert list(TABLES[name]) == wanted


def test_the_one_byte_encodings_have_the_names_of_the_format() -> None:
    assert set(get_args(Name)) == {"utf-8", "utf-16", *TABLES}
    assert [b for b in range(256) if TABLES["windows-1252"][b] == UNDEFINED] == list(BROWSERS)
    assert all(UNDEFINED not in table for name, table in TABLES.items() if name != "windows-1252")


@pytest.mark.parametrize(
    ("name", "byte", "character"),
    [
        ("windows-1252", 0x80, "€"),
        ("iso-8859-1", 0x80, "\x80"),
        ("iso-8859-1", 0xA4, "¤"),
        ("iso-8859-15", 0xA4, "€"),
        ("iso-8859-15", 0xBD, "œ"),
        ("macintosh", 0xDB, "€"),
        ("macintosh", 0xC6, "∆"),
        ("macintosh", 0xBD, "Ω"),
        ("macintosh", 0xF0, "\uf8ff"),
        ("macintosh", 0x8E, "é"),
    ],
)
def test_where_tables_of_one_name_differ_the_mapping_file_is_right(
    name: str, byte: int, character: str
) -> None:
    """A browser reads iso-8859-1 as windows-1252; macintosh had another character at DB before 1998, and the
    GNU C library has others at C6 and F0."""
    assert TABLES[name][byte] == character


@pytest.mark.parametrize(
    ("name", "head", "bom", "is_read"),
    [
        ("utf-8", b"abc", False, True),
        ("utf-8", b"", False, True),
        ("utf-8", b"\xef\xbb\xbf", False, False),
        ("utf-8", b"\xef\xbb\xbf", True, True),
        ("utf-8", b"abc", True, False),
        ("utf-8", b"\xff\xfea", False, False),
        ("utf-16", b"\xff\xfea", False, True),
        ("utf-16", b"\xfe\xff\x00", False, True),
        ("utf-16", b"a\x00b", False, False),
        ("utf-16", b"\xef\xbb\xbf", False, False),
        ("windows-1252", b"\xef\xbb\xbf", False, False),
        ("iso-8859-1", b"\xff\xfea", False, False),
        ("macintosh", b"\xfe\xff", False, False),
        ("macintosh", b"\xfea\xff", False, True),
    ],
)
def test_a_file_begins_with_its_own_byte_order_mark_or_none(
    name: str, head: bytes, bom: bool, is_read: bool
) -> None:
    found = decoder(next(n for n in get_args(Name) if n == name), head, bom=bom)
    assert (found is not None) == is_read
