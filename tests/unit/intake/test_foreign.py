# SPDX-License-Identifier: Apache-2.0
"""Files that are no ledger, whatever their name says."""

import shlex

import pytest

from anchor.intake.foreign import convert_command, foreign

BYTES = {
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n": "Git LFS",
    b"/annex/objects/SHA256E-s1--00.csv\n": "git-annex",
    b"../.git/annex/objects/aa/bb/SHA256E-s1--00.csv/SHA256E-s1--00.csv": "git-annex",
    b"<!DOCTYPE html>\n<html>": "HTML",
    b"\n <!-- x -->\n<HTML lang=en>": "HTML",
    b"\xef\xbb\xbf<!doctype html>": "HTML",
    b"<?xml version='1.0'?><a/>": "XML",
    b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml": "Excel workbook (.xlsx)",
    b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet": "OpenDocument",
    b"PK\x03\x04" + bytes(26) + b"data.csv": "ZIP",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "Excel workbook (.xls)",
    b"%PDF-1.4": "PDF",
    b"\x1f\x8b\x08": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"BZh9": "bzip2",
    b"PAR1": "Parquet",
    b"SQLite format 3\0": "SQLite",
}


@pytest.mark.parametrize("data", BYTES)
def test_it_is_named_for_its_cause_with_a_remedy(data: bytes) -> None:
    found = foreign("my data.csv", data)
    assert found is not None
    assert BYTES[data] in found.problem
    assert "'my data.csv'" in found.remedy or "download" in found.remedy


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"version,oid\n1,2\n",
        b"version https://git-lfs.example.com\n",
        b"path\n/annex/objects/x\n",
        b"html\n<html>\n",
        b"<p>a</p>,b\n",
        b"<htmlx>\n",
        b"PK\n1\n",
        b"%PDF\n",
        b"| a |\n|---|\n| 1 |\n",
        b'[{"a": "<html>"}]',
    ],
)
def test_a_text_that_only_resembles_one_is_not_taken_for_it(data: bytes) -> None:
    assert foreign("x.csv", data) is None


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a.xlsx", "a.csv"),
        ("a.csv", "a.converted.csv"),
        ("A.CSV", "A.converted.csv"),
        ("a b", "a b.csv"),
        ("a.json", "a.jsonl"),
        ("a.jsonl", "a.converted.jsonl"),
    ],
)
def test_the_command_never_writes_onto_its_input(name: str, target: str) -> None:
    assert shlex.split(convert_command(name)) == ["anchor", "convert", name, "-o", target]
