# SPDX-License-Identifier: Apache-2.0
"""The input of `publish` may be anything: it ends in one line, the right exit code, and no files."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.process import memory
from tests.support.process.anchor_cli import Ran, anchor, forked
from tests.support.releases.published import LEDGER, NAME, Site, empty, snapshot

HEAD = "| Label | Value |\n|---|---|\n"
BAD: dict[str, tuple[str, str | bytes]] = {
    "a long row": ("md", HEAD + "| A | 1 | 2 |\n"),
    "a row without its end": ("md", HEAD + "| A | 1\n"),
    "a second table": ("md", LEDGER + "\n" + LEDGER),
    "a row inside a comment": ("md", HEAD + "| A | 1 |\n<!--\n| B | 2 |\n-->\n"),
    "a table inside a comment": ("md", "<!--\n" + LEDGER + "-->\n"),
    "a table inside a fence": ("md", "```\n" + LEDGER + "```\n"),
    "a duplicate header": ("md", LEDGER.replace("Value", "Label")),
    "a duplicate header except for case": ("md", LEDGER.replace("Value", "LABEL")),
    "an empty header": ("md", LEDGER.replace("Value", "")),
    "no facts": ("md", HEAD),
    "no table": ("md", "nothing\n"),
    "nothing": ("md", ""),
    "a BOM": ("md", "\ufeff" + LEDGER),
    "UTF-16": ("md", LEDGER.encode("utf-16")),
    "bytes that are not UTF-8": ("md", LEDGER.encode() + b"| \xff | 1 |\n"),
    "an overlong form": ("md", LEDGER.encode() + b"| \xc0\xaf | 1 |\n"),
    "a surrogate in UTF-8": ("md", LEDGER.encode() + b"| \xed\xa0\x80 | 1 |\n"),
    "a control character": ("md", LEDGER + "| \x07 | 1 |\n"),
    "an escape sequence": ("md", LEDGER + "| \x1b[2J | 1 |\n"),
    "a NUL": ("md", LEDGER + "| \0 | 1 |\n"),
    "a lone CR": ("md", LEDGER + "| a\rb | 1 |\n"),
    "a column above U+FFFF": ("md", LEDGER.replace("Value", "\U00010000")),
    "a number of 10,000 digits": ("json", '[{"a":' + "9" * 10_000 + "}]x"),
    "nesting 10,000 deep": ("json", "[" * 10_000 + "]" * 10_000),
    "an object 10,000 deep": ("json", '[{"a":' * 10_000),
    "a nested value that is no JSON": ("json", '[{"a":{"b"}}]'),
    "duplicate keys": ("json", '[{"a":1,"a":1}]'),
    "a fact without a member": ("json", '[{"a":1},{}]'),
    "a lone surrogate": ("json", '[{"a":"\\ud800"}]'),
    "no array": ("json", '"a"'),
    "an empty array": ("json", "[]"),
    "an empty fact": ("json", "[{}]"),
    "NaN": ("json", '[{"a":NaN}]'),
    "JSON cut short": ("json", '[{"a":1},'),
    "JSON with more behind it": ("json", '[{"a":1}] [{"a":1}]'),
    "an empty line among lines": ("jsonl", '{"a":1}\n\n{"a":1}\n'),
    "a line that is no object": ("jsonl", "1\n"),
    "a short record": ("csv", "a,b\r\n1\r\n"),
    "an open quote": ("csv", 'a,b\r\n"1,2\r\n'),
    "a duplicate column": ("csv", "a,a\r\n1,2\r\n"),
    "a kind of file that is not known": ("xlsx", "PK\x03\x04"),
    "a name without a kind": ("", LEDGER),
}


def publish(site: Site, ledger: Path | str, *more: object) -> Ran:
    named = ("--name", NAME, "--version", "2.0.0", "--root", site.root, "--home", site.home)
    return anchor("publish", ledger, *named, *more)


def refused(ran: Ran, code: int = 2) -> str:
    """Exactly one line on stderr, nothing on stdout."""
    assert (ran.code, ran.out) == (code, ""), ran
    return ran.line


@pytest.mark.parametrize("what", BAD)
def test_a_bad_ledger_is_one_line_and_leaves_nothing(what: str, site: Site, tmp_path: Path) -> None:
    suffix, content = BAD[what]
    file = tmp_path / ("facts." + suffix).rstrip(".")
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "new").mkdir()
    new = empty(tmp_path / "new")
    assert file.name in refused(publish(new, file))
    assert not new.root.exists()
    assert not (new.home / "instance").exists()
    before = snapshot(site.root)
    refused(publish(site, file))
    refused(publish(site, file, "--dry-run"))
    assert snapshot(site.root) == before


def test_a_ledger_that_is_missing_or_no_file(tmp_path: Path) -> None:
    site = empty(tmp_path)
    (tmp_path / "folder.md").mkdir()
    for path in ("missing.md", "folder.md"):
        assert path in refused(publish(site, tmp_path / path))
    for path in ("/dev/zero", "", "x" * 5000, str(tmp_path / "missing" / "x.md")):
        refused(publish(site, path))
    assert not site.root.exists()


def test_a_line_that_is_larger_than_the_memory(tmp_path: Path) -> None:
    file = tmp_path / "big.jsonl"
    file.touch()
    os.truncate(file, memory.LARGER)
    named = ("--name", NAME, "--version", "1", "--root", tmp_path / "site", "--home", tmp_path / "home")
    ran = forked("publish", file, *named, before=memory.hold)
    assert "a line of more than" in refused(ran)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--name", "", "--version", "1"),
        ("--name", "a\u202eb", "--version", "1"),
        ("--name", "a\nb", "--version", "1"),
        ("--name", "x" * 5000, "--version", "1"),
        ("--name", "n", "--version", ""),
        ("--name", "n", "--version", "../1"),
        ("--name", "n", "--version", "a/b"),
        ("--name", "n", "--version", ".hidden"),
        ("--name", "n", "--version", "log"),
        ("--name", "n", "--version", "Schema"),
        ("--name", "n", "--version", "x" * 65),
        ("--name", "n", "--version", "1\n"),
        ("--name", "n"),
        ("--version", "1"),
        (),
    ],
)
def test_wrong_names_and_versions(tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER)
    refused(anchor("publish", file, *words, "--root", tmp_path / "site", "--home", tmp_path / "home"))
    assert not (tmp_path / "site").exists()


# Folders that cannot be written; these hold for root too


@pytest.mark.parametrize("where", ["/proc/self/site", "/sys/site", "/dev/null/site", "/dev/null"])
def test_a_root_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER)
    named = ("--name", NAME, "--version", "1", "--home", tmp_path / "home")
    assert Path(where).name in refused(anchor("publish", file, *named, "--root", where))


@pytest.mark.parametrize("where", ["/proc/self/home", "/dev/null/home", "/dev/null"])
def test_a_home_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER)
    named = ("--name", NAME, "--version", "1", "--root", tmp_path / "site")
    refused(anchor("publish", file, *named, "--home", where))
    assert not (tmp_path / "site").exists()


def test_a_root_whose_parent_is_missing_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER)
    named = ("--name", NAME, "--version", "1", "--home", tmp_path / "home")
    for root in (file, file / "site", tmp_path / "no" / "such" / "site"):
        refused(anchor("publish", file, *named, "--root", root))
    assert file.read_text() == LEDGER


NOT_UTF8 = "w\udcffx"
"""A name as Python gives one whose byte 0xff is no UTF-8."""


@pytest.mark.parametrize(
    ("option", "more"),
    [
        ("--root", ()),
        ("--root", ("--json",)),
        ("--root", ("--dry-run",)),
        ("--home", ()),
        ("--policy", ("--json",)),
    ],
)
def test_a_path_that_no_policy_can_hold(tmp_path: Path, option: str, more: tuple[str, ...]) -> None:
    """It would be signed and in place before the policy cannot be printed."""
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER)
    folders = {"--root": tmp_path / "site", "--home": tmp_path / "home", option: tmp_path / NOT_UTF8}
    words = [w for pair in folders.items() for w in pair]
    ran = anchor("publish", file, "--name", NAME, "--version", "1", *words, *more)
    assert (ran.code, "not UTF-8" in ran.line, option in ran.line) == (2, True, True), ran
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "de\x7fl", "new\nline", "naïve ✓"])
def test_the_printed_policy_is_toml_whatever_the_folder_is_called(tmp_path: Path, name: str) -> None:
    site = replace(empty(tmp_path), root=tmp_path / name)
    ran = site.publish()
    assert ran.code == 0
    site.policy.write_text(ran.out)
    assert site.verify().code == 0


@pytest.mark.parametrize(
    ("place", "make"),
    [
        ("release", lambda p: p.write_text("x")),
        ("release", lambda p: p.symlink_to("/proc/self")),
        ("release", lambda p: p.symlink_to("nowhere")),
        ("release.json", lambda p: p.mkdir()),
        ("release.json", lambda p: p.symlink_to("/dev/zero")),
        ("release.json", os.mkfifo),
    ],
)
def test_something_else_in_the_place_of_what_is_published(
    tmp_path: Path, place: str, make: Callable[[Path], object]
) -> None:
    site = empty(tmp_path)
    site.root.mkdir()
    make(site.root / place)
    ran = site.publish()
    assert ran.code in (2, 3, 8)
    assert ran.line
    assert sorted(p.name for p in site.root.iterdir()) == [place]


@pytest.mark.parametrize("place", ["release", "release/log", "release/1.0.0"])
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_link_out_of_the_folder_that_verify_would_refuse(
    tmp_path: Path, place: str, more: tuple[str, ...]
) -> None:
    outside = tmp_path / "outside"
    (outside / ".incoming-mine").mkdir(parents=True)
    site = empty(tmp_path)
    (site.root / place).parent.mkdir(parents=True)
    (site.root / place).symlink_to(outside)
    ran = site.publish(LEDGER, "1.0.0", *more)
    assert ran.code == 2
    assert "leads out of the folder" in ran.line
    assert place in ran.line
    assert [p.name for p in outside.iterdir()] == [".incoming-mine"]
    assert not (site.home / "instance").exists()


def test_a_link_to_another_place_in_the_folder_is_followed(tmp_path: Path) -> None:
    site = empty(tmp_path)
    (site.root / "public").mkdir(parents=True)
    (site.root / "release").symlink_to("public")
    ran = site.publish()
    assert ran.code == 0
    site.policy.write_text(ran.out)
    assert site.verify().code == 0
