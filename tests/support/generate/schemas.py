# SPDX-License-Identifier: Apache-2.0
"""Writes the JSON Schemas that are published: `python -m tests.support.generate.schemas release/schema`."""

import sys
from pathlib import Path

from anchor.disk import files
from anchor.errors import AnchorError, Misuse
from anchor.format.schemas import schemas
from anchor.verdict import Class, class_of


def main(arguments: list[str]) -> int:
    """Write the schemas into a folder; the exit code."""
    try:
        if len(arguments) != 1:
            raise Misuse(
                "wanted one folder",
                where="arguments",
                remedy="python -m tests.support.generate.schemas release/schema",
            )
        folder = Path(arguments[0])
        if not folder.is_dir():
            raise Misuse("not a folder", where=str(folder), remedy="create it first")
        for name, data in schemas().items():
            files.write(folder / name, data)
    except AnchorError as e:
        sys.stderr.write(f"anchor: {e}\n")
        return class_of(e).exit_code
    return Class.OK.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
