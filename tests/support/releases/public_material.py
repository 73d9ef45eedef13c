# SPDX-License-Identifier: Apache-2.0
"""The field's own test material, fetched by package clients, pinned by version and checksum, never copied.

Rust's `sigstore-verify` (Apache-2.0) carries bundles of several clients and of sigstore-conformance; Go's
`sigstore-go` (Apache-2.0) those of its authors; Go's `transparency-dev/merkle` (Apache-2.0) probes of proofs.
"""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.process.need import need

CRATE = ("sigstore-verify", "0.15.1", "465f37d73c80fc6a2fa519d1337befab2026fce47f490181f72842aa56d401e1")
REMEDY = "install Go 1.26 and Rust's cargo, and run python -m tests.interop.stack --build, once"


class NotFetched(RuntimeError):
    """A package client did not bring it; the message has what it said."""


@dataclass(frozen=True)
class Module:
    """A Go module; `checksum` is the one of go.sum."""

    path: str
    version: str
    checksum: str


SIGSTORE_GO = Module(
    "github.com/sigstore/sigstore-go", "v1.2.2", "h1:xAJ8hxaoecC0HKBYVbrwUjkeAI+GJYu6vLqbxDlD2Q0="
)
MERKLE = Module(
    "github.com/transparency-dev/merkle",
    "v0.0.3-0.20260629095233-a1adddb6323b",
    "h1:0nbx2whxWqEycj3JKCMezPXiV6z5Q+L2tdZjLDP6AbE=",
)


def _cache() -> Path:
    base = os.environ.get("ANCHOR_STACK_CACHE") or Path.home() / ".cache" / "ledger-anchor"
    found = Path(base) / "public-material"
    found.mkdir(parents=True, exist_ok=True)
    return found


@functools.cache
def crate() -> Path:
    """The unpacked folder of the Rust crate."""
    found = _crate_folder()
    need(found.is_dir(), REMEDY)
    return found


@functools.cache
def module(wanted: Module) -> Path:
    """The folder of a Go module in Go's own cache."""
    said = _go_download(wanted, offline=True)
    need("Dir" in said, REMEDY)
    assert said["Sum"] == wanted.checksum
    return Path(said["Dir"])


def fetch() -> None:
    """Bring all of it here. Tests do not: where the real servers are, there is no network."""
    for wanted in (SIGSTORE_GO, MERKLE):
        said = _go_download(wanted, offline=False)
        if "Dir" not in said:
            raise NotFetched(f"go mod download {wanted.path}@{wanted.version}: {said.get('Error')}")
    if not _crate_folder().is_dir():
        _unpack(_cargo_download())


def _crate_folder() -> Path:
    return _cache() / f"{CRATE[0]}-{CRATE[1]}"


def _cargo_download() -> Path:
    """The packed crate, in cargo's own cache."""
    name, version, checksum = CRATE
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    with tempfile.TemporaryDirectory() as work:
        command = ["cargo", "info", "--quiet", f"{name}@{version}"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=300, check=False)
    packed = next(iter(home.glob(f"registry/cache/*/{name}-{version}.crate")), None)
    if packed is None:
        raise NotFetched(f"{' '.join(command)}: {done.stderr[-500:]}")
    if hashlib.sha256(packed.read_bytes()).hexdigest() != checksum:
        raise NotFetched(f"{packed}: its SHA-256 is not {checksum}")
    return packed


def _unpack(packed: Path) -> None:
    target = _crate_folder()
    with tempfile.TemporaryDirectory(dir=_cache()) as work:
        with tarfile.open(packed) as archive:
            archive.extractall(work, filter="data")
        try:
            (Path(work) / target.name).rename(target)
        except OSError:
            if not target.is_dir():  # else another process was first
                raise


def _go_download(wanted: Module, *, offline: bool) -> dict[str, Any]:
    """The answer of `go mod download` about a module; without "Dir" when it is not here, or Go is not."""
    if shutil.which("go") is None:
        return {"Error": "Go is not installed"}
    env = {**os.environ, **({"GOPROXY": "off"} if offline else {})}
    with tempfile.TemporaryDirectory() as work:
        command = ["go", "mod", "download", "-json", f"{wanted.path}@{wanted.version}"]
        done = subprocess.run(command, cwd=work, env=env, capture_output=True, timeout=300, check=False)
    said: dict[str, Any] = json.loads(done.stdout or b"{}")
    return said
