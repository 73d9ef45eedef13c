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

from tests.support.need import need

CRATE = ("sigstore-verify", "0.15.1", "465f37d73c80fc6a2fa519d1337befab2026fce47f490181f72842aa56d401e1")
GO = "install Go 1.26 or later"
CARGO = "install Rust's cargo"


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
    """The unpacked folder of the Rust crate; skips when cargo is missing."""
    name, version, checksum = CRATE
    target = _cache() / f"{name}-{version}"
    if target.is_dir():
        return target
    need(shutil.which("cargo"), CARGO)
    packed = _cargo(name, version)
    need(packed, f"reach crates.io: cargo info {name}@{version}")
    assert packed
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == checksum
    with tempfile.TemporaryDirectory(dir=_cache()) as work:
        with tarfile.open(packed) as archive:
            archive.extractall(work, filter="data")
        try:
            (Path(work) / target.name).rename(target)
        except OSError:  # another process was first
            assert target.is_dir()
    return target


def _cargo(name: str, version: str) -> Path | None:
    """The packed crate in cargo's own cache, fetched if need be."""
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    with tempfile.TemporaryDirectory() as work:
        command = ["cargo", "info", "--quiet", f"{name}@{version}"]
        subprocess.run(command, cwd=work, capture_output=True, timeout=120, check=False)
    return next(iter(home.glob(f"registry/cache/*/{name}-{version}.crate")), None)


@functools.cache
def module(wanted: Module) -> Path:
    """The folder of a Go module in Go's own cache; skips when Go is missing."""
    need(shutil.which("go"), GO)
    with tempfile.TemporaryDirectory() as work:
        command = ["go", "mod", "download", "-json", f"{wanted.path}@{wanted.version}"]
        done = subprocess.run(command, cwd=work, capture_output=True, timeout=120, check=False)
    said = json.loads(done.stdout or b"{}")
    need("Dir" in said, f"reach a Go module proxy: go mod download {wanted.path}@{wanted.version}")
    assert said["Sum"] == wanted.checksum
    return Path(said["Dir"])
