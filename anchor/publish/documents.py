# SPDX-License-Identifier: Apache-2.0
"""The documents that explain a published folder: the specification and the schemas of our formats."""

from importlib import resources

from anchor.format.schemas import schemas

SPECIFICATION = "FORMAT.md"


def documents() -> dict[str, bytes]:
    """The documents by path below `release/` of a published folder. Reads the files of this package."""
    text = resources.files("anchor").joinpath(SPECIFICATION).read_bytes()
    return {SPECIFICATION: text, **{f"schema/{name}": data for name, data in schemas().items()}}
