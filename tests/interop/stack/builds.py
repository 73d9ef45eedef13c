# SPDX-License-Identifier: Apache-2.0
"""The real servers, built once from pinned Go modules into a cache of binaries; checksums stay on.

Each binary is built in a throw-away module that requires one pinned version: the Go proxy then answers
without version lists, and minimal version selection gives the same build every time (checked against
sum.golang.org). Each binary is kept under the digest of all that it depends on, so another pin builds one
binary again. The tests see a folder of links to them, keyed by the code of this file and of the files of
single builds.
Cache the folder in CI (475 MB), never Go's own caches (9 GB).
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

from tests.interop.stack import bundle_search, tesseract

GO = "1.26"
FLAGS = ("-trimpath", "-ldflags=-s -w")


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
    Recipe(
        "litewitness",  # later versions want Go 1.27
        "filippo.io/torchwood/cmd/litewitness",
        "filippo.io/torchwood",
        "v0.6.1",
    ),
    Recipe(
        "tessera-oneshot",
        "github.com/transparency-dev/tessera/cmd/examples/posix-oneshot",
        "github.com/transparency-dev/tessera",
        "v1.0.4",
    ),
    Recipe("cosign", "github.com/sigstore/cosign/v3/cmd/cosign", "github.com/sigstore/cosign/v3", "v3.1.2"),
    Recipe(
        "rekor-server", "github.com/sigstore/rekor/cmd/rekor-server", "github.com/sigstore/rekor", "v1.5.4"
    ),
    Recipe("trillian_log_server", f"{TRILLIAN[0]}/cmd/trillian_log_server", *TRILLIAN),
    Recipe("trillian_log_signer", f"{TRILLIAN[0]}/cmd/trillian_log_signer", *TRILLIAN),
)
NAMES = (*(r.name for r in RECIPES), tesseract.NAME, bundle_search.NAME, "trillian.sql")


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
    sources = (Path(__file__), Path(tesseract.__file__), Path(bundle_search.__file__))
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
    kept = folder.parent / "kept"
    kept.mkdir(exist_ok=True)
    with _locked(kept / ".lock"):
        for recipe in RECIPES:
            _provide(folder, kept, recipe.name, repr(recipe), functools.partial(_build, recipe))
        source = _code(Path(tesseract.__file__))
        _provide(folder, kept, tesseract.NAME, source, _tesseract)
        _provide(folder, kept, bundle_search.NAME, bundle_search.GO_MOD + bundle_search.MAIN, _bundle_search)
        _provide(folder, kept, "trillian.sql", repr(TRILLIAN), _schema)
    return folder


def _provide(folder: Path, kept: Path, name: str, depends: str, make: Callable[[Path], None]) -> None:
    """Put a binary into the folder: the kept one of these dependencies, else it is made and kept."""
    digest = hashlib.sha256("\n".join((GO, *FLAGS, depends)).encode()).hexdigest()[:16]
    object_ = kept / f"{name}.{digest}"
    if not object_.is_file():
        began = time.monotonic()
        part = kept / f".{name}.{os.getpid()}.part"
        try:
            make(part)
            part.replace(object_)  # the cache never holds half a binary
        finally:
            part.unlink(missing_ok=True)
        print(f"{name} {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    for old in kept.glob(f"{name}.????????????????"):
        if old != object_:
            old.unlink()
    if not (folder / name).is_file():
        os.link(object_, folder / name)


def _build(recipe: Recipe, target: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        lines = [
            "module build", "", f"go {GO}", "", f"require {recipe.module} {recipe.version}",
            recipe.replace, f"tool {recipe.package}", "",
        ]  # fmt: skip
        Path(work, "go.mod").write_text("\n".join(lines))
        _go(Path(work), "build", *FLAGS, "-o", str(target), recipe.package)


def _tesseract(target: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        Path(work, "go.mod").write_text(tesseract.GO_MOD.format(go=GO))
        source = _module(Path(work), tesseract.MODULE, tesseract.VERSION)
        main = (source / "cmd" / "tesseract" / "posix" / "main.go").read_text()
        Path(work, "main.go").write_text(tesseract.without_untagged(main))
        _go(Path(work), "build", *FLAGS, "-o", str(target), ".")


def _bundle_search(target: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        Path(work, "go.mod").write_text(bundle_search.GO_MOD.format(go=GO))
        Path(work, "main.go").write_text(bundle_search.MAIN)
        _go(Path(work), "build", *FLAGS, "-o", str(target), ".")


def _schema(target: Path) -> None:
    """Trillian's PostgreSQL schema, from the module itself."""
    with tempfile.TemporaryDirectory() as work:
        Path(work, "go.mod").write_text(f"module build\n\ngo {GO}\n")
        source = _module(Path(work), *TRILLIAN) / "storage" / "postgresql" / "schema" / "storage.sql"
        target.write_bytes(source.read_bytes())


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
