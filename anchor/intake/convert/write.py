# SPDX-License-Identifier: Apache-2.0
"""Facts as CSV or as JSON Lines, in the form that our readers accept."""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO


def as_csv(columns: tuple[str, ...], facts: Iterable[tuple[int, tuple[str, ...]]]) -> Iterator[bytes]:
    """The lines of a CSV file: UTF-8, LF, quotes where they are needed."""
    yield _record(columns)
    for _, fact in facts:
        yield _record(fact)


def as_json_lines(columns: tuple[str, ...], facts: Iterable[tuple[int, tuple[str, ...]]]) -> Iterator[bytes]:
    """One object of strings a line."""
    for _, fact in facts:
        text = json.dumps(dict(zip(columns, fact, strict=True)), ensure_ascii=False)
        yield text.encode() + b"\n"


def _record(fields: tuple[str, ...]) -> bytes:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(fields)
    return line.getvalue().encode()
