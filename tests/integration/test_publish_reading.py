# SPDX-License-Identifier: Apache-2.0
"""`publish` shows how a ledger was read, and what it publishes with options is verified."""

import gzip
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import NAME, Site, empty

TEXT = "Übersicht\r\n\r\nort;wert\r\nKöln;1,5\r\nBern;\r\n".encode("cp1252")
OPTIONS = ("--skip", 2, "--delimiter", ";", "--encoding", "windows-1252", "--null", "")


def publish(site: Site, *words: object) -> Ran:
    return anchor(
        "publish", *words, "--name", NAME, "--version", "1.0.0", "--root", site.root, "--home", site.home
    )


def test_a_dry_run_and_a_publication_show_the_reading_and_the_release_verifies(tmp_path: Path) -> None:
    site, file = empty(tmp_path), tmp_path / "x.csv"
    file.write_bytes(TEXT)
    refused = publish(site, file)
    assert "--encoding windows-1252 --skip 2 --delimiter ';'" in refused.line
    assert not site.root.exists()
    dry = publish(site, file, *OPTIONS, "--dry-run")
    done = publish(site, file, *OPTIONS)
    assert (dry.code, done.code) == (0, 0), done.err
    for ran in (dry, done):
        lines = ran.err.splitlines()
        assert (
            "read as    delimited-v2, delimiter ';', encoding windows-1252, the first 2 lines not read"
            in (lines[0].rpartition(", an empty field")[0])
        )
        assert "not read   line 1: 'Übersicht'" in lines
        assert "facts      2, in 2 columns" in lines
        assert [line.split() for line in lines if line.startswith("  '")] == [
            ["'ort'", "'Köln'", "'Bern'"],
            ["'wert'", "'1,5'", "null"],
        ]
    site.policy.write_text(done.out)
    assert site.verify().code == 0
    again = publish(site, file, *OPTIONS, "--json").document
    assert again["reading"]["last"] == {"ort": "Bern", "wert": None}


def test_several_compressed_files_are_one_release(tmp_path: Path) -> None:
    site = empty(tmp_path)
    for name, row in (("a", "1,2"), ("b", "3,4")):
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(f"x,y\n{row}\n".encode()))
    done = publish(site, tmp_path / "a.csv.gz", tmp_path / "b.csv.gz")
    assert done.code == 0, done.err
    assert "read as    csv-v1, gzip, published as it is" in done.err
    site.policy.write_text(done.out)
    assert site.verify().code == 0


def test_an_option_that_the_reader_does_not_have_names_those_that_have_it(tmp_path: Path) -> None:
    site, file = empty(tmp_path), tmp_path / "x.json"
    file.write_text('[{"a": "1"}]')
    assert (
        "the reader json-v2 has no --delimiter; delimited-v2 has it"
        in publish(site, file, "--delimiter", ";").line
    )


@pytest.mark.parametrize(
    ("text", "line", "reader"),
    [
        ("<div hidden>\n\n| a |\n|---|\n| 1 |\n", 1, "markdown-table-v1"),
        ("<details>\n| a |\n|---|\n| 1 |\n", 1, "markdown-table-v1"),
        ("| a |\n|---|\n| x&lt;y |\n", 3, "markdown-table-v1"),
        ("| a |\n|---|\n| ~~1~~ |\n", 3, "markdown-table-v1"),
        ("| a |\n|---|\n| x\\*y |\n", 3, "markdown-table-v2"),
    ],
)
def test_a_table_that_is_shown_otherwise_than_it_is_written(
    text: str, line: int, reader: str, tmp_path: Path
) -> None:
    (tmp_path / "ledger.md").write_text(text)
    words = ("seal", tmp_path / "ledger.md", "--name", "n", "--version", "1")
    refused = anchor(*words)
    assert refused.code == 2
    assert f"ledger.md: line {line}: " in refused.line
    assert f"give --reader {reader}" in refused.line
    assert anchor(*words, "--reader", reader).code == 0
