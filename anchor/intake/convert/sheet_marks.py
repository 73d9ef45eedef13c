# SPDX-License-Identifier: Apache-2.0
"""Marks that the values of an .xlsx sheet do not show: errors, formulas without a value, hidden cells.

calamine gives an empty cell for an error and for a formula that nobody computed. Whoever converts a workbook
has to see both, and that hidden cells are about to be published. The workbook is the user's own, and expat
limits what the entities of XML can grow to.
"""

import posixpath
import zipfile
from io import BytesIO
from typing import IO
from xml.etree import ElementTree as ET

import msgspec

from anchor.errors import Misuse

_BOOK = "xl/workbook.xml"
_LINKS = "xl/_rels/workbook.xml.rels"
_KEPT = 10
"""Cells of each kind that are named."""


class Marks(msgspec.Struct):
    """The marks of one sheet."""

    errors: list[tuple[str, str]]
    """The first cells with an error, such as `B2`, and its text."""
    uncomputed: list[str]
    """The first cells with a formula and without a value."""
    error_count: int = 0
    hidden_rows: int = 0
    hidden_columns: int = 0


def marks_of(data: bytes, sheet: str, *, where: str) -> Marks:
    """The marks of the sheet with this name; none of a workbook in another form than .xlsx.

    `data` was read by calamine, so it is a workbook. Raises `Misuse` for parts that are not XML.
    """
    found = Marks([], [])
    if not zipfile.is_zipfile(BytesIO(data)):
        return found
    with zipfile.ZipFile(BytesIO(data)) as parts:
        try:
            name = _part(parts, sheet)
            if name is not None:
                with parts.open(name) as part:
                    _read(part, found)
        except (ET.ParseError, KeyError, ValueError) as e:
            raise Misuse(
                f"no workbook that can be read: {e}", where=where, remedy="save it again, or as CSV"
            ) from None
    return found


def _part(parts: zipfile.ZipFile, sheet: str) -> str | None:
    """The file of a sheet inside of the workbook."""
    if _BOOK not in parts.namelist():
        return None
    book = ET.fromstring(parts.read(_BOOK))  # noqa: S314 - see above
    listed = ET.fromstring(parts.read(_LINKS))  # noqa: S314
    links = {link.get("Id"): link.get("Target", "") for link in listed.iter()}
    for one in book.iter():
        if _local(one.tag) == "sheet" and one.get("name") == sheet:
            known = next((value for name, value in one.items() if _local(name) == "id"), "")
            return posixpath.normpath(posixpath.join("/xl", links[known])).lstrip("/")
    return None


def _read(part: IO[bytes], found: Marks) -> None:
    hidden: list[tuple[int, int]] = []
    last = 0
    for event, element in ET.iterparse(part, events=("start", "end")):  # noqa: S314
        name = _local(element.tag)
        if event == "start":
            if name == "col" and element.get("hidden") in ("1", "true"):
                hidden.append((int(element.get("min", "0")), int(element.get("max", "0"))))
        elif name == "c":
            last = max(last, _column(element.get("r", "")))
            _note(element, found)
        elif name == "row":
            found.hidden_rows += element.get("hidden") in ("1", "true") and len(element) > 0
            element.clear()
    found.hidden_columns = sum(max(0, min(high, last) - low + 1) for low, high in hidden)


def _note(cell: ET.Element, found: Marks) -> None:
    values = {_local(child.tag): child.text or "" for child in cell}
    place = cell.get("r", "")
    if cell.get("t") == "e":
        found.error_count += 1
        if len(found.errors) < _KEPT:
            found.errors.append((place, values.get("v", "")))
    elif "f" in values and not values.get("v") and cell.get("t") != "str" and len(found.uncomputed) < _KEPT:
        found.uncomputed.append(place)


def _column(place: str) -> int:
    """The number of the column of a cell, from 1."""
    number = 0
    for letter in place:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
