# SPDX-License-Identifier: Apache-2.0
"""Writes every vector of a receipt: `python -m tests.receipt_vectors.make`. The same bytes each time.

A test compares them.
"""

import importlib
import shutil
import sys
from pathlib import Path

from tests.receipt_vectors.case import CASES, ROOT

HERE = Path(__file__).parent
GROUPS = ("facts", "evidence", "form", "keys", "status", "cells")

for group in GROUPS:
    importlib.import_module(f"tests.receipt_vectors.cases_{group}")


def expected() -> dict[str, bytes]:
    """Every file of every vector, by its path below this folder."""
    own = {f"{case.name}/{name}": data for case in CASES.values() for name, data in case.files().items()}
    return own | {"trusted_root.json": ROOT}


def present() -> dict[str, bytes]:
    """The files that are in the folder now."""
    files = [*sorted(HERE.glob("*/*")), HERE / "trusted_root.json"]
    return {
        str(path.relative_to(HERE)): path.read_bytes()
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    }


def main() -> int:
    """Write all of them."""
    for folder in {Path(name).parts[0] for name in present() if "/" in name} - set(CASES):
        shutil.rmtree(HERE / folder)
    wanted = expected()
    for name, data in wanted.items():
        target = HERE / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    sys.stdout.write(f"{len(CASES)} vectors, {sum(map(len, wanted.values()))} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
