# SPDX-License-Identifier: Apache-2.0
"""The npm sigstore libraries, installed once from the checked-in lock file into the cache of binaries."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.interop.stack.builds import NotBuilt, cache

SOURCE = Path(__file__).resolve().parent.parent / "js"


def folder() -> Path:
    """Where the libraries of this lock file are, or would be."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    return cache() / f"js-{hashlib.sha256(lock).hexdigest()[:16]}"


def installed() -> bool:
    return (folder() / "node_modules" / "@sigstore" / "verify").is_dir()


def install() -> Path:
    """`npm ci` beside its place, then a rename: never half installed. No package's scripts are run."""
    target = folder()
    if installed():
        return target
    npm = shutil.which("npm")
    if npm is None:
        raise NotBuilt("install Node.js with npm to install the npm sigstore libraries")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".js-", dir=target.parent))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, work / name)
        argv = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(argv, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotBuilt(f"npm ci: {done.stderr[-2000:]}")
        work.chmod(0o755)
        try:
            work.rename(target)
        except OSError:
            if not installed():  # else another process was faster
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def verify(root: Path, bundle: Path, *, issuer: str, identity: str, artifact: Path | None = None) -> str:
    """Empty when the npm libraries accept the bundle, else their reason."""
    argv = ["node", str(SOURCE / "verify.mjs"), str(root), str(bundle), issuer, identity]
    env = {**os.environ, "NODE_LIBRARIES": str(folder())}
    files = [str(artifact)] if artifact else []
    done = subprocess.run([*argv, *files], env=env, capture_output=True, text=True, check=False)
    return done.stderr.strip() or f"exit {done.returncode}" if done.returncode else ""
