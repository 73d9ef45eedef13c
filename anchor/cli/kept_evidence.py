# SPDX-License-Identifier: Apache-2.0
"""Evidence that a command found is written to the home of the records before anything is printed."""

from collections.abc import Sequence
from pathlib import Path

from anchor.app import evidence_files
from anchor.cli.output import say
from anchor.errors import AnchorError
from anchor.monitor.run_record import Evidence


def keep_evidence(evidence: Sequence[Evidence], home: Path) -> list[str]:
    """Write each piece of evidence to a file. Returns a line for each."""
    found = []
    for one in evidence:
        try:
            found.append(evidence_files.put(one, home / "evidence"))
        except AnchorError as e:
            say(f"the evidence could not be kept: {e}")
    return found
