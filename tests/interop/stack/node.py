# SPDX-License-Identifier: Apache-2.0
"""The npm sigstore libraries, installed once from the checked-in lock file into the cache of binaries."""

import hashlib
import json
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
    """Empty when the npm libraries accept the bundle, else their reason.

    One process answers until `stop`: Node takes longer to start than to verify.
    """
    if not _running:
        argv = ["node", str(SOURCE / "verify.mjs")]
        env = {**os.environ, "NODE_LIBRARIES": str(folder())}
        _running.append(
            subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
    (process,) = _running
    assert process.stdin is not None
    assert process.stdout is not None
    words = [str(root), str(bundle), issuer, identity, *([str(artifact)] if artifact else [])]
    process.stdin.write(json.dumps(words) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    assert line, "Node has ended; what it said is on stderr"
    refused: str = json.loads(line)
    return refused


_running: list["subprocess.Popen[str]"] = []


def stop() -> None:
    """End the process, if there is one."""
    while _running:
        _running.pop().communicate(timeout=60)  # its standard input ends, and so does it
