# SPDX-License-Identifier: Apache-2.0
"""Imports point down the list in pyproject.toml; the core has no file, socket, clock or environment."""

import ast
import functools
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "anchor"

OUTER = {
    "app",
    "cli",
    "disk",
    "embedded",
    "net",
    "publish",
    "records",
    "report",
    "signing",
    "watch",
    "witness",
    "__main__.py",
}
"""The packages with I/O. Everything else is core, and takes bytes and times."""

WORLD = {
    "asyncio",
    "fcntl",
    "ftplib",
    "glob",
    "http",
    "importlib",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "random",
    "requests",
    "secrets",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib3",
    "uuid",
}
PURE = {"io.BytesIO", "io.BufferedReader", "io.RawIOBase", "io.StringIO"}
"""Values in those modules: a stream over bytes, or over another stream, opens nothing."""
LATE = {"format/readers/__init__.py": {"importlib"}}
"""It imports the readers beside it, which are of the core themselves, when they are first used."""
CALLS = {"open", "input", "print", "exec", "eval", "__import__", "breakpoint"}
CLOCKS = {"now", "utcnow", "today"}


def core() -> list[Path]:
    parts = {p: p.relative_to(PACKAGE).parts[0] for p in PACKAGE.rglob("*.py")}
    return sorted(p for p, part in parts.items() if part not in OUTER)


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def nodes_of(path: Path) -> tuple[ast.Import | ast.ImportFrom | ast.Call, ...]:
    """All imports and calls of a file."""
    kinds = (ast.Import, ast.ImportFrom, ast.Call)
    return tuple(node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds))


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    return frozenset(imported(nodes_of(path)))


def test_imports_point_down_the_list() -> None:
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_table_of_the_architecture_page_is_the_list_of_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [layer.split(" | ") for layer in contracts[0]["layers"]]
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert [re.findall(r"`(\w+)`", row) for row in rows] == layers


@pytest.mark.parametrize("path", core(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_core_imports_nothing_that_reaches_the_world(path: Path) -> None:
    found = {
        name
        for name in imports_of(path)
        if (name.split(".")[0] in WORLD and name not in PURE)
        or name.startswith(("urllib.request", "anchor.disk", "anchor.net"))
    }
    assert found == LATE.get(str(path.relative_to(PACKAGE)), set())


@pytest.mark.parametrize("path", core(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_core_opens_no_file_and_reads_no_clock(path: Path) -> None:
    for node in nodes_of(path):
        if isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Name) and called.id in CALLS), f"line {node.lineno}"
            assert not (isinstance(called, ast.Attribute) and called.attr in CLOCKS), f"line {node.lineno}"


def test_only_two_modules_import_the_sigstore_client() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        names = imports_of(path)
        if any(n.split(".")[0] in ("sigstore", "sigstore_models") for n in names):
            found.add(str(path.relative_to(PACKAGE)))
    assert found == {"signing/signer.py", "signing/reference_client.py"}


def test_the_checker_of_proofs_shares_only_the_hash_functions() -> None:
    names = imports_of(PACKAGE / "merkle/proof.py")
    ours = {n.rpartition(".")[0] for n in names if n.startswith("anchor")}
    assert ours == {"anchor.errors", "anchor.merkle.hashing"}
