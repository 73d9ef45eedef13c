# SPDX-License-Identifier: Apache-2.0
"""Standard streams that are closed, full or read by nobody: the exit code still says what was found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forge import bundles
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.process.anchor_cli import ROOT, process
from tests.support.process.need import need

LEDGER = "| Label | Value |\n|---|---|\n| é 日本 | source_name |\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.md"
    path.write_text(LEDGER)
    return path


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `anchor`, written `$A`, in a shell."""
    return subprocess.run(
        ["/bin/bash", "-c", command.replace("$A", f"{sys.executable} -m anchor")],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(cwd)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("redirect", "code"),
    [(">&-", 9), ("2>&-", 9), ("<&- >&- 2>&-", 9), ("2>/dev/full", 9), ("> /dev/full", 9)],
)
def test_a_closed_or_full_stream_is_no_crash(ledger: Path, redirect: str, code: int) -> None:
    need(Path("/dev/full").exists(), "a Linux with /dev/full")
    done = shell(f"$A lint {ledger} --strict {redirect}", ledger.parent)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done


@pytest.mark.parametrize("words", ["lint {} --json", "--help", "lint --help", "--version"])
def test_a_full_disk_under_the_output_is_one_line(ledger: Path, words: str) -> None:
    need(Path("/dev/full").exists(), "a Linux with /dev/full")
    done = shell(f"$A {words.format(ledger)} > /dev/full", ledger.parent)
    assert done.returncode == 3
    assert done.stderr.startswith("anchor: stdout: cannot write: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("form", ["", "--json"])
def test_a_full_disk_under_the_output_makes_no_unavailable_of_an_alarm(tmp_path: Path, form: str) -> None:
    """INVALID that ends with 3 looks like a temporary failure to a reader of exit codes."""
    need(Path("/dev/full").exists(), "a Linux with /dev/full")
    made = bundles.make(bundles.V2)
    (tmp_path / "bundle.json").write_text(json.dumps(made))
    (tmp_path / "root.json").write_text(json.dumps(bundles.trusted_root()))
    (tmp_path / "artifact").write_bytes(b"another")
    words = f"verify-bundle --bundle bundle.json --trusted-root root.json {form} "
    words += f"--certificate-identity {IDENTITY} --certificate-oidc-issuer {ISSUER} artifact"
    full = shell(f"$A {words} > /dev/full", tmp_path)
    assert (full.returncode, shell(f"$A {words}", tmp_path).returncode) == (8, 8)
    assert "anchor: stdout: cannot write: " in full.stderr
    (tmp_path / "artifact").write_bytes(bundles.ARTIFACT)
    assert shell(f"$A {words} > /dev/full", tmp_path).returncode == 3


def test_a_reader_that_goes_away_changes_no_exit_code(ledger: Path) -> None:
    done = shell(f"$A lint {ledger} --strict --json | true; exit ${{PIPESTATUS[0]}}", ledger.parent)
    assert (done.returncode, done.stderr) == (9, "")


def test_no_file_of_ours_takes_the_number_of_a_closed_stream(ledger: Path) -> None:
    sealed = ledger.parent / "sealed"
    done = shell(f"$A seal {ledger} --name n --version 1 -o {sealed} <&- >&- 2>&-", ledger.parent)
    assert done.returncode == 0
    assert (sealed / "ledger.md").read_text() == LEDGER


def test_a_terminal_without_the_letters_gets_escapes(ledger: Path) -> None:
    done = process("lint", ledger, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.code == 0, done
    odd = process("lint", "\udcff.md", env={"PYTHONIOENCODING": "utf-8"})
    assert (odd.code, odd.line.count("\\udcff")) == (2, 1)


@pytest.mark.parametrize("words", [(), ("trust",), ("instance",)])
def test_a_missing_command_is_one_line(words: tuple[str, ...]) -> None:
    found = process(*words)
    assert (found.code, found.out) == (2, "")
    assert found.line.startswith("anchor: which command? see 'anchor")
