# SPDX-License-Identifier: Apache-2.0
"""A sheet of a workbook (.xlsx, .xlsb, .xls, .ods) to rows, through python-calamine (extra `spreadsheets`).

A cell is written as the value that the workbook stores, not as a spreadsheet program shows it.
"""

import datetime as dt
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from anchor.errors import Misuse
from anchor.intake.convert.changes import Changes
from anchor.intake.convert.sheet_marks import Marks, marks_of
from anchor.intake.convert.table import Rows
from anchor.words import with_extra

MAX_UNPACKED = 1 << 30
"""Bytes that the parts of a workbook may have together once they are unpacked."""
_WHOLE = 1e15
"""A whole number below this has all its digits."""


def rows_of(data: bytes, sheet: str | None, changes: Changes, *, where: str) -> Rows:
    """The rows of one sheet, by its name or its number from 1; None: of the only one that is not empty."""
    _check_size(data, where)
    workbook = _open(data, where)
    names: list[str] = workbook.sheet_names
    name = _chosen(workbook, names, sheet, where)
    others = [other for other in names if other != name]
    if others:
        changes.add("another sheet is left out", count=len(others), text=others[0])
    found = workbook.get_sheet_by_name(name)
    _note_marks(marks_of(data, name, where=where), changes, where=where)
    merged = getattr(found, "merged_cell_ranges", None) or []
    if merged:
        changes.add(
            "merged cells are split: the first has the value, the others are empty", count=len(merged)
        )
    cells: list[list[Any]] = found.to_python(skip_empty_area=False)
    rows = [[_text(value, f"row {n}", changes) for value in row] for n, row in enumerate(cells, 1)]

    def again() -> Iterator[tuple[int, list[str]]]:
        return iter(enumerate(rows, 1))

    return again


def _note_marks(marks: Marks, changes: Changes, *, where: str) -> None:
    """Refuse a sheet with formulas that nobody computed. Errors and hidden cells are told."""
    if marks.uncomputed:
        cells = ", ".join(marks.uncomputed)
        problem = f"formulas without a value, as a program writes them that does not compute: {cells}"
        raise Misuse(problem, where=where, remedy="open it in a spreadsheet program, and save it there")
    for place, text in marks.errors:
        changes.add("an error is written as an empty value", place=f"cell {place}", text=text)
    if more := marks.error_count - len(marks.errors):
        changes.add("an error is written as an empty value", count=more)
    if marks.hidden_rows:
        changes.add("a hidden row is written like the others", count=marks.hidden_rows)
    if marks.hidden_columns:
        changes.add("a hidden column is written like the others", count=marks.hidden_columns)


def _check_size(data: bytes, where: str) -> None:
    """Refuse a workbook that takes all memory once it is unpacked."""
    if not zipfile.is_zipfile(BytesIO(data)):
        return
    with zipfile.ZipFile(BytesIO(data)) as parts:
        size = sum(part.file_size for part in parts.infolist())
    if size > MAX_UNPACKED:
        raise Misuse(
            f"{size} bytes once it is unpacked, more than {MAX_UNPACKED}", where=where, remedy="split it"
        )


def _open(data: bytes, where: str) -> Any:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        remedy = f"{with_extra('spreadsheets')}, or save the sheet as CSV"
        raise Misuse("spreadsheets need an extra that is not installed", where=where, remedy=remedy) from None
    try:
        return CalamineWorkbook.from_filelike(BytesIO(data))
    except CalamineError as e:
        raise Misuse(
            f"no workbook that can be read: {e}", where=where, remedy="save it again, or as CSV"
        ) from None


def _chosen(workbook: Any, names: list[str], sheet: str | None, where: str) -> str:
    if sheet is None:
        filled = [name for name in names if workbook.get_sheet_by_name(name).to_python()]
        if len(filled) == 1:
            return filled[0]
        known = ", ".join(map(repr, filled[:10]))
        raise Misuse(f"{len(filled)} sheets with cells: {known}", where=where, remedy="give --sheet")
    if sheet in names:
        return sheet
    if sheet.isdecimal() and 1 <= int(sheet) <= len(names):
        return names[int(sheet) - 1]
    raise Misuse(f"no sheet {sheet!r}", where=where, remedy=f"it has {', '.join(map(repr, names[:10]))}")


def _text(value: Any, place: str, changes: Changes) -> str:
    """A cell as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        changes.add("a truth value is written as true or false", place=place)
        return "true" if value else "false"
    if isinstance(value, int | float):
        whole = float(value).is_integer() and abs(value) < _WHOLE
        text = str(int(value)) if whole else repr(value)
        changes.add(
            "a number is written as it is stored, without its format (%, currency, digits)",
            place=place,
            text=text,
        )
        return text
    if isinstance(value, dt.date | dt.time):
        text = value.isoformat(sep=" ") if isinstance(value, dt.datetime) else value.isoformat()
        changes.add("a date or time is written in the form of ISO 8601", place=place, text=text)
        return text
    text = _duration(value) if isinstance(value, dt.timedelta) else str(value)
    changes.add("a duration is written as hours, minutes and seconds", place=place, text=text)
    return text


def _duration(value: dt.timedelta) -> str:
    """Hours, minutes and seconds, with a fraction if there is one: `30:00:00`."""
    whole, fraction = divmod(abs(value) // dt.timedelta(microseconds=1), 1_000_000)
    sign = "-" if value < dt.timedelta() else ""
    text = f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{text}.{fraction:06}".rstrip("0") if fraction else text
