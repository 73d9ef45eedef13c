# SPDX-License-Identifier: Apache-2.0
"""Past runs as text, CSV and JSON Lines."""

import csv
import io
from collections.abc import Iterable, Iterator

import msgspec

from anchor.records.history import RunLine

FORMAT = "urn:ledger-anchor:run:v2"
COLUMNS = RunLine.__struct_fields__
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The characters of OWASP's page on CSV injection, and full-width forms that some spreadsheets accept."""


def text(lines: Iterable[RunLine]) -> Iterator[str]:
    """One line for each run, for people."""
    for line in lines:
        verdict = line.verdict or line.state
        tail = f": {line.detail}" if line.detail else ""
        yield f"{line.started} {verdict:12} {line.target}{tail}"


def as_json(lines: Iterable[RunLine]) -> Iterator[str]:
    """JSON Lines."""
    for line in lines:
        document = {"format": FORMAT, **msgspec.structs.asdict(line)}
        yield f"{msgspec.json.encode(document).decode()}\n"


def as_csv(lines: Iterable[RunLine]) -> Iterator[str]:
    """RFC 4180 with a header. A cell that a spreadsheet would run as a formula begins with a quote."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow([_cell(getattr(line, name)) for name in COLUMNS])
        yield _taken(buffer)
    yield _taken(buffer)


def _cell(value: object) -> str:
    shown = "" if value is None else str(value)
    return f"'{shown}" if isinstance(value, str) and shown.startswith(_FORMULA) else shown


def _taken(buffer: io.StringIO) -> str:
    written = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return written
