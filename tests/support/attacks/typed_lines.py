# SPDX-License-Identifier: Apache-2.0
"""The lines of a page that a person types, as they are printed, with the environment of a watch."""

import os
import re
import subprocess

from tests.support.attacks.attacked import Attacked
from tests.support.process import fork_server


def lines(text: str) -> list[str]:
    """The lines of the indented blocks of a text, in and out of lists."""
    return re.findall(r"^ {4}(?: {3})?(\S.*)$", text, re.M)


def typed(attacked: Attacked, line: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """A line as a person types it. `more`: further variables of the environment."""
    own = {
        "PATH": f"{fork_server.programs()}:{os.environ['PATH']}",
        "HOME": str(attacked.folder),
        "ANCHOR_HOME": str(attacked.home),
        "ANCHOR_POLICY": str(attacked.folder / "watched.toml"),
        "TARGET": attacked.target,
        "ORIGIN": attacked.log.origin,
        "NO_PROXY": "*",
        **more,
    }
    return subprocess.run(
        ["bash", "-c", line], env=own, cwd=attacked.folder, capture_output=True, text=True, timeout=120
    )
