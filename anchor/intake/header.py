# SPDX-License-Identifier: Apache-2.0
"""The question whether the first record of a table is a header, or a fact like those below it.

A header is taken for a fact only if one of its cells is of the kind of its column, such as a date above
dates, and if nothing speaks for a header. Years and rising numbers are names of columns in many tables.
"""

from collections.abc import Sequence
from itertools import pairwise

from anchor import regex
from anchor.format.facts import brief

_KINDS = {
    "date": regex.expression(
        r"\d{4}-\d\d?-\d\d?(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
        r"|\d\d?[./]\d\d?[./](?:\d{4}|\d\d)(?: \d\d:\d\d(?::\d\d)?)?"
    ),
    "time": regex.expression(r"\d\d?:\d\d(?::\d\d(?:\.\d+)?)?"),
    "e-mail address": regex.expression(r"[^\s@]+@[^\s@]+\.[A-Za-z]{2,}"),
    "URL": regex.expression(r"(?:https?|ftp)://\S+|www\.\S+"),
    "UUID": regex.expression(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "IP address": regex.expression(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d\d?)?"),
    "digest": regex.expression(r"[0-9a-fA-F]{32,128}"),
    "domain name": regex.expression(r"(?:[a-z0-9-]+\.)+[a-z]{2,}"),
    "integer": regex.expression(r"[+-]?\d+"),
    "number": regex.expression(r"[+-]?(?:\d+[.,]\d+|\d{1,3}(?:[ '’,.]\d{3})+)(?:[eE][+-]?\d+)?(?: ?%)?"),
}
_NUMBERS = ("integer", "number")
_CODE = regex.expression(r"[A-Z]{2,3}")
_WORDS = frozenset(
    {
        "address",
        "age",
        "amount",
        "annee",
        "année",
        "anzahl",
        "art",
        "bezeichnung",
        "category",
        "city",
        "ciudad",
        "class",
        "code",
        "code_postal",
        "comment",
        "count",
        "country",
        "date",
        "date_debut",
        "datum",
        "day",
        "description",
        "einheit",
        "email",
        "fecha",
        "file",
        "gemeinde",
        "group",
        "id",
        "index",
        "iso",
        "iso2",
        "iso3",
        "jahr",
        "kanton",
        "key",
        "label",
        "land",
        "lang",
        "language",
        "lat",
        "line",
        "lon",
        "monat",
        "month",
        "name",
        "no",
        "nom",
        "nombre",
        "note",
        "notes",
        "nr",
        "num",
        "number",
        "ort",
        "pais",
        "path",
        "pays",
        "país",
        "period",
        "phone",
        "price",
        "rank",
        "region",
        "sex",
        "sha256",
        "size",
        "source",
        "state",
        "status",
        "sum",
        "tag",
        "text",
        "time",
        "titel",
        "title",
        "titre",
        "total",
        "typ",
        "type",
        "unit",
        "units",
        "url",
        "valeur",
        "valor",
        "value",
        "ville",
        "wert",
        "x",
        "y",
        "year",
        "z",
    }
)
"""Names of columns in many tables."""
_MOST = 0.9
_ROWS = 200
_SORTED = 8
"""Values of a list whose order says something."""


def like_data(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The reason why the header is probably a fact, in words; "" if it can be a header."""
    rows = [row for row in rows[:_ROWS] if len(row) == len(header) and list(row) != list(header)]
    if not rows or any(cell.strip().casefold() in _WORDS for cell in header):
        return ""
    reason = ""
    for number, name in enumerate(header):
        values = [row[number].strip() for row in rows if row[number].strip()]
        cell = name.strip()
        if not values or not cell:
            continue
        kind, above = _kind_of(values), kind_of(cell)
        if kind and not above:
            return ""  # words above values of one kind: a header
        if not reason:
            reason = _reason(cell, above, kind, values, header, rows)
    return reason


def kind_of(value: str) -> str:
    """The kind of a value by its form: `date`, `integer`, ...; "" for a text."""
    return next((kind for kind, form in _KINDS.items() if form.fullmatch(value)), "")


def _kind_of(values: Sequence[str]) -> str:
    """The kind of nearly all of the values; integers and other numbers go together."""
    kinds = [kind_of(value) for value in values]
    most = max(dict.fromkeys(kinds), key=kinds.count)
    if kinds.count(most) >= _MOST * len(kinds):
        return most
    return "number" if sum(kind in _NUMBERS for kind in kinds) >= _MOST * len(kinds) else ""


def _reason(
    cell: str,
    above: str,
    kind: str,
    values: Sequence[str],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> str:
    shown = brief(cell)
    if above in _NUMBERS and kind in _NUMBERS:
        if _is_year(cell) and sum(map(_is_year, values)) < _MOST * len(values):
            return ""
        return "" if _is_sequence(header, rows) else f"{shown} is a number as the values below it are"
    if above and above == kind:
        return f"{shown} is of the form of the values below it ({kind})"
    if above or kind:
        return ""
    if len(header) == 1 and _begins_order(cell, values):
        return f"{shown} is the first of a list in alphabetical order"
    if _CODE.fullmatch(cell) and sum(len(v) == len(cell) and v.isupper() for v in values) >= _MOST * len(
        values
    ):
        return f"{shown} is a code as the values below it are"
    if values.count(cell) > 1 and len(set(values)) * 2 <= len(values):
        return f"{shown} stands again in the column below it"
    return ""


def _begins_order(cell: str, values: Sequence[str]) -> bool:
    """True if a list is sorted and the cell belongs at its head.

    A header does so by chance, but seldom with the same letter as the first value.
    """
    cells = [cell, *values]
    return len(values) >= _SORTED and cell[0] == values[0][0] and all(a < b for a, b in pairwise(cells))


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdecimal() and 1500 <= int(text) < 2200


def _numbers(cells: Sequence[str]) -> list[float]:
    found = []
    for cell in cells:
        text = cell.strip().replace(",", ".")
        if kind_of(cell.strip()) in _NUMBERS and text.count(".") < 2:
            try:
                found.append(float(text))
            except ValueError:
                continue
    return found


def _rises(cells: Sequence[str]) -> bool:
    found = _numbers(cells)
    pairs = list(pairwise(found))
    return len(found) > 2 and (all(a < b for a, b in pairs) or all(a > b for a, b in pairs))


def _is_sequence(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """True if the numbers of the header are names: years, a count, or rising numbers above records whose
    numbers do not rise."""
    found = _numbers(header)
    if len(found) > 1 and all(_is_year(c.strip()) for c in header if kind_of(c.strip()) in _NUMBERS):
        return True
    is_count = found in ([float(n) for n in range(len(found))], [float(n) for n in range(1, len(found) + 1)])
    whole = all(kind_of(cell.strip()) != "number" for row in rows for cell in row)
    if len(found) > 1 and is_count and (len(found) == 2 or not whole):
        return True
    return _rises(header) and sum(map(_rises, rows)) * 2 < len(rows)
