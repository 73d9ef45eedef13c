# SPDX-License-Identifier: Apache-2.0
"""Short ways to read a ledger from bytes in a test, and to see that it is refused in one line."""

import io
import os
from pathlib import Path
from typing import cast

import pytest

from anchor.errors import Refused
from anchor.format.facts import Row
from tests.support.process.need import need
from tests.support.releases.tables import open_table

NAMED = ("--name", "n", "--version", "1.0.0")
"""The options that `anchor seal` needs."""
GOOD = "| Label | Value |\n|---|---|\n| A | 1 |\n| B | source_name |\n"
_PUBLISHED = Path(__file__).parents[3] / "release" / "1.0.0" / "ledger.md"


def openclassrooms() -> Path:
    """The ledger of 681 facts that this repository publishes; `OPENCLASSROOMS_LEDGER` names another copy."""
    path = Path(os.environ.get("OPENCLASSROOMS_LEDGER", _PUBLISHED))
    need(path.exists(), f"put the OpenClassrooms ledger at {_PUBLISHED}")
    return path


def read(data: bytes | str, reader: str) -> tuple[tuple[str, ...], list[Row]]:
    """Columns and rows of a ledger."""
    columns, rows = read_lines(data, reader)
    return columns, [row for _, row in rows]


def read_lines(data: bytes | str, reader: str) -> tuple[tuple[str, ...], list[tuple[int, Row]]]:
    """Columns, and rows with the lines they begin on."""
    raw = data.encode() if isinstance(data, str) else data
    table = open_table(io.BytesIO(raw), reader, where="ledger")
    return table.columns, [(line, cast("Row", row)) for line, row in table]


def refusal(data: bytes | str, reader: str) -> str:
    """The one line that a ledger is refused with; it names the ledger and has a remedy."""
    with pytest.raises(Refused) as found:
        read(data, reader)
    line = str(found.value)
    assert line.startswith("ledger")
    assert len(line) < 400
    assert "\n" not in line
    assert line.isprintable()
    assert found.value.remedy
    return line
