# SPDX-License-Identifier: Apache-2.0
"""A folder with a log as static files (C2SP tlog-tiles), which is brought up to a larger size."""

import contextlib
from pathlib import Path

from anchor.tlog import tiles


def remove_old_partials(folder: Path, size: int) -> None:
    """Remove partial tiles and entry bundles of older checkpoints than that of `size`. A full one or a wider
    partial one replaces them. Raises `OSError`."""
    keep = {folder / path for path in tiles.partial_paths(size)}
    for partials in sorted(folder.glob("tile/**/*.p")):
        for path in sorted(partials.iterdir()):
            if path not in keep:
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            partials.rmdir()
