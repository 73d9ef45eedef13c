# SPDX-License-Identifier: Apache-2.0
"""The real servers, built once from pinned Go modules into a cache of binaries; checksums stay on.

Each binary is built in a throw-away module that requires one pinned version: the Go proxy then answers
without version lists, and minimal version selection gives the same build every time (checked against
sum.golang.org). The cache is keyed by the code of this file and of `tesseract.py`: other pins or another
recipe, another folder. Cache the folder in CI (430 MB), never Go's own caches (9 GB).
"""

import ast
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.stack import tesseract

GO = "1.26"


@dataclass(frozen=True)
class Recipe:
    """A binary, its package, the module and version that hold it, and what it replaces."""

    name: str
    package: str
    module: str
    version: str
    replace: str = ""


TRILLIAN = ("github.com/google/trillian", "v1.8.0")
_MERKLE = "github.com/transparency-dev/merkle"

RECIPES = (
    Recipe(
        "rekor-tiles-posix",
        "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix",
        "github.com/sigstore/rekor-tiles/v2",
        "v2.3.0",
    ),
    Recipe(
        "timestamp-server",  # v2.1.4 and later want Go 1.27
        "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server",
        "github.com/sigstore/timestamp-authority/v2",
        "v2.1.3",
    ),
    Recipe("fulcio", "github.com/sigstore/fulcio", "github.com/sigstore/fulcio", "v1.8.8"),
    Recipe(
        "omniwitness",  # the merkle commit that it asks for is not on every proxy; this one is
        "github.com/transparency-dev/witness/cmd/omniwitness",
        "github.com/transparency-dev/witness",
        "v0.0.0-20260720115447-2e1c6971d19e",
        f"replace {_MERKLE} => {_MERKLE} v0.0.3-0.20260629095233-a1adddb6323b",
    ),
    Recipe("cosign", "github.com/sigstore/cosign/v3/cmd/cosign", "github.com/sigstore/cosign/v3", "v3.1.2"),
    Recipe(
        "rekor-server", "github.com/sigstore/rekor/cmd/rekor-server", "github.com/sigstore/rekor", "v1.5.4"
    ),
    Recipe("trillian_log_server", f"{TRILLIAN[0]}/cmd/trillian_log_server", *TRILLIAN),
    Recipe("trillian_log_signer", f"{TRILLIAN[0]}/cmd/trillian_log_signer", *TRILLIAN),
)
NAMES = (*(r.name for r in RECIPES), tesseract.NAME, "trillian.sql")


class NotBuilt(RuntimeError):
    """A build failed; the message has the end of what the compiler said."""


def cache() -> Path:
    """The folder of binaries: ANCHOR_STACK_BIN as it is, else one for these pins in ANCHOR_STACK_CACHE."""
    if given := os.environ.get("ANCHOR_STACK_BIN"):
        return Path(given)
    base = os.environ.get("ANCHOR_STACK_CACHE") or Path.home() / ".cache" / "ledger-anchor" / "stack"
    return Path(base) / key()


def key() -> str:
    """A short name of everything that the binaries depend on; CI uses it as its cache key."""
    sources = (Path(__file__), Path(tesseract.__file__))
    return hashlib.sha256("\n".join(map(_code, sources)).encode()).hexdigest()[:16]


def _code(source: Path) -> str:
    """The code of a file without comments and docstrings: another sentence builds nothing again."""
    tree = ast.parse(source.read_bytes())
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            del node.body[0]
    return ast.dump(tree)


def missing() -> list[str]:
    """The names that the cache does not hold."""
    return [name for name in NAMES if not (cache() / name).is_file()]


def build() -> Path:
    """Build what is missing, one builder at a time; the folder of binaries. Ten minutes from nothing."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".lock"):
        for recipe in RECIPES:
            if not (folder / recipe.name).is_file():
                _timed(recipe.name, recipe.version, functools.partial(_build, recipe, folder))
        if not (folder / tesseract.NAME).is_file():
            _timed(tesseract.NAME, tesseract.VERSION, functools.partial(_tesseract, folder))
        if not (folder / "trillian.sql").is_file():
            _timed("trillian.sql", TRILLIAN[1], functools.partial(_schema, folder))
    return folder


def _timed(name: str, version: str, work: Callable[[], None]) -> None:
    began = time.monotonic()
    work()
    print(f"{name} {version} {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _build(recipe: Recipe, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        lines = [
            "module build", "", f"go {GO}", "", f"require {recipe.module} {recipe.version}",
            recipe.replace, f"tool {recipe.package}", "",
        ]  # fmt: skip
        Path(work, "go.mod").write_text("\n".join(lines))
        _compile(Path(work), recipe.package, folder / recipe.name)


def _compile(work: Path, package: str, target: Path) -> None:
    """Compile beside the target and rename: the cache never holds half a binary."""
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        _go(work, "build", "-trimpath", "-ldflags=-s -w", "-o", str(part), package)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _tesseract(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        Path(work, "go.mod").write_text(tesseract.GO_MOD.format(go=GO))
        source = _module(Path(work), tesseract.MODULE, tesseract.VERSION)
        main = (source / "cmd" / "tesseract" / "posix" / "main.go").read_text()
        Path(work, "main.go").write_text(tesseract.without_untagged(main))
        _compile(Path(work), ".", folder / tesseract.NAME)


def _schema(folder: Path) -> None:
    """Trillian's PostgreSQL schema, from the module itself."""
    with tempfile.TemporaryDirectory() as work:
        Path(work, "go.mod").write_text(f"module build\n\ngo {GO}\n")
        source = _module(Path(work), *TRILLIAN) / "storage" / "postgresql" / "schema" / "storage.sql"
        part = folder / f"trillian.sql.{os.getpid()}.part"
        part.write_bytes(source.read_bytes())
        part.replace(folder / "trillian.sql")


def _module(work: Path, module: str, version: str) -> Path:
    said = json.loads(_go(work, "mod", "download", "-json", f"{module}@{version}"))
    return Path(said["Dir"])


def _go(work: Path, *args: str) -> str:
    go = shutil.which("go")
    if go is None:
        raise NotBuilt(f"install Go {GO} to build the test servers")
    env = {**os.environ, "GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    for switch in ("GONOSUMDB", "GONOSUMCHECK", "GOINSECURE", "GOPRIVATE"):
        env.pop(switch, None)
    done = subprocess.run([go, *args], cwd=work, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuilt(f"go {' '.join(args)}:\n{done.stderr[-3000:]}")
    return done.stdout


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield
