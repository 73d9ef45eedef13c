# SPDX-License-Identifier: Apache-2.0
"""Evidence in files, each under the digest of its bytes."""

import shlex
from pathlib import Path

from anchor.disk import files
from anchor.monitor.run_record import TWO_HISTORIES, Evidence


def put(evidence: Evidence, folder: Path) -> str:
    """Write a piece of evidence into a folder, durably, unless its file is there. Returns the line that says
    where it is. Raises the errors of `files.write`."""
    path = folder / f"{evidence.digest}.json"
    if not path.exists():
        files.write(path, evidence.document, mode=0o600)
    how = "" if evidence.kind == TWO_HISTORIES else " --policy FILE"
    return f"evidence: {path}; anybody can check it: anchor verify-evidence {shlex.quote(str(path))}{how}"
