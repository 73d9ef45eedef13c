# SPDX-License-Identifier: Apache-2.0
"""`anchor lint` and `anchor seal` as a script sees them: output, exit codes, one line for what is wrong."""

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor.cli.main import run
from anchor.statement import decode
from tests.support.ledgers import openclassrooms

NAMED = ("--name", "n", "--version", "1.0.0")
GOOD = "| Label | Value |\n|---|---|\n| A | 1 |\n| B | source_name |\n"
ROOT_OF_OPENCLASSROOMS = "b14fe4de8e04322385d9f1bf63eccb8e4bb73f48771b17c030093027ed5b71f2"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.md"
    path.write_text(GOOD)
    return path


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


Anchor = Callable[..., Result]


@pytest.fixture
def anchor(capsys: pytest.CaptureFixture[str]) -> Anchor:
    def call(*arguments: object) -> Result:
        code = run([str(a) for a in arguments])
        return Result(code, *capsys.readouterr())

    return call


class TestLint:
    def test_json_has_the_counts_of_the_openclassrooms_ledger(self, anchor: Anchor) -> None:
        found = anchor("lint", openclassrooms(), "--json")
        assert (found.code, found.err) == (0, "")
        document = found.document
        assert document["facts"] == 681
        assert document["distinct_labels"] == 568
        assert document["exact_duplicates"] == 0
        assert document["repeated_seals"] == 1
        assert anchor("lint", openclassrooms(), "--json", "--strict").code == 9
        assert (
            "681 facts, 568 distinct labels, 0 exact duplicates, 1 repeated seal"
            in anchor("lint", openclassrooms()).out
        )

    def test_it_says_line_and_column(self, anchor: Anchor, ledger: Path) -> None:
        found = anchor("lint", ledger)
        assert found.code == 0
        assert "line 4: value: 'source_name' looks as if it was never filled in" in found.out

    def test_strict_is_for_findings_only(self, anchor: Anchor, ledger: Path) -> None:
        assert anchor("lint", ledger, "--strict").code == 9
        ledger.write_text(GOOD.replace("source_name", "2"))
        assert anchor("lint", ledger, "--strict").code == 0

    def test_it_never_edits(self, anchor: Anchor, ledger: Path) -> None:
        before = ledger.stat().st_mtime_ns
        ledger.chmod(0o444)
        anchor("lint", ledger, "--strict")
        assert (ledger.read_text(), ledger.stat().st_mtime_ns) == (GOOD, before)
        assert [p.name for p in ledger.parent.iterdir()] == ["ledger.md"]

    def test_terminal_escapes_in_a_ledger_do_not_reach_the_terminal(
        self, anchor: Anchor, tmp_path: Path
    ) -> None:
        path = tmp_path / "x.jsonl"
        path.write_text('{"label":"\\u001b[2J\\u202ex","value":"1"}\n')
        found = anchor("lint", path)
        assert "\x1b" not in found.out
        assert "\u202e" not in found.out


BAD = {
    "a short row": "| A | B |\n|---|---|\n| 1 |\n",
    "a long row": "| A | B |\n|---|---|\n| 1 | 2 | 3 |\n",
    "a second table": "| A |\n|---|\n| 1 |\n\n| A |\n|---|\n| 2 |\n",
    "a row inside a comment": "| A |\n|---|\n| 1 |\n| <!-- |\n| 2 |\n",
    "a table inside a comment": "<!--\n| A |\n|---|\n| 1 |\n-->\n",
    "a duplicate header": "| A | a |\n|---|---|\n| 1 | 2 |\n",
    "an empty header": "| A | |\n|---|---|\n| 1 | 2 |\n",
    "0 facts": "| A |\n|---|\n",
    "an empty file": "",
    "a BOM": "\ufeff| A |\n|---|\n| 1 |\n",
    "no UTF-8": "| A |\n|---|\n| \udcff |\n",
    "a control character": "| A |\n|---|\n| \x07 |\n",
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("command", ["lint", "seal"])
def test_bad_input_is_one_line_exit_2_and_no_output(
    bad: str, command: str, anchor: Anchor, ledger: Path, tmp_path: Path
) -> None:
    ledger.write_bytes(BAD[bad].encode("utf-8", "surrogateescape"))
    out = tmp_path / "out"
    found = anchor("lint", ledger) if command == "lint" else anchor("seal", ledger, *NAMED, "-o", out)
    assert_usage(found, str(ledger))
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.md"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", '[{"a":' + "9" * 10_000 + "}]"),
        ("x.jsonl", '{"a":' + "9" * 10_000 + "}"),
        ("x.json", "[" * 10_000),
        ("x.json", '[{"a":' * 10_000),
        ("x.jsonl", '{"a":' * 10_000),
        ("ledger.json", '{"columns":' + "[" * 10_000),
        ("x.json", '[{"a":"1","a":"1"}]'),
        ("x.jsonl", '{"a":"1"}\n{"b":"1"}\n'),
        ("x.jsonl", '{"a":"\\ud800"}\n'),
        ("x.csv", 'a\n"1\n'),
        ("x.txt", "a\n1\n"),
    ],
)
def test_hostile_input_is_one_line_and_exit_2(name: str, text: str, anchor: Anchor, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    for arguments in (("lint", path), ("seal", path, *NAMED, "-o", tmp_path / "out")):
        assert_usage(anchor(*arguments), str(path) if name != "x.txt" else name)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def assert_usage(found: Result, where: str) -> None:
    assert found.code == 2
    assert found.out == ""
    assert found.err.startswith(f"anchor: {where}: ")
    assert found.err.count("\n") == 1
    assert len(found.err) < 400


class TestSeal:
    def test_the_openclassrooms_ledger_has_this_root_for_ever(self, anchor: Anchor) -> None:
        found = anchor("seal", openclassrooms(), *NAMED, "--json").document
        assert found["tree"] == {"algorithm": "rfc9162-sha256", "root": ROOT_OF_OPENCLASSROOMS, "size": 681}

    def test_it_writes_what_would_be_signed(self, anchor: Anchor, ledger: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        found = anchor("seal", ledger, *NAMED, "-o", out, "--json")
        assert (found.code, found.err) == (0, "")
        assert sorted(p.name for p in out.iterdir()) == ["ledger.json", "ledger.md", "statement.json"]
        data = (out / "statement.json").read_bytes()
        statement = decode(data)
        document = found.document
        assert document["statement"] == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        assert document["tree"]["root"] == statement.tree.root
        assert document["columns"] == ["label", "value"]
        for subject in statement.subject:
            assert hashlib.sha256((out / subject.name).read_bytes()).hexdigest() == subject.digest.sha256
        assert (statement.ledger.name, statement.ledger.number, statement.previous) == ("n", 1, None)
        plain = anchor("seal", ledger, *NAMED).out
        assert statement.tree.root in plain
        assert "2 facts" in plain

    def test_the_same_ledger_gives_the_same_bytes(self, anchor: Anchor, ledger: Path, tmp_path: Path) -> None:
        for name in ("a", "b", "a"):
            assert anchor("seal", ledger, *NAMED, "-o", tmp_path / name).code == 0
        for file in ("ledger.md", "ledger.json", "statement.json"):
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()

    def test_json_input_is_published_as_source_json(self, anchor: Anchor, tmp_path: Path) -> None:
        path, out = tmp_path / "ledger.json", tmp_path / "out"
        path.write_text('[{"a":1}]')
        assert anchor("seal", path, *NAMED, "-o", out).code == 0
        assert sorted(p.name for p in out.iterdir()) == ["ledger.json", "source.json", "statement.json"]
        assert [f.reader for f in decode((out / "statement.json").read_bytes()).facts.files] == [
            "ledger-json-v1",
            "json-v1",
        ]

    def test_the_input_is_never_overwritten(self, anchor: Anchor, tmp_path: Path) -> None:
        path = tmp_path / "ledger.json"
        path.write_text('[{"a":1}]')
        found = anchor("seal", path, *NAMED, "-o", tmp_path)
        assert_usage(found, str(path))
        assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("ledger.json", '[{"a":1}]')]

    def test_a_second_release_follows_a_first(self, anchor: Anchor, ledger: Path, tmp_path: Path) -> None:
        first = tmp_path / "1" / "statement.json"
        assert anchor("seal", ledger, *NAMED, "-o", first.parent).code == 0
        second = ("seal", ledger, "--name", "n", "--version", "2", "--previous", first, "-o", tmp_path / "2")
        assert anchor(*second).code == 0
        assert anchor(*second, "--number", 2).code == 0
        statement = decode((tmp_path / "2" / "statement.json").read_bytes())
        assert statement.ledger.number == 2
        assert statement.previous is not None
        assert statement.previous.statement == hashlib.sha256(first.read_bytes()).hexdigest()
        for wrong in (
            (*second, "--number", 3),
            ("seal", ledger, *NAMED, "--number", 2),
            ("seal", ledger, *NAMED, "--previous", first),
            ("seal", ledger, *NAMED, "--previous", ledger),
            ("seal", ledger, *NAMED, "--previous", tmp_path / "missing"),
        ):
            found = anchor(*wrong)
            assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)

    @pytest.mark.parametrize(
        "wrong",
        [
            ("--name", "n"),
            ("--version", "1"),
            ("--name", "", "--version", "1"),
            ("--name", "n", "--version", ""),
            ("--name", "n", "--version", "../1"),
            ("--name", "n", "--version", "LOG"),
            ("--name", "n", "--version", "x" * 65),
            ("--name", "a\u202eb", "--version", "1"),
            ("--name", "n", "--version", "1", "--number", "0"),
            ("--name", "n", "--version", "1", "--reader", "xml"),
        ],
    )
    def test_wrong_arguments_are_exit_2(self, wrong: tuple[str, ...], anchor: Anchor, ledger: Path) -> None:
        found = anchor("seal", ledger, *wrong)
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)

    def test_a_missing_file_is_exit_2(self, anchor: Anchor, tmp_path: Path) -> None:
        assert_usage(
            anchor("seal", tmp_path / "x.md", *NAMED, "-o", tmp_path / "out"), str(tmp_path / "x.md")
        )
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_written_is_exit_2_also_for_root(
        self, anchor: Anchor, ledger: Path
    ) -> None:
        assert_usage(anchor("seal", ledger, *NAMED, "-o", ledger / "out"), str(ledger / "out"))
        assert_usage(anchor("seal", ledger, *NAMED, "-o", "/proc/self/out"), "/proc/self/out")
        assert ledger.read_text() == GOOD

    def test_a_full_disk_leaves_nothing(self, ledger: Path, tmp_path: Path) -> None:
        """By a limit on the size of files, which holds for root too."""
        ledger.write_text(GOOD + "| C | 1 |\n" * 20_000)
        command = [sys.executable, "-m", "anchor", "seal", str(ledger), *NAMED, "-o", str(tmp_path / "out")]
        limit = 64 * 1024
        found = subprocess.run(
            command,
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert (found.returncode, found.stdout) == (3, "")
        assert found.stderr.startswith(f"anchor: {tmp_path / 'out'}/")
        assert found.stderr.count("\n") == 1
        assert [p.name for p in tmp_path.iterdir()] == ["ledger.md"]

    def test_a_full_device_as_output_is_no_success(self, ledger: Path) -> None:
        command = [sys.executable, "-m", "anchor", "seal", str(ledger), *NAMED]
        with Path("/dev/full").open("w") as full:
            found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        assert found.returncode not in (0, 1)
        assert found.stderr.count("\n") == 1

    def test_a_line_of_a_gibibyte_is_refused_without_being_read(self, tmp_path: Path) -> None:
        path = tmp_path / "x.jsonl"
        path.touch()
        os.truncate(path, 1 << 30)
        command = [sys.executable, "-m", "anchor", "seal", str(path), *NAMED]
        limit = 1 << 29  # of address space: less than the line
        found = subprocess.run(
            command,
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )
        assert found.returncode == 2
        assert "line 1: a line of more than 1048576 bytes" in found.stderr
        assert found.stderr.count("\n") == 1

    def test_it_opens_no_socket_and_no_signing_client(self, ledger: Path) -> None:
        code = (
            "import socket, sys\n"
            "def no(*a, **k): raise AssertionError('a socket')\n"
            "socket.socket.connect = socket.getaddrinfo = no\n"
            "from anchor.cli.main import run\n"
            f"assert run(['seal', {str(ledger)!r}, '--name', 'n', '--version', '1']) == 0\n"
            "assert not {m for m in sys.modules if m.split('.')[0] in ('sigstore', 'requests', 'tuf')}\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_reader_can_be_named(anchor: Anchor, tmp_path: Path) -> None:
    path = tmp_path / "facts.txt"
    path.write_text("a\n1\n")
    assert anchor("seal", path, *NAMED, "--reader", "csv-v1").code == 0
    assert anchor("lint", path, "--reader", "csv-v1").code == 0
    assert anchor("lint", path, "--reader", "jsonl-v1").code == 2
