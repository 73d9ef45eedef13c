# SPDX-License-Identifier: Apache-2.0
"""Little memory: it could not be told, and is neither a forgery nor a defect of this program."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import anchor
from anchor.monitor import run_checks
from anchor.verdict import Class
from tests.support.forge import bundles
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.process.anchor_cli import ROOT
from tests.support.process.need import need

SCRIPT = """
import resource, sys
from pathlib import Path
from anchor.cli.main import run
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]) * 2**20,) * 2)
code = run(sys.argv[2:])
sys.exit(code)
"""
WORDS = ("--bundle", "bundle.json", "--trusted-root", "root.json", "--certificate-identity", IDENTITY)


# With about 16, the library of cryptography is mapped, and its Rust code ends the process: no memory is left.
@pytest.mark.parametrize("more", [0, 1, 2, 4, 8, 12, 24, 400])
def test_with_so_many_mebibytes_more_it_verifies_or_could_not_be_told(tmp_path: Path, more: int) -> None:
    need(Path("/proc/self/statm").exists(), "a Linux with /proc")
    (tmp_path / "bundle.json").write_text(json.dumps(bundles.make(bundles.V2)))
    (tmp_path / "root.json").write_text(json.dumps(bundles.trusted_root()))
    (tmp_path / "artifact").write_bytes(bundles.ARTIFACT)
    command = [sys.executable, "-c", SCRIPT, str(more), "verify-bundle", *WORDS]
    ran = subprocess.run(
        [*command, "--certificate-oidc-issuer", ISSUER, "artifact"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if ran.returncode == 0:
        assert more > 0
        assert ran.stdout.startswith("OK  the file or digest that you gave is as it was signed")
    else:
        assert (ran.returncode, more < 400) == (3, True), ran
        assert ran.stderr == "anchor: not enough memory; give it more memory and run it again\n"


def test_in_a_watch_it_is_unavailable_of_its_target_and_no_defect() -> None:
    check = run_checks.defect("release", MemoryError())
    assert check.demotes is Class.UNAVAILABLE
    assert check.detail.startswith("not enough memory")
    assert run_checks.defect("release", ValueError("x")).demotes is Class.ERROR


EXCEPT = {"__main__.py", "monitor/cycle.py", "watch/schedule.py", "watch/worker.py"}
"""They make ERROR or UNAVAILABLE of it by themselves, or raise it again: never INVALID."""
PARTS = [
    ".",
    "format",
    "inspect",
    "log_kinds",
    "merkle",
    "monitor",
    "report",
    "sigstore",
    "tlog",
    "verify",
    "watch",
]


@pytest.mark.parametrize("part", PARTS)
def test_no_handler_of_everything_takes_little_memory_for_bad_evidence(part: str) -> None:
    package = Path(anchor.__file__).parent
    for path in sorted(package.glob("*.py") if part == "." else (package / part).rglob("*.py")):
        if path.relative_to(package).as_posix() in EXCEPT:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Try):
                named = [ast.unparse(h.type) if h.type else "" for h in node.handlers]
                if {"Exception", "BaseException"} & set(named):
                    assert any("MemoryError" in name for name in named), (path.name, node.lineno)
