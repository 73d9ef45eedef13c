# SPDX-License-Identifier: Apache-2.0
"""The wall clock of other processes, which a test moves while they run."""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

from tests.support.process.need import need

SOURCE = Path(__file__).with_name("clock.c")


class WallClock:
    """`env` makes a process see this clock; `jump` moves it for all of them, at once."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        need(compiler, "apt-get install build-essential")
        library, file = folder / "clock.so", folder / "clock"
        build: list[str | Path] = [compiler or "cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-lm"]
        subprocess.run(build, check=True, capture_output=True)
        file.write_bytes(struct.pack("d", 0.0))
        with file.open("r+b") as opened:
            self._seconds = mmap.mmap(opened.fileno(), 8)
        self.env = {"LD_PRELOAD": str(library), "ANCHOR_TEST_CLOCK": str(file)}

    def jump(self, seconds: float) -> None:
        """This far from the real time from now on."""
        self._seconds[:] = struct.pack("d", seconds)
