# SPDX-License-Identifier: Apache-2.0
"""Writes every vector: `python -m tests.vectors.make`. The same bytes each time; a test compares them.

`--check` writes nothing and fails on the first difference.
"""

import importlib
import shutil
import sys
from pathlib import Path

from tests.vectors.c2sp import LOG_CASES, LogCase
from tests.vectors.case import CASES, COMMON, Case

HERE = Path(__file__).parent
GROUPS = (
    "happy",
    "log",
    "promise",
    "note",
    "certificate",
    "path",
    "material",
    "time",
    "token",
    "content",
    "statement",
    "body",
    "managed",
    "format",
    "root",
)

for group in GROUPS:
    importlib.import_module(f"tests.vectors.cases_{group}")
importlib.import_module("tests.vectors.c2sp_witness")


def expected() -> dict[str, bytes]:
    """Every file of every vector, by its path below this folder."""
    cases: list[Case | LogCase] = [*CASES.values(), *LOG_CASES.values()]
    own = {f"{case.name}/{name}": data for case in cases for name, data in case.files().items()}
    return own | COMMON


def present() -> dict[str, bytes]:
    """The files that are in the folder now."""
    return {
        str(path.relative_to(HERE)): path.read_bytes()
        for path in [*sorted(HERE.glob("*/*")), *(HERE / name for name in COMMON)]
        if path.is_file() and "__pycache__" not in path.parts
    }


def main() -> int:
    """Write, or compare."""
    wanted, found = expected(), present()
    if "--check" in sys.argv:
        differing = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
        sys.stdout.write("".join(f"differs: {name}\n" for name in differing))
        return 1 if differing else 0
    for folder in {Path(name).parts[0] for name in found if "/" in name} - set(CASES) - set(LOG_CASES):
        shutil.rmtree(HERE / folder)
    for name, data in wanted.items():
        target = HERE / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    sys.stdout.write(f"{len(CASES) + len(LOG_CASES)} vectors, {sum(map(len, wanted.values()))} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
