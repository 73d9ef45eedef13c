# SPDX-License-Identifier: Apache-2.0
"""The README's command for cosign does what it says, on the release of this repository."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.interop

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_cosign_verifies_the_ledger_as_the_readme_says(cosign: Path) -> None:
    (command,) = re.findall(r"^<!-- interop: cosign -->\n```sh\n(.*?)\n```", README, re.MULTILINE | re.DOTALL)
    words = shlex.split(command)
    assert words[0] == "cosign"
    for change, ok in (
        (("", ""), True),
        (("publisher@", "somebody@"), False),
        (("commitment", "other"), False),
    ):
        given = [str(cosign), *(w.replace(*change) if change[0] else w for w in words[1:])]
        done = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert (done.returncode == 0) is ok, done.stderr
